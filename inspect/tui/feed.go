package tui

import (
	"context"
	"sync"
	"time"

	"github.com/hookrelay/hook/inspect"
)

const (
	feedEvents = 8192     // that wait for the screen: 4 s of 2,000 webhooks a second
	feedWords  = 256      // … of those that are no flows: they find room when flows do not
	feedBytes  = 64 << 20 // of the flows' bodies
	frame      = time.Second / 30
)

// Feed carries events to the screen. Send never waits: a flow that changes
// while it waits is replaced, and what finds the feed full is counted and not
// shown. A Feed serves any number of senders and one inspector.
type Feed struct {
	wake chan struct{} // holds a token while something waits

	mu      sync.Mutex
	waiting []Event
	at      map[string]int // index in waiting of a flow, by its ID
	words   int            // events in waiting that are no flows
	bytes   int64
	dropped int
}

// NewFeed makes a Feed.
func NewFeed() *Feed {
	return &Feed{wake: make(chan struct{}, 1), at: make(map[string]int)}
}

// Send queues an event for the screen.
func (f *Feed) Send(e Event) {
	f.mu.Lock()
	if seen, ok := e.(Seen); ok {
		f.seen(seen)
	} else if f.words < feedWords {
		f.waiting = append(f.waiting, e)
		f.words++
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// seen queues a flow. The caller holds mu.
func (f *Feed) seen(e Seen) {
	id, size := e.Flow.ID(), weight(e.Flow)
	if i, ok := f.at[id]; ok {
		f.bytes += size - weight(f.waiting[i].(Seen).Flow)
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

// batch is what came between two frames.
type batch struct {
	events  []Event
	dropped int // since the feed was made
}

func (f *Feed) take() batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := batch{f.waiting, f.dropped}
	f.waiting, f.at, f.words, f.bytes = nil, make(map[string]int), 0, 0
	return b
}

// pump hands batches to send, at most one a frame, until ctx ends. While send
// is held up by a slow screen, events gather in the feed.
func (f *Feed) pump(ctx context.Context, send func(batch)) {
	pace := time.NewTicker(frame)
	defer pace.Stop()
	for {
		select {
		case <-f.wake:
			send(f.take())
		case <-ctx.Done():
			return
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
	}
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
