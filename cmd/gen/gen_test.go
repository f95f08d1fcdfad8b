package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/cmd"
)

func TestCheckedInFilesAreThoseGenerated(t *testing.T) {
	files, err := checkedIn()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
			t.Errorf("%s is not what is generated: \"make gen\" writes it", name)
		}
	}
}

// A provider that goes takes its page along.
func TestEveryPageHasItsProvider(t *testing.T) {
	files, err := checkedIn()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "providers", "*"))
	if err != nil || len(pages) < 100 {
		t.Fatal(len(pages), err)
	}
	for _, page := range pages {
		if files["docs/providers/"+filepath.Base(page)] == nil {
			t.Errorf("%s is of no provider: delete it", page)
		}
	}
}

// each calls fn with every command that people see, and every topic.
func each(c *cobra.Command, fn func(*cobra.Command)) {
	fn(c)
	for _, sub := range described(c) {
		each(sub, fn)
	}
}

func TestCommandsAreDescribed(t *testing.T) {
	placeholder := regexp.MustCompile(`<[a-z_-]+>`)
	each(cmd.Tree(), func(c *cobra.Command) {
		name := c.CommandPath()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || strings.Contains(c.Short, "\n") {
			t.Errorf("%s: short text %q is not one sentence without its full stop", name, c.Short)
		}
		if placeholder.MatchString(c.Use) {
			t.Errorf("%s: placeholders are in capitals: %q", name, c.Use)
		}
		if section(c) == "7" {
			if c.Long == "" {
				t.Errorf("%s: a topic without a text", name)
			}
			return
		}
		if !c.HasParent() {
			return // its text has the examples
		}
		if c.Example == "" {
			t.Errorf("%s: no example", name)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: the example %q is not indented by two", name, line)
			}
		}
	})
}

// TestExamplesParse types the examples: each names a command and flags that
// are there.
func TestExamplesParse(t *testing.T) {
	each(cmd.Tree(), func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			for _, part := range strings.FieldsFunc(line, func(r rune) bool { return r == '|' || r == ';' }) {
				words := strings.Fields(strings.TrimSpace(part))
				if len(words) == 0 || words[0] != "hook" {
					continue
				}
				root := cmd.Tree()
				found, rest, err := root.Find(words[1:])
				if err != nil || found == root {
					t.Errorf("%s: %q: no such command", c.CommandPath(), part)
					continue
				}
				for _, w := range rest {
					if w == "--" {
						break
					}
					name, ok := strings.CutPrefix(w, "--")
					if name, _, _ = strings.Cut(name, "="); ok && found.Flags().Lookup(name) == nil && name != "help" {
						t.Errorf("%s: %q: no flag --%s", c.CommandPath(), part, name)
					}
				}
			}
		}
	})
}

func TestManPages(t *testing.T) {
	pages := manPages(cmd.Tree(), time.Unix(1_800_000_000, 0).UTC())
	each(cmd.Tree(), func(c *cobra.Command) {
		if pages[manName(c)+"."+section(c)] == nil {
			t.Errorf("%s has no page", c.CommandPath())
		}
	})
	for name, page := range pages {
		for _, want := range []string{".TH ", ".SH \"NAME\"", ".SH \"DESCRIPTION\""} {
			if !bytes.Contains(page, []byte(want)) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
		if bytes.Contains(page, []byte("\n\n")) {
			t.Errorf("%s has an empty line", name)
		}
	}
	sign := string(pages["hook-sign.1"])
	for _, want := range []string{`hook sign PROVIDER [FILE]`, `\fB\-\-secret\fR`, `.SH "EXAMPLES"`, "2027-01-15"} {
		if !strings.Contains(sign, want) {
			t.Errorf("hook-sign.1 lacks %q:\n%s", want, sign)
		}
	}
	queries := string(pages["hook-queries.7"])
	if want := `  status:>=500  status:5xx     > >= < <= = on numbers`; !strings.Contains(queries, want) {
		t.Errorf("hook-queries.7 lacks %q:\n%s", want, queries)
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		".TH evil": `\&.TH evil`, `a\b`: `a\eb`, "'x'": `\(aqx\(aq`, "--a": `\-\-a`, "event:*": "event:*", "<X>": "<X>",
	} {
		if got := escape(in); got != want {
			t.Errorf("escape(%q) = %q, want %q", in, got, want)
		}
	}
}
