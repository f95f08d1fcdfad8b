package relay

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// attempt is one live try: a sender waits for its outcome.
type attempt struct {
	h    *hub
	ses  *tunnel.Session
	d    *tunnel.Delivery
	free func() // of the body
	ch   chan tunnel.Outcome

	mu      sync.Mutex
	state   attemptState
	out     *tunnel.Outcome // came while the delivery was being stored
	dropped bool            // tooLate, and the outcome has come
	ended   bool            // see hub.over
	waiting chan struct{}
}

// attemptState says who wants the outcome.
type attemptState int

const (
	senderWaits attemptState = iota
	beingStored              // keep it for the queue
	inQueue                  // it settles the queued delivery
	senderLeft               // tell the listener so
	tooLate                  // the sender was answered otherwise
)

// done takes the outcome from the session. It does not block.
func (a *attempt) done(o tunnel.Outcome) {
	defer a.free()
	a.mu.Lock()
	state := a.state
	switch state {
	case senderWaits:
		a.ch <- o // has room; within mu, or turn would miss it
	case beingStored:
		a.out = &o
	}
	a.mu.Unlock()
	switch state {
	case inQueue:
		a.h.ended(a.d.ID, o)
	case senderLeft:
		a.say(tunnel.Settlement{Fate: tunnel.SenderLeft})
		a.h.over(a)
	case tooLate:
		a.say(tunnel.Settlement{Fate: tunnel.TooLate})
		a.h.over(a)
	}
}

// say tells the listener what became of the attempt.
func (a *attempt) say(s tunnel.Settlement) {
	s.ID, s.Attempt = a.d.ID, a.d.Attempt
	a.ses.Settled(s)
}

// turn changes who wants the outcome. When it has come already, it is returned
// and the state stays.
func (a *attempt) turn(to attemptState) (o tunnel.Outcome, came bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case o = <-a.ch:
		return o, true
	default:
		a.state = to
		return o, false
	}
}

// errBudget ends the wait for the application.
var errBudget = errors.New("budget over")

// Deliver answers a webhook as the endpoint's policy says.
func (h *hub) Deliver(ctx context.Context, w Webhook) Answer {
	ep, err := h.fresh(ctx)
	if errors.Is(err, ErrNotFound) {
		return refuse(problemGone(""))
	}
	if w.Use = w.Use && ep.MaxUses > 0; !w.Use {
		return unstored(&ep, h.deliver(ctx, &ep, w))
	}
	if ep.Policy.Respond != Queue { // which takes the use as it stores
		_, err := h.s.store.Use(ctx, h.id, 1, w.Delivery.ReceivedAt)
		if errors.Is(err, ErrUsedUp) {
			return refuse(problemGone(UsedUp))
		}
		if err != nil {
			h.s.log.Error("use not counted", "endpoint", h.label(), "err", err)
			return refuse(problemStorage(retrySoon))
		}
		h.counted()
		w.Use = false
	}
	ans := unstored(&ep, h.deliver(ctx, &ep, w))
	if ans.Refusal == nil {
		h.intakeClosed() // if that was the last one
	} else if !w.Use {
		if _, err := h.s.store.Use(context.WithoutCancel(ctx), h.id, -1, w.Delivery.ReceivedAt); err == nil {
			h.counted()
		}
	}
	return ans
}

// deliver is Deliver without regard to uses.
func (h *hub) deliver(ctx context.Context, ep *Endpoint, w Webhook) Answer {
	p := ep.Policy
	if p.Respond == Queue {
		return h.accept(ctx, ep, w, nil)
	}
	ses, ok := h.admit(ctx, p.Ordered)
	if !ok {
		return h.store(ctx, ep, w, nil, h.absent(ses))
	}
	d := w.Delivery
	d.Attempt, d.Budget = 1, p.Budget
	a := &attempt{h: h, ses: ses, d: d, free: w.Release, ch: make(chan tunnel.Outcome, 1)}
	h.mu.Lock()
	if h.lives == nil {
		h.lives = make(map[tunnel.ID]*attempt)
	}
	h.lives[d.ID] = a
	h.mu.Unlock()
	ans := h.pass(ctx, ep, w, a)
	a.mu.Lock()
	goesOn := a.state == senderLeft || a.state == tooLate && !a.dropped
	a.mu.Unlock()
	if !goesOn {
		h.over(a)
	}
	return ans
}

