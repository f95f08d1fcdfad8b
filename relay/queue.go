package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

const (
	firstRetry    = time.Second
	longestRetry  = time.Hour
	orderedRetry  = 30 * time.Second // longest, where a head blocks the others
	rescanAtLeast = time.Second      // between two readings of a whole queue
	page          = 64               // items read at once
)

// dispatch offers what is queued to the session's listener, in order of Seq,
// until the session ends. It reads the tail when something new comes, and the
// whole queue when something is due again: never on a clock of its own.
func (h *hub) dispatch(ctx context.Context, ses *tunnel.Session, wakes <-chan wake) {
	var after uint64 // everything up to it has been offered or waits for a due time
	var due time.Time
	timer := time.NewTimer(0) // the first reading
	defer timer.Stop()
	for {
		select {
		case w := <-wakes:
			if w == wakeAll {
				after = 0
			}
		case <-timer.C:
			after = 0
		case <-ctx.Done():
			return
		}
		last, next, err := h.offer(ctx, ses, after)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			h.s.log.Error("queue not read", "endpoint", h.label(), "err", err)
			next = time.Now().Add(retrySoon)
		}
		if after == 0 || !next.IsZero() && (due.IsZero() || next.Before(due)) {
			due = next
		}
		after = last
		if due.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(time.Until(due), rescanAtLeast))
		}
	}
}

// offer sends the pending items after a Seq to the listener, as the window has
// room. It returns the last Seq seen and when the next passed-over item is due.
func (h *hub) offer(ctx context.Context, ses *tunnel.Session, after uint64) (last uint64, next time.Time, err error) {
	policy := h.record().Policy
	ordered := policy.Ordered
	if ordered {
		after = 0
	}
	for {
		items, err := h.s.store.List(ctx, h.id, Pending, after, page)
		if err != nil {
			return after, next, fmt.Errorf("listing the queue: %w", err)
		}
		for _, it := range items {
			if ordered && h.underWay() {
				return 0, next, nil // its end wakes us
			}
			if h.leased(it.Delivery.ID) {
				after = it.Seq()
				continue
			}
			now := time.Now()
			if wait := untilDue(it.NextAt, now, policy.longestRetry()); wait > 0 {
				if at := now.Add(wait); next.IsZero() || at.Before(next) {
					next = at
				}
				if ordered {
					return 0, next, nil
				}
				after = it.Seq()
				continue
			}
			err := h.try(ctx, ses, it)
			if errors.Is(err, tunnel.ErrPaused) || errors.Is(err, tunnel.ErrClosed) {
				return 0, time.Time{}, nil // resuming wakes us for all of it
			}
			if err != nil {
				return after, next, err
			}
			after = it.Seq()
		}
		if len(items) < page {
			return after, next, nil
		}
	}
}

// Seq is the item's place in the queue.
func (it *Item) Seq() uint64 { return it.Delivery.Seq }

// next is the number of the item's next attempt. One that was open when the
// item was stored, and of which nothing was heard since, counts.
func (it *Item) next() int { return max(it.Attempts, it.Delivery.Attempt) + 1 }

func (h *hub) leased(id tunnel.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.leases[id] != nil
}

// underWay tells whether anything of an ordered endpoint is.
func (h *hub) underWay() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.live > 0 || len(h.leases) > 0
}

// try sends one item. It waits for room in the window.
func (h *hub) try(ctx context.Context, ses *tunnel.Session, it Item) error {
	l := &lease{session: ses}
	h.mu.Lock()
	if h.leases == nil {
		h.leases = make(map[tunnel.ID]*lease)
	}
	h.leases[it.Delivery.ID] = l
	h.mu.Unlock()
	err := h.run(ctx, l, it)
	if err != nil {
		h.unlease(it.Delivery.ID, l)
	}
	if errors.Is(err, errStale) {
		return nil
	}
	return err
}

// errStale is an item that has changed since it was listed.
var errStale = errors.New("item has changed")

