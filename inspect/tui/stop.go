package tui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect"
)

// confirm asks before something is done that cannot be taken back.
func (m *Model) confirm(question, verb string, do func(*Model) tea.Cmd) {
	m.over = &menu{title: question, choices: []choice{{"y", verb, do}, {"n", "no", func(*Model) tea.Cmd { return nil }}}}
}

func (m *Model) quit() tea.Cmd {
	n := 0
	for _, r := range m.rows {
		if r.state == inspect.Pending {
			n++
		}
	}
	if n > 0 && m.opts.Actions.Stop != nil && !m.head.ended {
		what := "One delivery is under way."
		if n > 1 {
			what = fmt.Sprintf("%d deliveries are under way.", n)
		}
		m.over = &menu{title: what, choices: []choice{
			{"w", "wait, then quit", (*Model).stop},
			{"y", "quit now", func(m *Model) tea.Cmd { m.hurried = true; return tea.Quit }},
			{"n", "stay", func(*Model) tea.Cmd { return nil }},
		}}
		return nil
	}
	return m.stop()
}

// stop drains and quits; the second time it quits now.
func (m *Model) stop() tea.Cmd {
	if m.stopping || m.opts.Actions.Stop == nil || m.head.ended {
		m.hurried = m.stopping
		return tea.Quit
	}
	m.stopping, m.over = true, nil
	m.say(false, "finishing what is under way; Ctrl-C again quits now")
	stop := m.opts.Actions.Stop
	return m.do(func(ctx context.Context) done {
		if err := stop(ctx); err != nil {
			return done{err: err}
		}
		return done{quit: true}
	})
}

// Hurried tells, when Run has returned, that the person did not want to wait
// for what was under way.
func (m *Model) Hurried() bool { return m.hurried }
