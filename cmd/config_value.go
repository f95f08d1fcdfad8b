package cmd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hookrelay/hook/signer"
)

// value reads what a key holds; nil where it cannot.
func (r *configReader) value(row *setting, key, n *yaml.Node) *configValue {
	v := &configValue{line: key.Line, col: key.Column}
	before := len(r.errs)
	switch {
	case row.kind == kindSchemes:
		r.schemes(v, n)
	case row.kind == kindKeys:
		r.keyLists(v, n)
	case row.kind.isMap():
		r.lines(row, v, n)
	case row.kind.list() && n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			r.text(row, v, item)
		}
	default:
		r.text(row, v, n)
	}
	if len(r.errs) > before {
		return nil
	}
	return v
}

// text reads one value.
func (r *configReader) text(row *setting, v *configValue, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		want := "one value"
		if row.kind.list() {
			want = "a list"
		}
		r.at(n, "give it "+want+", or leave the key out", "%s: expected %s, not %s", row.path, want, shape(n))
		return
	}
	r.checked(row, n, n.Value)
	v.texts = append(v.texts, n.Value)
}

// checked reports what is wrong with a value; a text that may be a secret is
// not repeated.
func (r *configReader) checked(row *setting, n *yaml.Node, text string) {
	err := row.check(text, r.known)
	var w *wrong
	switch {
	case err == nil:
	case errors.As(err, &w) && w.hide:
		r.at(n, w.hint, "%s: %s", row.path, w.what)
	case errors.As(err, &w) && strings.Contains(w.what, strconv.Quote(text)) && len(text) < maxShown:
		r.at(n, w.hint, "%s: %s", row.path, w.what)
	case errors.As(err, &w):
		r.at(n, w.hint, "%s: %q: %s", row.path, short(text), cut(w.what))
	default:
		r.at(n, "", "%s: %q: %v", row.path, short(text), err)
	}
}

// lines reads names with values: headers as "Name: value", params as NAME=VALUE.
func (r *configReader) lines(row *setting, v *configValue, n *yaml.Node) {
	join := ": "
	if row.kind == kindParams {
		join = "="
	}
	r.pairs(n, row.path, func(key, value *yaml.Node) {
		items := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			items = value.Content
		}
		for _, item := range items {
			text := item.Value
			switch {
			case item.Kind != yaml.ScalarNode:
				r.at(item, "give it one value a name", "%s: expected a value for %q, not %s", row.path, short(key.Value), shape(item))
				continue
			case item.Tag == "!!null" && row.kind == kindHeaders:
				text = ""
			case item.Tag == "!!null" || row.kind == kindParams && (key.Value == "" || strings.Contains(key.Value, "=")):
				r.at(item, "write NAME: VALUE", "%s: %q has no good name or value", row.path, short(key.Value))
				continue
			}
			if row.kind == kindHeaders && strings.Contains(key.Value, ":") {
				r.at(key, "leave the colon out of the name", "%s: %q is no name of a header", row.path, short(key.Value))
				continue
			}
			line := strings.TrimRight(key.Value+join+text, " ")
			r.checked(row, item, line)
			v.texts = append(v.texts, line)
		}
	})
}

// keyLists reads key bindings; what they mean is the inspector's business.
func (r *configReader) keyLists(v *configValue, n *yaml.Node) {
	v.keys = map[string][]string{}
	r.pairs(n, "keys", func(key, value *yaml.Node) {
		items := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			items = value.Content
		}
		list := []string{}
		for _, item := range items {
			if item.Kind != yaml.ScalarNode || item.Value == "" {
				r.at(item, "write it like replay: [r, ctrl+r]", "keys: expected a key for %q, not %s", short(key.Value), shape(item))
				return
			}
			list = append(list, item.Value)
		}
		v.keys[key.Value] = list
		v.texts = append(v.texts, key.Value+"="+strings.Join(list, " "))
	})
}

var unknownField = pattern(`unknown field "([^"]*)"`)

// schemes reads own schemes: the shape is that of the providers' rows.
func (r *configReader) schemes(v *configValue, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		r.at(n, "write a list: - id: mine", "schemes: expected a list, not %s", shape(n))
		return
	}
	ids := map[string]bool{}
	for _, item := range n.Content {
		data, err := plainData(item)
		if err != nil {
			r.at(item, "\"hook providers show PROVIDER --json\" prints one to begin with", "schemes: %v", err)
			continue
		}
		text, err := json.Marshal(data)
		var s *signer.Scheme
		if err == nil {
			s, err = signer.ParseScheme(text)
		}
		if err != nil {
			at := item
			if m := unknownField().FindStringSubmatch(err.Error()); m != nil {
				at = cmp.Or(findKey(item, m[1]), item)
			}
			r.at(at, "\"hook providers show PROVIDER --json\" prints one to begin with", "schemes: %v", err)
			continue
		}
		if _, err := findTarget(s.ID, ""); err == nil || s.ID == autoProvider || s.ID == "off" || ids[s.ID] {
			r.at(item, "give it an id of its own", "schemes: the id %q is taken", short(s.ID))
			continue
		}
		ids[s.ID] = true
		v.schemes = append(v.schemes, s)
		v.texts = append(v.texts, string(text))
	}
}

// plainData is a node as JSON has it. Its depth was bounded before.
func plainData(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, twice := m[key.Value]; twice || key.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("the key %q is given twice, or is none", short(key.Value))
			}
			value, err := plainData(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key.Value] = value
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			value, err := plainData(c)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	switch n.Tag {
	case "!!null", "!!bool", "!!int":
		var v any
		err := n.Decode(&v)
		return v, err
	}
	return n.Value, nil
}

// findKey is the first key of that name below n, nil for none.
func findKey(n *yaml.Node, name string) *yaml.Node {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if c.Value == name {
				return c
			}
		} else if found := findKey(c, name); found != nil {
			return found
		}
	}
	return nil
}
