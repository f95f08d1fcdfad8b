package cmd

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/tunnel"
)

// A target among several that stays down is tried every two seconds. That is
// said once and written once, and what comes after it is seen again.
func TestATargetThatStaysDownFillsNothing(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	env := &Env{Err: io.Discard, Getenv: func(name string) string { return map[string]string{"HOOK_STATE_DIR": state}[name] }}
	rec, err := record(env, nil, func(text string) { t.Error(text) })
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	lines := inspect.NewLines(&out, false)
	f := newFlows(lines, rec.Recorder, "", "http://localhost:1")
	d := &tunnel.Delivery{ID: tunnel.NewID(time.Now()), Attempt: 1, Method: "POST", Target: "/b", URL: "http://x/b", Body: []byte(strings.Repeat("x", 1000))}
	down := &tunnel.Failure{Kind: tunnel.Refused, Detail: "nothing listens there"}
	try := func(r *tunnel.Result, err error) {
		f.Begin(d)
		f.mu.Lock()
		f.routed[d.ID] = "http://localhost:2"
		f.mu.Unlock()
		f.End(d, r, err, time.Millisecond)
	}
	const tries = 500
	for i := range tries {
		if i == 1 {
			d.Seq = 7 // it was passed on live, and is queued now
		}
		try(nil, down)
		f.tunnelEvent(tunnel.Settlement{ID: d.ID, Attempt: 1, Fate: tunnel.Forgotten})
	}
	if n := strings.Count(out.String(), "\n"); n != 2 || strings.Count(out.String(), "waits at the relay") != 1 {
		t.Errorf("%d lines:\n%.1000s", n, out.String())
	}
	out.Reset()
	try(&tunnel.Result{Status: 200}, nil)
	f.tunnelEvent(tunnel.Settlement{ID: d.ID, Attempt: 1, Fate: tunnel.Completed})
	d.Attempt = 2 // as after hook queue retry
	try(nil, down)
	if got := out.String(); !strings.Contains(got, "POST /b 200") || !strings.Contains(got, "nothing listens there") || !strings.Contains(got, "waits at the relay") {
		t.Errorf("what came after it:\n%s", got)
	}
	if f.counted.Unreachable != tries+1 {
		t.Errorf("%d were counted", f.counted.Unreachable)
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}

	h, err := openHistory(env)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if stats, err := h.Stats(); err != nil || stats.Bytes > 20_000 {
		t.Errorf("the history has %d bytes, %v", stats.Bytes, err)
	}
	if _, err := h.Refresh(); err != nil {
		t.Fatal(err)
	}
	flow, err := h.Find(d.ID.String())
	if err != nil || len(flow.Attempts) != 2 {
		t.Fatalf("%+v, %v", flow, err)
	}
	if flow.Delivery.Seq != 7 {
		t.Errorf("its place in the queue is %d", flow.Delivery.Seq)
	}
	if a := flow.Attempts[0]; a.Result == nil || a.Result.Status != 200 || a.Settled == nil || a.Settled.Fate != "completed" {
		t.Errorf("the first attempt: %+v", a)
	}
	if a := flow.Attempts[1]; a.Failure == nil {
		t.Errorf("the second attempt: %+v", a)
	}
}

// An application that breaks off without ever having answered may want TLS.
// That is said once, and not of one that has answered.
func TestATargetThatNeverAnswered(t *testing.T) {
	var out strings.Builder
	f := newFlows(inspect.NewLines(&out, false), nil, "", "http://localhost:3000")
	try := func(r *tunnel.Result, err error) string {
		out.Reset()
		d := &tunnel.Delivery{ID: tunnel.NewID(time.Now()), Attempt: 1, Method: "POST", Target: "/", URL: "http://x/"}
		f.Begin(d)
		f.End(d, r, err, time.Millisecond)
		return out.String()
	}
	broken := &tunnel.Failure{Kind: tunnel.Reset, Detail: "the application closed it before it answered"}
	if got := try(nil, broken); !strings.Contains(got, "\"hook doctor http://localhost:3000\"") {
		t.Errorf("the first: %s", got)
	}
	if got := try(nil, broken); strings.Contains(got, "doctor") {
		t.Errorf("the second: %s", got)
	}
	f = newFlows(inspect.NewLines(&out, false), nil, "", "http://localhost:3000")
	try(&tunnel.Result{Status: 200, By: tunnel.ByApplication}, nil)
	if got := try(nil, broken); strings.Contains(got, "doctor") {
		t.Errorf("after an answer: %s", got)
	}
}
