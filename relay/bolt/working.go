package bolt

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
)

// checkpointAfter is how long changes may be in the journal alone. It is not a
// matter of safety: more is done again after a crash, and readers share one
// transaction for longer.
const checkpointAfter = 250 * time.Millisecond

// working is the transaction of the database that is not committed yet. What
// was done in it is in the journal, so that it is durable; a checkpoint commits
// it. While it is open it is what readers see, one at a time, since they must
// see what was answered.
type working struct {
	mu   sync.Mutex // held by whoever reads, changes, commits or gives up the transaction
	b    *batch     // nil: none is open, the database has everything
	bell *time.Timer

	full bool    // the last checkpoint met a full disk; only the committer uses it
	old  changes // of the last group, to be used again; only the committer uses it
}

// openWork makes sure that a transaction is open. Guarded by work.mu.
func (s *Store) openWork() (*batch, error) {
	w := &s.work
	if w.b == nil {
		tx, err := s.begin(true)
		if err != nil {
			return nil, fmt.Errorf("beginning a transaction: %w", err)
		}
		w.b = newBatch(tx)
		w.ring(s)
	}
	return w.b, nil
}

// ring makes a checkpoint due after a while.
func (w *working) ring(s *Store) {
	if w.bell == nil {
		w.bell = time.AfterFunc(s.opts.checkpointAfter, s.queue.ring)
	} else {
		w.bell.Reset(s.opts.checkpointAfter)
	}
}

// apply does ops in the working transaction. What they did is in the batch
// until the next group.
func (s *Store) apply(ops []*op) (b *batch, err error) {
	w := &s.work
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			err = s.stop(damageError(s.db.Path(), r))
			s.abandon()
		}
	}()
	if b, err = s.openWork(); err != nil {
		return nil, err
	}
	b.start(w.old)
	for _, o := range ops {
		o.err = o.apply(b)
	}
	b.flush()
	w.old = b.log
	if b.err != nil {
		err := fmt.Errorf("writing a transaction: %w", b.err)
		if rerr := s.redoLocked(); rerr != nil {
			return nil, rerr
		}
		return nil, err
	}
	if !b.dirty {
		b.tx.Rollback() // it was opened for nothing
		w.b = nil
	}
	return b, nil
}

// abandon gives the working transaction up, after a panic in it too. Guarded
// by work.mu.
func (s *Store) abandon() {
	b := s.work.b
	s.work.b = nil
	if b == nil {
		return
	}
	var err error
	defer recoverDamage(s.db.Path(), &err)
	b.tx.Rollback()
}

// redo gives up the working transaction and does again what the journal holds:
// what was done since its last record has not happened.
func (s *Store) redo() error {
	s.work.mu.Lock()
	defer s.work.mu.Unlock()
	return s.redoLocked()
}

func (s *Store) redoLocked() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damageError(s.db.Path(), r)
		}
		if err != nil {
			s.abandon()
			err = s.stop(fmt.Errorf("doing again what the journal holds: %w", err))
		}
	}()
	s.abandon()
	if s.journal == nil || s.journal.at == 0 {
		return nil
	}
	b, err := s.openWork()
	if err != nil {
		return err
	}
	m, err := readMark(b.tx)
	if err != nil {
		return err
	}
	end, last := s.journal.at, s.journal.number
	if _, err := s.journal.replay(m, func(c changes) error { return c.apply(b) }); err != nil {
		return err
	}
	if s.journal.at != end || s.journal.number != last {
		return fmt.Errorf("it ends after record %d, %d were written", s.journal.number, last)
	}
	b.dirty = true
	return nil
}

// checkpoint writes the working transaction to the database. When there is no
// space for it, what the journal has of it goes on to be worked with.
func (s *Store) checkpoint() error { return s.save(false) }

// save is checkpoint; last tells that nothing comes after it.
func (s *Store) save(last bool) (err error) {
	w := &s.work
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.b == nil && !last {
		return nil
	}
	if err := s.stopped(); err != nil {
		return err
	}
	if _, err := s.openWork(); err != nil { // at the end one just to say so
		return err
	}
	tx := w.b.tx
	defer func() {
		if r := recover(); r != nil {
			err = s.stop(damageError(s.db.Path(), r))
			s.abandon()
		}
	}()
	id := tx.ID()
	if s.journal != nil {
		m := mark{run: s.journal.run, before: s.before, applied: s.journal.number, clean: last}
		if err := m.write(tx); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		w.b = nil
		if err = s.commitFailed(id, err); errors.Is(err, relay.ErrNoSpace) {
			if rerr := s.redoLocked(); rerr != nil {
				return rerr
			}
			w.full = w.b != nil // until a checkpoint of that goes well
		}
		return err
	}
	w.b, w.full = nil, false
	w.bell.Stop()
	if s.journal != nil {
		s.journal.rewind()
	}
	s.synced()
	return nil
}

// commitFailed judges a commit that failed. A full disk before the page that
// makes the transaction valid leaves everything as it was, and the next one
// may go well. After any other failure nobody knows what the disk holds: a
// second fsync that succeeds proves nothing, so the store stops.
func (s *Store) commitFailed(id int, err error) error {
	err = s.causeOf(err)
	var visible int
	verr := s.committed(func(tx *bbolt.Tx) error { visible = tx.ID(); return nil })
	if errors.Is(err, relay.ErrNoSpace) && verr == nil && visible < id {
		return fmt.Errorf("committing: %w", err)
	}
	return s.stop(fmt.Errorf("no more writes after one that failed, restart the relay: committing: %w", err))
}

// causeOf makes an error of bbolt relay.ErrNoSpace where that is its cause:
// bbolt hides it when the file cannot grow.
func (s *Store) causeOf(err error) error {
	err = spaceError(err)
	if !errors.Is(err, relay.ErrNoSpace) && s.gate.exhausted(s.dir) {
		err = fmt.Errorf("%w: %w", relay.ErrNoSpace, err)
	}
	return err
}

// finish ends the committer: everything goes to the database.
func (s *Store) finish() {
	if err := s.save(true); err != nil {
		s.log.Warn("what the journal holds goes to the database at the next start", "err", err)
	} else if s.journal != nil && s.stopped() == nil {
		s.journal.erase() // so that an older copy of the database alone is not taken for half of one
	}
	s.work.mu.Lock()
	defer s.work.mu.Unlock()
	s.abandon()
	if s.work.bell != nil {
		s.work.bell.Stop()
	}
}
