package relay_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// request is what an application received, as it stood on the wire.
type request struct {
	line   string   // request line
	header []string // lines, in order
	body   []byte
}

// method is a part of the request line.
func (r request) method() string { m, _, _ := strings.Cut(r.line, " "); return m }

// values are all values under a name, in order.
func (r request) values(name string) []string {
	var out []string
	for _, line := range r.header {
		n, v, _ := strings.Cut(line, ":")
		if strings.EqualFold(n, name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

func (r request) value(name string) string { return strings.Join(r.values(name), ", ") }

// app is a local application that keeps what it receives. It reads HTTP by
// itself, so that no library tidies up what is to be compared.
type app struct {
	addr   string
	answer func(n int, r request) string // the n-th request, from 1; the answer's bytes

	mu   sync.Mutex
	got  []request
	news chan struct{} // replaced when got grows
}

const answer204 = "HTTP/1.1 204 No Content\r\n\r\n"

// answerWith is an answer with a body.
func answerWith(status int, body string, header ...string) string {
	lines := ""
	for _, h := range header {
		lines += h + "\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", status, lines, len(body), body)
}

// startApp runs an application on a loopback port. A nil answer is 204.
func startApp(t testing.TB, answer func(n int, r request) string) *app {
	t.Helper()
	a := &app{answer: answer, news: make(chan struct{})}
	if answer == nil {
		a.answer = func(int, request) string { return answer204 }
	}
	a.listen(t, "127.0.0.1:0")
	return a
}

// listen serves until stop is called or the test ends.
func (a *app) listen(t testing.TB, addr string) (stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	a.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			over := context.AfterFunc(ctx, func() { conn.Close() })
			running.Go(func() {
				defer over()
				defer conn.Close()
				a.serve(conn)
			})
		}
	})
	stop = sync.OnceFunc(func() {
		ln.Close()
		cancel()
	})
	t.Cleanup(stop)
	return stop
}

func (a *app) serve(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		r, err := readRaw(in)
		if err != nil {
			return
		}
		a.mu.Lock()
		a.got = append(a.got, r)
		n := len(a.got)
		close(a.news)
		a.news = make(chan struct{})
		a.mu.Unlock()
		if _, err := io.WriteString(conn, a.answer(n, r)); err != nil {
			return
		}
	}
}

// readRaw reads one request with a Content-Length or none.
func readRaw(in *bufio.Reader) (r request, err error) {
	length := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return r, err
		}
		line = strings.TrimSuffix(line, "\r\n")
		switch {
		case r.line == "":
			r.line = line
		case line == "":
			r.body = make([]byte, length)
			_, err = io.ReadFull(in, r.body)
			return r, err
		default:
			r.header = append(r.header, line)
			if name, v, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
				if length, err = strconv.Atoi(strings.TrimSpace(v)); err != nil {
					return r, err
				}
			}
		}
	}
}

// requests waits until the application has received n and returns all it has.
func (a *app) requests(t testing.TB, n int) []request {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		a.mu.Lock()
		got, news := append([]request(nil), a.got...), a.news
		a.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-news:
		case <-late:
			t.Fatalf("the application received %d requests of %d", len(got), n)
		}
	}
}

// count is how many requests the application has received.
func (a *app) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.got)
}

// forwarder replays to the application.
func (a *app) forwarder(t testing.TB) *tunnel.Forwarder {
	t.Helper()
	target, err := tunnel.ParseTarget(a.addr)
	if err != nil {
		t.Fatal(err)
	}
	f, err := tunnel.NewForwarder(tunnel.ForwardOptions{Target: target, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// stack is the whole path: a relay on a socket, an endpoint, a listener, an
// application.
type stack struct {
	*relaytest.Relay
	ep  relay.EndpointView
	app *app
}

func startStack(t testing.TB, opts relay.Options, req relay.EndpointRequest, answer func(int, request) string) *stack {
	t.Helper()
	s := &stack{Relay: relaytest.Start(t, opts), app: startApp(t, answer)}
	s.ep = s.Create(t, req)
	s.listen(t)
	return s
}

// listen attaches a listener that forwards to the application.
func (s *stack) listen(t testing.TB) (stop func() error) {
	t.Helper()
	f := s.app.forwarder(t)
	return s.Listen(t, s.ep, tunnel.ClientOptions{Handler: f, Probe: f.Probe})
}

// exchangeRaw sends bytes to the relay and returns all that comes back until
// the relay closes.
func exchangeRaw(t testing.TB, addr, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil && len(got) == 0 {
		t.Fatal(err)
	}
	return string(got)
}
