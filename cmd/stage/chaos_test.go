package stage_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/tunnel"
)

func chaos(t *testing.T, text string) *stage.ChaosOptions {
	t.Helper()
	o, err := stage.ParseChaos(text)
	if err != nil {
		t.Fatal(err)
	}
	return &o
}

func TestParseChaos(t *testing.T) {
	o := chaos(t, "duplicate=0.2, reorder,delay=2s,drop-ack=1,seed=7")
	if *o != (stage.ChaosOptions{Duplicate: 0.2, Reorder: 1, DropAck: 1, Delay: 2 * time.Second, Seed: 7}) {
		t.Errorf("%+v", o)
	}
	if again := chaos(t, o.String()); *again != *o {
		t.Errorf("%q is not %+v", o, o)
	}
	for _, text := range []string{"", "seed=1", "duplicate=0", "duplicate=1.1", "duplicate=NaN", "reorder=", "delay", "delay=0s", "delay=1h", "delay=-1s", "seed=-1,reorder", "reorder,reorder", "lose"} {
		if o, err := stage.ParseChaos(text); err == nil {
			t.Errorf("%q passes: %+v", text, o)
		}
	}
}

// run hands n deliveries over, one a millisecond, and returns what the
// application saw, the answers, and the notes.
func run(t *testing.T, text string, n int) (seen, answers, notes []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		app := &application{status: 200}
		aside := stage.NewAside()
		rec := new(recorder)
		h := stage.Chain(app, stage.Record(rec), stage.Chaos(chaos(t, text), aside))
		answers = make([]string, n)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				began := time.Now()
				r, err := h.Handle(t.Context(), github("push", fmt.Sprintf("/%d", i), ""))
				if answers[i] = time.Since(began).String(); err != nil {
					answers[i] += " " + err.Error()
				} else {
					answers[i] += fmt.Sprintf(" %d", r.Status)
				}
			})
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		all.Wait()
		synctest.Wait()
		aside.Close()
		seen, notes = app.got(), rec.all()
	})
	return seen, answers, notes
}

func TestChaosEffects(t *testing.T) {
	for _, tt := range []struct {
		chaos                string
		n                    int
		seen, answers, notes []string
	}{
		{"duplicate", 1, []string{"/0", "/0"}, []string{"0s 200"}, []string{"chaos sent twice 200"}},
		{"delay=2s", 1, []string{"/0"}, []string{"2s 200"}, []string{"chaos delayed 2s"}},
		{"reorder", 2, []string{"/1", "/0"}, []string{"1ms 200", "0s 200"}, []string{"chaos held back until the next had passed"}},
		{"reorder", 1, []string{"/0"}, []string{"2s 200"}, []string{"chaos held back, but nothing overtook it"}},
		{"drop-ack", 1, []string{"/0"}, []string{"0s timed out: chaos: the application answered 200, the answer was dropped"}, []string{"chaos answer 200 dropped"}},
	} {
		seen, answers, notes := run(t, tt.chaos, tt.n)
		if !slices.Equal(seen, tt.seen) || !slices.Equal(answers, tt.answers) || !slices.Equal(notes, tt.notes) {
			t.Errorf("%s:\nseen    %q\nanswers %q\nnotes   %q", tt.chaos, seen, answers, notes)
		}
	}
}

func TestChaosRepeatsWithItsSeed(t *testing.T) {
	const text = "duplicate=0.3,reorder=0.3,drop-ack=0.3,seed=%d"
	// Which of two comes first in the same moment is not chaos's to say.
	first, answers, _ := run(t, fmt.Sprintf(text, 7), 40)
	again, answersAgain, _ := run(t, fmt.Sprintf(text, 7), 40)
	if !slices.Equal(slices.Sorted(slices.Values(first)), slices.Sorted(slices.Values(again))) || !slices.Equal(answers, answersAgain) {
		t.Errorf("the same seed gives\n%q\n%q", first, again)
	}
	other, _, _ := run(t, fmt.Sprintf(text, 8), 40)
	if slices.Equal(slices.Sorted(slices.Values(first)), slices.Sorted(slices.Values(other))) {
		t.Error("another seed gives the same")
	}
	if len(first) <= 40 || slices.IsSorted(first) {
		t.Errorf("nothing happened: %q", first)
	}
}

// The retry of a dropped answer passes, so that every webhook ends.
func TestDropAckSparesRetries(t *testing.T) {
	h := stage.Chain(&application{status: 204}, stage.Chaos(chaos(t, "drop-ack"), stage.NewAside()))
	d := github("push", "/", "")
	if _, err := h.Handle(t.Context(), d); err == nil {
		t.Error("the first answer passes")
	}
	d.Attempt = 2
	if r, err := h.Handle(t.Context(), d); err != nil || r.Status != 204 {
		t.Errorf("the second: %+v, %v", r, err)
	}
}

// What never reached the application is not sent twice, and its failure is
// passed on.
func TestChaosLeavesFailuresAlone(t *testing.T) {
	calls := 0
	h := stage.Chain(tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
		calls++
		return nil, &tunnel.Failure{Kind: tunnel.Refused}
	}), stage.Chaos(chaos(t, "duplicate,drop-ack"), stage.NewAside()))
	if _, err := h.Handle(t.Context(), github("push", "/", "")); !tunnel.AsFailure(err).Kind.Unreachable() || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestChaosStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, text := range []string{"delay=5m", "reorder"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			h := stage.Chain(&application{status: 200}, stage.Chaos(chaos(t, text), stage.NewAside()))
			if _, err := h.Handle(ctx, github("push", "/", "")); err == nil || !strings.Contains(err.Error(), "abandoned") {
				t.Errorf("%s: %v", text, err)
			}
			cancel()
		}
	})
}
