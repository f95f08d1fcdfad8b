package tui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/tunnel"
)

const (
	maxFlows = 10_000    // on screen; the history holds more
	maxBytes = 128 << 20 // of their bodies in memory
	trimStep = 256       // rows that go at a time, so that going is cheap
)

// flowKey is a flow's ID without making a text of it.
type flowKey struct {
	id     tunnel.ID
	replay int
}

func keyOfFlow(f *inspect.Flow) flowKey { return flowKey{f.Delivery.ID, f.Replay} }

// keyOfID is the key of a flow's ID as text.
func keyOfID(s string) (flowKey, bool) {
	text, replay, again := strings.Cut(s, ".")
	id, err := tunnel.ParseID(text)
	n := 0
	if again && err == nil {
		n, err = strconv.Atoi(replay)
	}
	return flowKey{id, n}, err == nil
}

// row is a flow in the list. Its flow is replaced, never changed.
type row struct {
	flow  *inspect.Flow
	state inspect.State
	size  int64 // bytes of it in memory
	pick  bool  // the filter picks it
	found bool  // the search found it
}

// store holds the rows: all of them in the order in which they came, and those
// that the list shows.
type store struct {
	rows  []*row
	byID  map[flowKey]*row
	shown []*row
	bytes int64

	sort   sorting
	only   bool // marked ones
	picked bool // there is a filter
	tally  tally
}

// tally counts flows by their state; a flow that has gone from the list stays
// counted. Replays are counted apart: they were not received.
type tally struct {
	ok, failed, noAnswer, unreachable, skipped, dead, pending int
	replays                                                   int
}

func (t *tally) received() int {
	return t.ok + t.failed + t.noAnswer + t.unreachable + t.skipped + t.dead + t.pending
}

func (t *tally) add(f *inspect.Flow, n int) {
	if f.Replay > 0 {
		t.replays += n
		return
	}
	switch f.State() {
	case inspect.Answered:
		if f.Status() < 400 {
			t.ok += n
		} else {
			t.failed += n
		}
	case inspect.NoAnswer:
		t.noAnswer += n
	case inspect.Unreachable:
		t.unreachable += n
	case inspect.Skipped:
		t.skipped += n
	case inspect.Dead:
		t.dead += n
	default:
		t.pending += n
	}
}

// put adds a flow, or replaces the one of its ID.
func (s *store) put(f *inspect.Flow) *row {
	if s.byID == nil {
		s.byID = make(map[flowKey]*row)
	}
	id := keyOfFlow(f)
	r, ok := s.byID[id]
	if ok {
		s.tally.add(r.flow, -1)
		f = carry(r.flow, f)
	} else {
		r = &row{pick: !s.picked}
		s.byID[id] = r
		s.rows = append(s.rows, r)
	}
	s.set(r, f)
	s.tally.add(f, 1)
	return r
}

// carry is f with what only the flow before it knows: marks and notes that
// were made here, earlier attempts, what the relay has said already.
func carry(old, f *inspect.Flow) *inspect.Flow {
	if a, b := old.Last(), f.Last(); len(old.Attempts) == 1 && len(f.Attempts) == 1 && a.Number == b.Number && a.Settled == nil && !old.Marked && old.Note == "" {
		return f
	}
	g := *f
	g.Marked, g.Note = old.Marked || f.Marked, cmp.Or(f.Note, old.Note)
	g.Attempts = nil
	for _, a := range old.Attempts {
		if !slices.ContainsFunc(f.Attempts, func(b inspect.Attempt) bool { return b.Number == a.Number }) {
			g.Attempts = append(g.Attempts, a)
		}
	}
	for _, b := range f.Attempts {
		i := slices.IndexFunc(old.Attempts, func(a inspect.Attempt) bool { return a.Number == b.Number })
		if i >= 0 && b.Settled == nil {
			b.Settled = old.Attempts[i].Settled
		}
		g.Attempts = append(g.Attempts, b)
	}
	slices.SortStableFunc(g.Attempts, func(a, b inspect.Attempt) int { return cmp.Compare(a.Number, b.Number) })
	return &g
}

// set gives a row its flow without counting it.
func (s *store) set(r *row, f *inspect.Flow) {
	s.bytes += weight(f) - r.size
	r.flow, r.state, r.size = f, f.State(), weight(f)
}

// trim lets the oldest go that are not marked, while there are too many.
func (s *store) trim() {
	for len(s.rows) > maxFlows || s.bytes > maxBytes && len(s.rows) > 1 {
		goal := min(trimStep, max(len(s.rows)/2, 1))
		keep := s.rows[:0:0]
		gone := 0
		for i, r := range s.rows {
			if gone == goal || i == len(s.rows)-1 || r.flow.Marked {
				keep = append(keep, r)
				continue
			}
			s.drop(r)
			gone++
		}
		s.rows = keep
		if gone == 0 { // all are marked
			return
		}
	}
}

func (s *store) drop(r *row) {
	delete(s.byID, keyOfFlow(r.flow))
	s.bytes -= r.size
}

// clear takes rows out of the list, all but the marked.
func (s *store) clear(which func(*row) bool) int {
	keep := s.rows[:0:0]
	for _, r := range s.rows {
		if r.flow.Marked || !which(r) {
			keep = append(keep, r)
			continue
		}
		s.drop(r)
	}
	n := len(s.rows) - len(keep)
	s.rows = keep
	return n
}

// gone takes flows out that the history has let go; a marked one stays.
func (s *store) gone(ids []string) {
	list := map[flowKey]bool{}
	for _, id := range ids {
		if k, ok := keyOfID(id); ok {
			list[k] = true
		}
	}
	s.clear(func(r *row) bool { return list[keyOfFlow(r.flow)] })
}

func (s *store) visible(r *row) bool { return r.pick && (!s.only || r.flow.Marked) }

// arrange makes the shown rows from all.
func (s *store) arrange() {
	if !s.picked && !s.only && s.sort == byTime {
		s.shown = s.rows
		return
	}
	s.shown = make([]*row, 0, len(s.rows))
	for _, r := range s.rows {
		if s.visible(r) {
			s.shown = append(s.shown, r)
		}
	}
	if less := s.sort.compare(); less != nil {
		slices.SortStableFunc(s.shown, less)
	}
}

// sorting is the order of the list.
type sorting byte

const (
	byTime sorting = iota
	byStatus
	byDuration
	bySize
	sortings
)

func (s sorting) String() string {
	return [...]string{"time", "status", "duration", "size"}[s]
}

func (s sorting) compare() func(a, b *row) int {
	switch s {
	case byStatus:
		return func(a, b *row) int { return cmp.Compare(a.flow.Status(), b.flow.Status()) }
	case byDuration:
		return func(a, b *row) int { return cmp.Compare(lasted(a.flow), lasted(b.flow)) }
	case bySize:
		return func(a, b *row) int { return cmp.Compare(a.flow.BodySize, b.flow.BodySize) }
	}
	return nil
}

// lasted is how long the last attempt took; 0 while it runs.
func lasted(f *inspect.Flow) time.Duration {
	if a := f.Last(); a != nil {
		return a.Took
	}
	return 0
}
