package query

import (
	"regexp"
	"strconv"
	"strings"
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
	m.work -= n + 1
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

// pattern is a text to be found: as it is, with wildcards, or by a regular
// expression.
type pattern struct {
	text string
	wild bool
	fold bool // of a regular expression: without regard to case
	re   *regexp.Regexp
	cost int // instructions of re
	next []int
}

// literal is the pattern that is s.
func literal(s string) pattern { return pattern{text: s, next: failures(s)} }

func (p *pattern) any(m *matcher, values []string) bool {
	for _, v := range values {
		if p.whole(m, v) {
			return true
		}
	}
	return false
}

// whole tells whether all of v is the pattern; a regular expression only needs
// to be in it.
func (p *pattern) whole(m *matcher, v string) bool {
	switch {
	case p.re != nil:
		v = v[:min(len(v), maxValue)]
		return m.pay(len(v)*p.cost) && p.re.MatchString(v)
	case p.wild:
		return wildcards(m, p.text, v[:min(len(v), maxValue)])
	}
	return m.pay(len(p.text)) && equalFold(p.text, v)
}

func (p *pattern) in(m *matcher, values []string) bool {
	for _, v := range values {
		if within(p, m, v) {
			return true
		}
	}
	return false
}

// within tells whether the pattern stands somewhere in v.
func within[T string | []byte](p *pattern, m *matcher, v T) bool {
	if p.re == nil {
		return m.pay(len(v)) && find(p.text, p.next, v)
	}
	// The larger the expression, the less of a long text it sees: its time is
	// bounded by the product.
	v = v[:min(len(v), max(maxValue, maxWork/16/p.cost))]
	if !m.pay(len(v) * p.cost) {
		return false
	}
	switch v := any(v).(type) {
	case string:
		return p.re.MatchString(v)
	case []byte:
		return p.re.Match(v)
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// wildcards matches * and ? greedily: the last star is the only one to come
// back to. Each step is paid for.
func wildcards(m *matcher, pattern, v string) bool {
	i, j, star, mark := 0, 0, -1, 0
	for j < len(v) {
		if !m.pay(0) {
			return false
		}
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && pattern[i] == '?':
			i++
			j += runeLen(v[j:])
		case i < len(pattern) && lower(pattern[i]) == lower(v[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
}

func runeLen(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

// failures is the table of Knuth, Morris and Pratt for s, in lower case.
func failures(s string) []int {
	next := make([]int, len(s))
	k := 0
	for i := 1; i < len(s); i++ {
		for k > 0 && lower(s[i]) != lower(s[k]) {
			k = next[k-1]
		}
		if lower(s[i]) == lower(s[k]) {
			k++
		}
		next[i] = k
	}
	return next
}

// find looks for s in v without regard to case, in time that grows with len(v)
// alone, whatever a sender puts there.
func find[T string | []byte](s string, next []int, v T) bool {
	if s == "" {
		return true
	}
	k := 0
	for i := range len(v) {
		c := lower(v[i])
		for k > 0 && c != lower(s[k]) {
			k = next[k-1]
		}
		if c == lower(s[k]) {
			if k++; k == len(s) {
				return true
			}
		}
	}
	return false
}
