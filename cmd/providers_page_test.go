package cmd

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

// The commands of a provider's page work: those that need no server are typed,
// of the others the flags are looked at.
func TestProviderPagesCanBeTyped(t *testing.T) {
	block := regexp.MustCompile("(?s)```sh\n(.*?)```")
	word := regexp.MustCompile(`'([^']*)'|([^\s']+)`)
	for _, p := range signer.Providers() {
		t.Run(p.ID, func(t *testing.T) {
			t.Parallel()
			var page bytes.Buffer
			if err := WriteProviderPage(&page, &p); err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(page.Bytes(), []byte("%!")) {
				t.Errorf("a broken format:\n%s", page.Bytes())
			}
			dir := t.TempDir()
			typed := 0
			vars := map[string]string{"HOOK_STATE_DIR": filepath.Join(dir, "state")}
			for _, line := range strings.Split(strings.TrimSpace(string(block.FindSubmatch(page.Bytes())[1])), "\n") {
				if strings.HasPrefix(line, "#") {
					continue
				}
				if assign, ok := strings.CutPrefix(line, "export "); ok {
					name, value, _ := strings.Cut(assign, "=")
					vars[name] = strings.Trim(value, "'")
					continue
				}
				command, file, _ := strings.Cut(line, " > ")
				if text, ok := strings.CutPrefix(command, "echo "); ok {
					writeFile(t, dir, file, []byte(strings.Trim(text, "'")+"\n"))
					continue
				}
				var args []string
				for _, m := range word.FindAllStringSubmatch(command, -1)[1:] {
					args = append(args, m[1]+m[2])
				}
				var out, errs bytes.Buffer
				env := Env{In: strings.NewReader(""), Out: &out, Err: &errs, Dir: dir, Getenv: func(name string) string { return vars[name] }}
				if args[0] == "listen" || args[0] == "trigger" && file == "" {
					c, rest, err := Tree().Find(args)
					if err == nil {
						err = c.ParseFlags(rest)
					}
					if err != nil {
						t.Errorf("%s: %v", line, err)
					}
					continue
				}
				typed++
				if code := Run(t.Context(), env, args); code != exitDone {
					t.Errorf("%s: exit code %d\n%s%s", line, code, out.String(), errs.String())
				}
				if args[0] == "verify" { // the page says how old a message may be
					want := exitRefused
					words := timeWords(p.SchemeFor(request(t, dir)))
					if strings.HasPrefix(words, "not signed") || strings.HasSuffix(words, "where it says when") {
						want = exitDone
					}
					later := append(args, "--at", strconv.FormatInt(time.Now().Add(48*time.Hour).Unix(), 10))
					if code := Run(t.Context(), env, later); code != want {
						t.Errorf("%s, two days later: exit code %d, want %d\n%s", line, code, want, page.String())
					}
				}
				if file != "" {
					writeFile(t, dir, file, out.Bytes())
				}
			}
			if typed == 0 {
				t.Error("nothing was typed")
			}
		})
	}
}

// request is the message that a page's commands have made.
func request(t *testing.T, dir string) *signer.Request {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "request.http"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &signer.Request{Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: body}
}

func writeFile(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
