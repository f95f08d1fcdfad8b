package query

import (
	"strconv"
	"time"
)

// matcher is one match. Every look at a value is paid from work; when that is
// used up, nothing matches any more.
type matcher struct {
	fields Fields
	record Record // nil where fields is none
	now    time.Time
	work   int
}

func (m *matcher) pay(n int) bool {
	if m.work >= 0 {
		m.work -= n + 1
	}
	return m.work >= 0
}

func (n and) match(m *matcher) bool {
	for _, one := range n {
		if !one.match(m) {
			return false
		}
	}
	return true
}

func (n or) match(m *matcher) bool {
	for _, one := range n {
		if one.match(m) {
			return true
		}
	}
	return false
}

func (n not) match(m *matcher) bool { return !n.node.match(m) }

func (t *term) match(m *matcher) bool {
	if !m.pay(0) {
		return false
	}
	switch t.field.Kind {
	case Header:
		values := m.fields.Fields(t.field.Name + ":" + t.name)
		if t.op == exists {
			return len(values) > 0
		}
		return t.pattern.any(m, values)
	case JSON:
		return t.matchJSON(m)
	case Content:
		return t.matchContent(m)
	case Time:
		return t.matchTime(m)
	case Number, Size, Duration:
		return t.compare(m)
	}
	if t.field.Name == "" {
		return t.pattern.in(m, m.fields.Fields("text")) || within(&t.pattern, m, m.content(false)) || within(&t.pattern, m, m.content(true))
	}
	return t.pattern.any(m, m.fields.Fields(t.field.Name))
}

// content is the part of a body that is looked at.
func (m *matcher) content(answer bool) []byte {
	if m.record == nil {
		return nil
	}
	b := m.record.Content(answer, MaxContent)
	return b[:min(len(b), MaxContent)]
}

func (t *term) matchContent(m *matcher) bool {
	switch t.field.Name {
	case "body":
		return within(&t.pattern, m, m.content(false))
	case "answer-body":
		return within(&t.pattern, m, m.content(true))
	}
	return t.pattern.in(m, m.fields.Fields(t.field.Name))
}

func (t *term) matchTime(m *matcher) bool {
	var at time.Time
	if m.record != nil {
		at = m.record.When()
	} else if values := m.fields.Fields("time"); len(values) > 0 {
		at, _ = time.Parse(time.RFC3339, values[0])
	}
	if at.IsZero() {
		return false
	}
	limit := t.bound.at
	if t.bound.isAge {
		limit = m.now.Add(-t.bound.age)
	}
	if t.field.Name == "since" {
		return !at.Before(limit)
	}
	return !at.After(limit)
}

func (t *term) compare(m *matcher) bool {
	for _, v := range m.fields.Fields(t.field.Name) {
		if t.op == like {
			if t.pattern.whole(m, v) {
				return true
			}
			continue
		}
		n, err := strconv.ParseFloat(v, 64)
		if err == nil && t.op.holds(order(n, t.bound.number)) {
			return true
		}
	}
	return false
}

func order(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return 2 // not a number
}
