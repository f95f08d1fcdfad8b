package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// testTLS is a server's and a client's configuration.
func testTLS(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"relay.test"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "relay.test"}
}

func TestTLSHasTheSameRules(t *testing.T) {
	server, client := testTLS(t)
	refused := make(chan string, 100)
	addr := serveFront(t, wireOptions{TLS: server, Refused: func(why string) { refused <- why }}, func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.TLS.ServerName != "relay.test" {
			t.Error("Request.TLS is not set")
		}
		echo(w, r)
	})
	overTLS := func(raw string) string {
		conn, err := tls.Dial("tcp", addr, client)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(conn, raw)
		conn.CloseWrite()
		got, _ := io.ReadAll(conn)
		return string(got)
	}
	if got := overTLS(wellFormed[0] + wellFormed[13]); strings.Count(got, " 200 OK") != 2 {
		t.Errorf("two good requests: %q", got)
	}
	for _, bad := range malformed[:20] {
		if got := overTLS(bad.raw); !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", bad.status)) {
			t.Errorf("%s: %q", bad.name, got)
		}
	}
	if n := len(refused); n != 20 {
		t.Errorf("%d refusals were counted", n)
	}
	for range len(refused) {
		<-refused
	}
	if got := exchange(t, addr, wellFormed[0]); !strings.Contains(got, "TLS only") || <-refused != "tls handshake" {
		t.Errorf("plain HTTP: %q", got)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close() // in the middle of the handshake
	if why := <-refused; why != "tls handshake" {
		t.Error(why)
	}
}

