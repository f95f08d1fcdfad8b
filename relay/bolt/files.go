package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// files is the folder of the bodies that are too large for the database. A
// file has its name before a record names it, so one that no record names is
// an orphan.
type files struct {
	dir   string
	bytes atomic.Int64 // of all files there

	mu     sync.Mutex
	some   sync.Cond // names or closed changed
	names  []string  // to be deleted
	closed bool

	syncing dirSync
}

func (f *files) init(dir string) {
	f.dir = dir
	f.some.L = &f.mu
}

// sweep deletes the files that named does not hold: bodies that were on their
// way in, and those whose record went while the process ended.
func (f *files) sweep(named *bbolt.Bucket, log *slog.Logger) error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	swept := 0
	for _, entry := range entries {
		if named.Get([]byte(entry.Name())) != nil {
			if info, err := entry.Info(); err == nil {
				f.bytes.Add(info.Size())
			}
			continue
		}
		if err := os.Remove(filepath.Join(f.dir, entry.Name())); err != nil {
			return err
		}
		swept++
	}
	if swept > 0 {
		log.Info("deleted body files that no delivery names", "files", swept)
	}
	return nil
}

// remove deletes files soon, beside the committer.
func (f *files) remove(names ...string) {
	if len(names) == 0 {
		return
	}
	f.mu.Lock()
	f.names = append(f.names, names...)
	f.mu.Unlock()
	f.some.Signal()
}

func (f *files) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.some.Signal()
}

// removeLoop ends when the queue of names is closed and empty. What it cannot
// delete, or what comes after the end, the next Open sweeps.
func (f *files) removeLoop() {
	for {
		f.mu.Lock()
		for len(f.names) == 0 && !f.closed {
			f.some.Wait()
		}
		names := f.names
		f.names = nil
		f.mu.Unlock()
		if len(names) == 0 {
			return
		}
		for _, name := range names {
			f.removeNow(name)
		}
	}
}

func (f *files) removeNow(name string) {
	path := filepath.Join(f.dir, name)
	if info, err := os.Stat(path); err == nil && os.Remove(path) == nil {
		f.bytes.Add(-info.Size())
	}
}

// dirSync makes the names in the folder durable. Those who come while a sync
// runs share the next one.
type dirSync struct {
	mu   sync.Mutex // guards next
	run  sync.Mutex // held by the one that syncs; taken before mu
	next *dirRound
}

type dirRound struct {
	once sync.Once
	err  error
}

func (f *files) syncNames() error {
	d := &f.syncing
	d.mu.Lock()
	if d.next == nil {
		d.next = new(dirRound)
	}
	round := d.next
	d.mu.Unlock()
	round.once.Do(func() {
		d.run.Lock()
		defer d.run.Unlock()
		d.mu.Lock()
		d.next = nil // later ones need a sync that begins after this one
		d.mu.Unlock()
		round.err = syncDir(f.dir)
	})
	return round.err
}

// missing says that a body's file is not there though a record names it.
func missing(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the body file %q is gone from the data folder: %w", name, ErrDamaged)
	}
	return err
}
