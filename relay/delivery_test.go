package relay_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

func failing(kind tunnel.FailureKind) tunnel.Handler {
	return tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
		return nil, &tunnel.Failure{Kind: kind, Detail: "as told"}
	})
}

// What a sender gets when nothing may be stored for him.
func TestNothingIsStoredWherePolicySaysSo(t *testing.T) {
	t.Parallel()
	live := policy(relay.PolicyRequest{Respond: ptr(relay.Live), BudgetMS: ptr[int64](300)})
	never := policy(relay.PolicyRequest{NeverStore: ptr(true), BudgetMS: ptr[int64](300)})
	slow := tunnel.HandlerFunc(func(ctx context.Context, _ *tunnel.Delivery) (*tunnel.Result, error) {
		<-ctx.Done()
		return nil, &tunnel.Failure{Kind: tunnel.Abandoned}
	})
	for _, c := range []struct {
		name    string
		req     relay.EndpointRequest
		handler tunnel.Handler
		status  int
		problem string
		again   bool // a Retry-After
	}{
		{"live, nobody listens", live, nil, 503, "no-listener", true},
		{"never store, nobody listens", never, nil, 503, "no-listener", true},
		{"live, refused", live, failing(tunnel.Refused), 502, "no-answer", false},
		{"never store, refused", never, failing(tunnel.Refused), 503, "no-answer", true},
		{"live, reset", live, failing(tunnel.Reset), 502, "no-answer", false},
		{"live, garbage", live, failing(tunnel.Garbage), 502, "no-answer", false},
		{"live, timed out", live, failing(tunnel.TimedOut), 504, "no-answer", false},
		{"live, budget over", live, slow, 504, "budget", false},
		{"never store, budget over", never, slow, 503, "budget", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := relaytest.Start(t, relay.Options{})
			ep := r.Create(t, c.req)
			if c.handler != nil {
				r.Listen(t, ep, tunnel.ClientOptions{Handler: c.handler, Drain: time.Millisecond})
			}
			resp, body := post(t, ep.URL, []byte("x"))
			if resp.StatusCode != c.status || !strings.Contains(string(body), "urn:hook:problem:"+c.problem+`"`) ||
				resp.Header.Get("Content-Type") != "application/problem+json" || (resp.Header.Get("Retry-After") != "") != c.again {
				t.Errorf("got %d %v %s", resp.StatusCode, resp.Header, body)
			}
			waitDepth(t, r, ep, relay.Depth{})
		})
	}
}

// A target that refuses connections voids the attempt: the webhook is stored
// and waits, the port is watched, and all goes on when it opens.
func TestUnreachableTargetPausesTheTunnel(t *testing.T) {
	t.Parallel()
	s := &stack{Relay: relaytest.Start(t, relay.Options{})}
	s.app = startApp(t, nil)
	s.ep = s.Create(t, relay.EndpointRequest{})
	closed := startApp(t, nil)
	stop := closed.listen(t, "127.0.0.1:0")
	addr := closed.addr
	stop()
	closed.addr = addr
	s.app = closed
	f := s.app.forwarder(t)
	var probes atomic.Int32
	began := time.Now()
	paused := make(chan string, 4)
	s.Listen(t, s.ep, tunnel.ClientOptions{Handler: f,
		Probe: func(ctx context.Context) error { probes.Add(1); return f.Probe(ctx) },
		Events: func(e tunnel.Event) {
			if e, ok := e.(tunnel.PausedEvent); ok {
				paused <- e.Reason
			}
		}})
	if resp, _ := post(t, s.ep.URL, []byte("0")); resp.StatusCode != 202 {
		t.Fatalf("first: %d", resp.StatusCode)
	}
	if reason := <-paused; !strings.Contains(reason, "connection refused") {
		t.Errorf("paused because %q", reason)
	}
	for i := 1; i <= 9; i++ {
		if resp, _ := post(t, s.ep.URL, fmt.Append(nil, i)); resp.StatusCode != 202 {
			t.Fatalf("webhook %d: %d", i, resp.StatusCode)
		}
	}
	waitDepth(t, s.Relay, s.ep, relay.Depth{Pending: 10})
	s.app.listen(t, addr)
	for i, r := range s.app.requests(t, 10) {
		if r.value("Hook-Attempt") != "1" { // what never reached the target is no attempt
			t.Errorf("webhook %d came as attempt %s", i, r.value("Hook-Attempt"))
		}
	}
	waitDepth(t, s.Relay, s.ep, relay.Depth{})
	if n, most := int(probes.Load()), int(time.Since(began)/(2*time.Second))+1; n > most {
		t.Errorf("%d probes in %s", n, time.Since(began))
	}
}

// Without a watch on the port the webhook is offered again, but never in a
// spin.
func TestUnreachableTargetIsNotHammered(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	var tries atomic.Int32
	up := make(chan struct{})
	done := make(chan *tunnel.Delivery, 1)
	began := time.Now()
	r.Listen(t, ep, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
		if tries.Add(1) == 3 {
			close(up)
		}
		select {
		case <-up:
			done <- d
			return &tunnel.Result{Status: 200}, nil
		default:
			return nil, &tunnel.Failure{Kind: tunnel.Refused}
		}
	})})
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 202 {
		t.Fatalf("got %d", resp.StatusCode)
	}
	if d := <-done; d.Attempt != 1 || time.Since(began) < 2*time.Second {
		t.Errorf("attempt %d, third try after %s", d.Attempt, time.Since(began))
	}
	waitDepth(t, r, ep, relay.Depth{})
}

