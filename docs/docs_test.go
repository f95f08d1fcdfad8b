// Package docs_test checks what the pages of this folder say about files,
// tests and each other.
package docs_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// root is the repository.
var root = os.DirFS("..")

// pages are all Markdown files that are checked, by their path.
func pages(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := fs.Glob(root, "*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		more, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, more...)
	}
	list := make(map[string][]byte)
	for _, name := range names {
		data, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		list[name] = data
	}
	return list
}

var fences = regexp.MustCompile("(?ms)^```.*?^```$")

// headings are the anchors of a page, as GitHub makes them.
func headings(page []byte) map[string]bool {
	anchors := make(map[string]bool)
	for _, line := range bytes.Split(fences.ReplaceAll(page, nil), []byte("\n")) {
		text, ok := bytes.CutPrefix(bytes.TrimLeft(line, "#"), []byte(" "))
		if !ok || !bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		var b strings.Builder
		for _, r := range strings.ToLower(string(text)) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f && r != '…' && r != '·':
				b.WriteRune(r)
			}
		}
		anchors[b.String()] = true
	}
	return anchors
}

func exists(name string) bool {
	_, err := fs.Stat(root, name)
	return err == nil
}

func TestLinksResolve(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^()\s]+)\)`)
	all := pages(t)
	for name, page := range all {
		for _, m := range link.FindAllSubmatch(fences.ReplaceAll(page, nil), -1) {
			target, anchor, _ := strings.Cut(string(m[1]), "#")
			if strings.Contains(target, ":") { // elsewhere
				continue
			}
			to := name
			if target != "" {
				to = path.Join(path.Dir(name), target)
			}
			if !exists(to) {
				t.Errorf("%s: %s is not there", name, m[1])
				continue
			}
			if anchor != "" && strings.HasSuffix(to, ".md") && !headings(all[to])[anchor] {
				t.Errorf("%s: %s has no heading #%s", name, to, anchor)
			}
		}
	}
}

// TestProxyFilesAreShown: what the page shows is what is tested.
func TestProxyFilesAreShown(t *testing.T) {
	page := pages(t)["docs/running-a-relay.md"]
	for _, name := range []string{"deploy/nginx.conf", "deploy/Caddyfile"} {
		if !bytes.Contains(page, []byte("\n"+read(t, name)+"```\n")) {
			t.Errorf("docs/running-a-relay.md does not show %s as it is", name)
		}
	}
}

func TestNamedFilesExist(t *testing.T) {
	file := regexp.MustCompile("`((?:cmd|docs|inspect|relay|signer|tunnel|deploy|completions)/[A-Za-z0-9_./-]*)`")
	for name, page := range pages(t) {
		for _, m := range file.FindAllSubmatch(page, -1) {
			if p := strings.TrimSuffix(string(m[1]), "/"); !exists(p) {
				t.Errorf("%s: %s is not there", name, p)
			}
		}
	}
}

// TestLayoutNamesFunctions checks the tables "file, function, what happens".
func TestLayoutNamesFunctions(t *testing.T) {
	page := pages(t)["docs/layout.md"]
	row := regexp.MustCompile("(?m)^\\| `([^`]+\\.go)` \\| (`[^|]+`) \\|")
	rows := row.FindAllSubmatch(page, -1)
	if len(rows) < 30 {
		t.Fatalf("%d rows found", len(rows))
	}
	for _, m := range rows {
		code, err := fs.ReadFile(root, string(m[1]))
		if err != nil {
			t.Errorf("docs/layout.md: %v", err)
			continue
		}
		for _, fn := range regexp.MustCompile("`([^`]+)`").FindAllSubmatch(m[2], -1) {
			decl := regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + regexp.QuoteMeta(string(fn[1])) + `\(`)
			if !decl.Match(code) {
				t.Errorf("docs/layout.md: %s has no function %s", m[1], fn[1])
			}
		}
	}
}

// TestNamedTestsExist checks names such as `TestPowerCut`, and the names of the
// store's tests in quotation marks.
func TestNamedTestsExist(t *testing.T) {
	have := make(map[string]bool)
	decl := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		code, err := fs.ReadFile(root, name)
		for _, m := range decl.FindAllSubmatch(code, -1) {
			have[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`")
	all := pages(t)
	for name, page := range all {
		for _, m := range named.FindAllSubmatch(page, -1) {
			if fn := string(m[1]); fn != "TestStore" && !have[fn] {
				t.Errorf("%s: there is no %s", name, fn)
			}
		}
	}
	storetest, err := fs.ReadFile(root, "relay/storetest/storetest.go")
	if err != nil {
		t.Fatal(err)
	}
	proofs := strings.Split(string(all["docs/promises.md"]), "- *Proof.*")[1:]
	for _, proof := range proofs {
		proof, _, _ = strings.Cut(proof, "\n\n")
		for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(strings.Join(strings.Fields(proof), " "), -1) {
			if !bytes.Contains(storetest, []byte(`{"`+m[1]+`", `)) {
				t.Errorf("docs/promises.md: the store's tests have no %q", m[1])
			}
		}
	}
	if len(proofs) == 0 {
		t.Error("docs/promises.md has no proofs")
	}
}
