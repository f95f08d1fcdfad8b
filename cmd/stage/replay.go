package stage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// Seen says whether a signed message was here before.
type Seen int

// New: not, or in an earlier attempt of the same delivery. SeenAnswered: yes,
// and the application answered it with a 2xx; only such a one is a duplicate
// that may be dropped.
const (
	New Seen = iota
	SeenBefore
	SeenAnswered
)

// maxSeen bounds a ReplayFile; past it the oldest are forgotten, so that a
// flood can make it forget but never grow.
const maxSeen = 100_000

// ReplayFile remembers the signed messages of a listener across its lives. It
// knows attempts of one delivery from a second delivery of the same message:
// dropping the first would lose it.
type ReplayFile struct {
	mu    sync.Mutex // guards what follows
	seen  map[string]*sighting
	order []string // in order of arrival
	file  *os.File
}

type sighting struct {
	id       tunnel.ID
	until    time.Time
	answered bool
}

// OpenReplayFile opens or makes the file (mode 0600) and reads what is not
// forgotten yet; what it rewrites is short. Lines that it cannot read, such as
// one cut short by a crash, are skipped. One process at a time may use a file.
func OpenReplayFile(path string, now time.Time) (*ReplayFile, error) {
	r := &ReplayFile{seen: map[string]*sighting{}}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the replay cache: %w", err)
	}
	lines := bufio.NewScanner(f)
	total := 0
	for lines.Scan() {
		total++
		r.read(lines.Text(), now)
	}
	if err := lines.Err(); err != nil {
		f.Close()
		return nil, fmt.Errorf("reading the replay cache: %w", err)
	}
	r.file = f
	if total > 2*len(r.seen)+1000 {
		if err := r.rewrite(); err != nil {
			f.Close()
			return nil, err
		}
	}
	return r, nil
}

// read takes in a line: "UNTIL KEY ID" or "UNTIL KEY ID answered".
func (r *ReplayFile) read(line string, now time.Time) {
	parts := strings.Split(line, " ")
	if len(parts) < 3 || len(parts) > 4 || len(parts[1]) != 64 {
		return
	}
	until, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || until < now.Unix() {
		return
	}
	id, err := tunnel.ParseID(parts[2])
	if err != nil {
		return
	}
	if s := r.seen[parts[1]]; s == nil {
		r.add(parts[1], &sighting{id: id, until: time.Unix(until, 0), answered: len(parts) == 4})
	} else if len(parts) == 4 && s.id == id {
		s.answered = true
	}
}

func (r *ReplayFile) add(key string, s *sighting) {
	for len(r.order) >= maxSeen {
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
	r.seen[key] = s
	r.order = append(r.order, key)
}

// rewrite makes the file anew with what is still known.
func (r *ReplayFile) rewrite() error {
	if err := r.file.Truncate(0); err != nil {
		return fmt.Errorf("shortening the replay cache: %w", err)
	}
	for _, key := range r.order {
		r.write(key, r.seen[key])
	}
	return nil
}

// write appends a line. One that cannot be written is lost at the next start
// only: a duplicate is marked or dropped a time less.
func (r *ReplayFile) write(key string, s *sighting) {
	mark := ""
	if s.answered {
		mark = " answered"
	}
	io.WriteString(r.file, strconv.FormatInt(s.until.Unix(), 10)+" "+key+" "+s.id.String()+mark+"\n")
}

// See records that delivery id carries the message. Of many at once with one
// key, exactly one is New.
func (r *ReplayFile) See(key string, id tunnel.ID, at time.Time) Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seen[key]
	switch {
	case s != nil && s.id == id:
		return New
	case s != nil && at.Before(s.until) && s.answered:
		return SeenAnswered
	case s != nil && at.Before(s.until):
		return SeenBefore
	case s != nil:
		s.id, s.until, s.answered = id, at.Add(keepSeen), false
	default:
		s = &sighting{id: id, until: at.Add(keepSeen)}
		r.add(key, s)
	}
	r.write(key, s)
	return New
}

// Answered records that the application answered the message with a 2xx.
func (r *ReplayFile) Answered(key string, id tunnel.ID, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.seen[key]; s != nil && s.id == id && !s.answered {
		s.answered = true
		r.write(key, s)
	}
}

// Close closes the file; it may be called twice.
func (r *ReplayFile) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
