package relay_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// noUpgrades is a proxy before a relay that lets no WebSocket through, as some
// gateways do. It counts what it refused.
func noUpgrades(t *testing.T, r *relaytest.Relay, refuse func(w http.ResponseWriter, req *http.Request)) (base string, refused *atomic.Int32) {
	t.Helper()
	target, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	refused = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") != "" {
			refused.Add(1)
			refuse(w, req)
			return
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, refused
}

// What is promised holds over polls too, through a proxy that refuses upgrades.
func TestPollsThroughAProxyThatRefusesUpgrades(t *testing.T) {
	for name, refuse := range map[string]func(http.ResponseWriter, *http.Request){
		"403": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>blocked", http.StatusForbidden) },
		"400": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"502": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"200": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "welcome to the portal") },
	} {
		t.Run(name, func(t *testing.T) {
			r := relaytest.Start(t, relay.Options{})
			base, refused := noUpgrades(t, r, refuse)
			ep := r.Create(t, relay.EndpointRequest{})
			stored := bytes.Repeat([]byte("0123456789abcdef"), 3<<16)
			post(t, ep.URL+"/stored", stored)
			got := make(chan *tunnel.Delivery, 8)
			var why atomic.Value
			d := &tunnel.Dialer{Client: http.DefaultClient, Relay: base, Key: ep.OwnerKey, Transport: tunnel.Auto, FellBack: func(err error) { why.Store(err.Error()) }}
			stop := r.Listen(t, ep, tunnel.ClientOptions{Dial: d.Dial, Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
				body := bytes.Clone(d.Body)
				c := *d
				c.Body = body
				got <- &c
				return &tunnel.Result{Status: 201, Body: body[:min(len(body), 1<<20)], Size: int64(len(body))}, nil
			})})
			if d := <-got; d.Target != "/stored" || !bytes.Equal(d.Body, stored) {
				t.Errorf("%s with %d bytes", d.Target, len(d.Body))
			}
			waitDepth(t, r, ep, relay.Depth{})
			for _, n := range []int{0, 1, 300 << 10} {
				body := bytes.Repeat([]byte{'x'}, n)
				resp, answer := post(t, ep.URL+"/live", body)
				if resp.StatusCode != 201 || !bytes.Equal(answer, body) {
					t.Errorf("%d bytes: %d with %d bytes", n, resp.StatusCode, len(answer))
				}
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if refused.Load() != 1 || why.Load() == nil {
				t.Errorf("%d upgrades refused, fell back for %v", refused.Load(), why.Load())
			}
		})
	}
}

// A relay's own refusal is no reason for another transport.
func TestRelaysRefusalIsFinal(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	for key, code := range map[string]tunnel.CloseCode{"wrong": tunnel.CloseUnauthorised, ep.OwnerKey: 0} {
		for _, transport := range []tunnel.Transport{tunnel.Auto, tunnel.Poll, tunnel.WebSocket} {
			ctx, cancel := context.WithCancel(t.Context())
			d := &tunnel.Dialer{Client: http.DefaultClient, Relay: r.URL, Key: key, Transport: transport, FellBack: func(err error) { t.Errorf("fell back: %v", err) }}
			c := tunnel.NewClient(tunnel.ClientOptions{Dial: d.Dial, Endpoint: ep.ID, Events: func(e tunnel.Event) {
				if _, ok := e.(tunnel.Connected); ok {
					cancel()
				}
			}})
			err := c.Run(ctx)
			var ce *tunnel.CloseError
			if errors.As(err, &ce); code == 0 && err != nil || code != 0 && (ce == nil || ce.Code != code) {
				t.Errorf("%s: %v", transport, err)
			}
			cancel()
		}
	}
}

