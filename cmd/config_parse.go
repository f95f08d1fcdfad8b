package cmd

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hookrelay/hook/signer"
)

// Bounds of a settings file: far above what anybody writes, and low enough for
// a stranger's file to be read without a thought.
const (
	maxSettings      = 256 << 10 // bytes
	maxSettingValue  = 4 << 10   // bytes of one value: rules are tried at every =, so that time grows with the square
	maxSettingItems  = 512       // in a list or a map
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
	if line, column := foreignByte(b); line > 0 {
		r.fail(line, column, "save it as UTF-8", "a byte here is no UTF-8")
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
		r.signer(into)
	}
}

// signer looks for who is to be verified among the providers and among the own
// schemes of the file.
func (r *configReader) signer(values map[string]*configValue) {
	v := values["verify.provider"]
	if v == nil || v.texts[0] == autoProvider || v.texts[0] == "off" {
		return
	}
	for _, section := range []map[string]*configValue{values, r.file.values} {
		if own := section["schemes"]; own != nil && slices.ContainsFunc(own.schemes, func(s *signer.Scheme) bool { return s.ID == v.texts[0] }) {
			return
		}
	}
	var f *failure
	if _, err := findTarget(v.texts[0], ""); errors.As(err, &f) {
		r.fail(v.line, v.col, cmp.Or(f.hint, "\"hook providers\" lists them"), "verify.provider: %v", err)
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
