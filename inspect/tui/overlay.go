package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// overlay is what lies above the panes and has the keys: a page, or some lines
// at the bottom.
type overlay interface {
	press(m *Model, k tea.KeyPressMsg) tea.Cmd
	render(m *Model, w, h int) []line
	full() bool // it covers the whole screen
}

// paster is an overlay that text can be pasted into.
type paster interface {
	paste(m *Model, s string) tea.Cmd
}

// page is a text to scroll: help, messages, a comparison.
type page struct {
	title string
	lines func(w int) []line
	top   int
}

func (p *page) full() bool { return true }

func (p *page) press(m *Model, k tea.KeyPressMsg) tea.Cmd {
	h := m.height - 2
	last := max(len(p.lines(m.width-2))-h, 0)
	switch k.String() {
	case "esc", "q", "left", "h", "?", "f1":
		m.over = nil
		return nil
	case "up", "k":
		p.top--
	case "down", "j", "enter":
		p.top++
	case "pgup", "ctrl+b":
		p.top -= h
	case "pgdown", "ctrl+f", "space":
		p.top += h
	case "home", "g":
		p.top = 0
	case "end", "G":
		p.top = last
	}
	p.top = max(min(p.top, last), 0)
	return nil
}

func (p *page) render(m *Model, w, h int) []line {
	lines := p.lines(w - 2)
	p.top = max(min(p.top, len(lines)-(h-2)), 0)
	head := line{{title, " " + p.title}}
	if len(lines) > h-2 {
		head = spread(head, line{{dim, strconv.Itoa(min(p.top+h-2, len(lines))*100/len(lines)) + "% "}}, w)
	}
	out := []line{head}
	for i := p.top; len(out) < h-1; i++ {
		if i < len(lines) {
			out = append(out, append(line{{plain, " "}}, lines[i]...))
		} else {
			out = append(out, nil)
		}
	}
	return append(out, line{{key, " Esc"}, {dim, " back  "}, {key, "↑↓"}, {dim, " scroll"}})
}

// prompt asks for a line of text.
type prompt struct {
	label  string
	in     input
	hint   string
	edited func(m *Model, s string) tea.Cmd // after each key; may be nil
	accept func(m *Model, s string) tea.Cmd // only if check finds nothing wrong
	cancel func(m *Model) tea.Cmd           // may be nil
	check  func(s string, w int) []line     // what is wrong with it, shown above; may be nil
}

func (p *prompt) full() bool { return false }

func (p *prompt) press(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		m.over = nil
		if p.cancel != nil {
			return p.cancel(m)
		}
		return nil
	case "enter":
		s := p.in.String()
		if p.check != nil && p.check(s, m.width) != nil {
			return nil
		}
		m.over = nil
		return p.accept(m, s)
	}
	if p.in.press(k) && p.edited != nil {
		return p.edited(m, p.in.String())
	}
	return nil
}

func (p *prompt) paste(m *Model, s string) tea.Cmd {
	p.in.insert(s)
	if p.edited != nil {
		return p.edited(m, p.in.String())
	}
	return nil
}

func (p *prompt) render(_ *Model, w, _ int) []line {
	entry := line{{key, p.label + " "}}
	entry = append(entry, p.in.line(w-entry.width())...)
	var out []line
	if p.check != nil {
		out = p.check(p.in.String(), w)
	}
	if out == nil && p.hint != "" {
		out = []line{text(plain, " "+p.hint)}
	}
	return append(out, entry)
}

// choice is a row of a menu.
type choice struct {
	key  string
	name string
	do   func(m *Model) tea.Cmd
}

// menu lets one choose with one key.
type menu struct {
	title   string
	choices []choice
	at      int
}

func (u *menu) full() bool { return false }

func (u *menu) press(m *Model, k tea.KeyPressMsg) tea.Cmd {
	n := len(u.choices)
	switch s := k.String(); s {
	case "up":
		u.at = (u.at + n - 1) % n
	case "down", "tab":
		u.at = (u.at + 1) % n
	case "enter":
		m.over = nil
		return u.choices[u.at].do(m)
	default:
		for _, c := range u.choices {
			if c.key == s {
				m.over = nil
				return c.do(m)
			}
		}
		if s == "esc" || s == "q" {
			m.over = nil
		}
	}
	return nil
}

func (u *menu) render(_ *Model, _, _ int) []line {
	out := []line{text(plain, " "+u.title)}
	for i, c := range u.choices {
		l := line{{plain, "   "}, {key, c.key}, {plain, "  "}, foreign(plain, c.name)}
		if i == u.at {
			l[0].text = " › "
		}
		out = append(out, l)
	}
	return append(out, line{{dim, " Esc leaves"}})
}

// palette finds an action by the letters of its name.
type palette struct {
	in   input
	at   int
	list []int // indexes of the actions that fit
}

func (p *palette) full() bool { return false }

// narrow picks the actions that fit what was typed.
func (p *palette) narrow(m *Model) {
	p.list = p.list[:0]
	want := strings.Fields(lower(p.in.String()))
	for i, a := range m.keys.actions {
		fits := true
		for _, w := range want {
			fits = fits && strings.Contains(lower(a.id+" "+a.help), w)
		}
		if fits {
			p.list = append(p.list, i)
		}
	}
	p.at = max(min(p.at, len(p.list)-1), 0)
}

func (p *palette) press(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		m.over = nil
	case "up", "ctrl+p":
		p.at = max(p.at-1, 0)
	case "down", "tab", "ctrl+n":
		p.at = min(p.at+1, max(len(p.list)-1, 0))
	case "enter":
		if len(p.list) > 0 {
			m.over = nil
			return m.run(&m.keys.actions[p.list[p.at]])
		}
	default:
		if p.in.press(k) {
			p.at = 0
			p.narrow(m)
		}
	}
	return nil
}

func (p *palette) paste(m *Model, s string) tea.Cmd {
	p.in.insert(s)
	p.narrow(m)
	return nil
}

func (p *palette) render(m *Model, w, h int) []line {
	show := min(10, h-4)
	top := max(min(p.at-show+1, len(p.list)-show), 0)
	out := []line{text(plain, " "+count(len(p.list), "action"))}
	for i := top; i < min(top+show, len(p.list)); i++ {
		a := &m.keys.actions[p.list[i]]
		r := plain
		if a.can != nil && a.can(m) != "" {
			r = dim
		}
		keys := ""
		if len(a.keys) > 0 {
			keys = shownKey(a.keys[0])
		}
		l := line{{plain, "   "}, {key, pad(keys, 9)}, {r, pad(a.id, 18)}, {dim, a.help}}
		if i == p.at {
			l[0].text = " › "
		}
		out = append(out, l.cut(w))
	}
	entry := line{{key, ": "}}
	return append(out, append(entry, p.in.line(w-2)...))
}
