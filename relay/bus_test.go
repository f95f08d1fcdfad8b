package relay_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/bolt"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// startTwo runs two relays on one store and one bus.
func startTwo(t *testing.T) (a, b *relaytest.Relay) {
	t.Helper()
	dir := t.TempDir()
	store, err := bolt.Open(dir, bolt.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	keys, err := relay.LoadKeys(filepath.Join(dir, "relay.key"))
	if err != nil {
		t.Fatal(err)
	}
	opts := relay.Options{Store: store, Bus: relay.NewBus(), Keys: keys}
	return relaytest.Start(t, opts), relaytest.Start(t, opts)
}

// via is the endpoint as reached through another relay.
func via(r *relaytest.Relay, ep relay.EndpointView) relay.EndpointView {
	ep.URL = r.URL + "/h/" + ep.ID
	return ep
}

func TestTwoRelaysAreOne(t *testing.T) {
	t.Parallel()
	a, b := startTwo(t)
	ep := a.Create(t, relay.EndpointRequest{})
	post(t, ep.URL+"/queued/on/a", nil)
	got := make(chan string, 10)
	named := func(name string) tunnel.Handler {
		return tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			got <- name + d.Target
			return &tunnel.Result{Status: 200, Body: []byte(name)}, nil
		})
	}
	firstEnd := make(chan error, 1)
	ready := make(chan bool, 4)
	first := tunnel.NewClient(tunnel.ClientOptions{Dial: b.Dial(ep.OwnerKey), Endpoint: ep.ID, Handler: named("first"), Events: func(e tunnel.Event) {
		if _, ok := e.(tunnel.Connected); ok {
			ready <- true
		}
	}})
	go func() { firstEnd <- first.Run(t.Context()) }()
	<-ready
	if s := <-got; s != "first/queued/on/a" {
		t.Errorf("got %s", s)
	}
	if resp, body := post(t, ep.URL+"/live", nil); resp.StatusCode != 200 || string(body) != "first" {
		t.Errorf("in on a, tunnel on b: %d %s", resp.StatusCode, body)
	}
	<-got
	if v := view(t, a, ep); !v.Listening {
		t.Error("a does not know of the listener on b")
	}
	ownerCall(t, a, ep, "PATCH", "", policy(relay.PolicyRequest{Respond: ptr(relay.Queue)}), nil)
	if resp, _ := post(t, via(b, ep).URL+"/changed", nil); resp.StatusCode != 202 {
		t.Errorf("policy changed on a, in on b: %d", resp.StatusCode)
	}
	<-got
	ownerCall(t, b, ep, "POST", "/stop", nil, nil)
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 503 {
		t.Errorf("stopped on b, in on a: %d", resp.StatusCode)
	}
	ownerCall(t, a, ep, "POST", "/start", nil, nil)

	secondEnd := make(chan error, 1)
	second := tunnel.NewClient(tunnel.ClientOptions{Dial: a.Dial(ep.OwnerKey), Endpoint: ep.ID, Handler: named("second")})
	go func() { secondEnd <- second.Run(t.Context()) }()
	var ce *tunnel.CloseError
	if err := <-firstEnd; !errors.As(err, &ce) || ce.Code != tunnel.CloseTakenOver {
		t.Errorf("the listener on b ended with %v", err)
	}
	post(t, via(b, ep).URL+"/taken", nil)
	if s := <-got; s != "second/taken" {
		t.Errorf("got %s", s)
	}
	waitDepth(t, a, ep, relay.Depth{})

	ownerCall(t, b, ep, "DELETE", "", nil, nil)
	if err := <-secondEnd; !errors.As(err, &ce) || ce.Code != tunnel.CloseGone {
		t.Errorf("revoked on b, the listener on a ended with %v", err)
	}
	for _, r := range []*relaytest.Relay{a, b} {
		if resp, _ := post(t, via(r, ep).URL, nil); resp.StatusCode != 410 {
			t.Errorf("revoked: %d", resp.StatusCode)
		}
	}
}