func TestHTTP2IsCheckedToo(t *testing.T) {
	server, client := testTLS(t)
	addr := serveFront(t, wireOptions{TLS: server}, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("protocol %s", r.Proto)
		}
		echo(w, r)
	})
	tr := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	send := func(change func(*http.Request)) int {
		r, err := http.NewRequest("POST", "https://"+addr+"/h/x", strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for name, c := range map[string]struct {
		change func(r *http.Request)
		want   int
	}{
		"good":          {func(r *http.Request) {}, 200},
		"TRACE":         {func(r *http.Request) { r.Method, r.Body = "TRACE", nil }, 501},
		"OPTIONS *":     {func(r *http.Request) { r.Method = "OPTIONS"; r.URL.Opaque = "*" }, 400},
		"C1":            {func(r *http.Request) { r.Header.Set("X", "a\u009b31m") }, 400},
		"C1 as Latin-1": {func(r *http.Request) { r.Header.Set("X", "a\x9b31m") }, 400},
		"150 headers":   {func(r *http.Request) { r.Header["X"] = strings.Split(strings.Repeat("y,", 150), ",") }, 431},
	} {
		if got := send(c.change); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestASlowHTTP2BodyIsCutOff(t *testing.T) {
	server, client := testTLS(t)
	failed := make(chan error, 1)
	addr := serveFront(t, wireOptions{TLS: server, Grace: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		problemForRead(err, 0).write(w)
		failed <- err
	})
	tr := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	body, w := io.Pipe()
	defer w.Close()
	r, err := http.NewRequest("POST", "https://"+addr+"/h/x", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var broken *wireError
	if err := <-failed; !errors.As(err, &broken) || broken.fault != faultSlowBody || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%v, status %d", err, resp.StatusCode)
	}
}

// A tunnel that is dead is reset: the TCP connection is below all that the front
// puts around it.
func TestTheTCPConnectionCanBeFound(t *testing.T) {
	server, client := testTLS(t)
	for _, o := range []wireOptions{{}, {TLS: server}} {
		found := make(chan bool, 1)
		addr := serveFront(t, o, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for {
				below, ok := conn.(interface{ NetConn() net.Conn })
				if !ok {
					break
				}
				conn = below.NetConn()
			}
			_, ok := conn.(*net.TCPConn)
			found <- ok
		})
		tr := &http.Transport{TLSClientConfig: client}
		scheme := "http://"
		if o.TLS != nil {
			scheme = "https://"
		}
		if resp, err := tr.RoundTrip(httptest.NewRequest("GET", scheme+addr+"/", nil)); err == nil {
			resp.Body.Close()
		}
		if !<-found {
			t.Errorf("with TLS %v there is something else", o.TLS != nil)
		}
		tr.CloseIdleConnections()
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	for name, c := range map[string]struct {
		o    wireOptions
		want string
	}{
		"per client":        {wireOptions{MaxClient: 3}, "connections of one client"},
		"in all":            {wireOptions{MaxConns: 3}, "connections"},
		"a trusted proxy":   {wireOptions{MaxClient: 3, Exempt: func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") }}, ""},
		"no limit at all":   {wireOptions{MaxClient: -1, MaxConns: -1}, ""},
		"another is exempt": {wireOptions{MaxClient: 3, Exempt: func(netip.Addr) bool { return false }}, "connections of one client"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := make(chan string, 10)
			c.o.Refused = func(why string) { refused <- why }
			addr := serveFront(t, c.o, echo)
			ask := func() (net.Conn, string) {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(conn, wellFormed[0])
				line, _ := bufio.NewReader(conn).ReadString('\n')
				return conn, line
			}
			var open []net.Conn
			for range 3 {
				conn, line := ask()
				defer conn.Close()
				if !strings.Contains(line, "200") {
					t.Fatal(line)
				}
				open = append(open, conn)
			}
			conn, line := ask()
			conn.Close()
			if c.want == "" {
				if !strings.Contains(line, "200") {
					t.Errorf("fourth: %q", line)
				}
				return
			}
			if why := <-refused; why != c.want {
				t.Errorf("refused: %s", why)
			}
			if line != "" && !strings.Contains(line, "503") {
				t.Errorf("fourth: %q", line)
			}
			open[0].Close() // makes room as soon as the relay has seen it
			for range 1000 {
				conn, line = ask()
				conn.Close()
				if strings.Contains(line, "200") {
					return
				}
				<-refused
			}
			t.Error("no room after a connection has ended")
		})
	}
}

func TestWebSocketsPass(t *testing.T) {
	server, client := testTLS(t)
	for scheme, o := range map[string]wireOptions{"http": {}, "https": {TLS: server}} {
		addr := serveFront(t, o, func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer ws.CloseNow()
			ws.SetReadLimit(1 << 20)
			for {
				kind, data, err := ws.Read(r.Context())
				if err != nil {
					return
				}
				if err := ws.Write(r.Context(), kind, data); err != nil {
					return
				}
			}
		})
		tr := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}
		ws, _, err := websocket.Dial(t.Context(), scheme+"://"+addr+"/v1/tunnel", &websocket.DialOptions{HTTPClient: &http.Client{Transport: tr}})
		if err != nil {
			t.Fatal(err)
		}
		ws.SetReadLimit(1 << 20)
		for n := 1; n < 1<<20; n *= 3 {
			want := bytes.Repeat([]byte("\x00\n\xff"), n/3+1)
			if err := ws.Write(t.Context(), websocket.MessageBinary, want); err != nil {
				t.Fatal(err)
			}
			if _, got, err := ws.Read(t.Context()); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s, %d bytes: %v", scheme, n, err)
			}
		}
		ws.Close(websocket.StatusNormalClosure, "")
		tr.CloseIdleConnections()
	}
}

func TestIdleTLSHandshakesAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := testTLS(t)
		var refused atomic.Int32
		client, conn := net.Pipe()
		l := make(oneConn, 1)
		ln, srv := newFront(l, wireOptions{TLS: server, Refused: func(string) { refused.Add(1) }}, http.HandlerFunc(echo))
		l <- conn
		done := make(chan struct{})
		go func() {
			defer close(done)
			srv.Serve(ln)
		}()
		start := time.Now()
		client.Read(make([]byte, 1))
		if d := time.Since(start); d != handshakeTimeout {
			t.Errorf("cut off after %v", d)
		}
		synctest.Wait()
		if refused.Load() != 1 {
			t.Error("not counted")
		}
		close(l)
		<-done
		srv.Close()
	})
}

