package relay_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// ownerCall is an API call as the endpoint's owner.
func ownerCall(t testing.TB, r *relaytest.Relay, ep relay.EndpointView, method, path string, in, out any) {
	t.Helper()
	if status := r.Call(t, method, "/v1/endpoints/"+ep.ID+path, ep.OwnerKey, in, out); status/100 != 2 {
		t.Fatalf("%s %s: %d", method, path, status)
	}
}

// Only the owner key attaches, to its own endpoint.
func TestWhoMayAttach(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep, other := r.Create(t, relay.EndpointRequest{}), r.Create(t, relay.EndpointRequest{})
	var rotated relay.EndpointView
	ownerCall(t, r, ep, "POST", "/rotate", nil, &rotated)
	gone := r.Create(t, relay.EndpointRequest{})
	ownerCall(t, r, gone, "DELETE", "", nil, nil)
	for _, c := range []struct {
		name, id, key string
		code          tunnel.CloseCode
	}{
		{"with the id for a key", ep.ID, ep.ID, tunnel.CloseUnauthorised},
		{"with the URL for a key", ep.ID, ep.URL, tunnel.CloseUnauthorised},
		{"with another's key", ep.ID, other.OwnerKey, tunnel.CloseUnauthorised},
		{"with a key like one", ep.ID, relay.NewOwnerKey(), tunnel.CloseUnauthorised},
		{"with part of the key", ep.ID, ep.OwnerKey[:54], tunnel.CloseUnauthorised},
		{"to an id that never was", "abcdefghijklmnopqrstuvwxyz234567abcdefgh", ep.OwnerKey, tunnel.CloseUnknown},
		{"to nothing", "", ep.OwnerKey, tunnel.CloseUnknown},
		{"after it was revoked", gone.ID, gone.OwnerKey, tunnel.CloseGone},
		{"by the new id", rotated.ID, ep.OwnerKey, 0},
		{"by the old id, in the overlap", ep.ID, ep.OwnerKey, 0},
		{"with another's id and the own key", other.ID, ep.OwnerKey, tunnel.CloseUnauthorised},
	} {
		i := knock(t, r, c.key)
		if code := i.attach(c.id, 0, 1); code != c.code {
			t.Errorf("%s: %v, want %v", c.name, code, c.code)
		}
	}
	resp, err := http.Get(r.URL + "/v1/tunnel")
	if err != nil || resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("without a key: %v, %v", resp.Status, err)
	}
	req, _ := http.NewRequest("GET", r.URL+"/v1/tunnel", nil)
	req.Header.Set("Authorization", "Bearer "+ep.OwnerKey)
	req.Header.Set("Origin", "https://evil.test")
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 403 {
		t.Errorf("from a browser: %v, %v", resp.Status, err)
	}
	if v := view(t, r, other); v.Listening {
		t.Error("someone listens to another's endpoint")
	}
}

func view(t testing.TB, r *relaytest.Relay, ep relay.EndpointView) (v relay.EndpointView) {
	t.Helper()
	ownerCall(t, r, ep, "GET", "", nil, &v)
	return v
}

// Of many that start at once, one is left.
func TestRacingListenersLeaveOne(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	const n = 20
	type end struct {
		who int
		err error
	}
	ends := make(chan end, n)
	ready := make([]chan bool, n) // of those that run
	ctx, cancel := context.WithCancel(context.Background())
	var ran sync.Map
	for i := range n {
		ready[i] = make(chan bool, 1)
		c := tunnel.NewClient(tunnel.ClientOptions{Events: func(e tunnel.Event) {
			if _, ok := e.(tunnel.Connected); ok {
				ready[i] <- true
			}
		}, Dial: r.Dial(ep.OwnerKey), Endpoint: ep.ID, Handler: tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
			ran.Store(i, true)
			return &tunnel.Result{Status: 200}, nil
		})})
		go func() { ends <- end{i, c.Run(ctx)} }()
	}
	for range n - 1 {
		e := <-ends
		var ce *tunnel.CloseError
		if !errors.As(e.err, &ce) || ce.Code != tunnel.CloseTakenOver {
			t.Errorf("one ended with %v", e.err)
		}
		ready[e.who] = nil
	}
	for _, ch := range ready {
		if ch != nil {
			<-ch
		}
	}
	for range 5 {
		if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 200 {
			t.Errorf("webhook: %d", resp.StatusCode)
		}
	}
	holders := 0
	ran.Range(func(any, any) bool { holders++; return true })
	if holders != 1 {
		t.Errorf("%d listeners were given webhooks", holders)
	}
	cancel()
	if e := <-ends; e.err != nil {
		t.Errorf("the last ended with %v", e.err)
	}
}

// A redial is taken only from the instance that holds the endpoint, under its
// epoch.
func TestRedialsDoNotWinBack(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	first := knock(t, r, ep.OwnerKey)
	if code := first.attach(ep.ID, 0, 1); code != 0 {
		t.Fatal(code)
	}
	second := knock(t, r, ep.OwnerKey)
	if code := second.attach(ep.ID, 0, 2); code != 0 || second.epoch <= first.epoch {
		t.Fatalf("fresh start: %v, epochs %d and %d", code, first.epoch, second.epoch)
	}
	if _, code := first.wait(0xff); code != tunnel.CloseTakenOver {
		t.Errorf("the older was told %v", code)
	}
	for name, c := range map[string]struct {
		epoch    uint64
		instance byte
		code     tunnel.CloseCode
	}{
		"the older's redial":            {first.epoch, 1, tunnel.CloseTakenOver},
		"a guess at the epoch":          {second.epoch, 1, tunnel.CloseTakenOver},
		"an epoch that is to come":      {second.epoch + 1, 2, tunnel.CloseTakenOver},
		"an epoch of long ago":          {1, 2, tunnel.CloseTakenOver},
		"the holder's own, in the open": {second.epoch, 2, 0},
	} {
		if c.epoch == second.epoch && c.instance == 2 {
			continue // last, below
		}
		i := knock(t, r, ep.OwnerKey)
		if code := i.attach(ep.ID, c.epoch, c.instance); code != c.code {
			t.Errorf("%s: %v", name, code)
		}
	}
	r.Restart(t) // epochs are durable
	late := knock(t, r, ep.OwnerKey)
	if code := late.attach(ep.ID, first.epoch, 1); code != tunnel.CloseTakenOver {
		t.Errorf("the older after a restart: %v", code)
	}
	back := knock(t, r, ep.OwnerKey)
	if code := back.attach(ep.ID, second.epoch, 2); code != 0 || back.epoch != second.epoch {
		t.Errorf("the holder's redial: %v, epoch %d", code, back.epoch)
	}
}
