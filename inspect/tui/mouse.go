package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

const wheelLines = 3

// click selects the row, the tab or the pane below the mouse. A click on the
// selected row opens it.
func (m *Model) click(e tea.Mouse) tea.Cmd {
	if m.over != nil || e.Button != tea.MouseLeft {
		return nil
	}
	f := m.frames()
	if f.detailSeen && e.X >= f.detailLeft && e.Y >= f.detailTop && e.Y < m.height-1 {
		m.inside = true
		if e.Y == f.detailTop {
			m.clickTab(e.X-f.detailLeft, f)
		}
		return nil
	}
	if i := e.Y - f.listTop - 1; f.list && i >= 0 && i < f.rows && m.top+i < len(m.shown) && e.X < f.listWidth {
		again := m.at == m.top+i
		m.inside = false
		m.follow = m.follow && m.top+i == len(m.shown)-1
		m.choose(m.top + i)
		if again {
			return m.openDetail()
		}
	}
	return nil
}

func (m *Model) clickTab(x int, f frames) {
	s := m.tabLine(f.detailWidth, 0, 0, 0).String()
	for t := range tabs {
		if i := strings.Index(s, t.String()); i >= 0 && x >= i-3 && x <= i+len(t.String()) {
			m.detail.tab = t
		}
	}
}

func (m *Model) wheel(e tea.Mouse) tea.Cmd {
	n := wheelLines
	switch e.Button {
	case tea.MouseWheelUp:
		n = -n
	case tea.MouseWheelDown:
	default:
		return nil
	}
	if p, ok := m.over.(*page); ok {
		p.top = max(p.top+n, 0) // render holds it within the text
		return nil
	}
	if m.over != nil {
		return nil
	}
	f := m.frames()
	was := m.inside
	m.inside = f.detailSeen && e.X >= f.detailLeft && e.Y >= f.detailTop
	m.scroll(n)
	m.inside = was
	return nil
}
