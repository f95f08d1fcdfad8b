package relay

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/tunnel"
)

// errInstance is a redial of a listener that another has replaced.
var errInstance = errors.New("another listener holds the endpoint")

// tunnel serves GET /v1/tunnel: it makes a tunnel of the request and returns.
func (s *Server) tunnel(w http.ResponseWriter, r *http.Request) {
	key, ok := bearer(r)
	if !ok {
		problemUnauthorized().write(w)
		return
	}
	if s.draining() {
		problemShutdown(retrySoon).write(w)
		return
	}
	c := s.proxies.Client(r)
	if ok, after := s.rates.Attach(c.Addr); !ok {
		s.metrics.limited("attach")
		problemRate(after).write(w)
		return
	}
	conn, err := tunnel.AcceptWebSocket(w, r)
	if err != nil {
		return // the answer has been written
	}
	// In a goroutine of its own: that of the request has grown a deep stack, and
	// keeps the request, for what is idle most of its life.
	base := s.base(c)
	if !s.spawn(func() { s.serveTunnel(conn, key, base, func(*tunnel.Session) {}) }) {
		say(conn, tunnel.CloseRestart, "the relay is stopping")
	}
}

// serveTunnel runs one connection of a listener; base is the relay's own URL
// as the listener used it. attached is told of the session.
func (s *Server) serveTunnel(conn tunnel.Conn, key, base string, attached func(*tunnel.Session)) {
	if a, ok := conn.(tunnel.Aborter); ok {
		defer a.Abort()
	}
	hello, err := tunnel.ReadHello(s.ctx, conn)
	if err != nil {
		say(conn, tunnel.CloseProtocol, err.Error())
		return
	}
	h, code := s.owned(s.ctx, hello.Endpoint, key)
	if code != 0 {
		say(conn, code, "")
		return
	}
	ses, wakes, err := h.attach(s.ctx, conn, &hello, base)
	switch {
	case err == nil:
	case errors.Is(err, errInstance), errors.Is(err, ErrFenced):
		say(conn, tunnel.CloseTakenOver, "another listener took over")
		return
	case errors.Is(err, errGone):
		say(conn, tunnel.CloseGone, err.Error())
		return
	default:
		s.log.Error("not attached", "endpoint", h.label(), "err", err)
		say(conn, tunnel.CloseQuota, "the relay cannot store anything at the moment")
		return
	}
	attached(ses)
	s.log.Info("listener attached", "endpoint", h.label(), "epoch", ses.Epoch(), "client", safetext.String(hello.Client))
	ctx, cancel := context.WithCancel(s.ctx)
	dispatched := make(chan struct{})
	go func() { defer close(dispatched); h.dispatch(ctx, ses, wakes) }()
	err = ses.Run()
	cancel()
	<-dispatched
	h.detach(ses)
	s.log.Info("listener left", "endpoint", h.label(), "epoch", ses.Epoch(), "why", safetext.String(err.Error()))
}

// say closes a connection that never became a session.
func say(conn tunnel.Conn, code tunnel.CloseCode, reason string) {
	if c, ok := conn.(tunnel.Closer); ok {
		c.Close(code, reason)
	}
}

// owned finds the endpoint with a public id for the holder of its owner key;
// code says why not.
func (s *Server) owned(ctx context.Context, id, key string) (h *hub, code tunnel.CloseCode) {
	if !s.keys.Valid(id) {
		return nil, tunnel.CloseUnknown
	}
	h, err := s.hub(ctx, HashOf(id))
	if errors.Is(err, ErrNotFound) {
		return nil, tunnel.CloseGone
	}
	if err != nil {
		s.log.Error("endpoint not read", "err", err)
		return nil, tunnel.CloseQuota
	}
	if !h.record().ownedBy(key) {
		return nil, tunnel.CloseUnauthorised
	}
	return h, 0
}