// run sends an item that is leased. What was listed may be out of date by now,
// while nobody else changes what is leased.
func (h *hub) run(ctx context.Context, l *lease, listed Item) error {
	it, err := h.s.store.Item(ctx, h.id, listed.Delivery.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return errStale // settled or removed meanwhile
	case err != nil:
		return fmt.Errorf("reading %s: %w", listed.Delivery.ID, err)
	case it.Dead, it.Seq() != listed.Seq(), !it.NextAt.Equal(listed.NextAt):
		return errStale // its change wakes us
	}
	body, err := h.s.store.Body(ctx, h.id, it.Delivery.ID)
	if errors.Is(err, ErrNotFound) {
		return errStale
	}
	if err != nil {
		return fmt.Errorf("opening the body of %s: %w", it.Delivery.ID, err)
	}
	d := it.Delivery
	d.Attempt = it.next()
	h.mu.Lock()
	l.item, l.attempt = it, d.Attempt
	h.mu.Unlock()
	err = l.session.Deliver(ctx, &d, body, func(o tunnel.Outcome) {
		body.Close()
		h.ended(d.ID, o)
	})
	if err != nil {
		body.Close()
	}
	return err
}

func (h *hub) unlease(id tunnel.ID, l *lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leases[id] == l {
		delete(h.leases, id)
	}
}

// outcome is how an attempt at a queued item ended.
type outcome struct {
	lease  *lease
	settle Settlement
	say    tunnel.Settlement
	voided bool // unreachable: nothing to write
}

// ended takes the outcome of an attempt at a queued item. It does not block:
// what has to be written is written by settle.
func (h *hub) ended(id tunnel.ID, o tunnel.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.leases[id]
	if l == nil {
		return
	}
	if o.Lost() && (h.session == nil || h.session == l.session) {
		l.session = nil // the listener may come back and name it
		return
	}
	out := outcome{lease: l, say: tunnel.Settlement{ID: id, Attempt: l.attempt}}
	if o.Lost() { // and it is back already
		o.Failure = &tunnel.Failure{Kind: tunnel.Abandoned, Detail: "listener lost"}
	}
	if o.Failure != nil && o.Failure.Kind.Unreachable() {
		out.voided = true
		out.say.Fate = tunnel.Forgotten
	} else {
		out.settle = decide(&h.ep.Policy, &l.item, l.attempt, o, time.Now())
		out.say.Reason, out.say.NextAt = out.settle.Reason, out.settle.NextAt
		switch out.settle.Outcome {
		case Done:
			out.say.Fate = tunnel.Completed
		case Retry:
			out.say.Fate = tunnel.Retried
		case Died:
			out.say.Fate = tunnel.Dead
		}
	}
	h.unsaid = append(h.unsaid, out)
	if !h.settling {
		h.settling = h.s.spawn(h.settle)
	}
}

// decide says what becomes of a queued item after an attempt (DESIGN §5): done
// at 2xx; tried again after 5xx, 408, 425, 429 and no answer; dead otherwise,
// or when it was tried long enough.
func decide(p *Policy, it *Item, attempt int, o tunnel.Outcome, now time.Time) Settlement {
	s := Settlement{ID: it.Delivery.ID, Attempts: attempt, At: now}
	var wait time.Duration // what the application asks for
	switch r := o.Result; {
	case r == nil && o.Failure.Kind == tunnel.Unfit:
		s.Outcome, s.Reason = Died, o.Failure.Error()
		return s
	case r == nil:
		s.Outcome, s.Reason = Retry, "no answer: "+o.Failure.Error()
	case r.Status >= 200 && r.Status < 300:
		s.Outcome = Done
		return s
	case r.By == tunnel.ByBlock:
		s.Outcome, s.Reason = Died, "signature refused"
		return s
	case r.Status >= 500 || r.Status == http.StatusRequestTimeout || r.Status == http.StatusTooEarly || r.Status == http.StatusTooManyRequests:
		s.Outcome, s.Reason = Retry, fmt.Sprintf("answered %d", r.Status)
		wait = askedFor(r, now)
	default:
		s.Outcome, s.Reason = Died, fmt.Sprintf("answered %d", r.Status)
		return s
	}
	longest := p.longestRetry()
	bound := min(firstRetry<<min(attempt-1, 30), longest)
	s.NextAt = now.Add(max(min(wait, longest), bound/10+rand.N(bound-bound/10)))
	if wait > longest {
		s.NextAt = now.Add(longest)
	}
	if p.MaxAttempts > 0 && attempt >= p.MaxAttempts {
		s.Outcome, s.NextAt = Died, time.Time{}
		s.Reason += fmt.Sprintf(", after %d attempts", attempt)
	} else if p.RetryFor > 0 && s.NextAt.After(it.QueuedAt.Add(p.RetryFor)) {
		s.Outcome, s.NextAt = Died, time.Time{}
		s.Reason += fmt.Sprintf(", tried for %s", p.RetryFor)
	}
	return s
}

