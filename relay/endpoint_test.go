package relay_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// statusOf asks until the endpoint answers so, and fails when that takes too
// long.
func statusOf(t testing.TB, url string, want int) {
	t.Helper()
	got := 0
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		resp, err := http.Head(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got = resp.StatusCode; got == want {
			return
		}
		time.Sleep(10 * time.Millisecond) // asking again, not waiting for a moment
	}
	t.Fatalf("the endpoint answers %d, want %d", got, want)
}

func TestUsesAreExact(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{MaxItems: 3})
	ep := r.Create(t, relay.EndpointRequest{MaxUses: ptr[int64](3)})
	for _, method := range []string{"HEAD", "OPTIONS"} { // are no uses
		req, _ := http.NewRequest(method, ep.URL, nil)
		if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 202 {
			t.Fatalf("%s: %v, %v", method, resp.Status, err)
		}
	}
	ownerCall(t, r, ep, "DELETE", "/queue", nil, nil)
	var all sync.WaitGroup
	var accepted, gone atomic.Int32
	for range 50 {
		all.Go(func() {
			resp, err := http.Post(ep.URL, "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			switch resp.StatusCode {
			case 202:
				accepted.Add(1)
			case 410:
				gone.Add(1)
			default:
				t.Errorf("got %d", resp.StatusCode)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 3 || gone.Load() != 47 {
		t.Errorf("%d accepted, %d gone", accepted.Load(), gone.Load())
	}
	if v := view(t, r, ep); v.State != "closed" || v.Closed != relay.UsedUp || v.Uses != 3 || v.Queue.Pending != 3 {
		t.Errorf("view %+v", v)
	}
	r.Restart(t)
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 410 {
		t.Errorf("after a restart: %d", resp.StatusCode)
	}
	// The mailbox is open still.
	g := newGate()
	r.Listen(t, ep, tunnel.ClientOptions{Handler: g})
	for range 3 {
		if d := g.next(t); string(d.Body) != "x" {
			t.Errorf("got %q", d.Body)
		}
		g.reply <- &tunnel.Result{Status: 200}
	}
	waitDepth(t, r, ep, relay.Depth{})
}

// A use is given back when it was the relay that refused.
func TestRefusalsGiveTheUseBack(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{MaxItems: 1, MaxBody: 1000})
	req := policy(relay.PolicyRequest{Respond: ptr(relay.Live)})
	req.MaxUses = ptr[int64](2)
	ep := r.Create(t, req)
	for range 5 {
		if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 503 { // nobody listens
			t.Errorf("got %d", resp.StatusCode)
		}
	}
	if resp, _ := post(t, ep.URL, noise(1001)); resp.StatusCode != 413 {
		t.Errorf("too large: %d", resp.StatusCode)
	}
	ownerCall(t, r, ep, "POST", "/stop", nil, nil)
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 503 {
		t.Errorf("stopped: %d", resp.StatusCode)
	}
	ownerCall(t, r, ep, "POST", "/start", nil, nil)
	if v := view(t, r, ep); v.Uses != 0 {
		t.Errorf("%d uses after refusals only", v.Uses)
	}
	ownerCall(t, r, ep, "PATCH", "", policy(relay.PolicyRequest{Respond: ptr(relay.Queue)}), nil)
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 202 {
		t.Errorf("stored: %d", resp.StatusCode)
	}
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 429 { // the queue is full
		t.Errorf("over quota: %d", resp.StatusCode)
	}
	if v := view(t, r, ep); v.Uses != 1 {
		t.Errorf("%d uses, want 1", v.Uses)
	}
}

// An expired endpoint takes nothing in; what it holds is delivered while its
// mailbox is kept, and then deleted.
func TestExpiredEndpointsAreDrained(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{TTL: ptr[int64](2), Keep: ptr[int64](60)})
	short := r.Create(t, relay.EndpointRequest{TTL: ptr[int64](1), Keep: ptr[int64](0)})
	idle := r.Create(t, relay.EndpointRequest{Idle: ptr[int64](1)})
	for range 50 {
		if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 202 {
			t.Fatalf("got %d", resp.StatusCode)
		}
	}
	r.Restart(t) // the time goes on
	if v := view(t, r, ep); v.State != "open" || v.Queue.Pending != 50 {
		t.Errorf("after a restart: %+v", v)
	}
	statusOf(t, ep.URL, 410)
	if late := time.Since(ep.ExpiresAt); late < 0 || late > time.Second {
		t.Errorf("closed %s after it expired", late)
	}
	if resp, body := post(t, ep.URL, nil); resp.StatusCode != 410 || !strings.Contains(string(body), ":expired") {
		t.Errorf("expired: %d %s", resp.StatusCode, body)
	}
	if resp, body := post(t, idle.URL, nil); resp.StatusCode != 410 || !strings.Contains(string(body), ":idle") {
		t.Errorf("idle: %d %s", resp.StatusCode, body)
	}
	var n atomic.Int32
	r.Listen(t, ep, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
		if d.Method == "POST" { // statusOf asks by HEAD
			n.Add(1)
		}
		return &tunnel.Result{Status: 200}, nil
	})})
	waitDepth(t, r, ep, relay.Depth{})
	if n.Load() != 50 {
		t.Errorf("%d were delivered", n.Load())
	}
	// With nothing kept the record goes with it; its id stays gone for ever.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := r.Store.Lookup(t.Context(), relay.HashOf(short.ID)); err == relay.ErrNotFound {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the record was not deleted")
		}
	}
	if resp, _ := post(t, short.URL, nil); resp.StatusCode != 410 {
		t.Errorf("deleted: %d", resp.StatusCode)
	}
	i := knock(t, r, short.OwnerKey)
	if code := i.attach(short.ID, 0, 1); code != tunnel.CloseGone {
		t.Errorf("attached to a deleted endpoint: %v", code)
	}
}

