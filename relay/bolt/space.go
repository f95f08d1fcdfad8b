package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
)

const (
	// measureEvery is how long a look at the free space counts.
	measureEvery = time.Second
	// measureAgain is how soon it is repeated before intake is refused.
	measureAgain = 50 * time.Millisecond
	// recordBytes is what a delivery takes beside its body, roughly.
	recordBytes = 1 << 10
	// fullFor is how long writes that take space are refused untried after
	// one met a full disk: a failed commit costs bbolt a scan of the file.
	fullFor = 250 * time.Millisecond
	// probeEvery is how long an answer of Writable counts.
	probeEvery = 250 * time.Millisecond
	// tight is so little free space that a write which failed for an unknown
	// reason failed for this one.
	tight = 17 << 20 // bbolt grows the file by 16 MiB
)

// spaceError makes a full disk relay.ErrNoSpace.
func spaceError(err error) error {
	if err != nil && !errors.Is(err, relay.ErrNoSpace) && isNoSpace(err) {
		return fmt.Errorf("%w: %w", relay.ErrNoSpace, err)
	}
	return err
}

// gate knows whether there is space for more.
type gate struct {
	mu       sync.Mutex
	measured time.Time
	free     int64 // on the file system, as of measured
	inside   int64 // free pages of the database
	used     int64 // by the store, without the free pages
	taken    int64 // let in since measured
	fullTill time.Time
}

func (g *gate) setFull() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fullTill = time.Now().Add(fullFor)
}

func (g *gate) full() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.fullTill)
}

// take notes bytes that are being written.
func (g *gate) take(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken += n
}

// exhausted tells whether the disk has nothing left.
func (g *gate) exhausted(dir string) bool {
	free, err := freeBytes(dir)
	return err == nil && free < tight
}

// room lets n bytes in, or not: ErrNoSpace below the watermark. file tells that
// they go into a file of their own; otherwise they go into the database, which
// keeps the pages of what was deleted for what comes.
func (s *Store) room(n int64, file bool) error {
	if s.opts.MinFree <= 0 && s.opts.MaxBytes <= 0 {
		return nil
	}
	g := &s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	age := time.Since(g.measured)
	if age >= measureEvery || age >= measureAgain && s.over(g, n, file) != nil {
		if err := s.measure(g); err != nil {
			return err
		}
	}
	if err := s.over(g, n, file); err != nil {
		return err
	}
	g.taken += n + recordBytes
	return nil
}

// over tells by the last measure whether n bytes more are too many.
func (s *Store) over(g *gate, n int64, file bool) error {
	if s.opts.MinFree > 0 {
		free := g.free - g.taken
		if !file {
			free += g.inside
		}
		if free-n < s.opts.MinFree {
			return fmt.Errorf("%w: %d bytes free in %q, %d wanted", relay.ErrNoSpace, free, s.dir, s.opts.MinFree)
		}
	}
	if limit := s.opts.MaxBytes / 10 * 9; s.opts.MaxBytes > 0 {
		if used := g.used + g.taken; used+n > limit {
			return fmt.Errorf("%w: %d bytes used in %q of %d", relay.ErrNoSpace, used, s.dir, s.opts.MaxBytes)
		}
	}
	return nil
}

func (s *Store) measure(g *gate) error {
	free, err := freeBytes(s.dir)
	if err != nil {
		return fmt.Errorf("measuring the free space in %q: %w", s.dir, err)
	}
	return s.view(func(tx *bbolt.Tx) error {
		stats := s.db.Stats()
		g.free = free
		g.inside = int64(stats.FreePageN+stats.PendingPageN) * int64(s.db.Info().PageSize)
		g.used = tx.Size() - g.inside + s.journalBytes + s.files.bytes.Load()
		g.taken, g.measured = 0, time.Now()
		return nil
	})
}

// probe is the last answer of Writable.
type probe struct {
	mu  sync.Mutex
	at  time.Time
	err error
	run chan struct{} // closed when the running one has ended; nil: none
}

// Writable implements relay.Store. Callers within a quarter of a second get
// one answer.
func (s *Store) Writable(ctx context.Context) error {
	p := &s.probe
	for {
		p.mu.Lock()
		if s.closed.Load() {
			p.mu.Unlock()
			return s.errClosed()
		}
		if !p.at.IsZero() && time.Since(p.at) < probeEvery {
			defer p.mu.Unlock()
			return p.err
		}
		run := p.run
		if run == nil {
			break
		}
		p.mu.Unlock()
		select {
		case <-run:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	run := make(chan struct{})
	p.run = run
	p.mu.Unlock()

	err := s.tryWrite(ctx)

	p.mu.Lock()
	defer p.mu.Unlock()
	p.run = nil
	if ctx.Err() == nil {
		p.at, p.err = time.Now(), err
	}
	close(run)
	return err
}

func (s *Store) tryWrite(ctx context.Context) error {
	if err := s.room(0, false); err != nil {
		return err
	}
	return s.do(ctx, &op{size: 64, grows: true, saves: true, apply: func(b *batch) error {
		key := []byte(probeKey)
		n := uint64(0)
		if v := b.get(bucketMeta, key); len(v) == 8 {
			n = binary.BigEndian.Uint64(v)
		}
		b.put(bucketMeta, key, binary.BigEndian.AppendUint64(nil, n+1))
		return nil
	}})
}

// Stats implements relay.Store.
func (s *Store) Stats(ctx context.Context) (relay.Stats, error) {
	if err := ctx.Err(); err != nil {
		return relay.Stats{}, err
	}
	var out relay.Stats
	err := s.view(func(tx *bbolt.Tx) error {
		if k, _ := tx.Bucket([]byte(bucketQueued)).Cursor().First(); k != nil {
			out.Oldest = moment(k)
		}
		return nil
	})
	if err != nil {
		return relay.Stats{}, err
	}
	info, err := os.Stat(filepath.Join(s.dir, fileName))
	if err != nil {
		return relay.Stats{}, fmt.Errorf("measuring the store: %w", err)
	}
	s.mu.Lock()
	t := s.totals
	s.mu.Unlock()
	out.Endpoints = t.endpoints
	out.Depth = relay.Depth{Pending: t.pending, Dead: t.dead, Bytes: t.bytes}
	out.FileBytes = info.Size() + s.journalBytes + s.files.bytes.Load()
	return out, nil
}
