package relay

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// Errors of a Store. Others are faults of the store itself: the relay answers
// them with 503 and promises nothing.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrUsedUp   = errors.New("no uses left")
	ErrQuota    = errors.New("queue quota reached")
	ErrNoSpace  = errors.New("no space left in the store")
	ErrFenced   = errors.New("a newer listener holds the endpoint")
)

// Store keeps endpoint records and queues. Every method that changes something
// returns only when the change is durable: fsynced, or held by a majority.
// Methods are safe for concurrent use. What a Store must do beyond the types is
// in package storetest, which every Store passes.
//
// A store enforces what must be exact under concurrency and crashes: uses,
// quotas, sequence numbers, epochs. It judges no time by itself except to list
// what is due: expiry is checked by the relay against its own clock.
type Store interface {
	// Create makes e durable and returns it with its ID. When one of its
	// public ids is known, it changes nothing and returns the endpoint that
	// has it, with ErrExists.
	Create(ctx context.Context, e Endpoint) (Endpoint, error)
	// Lookup finds the endpoint that receives under the public id with this
	// hash: ErrNotFound where there is none.
	Lookup(ctx context.Context, id Hash) (Endpoint, error)
	// Update changes a record by fn in one transaction and returns the new
	// record; an error of fn is returned as it is and changes nothing. fn may
	// run more than once. It may add, change and remove public ids; a new one
	// that is taken gives ErrExists. Uses and ID are the store's own: what fn
	// does to them is dropped. A smaller Epoch gives ErrFenced.
	Update(ctx context.Context, id EndpointID, fn func(*Endpoint) error) (Endpoint, error)
	// Use takes n uses of an endpoint with MaxUses, or gives -n back. It
	// returns the uses left: ErrUsedUp, and nothing taken, where they do not
	// suffice. Taking sets UsedAt to at. For an endpoint without MaxUses it
	// does nothing and returns -1.
	Use(ctx context.Context, id EndpointID, n int64, at time.Time) (left int64, err error)

	// Spool opens a place for a body that is too large to hold. It is not
	// durable until Push takes it.
	Spool(ctx context.Context) (Spool, error)
	// Push stores a delivery at the tail of the endpoint's queue and returns
	// it with Seq set. ErrQuota and ErrNoSpace leave nothing behind. body may
	// be a Spool of this store, which Push then takes over; nil is an empty
	// body. One delivery id is stored once: pushing it again gives ErrExists.
	Push(ctx context.Context, id EndpointID, p Push, body tunnel.Body) (Item, error)
	// List returns queued items in the order of Seq, bodies left out: of the
	// given kind, with Seq > after, at most limit.
	List(ctx context.Context, id EndpointID, kind Kind, after uint64, limit int) ([]Item, error)
	// Item finds one queued or dead item by its delivery id.
	Item(ctx context.Context, id EndpointID, delivery tunnel.ID) (Item, error)
	// Body opens the body of an item. The caller closes it.
	Body(ctx context.Context, id EndpointID, delivery tunnel.ID) (StoredBody, error)
	// Settle applies what became of items, all of them in one transaction.
	// ErrFenced, and nothing changed, when epoch is older than the record's.
	// Items that are gone are passed over.
	Settle(ctx context.Context, id EndpointID, epoch uint64, list []Settlement) error
	// Requeue puts a queued or dead item at the tail: same delivery id, new
	// Seq, attempts counted on, due at once. since becomes its QueuedAt.
	Requeue(ctx context.Context, id EndpointID, delivery tunnel.ID, since time.Time) (Item, error)
	// Remove deletes items, queued or dead, and returns how many there were.
	Remove(ctx context.Context, id EndpointID, deliveries []tunnel.ID) (int, error)
	// Depth counts an endpoint's items.
	Depth(ctx context.Context, id EndpointID) (Depth, error)

	// Due lists endpoints whose PurgeAt is not after now, oldest first, at most
	// limit, and the next such moment after now (zero: none).
	Due(ctx context.Context, now time.Time, limit int) (due []Endpoint, next time.Time, err error)
	// Purge deletes the record and all its items; its public ids are
	// forgotten. It returns what was deleted.
	Purge(ctx context.Context, id EndpointID) (Depth, error)

	// Stats counts over all endpoints.
	Stats(ctx context.Context) (Stats, error)
	// Writable tells whether the store would take a write now, by making one:
	// ErrNoSpace below the watermark.
	Writable(ctx context.Context) error
	// Close ends the store. It waits for writes that were begun, and is safe
	// to call twice.
	Close() error
}

// Spool is a body on its way in. Write appends; then it is a tunnel.Body.
type Spool interface {
	io.Writer
	tunnel.Body
	// Discard gives the place back, unless Push took it. Safe to call twice.
	Discard() error
}

// StoredBody is a body in the store.
type StoredBody interface {
	tunnel.Body
	io.Closer
}

// Push is what is stored of a delivery.
type Push struct {
	Delivery tunnel.Delivery // Body nil, Seq 0; Attempt is the open attempt's number where one runs, else 0
	QueuedAt time.Time       // RetryFor counts from here
	Use      bool            // take one use in the same transaction, as of QueuedAt; ErrUsedUp
	MaxItems int             // quota of queued and dead items, 0: none
	MaxBytes int64           // quota of their bodies, 0: none
}

// Item is a stored delivery.
type Item struct {
	Delivery tunnel.Delivery // Body nil
	Size     int64           // of the body
	QueuedAt time.Time
	Attempts int       // how many have ended
	NextAt   time.Time // not to be tried before; zero: at once
	Dead     bool
	Reason   string    // of the last failed attempt, or why it is dead
	DeadAt   time.Time `json:"dead_at,omitzero"`
}

// Kind selects items.
type Kind int

const (
	Pending Kind = iota // not settled yet
	Dead                // settled as dead, kept for the owner
)

// Settlement is what became of an item.
type Settlement struct {
	ID       tunnel.ID
	Outcome  Outcome
	Attempts int       // ended attempts so far
	NextAt   time.Time // for Retry
	Reason   string    // for Retry and Died
	At       time.Time
}

// Outcome is how an attempt leaves an item.
type Outcome int

const (
	Done  Outcome = iota + 1 // deleted
	Retry                    // stays, NextAt says from when
	Died                     // becomes a dead letter
)

// Depth counts items and the bytes of their bodies.
type Depth struct {
	Pending int   `json:"pending"`
	Dead    int   `json:"dead"`
	Bytes   int64 `json:"bytes"` // of both
}

// Stats counts over all endpoints.
type Stats struct {
	Endpoints int
	Depth     Depth
	Oldest    time.Time // QueuedAt of the oldest pending item; zero: none
	FileBytes int64     // on disk
}
