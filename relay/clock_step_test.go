package relay_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// steppedStore is a store under a relay whose wall clock is set while it runs.
// The process's clock cannot be: instead everything that was stored moves the
// other way. What the relay holds in memory has a monotonic part, and does not
// notice a step either.
type steppedStore struct {
	relay.Store
	ahead atomic.Int64 // how far the relay's clock was put forward
	looks atomic.Int64 // of the sweeper, at now
}

func (s *steppedStore) now() time.Time {
	s.looks.Add(1)
	return time.Now().Add(time.Duration(s.ahead.Load()))
}

// in is a moment of the relay as it is stored, out a stored one as the relay
// sees it.
func (s *steppedStore) in(t *time.Time)  { s.move(t, 1) }
func (s *steppedStore) out(t *time.Time) { s.move(t, -1) }

func (s *steppedStore) move(t *time.Time, way time.Duration) {
	if !t.IsZero() {
		*t = t.Round(0).Add(way * time.Duration(s.ahead.Load()))
	}
}

func (s *steppedStore) endpoint(ep *relay.Endpoint, move func(*time.Time)) {
	ep.IDs = append([]relay.PublicID(nil), ep.IDs...)
	for i := range ep.IDs {
		move(&ep.IDs[i].Until)
	}
	for _, t := range []*time.Time{&ep.CreatedAt, &ep.ExpiresAt, &ep.UsedAt, &ep.RevokedAt} {
		move(t)
	}
}

func (s *steppedStore) item(it relay.Item) relay.Item {
	for _, t := range []*time.Time{&it.QueuedAt, &it.NextAt, &it.DeadAt, &it.Delivery.ReceivedAt} {
		s.out(t)
	}
	return it
}

func (s *steppedStore) Create(ctx context.Context, e relay.Endpoint) (relay.Endpoint, error) {
	s.endpoint(&e, s.in)
	e, err := s.Store.Create(ctx, e)
	s.endpoint(&e, s.out)
	return e, err
}

func (s *steppedStore) Lookup(ctx context.Context, id relay.Hash) (relay.Endpoint, error) {
	e, err := s.Store.Lookup(ctx, id)
	s.endpoint(&e, s.out)
	return e, err
}

func (s *steppedStore) Update(ctx context.Context, id relay.EndpointID, fn func(*relay.Endpoint) error) (relay.Endpoint, error) {
	e, err := s.Store.Update(ctx, id, func(e *relay.Endpoint) error {
		s.endpoint(e, s.out)
		err := fn(e)
		s.endpoint(e, s.in)
		return err
	})
	s.endpoint(&e, s.out)
	return e, err
}

func (s *steppedStore) Use(ctx context.Context, id relay.EndpointID, n int64, at time.Time) (int64, error) {
	s.in(&at)
	return s.Store.Use(ctx, id, n, at)
}

func (s *steppedStore) Push(ctx context.Context, id relay.EndpointID, p relay.Push, body tunnel.Body) (relay.Item, error) {
	s.in(&p.QueuedAt)
	s.in(&p.Delivery.ReceivedAt)
	it, err := s.Store.Push(ctx, id, p, body)
	return s.item(it), err
}

func (s *steppedStore) List(ctx context.Context, id relay.EndpointID, kind relay.Kind, after uint64, limit int) ([]relay.Item, error) {
	items, err := s.Store.List(ctx, id, kind, after, limit)
	for i := range items {
		items[i] = s.item(items[i])
	}
	return items, err
}

func (s *steppedStore) Item(ctx context.Context, id relay.EndpointID, delivery tunnel.ID) (relay.Item, error) {
	it, err := s.Store.Item(ctx, id, delivery)
	return s.item(it), err
}

func (s *steppedStore) Settle(ctx context.Context, id relay.EndpointID, epoch uint64, list []relay.Settlement) error {
	list = append([]relay.Settlement(nil), list...)
	for i := range list {
		s.in(&list[i].NextAt)
		s.in(&list[i].At)
	}
	return s.Store.Settle(ctx, id, epoch, list)
}

func (s *steppedStore) Requeue(ctx context.Context, id relay.EndpointID, delivery tunnel.ID, since time.Time) (relay.Item, error) {
	s.in(&since)
	it, err := s.Store.Requeue(ctx, id, delivery, since)
	return s.item(it), err
}

func (s *steppedStore) Due(ctx context.Context, now time.Time, limit int) ([]relay.Endpoint, time.Time, error) {
	s.in(&now)
	due, next, err := s.Store.Due(ctx, now, limit)
	for i := range due {
		s.endpoint(&due[i], s.out)
	}
	s.out(&next)
	return due, next, err
}

func (s *steppedStore) Stats(ctx context.Context) (relay.Stats, error) {
	st, err := s.Store.Stats(ctx)
	s.out(&st.Oldest)
	return st, err
}

// steppedRelay is a relay whose clock can be set.
type steppedRelay struct {
	*relaytest.Relay
	store *steppedStore
	bus   relay.Bus
}

func startStepped(t *testing.T) *steppedRelay {
	s := &steppedRelay{store: &steppedStore{Store: relaytest.Start(t, relay.Options{}).Store}, bus: relay.NewBus()}
	s.Relay = relaytest.Start(t, relay.Options{Store: s.store, Bus: s.bus}.WithWall(s.store.now))
	return s
}

