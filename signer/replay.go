package signer

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A ReplayCache remembers which signed messages were seen. First is atomic: of many callers with one key, exactly one gets true.
type ReplayCache interface {
	// First records key and says whether it is new. The key may be forgotten after keep.
	First(key string, at time.Time, keep time.Duration) (bool, error)
}

// ReplayKey identifies a message for a [ReplayCache]: scope, scheme, delivery id, signed time and body. The signature is no part of it: a list can be
// written in many ways. The body is always part of it, so that
// nobody can take a true message's place by sending its id first.
func ReplayKey(scope string, s *Scheme, req *Request) string {
	h := sha256.New()
	r := &reader{req: req}
	r.fields = signatureFields(s, r)
	stamp := ""
	if s.Timestamp != nil {
		stamp = r.first(s.Timestamp.From)
	}
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00", scope, s.ID, deliveryID(s, r), stamp)
	h.Write(req.Body)
	return hex.EncodeToString(h.Sum(nil))
}

func signatureFields(s *Scheme, r *reader) []Field {
	var parsed sigParse
	for _, value := range r.values(parsePlace(s.Signature.From)) {
		s.Signature.parse(&parsed, value)
	}
	return parsed.fields
}

// maxReplayKeys bounds a cache in memory; past it the oldest are dropped, so a flood can make it forget but never grow.
const maxReplayKeys = 100_000

// MemoryReplay is a ReplayCache in memory. The zero value is ready.
type MemoryReplay struct {
	mu    sync.Mutex // guards what follows
	until map[string]time.Time
	order []string // in order of arrival
}

// First implements [ReplayCache].
func (m *MemoryReplay) First(key string, at time.Time, keep time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first(key, at, keep), nil
}

func (m *MemoryReplay) first(key string, at time.Time, keep time.Duration) bool {
	if m.until == nil {
		m.until = map[string]time.Time{}
	}
	if until, ok := m.until[key]; ok && !at.After(until) {
		return false
	}
	for len(m.order) > 0 {
		oldest := m.order[0]
		if len(m.order) < maxReplayKeys && !at.After(m.until[oldest]) {
			break
		}
		delete(m.until, oldest)
		m.order = m.order[1:]
	}
	if _, ok := m.until[key]; !ok {
		m.order = append(m.order, key)
	}
	m.until[key] = at.Add(keep)
	return true
}

// FileReplay is a ReplayCache that outlives its process: one line a key, appended. One process at a time may use a file.
type FileReplay struct {
	mu     sync.Mutex // guards memory and file
	memory MemoryReplay
	file   *os.File
}

// OpenFileReplay opens or makes the file (mode 0600) and reads what is not forgotten at that time. Lines it cannot read, such as one cut
// short by a crash, are skipped.
func OpenFileReplay(path string, at time.Time) (*FileReplay, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the replay cache: %w", err)
	}
	r := &FileReplay{file: f}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		stamp, key, ok := strings.Cut(lines.Text(), " ")
		until, err := strconv.ParseInt(stamp, 10, 64)
		if ok && err == nil && len(key) == 2*sha256.Size && until >= at.Unix() {
			r.memory.first(key, at, time.Unix(until, 0).Sub(at))
		}
	}
	if err := lines.Err(); err != nil {
		f.Close()
		return nil, fmt.Errorf("reading the replay cache: %w", err)
	}
	return r, nil
}

// First implements [ReplayCache]. A key counts as seen only once its line is written.
func (r *FileReplay) First(key string, at time.Time, keep time.Duration) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return false, errors.New("the replay cache is closed")
	}
	if !r.memory.first(key, at, keep) {
		return false, nil
	}
	if _, err := io.WriteString(r.file, strconv.FormatInt(at.Add(keep).Unix(), 10)+" "+key+"\n"); err != nil {
		return true, fmt.Errorf("writing the replay cache: %w", err)
	}
	return true, nil
}

// Close closes the file; it may be called twice.
func (r *FileReplay) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
