package payloads

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// kind is what a JSON value is.
type kind byte

const (
	object kind = iota
	array
	text
	other // a number, true, false or null, as it is written
)

// node is a JSON value that keeps the order of its names: providers have one,
// and people read bodies.
type node struct {
	kind kind
	text string // of text and other
	keys []string
	kids []*node // values of keys, or items
}

func textNode(s string) *node  { return &node{kind: text, text: s} }
func otherNode(s string) *node { return &node{kind: other, text: s} }

// parseNode reads one JSON value.
func parseNode(data []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := readNode(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the JSON value")
	}
	return n, nil
}

func readNode(d *json.Decoder) (*node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		n := &node{kind: object}
		if t == '[' {
			n.kind = array
		}
		for d.More() {
			if n.kind == object {
				key, err := d.Token()
				if err != nil {
					return nil, err
				}
				n.keys = append(n.keys, key.(string)) // the decoder takes nothing else
			}
			kid, err := readNode(d)
			if err != nil {
				return nil, err
			}
			n.kids = append(n.kids, kid)
		}
		_, err := d.Token()
		return n, err
	case string:
		return textNode(t), nil
	case json.Number:
		return otherNode(t.String()), nil
	case bool:
		return otherNode(strconv.FormatBool(t)), nil
	}
	return otherNode("null"), nil
}

// get is the value of a name of an object, nil when there is none.
func (n *node) get(key string) *node {
	if i := slices.Index(n.keys, key); i >= 0 {
		return n.kids[i]
	}
	return nil
}

// put sets the value of a name; a new one goes to the end.
func (n *node) put(key string, v *node) {
	if i := slices.Index(n.keys, key); i >= 0 {
		n.kids[i] = v
		return
	}
	n.keys, n.kids = append(n.keys, key), append(n.kids, v)
}

// drop takes a name away.
func (n *node) drop(key string) {
	if i := slices.Index(n.keys, key); i >= 0 {
		n.keys, n.kids = slices.Delete(n.keys, i, i+1), slices.Delete(n.kids, i, i+1)
	}
}

// set puts v at a path (a.b[0].c) and makes what is missing on the way. An
// index one past the end adds an item.
func (n *node) set(path []string, v *node) error {
	last := len(path) == 1
	switch n.kind {
	case object:
		kid := n.get(path[0])
		if last {
			n.put(path[0], v)
			return nil
		}
		if kid == nil || kid.kind == other && kid.text == "null" {
			kid = &node{kind: object}
			if isIndex(path[1]) {
				kid.kind = array
			}
			n.put(path[0], kid)
		}
		return kid.set(path[1:], v)
	case array:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i > len(n.kids) {
			return fmt.Errorf("%q is no place in a list of %d", path[0], len(n.kids))
		}
		if i == len(n.kids) {
			n.kids = append(n.kids, &node{kind: object})
		}
		if last {
			n.kids[i] = v
			return nil
		}
		return n.kids[i].set(path[1:], v)
	}
	return fmt.Errorf("%q is inside a value that is neither object nor list", path[0])
}

func isIndex(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// splitPath cuts a.b[0].c into its steps. A name with a dot or a bracket is
// written in quotes: a."b.c".
func splitPath(path string) ([]string, error) {
	var steps []string
	for rest := path; rest != ""; {
		switch {
		case rest[0] == '"':
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("path %q: unmatched quote", path)
			}
			name, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", path, err)
			}
			steps, rest = append(steps, name), rest[len(quoted):]
		case rest[0] == '[':
			index, after, ok := strings.Cut(rest[1:], "]")
			if !ok || !isIndex(index) {
				return nil, fmt.Errorf("path %q: an index is written [0]", path)
			}
			steps, rest = append(steps, index), after
		default:
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, fmt.Errorf("path %q: a name is missing", path)
			}
			steps, rest = append(steps, rest[:end]), rest[end:]
		}
		if after, ok := strings.CutPrefix(rest, "."); ok {
			if after == "" {
				return nil, fmt.Errorf("path %q ends in a dot", path)
			}
			rest = after
		}
	}
	if len(steps) == 0 {
		return nil, errors.New("the path is empty")
	}
	return steps, nil
}

// clone is a deep copy.
func (n *node) clone() *node {
	c := *n
	c.keys = slices.Clone(n.keys)
	c.kids = make([]*node, len(n.kids))
	for i, k := range n.kids {
		c.kids[i] = k.clone()
	}
	return &c
}
