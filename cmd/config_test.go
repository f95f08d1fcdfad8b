package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func noSecret(string) bool { return false }

// published compares a file of the repository with what the table makes of it.
func published(t *testing.T, name string, want []byte) {
	t.Helper()
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the table makes: run this test with UPDATE_SCRIPTS=1", name)
	}
}

func TestConfigSchemaIsPublished(t *testing.T) {
	b, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	published(t, "../docs/hook.schema.json", b)
	var out bytes.Buffer
	env := Env{Out: &out, Err: &out, Getenv: func(string) string { return "" }}
	if code := Run(t.Context(), env, []string{"config", "schema"}); code != 0 || !bytes.Equal(out.Bytes(), b) {
		t.Errorf("hook config schema: exit code %d, %d bytes", code, out.Len())
	}
}

func TestConfigTableIsDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| key | flag | variable | needs trust | |\n|---|---|---|---|---|\n")
	code := func(prefix, s string) string {
		if s == "" {
			return ""
		}
		return "`" + prefix + s + "`"
	}
	for _, s := range settings() {
		trust := ""
		if s.risk != nil {
			trust = "yes"
			if s.danger([]string{"3000"}) == "" || s.danger([]string{"path:/a=3000"}) == "" || s.danger([]string{"path:/a=200"}) == "" ||
				s.danger([]string{"false"}) == "" || s.danger([]string{"keychain:a"}) == "" || s.kind == kindSchemes {
				trust = "some"
			}
		}
		help := strings.ReplaceAll(s.help, "|", "\\|")
		if len(s.words) > 0 {
			help += ": " + strings.Join(s.words, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.path, code("--", s.flag), code("", s.env), trust, help)
	}
	b.WriteString("\n")
	const name, begin, end = "../docs/config.md", "<!-- begin: made from the table in cmd/config_table.go -->\n", "<!-- end -->"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", name)
	}
	published(t, name, []byte(before+begin+b.String()+end+after))
}

// Every row names a flag that hook listen has, with its choices, and every
// setting that can be dangerous says so.
func TestConfigTable(t *testing.T) {
	flags := newListen(&Env{}).Flags()
	paths := map[string]bool{}
	for _, s := range settings() {
		if paths[s.path] {
			t.Errorf("%s: two rows", s.path)
		}
		paths[s.path] = true
		if s.flag == "" {
			continue
		}
		f := flags.Lookup(s.flag)
		if f == nil {
			t.Errorf("%s: hook listen has no --%s", s.path, s.flag)
			continue
		}
		if s.kind == kindChoice && f.Value.Type() != strings.Join(s.words, "|") {
			t.Errorf("%s: choices %v, and --%s has %s", s.path, s.words, s.flag, f.Value.Type())
		}
	}
	for _, s := range settings() {
		for _, r := range s.rivals {
			if !paths[r] {
				t.Errorf("%s: no row %q", s.path, r)
			}
		}
	}
	for path, texts := range map[string][]string{
		"relay": {"https://a.example", "http://127.0.0.1:1"}, "exec": {"true"}, "relay_cacert": {"a"}, "cacert": {"a"}, "insecure": {"true"},
		"forward":       {"10.0.0.1", "a.example:80", "unix:/run/a.sock", "169.254.169.254", "[::ffff:10.0.0.1]:80", "localhost.evil.example"},
		"fan_out":       {"10.0.0.1"},
		"routes":        {"path:/a=10.0.0.1", "path:/a=b=http://a.example/c=d"},
		"mock":          {"200@/etc/passwd", "path:/a=200@b~1s"},
		"verify.secret": {"env:A", "file:a", "cmd:a", "name", "key:a", "keychain:", " keychain:a"},
	} {
		for _, s := range settings() {
			for _, text := range texts {
				if s.path == path && s.danger([]string{text}) == "" {
					t.Errorf("%s: %q needs no trust", path, text)
				}
			}
		}
	}
	for path, texts := range map[string][]string{
		"forward": {"3000", "localhost:3000/a", "[::1]:3000", "https://127.0.0.1", "app.localhost"}, "mock": {"path:/a=200:b@c"},
		"routes": {"path:/a=3000/x"}, "verify.secret": {"keychain:a"}, "insecure": {"false"},
	} {
		for _, s := range settings() {
			for _, text := range texts {
				if s.path == path && s.danger([]string{text}) != "" {
					t.Errorf("%s: %q needs trust", path, text)
				}
			}
		}
	}
}

