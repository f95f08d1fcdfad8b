// Package bolt is the embedded store of a relay: endpoint records and queues
// in one bbolt file with a journal before it, for one relay on one machine.
//
//	store, err := bolt.Open("/var/lib/hook", bolt.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	e, err := store.Create(ctx, relay.Endpoint{IDs: ids, ExpiresAt: expires})
//
// What returns without an error is fsynced. Concurrent writers share one sync
// of the journal, made by one goroutine that takes all who wait; the database
// follows in larger steps, and what it lacks after a crash is done again from
// the journal. Bodies over Options.InlineBody are files beside the database, so
// that a large one holds up nobody.
//
// It refuses to share its folder with a second process, to go on after a write
// of which it cannot tell whether it happened, and to repair a damaged file.
package bolt

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/hookrelay/hook/relay"
)

const (
	fileName   = "relay.db"
	bodiesName = "bodies"

	// lockWait is how long Open waits for another process to let go: enough
	// for one that is just ending, short enough not to look like a hang.
	lockWait = 300 * time.Millisecond
	// mapSize is the address space taken at once, so that the file is seldom
	// mapped anew as it grows, which waits for every reader. It takes no memory.
	mapSize = 256 << 20

	defaultInline  = 64 << 10
	defaultMinFree = 1 << 30
)

// Options configure a Store. The zero value works.
type Options struct {
	Logger *slog.Logger // default: nothing is logged

	// InlineBody is the size in bytes up to which a body lives in the
	// database; a larger one is a file. Default 64 KiB. Large values make
	// every delivery of a group wait for the largest body in it.
	InlineBody int

	// MinFree stops intake with relay.ErrNoSpace while the file system has
	// fewer free bytes. 0: 1 GiB, or none where MaxBytes is set. Negative: no
	// watermark, only a disk that is really full stops intake.
	MinFree int64

	// MaxBytes bounds what the store uses on disk: intake stops at 90 % of it.
	// 0: no bound.
	MaxBytes int64

	// Journal is the size in bytes of the journal's file, which is written out
	// when it is made: how much may change between two steps of the database.
	// 0: 8 MiB, or a sixteenth of MaxBytes where that is less.
	Journal int64

	// NoSync leaves out every fsync. It exists for one experiment, the power
	// cut that must then lose data; anything else must leave it false.
	NoSync bool

	checkpointAfter time.Duration // for tests: instead of the constant
	afterSync       func()        // for tests: runs after each sync of the journal or the database, before it is answered
}

// Store is a relay.Store in one folder.
type Store struct {
	dir  string
	opts Options
	log  *slog.Logger
	db   *bbolt.DB

	journal      *journal // nil: there is no room for one, every group is committed to the database
	journalBytes int64    // its size
	before       uint64   // the run before this one
	work         working

	queue   queue // what waits for the committer
	gate    gate
	probe   probe
	files   files
	workers sync.WaitGroup

	closed    atomic.Bool
	stuck     atomic.Bool // bbolt panicked with its locks held
	closeOnce sync.Once
	closeErr  error

	mu     sync.Mutex // guards what follows; taken for moments only, after no other lock
	totals totals
	broken error // why nothing can be written any more
}

// totals are the counts over all endpoints.
type totals struct {
	endpoints, pending, dead int
	bytes                    int64
}

func (t *totals) add(d totals) {
	t.endpoints += d.endpoints
	t.pending += d.pending
	t.dead += d.dead
	t.bytes += d.bytes
}

var _ relay.Store = (*Store)(nil)

// Open opens the store in the folder dir and creates what is missing of it.
// The folder belongs to one process at a time.
func Open(dir string, opts Options) (*Store, error) {
	if opts.InlineBody <= 0 {
		opts.InlineBody = defaultInline
	}
	if opts.MinFree == 0 && opts.MaxBytes <= 0 {
		opts.MinFree = defaultMinFree
	}
	if opts.Journal <= 0 {
		opts.Journal = defaultJournal
		if opts.MaxBytes > 0 {
			opts.Journal = min(opts.Journal, opts.MaxBytes/16)
		}
	}
	if opts.checkpointAfter == 0 {
		opts.checkpointAfter = checkpointAfter
	}
	s := &Store{dir: dir, opts: opts, log: opts.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.queue.init()
	s.files.init(filepath.Join(dir, bodiesName))
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("opening the store in %q: %w", dir, spaceError(err))
	}
	s.workers.Go(s.commitLoop)
	s.workers.Go(s.files.removeLoop)
	return s, nil
}

