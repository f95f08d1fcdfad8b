package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/hookrelay/hook/relay"
)

const (
	// groupOps and groupBytes bound one transaction, so that it neither takes
	// long nor much memory. A single larger write still goes through.
	groupOps   = 1024
	groupBytes = 8 << 20
)

// op is one write that waits for the committer.
type op struct {
	// apply decides first and writes then: when it returns an error it has
	// written nothing, so that the others of its group go on.
	apply func(*batch) error
	size  int  // bytes it writes, roughly
	grows bool // refused first when the disk is full
	saves bool // to be written to the database, not only to the journal
	// late runs instead of the caller's own code when the caller has gone.
	late func(error)

	state atomic.Int32
	err   error
	done  chan struct{}
}

// States of an op. The caller moves it from waiting to gone (nothing happens)
// or from taken to left (it may still happen); the committer from waiting to
// taken to finished.
const (
	opWaiting = iota
	opTaken
	opGone
	opLeft
	opFinished
)

// queue is the ops that wait.
type queue struct {
	mu     sync.Mutex
	some   sync.Cond // something of what follows changed
	ops    []*op
	due    bool // a checkpoint is
	closed bool
}

func (q *queue) init() { q.some.L = &q.mu }

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.some.Broadcast()
}

// ring tells the committer that a checkpoint is due.
func (q *queue) ring() {
	q.mu.Lock()
	q.due = true
	q.mu.Unlock()
	q.some.Signal()
}

func (q *queue) put(o *op) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.ops = append(q.ops, o)
	if len(q.ops) == 1 {
		q.some.Signal()
	}
	return true
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ops)
}

// take waits for ops and returns a group of them, in the order they came, and
// whether a checkpoint is due. It is over when the queue is closed and empty.
func (q *queue) take() (group []*op, due, over bool) {
	q.mu.Lock()
	for len(q.ops) == 0 && !q.closed && !q.due {
		q.some.Wait()
	}
	q.mu.Unlock()

	// Those who were answered just now are about to write again: let them
	// come, as long as more do. Without this every other group is a small one.
	for n := q.len(); n < groupOps; {
		runtime.Gosched()
		m := q.len()
		if m == n {
			break
		}
		n = m
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.ops) && n < groupOps && (n == 0 || size+q.ops[n].size <= groupBytes) {
		size += q.ops[n].size
		n++
	}
	group = q.ops[:n:n]
	q.ops = q.ops[n:]
	if len(q.ops) == 0 {
		q.ops = nil
	}
	due, q.due = q.due, false
	return group, due, n == 0 && q.closed
}

// do hands o to the committer and waits until it is durable or refused. When
// ctx ends first, the write may still happen.
func (s *Store) do(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.done = make(chan struct{})
	if !s.queue.put(o) {
		return s.errClosed()
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
	}
	if o.state.CompareAndSwap(opWaiting, opGone) {
		return ctx.Err()
	}
	if o.state.CompareAndSwap(opTaken, opLeft) {
		return &leftError{ctx.Err()}
	}
	<-o.done
	return o.err
}

// leftError is the end of a context while the write went on.
type leftError struct{ error }

func (e *leftError) Unwrap() error { return e.error }

func (s *Store) commitLoop() {
	panicOnFault()
	for {
		group, due, over := s.queue.take()
		if over {
			s.finish()
			return
		}
		s.commitGroup(group)
		if due {
			s.checkpoint() // an error is logged where it ends the store; a full disk is tried again
		}
	}
}

// commitGroup makes the changes of a group durable, and answers every op in
// it. On a full disk those that take space are answered so, and the others are
// tried again by themselves: settling makes room.
func (s *Store) commitGroup(group []*op) {
	ops := make([]*op, 0, len(group))
	full := s.work.full || s.gate.full()
	for _, o := range group {
		if !o.state.CompareAndSwap(opWaiting, opTaken) {
			continue
		}
		if o.grows && full {
			o.finish(relay.ErrNoSpace)
			continue
		}
		ops = append(ops, o)
	}
	err := s.transact(ops)
	if errors.Is(err, relay.ErrNoSpace) {
		s.gate.setFull()
		var rest []*op
		for _, o := range ops {
			if o.grows {
				o.finish(err)
			} else {
				rest = append(rest, o)
			}
		}
		if len(rest) < len(ops) {
			ops, err = rest, s.transact(rest)
		}
	}
	for _, o := range ops {
		if err != nil {
			o.err = err
		}
		o.finish(o.err)
	}
}

func (o *op) finish(err error) {
	o.err = err
	if o.state.CompareAndSwap(opTaken, opFinished) {
		close(o.done)
		return
	}
	if o.late != nil {
		o.late(err)
	}
}

// transact makes what ops change durable: in the journal, or in the database
// where the journal has no room or an op asks for it. The error is that of the
// whole: no op has happened then.
func (s *Store) transact(ops []*op) error {
	if len(ops) == 0 {
		return nil
	}
	if err := s.stopped(); err != nil {
		return err
	}
	saves, grows := s.journal == nil, false
	for _, o := range ops {
		saves, grows = saves || o.saves, grows || o.grows
	}
	b, err := s.apply(ops)
	if err != nil || b.log.empty() {
		return err
	}
	if saves || !s.journal.fits(b.log, grows) {
		err = s.checkpoint()
	} else {
		err = s.note(b.log)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.totals.add(b.delta)
	s.mu.Unlock()
	s.files.remove(b.removed...)
	return nil
}

// note makes the changes of a group durable in the journal.
func (s *Store) note(log changes) error {
	err := spaceError(s.journal.append(log))
	switch {
	case err == nil:
		s.synced()
		return nil
	case errors.Is(err, relay.ErrNoSpace) && !errors.Is(err, errUnsynced):
		// Possible where a file system takes new space for what is overwritten.
		if rerr := s.redo(); rerr != nil {
			return rerr
		}
		return err
	}
	return s.stop(fmt.Errorf("no more writes after one that failed, restart the relay: %w", err))
}

// synced runs what a test wants to happen after each sync.
func (s *Store) synced() {
	if s.opts.afterSync != nil {
		s.opts.afterSync()
	}
}

func (s *Store) stop(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
		s.log.Error("the store has stopped", "err", err)
	}
	return err
}

func (s *Store) stopped() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}
