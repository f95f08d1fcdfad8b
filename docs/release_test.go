package docs_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// TestWorkflowsTakeActionsByHash: a tag can be moved by whoever owns it.
func TestWorkflowsTakeActionsByHash(t *testing.T) {
	uses := regexp.MustCompile(`uses: *(\S+)(.*)`)
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40}$`)
	version := regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`)
	names, err := fs.Glob(root, ".github/workflows/*.yml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text := read(t, name)
		if !strings.Contains(text, "\npermissions:\n  contents: read\n") {
			t.Errorf("%s: the token may do more than read", name)
		}
		for _, m := range uses.FindAllStringSubmatch(text, -1) {
			if !pinned.MatchString(m[1]) || !version.MatchString(m[2]) {
				t.Errorf("%s: %s is not a commit with its version behind it", name, m[0])
			}
		}
		for _, m := range regexp.MustCompile(`go (?:install|run) \S+@(\S+)`).FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(version.FindString(" # "+m[1]), " # v") || !strings.Contains(read(t, "docs/releasing.md"), m[0]) {
				t.Errorf("%s: %q is not the version of docs/releasing.md", name, m[0])
			}
		}
		for _, m := range regexp.MustCompile(`run: (?:bash (\S+)|make (\w+))\n`).FindAllStringSubmatch(text, -1) {
			if m[1] != "" && !exists(m[1]) {
				t.Errorf("%s: %s is not there", name, m[1])
			}
			if m[2] != "" && !strings.Contains(read(t, "Makefile"), "\n"+m[2]+":") {
				t.Errorf("%s: the Makefile has no %s", name, m[2])
			}
		}
	}
}

// TestReleaseFilesExist checks what the release and the formula pack.
func TestReleaseFilesExist(t *testing.T) {
	packed := regexp.MustCompile(`(?:src: |: |")((?:completions|deploy)/[\w.-]+|LICENSE|README\.md|CHANGELOG\.md)\b`)
	for _, name := range []string{".goreleaser.yaml", "docs/homebrew/hook.rb"} {
		found := packed.FindAllStringSubmatch(read(t, name), -1)
		if len(found) < 3 {
			t.Errorf("%s: %d files found", name, len(found))
		}
		for _, m := range found {
			if !exists(m[1]) {
				t.Errorf("%s: %s is not there", name, m[1])
			}
		}
	}
	module, _, _ := strings.Cut(strings.TrimPrefix(read(t, "go.mod"), "module "), "\n")
	owner := regexp.MustCompile(`OWNER=(\S+)`).FindStringSubmatch(read(t, ".goreleaser.yaml"))
	if owner == nil || !strings.HasPrefix(module, "github.com/"+owner[1]+"/") {
		t.Errorf("the owner %q of the release is not that of the module %s", owner, module)
	}
	for _, name := range []string{".goreleaser.yaml", "docs/homebrew/hook.rb", "deploy/Containerfile"} {
		if !strings.Contains(read(t, name), "-X "+module+"/cmd.version=") {
			t.Errorf("%s does not stamp the version", name)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := fs.ReadFile(root, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
