package relay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	defaultMaxBody  = 25 << 20  // bytes of one request's body
	defaultInFlight = 512 << 20 // bytes of all bodies that the relay has in hand
	firstStep       = 4 << 10   // bytes of the budget, and of memory, for a body of which nothing has come
	budgetStep      = 64 << 10  // bytes taken from the budget at once, when as many have come
	budgetWait      = 2 * time.Second
)

var (
	errTooLarge = errors.New("body over the limit")
	errBusy     = errors.New("too many bytes in flight")
)

// byteBudget bounds the bytes of bodies that the relay has in hand.
type byteBudget struct {
	sem  *semaphore.Weighted
	wait time.Duration
}

// newByteBudget makes a budget of total bytes (0: defaultInFlight). A body that
// finds it used up waits as long as wait for others to end (0: budgetWait,
// negative: not at all). It never waits for ever: bodies that are half in and
// wait for each other would stay so.
func newByteBudget(total int64, wait time.Duration) *byteBudget {
	if total <= 0 {
		total = defaultInFlight
	}
	if wait == 0 {
		wait = budgetWait
	}
	return &byteBudget{sem: semaphore.NewWeighted(total), wait: wait}
}

// take takes n bytes: errBusy where they are not to be had, or ctx's error.
func (b *byteBudget) take(ctx context.Context, n int64) error {
	if b.sem.TryAcquire(n) {
		return nil
	}
	if b.wait < 0 {
		return errBusy
	}
	waiting, cancel := context.WithTimeout(ctx, b.wait)
	defer cancel()
	if b.sem.Acquire(waiting, n) == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errBusy
}

// bodyReader reads a request's body within a limit, and takes from the budget
// as the body grows: what a sender only announces costs nothing, and ten
// thousand senders of which nothing comes do not keep the others out. It is for
// one goroutine.
type bodyReader struct {
	ctx    context.Context
	src    io.Reader
	budget *byteBudget
	left   int64 // of the announced length; negative: not announced
	held   int64 // taken from the budget and not given back
	room   int64 // of held: not filled yet
	got    int64 // read so far
	err    error
}

// limitBody is r's body: at most limit bytes (0: defaultMaxBody), counted
// against budget (nil: not counted). errTooLarge, before a byte is read and
// before "100 Continue", where the announced length is over the limit. The
// caller calls release when it holds the bytes no more.
//
// Read's errors: errTooLarge (413), errBusy (503), those of the connection
// (see problemForRead).
func limitBody(w http.ResponseWriter, r *http.Request, limit int64, budget *byteBudget) (*bodyReader, error) {
	if limit <= 0 {
		limit = defaultMaxBody
	}
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	return &bodyReader{
		ctx:    r.Context(),
		src:    http.MaxBytesReader(w, r.Body, limit),
		budget: budget,
		left:   r.ContentLength,
	}, nil
}

// Read reads as io.Reader does.
func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.budget != nil && b.left != 0 {
		if b.room == 0 {
			step := min(max(b.got, firstStep), budgetStep) // what came, once more
			if b.left > 0 {
				step = min(step, b.left)
			}
			if b.err = b.budget.take(b.ctx, step); b.err != nil {
				return 0, b.err
			}
			b.held += step
			b.room = step
		}
		p = p[:min(int64(len(p)), b.room)]
	}
	n, err := b.src.Read(p)
	b.got += int64(n)
	b.room = max(0, b.room-int64(n))
	if b.left > 0 {
		b.left -= int64(n)
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		err = errTooLarge
	}
	b.err = err
	return n, err
}

// keep gives back to the budget all but n of the bytes read: the rest has gone
// to a file.
func (b *bodyReader) keep(n int64) {
	if back := b.held - b.room - n; b.budget != nil && back > 0 {
		b.budget.sem.Release(back)
		b.held -= back
	}
}

// release gives everything back. It is safe to call twice; nothing may be read
// after it.
func (b *bodyReader) release() {
	if b.budget != nil && b.held > 0 {
		b.budget.sem.Release(b.held)
	}
	b.held, b.room = 0, 0
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
}
