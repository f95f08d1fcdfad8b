package bolt

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
)

// updateTries is how often Update runs its function beside the committer
// before it runs it inside: an endpoint under constant use would otherwise
// never get its turn.
const updateTries = 3

// Create implements relay.Store.
func (s *Store) Create(ctx context.Context, e relay.Endpoint) (out relay.Endpoint, err error) {
	if err := s.room(0, false); err != nil {
		return out, err
	}
	var got relay.Endpoint
	err = s.do(ctx, &op{size: 512, grows: true, apply: func(b *batch) error {
		for _, id := range e.IDs {
			if v := b.get(bucketIDs, id.Hash[:]); v != nil {
				old, _, err := b.endpoint(endpointID(v))
				if err != nil {
					return err
				}
				got = old
				return relay.ErrExists
			}
		}
		n, err := b.next(bucketEndpoints)
		if err != nil {
			return err
		}
		fresh := e
		fresh.ID = relay.EndpointID(n)
		record := encodeEndpoint(&fresh, 1)
		key := endpointKey(fresh.ID)
		b.put(bucketEndpoints, key, record)
		for _, id := range fresh.IDs {
			b.put(bucketIDs, id.Hash[:], key)
		}
		b.put(bucketDue, dueKey(fresh.PurgeAt(), fresh.ID), nil)
		b.begin(fresh.ID)
		got, _, err = decodeEndpoint(record)
		return err
	}})
	if err != nil && err != relay.ErrExists {
		return out, err
	}
	return got, err
}

// Lookup implements relay.Store.
func (s *Store) Lookup(ctx context.Context, id relay.Hash) (e relay.Endpoint, err error) {
	if err := ctx.Err(); err != nil {
		return e, err
	}
	err = s.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(bucketIDs)).Get(id[:])
		if v == nil {
			return relay.ErrNotFound
		}
		e, _, err = readEndpoint(tx, endpointID(v))
		return err
	})
	return e, err
}

func readEndpoint(tx *bbolt.Tx, id relay.EndpointID) (relay.Endpoint, uint64, error) {
	v := tx.Bucket([]byte(bucketEndpoints)).Get(endpointKey(id))
	if v == nil {
		return relay.Endpoint{}, 0, relay.ErrNotFound
	}
	e, rev, err := decodeEndpoint(v)
	if err != nil {
		return e, 0, damageError(tx.DB().Path(), err)
	}
	return e, rev, nil
}

// Update implements relay.Store. fn runs in the caller's goroutine on the
// committed record, and again when the record changed meanwhile; after a few
// rounds it runs inside the transaction. It must not call the store.
func (s *Store) Update(ctx context.Context, id relay.EndpointID, fn func(*relay.Endpoint) error) (relay.Endpoint, error) {
	for try := 0; ; try++ {
		var old, e relay.Endpoint
		var rev uint64
		err := s.view(func(tx *bbolt.Tx) (err error) { old, rev, err = readEndpoint(tx, id); return err })
		if err != nil {
			return relay.Endpoint{}, err
		}
		inside := try == updateTries
		if !inside {
			if e, err = change(old, fn); err != nil {
				return relay.Endpoint{}, err
			}
		}
		var conflict bool
		var thrown any
		err = s.do(ctx, &op{size: 512, apply: func(b *batch) error {
			now, nowRev, err := b.endpoint(id)
			if err != nil {
				return err
			}
			if inside {
				func() {
					defer func() { thrown = recover() }()
					e, err = change(now, fn)
				}()
				if err != nil || thrown != nil {
					return err
				}
			} else if conflict = nowRev != rev; conflict {
				return nil
			}
			return b.update(&now, &e, nowRev+1)
		}})
		var left *leftError
		if errors.As(err, &left) {
			return relay.Endpoint{}, left.error // the committer still works with what is read below
		}
		if thrown != nil {
			panic(thrown)
		}
		if err != nil {
			return relay.Endpoint{}, err
		}
		if !conflict {
			return e, nil
		}
	}
}

// change is fn on a copy of old, less what is the store's own.
func change(old relay.Endpoint, fn func(*relay.Endpoint) error) (relay.Endpoint, error) {
	e := old
	e.IDs = slices.Clone(old.IDs)
	e.Policy.Handshakes = slices.Clone(old.Policy.Handshakes)
	if err := fn(&e); err != nil {
		return relay.Endpoint{}, err
	}
	if e.Epoch < old.Epoch {
		return relay.Endpoint{}, relay.ErrFenced
	}
	e.ID, e.Uses = old.ID, old.Uses
	return e, nil
}

