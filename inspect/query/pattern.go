package query

import (
	"regexp"
	"strings"
)

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
		v = v[:min(len(v), maxValue, p.reach())]
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
	v = v[:min(len(v), p.reach())]
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

// reach is how far a regular expression looks into a text: its time is bounded
// by the product of both lengths. One of 8 instructions sees 1 MiB.
func (p *pattern) reach() int { return maxWork / 8 / max(p.cost, 1) }

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
