package payloads

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A shape is what a schema or SDK type says of a value, recorded in
// testdata/shapes: the names and types of its fields, no words of it.
//
//	"s" "n" "b" "0"    string, number, boolean, null; "s,0" either; "=a|b" one of these texts
//	"o" "*"            any object; anything
//	{"a": …, "b?": …}  an object: a must be there, b may; "*": also others
//	[…, …]             a list whose items each fit one of these
//	"@1"               a shape of "defs"
type shapes struct {
	Events map[string]any
	Defs   map[string]any
}

func readShapes(t *testing.T, provider string) shapes {
	t.Helper()
	var s shapes
	raw, err := os.ReadFile(filepath.Join("testdata", "shapes", provider+".json"))
	if os.IsNotExist(err) {
		return s
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%s: %v", provider, err)
	}
	return s
}

// fits tells where n is not what the shape says.
func (s *shapes) fits(shape any, n *node, where string) error {
	switch shape := shape.(type) {
	case string:
		if def, ok := strings.CutPrefix(shape, "@"); ok {
			return s.fits(s.Defs[def], n, where)
		}
		return fitsScalar(shape, n, where)
	case []any:
		if n.kind != array {
			return fmt.Errorf("%s is no list", where)
		}
		for i, item := range n.kids {
			var last error
			if !slices.ContainsFunc(shape, func(one any) bool {
				last = s.fits(one, item, fmt.Sprintf("%s[%d]", where, i))
				return last == nil
			}) {
				return last
			}
		}
		return nil
	case map[string]any:
		return s.fitsObject(shape, n, where)
	}
	return fmt.Errorf("%s: unknown shape %v", where, shape)
}

func (s *shapes) fitsObject(shape map[string]any, n *node, where string) error {
	if n.kind != object {
		return fmt.Errorf("%s is no object", where)
	}
	for name := range shape {
		if name != "*" && !strings.HasSuffix(name, "?") && n.get(name) == nil {
			return fmt.Errorf("%s.%s is missing", where, name)
		}
	}
	for i, name := range n.keys {
		one, ok := shape[name]
		if !ok {
			one, ok = shape[name+"?"]
		}
		if !ok {
			one, ok = shape["*"]
		}
		if !ok {
			return fmt.Errorf("%s.%s is not known", where, name)
		}
		if err := s.fits(one, n.kids[i], where+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func fitsScalar(shape string, n *node, where string) error {
	is := "s"
	switch {
	case n.kind == object:
		is = "o"
	case n.kind == array:
		is = "list"
	case n.kind == other && (n.text == "true" || n.text == "false"):
		is = "b"
	case n.kind == other && n.text == "null":
		is = "0"
	case n.kind == other:
		is = "n"
	}
	for one := range strings.SplitSeq(shape, ",") {
		if one == "*" || one == is {
			return nil
		}
		if words, ok := strings.CutPrefix(one, "="); ok && is == "s" && slices.Contains(strings.Split(words, "|"), n.text) {
			return nil
		}
	}
	return fmt.Errorf("%s is %q and should be %q", where, n.text, shape)
}

// TestCheckedEventsFitTheirSource is what the word "checked" stands on.
func TestCheckedEventsFitTheirSource(t *testing.T) {
	checked := 0
	for _, p := range Providers() {
		s := readShapes(t, p.ID)
		for _, e := range p.Events {
			shape, ok := s.Events[e.Name]
			if ok != e.Checked() {
				t.Errorf("%s %s: source %q, shape there: %v", p.ID, e.Name, e.Source, ok)
				continue
			}
			if !ok {
				continue
			}
			checked++
			for seed := range uint64(3) {
				body := bodyOf(t, p.ID, e.Name, seed)
				if err := s.fits(shape, body, ""); err != nil {
					t.Errorf("%s %s: %v (%s)", p.ID, e.Name, err, e.Source)
					break
				}
			}
		}
		if len(s.Events) > len(p.Events) {
			t.Errorf("%s: shapes without an event", p.ID)
		}
	}
	if checked < 250 {
		t.Errorf("%d events are checked, 250 are promised", checked)
	}
}

// bodyOf is the body of a sample as a value; a form is an object of its
// fields, JSON in them read.
func bodyOf(t *testing.T, provider, event string, seed uint64) *node {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := Build(provider, event, Options{Seed: seed, At: at})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Header.Get("Content-Type"), "form") {
		n, err := parseNode(s.Body)
		if err != nil {
			t.Fatalf("%s %s: %v", provider, event, err)
		}
		return n
	}
	f, err := load(provider)
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerator(provider, event, seed, at)
	g.parts = f.root.get("parts")
	vars := f.root.get("vars")
	for i := range vars.size() {
		g.vars[vars.keys[i]] = vars.kids[i]
	}
	n, err := g.expand(f.events.get(event).get("form"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
