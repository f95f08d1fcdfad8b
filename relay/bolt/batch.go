package bolt

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
)

// batch is a transaction as ops see it. Counts are read once in a transaction
// and written once in a group, however many ops change them.
type batch struct {
	tx      *bbolt.Tx
	buckets map[string]*bbolt.Bucket
	counts  map[relay.EndpointID]*cachedCounts
	changed []*cachedCounts // those that the group changed

	dirty bool  // something was changed since the transaction began
	err   error // a failure that ends the whole transaction

	// What the group did.
	log     changes
	delta   totals   // over all endpoints
	removed []string // body files to delete once it is durable
}

type cachedCounts struct {
	counts
	id    relay.EndpointID
	dirty bool // it is in changed
}

func newBatch(tx *bbolt.Tx) *batch {
	return &batch{tx: tx, buckets: make(map[string]*bbolt.Bucket, 8), counts: make(map[relay.EndpointID]*cachedCounts)}
}

// start begins a group, whose changes are noted in the memory of old ones.
func (b *batch) start(old changes) {
	b.log, b.delta, b.removed = newChanges(old), totals{}, nil
}

func (b *batch) bucket(name string) *bbolt.Bucket {
	x := b.buckets[name]
	if x == nil {
		x = b.tx.Bucket([]byte(name))
		switch name {
		case bucketEndpoints, bucketPending, bucketDeliveries, bucketQueued, bucketDue:
			// Mostly appended to: pages that are split in the middle would
			// stay half empty.
			x.FillPercent = 0.9
		}
		b.buckets[name] = x
	}
	return x
}

func (b *batch) get(bucket string, key []byte) []byte { return b.bucket(bucket).Get(key) }

func (b *batch) put(bucket string, key, value []byte) {
	b.dirty = true
	b.log = b.log.put(bucket, key, value)
	if value == nil {
		value = []byte{} // bbolt would take the key for missing until it is committed
	}
	if err := b.bucket(bucket).Put(key, value); err != nil && b.err == nil {
		b.err = err
	}
}

func (b *batch) del(bucket string, key []byte) {
	b.dirty = true
	b.log = b.log.del(bucket, key)
	if err := b.bucket(bucket).Delete(key); err != nil && b.err == nil {
		b.err = err
	}
}

// next is the next number of a bucket.
func (b *batch) next(bucket string) (uint64, error) {
	b.dirty = true
	n, err := b.bucket(bucket).NextSequence()
	if err != nil {
		if b.err == nil {
			b.err = err
		}
		return 0, err
	}
	b.log = b.log.next(bucket, n)
	return n, nil
}

// damaged ends the transaction because a record does not decode.
func (b *batch) damaged(what string, err error) error {
	err = damageError(b.tx.DB().Path(), fmt.Sprintf("%s: %v", what, err))
	if b.err == nil {
		b.err = err
	}
	return err
}

// depth is the counts of an endpoint, nil where there is none.
func (b *batch) depth(id relay.EndpointID) (*cachedCounts, error) {
	if c := b.counts[id]; c != nil {
		return c, nil
	}
	v := b.get(bucketCounts, endpointKey(id))
	if v == nil {
		return nil, relay.ErrNotFound
	}
	c, err := decodeCounts(v)
	if err != nil {
		return nil, b.damaged("counts", err)
	}
	x := &cachedCounts{counts: c, id: id}
	b.counts[id] = x
	return x, nil
}

// begin gives a new endpoint its counts.
func (b *batch) begin(id relay.EndpointID) {
	c := &cachedCounts{id: id}
	b.counts[id] = c
	b.touch(c)
	b.delta.endpoints++
}

// touch has the counts written at the end of the group.
func (b *batch) touch(c *cachedCounts) {
	if !c.dirty {
		c.dirty = true
		b.changed = append(b.changed, c)
	}
}

// count changes an endpoint's counts and the totals with them.
func (b *batch) count(c *cachedCounts, pending, dead int, bytes int64) {
	c.pending += pending
	c.dead += dead
	c.bytes += bytes
	b.touch(c)
	b.delta.add(totals{0, pending, dead, bytes})
}

// flush writes the counts that the group changed.
func (b *batch) flush() {
	for _, c := range b.changed {
		c.dirty = false
		if b.counts[c.id] == c { // the endpoint was not purged
			b.put(bucketCounts, endpointKey(c.id), c.encode())
		}
	}
	b.changed = b.changed[:0]
}

func (b *batch) endpoint(id relay.EndpointID) (relay.Endpoint, uint64, error) {
	v := b.get(bucketEndpoints, endpointKey(id))
	if v == nil {
		return relay.Endpoint{}, 0, relay.ErrNotFound
	}
	e, rev, err := decodeEndpoint(v)
	if err != nil {
		return e, 0, b.damaged("endpoint", err)
	}
	return e, rev, nil
}

// replace writes a record over an older one of the same endpoint.
func (b *batch) replace(old, e *relay.Endpoint, rev uint64) {
	b.put(bucketEndpoints, endpointKey(e.ID), encodeEndpoint(e, rev))
	was, is := old.PurgeAt(), e.PurgeAt()
	if !was.Equal(is) {
		b.del(bucketDue, dueKey(was, e.ID))
		b.put(bucketDue, dueKey(is, e.ID), nil)
	}
}

// place finds the item of a delivery: ErrNotFound where there is none.
func (b *batch) place(id relay.EndpointID, key []byte) (place, error) {
	v := b.get(bucketDeliveries, key)
	if v == nil {
		return place{}, relay.ErrNotFound
	}
	p, err := decodePlace(v)
	if err != nil {
		return p, b.damaged("delivery", err)
	}
	return p, nil
}

func kindBucket(k relay.Kind) string {
	if k == relay.Dead {
		return bucketDead
	}
	return bucketPending
}

// state reads an item; delivery is a copy and may be kept.
func (b *batch) state(id relay.EndpointID, p place) (s itemState, delivery []byte, err error) {
	v := b.get(kindBucket(p.kind), itemKey(id, p.seq))
	if v == nil {
		return s, nil, b.damaged("item", errRecord)
	}
	if s, delivery, err = decodeState(v); err != nil {
		return s, nil, b.damaged("item", err)
	}
	return s, slices.Clone(delivery), nil
}

// drop deletes an item and what belongs to it.
func (b *batch) drop(id relay.EndpointID, c *cachedCounts, key []byte, p place) error {
	s, _, err := b.state(id, p)
	if err != nil {
		return err
	}
	b.del(kindBucket(p.kind), itemKey(id, p.seq))
	b.del(bucketDeliveries, key)
	if p.file != "" {
		b.del(bucketFiles, []byte(p.file))
		b.removed = append(b.removed, p.file)
	}
	if p.kind == relay.Dead {
		b.count(c, 0, -1, -s.size)
		return nil
	}
	b.del(bucketQueued, queuedKey(s.queuedAt, id, p.seq))
	b.count(c, -1, 0, -s.size)
	return nil
}
