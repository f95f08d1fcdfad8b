package cmd

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/tunnel"
)

// notebook keeps what was noted of a delivery until its attempt ends.
type notebook struct {
	notesMu sync.Mutex // guards notes
	notes   map[*tunnel.Delivery]noted
}

// noted is what is shown with the answer of a delivery.
type noted struct {
	target string   // where it went, if there was a choice
	marks  []string // what was done to it on purpose
}

// keep adds a note.
func (b *notebook) keep(d *tunnel.Delivery, n stage.Note) {
	b.notesMu.Lock()
	defer b.notesMu.Unlock()
	if b.notes == nil {
		b.notes = make(map[*tunnel.Delivery]noted)
	}
	all := b.notes[d]
	if n.Kind == stage.Routed {
		all.target = n.Target
	} else {
		all.marks = append(all.marks, n.Text)
	}
	b.notes[d] = all
}

// take returns what was noted and forgets it.
func (b *notebook) take(d *tunnel.Delivery) noted {
	b.notesMu.Lock()
	defer b.notesMu.Unlock()
	all := b.notes[d]
	delete(b.notes, d)
	return all
}

// late tells a note that comes after its delivery's answer, or that has an
// answer of its own.
func late(n stage.Note) bool {
	return n.Kind == stage.Copied || n.Kind == stage.Ran || n.Result != nil || n.Err != nil
}

// marks is what stands behind a delivery's line: which part of us answered, and
// what was done to it.
func (p *plainOutput) marks(d *tunnel.Delivery, r *tunnel.Result) string {
	all := p.take(d)
	var b strings.Builder
	if all.target != "" {
		b.WriteString("  → " + safetext.String(all.target))
	}
	if r != nil {
		switch r.By {
		case tunnel.ByApplication, 0:
		case tunnel.ByFilter:
			if r.Status == 200 {
				b.WriteString("  " + p.paint.dim.Sprint("skipped"))
			}
		default:
			b.WriteString("  " + p.paint.dim.Sprint(r.By))
		}
	}
	for _, mark := range all.marks {
		b.WriteString("  " + p.paint.note.Sprint("chaos: "+safetext.String(mark)))
	}
	return b.String()
}

// Note implements output.
func (p *plainOutput) Note(d *tunnel.Delivery, n stage.Note) {
	switch {
	case p.quiet:
		return
	case !late(n):
		p.keep(d, n)
		return
	case n.Kind == stage.Ran:
		for line := range strings.SplitSeq(n.Text, "\n") {
			p.say(p.paint.dim, "exec: %s", line)
		}
		return
	}
	what, c, status := "copy to "+n.Target, p.paint.good, "---"
	if n.Kind == stage.Disturbed {
		what = "chaos: " + n.Text
	}
	switch {
	case n.Result == nil:
		c = p.paint.bad
		status += "  " + safetext.Error(n.Err)
	default:
		status = strconv.Itoa(n.Result.Status)
		if n.Result.Status >= 300 {
			c = p.paint.note
		}
	}
	line := fmt.Sprintf("%s  %s  %-6s %s  %s  %s", p.paint.dim.Sprint(time.Now().Format("15:04:05.000")), c.Sprint(status),
		safetext.String(d.Method), safetext.Limit(safetext.String(d.Target), 200), formatTook(n.Took), p.paint.note.Sprint(safetext.String(what)))
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.out, line)
}

// Note implements output.
func (j *jsonOutput) Note(d *tunnel.Delivery, n stage.Note) {
	if !late(n) {
		j.keep(d, n)
		if n.Kind == stage.Routed {
			return
		}
	}
	e := jsonEvent{Type: string(n.Kind), Delivery: d.ID.String(), Attempt: d.Attempt, Target: n.Target, Text: n.Text}
	if n.Took > 0 {
		e.MS = millis(n.Took)
	}
	if n.Result != nil {
		e.Status, e.By, e.AnswerSize = n.Result.Status, n.Result.By.String(), &n.Result.Size
	} else if n.Err != nil {
		e.Reason = tunnel.AsFailure(n.Err).Error()
	}
	j.write(e)
}
