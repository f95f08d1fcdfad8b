package cmd

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

var yamlLine = pattern(`line ([0-9]+): `)

// syntax reports what is no YAML. The library says the line at best.
func (r *configReader) syntax(err error) {
	line, what := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine().FindStringSubmatch(what); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits
		what = strings.Replace(what, m[0], "", 1)
	}
	r.fail(max(line, 1), 1, "indent with spaces, put a space behind each colon, and quote texts with special characters", "this is no YAML: %s", what)
}

// foreignByte is the place of the first byte that is no UTF-8, as editors
// count; 0 for none. What begins with a mark of UTF-16 is the library's.
func foreignByte(b []byte) (line, column int) {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return 0, 0
	}
	line, column = 1, 1
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		switch {
		case c == utf8.RuneError && n < 2:
			return line, column
		case c == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		b = b[n:]
	}
	return 0, 0
}

// plain refuses what makes a file mean other than it reads: anchors, aliases,
// tags; and secrets, wherever they stand.
func (r *configReader) plain(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxSettingDepth:
		r.at(n, "no setting is nested so deeply", "more than %d levels", maxSettingDepth)
		return false
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.at(n, "write the value out; profiles hold what differs", "anchors and aliases are not read")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		r.at(n, "leave the tag out; quote what is a text", "the tag %q is not read", n.Tag)
		return false
	case len(n.Value) > maxSettingValue:
		r.at(n, "put a long answer into a file: path:/x=200@answer.json", "the value %q has more than %s", short(n.Value), formatBytes(maxSettingValue))
		return false
	case len(n.Content) > 2*maxSettingItems:
		r.at(n, "leave out what is not needed", "%s with more than %d entries", shape(n), maxSettingItems)
		return false
	case n.Kind == yaml.ScalarNode && looksSecret(n.Value):
		r.at(n, fileSecretHint, "this is a secret itself: a file holds references only")
		return false
	case n.Kind == yaml.ScalarNode && strings.ContainsRune(n.Value, 0):
		r.at(n, "leave it out", "the value %q holds a NUL", short(n.Value))
		return false
	}
	ok := true
	for _, c := range n.Content {
		ok = r.plain(c, depth+1) && ok
	}
	return ok
}

// maxShown is how much of a foreign value a message repeats.
const maxShown = 80

// short is a foreign value, cut.
func short(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "…"
	}
	return s
}

// cut bounds a message that repeats a foreign value.
func cut(s string) string {
	if len(s) > 4*maxShown {
		return s[:4*maxShown] + "…"
	}
	return s
}

// pairs walks a mapping: its keys once each.
func (r *configReader) pairs(n *yaml.Node, what string, do func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.at(n, "write one \"key: value\" a line", "%s: expected keys with values, not %s", what, shape(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.at(key, "a key is a word", "%s: %s stands where a key belongs", what, shape(key))
			continue
		}
		if first, twice := seen[key.Value]; twice {
			r.at(key, fmt.Sprintf("keep one of them; the other is in line %d", first), "the key %q is given twice", short(key.Value))
			continue
		}
		seen[key.Value] = key.Line
		do(key, value)
	}
}

func shape(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return fmt.Sprintf("%q", short(n.Value))
}
