package query

import (
	"fmt"
	"math"
	"strings"
)

// value reads what stands behind the name of f and its colon.
func (p *parser) value(f Field) (node, error) {
	t := &term{field: f}
	var err error
	switch f.Kind {
	case Header:
		err = p.headerValue(t)
	case JSON:
		err = p.jsonValue(t)
	case Number, Size, Duration:
		err = p.comparison(t)
	case Time:
		at := p.at
		t.op = equal
		var word string
		if word, err = p.word(); err != nil {
			break
		}
		if t.bound, err = parseTime(word); err != nil {
			err = p.expected(at, f, "an age or a time")
		}
	case Word:
		err = p.state(t)
	default:
		t.op = like
		t.pattern, err = p.pattern(f)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (p *parser) state(t *term) error {
	at := p.at
	word, err := p.word()
	if err != nil {
		return err
	}
	if word == "" {
		return p.expected(at, t.field, "a state")
	}
	s, ok := findState(word)
	if !ok {
		hint := "one of " + strings.Join(stateNames(), ", ")
		if other := closest(word, stateNames()); other != "" {
			hint = "did you mean is:" + other
		}
		return p.fail(at, fmt.Sprintf("unknown state %q", word), hint)
	}
	t.op, t.pattern = like, literal(s.Name)
	return nil
}

func (p *parser) headerValue(t *term) error {
	at := p.at
	for !p.done() && isToken(p.peek()) && !strings.HasPrefix(p.src[p.at:], "~/") {
		p.at++
	}
	t.name = strings.ToLower(p.src[at:p.at])
	if t.name == "" {
		return p.expected(at, t.field, "a header's name")
	}
	switch {
	case p.peek() == '=', p.peek() == ':':
		p.at++
	case strings.HasPrefix(p.src[p.at:], "~/"):
	default:
		return p.end(t.field)
	}
	t.op = like
	var err error
	t.pattern, err = p.pattern(t.field)
	return err
}

// isToken tells whether c may stand in a header's name (RFC 9110 §5.6.2). The
// bar is left out: here it is "or".
func isToken(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`~", c) >= 0 && c != 0
}

func (p *parser) jsonValue(t *term) error {
	var err error
	if t.path, err = p.path(t.field); err != nil {
		return err
	}
	if strings.HasPrefix(p.src[p.at:], "~/") {
		t.op = like
		t.pattern, err = p.pattern(t.field)
		return err
	}
	o := p.operator()
	switch o {
	case exists:
		return p.end(t.field)
	case equal:
		t.op = like
		if t.pattern, err = p.pattern(t.field); err != nil {
			return err
		}
		t.bound = bound{number: math.NaN()}
		if n, err := parseNumber(t.pattern.text); err == nil {
			t.bound = n
		}
		return nil
	}
	t.op = o
	at := p.at
	word, err := p.word()
	if err != nil {
		return err
	}
	if t.bound, err = parseNumber(word); err != nil {
		return p.expected(at, t.field, "a number")
	}
	return nil
}

// comparison is [op]value, or for a bare number wildcards such as 5xx.
func (p *parser) comparison(t *term) error {
	o := p.operator()
	t.op = o
	if o == exists {
		t.op = equal
	}
	start := p.at
	word, err := p.word()
	if err != nil {
		return err
	}
	what, read := "a number", parseNumber
	switch t.field.Kind {
	case Size:
		what, read = "a size", parseSize
	case Duration:
		what, read = "a duration", parseMillis
	}
	if t.bound, err = read(word); err == nil {
		return nil
	}
	if o == exists && (word == "*" || t.field.Kind == Number && isDigits(word)) {
		t.op, t.pattern = like, pattern{text: strings.NewReplacer("x", "?", "X", "?").Replace(word), wild: true}
		return nil
	}
	return p.expected(start, t.field, what)
}

// isDigits tells whether s is a number with wildcards in it: 5xx, 4*.
func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789xX*?") == "" && strings.ContainsAny(s, "xX*?")
}

func (p *parser) operator() op {
	rest := p.src[p.at:]
	for _, o := range []op{lessEqual, moreEqual, less, more, equal} {
		if strings.HasPrefix(rest, o.String()) {
			p.at += len(o.String())
			return o
		}
	}
	return exists
}
