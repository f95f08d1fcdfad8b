package query

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// step is one part of a path: a name, a number, or any.
type step struct {
	key     string
	index   int // -1 where key is no number
	any     bool
	bracket bool // written in brackets
}

// maxSteps bounds a path: deeper documents are no webhooks.
const maxSteps = 32

// path reads a.b[0].c, a[*].b, "a.b".c.
func (p *parser) path(f Field) ([]step, error) {
	var path []step
	for {
		if len(path) > maxSteps {
			return nil, p.fail(p.at, fmt.Sprintf("more than %d steps in the path", maxSteps), "")
		}
		at := p.at
		switch c := p.peek(); {
		case c == '[':
			s, err := p.brackets(f)
			if err != nil {
				return nil, err
			}
			path = append(path, s)
		case c == '"' || c == '\'':
			key, err := p.quoted()
			if err != nil {
				return nil, err
			}
			path = append(path, step{key: key, index: -1})
		default:
			for !p.done() && (bareStep(p.src[p.at:p.at+1]) || p.peek() == '*' || p.peek() >= 0x80) {
				p.at++
			}
			key := p.src[at:p.at]
			if key == "" {
				return nil, p.expected(at, f, "a path")
			}
			path = append(path, newStep(key))
		}
		switch p.peek() {
		case '.':
			p.at++
		case '[':
		default:
			return path, nil
		}
	}
}

// newStep is the step of a bare word.
func newStep(key string) step {
	if key == "*" {
		return step{any: true, index: -1}
	}
	return step{key: key, index: number(key)}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || strconv.Itoa(n) != s {
		return -1
	}
	return n
}

// brackets reads [0], [*], [] or ["a.b"].
func (p *parser) brackets(f Field) (step, error) {
	at := p.at
	p.at++
	if c := p.peek(); c == '"' || c == '\'' {
		key, err := p.quoted()
		if err == nil && p.peek() != ']' {
			err = p.fail(p.at, `expected "]"`, "for example "+f.Example)
		}
		p.at++
		return step{key: key, index: -1}, err
	}
	end := strings.IndexByte(p.src[p.at:], ']')
	if end < 0 {
		return step{}, p.fail(at, `"[" is not closed`, "for example json:items[0].id or json:items[*].id")
	}
	inner := p.src[p.at : p.at+end]
	p.at += end + 1
	s := step{key: inner, index: number(inner), bracket: true}
	if s.any = inner == "" || inner == "*"; !s.any && s.index < 0 {
		return step{}, p.fail(at+1, "expected a number or * in the brackets", `a name stands there in quotes: ["a b"]`)
	}
	return s, nil
}

func (t *term) matchJSON(m *matcher) bool {
	doc := m.content(t.field.Name == "answer-json")
	if !m.pay(len(doc)) {
		return false
	}
	s := scanner{b: doc}
	found := false
	s.find(t.path, func(raw []byte) bool {
		found = t.holds(m, raw)
		return !found
	})
	return found
}

// holds tells whether a value of the document is what the term asks for.
func (t *term) holds(m *matcher, raw []byte) bool {
	if t.op == exists {
		return true
	}
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' {
		return false
	}
	text := string(raw[:min(len(raw), maxValue)])
	if raw[0] == '"' {
		text = unquote(raw)
	} else if t.op == like && t.pattern.re == nil && !t.pattern.wild && t.bound.text != "" {
		return order(numberOf(text), t.bound.number) == 0 && !differ(text, t.bound.text)
	}
	if t.op == like {
		return t.pattern.whole(m, text)
	}
	return t.op.holds(order(numberOf(text), t.bound.number))
}

func numberOf(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return n
}

// differ tells two whole numbers apart that are one as floating point numbers.
func differ(a, b string) bool {
	return a != b && len(a) > 15 && strings.Trim(a, "0123456789") == "" && strings.Trim(b, "0123456789") == ""
}

// unquote is the text of a JSON string, or its raw bytes if it is none.
func unquote(raw []byte) string {
	raw = raw[:min(len(raw), maxValue)]
	inner := strings.TrimSuffix(string(raw[1:]), `"`)
	if !strings.Contains(inner, `\`) {
		return inner
	}
	var s string
	if json.Unmarshal([]byte(`"`+inner+`"`), &s) != nil {
		return inner
	}
	return s
}

// scanner walks over a JSON text without building anything from it. It is
// lenient: in a text that is broken or cut, what stands before the damage
// counts.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) space() byte {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\r' || s.b[s.i] == '\t') {
		s.i++
	}
	return s.peek()
}

// str passes over a string and returns it with its quotes.
func (s *scanner) str() ([]byte, bool) {
	from := s.i
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			s.i++
		case '"':
			s.i++
			return s.b[from:s.i], true
		}
	}
	s.i = len(s.b)
	return nil, false
}

// skip passes over a value of any depth, without recursion.
func (s *scanner) skip() bool {
	depth := 0
	for {
		switch s.space() {
		case 0:
			return false
		case '"':
			if _, ok := s.str(); !ok {
				return false
			}
		case '{', '[':
			depth++
			s.i++
			continue
		case '}', ']':
			if depth == 0 {
				return false
			}
			depth--
			s.i++
		case ',', ':':
			if depth == 0 {
				return false
			}
			s.i++
			continue
		default:
			for s.i < len(s.b) && strings.IndexByte(" \n\r\t,:]}\"[{", s.b[s.i]) < 0 {
				s.i++
			}
		}
		if depth == 0 {
			return true
		}
	}
}

// find calls yield with every value at path, until that returns false. It
// returns false when that was so or the text is broken.
func (s *scanner) find(path []step, yield func(raw []byte) bool) bool {
	first := s.space()
	if len(path) == 0 {
		from := s.i
		return s.skip() && yield(s.b[from:s.i])
	}
	if first != '{' && first != '[' {
		return s.skip()
	}
	s.i++
	for n := 0; ; n++ {
		c := s.space()
		if c == '}' || c == ']' {
			s.i++
			return true
		}
		if c == ',' && n > 0 {
			s.i++
			c = s.space()
		}
		wanted := path[0].any || path[0].index == n
		if first == '{' {
			if c != '"' {
				return false
			}
			key, ok := s.str()
			if !ok || s.space() != ':' {
				return false
			}
			s.i++
			wanted = !path[0].bracket && (path[0].any || path[0].names(key))
		}
		if wanted {
			if !s.find(path[1:], yield) {
				return false
			}
		} else if !s.skip() {
			return false
		}
	}
}

// names tells whether the step is a member's name, given in quotes.
func (p *step) names(quoted []byte) bool {
	inner := quoted[1 : len(quoted)-1]
	if string(inner) == p.key {
		return true
	}
	return strings.IndexByte(string(inner), '\\') >= 0 && unquote(quoted) == p.key
}
