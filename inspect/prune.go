package inspect

import (
	"bytes"
	"errors"
	"os"
	"time"
)

// Pruned counts what went.
type Pruned struct {
	Segments int
	Bodies   int
	Bytes    int64
}

// summary is what pruning needs to know of a segment.
type summary struct {
	name  string
	size  int64
	flows int
	last  time.Time
	refs  []string // hashes of bodies
}

// Prune deletes the oldest segments while a bound is passed, and the bodies
// that no record names. Segments that a process writes to stay.
func (h *History) Prune() (Pruned, error) {
	now := h.opts.Now()
	h.writing.Lock()
	if s := h.own; s != nil && h.opts.Age > 0 && now.Sub(s.last) > h.opts.Age {
		h.endSegment() // nothing in it is worth keeping it
	}
	h.writing.Unlock()

	names, err := h.segmentNames()
	if err != nil {
		return Pruned{}, err
	}
	sizes := map[string]int64{}
	files, err := h.bodyFiles()
	if err != nil {
		return Pruned{}, err
	}
	for _, f := range files {
		sizes[f.Name()] = f.Size()
	}
	// From the newest back: what no longer fits goes, with all that is older.
	var p Pruned
	var flows int
	var total int64
	used := map[string]bool{}
	full := false
	for i := len(names) - 1; i >= 0; i-- {
		s, err := h.summarize(names[i])
		if err != nil {
			continue
		}
		flows += s.flows
		total += s.size
		for _, hash := range s.refs {
			if !used[hash] {
				total += sizes[hash]
			}
		}
		full = full || h.opts.Flows > 0 && flows > h.opts.Flows || h.opts.Bytes > 0 && total > h.opts.Bytes
		old := h.opts.Age > 0 && now.Sub(s.last) > h.opts.Age
		if (full || old) && h.deleteSegment(s.name, now, false) == nil {
			p.Segments++
			p.Bytes += s.size
			flows -= s.flows
			continue
		}
		for _, hash := range s.refs {
			used[hash] = true
		}
	}
	for _, f := range files {
		if used[f.Name()] || now.Sub(f.ModTime()) < bodyGrace {
			continue
		}
		name := bodyName(f.Name())
		// Another process may just have come to use it: look once more.
		if again, err := h.root.Lstat(name); err != nil || now.Sub(again.ModTime()) < bodyGrace {
			continue
		}
		if h.root.Remove(name) == nil {
			p.Bodies++
			p.Bytes += f.Size()
		}
	}
	return p, nil
}

// errHeld: a process writes to the segment.
var errHeld = errors.New("in use")

// deleteSegment deletes a segment; with force also one that is written to.
func (h *History) deleteSegment(name string, now time.Time, force bool) error {
	if !force {
		f, err := openRegular(h.root, name)
		if err != nil {
			return err
		}
		inUse := held(f, now)
		f.Close()
		if inUse {
			return errHeld
		}
	}
	return h.root.Remove(name)
}

// summarize reads a segment without decoding it. What it looks for cannot
// stand within a JSON string: quotes are escaped there.
func (h *History) summarize(name string) (summary, error) {
	f, err := openRegular(h.root, name)
	if err != nil {
		return summary{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return summary{}, err
	}
	s := summary{name: name, size: info.Size(), last: info.ModTime()}
	b := make([]byte, info.Size())
	n, _ := f.ReadAt(b, 0)
	lines(b[:n], func(line []byte) {
		if bytes.HasPrefix(line, []byte(`{"v":1,"kind":"begin"`)) {
			s.flows++
		}
		mark := []byte(`,"body_file":"`)
		for rest := line; ; {
			i := bytes.Index(rest, mark)
			if i < 0 || len(rest) < i+len(mark)+64 {
				break
			}
			rest = rest[i+len(mark):]
			if hash := string(rest[:64]); isHash(hash) {
				s.refs = append(s.refs, hash)
			}
		}
	})
	return s, nil
}

// Purge deletes all segments and bodies. A process that is recording goes on
// in a new segment.
func (h *History) Purge() (Pruned, error) {
	var p Pruned
	h.writing.Lock()
	h.endSegment()
	h.writing.Unlock()
	names, err := h.segmentNames()
	if err != nil {
		return p, err
	}
	var all []error
	for _, name := range names {
		info, err := h.root.Lstat(name)
		if err == nil {
			err = h.deleteSegment(name, time.Time{}, true)
		}
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			all = append(all, err)
			continue
		}
		p.Segments++
		p.Bytes += info.Size()
	}
	files, err := h.bodyFiles()
	all = append(all, err)
	for _, f := range files {
		if err := h.root.Remove(bodyName(f.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			all = append(all, err)
			continue
		}
		p.Bodies++
		p.Bytes += f.Size()
	}
	_, err = h.Refresh()
	return p, errors.Join(append(all, err)...)
}
