package stage

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/hookrelay/hook/tunnel"
)

// The bounds of what runs beside deliveries.
const (
	asideCopies = 64
	asideBytes  = 64 << 20
)

// Aside runs copies of deliveries beside them, such as those for the targets
// of a fan-out: they hold up no answer. What is too much is left out.
type Aside struct {
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex // guards what follows
	copies int
	bytes  int
	closed bool
}

// NewAside makes an Aside; Close ends it.
func NewAside() *Aside {
	a := new(Aside)
	a.ctx, a.stop = context.WithCancel(context.Background())
	return a
}

// Go runs fn with a copy of d and the values of ctx, but not its end. It is
// false when there is no room.
func (a *Aside) Go(ctx context.Context, d *tunnel.Delivery, fn func(ctx context.Context, d *tunnel.Delivery)) bool {
	size := len(d.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.copies >= asideCopies || a.copies > 0 && a.bytes+size > asideBytes {
		return false
	}
	a.copies++
	a.bytes += size
	own := *d
	own.Header, own.Body = slices.Clone(d.Header), bytes.Clone(d.Body)
	a.work.Go(func() {
		defer func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.copies--
			a.bytes -= size
		}()
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(a.ctx, cancel)()
		fn(ctx, &own)
	})
	return true
}

// Close stops what runs and waits for it. It may be called again.
func (a *Aside) Close() error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.stop()
	a.work.Wait()
	return nil
}