// update writes e over old with its public ids.
func (b *batch) update(old, e *relay.Endpoint, rev uint64) error {
	key := endpointKey(e.ID)
	for _, id := range e.IDs {
		if v := b.get(bucketIDs, id.Hash[:]); v != nil && !bytes.Equal(v, key) {
			return relay.ErrExists
		}
	}
	has := func(list []relay.PublicID, h relay.Hash) bool {
		return slices.ContainsFunc(list, func(p relay.PublicID) bool { return p.Hash == h })
	}
	for _, id := range old.IDs {
		if !has(e.IDs, id.Hash) {
			b.del(bucketIDs, id.Hash[:])
		}
	}
	for _, id := range e.IDs {
		if !has(old.IDs, id.Hash) {
			b.put(bucketIDs, id.Hash[:], key)
		}
	}
	b.replace(old, e, rev)
	return nil
}

// Use implements relay.Store.
func (s *Store) Use(ctx context.Context, id relay.EndpointID, n int64, at time.Time) (left int64, err error) {
	// Whether uses are counted is looked up first: most endpoints do not, and
	// they need no transaction.
	var e relay.Endpoint
	err = s.view(func(tx *bbolt.Tx) (err error) { e, _, err = readEndpoint(tx, id); return err })
	if err != nil {
		return 0, err
	}
	if e.MaxUses == 0 {
		return -1, ctx.Err()
	}
	var got int64
	err = s.do(ctx, &op{size: 512, apply: func(b *batch) (err error) { got, err = b.use(id, n, at); return err }})
	if err != nil {
		return 0, err
	}
	return got, nil
}

// use takes n uses, or gives them back; it returns the uses left.
func (b *batch) use(id relay.EndpointID, n int64, at time.Time) (int64, error) {
	old, rev, err := b.endpoint(id)
	if err != nil {
		return 0, err
	}
	if old.MaxUses == 0 {
		return -1, nil
	}
	e := old
	if n > 0 && n > old.MaxUses-old.Uses {
		return 0, relay.ErrUsedUp
	}
	e.Uses = max(0, old.Uses+n)
	if n > 0 {
		e.UsedAt = at
	}
	b.replace(&old, &e, rev+1)
	return e.MaxUses - e.Uses, nil
}

// Due implements relay.Store.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) (due []relay.Endpoint, next time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return nil, next, err
	}
	err = s.view(func(tx *bbolt.Tx) error {
		after := dueKey(now.Add(1), 0) // the first key that is not due
		c := tx.Bucket([]byte(bucketDue)).Cursor()
		for k, _ := c.First(); k != nil && bytes.Compare(k, after) < 0 && len(due) < limit; k, _ = c.Next() {
			e, _, err := readEndpoint(tx, endpointID(k[momentSize:]))
			if err != nil {
				return err
			}
			due = append(due, e)
		}
		if k, _ := c.Seek(after); k != nil {
			next = moment(k)
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return due, next, nil
}

// Purge implements relay.Store.
func (s *Store) Purge(ctx context.Context, id relay.EndpointID) (relay.Depth, error) {
	var was relay.Depth
	err := s.do(ctx, &op{size: 4096, apply: func(b *batch) error {
		e, _, err := b.endpoint(id)
		if err != nil {
			return err
		}
		c, err := b.depth(id)
		if err != nil {
			return err
		}
		depth := c.depth()
		for _, d := range b.all(id) {
			if err := b.drop(id, c, d.key, d.place); err != nil {
				b.err = err // some are dropped already: undo the whole
				return err
			}
		}
		for _, p := range e.IDs {
			b.del(bucketIDs, p.Hash[:])
		}
		b.del(bucketDue, dueKey(e.PurgeAt(), id))
		b.del(bucketEndpoints, endpointKey(id))
		b.del(bucketCounts, endpointKey(id))
		delete(b.counts, id)
		b.delta.endpoints--
		was = depth
		return nil
	}})
	if err != nil {
		return relay.Depth{}, err
	}
	return was, nil
}