// A listener keeps an endpoint from idling.
func TestListenersKeepEndpointsFromIdling(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{Idle: ptr[int64](1), Keep: ptr[int64](0)})
	stop := r.Listen(t, ep, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
		return &tunnel.Result{Status: 200}, nil
	})})
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
	} // twice the idle time, without a request
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 200 {
		t.Errorf("with a listener: %d", resp.StatusCode)
	}
	stop()
	statusOf(t, ep.URL, 202)
	time.Sleep(1500 * time.Millisecond) // past the idle time: the promise is about the clock
	statusOf(t, ep.URL, 410)
}

func TestStopStartRotateRevoke(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	for range 20 { // at once, every time
		ownerCall(t, r, ep, "POST", "/stop", nil, nil)
		if resp, body := post(t, ep.URL, nil); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(string(body), ":stopped") {
			t.Fatalf("stopped: %d %s", resp.StatusCode, body)
		}
		ownerCall(t, r, ep, "POST", "/start", nil, nil)
		if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 202 {
			t.Fatalf("started: %d", resp.StatusCode)
		}
	}
	var rotated relay.EndpointView
	ownerCall(t, r, ep, "POST", "/rotate", relay.RotateRequest{Overlap: ptr[int64](1)}, &rotated)
	if rotated.ID == ep.ID || len(rotated.Old) != 1 {
		t.Fatalf("rotated to %+v", rotated)
	}
	for _, url := range []string{ep.URL, rotated.URL} {
		if resp, _ := post(t, url, nil); resp.StatusCode != 202 {
			t.Errorf("in the overlap: %d", resp.StatusCode)
		}
	}
	statusOf(t, ep.URL, 410)
	if resp, _ := post(t, rotated.URL, nil); resp.StatusCode != 202 {
		t.Errorf("by the new id: %d", resp.StatusCode)
	}
	rotated.OwnerKey = ep.OwnerKey
	if status := r.Call(t, "DELETE", "/v1/endpoints/"+rotated.ID, ep.OwnerKey, nil, nil); status != 409 {
		t.Errorf("deleting a full queue: %d", status)
	}
	ownerCall(t, r, rotated, "DELETE", "?force=true", nil, nil)
	for _, url := range []string{ep.URL, rotated.URL} {
		if resp, _ := post(t, url, nil); resp.StatusCode != 410 {
			t.Errorf("revoked: %d", resp.StatusCode)
		}
	}
	if status := r.Call(t, "GET", "/v1/endpoints/"+rotated.ID, ep.OwnerKey, nil, nil); status != 410 {
		t.Errorf("shown after it was revoked: %d", status)
	}
}