func TestConfigBounds(t *testing.T) {
	for name, text := range map[string]string{
		"size":  "path: /" + strings.Repeat("a", maxSettings),
		"depth": "schemes: " + strings.Repeat("[", 200) + strings.Repeat("]", 200),
		"bomb":  "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
		"tag":   "exec: !!binary aGk=\n",
		"merge": "<<: {exec: a}\n",
		"key":   "? [a]\n: b\n",
		"value": "routes: '" + strings.Repeat("a=", maxSettingValue) + "'\n",
		"items": "filters: [" + strings.Repeat("a, ", 2*maxSettingItems+1) + "]\n",
	} {
		if _, errs := parseConfig("hook.yaml", []byte(text), noSecret); len(errs) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestConfigDurations(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, 30 * time.Second, 90 * time.Second, 20 * time.Minute, 10 * time.Hour, 72 * time.Hour, 7 * 24 * time.Hour, 1500 * time.Millisecond} {
		if got, err := parseDuration(formatDuration(d)); err != nil || got != d {
			t.Errorf("%s is shown as %q: %v, %v", d, formatDuration(d), got, err)
		}
	}
}

// Whatever a file holds: no panic, and every error has the file, a line, a
// column and what to do.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		"version: 1\nforward: 3000\n", "verify: {provider: a, secret: [env:A, keychain:b]}", "headers: {a: [b, c], d: }", "profiles: {a: {ttl: 1h}, b: }",
		"schemes: [{id: a, algorithm: hmac-sha256, signature: {from: header:X}}]", "keys: {a: [b, c]}", "a: &a b\nc: *a", "a: !!int b", "--- a\n--- b", "\t", "a: [",
		"exec: a\nforward: b", "? {a: b}\n: c", "routes: ['path:/a=3000']\nmock: [200, '500~1s']\nfilters: [a]\nevents: a", "chaos: delay=1s\ntimeout: 5", "\xff\xfe", "%YAML 9.9\n---\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, errs := parseConfig("hook.yaml", b, noSecret)
		for _, err := range errs {
			var ce *configError
			var fe *failure
			if !errors.As(err, &ce) || ce.file != "hook.yaml" || ce.line < 1 || ce.col < 1 || ce.what == "" {
				t.Errorf("no place: %v", err)
			}
			if !errors.As(err, &fe) || fe.code != exitUsage || fe.hint == "" {
				t.Errorf("no remedy: %v", err)
			}
		}
		if len(errs) > 0 {
			return
		}
		file.dangers()
		c := &configuration{project: file, projectPath: "hook.yaml"}
		flags := newListen(&Env{}).Flags()
		for _, r := range c.resolve(flags, func(string) string { return "" }) {
			if _, err := json.Marshal(c.shown(&r)); err != nil {
				t.Error(err)
			}
			if r.level == fromDefault || flags.Lookup(r.row.flag) == nil {
				continue
			}
			for _, text := range r.texts {
				if err := flags.Set(r.row.flag, text); err != nil {
					t.Errorf("a value that was taken is none of --%s: %v", r.row.flag, err)
				}
			}
		}
	})
}

// The place of a byte that an editor saved in another charset.
func TestForeignByte(t *testing.T) {
	for text, want := range map[string][2]int{
		"forward: 3000\n":                    {0, 0},
		"headers:\n  X-A: café\n":            {0, 0},
		"headers:\n  X-A: caf\xe9\n":         {2, 11},
		"headers:\n  é: \xe9\n":              {2, 6},
		"a: \ufffd\n":                        {0, 0},
		"\xff\xfea\x00:\x00 \x001\x00\n\x00": {0, 0}, // UTF-16 is read
	} {
		if line, column := foreignByte([]byte(text)); [2]int{line, column} != want {
			t.Errorf("%q: %d:%d, want %v", text, line, column, want)
		}
	}
	_, errs := parseConfig("hook.yaml", []byte("headers:\n  X-A: caf\xe9\n"), func(string) bool { return false })
	if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "hook.yaml:2:11: ") {
		t.Errorf("%v", errs)
	}
}
