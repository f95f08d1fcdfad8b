package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// The journal is a file of fixed size, written from its start again after each
// checkpoint. What a group of ops changed is one record in it, written and
// synced before any of them is answered: one sync where a commit of bbolt takes
// two, and no pages. Numbers rise by one from record to record. A record is
// good when its checksum is, when it is of this run, and when its number is the
// next; the first that is not ends the journal, and nobody was answered for it.
//
//	magic, checksum of what follows, length of the changes  4 bytes each
//	run, number                                             8 bytes each
//	changes
//
// All numbers are big-endian, the checksum is CRC-32C.
const (
	journalName  = "relay.journal"
	journalMagic = 0x686b6a31 // "hkj1"
	journalHead  = 4 + 4 + 4 + 8 + 8

	// defaultJournal is how much may change between two checkpoints.
	defaultJournal = 8 << 20
)

// checksum is CRC-32C. The table is made when it is first needed: most runs of
// the program have no store.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// mark is what the database says of its journal. It is written by every
// checkpoint.
type mark struct {
	run     uint64 // the run whose records may have to be done again; 0: none yet
	before  uint64 // the run before: what the file still holds of it is in the database
	applied uint64 // number of the last record that is in the database
	clean   bool   // the store was closed, the journal holds nothing
}

const markSize = 8 + 8 + 8 + 1

func (m mark) encode() []byte {
	b := make([]byte, 0, markSize)
	for _, n := range []uint64{m.run, m.before, m.applied} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	if m.clean {
		return append(b, 1)
	}
	return append(b, 0)
}

func decodeMark(b []byte) (m mark, err error) {
	if b == nil { // a database from before the journal
		return mark{clean: true}, nil
	}
	if len(b) != markSize {
		return m, errRecord
	}
	m.run, m.before, m.applied = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	m.clean = b[24] != 0
	return m, nil
}

// journal is the open file. Only the committer uses it.
type journal struct {
	file   *os.File
	size   int64 // bytes that are there to be written
	run    uint64
	number uint64 // of the last record
	at     int64  // where the next one goes
	noSync bool
}

// openJournal opens the file, or makes an empty one; there tells which.
func openJournal(dir string, noSync bool) (j *journal, there bool, err error) {
	path := filepath.Join(dir, journalName)
	if _, err := os.Stat(path); err == nil {
		there = true
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, false, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	return &journal{file: f, noSync: noSync}, there, nil
}

// extend writes the file to its full size, once: what is overwritten later
// takes no space and no metadata. It needs a sync of the folder after it.
func (j *journal) extend(size int64) error {
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, 256<<10)
	for at := info.Size(); at < size && err == nil; {
		var n int
		n, err = j.file.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		at += int64(n)
	}
	if err == nil && !j.noSync {
		err = j.file.Sync()
	}
	if err != nil {
		j.file.Truncate(info.Size()) // others need the space
		return err
	}
	j.size = max(size, info.Size())
	return nil
}

// begin starts a new run: what the file holds counts no more.
func (j *journal) begin(run uint64) error {
	j.run, j.number, j.at = run, 0, 0
	return j.erase()
}

// rewind makes the next record the first of the file: the database has all.
func (j *journal) rewind() { j.at = 0 }

// erase makes the first record no record.
func (j *journal) erase() error {
	if _, err := j.file.WriteAt(make([]byte, journalHead), 0); err != nil {
		return err
	}
	return j.sync()
}

func (j *journal) sync() error {
	if j.noSync {
		return nil
	}
	return datasync(j.file)
}

// fits tells whether c has room behind what is there. What takes space leaves a
// quarter of the journal to what makes some: on a full disk the database cannot
// be written, and deliveries that have ended are all that can change that.
func (j *journal) fits(c changes, grows bool) bool {
	room := j.size
	if grows {
		room -= room / 4
	}
	return j.at+int64(len(c)) <= room
}

// errUnsynced is a failed sync: what the disk holds is unknown from then on.
var errUnsynced = errors.New("syncing the journal")

// append makes c durable as the next record. It fills in the room for the head
// with which changes begin. After an error that is not errUnsynced the journal
// is as it was.
func (j *journal) append(c changes) error {
	binary.BigEndian.PutUint32(c, journalMagic)
	binary.BigEndian.PutUint32(c[8:], uint32(len(c)-journalHead))
	binary.BigEndian.PutUint64(c[12:], j.run)
	binary.BigEndian.PutUint64(c[20:], j.number+1)
	binary.BigEndian.PutUint32(c[4:], checksum(c[8:]))
	if _, err := j.file.WriteAt(c, j.at); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if err := j.sync(); err != nil {
		return fmt.Errorf("%w: %w", errUnsynced, err)
	}
	j.number++
	j.at += int64(len(c))
	return nil
}

// errForeign is a journal that does not continue the database beside it.
var errForeign = errors.New("the journal does not belong to the database")

// replay does again what the journal holds after m.applied, record by record,
// and stands behind the last.
func (j *journal) replay(m mark, do func(changes) error) (records int, err error) {
	info, err := j.file.Stat()
	if err != nil {
		return 0, err
	}
	j.run, j.number, j.at, j.size = m.run, m.applied, 0, info.Size()
	for {
		run, number, c, err := j.read(j.at)
		switch {
		case err != nil:
			return records, err
		case c == nil:
			return records, nil
		case run == m.run && number <= m.applied, run == m.before && m.before != 0:
			return records, nil // a checkpoint was made, and nothing written since
		case j.at == 0 && (run != m.run || number != m.applied+1):
			return 0, errForeign
		case run != m.run || number != j.number+1:
			return records, nil // behind the last: left from an earlier round
		}
		if err := do(c); err != nil {
			return records, err
		}
		records++
		j.number = number
		j.at += int64(len(c))
	}
}

// read reads the record at an offset: nil where there is none.
func (j *journal) read(at int64) (run, number uint64, c changes, err error) {
	head := make([]byte, journalHead)
	if at+journalHead > j.size {
		return 0, 0, nil, nil
	}
	if _, err := j.file.ReadAt(head, at); err != nil {
		return 0, 0, nil, fmt.Errorf("reading the journal: %w", err)
	}
	length := int64(binary.BigEndian.Uint32(head[8:]))
	if binary.BigEndian.Uint32(head) != journalMagic || at+journalHead+length > j.size {
		return 0, 0, nil, nil
	}
	c = make(changes, journalHead+length)
	if _, err := j.file.ReadAt(c, at); err != nil && err != io.EOF {
		return 0, 0, nil, fmt.Errorf("reading the journal: %w", err)
	}
	if binary.BigEndian.Uint32(c[4:]) != checksum(c[8:]) {
		return 0, 0, nil, nil
	}
	return binary.BigEndian.Uint64(c[12:]), binary.BigEndian.Uint64(c[20:]), c, nil
}

func (j *journal) close() error { return j.file.Close() }
