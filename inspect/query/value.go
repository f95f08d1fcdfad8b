package query

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
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

// word reads to the next space, parenthesis or bar.
func (p *parser) word() (string, error) {
	at := p.at
	for !p.done() {
		c := p.peek()
		if isSpace(c) || c == ')' || c == '|' {
			break
		}
		if c == '(' {
			return "", p.fail(p.at, `"(" within a word`, "put the text in quotes, or a space before it")
		}
		p.at++
	}
	return p.src[at:p.at], nil
}

// end is an error where something follows a value without a space.
func (p *parser) end(f Field) error {
	if c := p.peek(); p.done() || isSpace(c) || c == ')' || c == '|' {
		return nil
	}
	hint := "put the text in quotes"
	if f.Example != "" {
		hint = "for example " + f.Example
	}
	return p.fail(p.at, fmt.Sprintf("unexpected %q", firstRune(p.src[p.at:])), hint)
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// pattern reads a quoted text, a regular expression or a word.
func (p *parser) pattern(f Field) (pattern, error) {
	at := p.at
	switch rest := p.src[p.at:]; {
	case strings.HasPrefix(rest, "~/"):
		pat, err := p.regexp()
		if err == nil {
			err = p.end(f)
		}
		return pat, err
	case rest != "" && (rest[0] == '"' || rest[0] == '\''):
		s, err := p.quoted()
		if err == nil {
			err = p.end(f)
		}
		return literal(s), err
	}
	word, err := p.word()
	if err != nil {
		return pattern{}, err
	}
	if word == "" {
		return pattern{}, p.expected(at, f, "a value")
	}
	if f.Kind == Text && strings.IndexByte("<>=~", word[0]) >= 0 {
		return pattern{}, p.fail(at, fmt.Sprintf("%s holds text and is not compared by %q", f.Name, word[:1]), "write "+f.Example+" or "+f.Name+":~/regex/")
	}
	if f.Kind != Content && strings.ContainsAny(word, "*?") {
		return pattern{text: word, wild: true}, nil
	}
	return literal(word), nil
}

// quoted reads a text in double or single quotes.
func (p *parser) quoted() (string, error) {
	open, mark := p.at, p.peek()
	var b []byte
	for p.at++; !p.done(); p.at++ {
		c := p.peek()
		if c == mark {
			p.at++
			return string(b), nil
		}
		if c != '\\' {
			b = append(b, c)
			continue
		}
		p.at++
		switch c = p.peek(); c {
		case '"', '\'', '\\':
			b = append(b, c)
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case 'r':
			b = append(b, '\r')
		case 'x':
			if p.at+2 < len(p.src) {
				if n, err := strconv.ParseUint(p.src[p.at+1:p.at+3], 16, 8); err == nil {
					b = append(b, byte(n))
					p.at += 2
					continue
				}
			}
			return "", p.fail(p.at-1, `\x is not followed by two hex digits`, "")
		default:
			return "", p.fail(p.at-1, "unknown escape", `there are \" \' \\ \n \t \r and \xff`)
		}
	}
	return "", p.fail(open, "the quote is not closed", "add "+string(mark)+" at the end")
}

// regexp reads ~/…/ with an i behind it or not.
func (p *parser) regexp() (pattern, error) {
	open := p.at
	var b []byte
	closed := false
	for p.at += 2; !p.done() && !closed; p.at++ {
		c := p.peek()
		switch {
		case c == '\\' && p.at+1 < len(p.src):
			p.at++
			if p.peek() != '/' {
				b = append(b, '\\')
			}
			b = append(b, p.peek())
		case c == '/':
			closed = true
		default:
			b = append(b, c)
		}
	}
	if !closed {
		return pattern{}, p.fail(open, "the regular expression is not closed", "add / at the end")
	}
	pat := pattern{text: string(b)}
	flags := syntax.Perl
	if p.peek() == 'i' {
		p.at++
		pat.fold = true
		flags |= syntax.FoldCase
	}
	tree, err := syntax.Parse(pat.text, flags)
	if err != nil {
		return pattern{}, p.fail(open, "this is not a regular expression: "+trimSyntax(err), "it is of the RE2 kind, without look-around and back-references")
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > maxProgram {
		return pattern{}, p.fail(open, "the regular expression is too large", "write less in braces")
	}
	pat.cost = len(prog.Inst)
	source := pat.text
	if pat.fold {
		source = "(?i)" + source
	}
	if pat.re, err = regexp.Compile(source); err != nil {
		return pattern{}, p.fail(open, "this is not a regular expression: "+trimSyntax(err), "")
	}
	return pat, nil
}

func trimSyntax(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

// bound is what a value is compared with.
type bound struct {
	text   string // as it was written
	number float64
	age    time.Duration // where isAge
	isAge  bool
	at     time.Time
}

func parseNumber(s string) (bound, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err == nil && (strings.Trim(s, "0123456789.eE+-") != "" || math.IsInf(n, 0)) {
		err = strconv.ErrSyntax // Inf, NaN, 0x1p4, 1_000
	}
	return bound{text: s, number: n}, err
}

func parseSize(s string) (bound, error) {
	digits := strings.TrimRight(s, "kKmMgGiIbB")
	factor := 1.0
	switch strings.ToLower(s[len(digits):]) {
	case "", "b":
	case "k", "kb", "ki", "kib":
		factor = 1 << 10
	case "m", "mb", "mi", "mib":
		factor = 1 << 20
	case "g", "gb", "gi", "gib":
		factor = 1 << 30
	default:
		return bound{}, strconv.ErrSyntax
	}
	n, err := parseNumber(digits)
	return bound{text: s, number: n.number * factor}, err
}

// parseMillis reads a time span in milliseconds, a bare number being some.
func parseMillis(s string) (bound, error) {
	if n, err := parseNumber(s); err == nil {
		return n, nil
	}
	d, err := parseAge(s)
	return bound{text: s, number: float64(d) / float64(time.Millisecond)}, err
}

// parseAge is time.ParseDuration with days and weeks.
func parseAge(s string) (time.Duration, error) {
	rest, total := s, time.Duration(0)
	for _, unit := range []struct {
		letter byte
		span   time.Duration
	}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}} {
		i := strings.IndexByte(rest, unit.letter)
		if i < 0 {
			continue
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || strings.Trim(rest[:i], "0123456789.") != "" || n > 36500 {
			return 0, strconv.ErrSyntax
		}
		total += time.Duration(n * float64(unit.span))
		if rest = rest[i+1:]; rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err == nil && (d < 0 || d > 36500*24*time.Hour || strings.ContainsAny(rest, "+-")) {
		err = strconv.ErrSyntax
	}
	return total + d, err
}

// parseTime reads an age or a time; without a zone it is the local one.
func parseTime(s string) (bound, error) {
	if d, err := parseAge(s); err == nil && s != "0" {
		return bound{text: s, age: d, isAge: true}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return bound{text: s, at: at}, nil
		}
	}
	return bound{}, strconv.ErrSyntax
}
