package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect"
)

// compared is the outcome of a comparison.
type compared struct {
	a, b *inspect.Flow
	list inspect.Differences
	err  error
}

// pair is what would be compared: the two marked, or the marked and the
// selected one.
func (m *Model) pair() (a, b *inspect.Flow) {
	for _, r := range m.rows {
		if !r.flow.Marked {
			continue
		}
		switch {
		case a == nil:
			a = r.flow
		case b == nil:
			b = r.flow
		default:
			return nil, nil
		}
	}
	if b == nil && a != m.current() {
		b = m.current()
	}
	return a, b
}

func (m *Model) canCompare() string {
	if a, b := m.pair(); a == nil || b == nil {
		return "mark two webhooks, or one and go to another"
	}
	return ""
}

func (m *Model) compare() tea.Cmd {
	a, b := m.pair()
	return func() tea.Msg {
		list, err := inspect.Diff(a, b)
		return compared{a, b, list, err}
	}
}

func (m *Model) compared(c compared) {
	if c.err != nil {
		m.say(true, "diff: %s", c.err)
		return
	}
	m.over = &page{title: "Difference", lines: func(w int) []line { return m.diffLines(c, w) }}
}

// diffLines shows a comparison: "-" stands before what was in the first, "+"
// before what is in the second.
func (m *Model) diffLines(c compared, w int) []line {
	who := func(sign string, r role, f *inspect.Flow) line {
		return line{{r, sign + " "}, {plain, m.clockTime(f.At) + "  "}, glimpse(strong, from(f)), {plain, "  "}, foreign(plain, f.ID())}.cut(w)
	}
	out := []line{who("-", removed, c.a), who("+", added, c.b)}
	if len(c.list) == 0 {
		return append(out, nil, line{{good, "= no difference"}})
	}
	part := ""
	for _, d := range c.list {
		if d.Part != part {
			part = d.Part
			out = append(out, nil, line{{title, part}})
		}
		out = append(out, line{glimpse(name, d.Path)}.cut(w))
		if d.Op != inspect.Added {
			out = append(out, line{{removed, "  - "}, foreign(removed, d.A)}.wrap(w, 4)...)
		}
		if d.Op != inspect.Removed {
			out = append(out, line{{added, "  + "}, foreign(added, d.B)}.wrap(w, 4)...)
		}
	}
	return out
}
