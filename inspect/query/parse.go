package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Parse reads a query. Its error is an [*Error].
func Parse(s string) (Query, error) {
	p := parser{src: s}
	if len(s) > MaxLength {
		return Query{}, p.fail(MaxLength, fmt.Sprintf("the query is longer than %d bytes", MaxLength), "")
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return Query{}, p.fail(i, "this byte is not UTF-8", `write it as \xff in quotes`)
		}
		if (r < ' ' && !isSpace(byte(r))) || r == 0x7f {
			return Query{}, p.fail(i, "a control character", `write it as \x1b in quotes`)
		}
		i += size
	}
	p.space()
	if p.done() {
		return Query{}, nil
	}
	root, err := p.alternatives()
	if err != nil {
		return Query{}, err
	}
	if !p.done() { // only a closing parenthesis ends alternatives early
		return Query{}, p.fail(p.at, `")" closes nothing`, `put it in quotes if it is meant as text`)
	}
	return Query{root}, nil
}

// parser reads src from at.
type parser struct {
	src   string
	at    int
	depth int
	terms int
}

func (p *parser) done() bool { return p.at >= len(p.src) }

func (p *parser) peek() byte {
	if p.done() {
		return 0
	}
	return p.src[p.at]
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) space() {
	for !p.done() && isSpace(p.src[p.at]) {
		p.at++
	}
}

// keyword takes word, in any case, where it stands alone.
func (p *parser) keyword(word string) bool {
	end := p.at + len(word)
	if end > len(p.src) || !strings.EqualFold(p.src[p.at:end], word) {
		return false
	}
	if end < len(p.src) && !isSpace(p.src[end]) && strings.IndexByte("()|", p.src[end]) < 0 {
		return false
	}
	p.at = end
	return true
}

// alternatives are terms with "or" between them.
func (p *parser) alternatives() (node, error) {
	var list or
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		if inner, ok := n.(or); ok {
			list = append(list, inner...)
		} else {
			list = append(list, n)
		}
		if p.peek() != '|' && !p.keyword("or") {
			break
		}
		for p.peek() == '|' {
			p.at++
		}
		p.space()
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return list, nil
}

// sequence is terms that must all hold. It ends before "or", ")" and the end.
func (p *parser) sequence() (node, error) {
	var list and
	for {
		p.space()
		at := p.at
		if p.done() || p.peek() == ')' || p.peek() == '|' || p.keyword("or") {
			p.at = at
			break
		}
		if len(list) > 0 && p.keyword("and") {
			p.space()
		}
		n, err := p.negation()
		if err != nil {
			return nil, err
		}
		if inner, ok := n.(and); ok {
			list = append(list, inner...)
		} else {
			list = append(list, n)
		}
	}
	switch len(list) {
	case 0:
		return nil, p.fail(p.at, "a term is missing here", "expected a field such as status:>=500, or text")
	case 1:
		return list[0], nil
	}
	return list, nil
}

// negation is a term, perhaps turned around.
func (p *parser) negation() (node, error) {
	if p.peek() != '-' && p.peek() != '!' && !p.keyword("not") {
		return p.term()
	}
	if c := p.peek(); c == '-' || c == '!' {
		p.at++
	} else {
		p.space()
	}
	if p.done() || isSpace(p.peek()) {
		return nil, p.fail(p.at, "a term is missing after the negation", "put - in quotes if it is meant as text")
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	n, err := p.negation()
	p.depth--
	if err != nil {
		return nil, err
	}
	return not{n}, nil
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return p.fail(p.at, fmt.Sprintf("more than %d parentheses and negations in one another", maxDepth), "")
	}
	return nil
}

// term is a group, a field or free text.
func (p *parser) term() (node, error) {
	if p.peek() == '(' {
		open := p.at
		if err := p.enter(); err != nil {
			return nil, err
		}
		p.at++
		n, err := p.alternatives()
		if err != nil {
			return nil, err
		}
		if p.peek() != ')' {
			return nil, p.fail(open, `"(" is not closed`, `put it in quotes if it is meant as text`)
		}
		p.at++
		p.depth--
		return n, nil
	}
	if p.terms++; p.terms > maxTerms {
		return nil, p.fail(p.at, fmt.Sprintf("more than %d terms", maxTerms), "")
	}
	name, next := p.name()
	if name == "" {
		return p.free()
	}
	if next != ':' {
		f, known := findField(name)
		if !known || f.Kind != Number && f.Kind != Size && f.Kind != Duration {
			return p.free()
		}
		p.at += len(name) // status>=500
		return p.value(f)
	}
	f, known := findField(name)
	if !known {
		return nil, p.unknown(name)
	}
	p.at += len(name) + 1
	return p.value(f)
}

// name looks at the name that stands here before a colon or a comparison.
func (p *parser) name() (name string, next byte) {
	rest := p.src[p.at:]
	for i := range len(rest) {
		c := rest[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', i > 0 && (c == '-' || c == '_' || c >= '0' && c <= '9'):
			continue
		case i > 0 && (c == ':' || c == '<' || c == '>' || c == '='):
			return rest[:i], c
		}
		break
	}
	return "", 0
}

func (p *parser) unknown(name string) error {
	problem := fmt.Sprintf("unknown field %q", name)
	if other := alias(name); other != "" {
		return p.fail(p.at, problem, "did you mean "+other+":")
	}
	if other := closest(name, fieldNames()); other != "" {
		return p.fail(p.at, problem, "did you mean "+other+":")
	}
	if _, ok := findState(name); ok {
		return p.fail(p.at, problem, "did you mean is:"+strings.ToLower(name))
	}
	return p.fail(p.at, problem, "put the word in quotes if it is meant as text")
}

// free is text or a regular expression that is looked for everywhere.
func (p *parser) free() (node, error) {
	pat, err := p.pattern(Field{Kind: Content, Example: `"text"`})
	if err != nil {
		return nil, err
	}
	return &term{op: like, pattern: pat}, nil
}

// expected is the error of a value that is not there or not one of f's.
func (p *parser) expected(at int, f Field, what string) error {
	return p.fail(at, fmt.Sprintf("expected %s for %s", what, f.Name), "for example "+f.Example)
}
