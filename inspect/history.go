package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/inspect/query"
)

// HistoryOptions are the bounds of a history. Over one of them the oldest
// segments go, whole, with the bodies that nothing names any more.
type HistoryOptions struct {
	Flows int           // 10,000; -1 is no bound
	Bytes int64         // 256 MiB, bodies and all; -1 is no bound
	Age   time.Duration // 7 days; -1 is no bound
	Now   func() time.Time
}

// History is the flows in a folder. Several processes can have it open, each
// appending to a file of its own; a record that another wrote is seen after
// Refresh.
//
// A file is JSON Lines. jq shows what came:
//
//	jq -r 'select(.kind=="begin") | .flow | [.at, .method, .target] | @tsv' *.jsonl
type History struct {
	opts HistoryOptions
	root *os.Root

	writing sync.Mutex // guards own; never held together with mu
	own     *segment   // nil before the first record

	mu    sync.Mutex // guards what follows
	index index
}

// OpenHistory opens the history in dir, and makes the folder if it is not
// there. It reads nothing yet: see Refresh. The error wraps ErrFolder if dir is
// open to others.
func OpenHistory(dir string, o HistoryOptions) (*History, error) {
	root, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	o.Flows = cmp.Or(o.Flows, 10_000)
	o.Bytes = cmp.Or(o.Bytes, 256<<20)
	o.Age = cmp.Or(o.Age, 7*24*time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &History{opts: o, root: root, index: newIndex()}, nil
}

// Close ends the segment of this process. Flows that were read stay, their
// bodies in files do not.
func (h *History) Close() error {
	h.writing.Lock()
	defer h.writing.Unlock()
	err := h.endSegment()
	return errors.Join(err, h.root.Close())
}

func (h *History) endSegment() error {
	if h.own == nil {
		return nil
	}
	err := h.own.close()
	h.own = nil
	return err
}

// write appends lines to the segment of this process.
func (h *History) write(lines []byte, flows int) error {
	h.writing.Lock()
	defer h.writing.Unlock()
	now := h.opts.Now()
	if s := h.own; s != nil && (s.size > h.maxSegment() || h.opts.Flows > 0 && s.flows > h.opts.Flows/4 || s.gone()) {
		h.endSegment()
	}
	if h.own == nil {
		s, err := newSegment(h.root, now)
		if err != nil {
			return err
		}
		h.own = s
	}
	return h.own.write(lines, flows, now)
}

func (h *History) maxSegment() int64 {
	if h.opts.Bytes > 0 {
		return min(maxSegment, h.opts.Bytes/4)
	}
	return maxSegment
}

// Flows are all flows that Refresh has seen, the newest last.
func (h *History) Flows() []*Flow {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.index.order())
}

// Select is the flows that q picks, the newest last.
func (h *History) Select(q query.Query) []*Flow {
	now := h.opts.Now()
	return slices.DeleteFunc(h.Flows(), func(f *Flow) bool { return !q.MatchAt(f, now) })
}

// Errors of Find.
var (
	ErrNoFlow    = errors.New("there is no such flow in the history")
	ErrAmbiguous = errors.New("several flows begin so")
)

// Find is the flow that ref names: "@last", "@2" (the second last), an id, or
// the unique beginning of one, with or without "dlv_". A replay is named by its
// number behind the id: "dlv_….2".
func (h *History) Find(ref string) (*Flow, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	order := h.index.order()
	if at, ok := strings.CutPrefix(ref, "@"); ok {
		n, err := strconv.Atoi(at)
		if at == "last" {
			n, err = 1, nil
		}
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q: write @last, or @2 for the second last: %w", ref, ErrNoFlow)
		}
		if n > len(order) {
			return nil, fmt.Errorf("%q: the history has %d: %w", ref, len(order), ErrNoFlow)
		}
		return order[len(order)-n], nil
	}
	prefix, number, isReplay := strings.Cut(ref, ".")
	if !strings.HasPrefix(prefix, "dlv_") {
		prefix = "dlv_" + prefix
	}
	var found []*Flow
	for _, f := range order {
		id := f.Delivery.ID.String()
		if !strings.HasPrefix(id, prefix) || isReplay && strconv.Itoa(f.Replay) != number {
			continue
		}
		found = append(found, f)
	}
	if !isReplay && len(found) > 1 { // of one delivery: the one that was not replayed
		id := found[0].Delivery.ID
		if !slices.ContainsFunc(found, func(f *Flow) bool { return f.Delivery.ID != id }) {
			return slices.MinFunc(found, func(a, b *Flow) int { return cmp.Compare(a.Replay, b.Replay) }), nil
		}
	}
	switch {
	case ref == "" || len(found) == 0:
		return nil, fmt.Errorf("%q: %w", ref, ErrNoFlow)
	case len(found) > 1:
		var ids []string
		for _, f := range found[:min(len(found), 3)] {
			ids = append(ids, f.ID())
		}
		return nil, fmt.Errorf("%q: %w: %s", ref, ErrAmbiguous, strings.Join(ids, ", "))
	}
	return found[0], nil
}

// NextReplay is the number that the next replay of a delivery gets.
func (h *History) NextReplay(f *Flow) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, other := range h.index.order() {
		if other.Delivery.ID == f.Delivery.ID {
			n = max(n, other.Replay)
		}
	}
	return n + 1
}

// Mark sets or takes the mark of a flow.
func (h *History) Mark(f *Flow, marked bool) error {
	return h.change(record{Kind: kindChange, ID: f.ID(), Marked: &marked})
}

// MaxNote bounds a note: it is a sentence, not a file.
const MaxNote = 4096

// Annotate sets the note of a flow; "" takes it.
func (h *History) Annotate(f *Flow, note string) error {
	if len(note) > MaxNote {
		return fmt.Errorf("the note is longer than %d bytes", MaxNote)
	}
	note = readable(note)
	return h.change(record{Kind: kindChange, ID: f.ID(), Note: &note})
}

// Hide takes flows out of the history. Their bytes go with their segment, or
// by Purge.
func (h *History) Hide(flows ...*Flow) error {
	var all []error
	for _, f := range flows {
		all = append(all, h.change(record{Kind: kindRemove, ID: f.ID()}))
	}
	return errors.Join(all...)
}

func (h *History) change(r record) error {
	r.At = h.opts.Now()
	line, err := r.line()
	if err != nil {
		return err
	}
	if err := h.write(line, 0); err != nil {
		return fmt.Errorf("writing to the history: %w", err)
	}
	_, err = h.Refresh()
	return err
}
