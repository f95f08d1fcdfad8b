package relay

import (
	"context"
	"sync"

	"github.com/hookrelay/hook/tunnel"
)

// Bus lets the relays of one store find who holds an endpoint's tunnel, and
// ask it. With one relay it is a map: NewBus.
type Bus interface {
	// Claim says that h holds the tunnel of ep under epoch, until release is
	// called. An older holder is told by Displaced before Claim returns;
	// ErrFenced when a newer one holds it.
	Claim(ctx context.Context, ep EndpointID, epoch uint64, h Holder) (release func(), err error)
	// Holder finds who holds the tunnel; nil when nobody does.
	Holder(ep EndpointID) Holder
	// Changed tells every watcher, on all relays, that the record or the queue
	// of ep has changed.
	Changed(ep EndpointID, what Change)
	// Watch calls fn for every Changed until stop is called. fn must not block.
	Watch(fn func(ep EndpointID, what Change)) (stop func())
}

// Change is what a relay tells the others about.
type Change int

const (
	RecordChanged Change = iota // read it again
	QueueChanged                // something new is in it
)

// Holder is the relay that has an endpoint's tunnel.
type Holder interface {
	// Deliver brings a webhook to the listener, or stores it, as the
	// endpoint's policy says. ctx ends when the sender leaves.
	Deliver(ctx context.Context, w Webhook) Answer
	// Displaced tells that a listener with a newer epoch, or the same listener
	// by a newer connection, has attached. When it returns, nothing of the old
	// session has any effect any more.
	Displaced(ctx context.Context, epoch uint64)
}

// Webhook is a request on its way from intake to the holder of the tunnel.
type Webhook struct {
	Delivery *tunnel.Delivery // Body nil
	Use      bool             // it counts against MaxUses
	Body     tunnel.Body      // readable until Release
	Hold     func()           // keeps Body beyond Deliver: one more Release is then needed
	Release  func()
}

// Answer is what the sender gets: the application's answer, an acknowledgement
// or a refusal.
type Answer struct {
	Status  int
	Header  tunnel.Header
	Body    []byte
	Stored  bool     // it is in the queue
	Refusal *problem // the relay's own; everything else is then empty
	by      string   // for the metrics: answered, stored, refused, left
}

// NewBus makes the Bus of relays in one process.
func NewBus() Bus { return &localBus{holders: make(map[EndpointID]*claim)} }

type localBus struct {
	mu       sync.Mutex
	holders  map[EndpointID]*claim
	watchers map[*func(EndpointID, Change)]struct{}
}

type claim struct {
	epoch  uint64
	holder Holder
}

func (b *localBus) Claim(ctx context.Context, ep EndpointID, epoch uint64, h Holder) (func(), error) {
	for {
		b.mu.Lock()
		old := b.holders[ep]
		if old == nil {
			mine := &claim{epoch, h}
			b.holders[ep] = mine
			b.mu.Unlock()
			return func() {
				b.mu.Lock()
				if b.holders[ep] == mine {
					delete(b.holders, ep)
				}
				b.mu.Unlock()
			}, nil
		}
		if old.epoch > epoch {
			b.mu.Unlock()
			return nil, ErrFenced
		}
		b.mu.Unlock()
		old.holder.Displaced(ctx, epoch)
		b.mu.Lock()
		if b.holders[ep] == old {
			delete(b.holders, ep)
		}
		b.mu.Unlock()
	}
}

func (b *localBus) Holder(ep EndpointID) Holder {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.holders[ep]; c != nil {
		return c.holder
	}
	return nil
}

func (b *localBus) Changed(ep EndpointID, what Change) {
	b.mu.Lock()
	list := make([]func(EndpointID, Change), 0, len(b.watchers))
	for fn := range b.watchers {
		list = append(list, *fn)
	}
	b.mu.Unlock()
	for _, fn := range list {
		fn(ep, what)
	}
}

func (b *localBus) Watch(fn func(EndpointID, Change)) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers == nil {
		b.watchers = make(map[*func(EndpointID, Change)]struct{})
	}
	b.watchers[&fn] = struct{}{}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, &fn)
	}
}
