package query

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

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
