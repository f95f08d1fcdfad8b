package cmd

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestOffersNameCommandsAndFlags finds what was renamed and left in the tables.
func TestOffersNameCommandsAndFlags(t *testing.T) {
	env := &Env{Getenv: func(string) string { return "" }}
	root := newRoot(env, "")
	seen := make(map[string]bool)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		seen[c.CommandPath()] = true
		c.Flags().VisitAll(func(f *pflag.Flag) { seen["--"+f.Name] = true })
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	for name := range argumentOffers(env) {
		if !seen[name] {
			t.Errorf("there is no command %q", name)
		}
	}
	for name := range flagOffers(env) {
		if !seen["--"+name] {
			t.Errorf("there is no flag --%s", name)
		}
	}
}

// TestSilentRelayIsNotWaitedFor asks a relay that takes the connection and
// says nothing.
func TestSilentRelayIsNotWaitedFor(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dir := t.TempDir()
	var out, errs bytes.Buffer
	env := Env{Out: &out, Err: &errs, Dir: dir, Getenv: func(name string) string {
		if name == "HOOK_STATE_DIR" {
			return filepath.Join(dir, "state")
		}
		return ""
	}}
	k := &knownEndpoint{Name: defaultEndpoint, Folder: dir, Relay: "http://" + ln.Addr().String(), ID: "x", OwnerKey: "y"}
	if err := env.remember(k); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	code := Run(t.Context(), env, []string{"__complete", "queue", "show", "--relay", k.Relay, ""})
	if took := time.Since(before); took < completionTime || took > 10*completionTime {
		t.Errorf("took %v: was the relay asked?", took)
	}
	if code != 0 || out.String() != ":36\n" {
		t.Errorf("code %d, output %q", code, out.String())
	}
}

// TestForeignTextStaysOnItsLine: a webhook's path must add no words, and say
// nothing to the terminal.
func TestForeignTextStaysOnItsLine(t *testing.T) {
	got := describe("dlv_1", "POST /a\n_activeHelp_ \x1b]0;x\x07\tb%s", strings.Repeat("x", 200))
	if strings.ContainsAny(got, "\n\x1b\x07") || strings.Count(got, "\t") != 1 || len(got) > 100 {
		t.Errorf("%q", got)
	}
}

// TestDamagedStateOffersNothing looks at files that are no endpoints.
func TestDamagedStateOffersNothing(t *testing.T) {
	dir := t.TempDir()
	env := &Env{Dir: dir, Getenv: func(name string) string {
		if name == "HOOK_STATE_DIR" {
			return dir
		}
		return ""
	}}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	k := &knownEndpoint{Name: defaultEndpoint, Folder: dir, Relay: embedded}
	damaged, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"endpoints/a.json": []byte("{"), "endpoints/" + k.place() + ".json": damaged, "history/x.jsonl": []byte("{\n")} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := queueShow(env)
	if list := append(append(env.offerFlows(c, nil, ""), env.offerQueue(c, nil, "")...), env.offerEndpoints(c, nil, "")...); len(list) != 0 {
		t.Errorf("%q", list)
	}
}
