//go:build unix

package stage_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/tunnel"
)

// script makes an executable shell script and returns its name.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "handle it.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func command(t *testing.T, o stage.ExecOptions) (tunnel.Handler, *recorder) {
	t.Helper()
	if o.Environ == nil {
		o.Environ = append(os.Environ(), "HOOK_TOKEN=secret", "HOOK_STALE=1")
	}
	e, err := stage.NewExec(o)
	if err != nil {
		t.Fatal(err)
	}
	rec := new(recorder)
	return stage.Chain(stage.NoRoute(), stage.Record(rec), e.Stage()), rec
}

func TestExecAnswers(t *testing.T) {
	for _, tt := range []struct {
		script, body string
		status       int
		out, kind    string
		note         string
	}{
		{script: "cat", body: "a\x00b\n", status: 200, out: "a\x00b\n", kind: "text/plain; charset=utf-8"},
		{script: `printf '{"a":1}'`, status: 200, out: `{"a":1}`, kind: "application/json"},
		{script: "exit 7", status: 500, note: "exec the command ended with exit status 7"},
		{script: "kill -9 $$", status: 500, note: "exec the command ended with signal: killed"},
		{script: "echo no >&2", status: 200, note: "exec no"},
		{script: "exec <&-; sleep 0", body: strings.Repeat("x", 1<<20), status: 200}, // does not read
	} {
		h, rec := command(t, stage.ExecOptions{Command: "'" + script(t, tt.script) + "'"})
		r, err := h.Handle(t.Context(), github("push", "/", tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.script, err)
			continue
		}
		if r.Status != tt.status || string(r.Body) != tt.out || r.Header.Get("Content-Type") != tt.kind || r.By != tunnel.ByExec {
			t.Errorf("%s: %d %q %v", tt.script, r.Status, r.Body, r.Header)
		}
		if got := strings.Join(rec.all(), "; "); got != tt.note {
			t.Errorf("%s: noted %q", tt.script, got)
		}
	}
}

// Whatever stands in a delivery is a value, never part of a command or the name
// of a variable.
func TestExecRunsNothingOfTheSender(t *testing.T) {
	dir := t.TempDir()
	h, _ := command(t, stage.ExecOptions{Dir: dir, Command: "'" + script(t, `echo "$#"; env | grep -a '^HOOK_' | sort`) + "' '$(touch x)' \"a b\""})
	evil := "$(touch " + filepath.Join(dir, "x") + ")"
	d := github(evil, "/"+evil+"?"+evil, evil)
	d.Method, d.Host, d.Remote, d.URL, d.Seq, d.Attempt = evil, evil, evil, evil+"\x00", 9, 3
	d.Header = append(d.Header, tunnel.Field{Name: "Ld-Preload", Value: evil}, tunnel.Field{Name: "Path", Value: evil}, tunnel.Field{Name: "X-Two", Value: "1"}, tunnel.Field{Name: "x-two", Value: "2"})
	r, err := h.Handle(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	out := string(r.Body)
	for _, want := range []string{"2\n", "HOOK_METHOD=" + evil, "HOOK_EVENT=" + evil, "HOOK_QUERY=" + evil, "HOOK_ATTEMPT=3", "HOOK_SEQ=9",
		"HOOK_DELIVERY_ID=" + d.ID.String(), "HOOK_PROVIDER=github", "HOOK_CONTENT_TYPE=application/json", `"x-two":["1","2"]`, "HOOK_HEADERS_CUT=0"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not there:\n%s", want, out)
		}
	}
	if strings.Contains(out, "secret") || strings.Contains(out, "STALE") {
		t.Errorf("what was ours is inherited:\n%s", out)
	}
	if n := strings.Count(out, "HOOK_"); n != 18 {
		t.Errorf("%d variables:\n%s", n, out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("something ran: %v %v", left, err)
	}
}

func TestExecBoundsOutputAndEnvironment(t *testing.T) {
	h, _ := command(t, stage.ExecOptions{Command: "'" + script(t, `echo "$HOOK_HEADERS_CUT" >&2; head -c 2000000 /dev/zero`) + "'"})
	d := github("push", "/", "")
	for i := range 90 {
		d.Header = append(d.Header, tunnel.Field{Name: "X-" + strconv.Itoa(i), Value: strings.Repeat("\"", 900)})
	}
	r, err := h.Handle(t.Context(), d)
	if err != nil || r.Status != 200 || !r.Omitted() || r.Size != 2000000 || len(r.Body) != 0 {
		t.Errorf("%d %d %d %v", r.Status, r.Size, len(r.Body), err)
	}
	var rec *recorder
	h, rec = command(t, stage.ExecOptions{Command: "'" + script(t, `echo "$HOOK_HEADERS_CUT" >&2`) + "'"})
	if _, err := h.Handle(t.Context(), d); err != nil || strings.Join(rec.all(), "") != "exec 1" {
		t.Errorf("%v, %q", err, rec.all())
	}
}

// The time-out ends the command and all that it has started: whoever holds the
// writing end of the pipe.
func TestExecTimeoutEndsTheGroup(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	left := make(chan error, 1)
	go func() {
		_, err := os.ReadFile(pipe) // until the last writer has ended
		left <- err
	}()
	h, _ := command(t, stage.ExecOptions{Timeout: 2 * time.Second, Command: "'" + script(t, "sleep 600 >"+pipe+" & wait") + "'"})
	_, err := h.Handle(t.Context(), github("push", "/", ""))
	if tunnel.AsFailure(err).Kind != tunnel.TimedOut {
		t.Errorf("%v", err)
	}
	select {
	case err := <-left:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("what the command had started is still there")
	}
}

func TestExecStopsWithTheListener(t *testing.T) {
	h, _ := command(t, stage.ExecOptions{Command: "sleep 600"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.Handle(ctx, github("push", "/", "")); tunnel.AsFailure(err).Kind != tunnel.Abandoned {
		t.Errorf("%v", err)
	}
}

// A command that is gone has not acted: the delivery may wait for it.
func TestExecGoneIsUnreachable(t *testing.T) {
	path := script(t, "true")
	e, err := stage.NewExec(stage.ExecOptions{Command: "'" + path + "'"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := stage.Chain(nil, e.Stage()).Handle(t.Context(), github("push", "/", "")); !tunnel.AsFailure(err).Kind.Unreachable() {
		t.Errorf("%v", err)
	}
	if e.Probe(t.Context()) == nil {
		t.Error("the probe does not notice")
	}
}

func TestExecRefusesCommands(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("planted", []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "."+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, text := range []string{"", "  ", "cat | tee x", "cat > x", "cat; true", "cat && true", "cat `true`", "'cat", `"cat`, `cat \`, "''", "no-such-command-at-all", "./gone", "planted", "cat a\x00b"} {
		if _, err := stage.NewExec(stage.ExecOptions{Command: text, Dir: t.TempDir()}); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}
