package relay_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// cable is a link that a test can cut. Cut on the listener's side only, the
// relay does not hear of it.
type cable struct {
	dial func(context.Context) (tunnel.Conn, error)
	over context.Context // of the test

	mu   sync.Mutex
	last *cut
}

type cut struct {
	tunnel.Conn
	gone chan struct{}
	over context.Context
}

func (c *cable) Dial(ctx context.Context) (tunnel.Conn, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = &cut{conn, make(chan struct{}), c.over}
	return c.last, nil
}

// sever makes the listener's end fail while the relay's stays up.
func (c *cable) sever() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.last.gone)
}

var errCut = errors.New("the cable was cut")

func (c *cut) Read(ctx context.Context) ([]byte, error) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ending it would tell the relay
	type message struct {
		b   []byte
		err error
	}
	ch := make(chan message, 1)
	go func() {
		b, err := c.Conn.Read(inner)
		ch <- message{b, err}
	}()
	select {
	case m := <-ch:
		cancel()
		return m.b, m.err
	case <-ctx.Done():
		cancel()
		return nil, context.Cause(ctx)
	case <-c.gone:
		context.AfterFunc(c.over, cancel) // until the test ends
		return nil, errCut
	}
}

func (c *cut) Close(code tunnel.CloseCode, reason string) error {
	select {
	case <-c.gone:
		return errCut
	default:
		return c.Conn.(tunnel.Closer).Close(code, reason)
	}
}

func (c *cut) Write(ctx context.Context, p []byte) error {
	select {
	case <-c.gone:
		return errCut
	default:
		return c.Conn.Write(context.WithoutCancel(ctx), p)
	}
}

func budget(ms int64) relay.EndpointRequest { return policy(relay.PolicyRequest{BudgetMS: ptr(ms)}) }

// The link breaks while the application works: the same listener comes back
// and what it runs is not run again, whether the sender still waits, has been
// told that it is queued, or it came from the queue; and whether the relay has
// noticed the break or not.
func TestRunsSurviveTheLink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		req     relay.EndpointRequest
		status  int
		waiting bool // the sender still waits when the link breaks
	}{
		{"sender waits", budget(20_000), 202, true},
		{"budget over", budget(100), 202, false},
		{"queued", policy(relay.PolicyRequest{Respond: ptr(relay.Queue)}), 202, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := relaytest.Start(t, relay.Options{})
			ep := r.Create(t, c.req)
			line := &cable{dial: r.Dial(ep.OwnerKey), over: t.Context()}
			g := newGate()
			back := make(chan tunnel.Connected, 4)
			settled := make(chan tunnel.Settlement, 4)
			r.Listen(t, ep, tunnel.ClientOptions{Dial: line.Dial, Handler: g, Events: func(e tunnel.Event) {
				switch e := e.(type) {
				case tunnel.Connected:
					back <- e
				case tunnel.Settlement:
					settled <- e
				}
			}})
			<-back
			status := started(ep.URL, "x")
			d := g.next(t)
			if !c.waiting {
				if s := <-status; s != c.status {
					t.Fatalf("sender got %d", s)
				}
			}
			line.sever()
			if w := <-back; len(w.Welcome.Resumed) != 1 || w.Welcome.Resumed[0] != d.ID {
				t.Errorf("resumed %v, want %s", w.Welcome.Resumed, d.ID)
			}
			if c.waiting {
				if s := <-status; s != c.status {
					t.Errorf("sender got %d", s)
				}
			}
			waitDepth(t, r, ep, relay.Depth{Pending: 1})
			g.reply <- &tunnel.Result{Status: 200}
			if s := <-settled; s.Fate != tunnel.Completed || s.ID != d.ID {
				t.Errorf("settled as %v", s.Fate)
			}
			waitDepth(t, r, ep, relay.Depth{})
			if n := len(g.began); n != 0 {
				t.Errorf("ran %d times more", n)
			}
		})
	}
}

// Another listener cannot know how far the first came: it gets the webhook as
// a second attempt.
func TestAnotherListenerGetsASecondAttempt(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	for _, req := range []relay.EndpointRequest{budget(100), policy(relay.PolicyRequest{Respond: ptr(relay.Queue)})} {
		ep := r.Create(t, req)
		g := newGate()
		stop := r.Listen(t, ep, tunnel.ClientOptions{Handler: g, Drain: time.Hour})
		status := started(ep.URL, "x")
		first := g.next(t)
		if s := <-status; s != 202 {
			t.Fatalf("sender got %d", s)
		}
		got := make(chan *tunnel.Delivery, 4)
		r.Listen(t, ep, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			got <- d
			return &tunnel.Result{Status: 200}, nil
		})})
		if d := <-got; d.ID != first.ID || d.Attempt != 2 {
			t.Errorf("%s came as attempt %d", d.ID, d.Attempt)
		}
		waitDepth(t, r, ep, relay.Depth{})
		g.reply <- &tunnel.Result{Status: 500} // too late to matter
		stop()
		waitDepth(t, r, ep, relay.Depth{})
	}
}

