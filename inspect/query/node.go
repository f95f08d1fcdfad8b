package query

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// node is a part of a query: and, or, not, *term.
type node interface {
	match(m *matcher) bool
	// print appends the node; tight asks for parentheses around what binds
	// looser than a term.
	print(b []byte, tight bool) []byte
}

type and []node

type or []node

type not struct{ node }

// term is one thing asked of a flow.
type term struct {
	field   Field  // Name is "" for free text
	name    string // of a header, in lower case
	path    []step // of json:
	op      op
	pattern pattern // where op is like
	bound   bound   // where op compares
}

// op is what a term asks of a value.
type op byte

const (
	exists op = iota
	like      // the pattern
	equal
	less
	lessEqual
	more
	moreEqual
)

func (o op) String() string {
	return [...]string{"", "=", "=", "<", "<=", ">", ">="}[o]
}

// holds tells whether o holds for the outcome of a comparison.
func (o op) holds(compared int) bool {
	switch o {
	case equal:
		return compared == 0
	case less:
		return compared < 0
	case lessEqual:
		return compared <= 0
	case more:
		return compared > 0
	case moreEqual:
		return compared >= 0
	}
	return false
}

func (n and) print(b []byte, tight bool) []byte { return list(b, n, " ", tight, true) }

func (n or) print(b []byte, tight bool) []byte { return list(b, n, " or ", tight, true) }

func list(b []byte, nodes []node, between string, paren, tight bool) []byte {
	if paren {
		b = append(b, '(')
	}
	for i, n := range nodes {
		if i > 0 {
			b = append(b, between...)
		}
		_, isAnd := n.(and)
		b = n.print(b, tight && !(isAnd && between == " or "))
	}
	if paren {
		b = append(b, ')')
	}
	return b
}

func (n not) print(b []byte, _ bool) []byte { return n.node.print(append(b, '-'), true) }

func (t *term) print(b []byte, _ bool) []byte {
	if t.field.Name == "" {
		return t.pattern.print(b, true)
	}
	b = append(append(b, t.field.Name...), ':')
	switch t.field.Kind {
	case Header:
		b = append(b, t.name...)
	case JSON:
		b = printPath(b, t.path)
	}
	switch t.op {
	case exists:
		return b
	case like:
		if (t.field.Kind == Header || t.field.Kind == JSON) && t.pattern.re == nil {
			b = append(b, '=')
		}
		return t.pattern.print(b, false)
	}
	if t.op != equal || t.field.Kind == JSON {
		b = append(b, t.op.String()...)
	}
	return append(b, t.bound.text...)
}

// print appends the pattern; free says that it stands alone, without a field.
func (p *pattern) print(b []byte, free bool) []byte {
	switch {
	case p.re != nil:
		b = append(append(b, '~', '/'), strings.ReplaceAll(p.text, "/", `\/`)...)
		if b = append(b, '/'); p.fold {
			b = append(b, 'i')
		}
		return b
	case p.wild, bare(p.text, free):
		return append(b, p.text...)
	}
	return quote(b, p.text)
}

// bare tells whether s means itself without quotes.
func bare(s string, free bool) bool {
	if s == "" || strings.ContainsAny(s, "*?") {
		return false
	}
	if free {
		switch strings.ToLower(s) {
		case "or", "and", "not":
			return false
		}
	}
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '/'
		if !plain && (free || i == 0 || c != '-' && c != ':' && c != '@' && c != '+' && c != ',' && c != '=') {
			return false
		}
	}
	return true
}

// quote appends s in double quotes, with everything escaped that is not to be
// seen.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1, size > 1 && !unicode.IsPrint(r):
			for _, c := range []byte(s[i : i+size]) {
				b = appendHex(b, c)
			}
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r < ' ' || r == 0x7f:
			b = appendHex(b, byte(r))
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return append(b, '"')
}

func appendHex(b []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'x', digits[c>>4], digits[c&15])
}

// printPath appends a JSON path.
func printPath(b []byte, path []step) []byte {
	for i, s := range path {
		if s.index >= 0 && s.bracket {
			b = append(strconv.AppendInt(append(b, '['), int64(s.index), 10), ']')
			continue
		}
		if s.any && s.bracket {
			b = append(b, "[*]"...)
			continue
		}
		if i > 0 {
			b = append(b, '.')
		}
		switch {
		case s.any:
			b = append(b, '*')
		case bareStep(s.key) && number(s.key) == s.index:
			b = append(b, s.key...)
		default:
			b = quote(b, s.key)
		}
	}
	return b
}

func bareStep(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '$' || c == '@') {
			return false
		}
	}
	return s != ""
}
