package tui

import (
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/inspect/safetext"
)

// editFilter asks for a filter and shows what it picks while it is typed.
func (m *Model) editFilter() tea.Cmd {
	before, was := m.filter.text, m.filter.query
	m.over = &prompt{
		label: "filter", in: newInput(before), hint: "provider:stripe status:>=500 is:error -path:/health since:10m body:\"text\" json:data.amount>1000",
		check: func(s string, w int) []line {
			_, err := query.Parse(s)
			return queryError(err, w)
		},
		edited: func(m *Model, s string) tea.Cmd {
			if q, err := query.Parse(s); err == nil {
				return m.setFilter(s, q)
			}
			return nil
		},
		accept: func(m *Model, s string) tea.Cmd {
			q, err := query.Parse(s)
			if err != nil {
				return nil
			}
			return m.setFilter(s, q)
		},
		cancel: func(m *Model) tea.Cmd { return m.setFilter(before, was) },
	}
	return nil
}

// queryError is what is wrong with a query, and where; nil if nothing is.
func queryError(err error, w int) []line {
	if err == nil {
		return nil
	}
	out := line{{plain, " "}, foreign(plain, err.Error())}.wrap(w, 1)
	var e *query.Error
	if errors.As(err, &e) {
		where, caret, _ := strings.Cut(e.Pointer(), "\n")
		out = append(out, line{{plain, "       "}, foreign(dim, where)}, line{{plain, "       "}, foreign(bad, caret)})
	}
	return out
}

func (m *Model) search() tea.Cmd {
	inside := m.opened && m.inside
	before := m.finding.needle
	if inside {
		before = m.detail.find
	}
	m.over = &prompt{label: "/", in: newInput(before), accept: func(m *Model, s string) tea.Cmd {
		if !inside {
			return m.searchFlows(s, 1)
		}
		m.detail.find, m.detail.hit = lower(safetext.String(s)), -1
		if s != "" {
			m.nextLine(1)
		}
		return nil
	}}
	return nil
}

func (m *Model) clear() tea.Cmd {
	n := len(m.shown)
	for _, r := range m.shown {
		if r.flow.Marked {
			n--
		}
	}
	if n == 0 {
		m.say(false, "only marked webhooks are left; they stay")
		return nil
	}
	m.confirm(fmt.Sprintf("Clear %s from the list? The history keeps them.", count(n, "webhook")), "clear", func(m *Model) tea.Cmd {
		m.store.clear(m.visible)
		m.rearrange()
		return nil
	})
	return nil
}

func (m *Model) canPurge() string {
	if len(m.shown) == len(m.rows) {
		return "nothing is hidden"
	}
	return ""
}

func (m *Model) purge() tea.Cmd {
	n := m.store.clear(func(r *row) bool { return !m.visible(r) })
	m.rearrange()
	m.say(false, "%s cleared; the history keeps them", count(n, "hidden webhook"))
	return nil
}
