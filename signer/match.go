package signer

import (
	"net/http"
	"strings"
)

// matchText compares a value with what a condition wants: "" anything that is not empty, "abc*" a beginning, else the same text.
func matchText(value, want string) bool {
	if want == "" {
		return value != ""
	}
	if head, ok := strings.CutSuffix(want, "*"); ok {
		return strings.HasPrefix(value, head)
	}
	return value == want
}

// Matches says whether all conditions hold for a request.
func (m *Match) Matches(req *Request) bool { return m.matches(&reader{req: req}) }

func (m *Match) matches(r *reader) bool {
	if m.Method != "" && !strings.EqualFold(m.Method, r.req.Method) {
		return false
	}
	for name, want := range m.Header {
		if !matchText(r.req.Header.Get(name), want) {
			return false
		}
	}
	for _, name := range m.Absent {
		if _, there := r.req.Header[http.CanonicalHeaderKey(name)]; there {
			return false
		}
	}
	for name, want := range m.Query {
		if !matchText(r.queryValues().Get(name), want) {
			return false
		}
	}
	for name := range m.Form {
		if !r.mayHaveField(name) {
			return false
		}
	}
	for name, want := range m.Form {
		if !matchText(r.formValues().Get(name), want) {
			return false
		}
	}
	for ptr, want := range m.JSON {
		value, ok := r.pointer(ptr)
		if !ok || (want != "" && !matchText(value, want)) {
			return false
		}
	}
	return true
}

// weight is how particular a match is: the more it asks, the more it knows.
func (m *Match) weight() int {
	n := 4*len(m.Header) + 2*len(m.Query) + 2*len(m.JSON) + 2*len(m.Form) + len(m.Absent)
	for _, want := range m.Header {
		if want != "" {
			n++
		}
	}
	if m.Method != "" {
		n++
	}
	return n
}