// longestRetry is the longest pause between two attempts.
func (p *Policy) longestRetry() time.Duration {
	if p.Ordered {
		return orderedRetry
	}
	return longestRetry
}

// askedFor is the answer's Retry-After (RFC 9110 §10.2.3): seconds or a date.
func askedFor(r *tunnel.Result, now time.Time) time.Duration {
	v := r.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return t.Sub(now)
	}
	return 0
}

// settle writes what has ended, in batches, and then tells the listener. While
// the store takes no writes the outcomes are kept and tried again.
func (h *hub) settle() {
	for {
		h.mu.Lock()
		batch := h.unsaid
		h.unsaid = nil
		if len(batch) == 0 {
			h.settling = false
			h.mu.Unlock()
			return
		}
		epoch := h.ep.Epoch
		h.mu.Unlock()
		var list []Settlement
		for _, o := range batch {
			if !o.voided {
				list = append(list, o.settle)
			}
		}
		fenced := h.write(epoch, list)
		// The listener is told before an item can be offered again: it takes no
		// delivery that it still has on its books.
		said := make(map[*tunnel.Session][]tunnel.Settlement)
		h.mu.Lock()
		for _, o := range batch {
			if ses := o.lease.session; ses != nil && !fenced {
				said[ses] = append(said[ses], o.say)
			}
		}
		h.mu.Unlock()
		for ses, list := range said {
			ses.Settled(list...)
		}
		h.mu.Lock()
		var rest []outcome // not to be offered again at once
		for _, o := range batch {
			if o.voided && o.lease.session != nil && !o.lease.session.Paused() {
				rest = append(rest, o)
			} else if h.leases[o.say.ID] == o.lease {
				delete(h.leases, o.say.ID)
			}
		}
		h.mu.Unlock()
		h.s.metrics.settled(list)
		if len(rest) > 0 {
			h.s.later(unreachableAgain, func() {
				for _, o := range rest {
					h.unlease(o.say.ID, o.lease)
				}
				h.poke(wakeAll)
			})
		}
		h.poke(wakeAll)
		h.letGo()
	}
}

// unreachableAgain is how soon a listener that found its target unreachable,
// and did not pause, is offered the delivery again.
const unreachableAgain = 2 * time.Second

// write makes settlements durable. It tells whether a newer listener holds the
// endpoint, in which case nothing was written.
func (h *hub) write(epoch uint64, list []Settlement) (fenced bool) {
	if len(list) == 0 {
		return false
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, retrySoon) {
		err := h.s.store.Settle(h.s.ctx, h.id, epoch, list)
		switch {
		case err == nil:
			return false
		case errors.Is(err, ErrFenced), errors.Is(err, ErrNotFound):
			return true
		}
		h.s.log.Error("not settled", "endpoint", h.label(), "count", len(list), "err", err)
		select {
		case <-time.After(wait):
		case <-h.s.ctx.Done():
			return true
		}
	}
}
