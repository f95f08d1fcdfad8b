package inspect

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	segmentExt    = ".jsonl"
	segmentLayout = "20060102T150405.000000000Z"
	// maxSegment is where a process goes on in another segment: old ones are
	// deleted whole, so they should not be large.
	maxSegment = 8 << 20
	// maxLine bounds a record: two bodies of 64 KiB and two headers, each
	// escaped, are less. What is longer is damage.
	maxLine = 4 << 20
)

// segment is the file that this process appends to.
type segment struct {
	root  *os.Root
	f     *os.File
	name  string
	born  time.Time
	last  time.Time // of the last write
	size  int64
	flows int
	torn  bool // the file may end within a line
}

// newSegment starts a file of our own.
func newSegment(root *os.Root, now time.Time) (*segment, error) {
	name := now.UTC().Format(segmentLayout) + fmt.Sprintf("-%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:6])) + segmentExt
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	hold(f)
	return &segment{root: root, f: f, name: name, born: now, last: now}, nil
}

// isSegment tells whether name is one that newSegment makes.
func isSegment(name string) bool {
	_, err := time.Parse(segmentLayout, name[:min(len(name), len(segmentLayout))])
	return err == nil && strings.HasSuffix(name, segmentExt)
}

// gone tells whether the file was deleted or exchanged under us.
func (s *segment) gone() bool {
	ours, err := s.f.Stat()
	if err != nil {
		return true
	}
	there, err := s.root.Lstat(s.name)
	return err != nil || !os.SameFile(ours, there)
}

// write appends whole lines. After an error none of them is in the file, as
// far as the file system lets us take them back.
func (s *segment) write(lines []byte, flows int, now time.Time) error {
	if s.torn {
		lines = append([]byte("\n"), lines...) // ends the damaged line; readers pass over it
	}
	n, err := s.f.Write(lines)
	if err != nil {
		if n > 0 && s.f.Truncate(s.size) != nil {
			s.torn = true
			s.size += int64(n)
		}
		return err
	}
	s.size += int64(n)
	s.flows += flows
	s.torn, s.last = false, now
	return nil
}

func (s *segment) close() error { return s.f.Close() }

// lines calls yield with each whole line of b, without its line feed, and
// returns the bytes that they take. A last line without a line feed is on its
// way, or was torn by a crash: it is not a line.
func lines(b []byte, yield func(line []byte)) int {
	done := 0
	for {
		n := bytes.IndexByte(b[done:], '\n')
		if n < 0 {
			return done
		}
		if n > 0 {
			yield(b[done : done+n])
		}
		done += n + 1
	}
}