// A WebSocket that is cut within seconds, twice, is something on the way.
func TestFallsBackWhenWebSocketsAreCut(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	base, refused := noUpgrades(t, r, func(w http.ResponseWriter, req *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: hook.v1\r\nSec-WebSocket-Accept: "+
			accept(req.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		conn.Close()
	})
	ep := r.Create(t, relay.EndpointRequest{})
	d := &tunnel.Dialer{Client: http.DefaultClient, Relay: base, Key: ep.OwnerKey, Transport: tunnel.Auto}
	r.Listen(t, ep, tunnel.ClientOptions{Dial: d.Dial, Handler: tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
		return &tunnel.Result{Status: 204}, nil
	})})
	if resp, _ := post(t, ep.URL, nil); resp.StatusCode != 204 || refused.Load() != 2 {
		t.Errorf("%d after %d WebSockets", resp.StatusCode, refused.Load())
	}
}

// A session belongs to the key and the secret it was opened with.
func TestPollSessionsAreClosedToOthers(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	call := func(method, path string, header ...string) (int, []byte) {
		req, err := http.NewRequest(method, r.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
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
		return resp.StatusCode, b
	}
	if code, _ := call("POST", "/v1/poll"); code != 401 {
		t.Errorf("without a key: %d", code)
	}
	if code, _ := call("POST", "/v1/poll", "Authorization", "Bearer "+ep.OwnerKey, "Origin", "https://evil.example"); code != 403 {
		t.Errorf("from a web page: %d", code)
	}
	code, body := call("POST", "/v1/poll", "Authorization", "Bearer "+ep.OwnerKey)
	var o tunnel.PollOpened
	if err := json.Unmarshal(body, &o); err != nil || code != 201 || len(o.Secret) < 40 || len(o.Session) < 26 {
		t.Fatalf("%d %q", code, body)
	}
	path, key := "/v1/poll/"+o.Session+"?after=9", "Bearer "+ep.OwnerKey
	for name, header := range map[string][]string{
		"no key":       {tunnel.PollSecret, o.Secret},
		"wrong key":    {"Authorization", "Bearer wrong", tunnel.PollSecret, o.Secret},
		"no secret":    {"Authorization", key},
		"wrong secret": {"Authorization", key, tunnel.PollSecret, strings.Repeat("A", len(o.Secret))},
	} {
		if code, _ := call("GET", path, header...); code != 404 {
			t.Errorf("%s: poll %d", name, code)
		}
		if code, _ := call("POST", path, header...); code != 404 {
			t.Errorf("%s: send %d", name, code)
		}
	}
	if code, _ := call("GET", path, "Authorization", key, tunnel.PollSecret, o.Secret); code != 409 {
		t.Errorf("the owner: %d", code)
	}
	if code, _ := call("GET", path, "Authorization", key, tunnel.PollSecret, o.Secret, "Origin", "https://evil.example"); code != 403 {
		t.Errorf("the owner's browser: %d", code)
	}
}

// A restart sends listeners over polls away in order, and they come back.
func TestPollsSurviveARestart(t *testing.T) {
	r := relaytest.Start(t, relay.Options{Drain: 10 * time.Second})
	ep := r.Create(t, relay.EndpointRequest{})
	working, finish, away := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.Listen(t, ep, tunnel.ClientOptions{
		Dial: r.DialPoll(ep.OwnerKey),
		Handler: tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
			select {
			case working <- struct{}{}:
			default:
			}
			<-finish
			return &tunnel.Result{Status: 207}, nil
		}),
		Events: func(e tunnel.Event) {
			if _, ok := e.(tunnel.GoingAway); ok {
				once.Do(func() { close(away) })
			}
		},
	})
	status := make(chan int, 1)
	go func() {
		resp, err := http.Post(ep.URL+"/", "text/plain", nil)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	<-working
	began := time.Now()
	restarted := make(chan struct{})
	go func() { defer close(restarted); r.Restart(t) }()
	<-away
	close(finish)
	if got := <-status; got != 207 {
		t.Errorf("the sender got %d", got)
	}
	<-restarted
	if d := time.Since(began); d > 9*time.Second {
		t.Errorf("the restart took %s: something was waited for in vain", d)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		resp, _ := post(t, ep.URL+"/", nil)
		if resp.StatusCode == 207 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the restart: %d", resp.StatusCode)
		}
	}
}

// accept is the answer to a WebSocket's key (RFC 6455 §4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
