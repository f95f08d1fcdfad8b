// Package relaytest runs a relay on a loopback port for tests of other
// packages, as net/http/httptest runs a server:
//
//	r := relaytest.Start(t, relay.Options{})
//	ep := r.Create(t, relay.EndpointRequest{})
//	resp, err := http.Post(ep.URL, "application/json", body)
//
// The store is a real one, in a temporary folder; Restart keeps it.
package relaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/bolt"
	"github.com/hookrelay/hook/tunnel"
)

// Relay is a relay under test.
type Relay struct {
	URL    string // http://127.0.0.1:PORT
	Addr   string
	Server *relay.Server
	Store  relay.Store

	dir    string
	opts   relay.Options
	store  bolt.Options
	cancel context.CancelFunc
	done   chan error
}

// Start runs a relay until the test ends. What opts leaves out is made up: a
// store in a temporary folder without a disk watermark, keys, creation open to
// all.
func Start(t testing.TB, opts relay.Options) *Relay {
	t.Helper()
	r := &Relay{dir: t.TempDir(), opts: opts, store: bolt.Options{MinFree: -1}}
	if opts.Tokens == nil {
		r.opts.Open = true
	}
	r.start(t, "127.0.0.1:0")
	t.Cleanup(func() { r.Stop(t) })
	return r
}

func (r *Relay) start(t testing.TB, addr string) {
	t.Helper()
	opts := r.opts
	if opts.Keys == nil {
		keys, err := relay.LoadKeys(filepath.Join(r.dir, "relay.key"))
		if err != nil {
			t.Fatal(err)
		}
		opts.Keys = keys
	}
	if opts.Store == nil {
		store, err := bolt.Open(r.dir, r.store)
		if err != nil {
			t.Fatal(err)
		}
		opts.Store = store
	}
	server, err := relay.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.Addr = ln.Addr().String()
	r.URL = "http://" + r.Addr
	r.Server, r.Store, r.cancel = server, opts.Store, cancel
	r.done = make(chan error, 1)
	go func() { r.done <- server.Serve(ctx, ln) }()
}

// Stop drains the relay and closes it. Safe to call twice.
func (r *Relay) Stop(t testing.TB) {
	t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	if err := <-r.done; err != nil {
		t.Errorf("relay: %v", err)
	}
	r.Server.Close()
	if r.opts.Store == nil {
		if err := r.Store.Close(); err != nil {
			t.Errorf("store: %v", err)
		}
	}
}

// Restart stops the relay and starts it on the same address and store.
func (r *Relay) Restart(t testing.TB) {
	t.Helper()
	r.Stop(t)
	http.DefaultClient.CloseIdleConnections() // of the relay before
	r.start(t, r.Addr)
}

// Call calls the API with a key and reads the answer's JSON into out.
func (r *Relay) Call(t testing.TB, method, path, key string, in, out any) (status int) {
	t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil && len(b) > 0 {
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%s %s: %v in %q", method, path, err, b)
		}
	}
	return resp.StatusCode
}

// Create makes an endpoint.
func (r *Relay) Create(t testing.TB, req relay.EndpointRequest) relay.EndpointView {
	t.Helper()
	var v relay.EndpointView
	if status := r.Call(t, "POST", "/v1/endpoints", "", req, &v); status != http.StatusCreated {
		t.Fatalf("creating an endpoint: %d", status)
	}
	return v
}

// Dial is a tunnel.ClientOptions.Dial for an endpoint of this relay.
func (r *Relay) Dial(key string) func(context.Context) (tunnel.Conn, error) {
	url := r.URL + "/v1/tunnel" // a restart keeps it
	return func(ctx context.Context) (tunnel.Conn, error) {
		return tunnel.DialWebSocket(ctx, http.DefaultClient, url, key)
	}
}

// DialPoll is Dial over ordinary requests.
func (r *Relay) DialPoll(key string) func(context.Context) (tunnel.Conn, error) {
	url := r.URL + "/v1/poll" // a restart keeps it
	return func(ctx context.Context) (tunnel.Conn, error) {
		return tunnel.DialPoll(ctx, http.DefaultClient, url, key)
	}
}

// Listen attaches a listener with a handler and returns when it is ready. What
// opts leaves out is filled in. stop ends it and returns what Run returned.
func (r *Relay) Listen(t testing.TB, ep relay.EndpointView, opts tunnel.ClientOptions) (stop func() error) {
	t.Helper()
	ready := make(chan struct{}, 64)
	events := opts.Events
	opts.Events = func(e tunnel.Event) {
		if events != nil {
			events(e)
		}
		if _, ok := e.(tunnel.Connected); ok {
			select {
			case ready <- struct{}{}:
			default:
			}
		}
	}
	if opts.Dial == nil {
		opts.Dial = r.Dial(ep.OwnerKey)
	}
	opts.Endpoint = ep.ID
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan error, 1)
	c := tunnel.NewClient(opts)
	go func() { out <- c.Run(ctx) }()
	select {
	case <-ready:
	case err := <-out:
		t.Fatalf("listener ended: %v", err)
	}
	stopped := false
	var err error
	stop = func() error {
		if !stopped {
			stopped = true
			cancel()
			err = <-out
		}
		return err
	}
	t.Cleanup(func() { stop() })
	return stop
}
