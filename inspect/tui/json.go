package tui

import (
	"fmt"
	"strconv"
)

const (
	maxDepth   = 200    // of JSON and XML that is laid out; deeper is shown raw
	maxLines   = 20_000 // of a body that is laid out
	indentStep = 2
	maxIndent  = 40 // columns: deeper lines start where this one does
)

// token is a piece of JSON text. Depth counts the containers around it.
type token struct {
	kind  byte // one of {}[],: or s for a string, n for a number, w for true, false and null
	key   bool // a string that names a member
	text  []byte
	depth int
}

// scanJSON reads JSON values, one after the other, and hands their tokens to
// emit until that returns false. It returns how far it came and, unless that is
// the end of complete values, why it stopped. It needs no memory but one byte a
// level.
func scanJSON(b []byte, emit func(token) bool) (at int, problem string) {
	const (
		value = iota
		firstKey
		nextKey
		colon
		more
		firstItem
	)
	var stack []byte
	state, i := value, 0
	for {
		for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
			i++
		}
		if i == len(b) {
			if len(stack) > 0 || state != value {
				return i, "it ends early"
			}
			return i, ""
		}
		c := b[i]
		t := token{kind: c, text: b[i : i+1], depth: len(stack)}
		after := func() { // a value is complete
			if state = more; len(stack) == 0 {
				state = value
			}
		}
		switch {
		case state == colon:
			if c != ':' {
				return i, "a colon is missing"
			}
			state = value
		case (c == '}' || c == ']') && len(stack) > 0 && (state == more || state == firstKey || state == firstItem):
			if stack[len(stack)-1] != c {
				return i, fmt.Sprintf("%q closes what it did not open", c)
			}
			stack = stack[:len(stack)-1]
			t.depth--
			after()
		case state == more:
			if c != ',' {
				return i, "a comma is missing"
			}
			if state = value; stack[len(stack)-1] == '}' {
				state = nextKey
			}
		case c == '"':
			n := stringEnd(b[i:])
			if n < 0 {
				return i, "it ends early"
			}
			t.kind, t.text = 's', b[i:i+n]
			if state == firstKey || state == nextKey {
				t.key, state = true, colon
			} else {
				after()
			}
		case state == firstKey || state == nextKey:
			return i, "a member's name is missing"
		case c == '{' || c == '[':
			if len(stack) >= maxDepth {
				return i, "it is more than " + strconv.Itoa(maxDepth) + " levels deep"
			}
			if stack = append(stack, c+2); c == '{' { // '{'+2 is '}', '['+2 is ']'
				state = firstKey
			} else {
				state = firstItem
			}
		default:
			n := wordEnd(b[i:])
			t.text = b[i : i+n]
			switch w := string(t.text); {
			case w == "true" || w == "false" || w == "null":
				t.kind = 'w'
			case n > 0 && (c == '-' || c >= '0' && c <= '9'):
				t.kind = 'n'
			case i+n == len(b) && n > 0:
				return i, "it ends early"
			default:
				return i, "there is no value"
			}
			after()
		}
		if !emit(t) {
			return i, ""
		}
		i += len(t.text)
	}
}

// stringEnd is the length of the string that b begins with; -1 if it has no end.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func wordEnd(b []byte) int {
	for i, c := range b {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.') {
			return i
		}
	}
	return len(b)
}

func (t token) span() span {
	switch {
	case t.key:
		return foreign(name, string(t.text))
	case t.kind == 's':
		return foreign(str, string(t.text))
	case t.kind == 'n':
		return foreign(number, string(t.text))
	case t.kind == 'w':
		return foreign(word, string(t.text))
	}
	return span{punct, string(t.text)}
}

// prettyJSON lays JSON out, two columns a level. Where it stops, and unless
// all was read, problem says why.
func prettyJSON(b []byte) (out []line, at int, problem string) {
	var now line
	var before token
	flush := func(depth int) {
		if len(now) > 0 {
			out = append(out, now)
		}
		now = nil
		if depth > 0 {
			now = line{{plain, spaces(min(depth*indentStep, maxIndent))}}
		}
	}
	at, problem = scanJSON(b, func(t token) bool {
		opened := before.kind == '{' || before.kind == '['
		switch {
		case t.kind == '}' || t.kind == ']':
			if !opened {
				flush(t.depth)
			}
		case opened || before.kind == ',':
			flush(t.depth)
		case t.depth == 0 && before.kind != 0: // the next value
			flush(0)
		}
		now = append(now, t.span())
		if t.kind == ':' {
			now = append(now, span{plain, " "})
		}
		before = t
		return len(out) < maxLines
	})
	flush(0)
	return out, at, problem
}

// treeJSON is JSON as a tree, with no more than depth levels unfolded. Guides
// lead from a container to what is in it.
func treeJSON(b []byte, depth int) (out []line, problem string) {
	type open struct{ line, n int }
	var stack []open
	var label []byte
	hidden := func(t token) bool { return t.depth > depth }
	node := func(t token, value span) {
		if t.depth > 0 {
			if stack[t.depth-1].n++; hidden(t) {
				label = nil
				return
			}
		}
		l := line{}
		for i := 1; i < min(t.depth, maxIndent/2); i++ {
			l = append(l, span{border, "│ "})
		}
		if t.depth > 0 {
			l = append(l, span{border, "├ "})
		}
		switch {
		case label != nil:
			l = append(l, foreign(name, unquote(label)), span{punct, ": "})
		case t.depth > 0:
			l = append(l, span{dim, strconv.Itoa(stack[t.depth-1].n - 1)}, span{punct, ": "})
		}
		label = nil
		out = append(out, append(l, value))
	}
	_, problem = scanJSON(b, func(t token) bool {
		switch t.kind {
		case '{', '[':
			node(t, span{punct, string(t.kind)})
			stack = append(stack, open{line: len(out) - 1})
		case '}', ']':
			o := stack[len(stack)-1]
			if stack = stack[:len(stack)-1]; !hidden(t) {
				l := out[o.line]
				fold := ""
				if t.depth >= depth && o.n > 0 {
					fold = " …"
				}
				l[len(l)-1] = span{punct, l[len(l)-1].text + strconv.Itoa(o.n) + string(t.kind) + fold}
			}
		case ',', ':':
		default:
			if t.key {
				label = t.text
				return true
			}
			node(t, t.span())
		}
		return len(out) < maxLines
	})
	return out, problem
}

// unquote is the text of a JSON string, or the string as it stands.
func unquote(b []byte) string {
	if s, err := strconv.Unquote(string(b)); err == nil {
		return s
	}
	return string(b)
}
