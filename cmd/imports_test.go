package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/hookrelay/hook/"

// arrows is the law on who may import whom (docs/adr/0003): our packages by
// their path, others by the beginning of theirs. The standard library is
// always allowed. A new entry costs a line in an ADR.
var arrows = map[string][]string{
	"inspect/safetext": {},
	"inspect/query":    {},
	"signer":           {"golang.org/x/crypto/"},
	"signer/payloads":  {module + "signer"},
	"signer/fetch":     {module + "signer", "golang.org/x/sync/"},
	"tunnel":           {module + "inspect/safetext", "github.com/coder/websocket"},
	"relay":            {module + "tunnel", module + "inspect/safetext", "golang.org/x/time/rate", "golang.org/x/sync/"},
	"relay/bolt":       {module + "relay", module + "tunnel", "go.etcd.io/bbolt", "golang.org/x/sys/"},
	"relay/relaytest":  {module + "relay", module + "relay/bolt", module + "tunnel"},
	"relay/storetest":  {module + "relay", module + "tunnel", "github.com/google/go-cmp/"},
	"inspect": {module + "tunnel", module + "signer", module + "inspect/query", module + "inspect/safetext",
		"github.com/fatih/color"},
	"inspect/tui": {module + "inspect", module + "inspect/query", module + "inspect/safetext", module + "tunnel", module + "signer",
		"charm.land/", "github.com/charmbracelet/x/ansi", "github.com/charmbracelet/colorprofile"},
	"cmd/stage": {module + "tunnel", module + "signer", module + "inspect", module + "inspect/query", module + "inspect/safetext"},
	"cmd/hook":  {module + "cmd"},
	"cmd/gen":   {module + "cmd", module + "signer", "github.com/spf13/"},
	"cmd":       {module, "github.com/spf13/", "github.com/fatih/color", "github.com/mattn/go-isatty", "github.com/zalando/go-keyring", "go.yaml.in/yaml/v3", "golang.org/x/sys/", "golang.org/x/term"},
}

// only says which outside package belongs to one of ours alone.
var only = map[string]string{
	"go.etcd.io/bbolt":           "relay/bolt",
	"github.com/coder/websocket": "tunnel",
	"charm.land/":                "inspect/tui",
	"github.com/spf13/":          "cmd",
}

func TestImportArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Standard", "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		if len(p.Imports) == 0 { // only tests
			continue
		}
		seen++
		allowed, ok := arrows[name]
		if !ok {
			t.Errorf("package %s has no line in the table", name)
		}
		for _, imp := range p.Imports {
			if !strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
				continue // standard library
			}
			if !slices.ContainsFunc(allowed, func(a string) bool {
				return imp == a || strings.HasSuffix(a, "/") && strings.HasPrefix(imp, a) || !strings.HasPrefix(imp, module) && strings.HasPrefix(imp, a+"/")
			}) {
				t.Errorf("%s must not import %s", name, imp)
			}
			for lib, owner := range only {
				if (imp == lib || strings.HasPrefix(imp, strings.TrimSuffix(lib, "/")+"/")) && name != owner && name != owner+"/gen" {
					t.Errorf("only %s may import %s, and %s does", owner, lib, name)
				}
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d packages were looked at", seen)
	}
	for name := range arrows {
		if name != path.Clean(name) {
			t.Errorf("bad entry %q", name)
		}
	}
}

// One call of reflect.Value.MethodByName, or of text/template, which makes
// one, and the linker keeps every exported method of the whole program: 2.4 MB
// of it (docs/adr/0009).
func TestNothingLooksUpMethodsByName(t *testing.T) {
	out, err := exec.Command("go", "build", "-ldflags=-dumpdep", "-o", t.TempDir(), "./hook").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("main.main -> ")) {
		t.Fatalf("the linker told nothing:\n%.300s", out)
	}
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte("<ReflectMethod>")) {
			t.Errorf("%s", line)
		}
	}
}
