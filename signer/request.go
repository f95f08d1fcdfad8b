package signer

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxFormField bounds one part of a multipart form: a webhook's fields are small, its files are not signed.
const maxFormField = 4 << 20

// maxFormParts bounds the number of parts read from a multipart form.
const maxFormParts = 1000

// Request is what is verified or signed. URL is the public URL exactly as the sender used it, with scheme, host, raw path and raw query;
// Body is the bytes as received. Header holds every value under its canonical name.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte
}

// A Field is one header line to set.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// place is a parsed "kind:name#path".
type place struct {
	kind, name, path string
}

func parsePlace(s string) place {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok {
		return place{kind: s}
	}
	p := place{kind: kind, name: rest}
	switch kind {
	case "header":
		p.name = http.CanonicalHeaderKey(rest)
	case "json":
		p.path, p.name = rest, ""
	case "form":
		p.name, p.path, _ = strings.Cut(rest, "#")
	}
	return p
}

// reader looks things up in one request; it parses the query, form and JSON once, and only when asked.
type reader struct {
	req    *Request
	params map[string]string
	fields []Field        // items of the signature header
	claims map[string]any // of a verified token
	query  url.Values
	form   url.Values
	doc    any
	top    object // of the body, where it is JSON
	parsed struct{ query, form, doc, top, valid bool }
	valid  bool // the body is JSON
}

// values returns every value at a place. A JSON path with [*] gives several.
func (r *reader) values(p place) []string {
	switch p.kind {
	case "header":
		return r.req.Header[p.name]
	case "query":
		return r.queryValues()[p.name]
	case "form":
		vs := r.formValues()[p.name]
		if p.path == "" {
			return vs
		}
		if len(vs) != 1 {
			return nil
		}
		doc, err := decodeJSON([]byte(vs[0]))
		if err != nil {
			return nil
		}
		return jsonValues(doc, p.path)
	case "json":
		return r.jsonValues(p.path)
	case "field":
		var vs []string
		for _, f := range r.fields {
			if f.Name == p.name {
				vs = append(vs, f.Value)
			}
		}
		return vs
	case "claim":
		return jsonValues(r.claims, p.name)
	case "param":
		if v, ok := r.params[p.name]; ok {
			return []string{v}
		}
	}
	return nil
}

// first returns the first value at a place, "" when there is none.
func (r *reader) first(s string) string {
	if vs := r.values(parsePlace(s)); len(vs) > 0 {
		return vs[0]
	}
	return ""
}

func (r *reader) queryValues() url.Values {
	if !r.parsed.query {
		r.parsed.query = true
		_, raw, _ := strings.Cut(r.req.URL, "?")
		raw, _, _ = strings.Cut(raw, "#")
		r.query = parseForm(raw)
	}
	return r.query
}

// parseForm is url.ParseQuery that keeps what it can read: one bad escape does not empty the form.
func parseForm(raw string) url.Values {
	vs, _ := url.ParseQuery(raw)
	return vs
}

func (r *reader) formValues() url.Values {
	if r.parsed.form {
		return r.form
	}
	r.parsed.form = true
	kind, args, _ := mime.ParseMediaType(r.req.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		r.form = parseForm(string(r.req.Body))
		return r.form
	}
	r.form = url.Values{}
	parts := multipart.NewReader(bytes.NewReader(r.req.Body), args["boundary"])
	for range maxFormParts {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFormField))
		if err != nil {
			break
		}
		r.form.Add(part.FormName(), string(value))
	}
	return r.form
}

func (r *reader) document() any {
	if !r.parsed.doc {
		r.parsed.doc = true
		if doc, err := decodeJSON(r.req.Body); err == nil {
			r.doc = doc
		}
	}
	return r.doc
}

// decodeJSON reads one JSON value and keeps numbers as they are written.
func decodeJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return doc, nil
}

// jsonValues walks a dotted path: a.b, a[0].b, a[*].b, [].b.
func jsonValues(doc any, path string) []string {
	nodes := []any{doc}
	for _, step := range pathSteps(path) {
		var next []any
		for _, n := range nodes {
			switch n := n.(type) {
			case map[string]any:
				if v, ok := n[step]; ok {
					next = append(next, v)
				}
			case []any:
				if step == "*" {
					next = append(next, n...)
				} else if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n) {
					next = append(next, n[i])
				}
			}
		}
		nodes = next
	}
	var out []string
	for _, n := range nodes {
		switch n := n.(type) {
		case string:
			out = append(out, n)
		case json.Number:
			out = append(out, n.String())
		case bool:
			out = append(out, strconv.FormatBool(n))
		}
	}
	return out
}

func pathSteps(path string) []string {
	if strings.Contains(path, "[") {
		path = strings.NewReplacer("[]", ".*", "[", ".", "]", "").Replace(path)
	}
	var steps []string
	for s := range strings.SplitSeq(path, ".") {
		if s != "" {
			steps = append(steps, s)
		}
	}
	return steps
}

// pointerSteps are the steps of an RFC 6901 pointer.
func pointerSteps(ptr string) []string {
	if ptr == "" || ptr[0] != '/' {
		return nil
	}
	steps := strings.Split(ptr[1:], "/")
	for i, step := range steps {
		if strings.Contains(step, "~") {
			steps[i] = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		}
	}
	return steps
}

// pointer resolves an RFC 6901 pointer to the text of a scalar.
func pointer(doc any, ptr string) (string, bool) {
	steps := pointerSteps(ptr)
	if len(steps) == 0 {
		return "", false
	}
	for _, step := range steps {
		switch n := doc.(type) {
		case map[string]any:
			v, ok := n[step]
			if !ok {
				return "", false
			}
			doc = v
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(n) {
				return "", false
			}
			doc = n[i]
		default:
			return "", false
		}
	}
	return pointed(doc)
}

// pointed is the text of what a pointer leads to.
func pointed(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case nil:
		return "", false
	}
	return "", true // an object or array: there, without a text of its own
}

// splitURL cuts a URL at its structure without changing a byte of it: origin ("https://host:1"), host, path and raw query.
func splitURL(raw string) (origin, host, path, query string, hasQuery bool) {
	raw, _, _ = strings.Cut(raw, "#")
	rest := raw
	if i := strings.Index(raw, "://"); i >= 0 {
		rest = raw[i+3:]
		if j := strings.IndexAny(rest, "/?"); j >= 0 {
			origin, host, rest = raw[:i+3+j], rest[:j], rest[j:]
		} else {
			origin, host, rest = raw, rest, ""
		}
	}
	path, query, hasQuery = strings.Cut(rest, "?")
	return origin, host, path, query, hasQuery
}
