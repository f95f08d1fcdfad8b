package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// Push implements relay.Store. When ctx ends while the write is under way, the
// delivery may be stored all the same.
func (s *Store) Push(ctx context.Context, id relay.EndpointID, p relay.Push, body tunnel.Body) (relay.Item, error) {
	var size int64
	if body != nil {
		size = body.Size()
	}
	at := place{kind: relay.Pending}
	var room []byte // at.body with place for what is encoded before it
	var file *spool
	switch own, ok := body.(*spool); {
	case ok && own.store == s:
		file = own
	case size > int64(s.opts.InlineBody):
		copied, err := s.copyBody(ctx, body, size)
		if err != nil {
			return relay.Item{}, err
		}
		defer copied.Discard()
		file = copied
	case size > 0:
		room = make([]byte, placeHead+size)
		at.body = room[placeHead:]
		if n, err := body.ReadAt(at.body, 0); n < len(at.body) {
			return relay.Item{}, fmt.Errorf("reading a body of %d bytes: %w", size, unexpected(err))
		}
	}
	inside := size
	if file != nil {
		inside = 0 // on disk already
	}
	if err := s.room(inside, file != nil); err != nil {
		return relay.Item{}, err
	}
	if file != nil {
		if err := file.take(); err != nil {
			return relay.Item{}, err
		}
		at.file = file.name
	}
	item, err := s.push(ctx, id, p, at, room, size, file)
	var left *leftError
	switch {
	case errors.As(err, &left):
		return relay.Item{}, left.error // the committer decides about the file
	case err != nil && file != nil:
		file.giveBack()
	}
	return item, err
}

func unexpected(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *Store) push(ctx context.Context, id relay.EndpointID, p relay.Push, at place, room []byte, size int64, file *spool) (relay.Item, error) {
	x := p.Delivery
	state := itemState{id: x.ID, attempt: x.Attempt, size: size, queuedAt: p.QueuedAt}
	record := state.encode(encodeDelivery(&x))
	key := deliveryKey(id, x.ID)
	o := &op{size: len(record) + len(at.body) + 128, grows: true}
	if file != nil {
		o.late = func(err error) {
			if err != nil {
				s.files.remove(file.name)
			}
		}
	}
	var stored []byte // the record of one that is there already
	o.apply = func(b *batch) error {
		c, err := b.depth(id)
		if err != nil {
			return err
		}
		switch old, err := b.place(id, key); {
		case err == nil:
			v := b.get(kindBucket(old.kind), itemKey(id, old.seq))
			at.seq, at.kind, stored = old.seq, old.kind, append([]byte(nil), v...)
			return relay.ErrExists
		case err != relay.ErrNotFound:
			return err
		}
		if p.MaxItems > 0 && c.pending+c.dead >= p.MaxItems || p.MaxBytes > 0 && c.bytes+size > p.MaxBytes {
			return relay.ErrQuota
		}
		if p.Use {
			if _, err := b.use(id, 1, p.QueuedAt); err != nil {
				return err
			}
		}
		c.seq++
		at.seq = c.seq
		b.put(bucketPending, itemKey(id, at.seq), record)
		if room != nil {
			b.put(bucketDeliveries, key, at.encodeBefore(room))
		} else {
			b.put(bucketDeliveries, key, at.encode())
		}
		b.put(bucketQueued, queuedKey(p.QueuedAt, id, at.seq), nil)
		if at.file != "" {
			b.put(bucketFiles, []byte(at.file), nil)
		}
		b.count(c, 1, 0, size)
		return nil
	}
	err := s.do(ctx, o)
	if err == nil {
		x.Seq, x.Body = at.seq, nil
		return relay.Item{Delivery: x, Size: size, QueuedAt: p.QueuedAt}, nil
	}
	if err != relay.ErrExists {
		return relay.Item{}, err
	}
	item, derr := decodeItem(stored, at.seq, at.kind == relay.Dead)
	if derr != nil {
		return relay.Item{}, damageError(s.db.Path(), derr)
	}
	return item, err
}
