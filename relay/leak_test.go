package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// lockedBuffer takes what several write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Nothing that is secret reaches a log line, a metric or an error: no owner
// key, public id, token, body or header.
func TestSecretsStayOutOfLogs(t *testing.T) {
	log := new(lockedBuffer)
	const token = "canary-creation-token-3f1e"
	r := relaytest.Start(t, relay.Options{
		Log:    slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Tokens: relay.NewTokens("ci", token), MaxItems: 2, MaxBody: 1 << 20,
		TrustedProxies: []string{"127.0.0.1/32"},
	})
	var said lockedBuffer // all that the relay refuses with
	call := func(method, path, key, body string) string {
		req, err := http.NewRequest(method, r.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Canary", "canary-header-77aa")
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.Header.Get("Content-Type") == "application/problem+json" {
			fmt.Fprintln(&said, resp.Header, string(b))
		}
		return string(b)
	}
	var ep relay.EndpointView
	if status := r.Call(t, "POST", "/v1/endpoints", token, nil, &ep); status != 201 {
		t.Fatalf("create: %d", status)
	}
	var gone relay.EndpointView
	r.Call(t, "POST", "/v1/endpoints", token, nil, &gone)
	call("POST", "/v1/endpoints", "canary-wrong-token-90bd", "")
	call("DELETE", "/v1/endpoints/"+gone.ID, gone.OwnerKey, "")
	call("POST", "/h/"+gone.ID, "", "canary-body-51c2")
	hook := "/h/" + ep.ID + "/canary-path-d00d?q=canary-query-e11e"
	for range 4 { // two fit
		call("POST", hook, "", "canary-body-51c2")
	}
	call("POST", hook, "", strings.Repeat("canary-body-51c2", 1<<17)) // too large
	call("GET", "/v1/endpoints/"+ep.ID+"/queue", "canary-wrong-key-aa31", "")
	call("GET", "/v1/endpoints/"+ep.ID+"/queue", ep.OwnerKey, "")
	call("PATCH", "/v1/endpoints/"+ep.ID, ep.OwnerKey, `{"canary-field-7c7c":1}`)
	exchangeRaw(t, r.Addr, "POST "+hook+" HTTP/1.1\r\nHost: x\r\nX-Bad: canary-header-77aa\x01\r\n\r\n")
	exchangeRaw(t, r.Addr, "GET http://"+ep.ID+".canary-host.test/ HTTP/1.1\r\nHost: x\r\n\r\n")
	i := knock(t, r, "canary-wrong-key-aa31")
	i.attach(ep.ID, 0, 1)
	i = knock(t, r, ep.OwnerKey)
	i.attach(ep.ID, 0, 1)
	i.send(frame(0x04, str("canary-pause-1b1b")))
	i.send(noise(100))
	i.wait(0xff)
	app := startApp(t, func(n int, _ request) string {
		return answerWith(500, "canary-answer-2b2b", "X-Canary: canary-answer-header")
	})
	f := app.forwarder(t)
	settled := make(chan bool, 100)
	r.Listen(t, ep, tunnel.ClientOptions{Handler: f, Name: "canary-client", Events: func(e tunnel.Event) {
		if _, ok := e.(tunnel.Settlement); ok {
			settled <- true
		}
	}})
	<-settled
	call("POST", hook, "", "canary-body-51c2")
	r.Restart(t)
	metrics := httptest.NewRecorder()
	r.Server.Admin().ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
	for name, text := range map[string]string{"log": log.String(), "metrics": metrics.Body.String(), "refusals": said.b.String()} {
		if len(text) < 100 {
			t.Errorf("%s: only %q, so that nothing is shown", name, text)
		}
		for _, secret := range []string{ep.ID, ep.ID[:20], gone.ID, ep.OwnerKey, ep.OwnerKey[10:40], gone.OwnerKey, token, "canary-"} {
			for line := range strings.SplitSeq(text, "\n") {
				if strings.Contains(strings.ReplaceAll(line, `"client":"canary-client"`, ""), secret) {
					t.Errorf("%s holds %q: %.300s", name, secret, line)
				}
			}
		}
	}
	if n := strings.Count(metrics.Body.String(), "\n"); n > 300 {
		t.Errorf("%d lines of metrics", n)
	}
}

// countingStore counts look-ups.
type countingStore struct {
	relay.Store
	lookups atomic.Int64
}

func (s *countingStore) Lookup(ctx context.Context, id relay.Hash) (relay.Endpoint, error) {
	s.lookups.Add(1)
	return s.Store.Lookup(ctx, id)
}

// Guessing ids costs the store nothing and soon the guesser's patience.
func TestGuessesDoNotReachTheStore(t *testing.T) {
	inner := relaytest.Start(t, relay.Options{}) // for its store
	keys, err := relay.LoadKeys(t.TempDir() + "/relay.key")
	if err != nil {
		t.Fatal(err)
	}
	store := &countingStore{Store: inner.Store}
	r := relaytest.Start(t, relay.Options{Store: store, Keys: keys, TrustedProxies: []string{"127.0.0.1/32"}})
	before := store.lookups.Load()
	other, err := relay.LoadKeys(t.TempDir() + "/relay.key")
	if err != nil {
		t.Fatal(err)
	}
	answers := map[int]int{}
	bodies := map[string]bool{}
	for n := range 10_000 {
		id := other.NewID() // of the right form, with a tag of another relay
		w := httptest.NewRecorder()
		req := httptest.NewRequest("POST", "/h/"+id+"/x", nil)
		req.RemoteAddr = fmt.Sprintf("127.0.0.1:%d", 1024+n)
		req.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.Server.ServeHTTP(w, req)
		answers[w.Code]++
		if w.Code == 404 {
			bodies[w.Body.String()] = true
		}
		if w.Code == 429 && w.Header().Get("Retry-After") == "" {
			t.Fatal("429 without Retry-After")
		}
	}
	if answers[404] < 20 || answers[404] > 40 || answers[429] != 10_000-answers[404] || len(bodies) != 1 {
		t.Errorf("answers %v with %d different bodies", answers, len(bodies))
	}
	if n := store.lookups.Load() - before; n != 0 {
		t.Errorf("%d look-ups in the store", n)
	}
	// Another client is not kept out.
	w := httptest.NewRecorder()
	req := httptest.NewRequest("POST", "/h/"+other.NewID(), nil)
	req.RemoteAddr = "127.0.0.1:1"
	req.Header.Set("X-Forwarded-For", "198.51.100.7")
	if r.Server.ServeHTTP(w, req); w.Code != 404 {
		t.Errorf("another client got %d", w.Code)
	}
}

// Listeners that take nothing, or never answer, cost the others no time.
func TestSlowListenersSlowNobody(t *testing.T) {
	r := relaytest.Start(t, relay.Options{Loopback: true})
	fast := r.Create(t, relay.EndpointRequest{})
	r.Listen(t, fast, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
		return &tunnel.Result{Status: 200}, nil
	})})
	measure := func() time.Duration {
		var took []time.Duration
		for range 200 {
			began := time.Now()
			if resp, _ := post(t, fast.URL, nil); resp.StatusCode != 200 {
				t.Fatalf("got %d", resp.StatusCode)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	alone := measure()
	var senders sync.WaitGroup
	defer senders.Wait()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for n := range 10 {
		slow := r.Create(t, relay.EndpointRequest{})
		i := knock(t, r, slow.OwnerKey) // and reads no more after the welcome
		if code := i.attach(slow.ID, 0, byte(n)); code != 0 {
			t.Fatal(code)
		}
		for range 4 {
			senders.Go(func() {
				for ctx.Err() == nil {
					req, _ := http.NewRequestWithContext(ctx, "POST", slow.URL, bytes.NewReader(make([]byte, 100<<10)))
					resp, err := http.DefaultClient.Do(req)
					if err != nil {
						return
					}
					resp.Body.Close()
				}
			})
		}
	}
	beside := measure()
	t.Logf("p99 %s alone, %s beside ten that read nothing", alone, beside)
	if beside > alone+2*time.Second { // it does not wait for them; the rest is this machine
		t.Errorf("p99 %s alone, %s beside ten that read nothing", alone, beside)
	}
}
