package query

import (
	"time"
)

// Query picks flows. The zero Query matches all. It does not change and may be
// used by several goroutines.
type Query struct{ root node }

// Fields is what a query looks at: the values of a field by its name in
// [Table]; none when there are none. Names of headers follow a colon:
// "header:x-foo", in lower case. "text" asks for all that free text is looked
// for in, less the bodies.
type Fields interface {
	Fields(name string) []string
}

// Record is what Fields should have beside it, for what is no text: without it
// body:, json: and the like match nothing, and since: and until: read
// Fields("time") as RFC 3339.
type Record interface {
	Fields
	// Content is the beginning of the request's or the answer's body, at least
	// limit bytes of it where it has so many.
	Content(answer bool, limit int) []byte
	// When is the time that since: and until: ask for.
	When() time.Time
}

// The bounds of a query and of one match.
const (
	MaxLength  = 4096    // bytes of a query: more is no typed filter
	maxDepth   = 32      // parentheses and negations in one another
	maxTerms   = 64      // so that a match is at most so many looks at a body
	maxProgram = 1000    // instructions of a regular expression
	MaxContent = 1 << 20 // bytes of a body that are looked at
	maxValue   = 1 << 16 // bytes of another value that are looked at
	maxWork    = 1 << 26 // for one match: bytes compared, times instructions of a regular expression
)

// Match tells whether q picks f, now.
func (q Query) Match(f Fields) bool { return q.MatchAt(f, time.Now()) }

// MatchAt is Match with since: and until: counted from now.
func (q Query) MatchAt(f Fields, now time.Time) bool {
	if q.root == nil {
		return true
	}
	m := matcher{fields: f, now: now, work: maxWork}
	m.record, _ = f.(Record)
	return q.root.match(&m) && m.work >= 0
}

// Empty tells whether q matches all because nothing was asked.
func (q Query) Empty() bool { return q.root == nil }

// String is q as text that Parse reads as the same query.
func (q Query) String() string {
	if q.root == nil {
		return ""
	}
	return string(q.root.print(nil, false))
}

// All is the query that holds where each of the list does.
func All(list ...Query) Query {
	var all and
	for _, q := range list {
		switch n := q.root.(type) {
		case nil:
		case and:
			all = append(all, n...)
		default:
			all = append(all, n)
		}
	}
	switch len(all) {
	case 0:
		return Query{}
	case 1:
		return Query{all[0]}
	}
	return Query{all}
}

// NeedsAnswer names a term of q that is known only when a delivery was
// answered, "" when there is none. A filter or a route with one can never
// match.
func (q Query) NeedsAnswer() string {
	name := ""
	walk(q.root, func(t *term) {
		late := t.field.Answer
		if t.field.Kind == Word {
			s, _ := findState(t.pattern.text)
			late = s.Answer
		}
		if late && name == "" {
			name = string(t.print(nil, false))
		}
	})
	return name
}

func walk(n node, f func(*term)) {
	switch n := n.(type) {
	case and:
		for _, one := range n {
			walk(one, f)
		}
	case or:
		for _, one := range n {
			walk(one, f)
		}
	case not:
		walk(n.node, f)
	case *term:
		f(n)
	}
}
