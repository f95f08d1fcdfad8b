package inspect

import (
	"slices"
	"strings"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// index is what the records of all segments come to.
type index struct {
	flows    map[string]*entry
	sorted   []*Flow // by At and id; nil when it has to be made again
	early    map[string][]*record
	waiting  int // records in early
	segments map[string]*position
	damaged  int // lines that were no records
}

// entry is a flow with the segments that hold its begin records: it goes with
// the last of them.
type entry struct {
	flow     *Flow
	segments []string
}

// position is how far a segment was read.
type position struct {
	offset int64
	size   int64 // when it was looked at
}

// maxEarly bounds the records that came before the begin of their flow: the
// begin was pruned, or is in a segment that is read next.
const maxEarly = 1000

func newIndex() index {
	return index{flows: map[string]*entry{}, early: map[string][]*record{}, segments: map[string]*position{}}
}

// order is the flows by the time they began. The caller does not change it.
func (x *index) order() []*Flow {
	if x.sorted == nil {
		x.sorted = make([]*Flow, 0, len(x.flows))
		for _, e := range x.flows {
			x.sorted = append(x.sorted, e.flow)
		}
		slices.SortFunc(x.sorted, byTime)
	}
	return x.sorted
}

func byTime(a, b *Flow) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return strings.Compare(a.ID(), b.ID())
}

// put sets the flow of an id.
func (x *index) put(id string, f *Flow, segment string) {
	e := x.flows[id]
	if e == nil {
		e = &entry{}
		x.flows[id] = e
		x.sorted = nil
	} else if x.sorted != nil {
		i, ok := slices.BinarySearchFunc(x.sorted, e.flow, byTime)
		if ok && f.At.Equal(e.flow.At) {
			x.sorted[i] = f
		} else {
			x.sorted = nil
		}
	}
	e.flow = f
	if segment != "" && !slices.Contains(e.segments, segment) {
		e.segments = append(e.segments, segment)
	}
}

// apply takes one record in and returns the id of the flow it changed, "" for
// none.
func (x *index) apply(r *record, segment string, stored bodies) string {
	if r.Kind == kindBegin {
		f, err := r.Flow.flow()
		if err != nil {
			x.damaged++
			return ""
		}
		f.stored = stored
		return x.begin(f, segment, stored)
	}
	e := x.flows[r.ID]
	if e == nil {
		if x.waiting < maxEarly {
			x.waiting++
			x.early[r.ID] = append(x.early[r.ID], r)
		}
		return ""
	}
	if r.Kind == kindRemove {
		delete(x.flows, r.ID)
		x.sorted = nil
		return r.ID
	}
	g, err := r.change(e.flow)
	if err != nil {
		x.damaged++
		return ""
	}
	if g == e.flow {
		return ""
	}
	x.put(r.ID, g, "")
	return r.ID
}

// begin takes in a flow, or a further attempt of one that is there.
func (x *index) begin(f *Flow, segment string, stored bodies) string {
	id := f.ID()
	if e := x.flows[id]; e != nil {
		g := e.flow
		for _, a := range f.Attempts {
			if g.attempt(a.Number) == nil {
				g = g.with(a)
			}
		}
		if f.Delivery.Seq > g.Delivery.Seq { // queued since
			g = g.clone()
			g.Delivery.Seq = f.Delivery.Seq
		}
		x.put(id, g, segment)
		return id
	}
	x.put(id, f, segment)
	early := x.early[id]
	delete(x.early, id)
	x.waiting -= len(early)
	for _, r := range early {
		x.apply(r, "", stored)
	}
	return id
}

// change is f after r.
func (r *record) change(f *Flow) (*Flow, error) {
	switch r.Kind {
	case kindEnd:
		g := f
		if r.Attempt != nil {
			a, err := r.Attempt.attempt()
			if err != nil {
				return f, err
			}
			if old := f.attempt(a.Number); old != nil && a.Settled == nil {
				a.Settled = old.Settled
			}
			g = f.with(a)
		}
		if r.Head != nil {
			g = g.clone()
			r.Head.put(g)
		}
		return g, nil
	case kindSettled:
		a := f.attempt(r.Number)
		if a == nil || r.Settled == nil {
			return f, nil
		}
		b := *a
		b.Settled = r.Settled.settled()
		return f.with(b), nil
	case kindChange:
		g := f.clone()
		if r.Marked != nil {
			g.Marked = *r.Marked
		}
		if r.Note != nil {
			g.Note = *r.Note
		}
		return g, nil
	}
	return f, nil
}

// drop forgets a segment that is not there any more, and returns the flows
// that went with it.
func (x *index) drop(segment string) []string {
	delete(x.segments, segment)
	var ids []string
	for id, e := range x.flows {
		if i := slices.Index(e.segments, segment); i >= 0 {
			if e.segments = slices.Delete(e.segments, i, i+1); len(e.segments) == 0 {
				ids = append(ids, id)
				delete(x.flows, id)
			}
		}
	}
	if len(ids) > 0 {
		x.sorted = nil
	}
	return ids
}

// settledRecord is the record of what the relay said.
func settledRecord(s tunnel.Settlement, at time.Time) record {
	return record{Kind: kindSettled, At: at, ID: s.ID.String(), Number: s.Attempt, Settled: newWireSettled(NewSettled(s, at))}
}