func (s *Store) open() error {
	if err := os.MkdirAll(s.files.dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(s.dir, fileName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := s.create(path); err != nil {
			return err
		}
	} else if err != nil {
		return err
	} else if err := inspect(path); err != nil {
		return lockError(err)
	}
	db, err := openFile(path, s.opts.NoSync)
	if err != nil {
		return lockError(err)
	}
	s.db = db
	if err = s.restore(); err == nil {
		err = s.syncNames()
	}
	if err == nil {
		err = s.load()
	}
	if err != nil {
		s.abandon()
		if s.journal != nil {
			s.journal.close()
		}
		db.Close()
	}
	return err
}

// create makes the database under another name first: a file that was cut off
// while it was made must not look like a damaged one.
func (s *Store) create(path string) error {
	db, err := openFile(path+".new", s.opts.NoSync)
	if err != nil {
		return lockError(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range bucketNames() {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		// The lock is held while the file gets its name, so that two processes
		// that start at once do not both make one.
		if _, stat := os.Stat(path); errors.Is(stat, os.ErrNotExist) {
			err = os.Rename(path+".new", path)
		}
	}
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	return err
}

// syncNames makes the names of the file and of the folders durable.
func (s *Store) syncNames() error {
	if s.opts.NoSync {
		return nil
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(s.dir)))
}

func openFile(path string, noSync bool) (db *bbolt.DB, err error) {
	defer recoverDamage(path, &err)
	return bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         lockWait,
		NoSync:          noSync,
		InitialMmapSize: initialMap(),
		// The list of free pages is found again at open: written, it would be
		// rewritten whole by every commit, and it is long after a purge.
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
	})
}

// load counts what is there, with what only the journal has, and deletes body files that no record names.
func (s *Store) load() error {
	return s.view(func(tx *bbolt.Tx) error {
		for _, name := range bucketNames() {
			if tx.Bucket([]byte(name)) == nil {
				return damageError(s.db.Path(), "part "+strconv.Quote(name)+" is missing")
			}
		}
		err := tx.Bucket([]byte(bucketCounts)).ForEach(func(_, v []byte) error {
			c, err := decodeCounts(v)
			if err != nil {
				return damageError(s.db.Path(), err)
			}
			s.totals.add(totals{1, c.pending, c.dead, c.bytes})
			return nil
		})
		if err != nil {
			return err
		}
		return s.files.sweep(tx.Bucket([]byte(bucketFiles)), s.log)
	})
}

// ErrLocked is a folder that another process uses.
var ErrLocked = errors.New("another process uses this folder")

func lockError(err error) error {
	if errors.Is(err, berrors.ErrTimeout) {
		return fmt.Errorf("%w: stop it, or choose another data folder", ErrLocked)
	}
	return err
}

// Close waits for the writes that were begun and ends the store. What is
// called afterwards fails with an error that is os.ErrClosed.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.closed.Store(true)
		s.queue.close()
		s.files.close()
		s.workers.Wait()
		if s.journal != nil {
			s.journal.close()
		}
		if s.stuck.Load() {
			return // the file is closed with the process
		}
		if err := s.db.Close(); err != nil {
			s.closeErr = fmt.Errorf("closing the store in %q: %w", s.dir, err)
		}
	})
	return s.closeErr
}

func (s *Store) errClosed() error {
	return fmt.Errorf("the store in %q is closed: %w", s.dir, os.ErrClosed)
}

// view runs fn on all that was answered. fn must be short: a reader that stays
// holds up the growth of the file, and the committer while a transaction is
// open.
func (s *Store) view(fn func(*bbolt.Tx) error) (err error) {
	if s.closed.Load() {
		return s.errClosed()
	}
	if done, err := s.viewWork(fn); done {
		return err
	}
	return s.committed(fn)
}

// viewWork runs fn on the working transaction, if one is open.
func (s *Store) viewWork(fn func(*bbolt.Tx) error) (done bool, err error) {
	w := &s.work
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.b == nil {
		return false, nil
	}
	defer recoverDamage(s.db.Path(), &err)
	defer panicOnFault()()
	done = true
	return done, fn(w.b.tx)
}

// committed runs fn on what the database has.
func (s *Store) committed(fn func(*bbolt.Tx) error) (err error) {
	defer recoverDamage(s.db.Path(), &err)
	defer panicOnFault()()
	tx, err := s.begin(false)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return s.errClosed()
	}
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return fn(tx)
}

// begin starts a transaction. When bbolt panics in it, it keeps its locks:
// whoever came after would wait for ever, so nobody does.
func (s *Store) begin(write bool) (*bbolt.Tx, error) {
	if s.stuck.Load() {
		return nil, damageError(s.db.Path(), "found before")
	}
	begun := false
	defer func() {
		if !begun {
			s.stuck.Store(true)
		}
	}()
	tx, err := s.db.Begin(write)
	begun = true
	return tx, err
}
