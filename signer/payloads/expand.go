package payloads

import (
	"fmt"
	"strings"
)

// expand gives a template its values. A text that is one placeholder takes the
// kind of the value; others take its text. An object with "$use" is a part of
// the file with the object's own names put over it ("a.b" reaches inside,
// "$drop" lists names that go).
func (g *generator) expand(n *node) (*node, error) {
	switch n.kind {
	case text:
		return g.expandText(n.text)
	case object:
		if use := n.get("$use"); use != nil {
			return g.expandPart(use.text, n)
		}
	case array:
	default:
		return n, nil
	}
	out := &node{kind: n.kind, keys: n.keys}
	if n.kind == object {
		out.keys = append([]string(nil), n.keys...)
	}
	for _, kid := range n.kids {
		v, err := g.expand(kid)
		if err != nil {
			return nil, err
		}
		out.kids = append(out.kids, v)
	}
	return out, nil
}

func (g *generator) expandPart(name string, over *node) (*node, error) {
	var part *node
	if g.parts != nil {
		part = g.parts.get(name)
	}
	if part == nil {
		return nil, fmt.Errorf("there is no part %q", name)
	}
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 16 {
		return nil, fmt.Errorf("part %q uses itself", name)
	}
	made, err := g.expand(part)
	if err != nil {
		return nil, err
	}
	out := made.clone()
	for i, key := range over.keys {
		switch key {
		case "$use":
		case "$drop":
			for _, gone := range over.kids[i].kids {
				out.drop(gone.text)
			}
		default:
			v, err := g.expand(over.kids[i])
			if err != nil {
				return nil, err
			}
			if out.get(key) != nil || !strings.Contains(key, ".") {
				out.put(key, v)
				continue
			}
			steps, err := splitPath(key)
			if err != nil {
				return nil, err
			}
			if err := out.set(steps, v); err != nil {
				return nil, fmt.Errorf("part %q: %w", name, err)
			}
		}
	}
	return out, nil
}

func (g *generator) expandText(s string) (*node, error) {
	if !strings.Contains(s, "${") {
		return textNode(s), nil
	}
	if inner, ok := strings.CutPrefix(s, "${"); ok && strings.IndexByte(inner, '}') == len(inner)-1 {
		return g.value(inner[:len(inner)-1])
	}
	var b strings.Builder
	for s != "" {
		before, rest, ok := strings.Cut(s, "${")
		b.WriteString(before)
		if !ok {
			break
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return nil, fmt.Errorf("unmatched ${ in %q", s)
		}
		v, err := g.value(name)
		if err != nil {
			return nil, err
		}
		b.WriteString(v.text)
		s = after
	}
	return textNode(b.String()), nil
}
