package relay_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

func ptr[T any](v T) *T { return &v }

func policy(p relay.PolicyRequest) relay.EndpointRequest { return relay.EndpointRequest{Policy: &p} }

func post(t testing.TB, url string, body []byte) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

func TestLiveAnswerIsTheApplications(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	var got *tunnel.Delivery
	r.Listen(t, ep, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
		got = d
		return &tunnel.Result{Status: 503, Header: tunnel.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "Set-Cookie", Value: "a=b"}}, Body: []byte(`{"no":1}`)}, nil
	})})
	resp, body := post(t, ep.URL+"/a%2Fb//c?x=1&x=2", []byte(`{ "a": 1.0, "url":"https:\/\/x" , "b":1e2}`))
	if resp.StatusCode != 503 || string(body) != `{"no":1}` || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("sender saw %d %q %v", resp.StatusCode, body, resp.Header)
	}
	if got.Target != "/a%2Fb//c?x=1&x=2" || string(got.Body) != `{ "a": 1.0, "url":"https:\/\/x" , "b":1e2}` || got.URL != ep.URL+"/a%2Fb//c?x=1&x=2" || got.Seq != 0 {
		t.Errorf("listener got %+v", got)
	}
}

func TestStoredWhileNobodyListens(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	for i := range 20 {
		resp, body := post(t, ep.URL+"/", []byte{byte(i)})
		var ack struct{ Status, ID string }
		if err := json.Unmarshal(body, &ack); err != nil || resp.StatusCode != 202 || ack.Status != "queued" {
			t.Fatalf("got %d %q", resp.StatusCode, body)
		}
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 3<<16)
	post(t, ep.URL+"/big", big)
	r.Restart(t)
	order := make(chan *tunnel.Delivery, 32)
	r.Listen(t, ep, tunnel.ClientOptions{
		Window: tunnel.Window{Deliveries: 1, Bytes: 64 << 20},
		Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			order <- d
			return &tunnel.Result{Status: 200}, nil
		})})
	for i := range 20 {
		if d := <-order; d.Body[0] != byte(i) || d.Seq == 0 || d.Attempt != 1 {
			t.Fatalf("%d: %+v", i, d)
		}
	}
	if d := <-order; sha256.Sum256(d.Body) != sha256.Sum256(big) {
		t.Error("large body changed")
	}
	waitDepth(t, r, ep, relay.Depth{})
}

// waitDepth asks the store until the queue is as wanted.
func waitDepth(t testing.TB, r *relaytest.Relay, ep relay.EndpointView, want relay.Depth) {
	t.Helper()
	record, err := r.Store.Lookup(t.Context(), relay.HashOf(ep.ID))
	if err != nil {
		t.Fatal(err)
	}
	var got relay.Depth
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if got, err = r.Store.Depth(t.Context(), record.ID); err != nil {
			t.Fatal(err)
		}
		if got.Pending == want.Pending && got.Dead == want.Dead {
			return
		}
		time.Sleep(5 * time.Millisecond) // asking again, not waiting for a moment
	}
	t.Fatalf("queue is %+v, want %+v", got, want)
}

func TestBudgetOverRunsTheApplicationOnce(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, policy(relay.PolicyRequest{BudgetMS: ptr[int64](200)}))
	finish := make(chan struct{})
	calls := make(chan int, 8)
	settled := make(chan tunnel.Settlement, 8)
	r.Listen(t, ep, tunnel.ClientOptions{
		Events: func(e tunnel.Event) {
			if s, ok := e.(tunnel.Settlement); ok {
				settled <- s
			}
		},
		Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			calls <- d.Attempt
			<-finish
			return &tunnel.Result{Status: 200}, nil
		})})
	resp, body := post(t, ep.URL, []byte("x"))
	if resp.StatusCode != 202 {
		t.Fatalf("got %d %s", resp.StatusCode, body)
	}
	waitDepth(t, r, ep, relay.Depth{Pending: 1})
	close(finish)
	if s := <-settled; s.Fate != tunnel.Completed {
		t.Errorf("settled as %v", s.Fate)
	}
	waitDepth(t, r, ep, relay.Depth{})
	if len(calls) != 1 {
		t.Errorf("ran %d times", len(calls))
	}
}

func TestFailuresAreRetriedThenDead(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, policy(relay.PolicyRequest{Respond: ptr(relay.Queue), MaxAttempts: ptr(2)}))
	attempts := make(chan string, 16)
	r.Listen(t, ep, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
		attempts <- d.Target + strings.Repeat("!", d.Attempt)
		switch d.Target {
		case "/500":
			return &tunnel.Result{Status: 500}, nil
		case "/404":
			return &tunnel.Result{Status: 404}, nil
		case "/hang":
			return nil, &tunnel.Failure{Kind: tunnel.TimedOut}
		}
		return &tunnel.Result{Status: 204}, nil
	})})
	for _, p := range []string{"/500", "/404", "/hang", "/fine"} {
		if resp, _ := post(t, ep.URL+p, nil); resp.StatusCode != 202 {
			t.Fatalf("%s: %d", p, resp.StatusCode)
		}
	}
	waitDepth(t, r, ep, relay.Depth{Dead: 3})
	var q relay.QueueView
	r.Call(t, "GET", "/v1/endpoints/"+ep.ID+"/queue?dead=true", ep.OwnerKey, nil, &q)
	got := map[string]string{}
	for _, it := range q.Items {
		got[it.Target] = it.Reason
	}
	if got["/404"] != "answered 404" || got["/500"] != "answered 500, after 2 attempts" || got["/hang"] != "no answer: timed out, after 2 attempts" {
		t.Errorf("dead: %v", got)
	}
	// A dead letter can be tried again; its attempts count on.
	var id string
	for _, it := range q.Items {
		if it.Target == "/404" {
			id = it.ID.String()
		}
	}
	for len(attempts) > 0 {
		<-attempts
	}
	if s := r.Call(t, "POST", "/v1/endpoints/"+ep.ID+"/queue/"+id+"/retry", ep.OwnerKey, nil, nil); s != 200 {
		t.Fatalf("retry: %d", s)
	}
	if a := <-attempts; a != "/404!!" {
		t.Errorf("retried as %q", a)
	}
	waitDepth(t, r, ep, relay.Depth{Dead: 3})
}

func TestTheFreshListenerWins(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	named := func(name string) tunnel.Handler {
		return tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
			return &tunnel.Result{Status: 200, Body: []byte(name)}, nil
		})
	}
	lost := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ready := make(chan struct{}, 8)
	older := tunnel.NewClient(tunnel.ClientOptions{Dial: r.Dial(ep.OwnerKey), Endpoint: ep.ID, Handler: named("older"), Events: func(e tunnel.Event) {
		if _, ok := e.(tunnel.Connected); ok {
			ready <- struct{}{}
		}
	}})
	go func() { lost <- older.Run(ctx) }()
	<-ready
	r.Listen(t, ep, tunnel.ClientOptions{Handler: named("fresh")})
	if err := <-lost; err == nil || !strings.Contains(err.Error(), "taken over") {
		t.Errorf("the older ended with %v", err)
	}
	if err := older.Run(ctx); err == nil || !strings.Contains(err.Error(), "taken over") { // a redial with the old epoch
		t.Errorf("the older's redial: %v", err)
	}
	if _, body := post(t, ep.URL, nil); string(body) != "fresh" {
		t.Errorf("answered by %q", body)
	}
}
