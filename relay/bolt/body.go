package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// Spool implements relay.Store. Discard it in any case: after Push took the
// body, that only closes the file.
func (s *Store) Spool(ctx context.Context) (relay.Spool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.spool()
}

func (s *Store) spool() (*spool, error) {
	if s.closed.Load() {
		return nil, s.errClosed()
	}
	if err := s.room(0, true); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(s.files.dir, "*.body")
	if err != nil {
		return nil, fmt.Errorf("opening a file for a body: %w", spaceError(err))
	}
	return &spool{store: s, file: f, name: filepath.Base(f.Name())}, nil
}

// copyBody spools a body that is in memory or elsewhere.
func (s *Store) copyBody(ctx context.Context, body tunnel.Body, size int64) (*spool, error) {
	sp, err := s.spool()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, min(size, 256<<10))
	for at := int64(0); at < size && err == nil; {
		part := buf[:min(int64(len(buf)), size-at)]
		n, rerr := body.ReadAt(part, at)
		if n < len(part) {
			err = fmt.Errorf("reading a body of %d bytes: %w", size, unexpected(rerr))
			break
		}
		at += int64(n)
		if _, err = sp.Write(part); err == nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		sp.Discard()
		return nil, err
	}
	return sp, nil
}

// spool is a body file that no record names yet.
type spool struct {
	store *Store
	name  string

	mu     sync.Mutex // guards what follows
	file   *os.File
	size   int64
	synced bool
	taken  bool // a record names it, or is about to
	closed bool
	err    error // of a write: what is there is not the body
}

func (p *spool) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return 0, p.err
	case p.taken || p.closed:
		return 0, fmt.Errorf("writing a body: %w", fs.ErrClosed)
	}
	n, err := p.file.Write(b)
	p.size += int64(n)
	p.synced = false
	p.store.files.bytes.Add(int64(n))
	p.store.gate.take(int64(n))
	if err != nil {
		p.err = fmt.Errorf("writing a body: %w", spaceError(err))
	}
	return n, p.err
}

func (p *spool) ReadAt(b []byte, off int64) (int, error) { return p.file.ReadAt(b, off) }

func (p *spool) Size() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size
}

// take makes the file durable and keeps Discard from deleting it.
func (p *spool) take() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return p.err
	case p.taken || p.closed:
		return fmt.Errorf("storing a body twice, or after it was discarded: %w", fs.ErrClosed)
	}
	if !p.synced && !p.store.opts.NoSync {
		if err := p.file.Sync(); err != nil {
			// What a failed fsync left is unknown, and a second one would not tell.
			p.err = fmt.Errorf("storing a body: %w", spaceError(err))
			return p.err
		}
		if err := p.store.files.syncNames(); err != nil {
			return fmt.Errorf("storing a body: %w", spaceError(err))
		}
		p.synced = true
	}
	p.taken = true
	return nil
}

// giveBack undoes take: nothing was stored.
func (p *spool) giveBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = false
}

func (p *spool) Discard() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	err := p.file.Close()
	if !p.taken {
		p.store.files.removeNow(p.name)
	}
	return err
}

// Body implements relay.Store. What it returns stays readable when the item is
// settled meanwhile.
func (s *Store) Body(ctx context.Context, id relay.EndpointID, delivery tunnel.ID) (relay.StoredBody, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	last := ""
	for {
		var size int64
		var p place
		err := s.view(func(tx *bbolt.Tx) error {
			item, found, err := readItem(tx, id, delivery)
			size, p = item.Size, found
			p.body = slices.Clone(found.body)
			return err
		})
		if err != nil {
			return nil, err
		}
		if p.file == "" {
			return memoryBody{bytes.NewReader(p.body)}, nil
		}
		f, err := os.Open(filepath.Join(s.files.dir, p.file))
		if err == nil {
			return &fileBody{io.NewSectionReader(f, 0, size), f}, nil
		}
		// Settled between the look and the opening: then the record is gone
		// too. A record that still names the file is another matter.
		if !errors.Is(err, fs.ErrNotExist) || p.file == last {
			return nil, fmt.Errorf("opening a body: %w", missing(err, p.file))
		}
		last = p.file
	}
}

type memoryBody struct{ *bytes.Reader }

func (memoryBody) Close() error { return nil }

type fileBody struct {
	*io.SectionReader
	file *os.File
}

func (b *fileBody) Close() error { return b.file.Close() }
