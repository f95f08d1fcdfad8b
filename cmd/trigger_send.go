package cmd

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/inspect/safetext"
)

const (
	maxInFlight  = 64       // under --rate
	maxAnswer    = 64 << 10 // bytes of an answer that are read
	shownAnswer  = 200      // characters of it in a line
	latenciesMax = 1 << 20  // kept for the median
)

// parseExpect reads 200, 2xx, 401 or a list of them; the default is 2xx.
func parseExpect(s string) (func(status int) bool, error) {
	if s == "" {
		s = "2xx"
	}
	var low []int
	var exact []int
	for word := range strings.SplitSeq(strings.ToLower(s), ",") {
		word = strings.TrimSpace(word)
		if class, ok := strings.CutSuffix(word, "xx"); ok && len(class) == 1 && class >= "1" && class <= "5" {
			low = append(low, int(class[0]-'0'))
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 100 || n > 599 {
			return nil, usage("give it like 200, 2xx, 401 or 200,204", "--expect: %q is no status", word)
		}
		exact = append(exact, n)
	}
	return func(status int) bool { return slices.Contains(low, status/100) || slices.Contains(exact, status) }, nil
}

// sending sends messages and keeps the score.
type sending struct {
	env    *Env
	o      *triggerOptions
	http   *http.Client
	expect func(int) bool

	mu       sync.Mutex // guards what follows, and standard output
	statuses map[int]int
	sent     int
	failed   int // no answer
	unmet    int // an answer that was not expected
	took     []time.Duration
}

// maxIdleSenders is how many connections under --rate wait for their next
// request. With net/http's own 2, most requests would dial.
const maxIdleSenders = 100

func newSending(env *Env, o *triggerOptions, expect func(int) bool) (*sending, error) {
	s := &sending{env: env, o: o, expect: expect, http: env.client(), statuses: make(map[int]int)}
	if err := trustRelay(s.http, o.relayCA); err != nil {
		return nil, err
	}
	base, ok := s.http.Transport.(*http.Transport)
	if !ok {
		base = http.DefaultTransport.(*http.Transport)
	}
	t := base.Clone()
	if o.to != "" {
		t.Proxy = nil // proxy variables are for the way to a relay
	}
	t.MaxIdleConnsPerHost = maxIdleSenders
	t.DisableCompression = true // no header that the provider does not send
	if o.insecure {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // typed by the user: -k
	}
	s.http.Transport = t
	return s, nil
}

// run sends all, in their order or at their rate.
func (s *sending) run(ctx context.Context, t *triggering) error {
	order := make([]int, s.o.count)
	for i := range order {
		order[i] = i
	}
	if s.o.outOfOrder {
		slices.Reverse(order)
	}
	slots := make(chan struct{}, maxInFlight)
	var wg sync.WaitGroup
	began := time.Now()
	for n, i := range order {
		m, err := t.message(i)
		if err != nil {
			wg.Wait()
			return err
		}
		if s.o.rate == 0 {
			s.deliver(ctx, m)
		} else {
			due := began.Add(time.Duration(float64(n) / s.o.rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				s.deliver(ctx, m)
			})
		}
		if ctx.Err() != nil {
			break
		}
	}
	wg.Wait()
	s.summary()
	switch {
	case ctx.Err() != nil:
		return silent{exitInterrupted}
	case s.failed > 0 && s.failed == s.sent && s.o.to == "":
		return fail(exitUnreachable, "is \"hook listen\" running in this folder? --to sends straight to an application", "the endpoint could not be reached")
	case s.unmet > 0 && s.o.expect != "":
		return fail(exitRefused, "", "%d of %d answers were not %s", s.unmet, s.sent, s.o.expect)
	case s.failed+s.unmet > 0:
		return silent{exitFailed}
	}
	return nil
}

// deliver sends one message, twice under --duplicate.
func (s *sending) deliver(ctx context.Context, m *message) {
	s.send(ctx, m)
	if s.o.duplicate && ctx.Err() == nil {
		s.send(ctx, m)
	}
}

// answer is what came back, as --json prints it.
type answer struct {
	V        int     `json:"v"`
	Type     string  `json:"type"` // "answer"
	Provider string  `json:"provider"`
	Event    string  `json:"event"`
	Delivery string  `json:"delivery,omitempty"` // the provider's id of the message
	Seed     uint64  `json:"seed"`
	URL      string  `json:"url"`
	Status   int     `json:"status,omitempty"`
	OK       bool    `json:"ok"` // as expected
	MS       float64 `json:"ms"`
	Body     string  `json:"body,omitempty"` // the beginning of the answer
	Error    string  `json:"error,omitempty"`
}

func (s *sending) send(ctx context.Context, m *message) {
	a := answer{V: 1, Type: "answer", Provider: s.o.provider, Event: m.event, Delivery: m.delivery, Seed: m.seed, URL: m.url}
	began := time.Now()
	status, body, err := s.post(ctx, m)
	took := time.Since(began)
	a.MS = float64(took.Microseconds()) / 1000
	if err != nil {
		a.Error = err.Error()
	} else {
		a.Status, a.OK, a.Body = status, s.expect(status), string(body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	switch {
	case err != nil:
		s.failed++
	default:
		s.statuses[status]++
		if !a.OK {
			s.unmet++
		}
		if len(s.took) < latenciesMax {
			s.took = append(s.took, took)
		}
	}
	s.print(&a, took)
}

func (s *sending) post(ctx context.Context, m *message) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, m.req.Method, m.url, bytes.NewReader(m.req.Body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = m.req.Header.Clone()
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "hook/"+stamp().Version)
	}
	resp, err := s.http.Do(r)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", formatDuration(s.o.timeout))
		}
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}

// print writes one line. Guarded by mu.
func (s *sending) print(a *answer, took time.Duration) {
	if s.o.json {
		e := json.NewEncoder(s.env.Out)
		e.SetEscapeHTML(false)
		e.Encode(a) // a reader that is gone ends us by SIGPIPE
		return
	}
	paint := newPainter(s.env.colour(s.env.OutTTY))
	mark, status := paint.good, strconv.Itoa(a.Status)
	said := safetext.Limit(strings.TrimSpace(a.Body), shownAnswer)
	if !a.OK {
		mark = paint.bad
	}
	if a.Error != "" {
		status, said = "---", safetext.Line(a.Error)
	}
	line := []string{mark.Sprint(status), formatTook(took), a.Provider, a.Event}
	for _, more := range []string{safetext.String(a.Delivery), said} {
		if more != "" {
			line = append(line, more)
		}
	}
	fmt.Fprintln(s.env.Out, strings.Join(line, "  "))
}

// summary is the last line, for people.
func (s *sending) summary() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(s.statuses)) {
		parts = append(parts, fmt.Sprintf("%d × %d", s.statuses[status], status))
	}
	if s.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d without answer", s.failed))
	}
	text := fmt.Sprintf("%d sent: %s", s.sent, cmp.Or(strings.Join(parts, ", "), "nothing"))
	if len(s.took) > 1 {
		slices.Sort(s.took)
		text += fmt.Sprintf("; median %s, slowest %s", formatTook(s.took[len(s.took)/2]), formatTook(s.took[len(s.took)-1]))
	}
	fmt.Fprintf(s.env.Err, "%s (seed %d)\n", text, s.o.seed)
}
