package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// The screen is as small as this; below it a word says so.
const (
	minWidth  = 40
	minHeight = 8
)

// layout is where the detail stands.
type layout byte

const (
	auto layout = iota // by the size of the screen
	beside
	below
	whole
	layouts
)

func (l layout) String() string {
	return [...]string{"by the size of the screen", "beside the list", "below the list", "on the whole screen"}[l]
}

// frames is where everything stands on the screen.
type frames struct {
	head             int // lines of the header
	layout           layout
	listWidth        int
	listTop          int // line of the column titles
	rows             int // lines for flows
	detailTop        int
	detailLeft       int
	detailWidth      int
	detailHeight     int // with its line of tabs
	list, detailSeen bool
}

// frames lays the screen out.
func (m *Model) frames() frames {
	f := frames{head: len(m.header(m.width)), listWidth: m.width, list: true}
	room := m.height - f.head - 1 // the last line is for messages
	f.listTop, f.rows = f.head, room-1
	if !m.opened {
		return f
	}
	f.layout = m.layout
	if f.layout == auto {
		switch {
		case m.width >= 116:
			f.layout = beside
		case m.height >= 34:
			f.layout = below
		default:
			f.layout = whole
		}
	}
	if f.layout == beside && m.width < 80 || f.layout == below && room < 12 {
		f.layout = whole
	}
	f.detailSeen, f.detailTop = true, f.head
	switch f.layout {
	case beside:
		f.listWidth = max(m.width*45/100, 38)
		f.detailLeft = f.listWidth + 1
		f.detailWidth, f.detailHeight = m.width-f.detailLeft, room
	case below:
		f.rows = max(room*2/5-1, 3)
		f.detailTop = f.head + 1 + f.rows
		f.detailWidth, f.detailHeight = m.width, room-1-f.rows
	default:
		f.list, f.rows = false, 1
		f.detailWidth, f.detailHeight = m.width, room
	}
	return f
}

// View implements tea.Model.
func (m *Model) View() tea.View {
	v := tea.NewView(m.screen())
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = m.opts.Title
	return v
}

// canvas collects painted lines.
type canvas struct {
	theme *Theme
	b     strings.Builder
	lines int
}

// put adds a line of the screen, in parts side by side.
func (c *canvas) put(parts ...part) {
	if c.lines > 0 {
		c.b.WriteByte('\n')
	}
	c.lines++
	for i, p := range parts {
		l := p.line
		if i < len(parts)-1 {
			l = l.filled(p.width)
		}
		c.theme.paint(&c.b, l, p.width, p.base)
	}
}

// part is a piece of a line of the screen.
type part struct {
	line  line
	width int
	base  role
}

// screen is the frame: m.height lines of at most m.width columns.
func (m *Model) screen() string {
	if m.width < minWidth || m.height < minHeight {
		return short("hook: make the window larger", m.width)
	}
	c := &canvas{theme: &m.theme}
	c.b.Grow(m.width * m.height * 2)
	w, h := m.width, m.height
	if m.over != nil && m.over.full() {
		for _, l := range m.over.render(m, w, h) {
			c.put(part{l, w, plain})
		}
		return c.b.String()
	}
	var foot []line
	if m.over != nil {
		foot = m.over.render(m, w, h)
		foot = foot[:min(len(foot), h-1)]
	} else {
		foot = []line{m.lastLine(w)}
	}
	end := h - len(foot) // the lines above what lies at the bottom
	for i, l := range m.header(w) {
		if c.lines == end {
			break
		}
		base := plain
		if i == 0 {
			base = bar
		}
		c.put(part{l, w, base})
	}
	f := m.frames()
	var list, detail []part
	if f.list {
		list = m.listParts(f)
	}
	if f.detailSeen {
		detail = m.detailParts(f)
	}
	for y := f.head; c.lines < end; y++ {
		i := y - f.listTop
		switch {
		case f.detailSeen && f.layout == beside:
			c.put(partAt(list, i, f.listWidth), part{line{{border, "│"}}, 1, plain}, partAt(detail, i, f.detailWidth))
		case f.detailSeen && y >= f.detailTop:
			c.put(partAt(detail, y-f.detailTop, w))
		default:
			c.put(partAt(list, i, w))
		}
	}
	for i, l := range foot {
		base := plain
		if i == 0 && len(foot) > 1 {
			base = bar
		}
		c.put(part{l, w, base})
	}
	return c.b.String()
}

func partAt(list []part, i, width int) part {
	if i < 0 || i >= len(list) {
		return part{width: width}
	}
	return list[i]
}

// lastLine is the message of the moment, or the keys that one needs most.
func (m *Model) lastLine(w int) line {
	if m.toast.Text != "" && m.now.Before(m.toastEnd) {
		r := note
		if m.toast.Bad {
			r = bad
		}
		return text(r, m.toast.Text).cut(w)
	}
	in := inList
	if m.opened && m.inside {
		in = inDetail
	}
	var l line
	for _, a := range m.keys.actions {
		if a.hint == "" || a.in&in == 0 || len(a.keys) == 0 {
			continue
		}
		r, rk := plain, key
		if a.can != nil && a.can(m) != "" {
			r, rk = dim, dim
		}
		more := line{{rk, shownKey(a.keys[0])}, {r, " " + a.hint + "  "}}
		if a.id == "help" || a.id == "quit" || l.width()+more.width() <= w-14 { // those two always have room
			l = append(l, more...)
		}
	}
	return l.cut(w)
}