// A handler that never answers in time becomes a dead letter, and the others
// pass it.
func TestTimeoutsForEverBlockNobody(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, policy(relay.PolicyRequest{Respond: ptr(relay.Queue), MaxAttempts: ptr(3)}))
	post(t, ep.URL+"/hang", nil)
	passed := make(chan string, 100)
	var lost atomic.Int32
	var hung atomic.Int32
	r.Listen(t, ep, tunnel.ClientOptions{Window: tunnel.Window{Deliveries: 1, Bytes: 1 << 20},
		Events: func(e tunnel.Event) {
			if _, ok := e.(tunnel.Lost); ok {
				lost.Add(1)
			}
		},
		Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			if d.Target == "/hang" {
				hung.Add(1)
				return nil, &tunnel.Failure{Kind: tunnel.TimedOut, Detail: strings.Repeat("long reason ", 200)}
			}
			passed <- d.Target
			return &tunnel.Result{Status: 200}, nil
		})})
	for i := range 20 {
		post(t, fmt.Sprintf("%s/%d", ep.URL, i), nil)
	}
	for i := range 20 {
		if got := <-passed; got != fmt.Sprintf("/%d", i) {
			t.Errorf("%d: %s", i, got)
		}
	}
	waitDepth(t, r, ep, relay.Depth{Dead: 1})
	if n := lost.Load(); n != 0 {
		t.Errorf("the link was lost %d times", n)
	}
	var q relay.QueueView
	r.Call(t, "GET", "/v1/endpoints/"+ep.ID+"/queue?dead=true", ep.OwnerKey, nil, &q)
	if it := q.Items[0]; hung.Load() != 3 || it.Attempts != 3 || !strings.HasSuffix(it.Reason, ", after 3 attempts") {
		t.Errorf("tried %d times: %+v", hung.Load(), it)
	}
}

// Retry-After of the application is obeyed.
func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, policy(relay.PolicyRequest{Respond: ptr(relay.Queue)}))
	for _, path := range []string{"/429", "/503", "/408", "/date"} {
		post(t, ep.URL+path, nil)
	}
	next := make(chan tunnel.Settlement, 10)
	r.Listen(t, ep, tunnel.ClientOptions{
		Events: func(e tunnel.Event) {
			if s, ok := e.(tunnel.Settlement); ok {
				next <- s
			}
		},
		Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			var status int
			fmt.Sscanf(d.Target, "/%d", &status)
			after := "600"
			if d.Target == "/date" {
				status, after = 425, time.Now().Add(600*time.Second).UTC().Format(http.TimeFormat)
			}
			return &tunnel.Result{Status: status, Header: tunnel.Header{{Name: "Retry-After", Value: after}}}, nil
		})})
	for range 4 {
		if s := <-next; s.Fate != tunnel.Retried || time.Until(s.NextAt) < 580*time.Second || time.Until(s.NextAt) > 601*time.Second {
			t.Errorf("%v %s in %s", s.Fate, s.Reason, time.Until(s.NextAt))
		}
	}
	waitDepth(t, r, ep, relay.Depth{Pending: 4})
}

// A sender that does not wait was promised nothing: the run goes on, nothing
// is queued.
func TestSenderThatLeavesIsPromisedNothing(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	g := newGate()
	events := make(chan tunnel.Event, 10)
	r.Listen(t, ep, tunnel.ClientOptions{Handler: g, Events: func(e tunnel.Event) {
		switch e := e.(type) {
		case tunnel.SenderGone, tunnel.Settlement:
			events <- e
		}
	}})
	ctx, leave := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "POST", ep.URL, strings.NewReader("x"))
	go http.DefaultClient.Do(req)
	d := g.next(t)
	leave()
	if e, ok := (<-events).(tunnel.SenderGone); !ok || e.ID != d.ID {
		t.Errorf("told %+v", e)
	}
	g.reply <- &tunnel.Result{Status: 200}
	if s, ok := (<-events).(tunnel.Settlement); !ok || s.Fate != tunnel.SenderLeft || s.ID != d.ID {
		t.Errorf("told %+v", s)
	}
	waitDepth(t, r, ep, relay.Depth{})
}

// A webhook whose method or host no listener would take is refused: once
// accepted it would cut off every listener that it is offered to.
func TestNoWebhookPoisonsTheTunnel(t *testing.T) {
	t.Parallel()
	s := startStack(t, relay.Options{}, relay.EndpointRequest{}, func(int, request) string { return answerWith(200, "ok") })
	send := func(method, host, path, more string) string {
		return exchangeRaw(t, s.Addr, method+" /h/"+s.ep.ID+path+" HTTP/1.1\r\nHost: "+host+"\r\n"+more+"Connection: close\r\nContent-Length: 0\r\n\r\n")
	}
	many := ""
	for i := range 96 {
		many += fmt.Sprintf("X-%d: %s\r\n", i, strings.Repeat("v", 600))
	}
	for _, c := range []struct{ name, answer, status string }{
		{"method", send(strings.Repeat("M", 65), "x", "/", ""), "400"},
		{"host", send("POST", strings.Repeat("h", 1025), "/", ""), "400"},
		{"longest method", send(strings.Repeat("M", 64), "x", "/", ""), "200"},
		{"longest host", send("POST", strings.Repeat("h", 1024), "/", ""), "200"},
		{"target", send("POST", "x", "/"+strings.Repeat("t", 60_000), ""), "200"},
		{"headers", send("POST", "x", "/", many), "200"},
	} {
		if !strings.HasPrefix(c.answer, "HTTP/1.1 "+c.status+" ") {
			t.Errorf("%s: %.300q", c.name, c.answer)
		}
	}
	if n := s.app.count(); n != 4 {
		t.Errorf("the application received %d", n)
	}
}
