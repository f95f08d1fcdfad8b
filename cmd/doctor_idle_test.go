package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// impatientProxy passes connections on to a relay and cuts one on which
// nothing was said for a while, once the relay has said welcome on it.
func impatientProxy(t *testing.T, to string, patience time.Duration) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() { ln.Close(); work.Wait() })
	work.Go(func() {
		for {
			front, err := ln.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer context.AfterFunc(t.Context(), func() { front.Close() })()
				passOn(front, to, patience)
			})
		}
	})
	return "http://" + ln.Addr().String()
}

func passOn(front net.Conn, to string, patience time.Duration) {
	defer front.Close()
	back, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer back.Close()
	var upgraded atomic.Bool
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 32<<10)
		for n, err := front.Read(buf); err == nil; n, err = front.Read(buf) {
			if bytes.Contains(buf[:n], []byte("Upgrade: websocket")) {
				upgraded.Store(true)
			}
			back.Write(buf[:n])
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 32<<10)
		for reads := 1; ; reads++ {
			if upgraded.Load() && reads > 2 { // 101, then welcome
				back.SetReadDeadline(time.Now().Add(patience))
			}
			n, err := back.Read(buf)
			if err != nil {
				return
			}
			front.Write(buf[:n])
		}
	}()
	<-done
	front.Close()
	back.Close()
	<-done
}

func TestDoctorHoldsAnIdleTunnel(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	for _, c := range []struct {
		name, relay, idle string
		status            health
		detail            string
		code              int
	}{
		{"nothing cuts it", r.URL, "1s", healthy, "lasted 1s", exitDone},
		{"a proxy cuts it", impatientProxy(t, r.Addr, 200*time.Millisecond), "60s", broken, "something on the way did", exitFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := t.TempDir() + "/hook"
			var out, talk bytes.Buffer
			env := Env{In: strings.NewReader(""), Out: &out, Err: &talk, Dir: t.TempDir(), Keychain: &memoryKeychain{}, Getenv: func(name string) string {
				if name == "HOOK_STATE_DIR" {
					return state
				}
				return ""
			}}
			code := Run(context.Background(), env, []string{"doctor", "--json", "--relay", c.relay, "--idle", c.idle})
			var report struct{ Checks []check }
			if err := json.Unmarshal(out.Bytes(), &report); err != nil {
				t.Fatalf("%v in %s", err, &out)
			}
			got := report.Checks[0]
			for _, k := range report.Checks {
				if k.Name == "idle" {
					got = k
				}
			}
			if got.Name != "idle" || got.Status != c.status || !strings.Contains(got.Detail, c.detail) || code != c.code || (got.Hint != "") != (c.status == broken) {
				t.Errorf("%d %+v", code, report.Checks)
			}
			if !strings.Contains(talk.String(), "holding an idle tunnel open for ") {
				t.Errorf("said %q", talk.String())
			}
			st, err := r.Store.Stats(t.Context())
			if err != nil || st.Endpoints != 0 {
				t.Errorf("%d endpoints are left, %v", st.Endpoints, err)
			}
		})
	}
}

func TestWhatEndedATunnel(t *testing.T) {
	for _, c := range []struct {
		err    error
		status health
		words  string
	}{
		{&tunnel.CloseError{Code: tunnel.CloseRestart}, doubtful, "the relay stops or restarts"},
		{&tunnel.CloseError{Code: tunnel.CloseGone, Reason: "deleted"}, broken, "the relay ended it: endpoint gone: deleted"},
		{&tunnel.CloseError{Code: 1001}, broken, "code 1001"},
		{tunnel.ErrDead, broken, "NAT has forgotten"},
		{fmt.Errorf("reading: %w", io.EOF), broken, "without a WebSocket close"},
		{errors.New("tls: bad record"), broken, "tls: bad record"},
	} {
		if status, what, _ := cutBy(c.err); status != c.status || !strings.Contains(what, c.words) {
			t.Errorf("%v: %s %q", c.err, status, what)
		}
	}
}
