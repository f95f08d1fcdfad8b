package inspect

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Changes are what a Refresh found: flows that are new or not what they were,
// in order, and the ids of those that are gone.
type Changes struct {
	Flows []*Flow
	Gone  []string
}

// pollEvery is how often Follow looks: a person does not see less, and a
// folder costs nothing so seldom.
const pollEvery = 250 * time.Millisecond

// Follow calls f for what this and other processes record, until ctx ends. It
// begins with all that is there.
func (h *History) Follow(ctx context.Context, f func(Changes)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		c, err := h.Refresh()
		if err != nil {
			return err
		}
		if len(c.Flows)+len(c.Gone) > 0 {
			f(c)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// found is a record with where it stood.
type found struct {
	*record
	segment string
}

// Refresh reads what was recorded since the last time. Damaged lines are
// passed over and counted in Stats.
func (h *History) Refresh() (Changes, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := &h.index
	names, err := h.segmentNames()
	if err != nil {
		return Changes{}, err
	}
	var changes Changes
	for name := range x.segments {
		if !slices.Contains(names, name) {
			changes.Gone = append(changes.Gone, x.drop(name)...)
		}
	}
	var records []found
	for _, name := range names {
		p := x.segments[name]
		if p == nil {
			p = &position{}
			x.segments[name] = p
		}
		records = h.read(name, p, records)
	}
	// The segments were read one after another; what happened was not so.
	slices.SortStableFunc(records, func(a, b found) int { return a.At.Compare(b.At) })
	var ids []string
	seen := map[string]bool{}
	stored := folderBodies{h.root}
	for _, r := range records {
		if id := x.apply(r.record, r.segment, stored); id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if e := x.flows[id]; e != nil {
			changes.Flows = append(changes.Flows, e.flow)
		} else {
			changes.Gone = append(changes.Gone, id)
		}
	}
	slices.SortFunc(changes.Flows, byTime)
	return changes, nil
}

// segmentNames are the segments that are there, the oldest first.
func (h *History) segmentNames() ([]string, error) {
	dir, err := h.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	all, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(all, func(name string) bool { return !isSegment(name) })
	slices.Sort(names)
	return names, nil
}

// readPiece is how much of a segment is read at once, and decoded before more.
const readPiece = 1 << 20

// read appends the records of a segment behind p. A segment that cannot be
// read is left out: it may be gone the next moment.
func (h *History) read(name string, p *position, out []found) []found {
	info, err := h.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() == p.size {
		return out
	}
	f, err := openRegular(h.root, name)
	if err != nil {
		return out
	}
	defer f.Close()
	if p.size = info.Size(); p.size < p.offset {
		p.offset = 0 // a write was taken back: to read a record twice does no harm
	}
	buf := make([]byte, 0, min(p.size-p.offset, readPiece)+1)
	skipping := false // within a line that is too long
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, readPiece)
		}
		n, err := f.ReadAt(buf[len(buf):cap(buf)], p.offset+int64(len(buf)))
		buf = buf[:len(buf)+n]
		took := lines(buf, func(line []byte) {
			if skipping {
				skipping = false
				h.index.damaged++
				return
			}
			r, ok := parseRecord(line)
			if !ok {
				h.index.damaged++
				return
			}
			out = append(out, found{r, name})
		})
		p.offset += int64(took)
		buf = append(buf[:0], buf[took:]...)
		if err != nil || n == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				p.size = 0 // try again
			}
			return out
		}
		if len(buf) > maxLine {
			skipping = true
			p.offset += int64(len(buf))
			buf = buf[:0]
		}
	}
}

// Stats are what a history takes.
type Stats struct {
	Flows    int
	Segments int
	Bodies   int
	Bytes    int64 // of the files
	Damaged  int   // lines that could not be read
	Oldest   time.Time
}

// Stats counts what is there.
func (h *History) Stats() (Stats, error) {
	names, err := h.segmentNames()
	if err != nil {
		return Stats{}, err
	}
	s := Stats{Segments: len(names)}
	for _, name := range names {
		if info, err := h.root.Lstat(name); err == nil {
			s.Bytes += info.Size()
		}
	}
	files, err := h.bodyFiles()
	if err != nil {
		return s, err
	}
	for _, f := range files {
		s.Bodies++
		s.Bytes += f.Size()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	order := h.index.order()
	s.Flows, s.Damaged = len(order), h.index.damaged
	if len(order) > 0 {
		s.Oldest = order[0].At
	}
	return s, nil
}

// bodyFiles are the files of the bodies folder, unfinished ones among them.
func (h *History) bodyFiles() ([]fs.FileInfo, error) {
	dir, err := h.root.Open(bodyDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	all, err := dir.Readdir(-1)
	return slices.DeleteFunc(all, func(i fs.FileInfo) bool {
		return !i.Mode().IsRegular() || !isHash(i.Name()) && !strings.HasPrefix(i.Name(), "new-")
	}), err
}
