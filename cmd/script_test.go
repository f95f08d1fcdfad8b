package cmd

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be hook: scripts run it as a command, so that
// -race and coverage see what they do.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hook": func() { os.Exit(Main()) },
		"app":  app,
	})
}

// TestScript types what a user types: cmd/testdata/script/VERB-topic.txtar.
// -update writes what cmp finds different.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("USERPROFILE", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
			e.Setenv("NO_COLOR", "1")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // or every command would wait a second under -race
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":  await,
			"post":   post,
			"code":   code,
			"absent": absent,
			"setenv": setenv,
		},
	})
}

// app is an application under test: it writes its address to a file, answers
// every request with a status, and prints a line for each. It ends with the
// script, or in peace at an interrupt: "exec app FILE STATUS &app&".
func app() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(ln.Addr().String()+"\n"), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status, _ := strconv.Atoi(os.Args[2])
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	go func() {
		<-stop
		os.Exit(0)
	}()
	http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(status)
		fmt.Printf("%s %s %s\n", r.Method, r.URL, body)
	}))
}

// setenv sets a variable to the first line of a file: "setenv NAME FILE".
func setenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setenv NAME FILE")
	}
	line, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], line)
}

// absent fails when one of the texts is in a file, or in what the last command
// printed: "absent TEXT stdout stderr FILE…".
func absent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: absent TEXT FILE…")
	}
	for _, f := range args[1:] {
		if strings.Contains(ts.ReadFile(f), args[0]) {
			ts.Fatalf("%s holds what must be nowhere: %s", f, ts.ReadFile(f))
		}
	}
}

// code runs hook and compares its exit code: "code 3 verify stripe …". The
// word "hook" is left out.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: code N ARG…")
	}
	err := ts.Exec("hook", args[1:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// scriptPatience bounds a wait for something in the background.
const scriptPatience = 20 * time.Second

// await waits until a file holds a text: "await FILE TEXT".
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	for end := time.Now().Add(scriptPatience); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(b), args[1]) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%q did not come: %s", args[1], b)
		}
	}
}

// post sends a file with headers, a file of "Name: value" lines, to the URL in
// a file, and compares the status: "post STATUS URLFILE BODY [HEADERS…]".
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: post STATUS URLFILE BODY [HEADERFILE…]")
	}
	url, _, _ := strings.Cut(strings.TrimSpace(ts.ReadFile(args[1])), "\n")
	req, err := http.NewRequest("POST", url, strings.NewReader(ts.ReadFile(args[2])))
	ts.Check(err)
	for _, f := range args[3:] {
		for line := range strings.Lines(ts.ReadFile(f)) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				req.Header.Add(name, value)
			}
		}
	}
	client := &http.Client{Timeout: scriptPatience, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Logf("%s\n%s", resp.Status, body)
	if fmt.Sprint(resp.StatusCode) != args[0] {
		ts.Fatalf("status %d, want %s: %s", resp.StatusCode, args[0], body)
	}
}

