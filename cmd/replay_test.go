package cmd

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// What the inspector sends again carries the verdict that the application's
// own check gives now: a signature that was valid when it came is stale.
func TestReplaysAreJudgedAsOfNow(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer app.Close()
	dir := t.TempDir()
	env := &Env{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Dir: dir, Keychain: &memoryKeychain{}, Getenv: func(name string) string {
		switch name {
		case "HOOK_STATE_DIR":
			return dir + "/state"
		case "STRIPE_SECRET":
			return "whsec_example"
		}
		return ""
	}}
	keys, err := env.secrets(t.Context(), []string{"env:STRIPE_SECRET"})
	if err != nil {
		t.Fatal(err)
	}
	row, err := findTarget("stripe", "")
	if err != nil {
		t.Fatal(err)
	}
	came := time.Now().Add(-time.Hour)
	req := &signer.Request{Method: "POST", URL: "https://hooks.example/h/x/stripe", Header: http.Header{}, Body: []byte(`{"id":"evt_1","type":"invoice.paid"}`)}
	signed, req, err := signRequest(row.schemes[0], req, keys, signer.SignOptions{At: came})
	if err != nil {
		t.Fatal(err)
	}
	req = signed.Apply(req)
	f := inspect.NewFlow(&tunnel.Delivery{
		ID: tunnel.NewID(came), ReceivedAt: came, Method: "POST", Target: "/stripe", URL: req.URL, Host: "hooks.example",
		Header: tunnel.FromHTTP(req.Header), Body: req.Body,
	}, came)
	f.Provider = "stripe"

	o := &listenOptions{forward: app.URL}
	o.signing.secrets = []string{"env:STRIPE_SECRET"}
	judge := stage.NewJudge(stage.JudgeOptions{Provider: "stripe", Schemes: row.schemes, Keys: keys})
	h, err := openHistory(env)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, c := range []struct {
		resign bool
		state  signer.Status
	}{{false, signer.Stale}, {true, signer.Valid}} {
		var got *inspect.Flow
		r := &replayer{env: env, o: &replayOptions{listenOptions: *o, resign: c.resign, secrets: o.signing.secrets}, history: h, judge: judge,
			sink: sinkFunc(func(e inspect.Event) {
				if e, ok := e.(inspect.End); ok {
					got = e.Flow
				}
			})}
		again, err := r.again(context.Background(), f, req.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.send(t.Context(), o, again); err != nil {
			t.Fatal(err)
		}
		if got == nil || got.Status() != 200 || got.Verdict.State != string(c.state) {
			t.Errorf("signed anew %v: %+v, want %s", c.resign, got, c.state)
		}
		if !c.resign && !strings.Contains(got.Verdict.Diagnosis, "stale by 3600 s") {
			t.Errorf("it does not say how old: %+v", got.Verdict)
		}
	}
}

type sinkFunc func(inspect.Event)

func (f sinkFunc) Event(e inspect.Event) { f(e) }
