package bolt

import (
	"bytes"
	"context"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// List implements relay.Store.
func (s *Store) List(ctx context.Context, id relay.EndpointID, kind relay.Kind, after uint64, limit int) (list []relay.Item, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.view(func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte(bucketCounts)).Get(endpointKey(id)) == nil {
			return relay.ErrNotFound
		}
		if after == math.MaxUint64 {
			return nil
		}
		prefix := endpointKey(id)
		c := tx.Bucket([]byte(kindBucket(kind))).Cursor()
		for k, v := c.Seek(itemKey(id, after+1)); bytes.HasPrefix(k, prefix) && len(list) < limit; k, v = c.Next() {
			item, err := decodeItem(v, itemSeq(k), kind == relay.Dead)
			if err != nil {
				return damageError(tx.DB().Path(), err)
			}
			list = append(list, item)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Item implements relay.Store.
func (s *Store) Item(ctx context.Context, id relay.EndpointID, delivery tunnel.ID) (item relay.Item, err error) {
	if err := ctx.Err(); err != nil {
		return item, err
	}
	err = s.view(func(tx *bbolt.Tx) (err error) { item, _, err = readItem(tx, id, delivery); return err })
	if err != nil {
		return relay.Item{}, err
	}
	return item, nil
}

// readItem finds an item; the body of the place is valid within tx only.
func readItem(tx *bbolt.Tx, id relay.EndpointID, delivery tunnel.ID) (item relay.Item, p place, err error) {
	v := tx.Bucket([]byte(bucketDeliveries)).Get(deliveryKey(id, delivery))
	if v == nil {
		return item, p, relay.ErrNotFound
	}
	if p, err = decodePlace(v); err == nil {
		v = tx.Bucket([]byte(kindBucket(p.kind))).Get(itemKey(id, p.seq))
		item, err = decodeItem(v, p.seq, p.kind == relay.Dead)
	}
	if err != nil {
		return item, p, damageError(tx.DB().Path(), err)
	}
	return item, p, nil
}

// Depth implements relay.Store.
func (s *Store) Depth(ctx context.Context, id relay.EndpointID) (d relay.Depth, err error) {
	if err := ctx.Err(); err != nil {
		return d, err
	}
	err = s.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(bucketCounts)).Get(endpointKey(id))
		if v == nil {
			return relay.ErrNotFound
		}
		c, err := decodeCounts(v)
		if err != nil {
			return damageError(tx.DB().Path(), err)
		}
		d = c.depth()
		return nil
	})
	return d, err
}

// Settle implements relay.Store. Done deletes a dead item too (a late answer);
// Retry and Died leave a dead one as it is.
func (s *Store) Settle(ctx context.Context, id relay.EndpointID, epoch uint64, list []relay.Settlement) error {
	list = slices.Clone(list)
	return s.do(ctx, &op{size: 512 * len(list), apply: func(b *batch) error {
		v := b.get(bucketEndpoints, endpointKey(id))
		if v == nil {
			return relay.ErrNotFound
		}
		_, current, err := recordRevision(v)
		if err != nil {
			return b.damaged("endpoint", err)
		}
		if epoch < current {
			return relay.ErrFenced
		}
		c, err := b.depth(id)
		if err != nil {
			return err
		}
		for i := range list {
			if err := b.settle(id, c, &list[i]); err != nil {
				return err // b.err is set: it undoes the whole
			}
		}
		return nil
	}})
}

func (b *batch) settle(id relay.EndpointID, c *cachedCounts, x *relay.Settlement) error {
	key := deliveryKey(id, x.ID)
	p, err := b.place(id, key)
	if err == relay.ErrNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if x.Outcome == relay.Done {
		return b.drop(id, c, key, p)
	}
	if p.kind == relay.Dead {
		return nil
	}
	s, delivery, err := b.state(id, p)
	if err != nil {
		return err
	}
	s.attempt, s.attempts, s.reason = 0, x.Attempts, x.Reason
	if x.Outcome == relay.Retry {
		s.nextAt = x.NextAt
		b.put(bucketPending, itemKey(id, p.seq), s.encode(delivery))
		return nil
	}
	s.nextAt, s.deadAt = time.Time{}, x.At
	b.del(bucketQueued, queuedKey(s.queuedAt, id, p.seq))
	b.move(id, key, &p, s, delivery, relay.Dead, p.seq)
	b.count(c, -1, 1, 0)
	return nil
}

// move puts an item in another place; s is its new state.
func (b *batch) move(id relay.EndpointID, key []byte, p *place, s itemState, delivery []byte, kind relay.Kind, seq uint64) {
	moved := place{kind: kind, seq: seq, file: p.file, body: p.body}
	value := moved.encode() // copies the body before anything is written
	b.del(kindBucket(p.kind), itemKey(id, p.seq))
	b.put(kindBucket(kind), itemKey(id, seq), s.encode(delivery))
	b.put(bucketDeliveries, key, value)
}

// Requeue implements relay.Store.
func (s *Store) Requeue(ctx context.Context, id relay.EndpointID, delivery tunnel.ID, since time.Time) (relay.Item, error) {
	key := deliveryKey(id, delivery)
	var record []byte
	var seq uint64
	err := s.do(ctx, &op{size: 1024, apply: func(b *batch) error {
		c, err := b.depth(id)
		if err != nil {
			return err
		}
		p, err := b.place(id, key)
		if err != nil {
			return err
		}
		st, rest, err := b.state(id, p)
		if err != nil {
			return err
		}
		if p.kind == relay.Pending {
			b.del(bucketQueued, queuedKey(st.queuedAt, id, p.seq))
		} else {
			b.count(c, 1, -1, 0)
		}
		c.seq++
		b.touch(c)
		st.attempt, st.queuedAt, st.nextAt, st.deadAt = 0, since, time.Time{}, time.Time{}
		b.put(bucketQueued, queuedKey(since, id, c.seq), nil)
		b.move(id, key, &p, st, rest, relay.Pending, c.seq)
		record, seq = st.encode(rest), c.seq
		return nil
	}})
	if err != nil {
		return relay.Item{}, err
	}
	item, err := decodeItem(record, seq, false)
	if err != nil {
		return relay.Item{}, damageError(s.db.Path(), err)
	}
	return item, nil
}

// Remove implements relay.Store.
func (s *Store) Remove(ctx context.Context, id relay.EndpointID, deliveries []tunnel.ID) (int, error) {
	deliveries = slices.Clone(deliveries)
	var removed int
	err := s.do(ctx, &op{size: 256 * len(deliveries), apply: func(b *batch) error {
		removed = 0
		c, err := b.depth(id)
		if err != nil {
			return err
		}
		for _, d := range deliveries {
			key := deliveryKey(id, d)
			p, err := b.place(id, key)
			if err == relay.ErrNotFound {
				continue
			}
			if err == nil {
				err = b.drop(id, c, key, p)
			}
			if err != nil {
				return err
			}
			removed++
		}
		return nil
	}})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// keyed is the place of an item with its key in the deliveries.
type keyed struct {
	key   []byte
	place place
}

// all finds every item of an endpoint, the bodies left out.
func (b *batch) all(id relay.EndpointID) []keyed {
	prefix := endpointKey(id)
	var list []keyed
	c := b.bucket(bucketDeliveries).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		p, err := decodePlace(v)
		if err != nil {
			b.damaged("delivery", err)
			return nil
		}
		p.body = nil
		list = append(list, keyed{slices.Clone(k), p})
	}
	return list
}
