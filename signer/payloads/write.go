package payloads

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// appendJSON writes n as JSON, in one line when indent is "".
func (n *node) appendJSON(b *bytes.Buffer, indent, prefix string) {
	switch n.kind {
	case text:
		appendString(b, n.text)
		return
	case other:
		b.WriteString(n.text)
		return
	}
	brackets := "{}"
	if n.kind == array {
		brackets = "[]"
	}
	b.WriteByte(brackets[0])
	inner := prefix + indent
	for i, kid := range n.kids {
		if i > 0 {
			b.WriteByte(',')
		}
		if indent != "" {
			b.WriteString("\n" + inner)
		}
		if n.kind == object {
			appendString(b, n.keys[i])
			b.WriteByte(':')
			if indent != "" {
				b.WriteByte(' ')
			}
		}
		kid.appendJSON(b, indent, inner)
	}
	if indent != "" && len(n.kids) > 0 {
		b.WriteString("\n" + prefix)
	}
	b.WriteByte(brackets[1])
}

func appendString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if e.Encode(s) == nil { // a string always encodes
		b.Truncate(b.Len() - 1) // its line feed
	}
}

// json is n as bytes.
func (n *node) json(indent string) []byte {
	var b bytes.Buffer
	n.appendJSON(&b, indent, "")
	return b.Bytes()
}

// form writes an object as application/x-www-form-urlencoded in its order. A
// list repeats its name; an object is a field that holds JSON.
func (n *node) form() []byte {
	var b strings.Builder
	field := func(name string, v *node) {
		s := v.text
		if v.kind == object || v.kind == array {
			s = string(v.json(""))
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(s))
	}
	for i, name := range n.keys {
		if v := n.kids[i]; v.kind == array {
			for _, item := range v.kids {
				field(name, item)
			}
		} else {
			field(name, v)
		}
	}
	return []byte(b.String())
}
