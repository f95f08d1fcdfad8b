package cmd

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
)

func TestParseRespond(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	env := &Env{Dir: dir, Getenv: func(string) string { return "" }}
	for text, want := range map[string][2]string{
		"204": {"", ""}, "200:ok": {"ok", "text/plain; charset=utf-8"}, "200:": {"", ""}, `201:{"b":2}`: {`{"b":2}`, "application/json"},
		"200@a.json": {`{"a":1}`, "application/json"}, "200:@a.json": {`{"a":1}`, "application/json"}, "200:\xff": {"\xff", "application/octet-stream"},
	} {
		r, err := parseRespond(env, text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		kind := ""
		if len(r.Header) > 0 {
			kind = r.Header[0].Value
		}
		if string(r.Body) != want[0] || kind != want[1] || r.Size != int64(len(r.Body)) {
			t.Errorf("%q: %q %q", text, r.Body, kind)
		}
	}
	for _, bad := range []string{"", "ok", "100", "600", "200ok", "200@nothing", "-1"} {
		if _, err := parseRespond(env, bad); exitCode(context.Background(), err) != exitUsage {
			t.Errorf("%q was taken", bad)
		}
	}
}

// lineWriter hands over lines as they come.
type lineWriter struct{ lines chan string }

func (l *lineWriter) Write(p []byte) (int, error) {
	l.lines <- strings.TrimSpace(string(p))
	return len(p), nil
}

// The endpoint of a wait ends with it, and lets no more in than are awaited.
func TestWaitLeavesNothingBehind(t *testing.T) {
	rt := relaytest.Start(t, relay.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	state := t.TempDir()
	out := &lineWriter{make(chan string, 16)}
	env := Env{In: strings.NewReader(""), Out: out, Err: io.Discard, Dir: t.TempDir(), Getenv: func(name string) string {
		return map[string]string{"HOOK_STATE_DIR": state}[name]
	}}
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, env, []string{"wait", "--relay", rt.URL, "--count", "2", "--respond", "202:thanks", "--body"})
	}()
	var url string
	select {
	case url = <-out.lines:
	case <-ctx.Done():
		t.Fatal("no URL")
	}
	for i := range 2 {
		resp, err := http.Post(url+"/x", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 202 || string(b) != "thanks" {
			t.Errorf("webhook %d: %d %s", i, resp.StatusCode, b)
		}
	}
	if got := <-code; got != exitDone {
		t.Errorf("exit code %d", got)
	}
	resp, err := http.Post(url, "text/plain", strings.NewReader("late"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusGone {
		t.Errorf("the endpoint answers %d afterwards", resp.StatusCode)
	}
	if files, _ := filepath.Glob(filepath.Join(state, "*", "*")); len(files) > 0 {
		t.Errorf("left behind: %q", files)
	}
}

func TestJUnitIsXML(t *testing.T) {
	o := waitOptions{count: 2, expect: []string{`body:"<&>"`}}
	w := &waiter{waiting: &waiting{o: &o}}
	path := filepath.Join(t.TempDir(), "report.xml")
	if err := w.writeJUnit(path, fail(exitTimeout, "", "0 of 2 <came> \xff"), 1500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s junitSuite
	if err := xml.Unmarshal(b, &s); err != nil || s.Tests != 2 || s.Failures != 2 || s.Time != "1.500" || len(s.Cases) != 2 || s.Cases[1].Failure.Message != "0 of 2 <came> ?" {
		t.Errorf("%v\n%s", err, b)
	}
	if err := w.writeJUnit(path, errors.New("broken"), 0); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); bytes.Count(b, []byte("<error ")) != 2 {
		t.Errorf("%s", b)
	}
}
