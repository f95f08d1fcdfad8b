package tui

import (
	tea "charm.land/bubbletea/v2"
)

// by moves up or down: the selected row, or the lines of the detail.
func by(n int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		m.scroll(n)
		return nil
	}
}

func byPage(n int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		f := m.frames()
		if m.opened && m.inside {
			m.scroll(n * max(f.detailHeight-2, 1))
		} else {
			m.scroll(n * max(f.rows-1, 1))
		}
		return nil
	}
}

func (m *Model) scroll(n int) {
	if m.opened && m.inside {
		f := m.frames()
		top := &m.detail.top[m.detail.tab]
		*top = max(min(*top+n, len(m.detailLines(f.detailWidth-1))-(f.detailHeight-1)), 0)
		return
	}
	if n < 0 {
		m.follow = false
	}
	m.choose(m.at + n)
}

func (m *Model) toTop() tea.Cmd {
	if m.opened && m.inside {
		m.detail.top[m.detail.tab] = 0
		return nil
	}
	m.follow = false
	m.choose(0)
	return nil
}

func (m *Model) toBottom() tea.Cmd {
	if m.opened && m.inside {
		m.scroll(1 << 30)
		return nil
	}
	m.follow = true
	m.choose(len(m.shown) - 1)
	return nil
}

func (m *Model) toggleFollow() tea.Cmd {
	m.follow = !m.follow
	if m.follow {
		m.choose(len(m.shown) - 1)
		m.say(false, "following the newest")
	} else {
		m.say(false, "staying here")
	}
	return nil
}

func (m *Model) needFlow() string {
	switch {
	case m.sel == nil && len(m.rows) > 0:
		return "no webhook is in the list"
	case m.sel == nil:
		return "there is no webhook yet"
	}
	return ""
}

func (m *Model) openDetail() tea.Cmd {
	m.opened, m.inside = true, true
	m.reveal()
	return nil
}

// back goes from the detail to the list, which has been there beside it or
// comes back.
func (m *Model) back() tea.Cmd {
	m.inside = false
	if m.frames().layout == whole {
		m.opened = false
	}
	m.rearrange()
	return nil
}

func (m *Model) closeDetail() tea.Cmd {
	switch {
	case m.opened:
		m.opened, m.inside = false, false
	case m.finding.needle != "":
		return m.searchFlows("", 1)
	}
	m.reveal()
	return nil
}

func toTab(t tab) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		m.detail.tab = t
		return m.openDetail()
	}
}

func nextTab(n int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		m.detail.tab = tab((int(m.detail.tab) + n + int(tabs)) % int(tabs))
		return nil
	}
}

// neighbour shows the detail of the next or previous row.
func neighbour(n int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		m.follow = false
		m.choose(m.at + n)
		return nil
	}
}

func (m *Model) cycleLayout() tea.Cmd {
	if !m.opened {
		m.opened = true
		m.layout = m.frames().layout
	} else {
		now := m.frames().layout
		m.layout = now%(layouts-1) + 1 // beside, below, whole
		for range 2 {                  // those that the screen is too small for are passed over
			if m.frames().layout != now {
				break
			}
			m.layout = m.layout%(layouts-1) + 1
		}
	}
	if m.frames().layout == whole {
		m.inside = true
	}
	m.say(false, "detail %s", m.frames().layout)
	m.reveal()
	return nil
}

func (m *Model) cycleBody() tea.Cmd {
	d := &m.detail
	if d.tab != request && d.tab != response {
		d.tab = request
		return nil
	}
	d.mode = (d.mode + 1) % bodyModes
	d.top[d.tab] = 0
	m.say(false, "body: %s", d.mode)
	return nil
}

func (m *Model) toggleFull() tea.Cmd {
	m.detail.full = !m.detail.full
	if m.detail.full {
		m.say(false, "up to %s of a body", bytesize(fullBytes))
	} else {
		m.say(false, "the first %s of a body", bytesize(previewBytes))
	}
	return nil
}

func fold(n int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		m.detail.mode = tree
		m.detail.depth = min(max(m.detail.depth+n, 1), maxDepth)
		return nil
	}
}

func (m *Model) canRedact() string { return absent(m.opts.Actions.Redact == nil) }

func (m *Model) toggleHide() tea.Cmd {
	m.detail.hide = !m.detail.hide
	return nil
}

func (m *Model) toggleHeader() tea.Cmd {
	m.head.small = !m.head.small
	m.reveal()
	return nil
}

func (m *Model) showLog() tea.Cmd {
	m.over = &page{title: "Messages", lines: m.logLines, top: 1 << 30}
	return nil
}

func (m *Model) help() tea.Cmd {
	m.over = &page{title: "Keys", lines: m.helpLines}
	return nil
}

func (m *Model) palette() tea.Cmd {
	p := &palette{}
	p.narrow(m)
	m.over = p
	return nil
}

func (m *Model) redraw() tea.Cmd { return tea.ClearScreen }

func (m *Model) canSuspend() string {
	if m.opts.Actions.Suspend == nil {
		return "not here"
	}
	return ""
}

// suspend gives the terminal back while the shell has it. What the list shows
// does not change: no goroutine of this process runs either.
func (m *Model) suspend() tea.Cmd {
	stop := m.opts.Actions.Suspend
	return tea.Exec(&session{f: func(Terminal) error { return stop() }}, func(err error) tea.Msg { return done{err: err} })
}

func (m *Model) cycleTheme() tea.Cmd {
	list := Themes()[1:] // less "auto"
	for i, name := range list {
		if name == m.theme.Name || m.theme.Name == "auto" || m.theme.Name == "" {
			m.theme, _ = NewTheme(list[(i+1)%len(list)])
			break
		}
	}
	m.opts.Theme = m.theme.Name
	m.say(false, "theme: %s", m.theme.Name)
	return nil
}

func (m *Model) cycleSort() tea.Cmd {
	m.sort = (m.sort + 1) % sortings
	m.follow = m.sort == byTime && m.follow
	m.rearrange()
	m.say(false, "sorted by %s", m.sort)
	return nil
}

func (m *Model) toggleOnly() tea.Cmd {
	m.only = !m.only
	m.rearrange()
	return nil
}