// A creation that is repeated gives the same endpoint, though its keys are not
// stored; another Idempotency-Key gives another.
func TestCreationsMayBeRepeated(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{Loopback: true})
	create := func(key string) (v relay.EndpointView, status int) {
		req, _ := http.NewRequest("POST", r.URL+"/v1/endpoints", nil)
		req.Header.Set("Idempotency-Key", key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		json.Unmarshal(b, &v)
		return v, resp.StatusCode
	}
	const key = "0123456789abcdef0123456789abcdef"
	var all sync.WaitGroup
	var mu sync.Mutex
	ids, created := map[string]string{}, 0
	for range 10 {
		all.Go(func() {
			v, status := create(key)
			mu.Lock()
			defer mu.Unlock()
			ids[v.ID] = v.OwnerKey
			if status == 201 {
				created++
			}
		})
	}
	all.Wait()
	if len(ids) != 1 || created != 1 {
		t.Errorf("%d endpoints, %d created", len(ids), created)
	}
	r.Restart(t)
	again, status := create(key)
	if ids[again.ID] != again.OwnerKey || status != 200 || again.OwnerKey == "" {
		t.Errorf("after a restart: %d %+v", status, again)
	}
	other, status := create("fedcba9876543210fedcba9876543210")
	if status != 201 || other.ID == again.ID || other.OwnerKey == again.OwnerKey {
		t.Errorf("another key: %d", status)
	}
	for _, weak := range []string{"short", strings.Repeat("a", 40), "with space 0123456789abcdef"} {
		if _, status := create(weak); status != 400 {
			t.Errorf("%q: %d", weak, status)
		}
	}
}

// Every refusal says what to do, in one form.
func TestRefusalsAreProblems(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	for _, c := range []struct {
		method, path, key, body string
		status                  int
		after                   bool
	}{
		{"POST", "/h/abcdefghijklmnopqrstuvwxyz234567abcdefgh", "", "", 404, false},
		{"GET", "/nowhere", "", "", 404, false},
		{"GET", "/v1/endpoints/" + ep.ID, "", "", 401, false},
		{"GET", "/v1/endpoints/" + ep.ID, "hk_wrong", "", 401, false},
		{"GET", "/v1/endpoints/abc", ep.OwnerKey, "", 401, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, "{", 400, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, `{"unknown":1}`, 400, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, `{"ttl":-1}`, 400, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, `{"ttl":9223372036854775807}`, 400, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, `{"max_uses":-1}`, 400, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, `{"policy":{"respond":"never"}}`, 400, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, `{"policy":{"accept":{"status":500}}}`, 400, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, `{"policy":{"accept":{"content_type":"text/html","body":"x"}}}`, 400, false},
		{"PATCH", "/v1/endpoints/" + ep.ID, ep.OwnerKey, strings.Repeat(" ", 65<<10), 400, false},
		{"GET", "/v1/endpoints/" + ep.ID + "/queue?limit=0", ep.OwnerKey, "", 400, false},
		{"GET", "/v1/endpoints/" + ep.ID + "/queue/nonsense", ep.OwnerKey, "", 400, false},
		{"GET", "/v1/endpoints/" + ep.ID + "/queue/" + tunnel.NewID(time.Now()).String(), ep.OwnerKey, "", 404, false},
	} {
		req, _ := http.NewRequest(c.method, r.URL+c.path, strings.NewReader(c.body))
		if c.key != "" {
			req.Header.Set("Authorization", "Bearer "+c.key)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var p struct {
			Type, Title, Detail string
			Status              int
		}
		err = json.Unmarshal(b, &p)
		if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != "application/problem+json" || err != nil ||
			p.Status != c.status || !strings.HasPrefix(p.Type, "urn:hook:problem:") || !strings.HasSuffix(p.Detail, ".") {
			t.Errorf("%s %s %.40s: %d %s", c.method, c.path, c.body, resp.StatusCode, b)
		}
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); c.after != (err == nil && n > 0) {
			t.Errorf("%s %s: Retry-After %q", c.method, c.path, resp.Header.Get("Retry-After"))
		}
	}
	limited := 0
	for range 30 {
		var p relay.Problem
		if status := r.Call(t, "POST", "/v1/endpoints", "", nil, &p); status == 429 {
			limited++
		}
	}
	if limited == 0 {
		t.Error("creation has no limit")
	}
}
