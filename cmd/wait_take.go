package cmd

import (
	"fmt"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/tunnel"
)

// take looks at a webhook that was answered. Handshakes, duplicates that were
// dropped and what was blocked are no webhooks that anybody waits for.
func (w *waiter) take(f *inspect.Flow) {
	last := f.Last()
	awaited := last != nil && last.Result != nil && last.Result.By == tunnel.ByMock && w.filter.Match(f)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.came) == w.o.count {
		return
	}
	if !awaited {
		if len(w.others) < maxOthers {
			w.others = append(w.others, f)
		}
		return
	}
	wrong := ""
	for i, q := range w.expect {
		if !q.Match(f) {
			wrong = w.o.expect[i]
			break
		}
	}
	w.came, w.wrong = append(w.came, f), append(w.wrong, wrong)
	w.print(f)
	if len(w.came) == w.o.count {
		close(w.enough)
	}
}

func (w *waiter) number() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.came)
}

func (w *waiter) complete() bool { return w.number() == w.o.count }

// result is the end when all have come: are they as expected, and did COMMAND
// end well?
func (w *waiter) result(code int) error {
	var err error
	w.mu.Lock()
	failed := 0
	for i, wrong := range w.wrong {
		if wrong == "" {
			continue
		}
		failed++
		fmt.Fprintf(w.env.Err, "webhook %d, %s, does not fit %s\n", i+1, what(w.came[i]), safetext.String(wrong))
	}
	w.mu.Unlock()
	switch {
	case failed > 0:
		err = fail(exitRefused, "", "%d of %d webhooks were not as expected", failed, w.o.count)
	case code != exitDone:
		err = silent{code}
		w.note(fmt.Sprintf("%s failed with exit code %d after the webhooks had come", safetext.String(w.o.command[0]), code))
	}
	return w.report(err)
}

// inVain is the end when they have not come: it lists what came instead.
func (w *waiter) inVain(err error) error {
	w.mu.Lock()
	for _, f := range w.others {
		fmt.Fprintf(w.env.Err, "came and did not count: %s\n", what(f))
	}
	w.mu.Unlock()
	return w.report(err)
}

// report writes the JUnit file and gives err back.
func (w *waiter) report(err error) error {
	if w.o.junit == "" {
		return err
	}
	if jerr := w.writeJUnit(w.env.path(w.o.junit), err, time.Since(w.began)); jerr != nil && err == nil {
		return fail(exitFailed, "", "writing the JUnit report: %w", jerr)
	}
	return err
}

// what names a webhook in a line.
func what(f *inspect.Flow) string {
	text := safetext.String(f.Delivery.Method) + " " + safetext.Limit(safetext.String(f.Delivery.Target), 120)
	if f.Provider != "" {
		text += " " + safetext.String(f.Provider)
	}
	if f.Event != "" {
		text += " " + safetext.Limit(safetext.String(f.Event), 120)
	}
	if f.Verdict.State != "" {
		text += " " + safetext.String(f.Verdict.State)
	}
	return text
}
