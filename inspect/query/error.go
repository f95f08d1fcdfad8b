package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says where and why a text is not a query.
type Error struct {
	Query   string
	Column  int // from 1, in characters
	Problem string
	Hint    string // what would do; may be ""
}

// Error is one line: "column 17: unknown field \"evnt\": did you mean event:".
func (e *Error) Error() string {
	s := fmt.Sprintf("column %d: %s", e.Column, e.Problem)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Pointer is the query with a caret below the column, on two lines of at most
// 72 characters; what a terminal would obey is shown as "·".
func (e *Error) Pointer() string {
	const before, width = 40, 70
	runes := []rune(e.Query)
	at := min(max(e.Column-1, 0), len(runes))
	from := max(0, at-before)
	to := min(len(runes), from+width)
	var b strings.Builder
	pad := at - from
	if from > 0 {
		b.WriteRune('…')
		pad++
	}
	for _, r := range runes[from:to] {
		if r < ' ' || r > '~' { // one column each, whatever the terminal thinks of the rest
			r = '·'
		}
		b.WriteRune(r)
	}
	b.WriteString("\n" + strings.Repeat(" ", pad) + "^")
	return b.String()
}

// fail makes an error at a byte of the query.
func (p *parser) fail(at int, problem, hint string) error {
	return &Error{p.src, utf8.RuneCountInString(p.src[:min(at, len(p.src))]) + 1, problem, hint}
}
