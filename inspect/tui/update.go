package tui

import (
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/hookrelay/hook/inspect"
)

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.now = m.opts.Now()
	cmd := m.update(msg)
	return m, tea.Batch(cmd, m.wantBody())
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.reveal()
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.PasteMsg:
		if p, ok := m.over.(paster); ok {
			return p.paste(m, msg.Content)
		}
	case tea.MouseClickMsg:
		return m.click(msg.Mouse())
	case tea.MouseWheelMsg:
		return m.wheel(msg.Mouse())
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
		m.autoTheme()
	case tea.ColorProfileMsg:
		m.few = msg.Profile < colorprofile.ANSI256
		if msg.Profile <= colorprofile.ASCII {
			m.theme, _ = NewTheme("mono")
		}
		m.autoTheme()
	case second:
		return tick()
	case batch:
		return m.take(msg)
	case picked:
		m.pick(msg)
	case found:
		return m.find(msg)
	case loaded:
		m.detail.load(msg)
	case done:
		return m.done(msg)
	case edited:
		return m.edited(msg)
	case compared:
		m.compared(msg)
	}
	return nil
}

// autoTheme follows the terminal where the user chose no theme.
func (m *Model) autoTheme() {
	if m.opts.Theme != "" && m.opts.Theme != "auto" || m.theme.Name == "mono" {
		return
	}
	want := "dark"
	switch {
	case m.few:
		want = "16"
	case !m.dark:
		want = "light"
	}
	m.theme, _ = NewTheme(want)
}

// press hands a key to what lies above, or to the action that has it.
func (m *Model) press(k tea.KeyPressMsg) tea.Cmd {
	if k.String() == "ctrl+c" {
		return m.stop()
	}
	if m.over != nil {
		return m.over.press(m, k)
	}
	in := inList
	if m.opened && m.inside {
		in = inDetail
	}
	a := m.keys.find(k, in)
	if a == nil {
		return nil
	}
	return m.run(a)
}

// run does an action, or says why it cannot be done.
func (m *Model) run(a *action) tea.Cmd {
	if a.can != nil {
		if why := a.can(m); why != "" {
			m.say(true, "%s: %s", a.id, why)
			return nil
		}
	}
	return a.do(m)
}

// take brings in what came since the last frame.
func (m *Model) take(b batch) tea.Cmd {
	m.head.dropped = b.dropped
	var changed []*row
	for _, e := range b.events {
		switch e := e.(type) {
		case Seen:
			n := len(m.rows)
			changed = append(changed, m.put(e.Flow))
			if len(m.rows) > n && e.Flow.Delivery.Seq > 0 && e.Flow.Replay == 0 {
				m.head.catching = max(m.head.catching-1, 0)
			}
		case Settled:
			if r := m.settle(e); r != nil {
				changed = append(changed, r)
			}
		case Gone:
			m.gone(e.IDs)
		case Ready:
			m.head.ready = e
			m.head.link.State = Up
			m.head.ended = false
			m.head.catching = e.Backlog
		case Link:
			m.setLink(e)
		case Health:
			m.head.health = e
		case Mode:
			m.head.mode = e
		case Said:
			m.say(e.Bad, "%s", e.Text)
		case Ended:
			m.head.ended = true
			if e.Err != nil {
				m.say(true, "the listener has stopped: %s", e.Err)
			}
		}
	}
	m.trim()
	m.rearrange()
	return m.matchFilter(changed)
}

func (m *Model) setLink(e Link) {
	if e.State == Lost {
		m.say(true, "relay: %s", e.Reason)
	}
	if e.State == Up && e.RTT == 0 {
		e.RTT = m.head.link.RTT
	}
	m.head.link = e
}

// settle adds what the relay said of an attempt to its flow.
func (m *Model) settle(e Settled) *row {
	k, _ := keyOfID(e.ID)
	r := m.byID[k]
	if r == nil {
		return nil
	}
	g := *r.flow
	g.Attempts = append([]inspect.Attempt(nil), g.Attempts...)
	for i := range g.Attempts {
		if g.Attempts[i].Number == e.Attempt {
			s := e.Settled
			g.Attempts[i].Settled = &s
		}
	}
	return m.put(&g)
}