// ownedBy compares hashes in constant time.
func (e Endpoint) ownedBy(key string) bool {
	sum := HashOf(key)
	return subtle.ConstantTimeCompare(sum[:], e.Owner[:]) == 1
}

// errGone is an endpoint whose mailbox is closed too.
var errGone = errors.New("the endpoint has expired")

// attach makes a listener the holder of the endpoint: a fresh start always, by
// a new epoch; a redial only when its epoch is the current one.
func (h *hub) attach(ctx context.Context, conn tunnel.Conn, hello *tunnel.Hello, base string) (*tunnel.Session, <-chan wake, error) {
	h.attaching.Lock()
	defer h.attaching.Unlock()
	ep, err := h.fresh(ctx)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	if !ep.PurgeAt().After(now) {
		return nil, nil, errGone
	}
	if hello.Epoch == 0 {
		ep, err = h.update(ctx, func(ep *Endpoint) error {
			ep.Epoch++
			ep.Instance = hello.Instance
			if at, why, closed := ep.Closed(now); closed && why == Idled {
				ep.ExpiresAt = at // a listener that comes for what is left does not open it again
			}
			ep.UsedAt = now
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("taking over: %w", err)
		}
	} else if hello.Epoch != ep.Epoch || hello.Instance != ep.Instance {
		return nil, nil, errInstance
	}
	release, err := h.s.bus.Claim(ctx, h.id, ep.Epoch, h)
	if err != nil {
		return nil, nil, err
	}
	depth, err := h.s.store.Depth(ctx, h.id)
	if err != nil {
		release()
		return nil, nil, fmt.Errorf("counting the queue: %w", err)
	}
	ses := tunnel.NewSession(h.s.ctx, conn, *hello, tunnel.SessionOptions{
		Welcome: tunnel.Welcome{
			Relay: "hook/" + h.s.opts.Version, Session: rand.Uint64(), Epoch: ep.Epoch,
			URL: h.s.publicURL(base, hello.Endpoint), Backlog: depth.Pending, ExpiresAt: ep.ExpiresAt,
			Window:  tunnel.Window{Deliveries: tunnel.DefaultDeliveries, Bytes: tunnel.DefaultBytes},
			MaxBody: h.s.opts.MaxBody, MaxAnswer: h.s.opts.MaxAnswer, Clock: now,
		},
		Paused:  func(string) { h.poke(wakeAll) },
		Resumed: func() { h.poke(wakeAll) },
	})
	h.resume(ctx, ses, hello)
	wakes := make(chan wake, 1)
	h.mu.Lock()
	h.session, h.wake, h.began, h.used, h.closing = ses, wakes, now, now, ""
	h.mu.Unlock()
	h.s.pin(h)
	h.s.noteTunnel(ses, release, 1)
	h.watchExpiry(ses, ep.ExpiresAt)
	return ses, wakes, nil
}

// watchExpiry tells a listener when its endpoint expires under it.
func (h *hub) watchExpiry(ses *tunnel.Session, at time.Time) {
	if wait := time.Until(at); wait > 0 {
		h.s.later(wait, func() {
			h.mu.Lock()
			current, expires := h.session == ses, h.ep.ExpiresAt
			h.mu.Unlock()
			switch {
			case !current:
			case expires.After(time.Now()): // it was prolonged
				h.watchExpiry(ses, expires)
			default:
				h.intakeClosed()
			}
		})
	}
}

// intakeClosed tells the listener that nothing new will come, and lets it go
// when nothing is left in the mailbox. A listener that attaches later stays: it
// has come for what is left.
func (h *hub) intakeClosed() {
	ep := h.record()
	_, why, closed := ep.Closed(time.Now())
	h.mu.Lock()
	ses := h.session
	first := closed && ses != nil && h.closing == ""
	if first {
		h.closing = why
	}
	h.mu.Unlock()
	if first {
		ses.Notice("the endpoint is closed (" + string(why) + "): nothing new comes in")
	}
	h.letGo()
}

// letGo ends a session whose endpoint has closed under it and which is drained.
func (h *hub) letGo() {
	h.mu.Lock()
	ses, why := h.session, h.closing
	busy := h.live > 0 || len(h.leases) > 0
	h.mu.Unlock()
	if ses == nil || why == "" || busy {
		return
	}
	if depth, err := h.s.store.Depth(h.s.ctx, h.id); err == nil && depth.Pending == 0 {
		ses.CloseWhenIdle(tunnel.CloseGone, "the endpoint is closed ("+string(why)+") and nothing is left to deliver")
	}
}

// resume takes up the attempts that the listener still has, and frees the
// items that no one runs any more.
func (h *hub) resume(ctx context.Context, ses *tunnel.Session, hello *tunnel.Hello) {
	open := make(map[tunnel.ID]int, len(hello.Open))
	for _, o := range hello.Open {
		open[o.ID] = o.Attempt
	}
	h.landed(ctx, open)
	h.mu.Lock()
	lost := h.leases
	h.leases = make(map[tunnel.ID]*lease)
	h.mu.Unlock()
	for id, attempt := range open {
		l := lost[id]
		if l == nil { // this relay was restarted, or another had the tunnel
			it, err := h.s.store.Item(ctx, h.id, id)
			if err != nil || it.Dead || it.Attempts+1 != attempt && it.next() != attempt {
				continue
			}
			l = &lease{item: it, attempt: attempt}
		}
		if l.attempt != attempt {
			continue
		}
		delete(lost, id)
		h.mu.Lock()
		l.session = ses
		h.leases[id] = l
		h.mu.Unlock()
		ses.Resume(id, attempt, l.item.Size, func(o tunnel.Outcome) { h.ended(id, o) })
	}
	var list []Settlement
	now := time.Now()
	h.mu.Lock()
	epoch := h.ep.Epoch
	for id, l := range lost {
		if l.session != nil {
			h.leases[id] = l // its outcome is being written
			delete(lost, id)
		}
	}
	h.mu.Unlock()
	for id, l := range lost { // the application may have acted: it was an attempt
		it, err := h.s.store.Item(ctx, h.id, id)
		if err == nil && !it.Dead && it.Attempts < l.attempt { // else another relay had it meanwhile
			list = append(list, Settlement{ID: id, Outcome: Retry, Attempts: l.attempt, NextAt: now, Reason: "listener lost", At: now})
		}
	}
	if len(list) > 0 {
		if err := h.s.store.Settle(ctx, h.id, epoch, list); err != nil {
			h.s.log.Error("lost attempts not counted", "endpoint", h.label(), "err", err)
		}
	}
}

// landed waits for those live attempts of a lost session that are on their way
// into the queue: only there can the listener take them up again.
func (h *hub) landed(ctx context.Context, open map[tunnel.ID]int) {
	ctx, cancel := context.WithTimeout(ctx, retrySoon)
	defer cancel()
	for id := range open {
		h.mu.Lock()
		a := h.lives[id]
		h.mu.Unlock()
		if a == nil {
			continue
		}
		select {
		case <-a.wait():
		case <-ctx.Done():
			return
		}
	}
}

// Displaced ends the session that a newer listener replaces.
func (h *hub) Displaced(ctx context.Context, epoch uint64) {
	h.mu.Lock()
	ses := h.session
	h.session, h.wake = nil, nil
	h.mu.Unlock()
	if ses == nil {
		return
	}
	if epoch > ses.Epoch() {
		ses.Displace(tunnel.CloseTakenOver, "another listener took over at "+time.Now().UTC().Format("15:04:05 MST"))
	} else {
		ses.Abort() // the same listener has redialled: this connection is dead
	}
}

// detach forgets a session that has ended.
func (h *hub) detach(ses *tunnel.Session) {
	h.mu.Lock()
	if h.session == ses {
		h.session, h.wake = nil, nil
	}
	h.mu.Unlock()
	h.s.noteTunnel(ses, nil, -1)
	h.touch(time.Now())
}
