package relay_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// gate is a handler whose every run waits to be let on.
type gate struct {
	began chan *tunnel.Delivery
	reply chan *tunnel.Result // nil: a time-out

	mu       sync.Mutex
	now, top int // runs at a time
}

func newGate() *gate {
	return &gate{began: make(chan *tunnel.Delivery, 100), reply: make(chan *tunnel.Result, 100)}
}

func (g *gate) Handle(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
	g.mu.Lock()
	g.now++
	g.top = max(g.top, g.now)
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.now--
		g.mu.Unlock()
	}()
	g.began <- d
	select {
	case r := <-g.reply:
		if r == nil {
			return nil, &tunnel.Failure{Kind: tunnel.TimedOut}
		}
		return r, nil
	case <-ctx.Done():
		return nil, &tunnel.Failure{Kind: tunnel.Abandoned}
	}
}

// next is the next delivery that the handler began with.
func (g *gate) next(t testing.TB) *tunnel.Delivery {
	t.Helper()
	select {
	case d := <-g.began:
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("the handler was not run")
		return nil
	}
}

func (g *gate) most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.top
}

// started sends a webhook and returns its status when it comes.
func started(url, body string) <-chan int {
	out := make(chan int, 1)
	go func() {
		resp, err := http.Post(url, "text/plain", strings.NewReader(body))
		if err != nil {
			out <- 0
			return
		}
		resp.Body.Close()
		out <- resp.StatusCode
	}()
	return out
}

func TestOrderedRunsOneAtATime(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, policy(relay.PolicyRequest{Ordered: ptr(true)}))
	g := newGate()
	r.Listen(t, ep, tunnel.ClientOptions{Handler: g})
	first := started(ep.URL, "0")
	g.next(t)
	for i := 1; i <= 5; i++ { // while the first runs: stored
		if resp, _ := post(t, ep.URL, fmt.Append(nil, i)); resp.StatusCode != 202 {
			t.Fatalf("webhook %d: %d", i, resp.StatusCode)
		}
	}
	g.reply <- &tunnel.Result{Status: 200}
	if status := <-first; status != 200 {
		t.Errorf("the first: %d", status)
	}
	for i := 1; i <= 5; i++ { // the end of the live one lets the stored ones go
		if d := g.next(t); string(d.Body) != fmt.Sprint(i) || d.Attempt != 1 {
			t.Errorf("%d: %q, attempt %d", i, d.Body, d.Attempt)
		}
		g.reply <- &tunnel.Result{Status: 200}
	}
	waitDepth(t, r, ep, relay.Depth{})
	if g.most() != 1 {
		t.Errorf("%d at a time", g.most())
	}
	// Live again, once the relay has counted the last one out, which nobody
	// outside sees: what comes a moment sooner is stored.
	for tries := 0; ; tries++ {
		last := started(ep.URL, "live again")
		g.next(t)
		g.reply <- &tunnel.Result{Status: 201}
		status := <-last
		if status == 201 {
			break
		}
		if waitDepth(t, r, ep, relay.Depth{}); status != 202 || tries == 20 {
			t.Fatalf("the last: %d", status)
		}
	}
}

// A sender that left does not make room for the next: the application still
// works.
func TestOrderedWaitsForAnAbandonedRun(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, policy(relay.PolicyRequest{Ordered: ptr(true)}))
	g := newGate()
	gone := make(chan tunnel.SenderGone, 1)
	r.Listen(t, ep, tunnel.ClientOptions{Handler: g, Events: func(e tunnel.Event) {
		if e, ok := e.(tunnel.SenderGone); ok {
			gone <- e
		}
	}})
	ctx, leave := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "POST", ep.URL, strings.NewReader("left"))
	go http.DefaultClient.Do(req)
	g.next(t)
	leave()
	<-gone
	if resp, _ := post(t, ep.URL, []byte("next")); resp.StatusCode != 202 {
		t.Errorf("beside a running one: %d", resp.StatusCode)
	}
	g.reply <- &tunnel.Result{Status: 200}
	if d := g.next(t); string(d.Body) != "next" {
		t.Errorf("got %q", d.Body)
	}
	g.reply <- &tunnel.Result{Status: 200}
	waitDepth(t, r, ep, relay.Depth{})
	if g.most() != 1 {
		t.Errorf("%d at a time", g.most())
	}
}

// A head that is retried blocks what is behind it, until it is skipped.
func TestOrderedHeadBlocksUntilSkipped(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, policy(relay.PolicyRequest{Ordered: ptr(true), Respond: ptr(relay.Queue)}))
	var ids []string
	for _, body := range []string{"head", "second", "third"} {
		_, answer := post(t, ep.URL, []byte(body))
		ids = append(ids, ack(t, answer))
	}
	var mu sync.Mutex
	var ran []string
	retried := make(chan tunnel.Settlement, 100)
	done := make(chan string, 10)
	r.Listen(t, ep, tunnel.ClientOptions{
		Events: func(e tunnel.Event) {
			if s, ok := e.(tunnel.Settlement); ok && s.Fate == tunnel.Retried {
				retried <- s
			}
		},
		Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			mu.Lock()
			ran = append(ran, string(d.Body))
			mu.Unlock()
			if string(d.Body) == "head" {
				return &tunnel.Result{Status: 500, Header: tunnel.Header{{Name: "Retry-After", Value: "3600"}}}, nil
			}
			done <- string(d.Body)
			return &tunnel.Result{Status: 200}, nil
		}),
	})
	s := <-retried
	if wait := time.Until(s.NextAt); wait > 30*time.Second || wait < 25*time.Second {
		t.Errorf("a blocking head waits %s, for at most 30s", wait)
	}
	select {
	case body := <-done:
		t.Fatalf("%q passed the head", body)
	default:
	}
	if status := r.Call(t, "POST", "/v1/endpoints/"+ep.ID+"/queue/"+ids[0]+"/skip", ep.OwnerKey, nil, nil); status != 200 {
		t.Fatalf("skip: %d", status)
	}
	if a, b := <-done, <-done; a != "second" || b != "third" {
		t.Errorf("then ran %q, %q", a, b)
	}
	waitDepth(t, r, ep, relay.Depth{Dead: 1})
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(ran, " "); got != "head second third" {
		t.Errorf("ran %s", got)
	}
}

// ack is the delivery id in an acknowledgement.
func ack(t testing.TB, answer []byte) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(answer), `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if !ok || !strings.HasPrefix(id, "dlv_") {
		t.Fatalf("no id in %q", answer)
	}
	return id
}
