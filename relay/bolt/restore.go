package bolt

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
)

// restore does again what the journal holds and the database lacks, and starts
// a new run of the journal. Where the database has no space for that, the run
// goes on; where the journal itself has none, the store works without one.
func (s *Store) restore() (err error) {
	defer recoverDamage(s.db.Path(), &err)
	var m mark
	if err := s.committed(func(tx *bbolt.Tx) (err error) { m, err = readMark(tx); return err }); err != nil {
		return err
	}
	j, there, err := openJournal(s.dir, s.opts.NoSync)
	if err != nil {
		return err
	}
	s.journal = j
	if !there && !m.clean {
		s.log.Error("the journal is missing: what was accepted last before the relay ended may be lost", "file", j.file.Name())
	}
	b, err := s.openWork()
	if err != nil {
		return err
	}
	records, err := j.replay(m, func(c changes) error { return c.apply(b) })
	if errors.Is(err, errForeign) {
		return fmt.Errorf("%w: put back the files %q and %q that were together, or delete the journal: what it holds is lost then",
			err, fileName, journalName)
	}
	if err != nil {
		return err
	}
	if records > 0 {
		s.log.Info("done again from the journal", "records", records)
	}

	// A run of its own, so that nothing that is left in the file from before, or
	// from before an older copy was put back, can look like its continuation.
	next := mark{run: rand.Uint64() | 1, before: m.run}
	s.work.b = nil
	if records == 0 {
		err = j.erase() // of the run before the last it could not be told that it is old
	}
	if err == nil {
		err = next.write(b.tx)
	}
	if err == nil {
		err = b.tx.Commit()
	} else {
		b.tx.Rollback()
	}
	saved := err == nil
	if saved {
		s.before = next.before
		if err = j.extend(s.opts.Journal); err == nil {
			err = j.begin(next.run)
		}
	}
	if err == nil {
		s.journalBytes = j.size
		return nil
	}
	if err = s.causeOf(err); !errors.Is(err, relay.ErrNoSpace) {
		return err
	}
	if !saved && m.run != 0 {
		s.log.Warn("no space to write to the database what the journal holds", "err", err)
		s.before, s.journalBytes = m.before, j.size
		if err := s.redo(); err != nil {
			return err
		}
		s.work.full = s.work.b != nil
		return nil
	}
	s.log.Warn("no space for the journal: every write goes to the database at once", "err", err)
	j.close()
	s.journal = nil
	return nil
}

func readMark(tx *bbolt.Tx) (mark, error) {
	m, err := decodeMark(tx.Bucket([]byte(bucketMeta)).Get([]byte(markKey)))
	if err != nil {
		return m, damageError(tx.DB().Path(), err)
	}
	return m, nil
}

func (m mark) write(tx *bbolt.Tx) error {
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(markKey), m.encode())
}
