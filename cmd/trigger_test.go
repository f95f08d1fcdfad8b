package cmd

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/signer/payloads"
)

// testKeys are keys that fit a scheme.
func testKeys(t *testing.T, s *signer.Scheme) []signer.Key {
	t.Helper()
	if kind := keyKind(s); kind != "" {
		private, err := makeKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		return []signer.Key{{Secret: signer.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}}
	}
	secret := "whsec_dGhpcyBpcyBhIHRlc3Qgc2VjcmV0ISEhISEhISE="
	switch s.ID {
	case "adyen":
		secret = strings.Repeat("ab", 32)
	case "postmark":
		secret = "user:password"
	}
	return []signer.Key{{ID: "test", Secret: signer.Secret(secret)}}
}

// Every sample of every provider: what is sent as it is verifies, and each
// negative test that is not refused beforehand is noticed.
func TestNegativeTestsAreNoticed(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	params := map[string]string{"webhook_id": "WH-1"}
	for _, p := range payloads.Providers() {
		t.Run(p.ID, func(t *testing.T) {
			keys := map[string][]signer.Key{}
			for _, e := range p.Events {
				base := triggerOptions{provider: p.ID, event: e.Name, count: 1, seed: 3, at: at.Format(time.RFC3339)}
				for name, change := range map[string]func(*triggerOptions){
					"as it is": func(*triggerOptions) {},
					"tamper":   func(o *triggerOptions) { o.tamper = true },
					"wrong":    func(o *triggerOptions) { o.wrongSecret = true },
					"stale":    func(o *triggerOptions) { o.stale = 24 * time.Hour },
				} {
					o := base
					change(&o)
					tr, err := newTriggering(&Env{}, &o)
					if err != nil {
						if name == "as it is" {
							t.Errorf("%s: %v", e.Name, err)
						}
						continue
					}
					right := keys[tr.scheme.ID]
					if right == nil {
						right = testKeys(t, tr.scheme)
						keys[tr.scheme.ID] = right
					}
					tr.keys, tr.params = right, params
					tr.target, tr.signURL = "https://hooks.example/h/1", "https://hooks.example/h/1"
					if o.wrongSecret {
						if tr.keys, err = wrongKeys(tr.scheme, right); err != nil {
							t.Fatal(err)
						}
					}
					m, err := tr.message(0)
					if err != nil {
						t.Errorf("%s, %s: %v", e.Name, name, err)
						continue
					}
					v := signer.Verify(context.Background(), tr.scheme, m.req, right, at, signer.Options{Params: params})
					if valid := v.Status == signer.Valid; valid != (name == "as it is") {
						t.Errorf("%s, %s: %s %s", e.Name, name, v.Status, v.Reason)
					}
					if name == "tamper" && json.Valid(tr.body) && !json.Valid(m.req.Body) && strings.Contains(m.req.Header.Get("Content-Type"), "json") {
						t.Errorf("%s: the changed body is no JSON", e.Name)
					}
				}
			}
		})
	}
}

func TestParseExpect(t *testing.T) {
	for text, want := range map[string][2][]int{
		"":        {{200, 204, 299}, {199, 300, 401}},
		"401":     {{401}, {400, 200}},
		"2xx,404": {{204, 404}, {403}},
		"5XX":     {{500, 599}, {499}},
	} {
		f, err := parseExpect(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range want[0] {
			if !f(n) {
				t.Errorf("%q does not take %d", text, n)
			}
		}
		for _, n := range want[1] {
			if f(n) {
				t.Errorf("%q takes %d", text, n)
			}
		}
	}
	for _, bad := range []string{"ok", "6xx", "99", "200,", "2x"} {
		if _, err := parseExpect(bad); exitCode(context.Background(), err) != exitUsage {
			t.Errorf("%q was taken", bad)
		}
	}
}

// A target that answers with a redirect is not followed, and a slow one is
// given up: the body of a webhook goes nowhere else.
func TestTriggerFollowsNoRedirectAndWaitsNoLonger(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	release := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
			return
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer app.Close()
	defer close(release)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (code int, out string) {
		var o, e bytes.Buffer
		env := Env{In: strings.NewReader(""), Out: &o, Err: &e, Dir: t.TempDir(), Getenv: func(string) string { return "" }}
		code = Run(context.Background(), env, append([]string{"trigger", "github", "push", "--secret", "file:" + secret}, args...))
		return code, o.String() + e.String()
	}
	if code, out := run("--to", app.URL+"/moved"); code != exitFailed || elsewhere.Load() != 0 || !strings.HasPrefix(out, "307 ") {
		t.Errorf("%d %s", code, out)
	}
	if code, out := run("--to", app.URL+"/slow", "--timeout", "50ms"); code != exitFailed || !strings.Contains(out, "no answer within 50ms") {
		t.Errorf("%d %s", code, out)
	}
}

// What an application answers is foreign: it cannot drive the terminal.
func TestTriggerShowsAnswersSafely(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("\x1b]0;owned\x07")) }))
	defer app.Close()
	var o, e bytes.Buffer
	env := Env{In: strings.NewReader("secret"), Out: &o, Err: &e, Dir: t.TempDir(), Getenv: func(string) string { return "" }}
	if code := Run(context.Background(), env, []string{"trigger", "github.push", "--secret", "-", "--to", app.URL}); code != 0 {
		t.Fatalf("%d %s", code, e.String())
	}
	if strings.Contains(o.String(), "\x1b") {
		t.Errorf("%q", o.String())
	}
}
