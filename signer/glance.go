package signer

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// Most of what is asked of a body is not there: a message is held against every
// rule that wants something of it. Building the whole document to find that out
// would cost more than all else that is done with a message. So a body is
// looked through first, and built only where that cannot tell. The answers are
// the same.

// mayHaveField tells whether the form in the body may have a field.
func (r *reader) mayHaveField(name string) bool {
	if r.parsed.form || strings.Contains(strings.ToLower(r.req.Header.Get("Content-Type")), "multipart") {
		return true
	}
	for rest := r.req.Body; len(rest) > 0; {
		var field []byte
		field, rest, _ = bytes.Cut(rest, []byte("&"))
		// With every byte of it escaped the name is three times as long.
		key, _, _ := bytes.Cut(field[:min(len(field), 3*len(name)+1)], []byte("="))
		if len(key) < len(name) || len(key) > 3*len(name) {
			continue
		}
		if text, err := url.QueryUnescape(string(key)); err == nil && text == name {
			return true
		}
	}
	return false
}

// pointer resolves an RFC 6901 pointer in the body.
func (r *reader) pointer(ptr string) (string, bool) {
	if value, there, sure := r.glance(pointerSteps(ptr)); sure {
		if !there {
			return "", false
		}
		return pointed(value)
	}
	return pointer(r.document(), ptr)
}

// jsonValues walks a dotted path in the body.
func (r *reader) jsonValues(path string) []string {
	if value, there, sure := r.glance(pathSteps(path)); sure {
		if !there {
			return nil
		}
		return jsonValues(value, "")
	}
	return jsonValues(r.document(), path)
}

// glance finds a value in the body without building the rest of it. Of an
// object or array it tells only that it is one. sure is false where only the
// whole document can tell.
func (r *reader) glance(steps []string) (value any, there, sure bool) {
	if r.parsed.doc || len(steps) == 0 {
		return nil, false, false
	}
	if !r.parsed.top {
		r.parsed.top = true
		r.top = members(r.req.Body)
	}
	raw, in := []byte(nil), r.top
	for i, step := range steps {
		if in.unsure || !plainStep(step) {
			return nil, false, false
		}
		if raw = in.find(step); raw == nil {
			return nil, false, true
		}
		if i < len(steps)-1 {
			in = members(raw)
		}
	}
	if !r.parsed.valid {
		r.parsed.valid = true
		r.valid = json.Valid(r.req.Body)
	}
	if !r.valid { // then there is no document
		return nil, false, true
	}
	switch raw[0] {
	case '{':
		return map[string]any(nil), true, true
	case '[':
		return []any(nil), true, true
	}
	value, err := decodeJSON(raw)
	return value, true, err == nil
}

// plainStep tells whether a step is a name that can only be spelled in one way,
// but for escapes.
func plainStep(step string) bool {
	for i := range len(step) {
		if step[i] >= 0x80 {
			return false
		}
	}
	return step != "*"
}

// object is a JSON object as it is written.
type object struct {
	members []member
	unsure  bool // it may have others, or be an array
}

type member struct{ name, value []byte }

// find is the value of a name: of several, the last counts.
func (o object) find(name string) []byte {
	for i := len(o.members) - 1; i >= 0; i-- {
		if string(o.members[i].name) == name {
			return o.members[i].value
		}
	}
	return nil
}

// maxMembers bounds the names that members remembers.
const maxMembers = 256

const jsonSpace = " \t\r\n"

// members lists what is in a JSON object, less what is in the objects inside
// it. It does not check: of what is no JSON it lists something.
func members(b []byte) object {
	b = bytes.TrimLeft(b, jsonSpace)
	if len(b) == 0 || b[0] != '{' {
		return object{unsure: len(b) > 0 && b[0] == '['}
	}
	var o object
	var name []byte
	begin, depth := 0, 0 // begin: of a value, behind its colon; 0 in a name
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(b, i+1)
			if depth == 1 && begin == 0 {
				if name = b[i+1 : end]; bytes.IndexByte(name, '\\') >= 0 {
					return object{unsure: true}
				}
			}
			i = end
			continue
		case ':':
			if depth == 1 && begin == 0 {
				begin = i + 1
			}
			continue
		case ',':
		default:
			continue
		}
		if begin > 0 && (depth == 0 || depth == 1 && b[i] == ',') {
			if len(o.members) == maxMembers {
				return object{unsure: true}
			}
			if value := bytes.Trim(b[begin:i], jsonSpace); len(value) > 0 {
				o.members = append(o.members, member{name, value})
			}
			begin = 0
		}
		if depth == 0 {
			break
		}
	}
	return o
}

// stringEnd is where the string that begins at i ends: its closing quote, or
// the end of b.
func stringEnd(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
		i++
	}
	return len(b)
}
