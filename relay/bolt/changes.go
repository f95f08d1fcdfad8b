package bolt

import (
	"encoding/binary"
	"slices"
)

// changes is what a group of ops changed in the database, in order, so that it
// can be done again: keys and values, nothing that has to be decided. It begins
// with room for the head of a journal record.
type changes []byte

const (
	changePut  = 'p' // bucket, key, value
	changeDel  = 'd' // bucket, key
	changeNext = 'n' // bucket, sequence
)

// bucketCodes are the buckets as changes name them. The order is part of the
// format: append only.
var bucketCodes = bucketNames()

// newChanges begins anew, in the memory of earlier ones that nobody needs any
// more, unless that is more than most groups take.
func newChanges(old changes) changes {
	if old == nil || cap(old) > 1<<20 {
		return make(changes, journalHead, 4<<10)
	}
	return old[:journalHead]
}

func (c changes) empty() bool { return len(c) <= journalHead }

func (c changes) add(what byte, bucket string, parts ...[]byte) changes {
	c = append(c, what, byte(slices.Index(bucketCodes, bucket)))
	for _, p := range parts {
		c = binary.AppendUvarint(c, uint64(len(p)))
		c = append(c, p...)
	}
	return c
}

func (c changes) put(bucket string, key, value []byte) changes {
	return c.add(changePut, bucket, key, value)
}

func (c changes) del(bucket string, key []byte) changes { return c.add(changeDel, bucket, key) }

func (c changes) next(bucket string, n uint64) changes {
	return c.add(changeNext, bucket, binary.BigEndian.AppendUint64(nil, n))
}

// apply does the changes again in b, which does not note them.
func (c changes) apply(b *batch) error {
	d := decoder{b: c[journalHead:]}
	part := func() []byte { return slices.Clone(d.bytes(d.uint())) } // bbolt keeps what it is given
	for len(d.b) > 0 {
		what, code := d.byte(), int(d.byte())
		if code >= len(bucketCodes) {
			return errRecord
		}
		bucket := b.bucket(bucketCodes[code])
		var err error
		switch key := part(); what {
		case changePut:
			if value := part(); !d.bad {
				err = bucket.Put(key, value)
			}
		case changeDel:
			err = bucket.Delete(key)
		case changeNext:
			if len(key) != 8 {
				return errRecord
			}
			err = bucket.SetSequence(binary.BigEndian.Uint64(key))
		default:
			return errRecord
		}
		if err != nil {
			return err
		}
	}
	return d.err()
}