func TestTheFrontStopsCleanly(t *testing.T) {
	server, client := testTLS(t)
	for _, o := range []wireOptions{{}, {TLS: server}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln, srv := newFront(l, o, http.HandlerFunc(echo))
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ln) }()
		if o.TLS != nil {
			conn, err := tls.Dial("tcp", l.Addr().String(), client)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			half, err := net.Dial("tcp", l.Addr().String()) // never ends its handshake
			if err != nil {
				t.Fatal(err)
			}
			defer half.Close()
		} else if got := exchange(t, l.Addr().String(), wellFormed[0]); !strings.Contains(got, "200 OK") {
			t.Error(got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
		if _, err := ln.Accept(); err == nil {
			t.Error("accepted after Close")
		}
	}
}

// BenchmarkWire posts 1 KiB over one kept-alive loopback connection to net/http
// alone and behind the front.
func BenchmarkWire(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	raw := []byte("POST /h/ymxkqzjzq3r4gq5bq6wq7hxz2c3v4n5m6aaaaaaa HTTP/1.1\r\nHost: relay.test\r\nUser-Agent: Stripe/1.0\r\n" +
		"Content-Type: application/json; charset=utf-8\r\nAccept: */*; q=0.5, application/xml\r\nCache-Control: no-cache\r\n" +
		"Stripe-Signature: t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd\r\n" +
		"Content-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	run := func(b *testing.B, addr string) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		answer := make([]byte, 4096)
		b.ReportAllocs()
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			if _, err := conn.Write(raw); err != nil {
				b.Fatal(err)
			}
			n, err := conn.Read(answer)
			if err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 202")) {
				b.Fatalf("%q, %v", answer[:n], err)
			}
		}
	}
	b.Run("alone", func(b *testing.B) {
		srv := httptest.NewServer(handler)
		defer srv.Close()
		run(b, srv.Listener.Addr().String())
	})
	b.Run("front", func(b *testing.B) { run(b, serveFront(b, wireOptions{}, handler)) })
}

// BenchmarkHead looks at a usual head without a connection.
func BenchmarkHead(b *testing.B) {
	head := []byte("POST /h/x HTTP/1.1\r\nHost: relay.test\r\nUser-Agent: Stripe/1.0\r\nContent-Type: application/json\r\n" +
		"Stripe-Signature: t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd\r\nContent-Length: 0\r\n\r\n")
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		f := framer{maxLines: 100, maxBytes: 64 << 10}
		if n, _ := f.accept(head); n != len(head) {
			b.Fatal(n)
		}
	}
}

func TestATooLargeBodyIsRefusedWhileItIsSent(t *testing.T) {
	const limit = 1 << 20
	addr := serveFront(t, wireOptions{}, func(w http.ResponseWriter, r *http.Request) {
		body, err := limitBody(w, r, limit, newByteBudget(0, 0))
		if err == nil {
			defer body.release()
			_, err = io.Copy(io.Discard, body)
		}
		if err != nil {
			problemForRead(err, limit).write(w)
		}
	})
	for name, head := range map[string]string{"chunked": "Transfer-Encoding: chunked\r\n\r\n", "announced": "Content-Length: 8388608\r\n\r\n"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			io.WriteString(conn, okHead+head)
			piece := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"
			if name == "announced" {
				piece = strings.Repeat("x", 1<<16)
			}
			for range 128 {
				if _, err := io.WriteString(conn, piece); err != nil {
					return // the relay has closed
				}
			}
		}()
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
		conn.Close()
		<-sent
	}
}
