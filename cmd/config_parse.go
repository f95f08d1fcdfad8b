package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hookrelay/hook/signer"
)

// Bounds of a settings file: far above what anybody writes, and low enough for
// a stranger's file to be read without a thought.
const (
	maxSettings      = 256 << 10 // bytes
	maxSettingErrors = 20        // shown; the rest follows from them, or waits
	maxSettingDepth  = 24
)

// configValue is what a file says about a setting.
type configValue struct {
	texts   []string // as they would be typed behind the flag
	line    int
	col     int
	profile string
	keys    map[string][]string
	schemes []*signer.Scheme
}

// configFile is a settings file: what holds always, and by profile.
type configFile struct {
	name     string // as messages show it
	values   map[string]*configValue
	profiles map[string]map[string]*configValue
}

// configError is a mistake in a settings file.
type configError struct {
	file      string
	line, col int
	what      string
}

func (e *configError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.file, e.line, e.col, e.what)
}

// configReader reads one file.
type configReader struct {
	file  *configFile
	rows  []setting
	known func(secret string) bool
	errs  []error
}

// parseConfig reads a settings file strictly. known tells the names of secrets
// that were set on this machine. All mistakes found are returned; each is a
// *failure around a *configError.
func parseConfig(name string, b []byte, known func(secret string) bool) (*configFile, []error) {
	r := &configReader{
		file: &configFile{name: name, values: map[string]*configValue{}, profiles: map[string]map[string]*configValue{}},
		rows: settings(), known: known,
	}
	if len(b) > maxSettings {
		r.fail(1, 1, "leave out what it does not need", "the file has more than %s", formatBytes(maxSettings))
		return r.file, r.errs
	}
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return r.file, nil // nothing but comments
	case err != nil:
		r.syntax(err)
		return r.file, r.errs
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			r.syntax(err)
		} else {
			r.fail(max(more.Line, 1), max(more.Column, 1), "leave out the line --- and what follows it", "a second document begins")
		}
		return r.file, r.errs
	}
	if len(doc.Content) != 1 || !r.plain(&doc, 0) {
		return r.file, r.errs
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return r.file, nil
	}
	r.top(root)
	return r.file, r.errs
}

func (r *configReader) fail(line, col int, hint, format string, args ...any) {
	if len(r.errs) < maxSettingErrors {
		r.errs = append(r.errs, usage(hint, "%w", &configError{r.file.name, line, col, fmt.Sprintf(format, args...)}))
	}
}

func (r *configReader) at(n *yaml.Node, hint, format string, args ...any) {
	r.fail(max(n.Line, 1), max(n.Column, 1), hint, format, args...)
}

var yamlLine = regexp.MustCompile(`line ([0-9]+): `)

// syntax reports what is no YAML. The library says the line at best.
func (r *configReader) syntax(err error) {
	line, what := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits
		what = strings.Replace(what, m[0], "", 1)
	}
	r.fail(max(line, 1), 1, "indent with spaces, put a space behind each colon, and quote texts with special characters", "this is no YAML: %s", what)
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

// short is a foreign value, cut.
func short(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
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

// top reads what stands in a file beside the settings.
func (r *configReader) top(root *yaml.Node) {
	var profiles *yaml.Node
	r.section(root, "", "", r.file.values, func(key, value *yaml.Node) bool {
		switch key.Value {
		case "version":
			if value.Kind != yaml.ScalarNode || value.Value != "1" {
				r.at(value, "write version: 1, or update hook", "the version is %s, and this hook reads 1", shape(value))
			}
		case "profiles":
			profiles = value
		default:
			return false
		}
		return true
	})
	if profiles == nil {
		return
	}
	r.pairs(profiles, "profiles", func(key, value *yaml.Node) {
		if !plainName(key.Value) {
			r.at(key, "use letters, digits, -, _ and .", "the profile %q has no good name", short(key.Value))
			return
		}
		values := map[string]*configValue{}
		r.file.profiles[key.Value] = values
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			return
		}
		r.section(value, "", key.Value, values, func(key, _ *yaml.Node) bool {
			if key.Value == "version" || key.Value == "profiles" {
				r.at(key, "put it at the left margin", "the key %q does not belong into a profile", key.Value)
				return true
			}
			return false
		})
	})
}

// section reads settings whose path begins with prefix. other takes keys that
// are none.
func (r *configReader) section(n *yaml.Node, prefix, profile string, into map[string]*configValue, other func(key, value *yaml.Node) bool) {
	what := "the file"
	if prefix != "" {
		what = strings.TrimSuffix(prefix, ".")
	}
	r.pairs(n, what, func(key, value *yaml.Node) {
		if other(key, value) {
			return
		}
		path := prefix + key.Value
		for i := range r.rows {
			row := &r.rows[i]
			if row.path == path {
				if v := r.value(row, key, value); v != nil {
					v.profile = profile
					into[path] = v
				}
				return
			}
			if strings.HasPrefix(row.path, path+".") && key.Value != "" {
				r.section(value, path+".", profile, into, func(_, _ *yaml.Node) bool { return false })
				return
			}
		}
		r.unknown(key, prefix)
	})
	if prefix == "" {
		r.contradictions(into)
	}
}

// contradictions are settings of one section of which only one can hold.
func (r *configReader) contradictions(values map[string]*configValue) {
	for i := range r.rows {
		row := &r.rows[i]
		v := values[row.path]
		if v == nil || row.rivalsOf != "" {
			continue
		}
		for _, rival := range row.rivals {
			if o := values[rival]; o != nil && (o.line > v.line || o.line == v.line && o.col > v.col) {
				r.fail(o.line, o.col, "keep one of them, or put one into a profile", "%q contradicts %q in line %d", rival, row.path, v.line)
			}
		}
	}
}

// unknown names the key that was probably meant.
func (r *configReader) unknown(key *yaml.Node, prefix string) {
	words := []string{}
	if prefix == "" {
		words = append(words, "version", "profiles")
	}
	hint := "\"hook config schema\" prints what there is"
	for i := range r.rows {
		row := &r.rows[i]
		rest, ok := strings.CutPrefix(row.path, prefix)
		if head, _, _ := strings.Cut(rest, "."); ok && !slices.Contains(words, head) {
			words = append(words, head)
		}
		if strings.HasSuffix(row.path, "."+key.Value) && prefix == "" {
			hint = fmt.Sprintf("put it below %q", strings.TrimSuffix(row.path, "."+key.Value)+":")
		}
		if row.flag == key.Value {
			hint = fmt.Sprintf("did you mean %q?", row.path)
		}
	}
	if best := nearest(strings.ReplaceAll(key.Value, "-", "_"), words); best != "" {
		hint = fmt.Sprintf("did you mean %q?", prefix+best)
	}
	r.at(key, hint, "there is no key %q", prefix+short(key.Value))
}