// over counts a live attempt out, once nobody runs it or it is in the queue.
func (h *hub) over(a *attempt) {
	h.mu.Lock()
	delete(h.lives, a.d.ID)
	h.live--
	next := h.live == 0 && h.ep.Policy.Ordered
	h.mu.Unlock()
	a.mu.Lock()
	if a.waiting != nil {
		close(a.waiting)
		a.waiting = nil
	}
	a.ended = true
	a.mu.Unlock()
	if next {
		h.poke(wakeAll) // what was stored meanwhile has its turn
	}
}

// wait returns a channel that is closed when the attempt is over.
func (a *attempt) wait() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = make(chan struct{})
		if a.ended {
			close(a.waiting)
		}
	}
	return a.waiting
}

// admit counts a webhook as live when a listener can take it now; an ordered
// endpoint takes one at a time, and none past what waits.
func (h *hub) admit(ctx context.Context, ordered bool) (ses *tunnel.Session, ok bool) {
	if ordered {
		h.order.Lock()
		defer h.order.Unlock()
		if h.unsettled(ctx) {
			return nil, false
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session == nil || h.session.Paused() {
		return h.session, false
	}
	h.live++
	return h.session, true
}

// retrySoon is the Retry-After where nobody knows better.
const retrySoon = 5 * time.Second

// absent is the refusal when nobody can take a webhook.
func (h *hub) absent(ses *tunnel.Session) problem {
	if ses != nil {
		return problemUnreachable()
	}
	return problemNoListener(http.StatusServiceUnavailable, retrySoon)
}

// unsettled tells whether an ordered endpoint has anything under way or
// waiting.
func (h *hub) unsettled(ctx context.Context) bool {
	h.mu.Lock()
	busy := h.live > 0 || len(h.leases) > 0
	h.mu.Unlock()
	if busy {
		return true
	}
	depth, err := h.s.store.Depth(ctx, h.id)
	return err != nil || depth.Pending > 0
}

// pass hands a webhook to the listener and waits for the answer within the
// budget.
func (h *hub) pass(ctx context.Context, ep *Endpoint, w Webhook, a *attempt) Answer {
	d, ses := a.d, a.ses
	within, cancel := context.WithDeadlineCause(ctx, d.ReceivedAt.Add(d.Budget), errBudget)
	defer cancel()
	w.Hold()
	switch err := ses.Deliver(within, d, w.Body, a.done); {
	case err == nil:
	case errors.Is(err, errBudget): // the window had no room for so long
		w.Release()
		return h.store(ctx, ep, w, nil, problemBudget())
	case ctx.Err() != nil:
		w.Release()
		return Answer{by: bySenderLeft}
	case errors.Is(err, tunnel.ErrPaused), errors.Is(err, tunnel.ErrClosed):
		w.Release()
		return h.store(ctx, ep, w, nil, h.absent(ses))
	default:
		w.Release()
		h.s.log.Error("delivery not sent", "endpoint", h.label(), "delivery", d.ID.String(), "err", err)
		return refuse(problemStorage(retrySoon))
	}
	select {
	case o := <-a.ch:
		return h.outcome(ctx, ep, w, a, o)
	case <-within.Done():
	}
	if ctx.Err() != nil { // the sender left: nothing was promised
		if o, came := a.turn(senderLeft); came {
			return h.outcome(ctx, ep, w, a, o)
		}
		ses.Cancel(d.ID, time.Since(d.ReceivedAt))
		return Answer{by: bySenderLeft}
	}
	if !mayStore(ep) {
		if o, came := a.turn(tooLate); came {
			return h.outcome(ctx, ep, w, a, o)
		}
		return refuse(problemBudget())
	}
	if o, came := a.turn(beingStored); came {
		return h.outcome(ctx, ep, w, a, o)
	}
	return h.store(ctx, ep, w, a, problemBudget())
}

// outcome turns what came of a live attempt into the sender's answer.
func (h *hub) outcome(ctx context.Context, ep *Endpoint, w Webhook, a *attempt, o tunnel.Outcome) Answer {
	switch {
	case o.Result != nil:
		ans, removed := h.s.answer(a.d, o.Result)
		if ctx.Err() != nil {
			a.say(tunnel.Settlement{Fate: tunnel.SenderLeft})
			return Answer{by: bySenderLeft}
		}
		a.say(tunnel.Settlement{Fate: tunnel.Answered, Status: ans.Status, Removed: removed})
		return ans
	case o.Failure != nil && o.Failure.Kind.Unreachable():
		// No attempt was made: as if there were no listener.
		a.say(tunnel.Settlement{Fate: tunnel.Forgotten})
		w.Delivery.Attempt = 0
		return h.store(ctx, ep, w, nil, problemUnreachable())
	}
	if !mayStore(ep) {
		if o.Failure == nil {
			return refuse(newProblem(http.StatusBadGateway, "lost", "Listener lost",
				"The connection to the listener broke while the application worked; whether it finished is not known."))
		}
		a.say(tunnel.Settlement{Fate: tunnel.Answered, Status: failureStatus(o.Failure)})
		return refuse(problemNoAnswer(o.Failure))
	}
	a.out = &o // nobody else has a: done has run
	a.state = beingStored
	return h.store(ctx, ep, w, a, problem{})
}

// failureStatus is what a waiting sender gets for an attempt without result.
func failureStatus(f *tunnel.Failure) int {
	if f.Kind == tunnel.TimedOut {
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

func problemNoAnswer(f *tunnel.Failure) problem {
	return newProblem(failureStatus(f), "no-answer", "No answer",
		"The application was reached and gave no answer: "+f.Kind.String()+".")
}

// mayStore tells whether a webhook that nobody answers in time is kept.
func mayStore(ep *Endpoint) bool { return ep.Policy.Respond != Live && !ep.Policy.NeverStore }

// store keeps a webhook for later, or refuses it by otherwise where the policy
// has it so. a is its open attempt, if one runs.
func (h *hub) store(ctx context.Context, ep *Endpoint, w Webhook, a *attempt, otherwise problem) Answer {
	if !mayStore(ep) {
		return refuse(otherwise)
	}
	return h.accept(ctx, ep, w, a)
}

// accept stores a webhook and acknowledges it.
func (h *hub) accept(ctx context.Context, ep *Endpoint, w Webhook, a *attempt) Answer {
	// The sender may leave from here on: what is written is written.
	ctx = context.WithoutCancel(ctx)
	d := *w.Delivery
	d.Budget = 0
	if a == nil {
		d.Attempt = 0
	} else {
		h.mu.Lock()
		if h.leases == nil {
			h.leases = make(map[tunnel.ID]*lease)
		}
		h.leases[d.ID] = &lease{attempt: d.Attempt, session: a.ses} // before it can be listed
		h.mu.Unlock()
	}
	item, err := h.s.store.Push(ctx, h.id, Push{
		Delivery: d, QueuedAt: d.ReceivedAt, Use: w.Use, MaxItems: h.s.opts.MaxItems, MaxBytes: h.s.opts.MaxQueueBytes,
	}, w.Body)
	if a != nil {
		h.stored(a, item, err)
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrQuota):
		h.s.metrics.limited("quota")
		return refuse(problemQuota(time.Minute))
	case errors.Is(err, ErrUsedUp):
		return refuse(problemGone(UsedUp))
	default:
		h.s.log.Error("not stored", "endpoint", h.label(), "delivery", d.ID.String(), "err", err)
		h.s.metrics.limited("storage")
		return refuse(problemStorage(retrySoon))
	}
	h.s.bus.Changed(h.id, QueueChanged)
	if w.Use {
		h.counted()
	}
	return acknowledge(&ep.Policy.Accept, d.ID)
}

// stored brings an open attempt and its stored item together.
func (h *hub) stored(a *attempt, item Item, err error) {
	h.mu.Lock()
	if err != nil {
		delete(h.leases, a.d.ID)
	} else {
		h.leases[a.d.ID].item = item
	}
	h.mu.Unlock()
	a.mu.Lock()
	out := a.out
	a.state = inQueue
	if err != nil {
		a.state, a.dropped = tooLate, out != nil
	}
	a.mu.Unlock()
	switch {
	case out == nil:
	case err != nil:
		a.say(tunnel.Settlement{Fate: tunnel.TooLate})
	default:
		h.ended(a.d.ID, *out)
	}
}

// What became of requests, for the metrics.
const (
	byApplication = "answered"
	byStored      = "stored"
	byRefused     = "refused"
	bySenderLeft  = "left"
	byHandshake   = "handshake"
)

// unstored makes every refusal of a webhook that must not be stored a 503: the
// provider decides what it does without the answer.
func unstored(ep *Endpoint, ans Answer) Answer {
	if p := ans.Refusal; p != nil && ep.Policy.NeverStore && ep.Policy.Respond == Auto && p.Status > http.StatusInternalServerError {
		own := p.after(retrySoon)
		own.Status = http.StatusServiceUnavailable
		ans.Refusal = &own
	}
	return ans
}

func refuse(p problem) Answer { return Answer{Refusal: &p, by: byRefused} }
