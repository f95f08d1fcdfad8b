package tunnel

import (
	"container/list"
	"context"
	"sync"
)

// window counts what is under way against a Window, and lets senders wait in
// line for room.
type window struct {
	mu    sync.Mutex
	limit Window
	used  Window
	line  list.List // of *place
}

type place struct {
	size  int64
	ready chan struct{}
}

// fits: guarded by mu. One delivery larger than the window passes alone.
func (w *window) fits(size int64) bool {
	if w.used.Deliveries == 0 {
		return true
	}
	return w.used.Deliveries < w.limit.Deliveries && w.used.Bytes+size <= w.limit.Bytes
}

func (w *window) take(size int64) {
	w.used.Deliveries++
	w.used.Bytes += size
}

// try takes room if nobody waits for it.
func (w *window) try(size int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tryLocked(size)
}

func (w *window) tryLocked(size int64) bool {
	ok := w.line.Len() == 0 && w.fits(size)
	if ok {
		w.take(size)
	}
	return ok
}

// acquire waits in line for room.
func (w *window) acquire(ctx context.Context, size int64) error {
	w.mu.Lock()
	if w.tryLocked(size) {
		w.mu.Unlock()
		return nil
	}
	p := &place{size, make(chan struct{})}
	e := w.line.PushBack(p)
	w.mu.Unlock()
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		select {
		case <-p.ready: // room came at the same moment: give it back
			w.giveBack(size)
		default:
			w.line.Remove(e)
			w.admit()
		}
		return context.Cause(ctx)
	}
}

// force takes room whether or not there is any: for what is under way already.
func (w *window) force(size int64) {
	w.mu.Lock()
	w.take(size)
	w.mu.Unlock()
}

// release gives room back.
func (w *window) release(size int64) {
	w.mu.Lock()
	w.giveBack(size)
	w.mu.Unlock()
}

func (w *window) giveBack(size int64) {
	w.used.Deliveries--
	w.used.Bytes -= size
	w.admit()
}

func (w *window) admit() {
	for e := w.line.Front(); e != nil; e = w.line.Front() {
		p := e.Value.(*place)
		if !w.fits(p.size) {
			return
		}
		w.take(p.size)
		w.line.Remove(e)
		close(p.ready)
	}
}
