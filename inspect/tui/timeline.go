package tui

import (
	"strings"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/signer"
)

// step is a moment in the life of a delivery, measured from its receipt.
type step struct {
	name string
	at   time.Duration
	role role
	note string
}

// steps are the moments of f's last attempt. Those of the relay and ours are
// of two clocks; ours are moved so that nothing happens before its cause.
func steps(f *inspect.Flow) []step {
	d := &f.Delivery
	from := d.ReceivedAt
	a := f.Last()
	if from.IsZero() {
		from = f.At
	}
	list := []step{{name: "received", role: plain}}
	if d.Seq > 0 {
		list = append(list, step{name: "stored", role: note, note: "in the queue"})
	}
	if a == nil {
		return list
	}
	pushed := max(a.StartedAt.Sub(from), 0)
	list = append(list, step{name: "pushed", at: pushed, role: plain})
	switch {
	case a.Result != nil:
		t := a.Result.Timing
		if t.Connected > 0 {
			list = append(list, step{name: "connected", at: pushed + t.Connected, role: plain})
		}
		if t.FirstByte > 0 {
			list = append(list, step{name: "first byte", at: pushed + t.FirstByte, role: plain})
		}
		done := a.Took
		if t.Done > 0 {
			done = t.Done
		}
		list = append(list, step{name: "done", at: pushed + done, role: good, note: "status " + statusSpan(a.Result.Status).text})
	case a.Failure != nil:
		list = append(list, step{name: "failed", at: pushed + a.Took, role: bad, note: a.Failure.Kind.String()})
	}
	if s := a.Settled; s != nil && !s.At.IsZero() {
		list = append(list, step{name: "answered", at: max(s.At.Sub(from), list[len(list)-1].at), role: good, note: s.Fate})
	}
	return list
}

// timelineLines draws the steps and the provider's deadline.
func (m *Model) timelineLines(f *inspect.Flow, w int) []line {
	list := steps(f)
	who, deadline := m.deadline(f)
	end := list[len(list)-1].at
	scale := max(end, time.Millisecond)
	if deadline > 0 && deadline < 20*scale {
		scale = max(scale, deadline+deadline/10)
	}
	const labels = 11
	width := max(w-labels-9, 8)
	column := func(at time.Duration) int { return min(int(int64(at)*int64(width-1)/int64(scale)), width-1) }
	limit := -1
	if deadline > 0 && deadline <= scale {
		limit = column(deadline)
	}
	var out []line
	before := 0
	for _, s := range list {
		at := column(s.at)
		drawn := []rune(strings.Repeat(" ", width))
		for i := before; i < at; i++ {
			drawn[i] = '─'
		}
		if limit >= 0 && limit != at {
			drawn[limit] = '┊'
		}
		drawn[at] = '●'
		l := line{{s.role, pad(s.name, labels)}, {dim, right(took(s.at), 7)}, {plain, "  "}}
		for i, r := range drawn {
			switch {
			case i == at:
				l = append(l, span{s.role, string(r)})
			case i == limit:
				l = append(l, span{warn, string(r)})
			default:
				l = append(l, span{dim, string(r)})
			}
		}
		before = at
		out = append(out, merge(l).cut(w))
		if s.note != "" && s.name != "answered" {
			out = append(out, line{{plain, spaces(labels + 9)}, foreign(dim, s.note)}.cut(w))
		} else if s.note != "" {
			out = append(out, line{{plain, spaces(labels + 9)}, {dim, "at the relay: "}, foreign(dim, s.note)}.cut(w))
		}
	}
	if limit >= 0 {
		out = append(out, line{{warn, pad("deadline", labels)}, {warn, right(took(deadline), 7)}, {plain, "  " + spaces(limit)}, {warn, "┊ " + who}}.cut(w))
	}
	out = append(out, nil)
	if s := m.gaveUp(f); s != "" {
		out = append(out, sentence(bad, s, w)...)
	} else if deadline > 0 && end > 0 {
		out = append(out, sentence(dim, took(end)+" of the "+took(deadline)+" that "+who+" waits.", w)...)
	} else if deadline == 0 && who != "" {
		out = append(out, sentence(dim, who+" does not say how long it waits.", w)...)
	}
	if f.Delivery.Budget > 0 {
		out = append(out, sentence(dim, "The relay holds the sender for "+took(f.Delivery.Budget)+"; after that it stores the delivery and answers itself.", w)...)
	}
	return out
}

// merge joins neighbours of one role.
func merge(l line) line {
	var out line
	for _, s := range l {
		if n := len(out); n > 0 && out[n-1].role == s.role {
			out[n-1].text += s.text
			continue
		}
		out = append(out, s)
	}
	return out
}

// deadline is the name of the flow's provider and how long it waits.
func (m *Model) deadline(f *inspect.Flow) (string, time.Duration) {
	if f.Provider == "" {
		return "", 0
	}
	if m.providers == nil {
		m.providers = map[string]provider{}
		for _, p := range signer.Providers() {
			m.providers[p.ID] = provider{p.Name, p.DeadlineDuration()}
		}
	}
	p, ok := m.providers[f.Provider]
	if !ok {
		return f.Provider, 0
	}
	return p.name, p.deadline
}

// provider is what the timeline needs of a row of package signer's table.
type provider struct {
	name     string
	deadline time.Duration
}

// gaveUp is a sentence if the provider would not have waited so long; a queued
// delivery was answered by the relay at once.
func (m *Model) gaveUp(f *inspect.Flow) string {
	who, deadline := m.deadline(f)
	list := steps(f)
	end := list[len(list)-1].at
	if deadline == 0 || end <= deadline || f.Delivery.Seq > 0 || f.Replay > 0 {
		return ""
	}
	return who + " would have given up after " + took(deadline) + ": this took " + took(end) + "."
}