// The relay goes down and comes back while the application works.
func TestRunsSurviveTheRelay(t *testing.T) {
	t.Parallel()
	for _, graceful := range []bool{true, false} {
		for _, req := range []relay.EndpointRequest{budget(100), policy(relay.PolicyRequest{Respond: ptr(relay.Queue)})} {
			r := relaytest.Start(t, relay.Options{Drain: 300 * time.Millisecond})
			ep := r.Create(t, req)
			g := newGate()
			back := make(chan tunnel.Connected, 4)
			settled := make(chan tunnel.Settlement, 4)
			r.Listen(t, ep, tunnel.ClientOptions{Handler: g, Events: func(e tunnel.Event) {
				switch e := e.(type) {
				case tunnel.Connected:
					back <- e
				case tunnel.Settlement:
					settled <- e
				}
			}})
			<-back
			status := started(ep.URL, "x")
			d := g.next(t)
			if s := <-status; s != 202 {
				t.Fatalf("sender got %d", s)
			}
			if !graceful {
				r.Server.Close()
			}
			r.Restart(t)
			if w := <-back; len(w.Welcome.Resumed) != 1 || w.Welcome.Resumed[0] != d.ID {
				t.Errorf("graceful %t: resumed %v", graceful, w.Welcome.Resumed)
			}
			g.reply <- &tunnel.Result{Status: 200}
			if s := <-settled; s.Fate != tunnel.Completed {
				t.Errorf("graceful %t: settled as %v", graceful, s.Fate)
			}
			waitDepth(t, r, ep, relay.Depth{})
			if n := len(g.began); n != 0 {
				t.Errorf("graceful %t: ran %d times more", graceful, n)
			}
		}
	}
}

// After a restart of the relay and of the listener, the attempt that was open
// counts: the application may have acted.
func TestOpenAttemptsCountAfterARestart(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{Drain: 100 * time.Millisecond})
	ep := r.Create(t, budget(100))
	g := newGate()
	r.Listen(t, ep, tunnel.ClientOptions{Handler: g, Drain: time.Hour, NoRetry: true})
	status := started(ep.URL, "x")
	g.next(t)
	if s := <-status; s != 202 {
		t.Fatalf("sender got %d", s)
	}
	r.Restart(t)
	got := make(chan int, 4)
	r.Listen(t, ep, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
		got <- d.Attempt
		return &tunnel.Result{Status: 200}, nil
	})})
	if n := <-got; n != 2 {
		t.Errorf("came as attempt %d", n)
	}
	waitDepth(t, r, ep, relay.Depth{})
	g.reply <- nil
}

// What is deleted unanswered is announced.
func TestDeletedDeliveriesAreAnnounced(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	for range 3 {
		post(t, ep.URL, nil)
	}
	gap, paused := make(chan tunnel.Gap, 1), make(chan bool, 1)
	ended := make(chan error, 1)
	c := tunnel.NewClient(tunnel.ClientOptions{Dial: r.Dial(ep.OwnerKey), Endpoint: ep.ID,
		Probe: func(context.Context) error { return errCut },
		Handler: tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
			return nil, &tunnel.Failure{Kind: tunnel.Refused}
		}),
		Events: func(e tunnel.Event) {
			switch e := e.(type) {
			case tunnel.Gap:
				gap <- e
			case *tunnel.Gap:
				gap <- *e
			case tunnel.PausedEvent:
				paused <- true
			}
		}})
	go func() { ended <- c.Run(t.Context()) }()
	<-paused
	ownerCall(t, r, ep, "DELETE", "?force=true", nil, nil)
	err := <-ended
	var ce *tunnel.CloseError
	if !errors.As(err, &ce) || ce.Code != tunnel.CloseGone || !strings.Contains(ce.Reason, "revoked") {
		t.Errorf("ended with %v", err)
	}
	if g := <-gap; g.Count != 3 || !strings.Contains(g.Reason, "revoked") {
		t.Errorf("gap %+v", g)
	}
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 410 {
		t.Errorf("then: %d", resp.StatusCode)
	}
}
