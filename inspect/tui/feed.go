package tui

import (
	"context"
	"sync"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
)

const (
	feedEvents = 8192     // that wait for the screen: 4 s of 2,000 webhooks a second
	feedWords  = 256      // … of those about no flow: they find room when flows do not
	feedBytes  = 64 << 20 // of the flows' bodies
	frame      = time.Second / 30
	busyFrame  = time.Second / 8 // while webhooks pour in: nobody reads them one by one
	busyEvents = 64              // in one frame: that is pouring
)

// Feed carries events to the screen. Send never waits: a flow that changes
// while it waits is replaced, and what finds the feed full is counted and not
// shown. A Feed serves any number of senders and one inspector.
type Feed struct {
	wake chan struct{} // holds a token while something waits

	mu      sync.Mutex
	waiting []Event
	at      map[feedKey]int // index in waiting of what is about a flow
	words   int             // events in waiting that are about none
	bytes   int64
	dropped int
}

// NewFeed makes a Feed.
func NewFeed() *Feed {
	return &Feed{wake: make(chan struct{}, 1), at: make(map[feedKey]int)}
}

// Send queues an event for the screen.
func (f *Feed) Send(e Event) {
	f.mu.Lock()
	switch e := e.(type) {
	case Seen:
		f.keyed(feedKey{flowKey: keyOfFlow(e.Flow)}, e, weight(e.Flow))
	case Settled:
		if k, ok := keyOfID(e.ID); ok {
			f.keyed(feedKey{k, e.Attempt}, e, 0)
		}
	default:
		if f.words < feedWords {
			f.waiting = append(f.waiting, e)
			f.words++
		}
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// keyed queues an event that takes the place of one with the same key, if
// that still waits. The caller holds mu.
func (f *Feed) keyed(id feedKey, e Event, size int64) {
	if i, ok := f.at[id]; ok {
		if old, ok := f.waiting[i].(Seen); ok {
			f.bytes -= weight(old.Flow)
		}
		f.bytes += size
		f.waiting[i] = e
		return
	}
	if len(f.at) >= feedEvents || f.bytes+size > feedBytes && len(f.at) > 0 {
		f.dropped++
		return
	}
	f.at[id] = len(f.waiting)
	f.waiting = append(f.waiting, e)
	f.bytes += size
}

// Event makes a Feed an inspect.Sink: the stream that lines and NDJSON are
// printed from.
func (f *Feed) Event(e inspect.Event) {
	switch e := e.(type) {
	case inspect.Ready:
		f.Send(Ready{URL: e.URL, Target: e.Target, Relay: e.Relay, ExpiresAt: e.Expires, Backlog: e.Backlog})
	case inspect.Begin:
		f.Send(Seen{e.Flow})
	case inspect.End:
		f.Send(Seen{e.Flow})
	case inspect.SettledEvent:
		f.Send(Settled{e.ID, e.Attempt, e.Settled})
	case inspect.Lost:
		f.Send(Link{State: Lost, Retry: e.Retry, Reason: safetext.Error(e.Err)})
	case inspect.Paused:
		f.Send(Mode{Paused: true, Reason: e.Reason})
	case inspect.Resumed:
		f.Send(Mode{})
	case inspect.Notice:
		f.Send(Said{Text: e.Text})
	case inspect.Gap:
		f.Send(Said{Bad: true, Text: count(e.Count, "webhook") + " will not come: " + e.Reason})
	}
}

// batch is what came between two frames.
type batch struct {
	events  []Event
	dropped int // since the feed was made
}

func (f *Feed) take() batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := batch{f.waiting, f.dropped}
	f.waiting, f.at, f.words, f.bytes = nil, make(map[feedKey]int), 0, 0
	return b
}

// pump hands batches to send, at most one a frame, until ctx ends. While send
// is held up by a slow screen, events gather in the feed.
func (f *Feed) pump(ctx context.Context, send func(batch)) {
	for {
		wait := frame
		select {
		case <-f.wake:
			b := f.take()
			send(b)
			if len(b.events) > busyEvents {
				wait = busyFrame
			}
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// feedKey is what an event is about: a flow, or what the relay said of one of
// its attempts.
type feedKey struct {
	flowKey
	settled int
}

// weight is the bytes of f's bodies that are in memory.
func weight(f *inspect.Flow) int64 {
	n := int64(len(f.Delivery.Body))
	for i := range f.Attempts {
		if r := f.Attempts[i].Result; r != nil {
			n += int64(len(r.Body))
		}
	}
	return n
}