// step sets the relay's clock while endpoints are known to it.
func (s *steppedRelay) step(t *testing.T, by time.Duration, eps ...relay.EndpointView) {
	t.Helper()
	s.store.ahead.Add(int64(by))
	for _, v := range eps {
		ep, err := s.store.Lookup(t.Context(), relay.HashOf(v.ID))
		if err != nil {
			t.Fatal(err)
		}
		s.bus.Changed(ep.ID, relay.RecordChanged) // records held in memory are judged by the wall clock too
	}
}

// The relay's clock is set while an application works and while a retry waits:
// the attempt that runs is settled once, the retry comes, new ones are taken.
func TestTheClockIsSetWhileRetriesWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step    time.Duration
		ordered bool
	}{
		"back 2 h":             {-2 * time.Hour, false},
		"back a day":           {-24 * time.Hour, false},
		"back a year":          {-365 * 24 * time.Hour, false},
		"back 10 min, ordered": {-10 * time.Minute, true},
		"back a day, ordered":  {-24 * time.Hour, true},
		"forward 10 min":       {10 * time.Minute, false},
		"forward an hour":      {time.Hour, true},
		"forward a day":        {24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startStepped(t)
			// retry_for is longer than the longest step forward: what it ends is said in the promises.
			ep := s.Create(t, policy(relay.PolicyRequest{Respond: ptr(relay.Queue), Ordered: &c.ordered, RetryFor: ptr[int64](48 * 3600)}))
			running, answer, settled := make(chan bool), make(chan int), make(chan tunnel.Fate, 10)
			s.Listen(t, ep, tunnel.ClientOptions{Events: func(e tunnel.Event) {
				if e, ok := e.(tunnel.Settlement); ok {
					settled <- e.Fate
				}
			}, Handler: tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
				select {
				case running <- true:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				return &tunnel.Result{Status: <-answer}, nil
			})})
			run := func(status int, meanwhile func()) {
				t.Helper()
				select {
				case <-running:
				case <-time.After(20 * time.Second):
					t.Fatal("no attempt within 20 s")
				}
				meanwhile()
				answer <- status
				if fate := <-settled; (fate == tunnel.Completed) != (status == 200) { // and it is in the store
					t.Fatalf("after %d: %v", status, fate)
				}
			}
			step, nothing := func() { s.step(t, c.step, ep) }, func() {}
			post(t, ep.URL, []byte("one"))
			run(500, step)
			run(500, nothing)
			step() // the retry waits for a second or two
			run(200, nothing)
			waitDepth(t, s.Relay, ep, relay.Depth{})
			if resp, _ := post(t, ep.URL, []byte("two")); resp.StatusCode != 202 {
				t.Errorf("after the step: %d", resp.StatusCode)
			}
			run(200, nothing)
			waitDepth(t, s.Relay, ep, relay.Depth{})
		})
	}
}

// What was used up before the clock went back stays so.
func TestUsedUpStaysSoWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	s := startStepped(t)
	ep := s.Create(t, relay.EndpointRequest{MaxUses: ptr[int64](1)})
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 202 {
		t.Fatalf("got %d", resp.StatusCode)
	}
	for _, back := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour} {
		s.step(t, -back, ep)
		if resp, err := http.Head(ep.URL); err != nil || resp.StatusCode != 410 {
			t.Errorf("%s back: %v, %v", back, resp, err)
		}
		if v := view(t, s.Relay, ep); v.State != "closed" || v.Closed != relay.UsedUp {
			t.Errorf("%s back: %s %s", back, v.State, v.Closed)
		}
	}
}

// A clock that is put forward by mistake closes endpoints and deletes nothing
// before someone could put it right.
func TestAClockPutForwardByMistakeDeletesNothing(t *testing.T) {
	t.Parallel()
	s := startStepped(t)
	ep := s.Create(t, relay.EndpointRequest{})
	post(t, ep.URL, []byte("kept"))
	const year = 365 * 24 * time.Hour
	s.step(t, year, ep)
	if resp, err := http.Post(ep.URL, "text/plain", strings.NewReader("x")); err != nil || resp.StatusCode != 410 {
		t.Errorf("a year later: %v, %v", resp, err)
	}
	other := s.Create(t, relay.EndpointRequest{})
	for seen := s.store.looks.Load(); s.store.looks.Load() < seen+2; { // the sweeper has done with the first
		ownerCall(t, s.Relay, other, "POST", "/stop", nil, nil) // wakes it
	}
	if n, err := s.store.Stats(t.Context()); err != nil || n.Depth.Pending != 1 {
		t.Errorf("a year later: %+v, %v", n, err)
	}
	s.step(t, -year, ep)
	if resp, _ := post(t, ep.URL, []byte("two")); resp.StatusCode != 202 {
		t.Errorf("after it was put right: %d", resp.StatusCode)
	}
	got := make(chan string, 2)
	s.Listen(t, ep, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
		got <- string(d.Body)
		return &tunnel.Result{Status: 200}, nil
	})})
	waitDepth(t, s.Relay, ep, relay.Depth{})
	if a, b := <-got, <-got; a+b != "kepttwo" && a+b != "twokept" {
		t.Errorf("arrived: %q, %q", a, b)
	}
}
