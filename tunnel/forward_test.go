package tunnel

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is a server on a loopback port that keeps the bytes of every request
// and answers each with the next of its answers, the last one for ever.
type recorder struct {
	net.Listener
	answers []string

	mu       sync.Mutex
	requests []string
	conns    int
}

// record starts a recorder. An answer that ends with "<close>" closes the
// connection, one with "<reset>" resets it.
func record(t testing.TB, answers ...string) *recorder {
	t.Helper()
	return recordAt(t, "127.0.0.1:0", answers...)
}

func recordAt(t testing.TB, address string, answers ...string) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("cannot listen on %s: %v", address, err)
	}
	r := &recorder{Listener: l, answers: answers}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns++
			r.mu.Unlock()
			stop := context.AfterFunc(t.Context(), func() { conn.Close() })
			running.Go(func() {
				defer stop()
				defer conn.Close()
				r.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return r
}

func (r *recorder) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		raw, err := readRequest(in)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.requests = append(r.requests, raw)
		answer := r.answers[min(len(r.requests), len(r.answers))-1]
		r.mu.Unlock()
		text, end := answer, ""
		for _, mark := range []string{"<close>", "<reset>", "<hang>"} {
			if rest, ok := strings.CutSuffix(answer, mark); ok {
				text, end = rest, mark
			}
		}
		io.WriteString(conn, text)
		switch end {
		case "<close>":
			return
		case "<hang>":
			io.Copy(io.Discard, in)
			return
		case "<reset>":
			conn.(*net.TCPConn).SetLinger(0)
			return
		}
	}
}

// readRequest reads the exact bytes of one request with a Content-Length.
func readRequest(in *bufio.Reader) (string, error) {
	var raw strings.Builder
	length := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		raw.WriteString(line)
		if line == "\r\n" {
			break
		}
		fmt.Sscanf(line, "Content-Length: %d\r\n", &length)
	}
	_, err := io.CopyN(&raw, in, int64(length))
	return raw.String(), err
}

// port is ":4711".
func (r *recorder) port() string {
	_, port, _ := net.SplitHostPort(r.Addr().String())
	return ":" + port
}

// only is the one request that was received.
func (r *recorder) only(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.requests) != 1 {
		t.Fatalf("the target received %d requests, want 1: %q", len(r.requests), r.requests)
	}
	return r.requests[0]
}

func (r *recorder) counts() (requests, conns int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests), r.conns
}

const ok200 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// forwarder makes a Forwarder for a typed target.
func forwarder(t testing.TB, target string, change ...func(*ForwardOptions)) *Forwarder {
	t.Helper()
	parsed, err := ParseTarget(target)
	if err != nil {
		t.Fatal(err)
	}
	o := ForwardOptions{Target: parsed, Timeout: 20 * time.Second}
	for _, c := range change {
		c(&o)
	}
	f, err := NewForwarder(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func delivery(method, target string, body string, header ...Field) *Delivery {
	id, _ := ParseID("dlv_00000000000000000000000000")
	return &Delivery{
		ID: id, Attempt: 1, Method: method, Target: target, Header: header, Body: []byte(body),
		URL: "https://relay.test/h/abc" + target, Host: "relay.test", Prefix: "/h/abc", Remote: "192.0.2.1:4711",
	}
}

// forward handles d and fails the test on an error.
func forward(t testing.TB, f *Forwarder, d *Delivery) *Result {
	t.Helper()
	res, err := f.Handle(t.Context(), d)
	if err != nil {
		t.Fatalf("%s %s: %v", d.Method, d.Target, err)
	}
	return res
}

// fails handles d and wants a failure of kind whose text holds all of parts.
func fails(t testing.TB, f *Forwarder, d *Delivery, kind FailureKind, parts ...string) {
	t.Helper()
	res, err := f.Handle(t.Context(), d)
	checkFailure(t, res, err, kind, parts...)
}

func checkFailure(t testing.TB, res *Result, err error, kind FailureKind, parts ...string) {
	t.Helper()
	var failure *Failure
	if !errors.As(err, &failure) {
		t.Errorf("got %+v and error %v, want a failure: %s", res, err, kind)
		return
	}
	if failure.Kind != kind {
		t.Errorf("failed with %q, want kind %q", failure, kind)
	}
	for _, part := range parts {
		if !strings.Contains(failure.Error(), part) {
			t.Errorf("%q does not say %q", failure, part)
		}
	}
}

func TestRequestIsTheSendersBytes(t *testing.T) {
	r := record(t, ok200)
	f := forwarder(t, r.port())
	d := delivery("POST", "/a%2Fb//c?x=1&x=2&y=%00+%7e", "{\"n\":1e2}\n",
		Field{"X-Two", "a"}, Field{"content-type", "application/json; charset=utf-8"}, Field{"X-Two", "b"},
		Field{"X-Empty", ""}, Field{"Cookie", "a=1; b=2"}, Field{"X-Bytes", "caf\xe9 \t ü"},
		Field{"Connection", "close, X-Hop"}, Field{"X-Hop", "1"}, Field{"Te", "trailers"}, Field{"Expect", "100-continue"},
		Field{"Upgrade", "h2c"}, Field{"Content-Length", "99"}, Field{"Transfer-Encoding", "chunked"}, Field{"Host", "evil.test"},
		Field{"Hook-Delivery-Id", "forged"}, Field{"HOOK_attempt", "7"}, Field{"Hook-Anything", "x"},
		Field{"X-Forwarded-For", "198.51.100.7"}, Field{"X-Forwarded-Proto", "gopher"}, Field{"X_Forwarded_Host", "evil.test"}, Field{"X_Forwarded_For", "203.0.113.1"}, Field{"Content_Length", "5"},
		Field{"Forwarded", "for=198.51.100.7"})
	d.Attempt = 3
	res := forward(t, f, d)
	want := "POST /a%2Fb//c?x=1&x=2&y=%00+%7e HTTP/1.1\r\n" +
		"Host: localhost" + r.port() + "\r\n" +
		"X-Two: a\r\n" +
		"content-type: application/json; charset=utf-8\r\n" +
		"X-Two: b\r\n" +
		"X-Empty: \r\n" +
		"Cookie: a=1; b=2\r\n" +
		"X-Bytes: caf\xe9 \t ü\r\n" +
		"Content-Length: 10\r\n" +
		"X-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n" +
		"X-Forwarded-Host: relay.test\r\n" +
		"X-Forwarded-Proto: https\r\n" +
		"X-Forwarded-Prefix: /h/abc\r\n" +
		"Forwarded: for=198.51.100.7, for=192.0.2.1;host=relay.test;proto=https\r\n" +
		"Hook-Delivery-Id: dlv_00000000000000000000000000\r\n" +
		"Hook-Attempt: 3\r\n" +
		"\r\n{\"n\":1e2}\n"
	if got := r.only(t); got != want {
		t.Errorf("the target received\n%q\nwant\n%q", got, want)
	}
	if res.Status != 200 || string(res.Body) != "ok" || res.Size != 2 || res.By != ByApplication {
		t.Errorf("result %+v", res)
	}
	if tm := res.Timing; tm.Connected <= 0 || tm.FirstByte < tm.Connected || tm.Done < tm.FirstByte {
		t.Errorf("timing %+v is out of order", tm)
	}
}

func TestEveryMethodKeepsItsNaturalForm(t *testing.T) {
	cases := []struct {
		method, body string
		header       Header
		length       string // "": no Content-Length
	}{
		{"GET", "", nil, ""},
		{"GET", "q", nil, "1"},
		{"HEAD", "", nil, ""},
		{"OPTIONS", "", nil, ""},
		{"DELETE", "", nil, ""},
		{"DELETE", "", Header{{"content-length", "0"}}, "0"},
		{"DELETE", "x", nil, "1"},
		{"POST", "", nil, "0"},
		{"PUT", "", nil, "0"},
		{"PATCH", "", nil, "0"},
		{"PATCH", "abc", nil, "3"},
		{"PROPFIND", "", nil, ""},
		{"post", "", nil, ""},
	}
	for _, c := range cases {
		t.Run(c.method, func(t *testing.T) {
			answer := ok200
			if c.method == "HEAD" {
				answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
			}
			r := record(t, answer)
			forward(t, forwarder(t, r.port()), delivery(c.method, "/", c.body, c.header...))
			head, body, _ := strings.Cut(r.only(t), "\r\n\r\n")
			if !strings.HasPrefix(head, c.method+" / HTTP/1.1\r\n") || body != c.body {
				t.Errorf("the target received %q", head+body)
			}
			_, after, found := strings.Cut(head, "Content-Length: ")
			if length, _, _ := strings.Cut(after, "\r\n"); found != (c.length != "") || length != c.length {
				t.Errorf("Content-Length is %q, want %q", length, c.length)
			}
			for _, added := range []string{"User-Agent", "Accept-Encoding", "Connection:"} {
				if strings.Contains(head, added) {
					t.Errorf("%s was added: %q", added, head)
				}
			}
		})
	}
}

func TestHeaderOptions(t *testing.T) {
	host := func(v string) func(*ForwardOptions) { return func(o *ForwardOptions) { o.HostHeader = v } }
	set := func(h ...Field) func(*ForwardOptions) { return func(o *ForwardOptions) { o.SetHeader = h } }
	cases := map[string]struct {
		change func(*ForwardOptions)
		want   []string
		not    []string
	}{
		"preserved host":   {host("preserve"), []string{"\r\nHost: relay.test\r\n"}, nil},
		"fixed host":       {host("app.test:80"), []string{"\r\nHost: app.test:80\r\n"}, nil},
		"host as a header": {set(Field{"host", "set.test"}), []string{"\r\nHost: set.test\r\n"}, nil},
		"replaced header":  {set(Field{"x-a", "new"}, Field{"X-A", "newer"}), []string{"\r\nx-a: new\r\nX-A: newer\r\n"}, []string{"old"}},
		"own header":       {set(Field{"Hook-Replay", "2"}), []string{"\r\nHook-Replay: 2\r\n", "Hook-Attempt: 1"}, nil},
		"forwarded header": {set(Field{"X-Forwarded-Proto", "http"}), []string{"\r\nX-Forwarded-Proto: http\r\n"}, []string{"X-Forwarded-Proto: https"}},
		"left out":         {func(o *ForwardOptions) { o.RemoveHeader = []string{"x-a", "Hook-Attempt"} }, nil, []string{"X-A", "Hook-Attempt"}},
		"authorization":    {set(Field{"Authorization", "Basic eA=="}), []string{"\r\nAuthorization: Basic eA==\r\n"}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := record(t, ok200)
			forward(t, forwarder(t, r.port(), c.change), delivery("POST", "/", "", Field{"X-A", "old"}))
			got := r.only(t)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in %q", want, got)
				}
			}
			for _, not := range c.not {
				if strings.Contains(got, not) {
					t.Errorf("%q is in %q", not, got)
				}
			}
		})
	}
	target, _ := ParseTarget("3000")
	for name, o := range map[string]ForwardOptions{
		"no target":        {},
		"split value":      {Target: target, SetHeader: Header{{"X", "a\r\nY: b"}}},
		"bad name":         {Target: target, SetHeader: Header{{"X Y", "a"}}},
		"framing":          {Target: target, SetHeader: Header{{"transfer-encoding", "chunked"}}},
		"length":           {Target: target, SetHeader: Header{{"Content-Length", "1"}}},
		"no framing":       {Target: target, RemoveHeader: []string{"Content-Length"}},
		"no host":          {Target: target, RemoveHeader: []string{"host"}},
		"bad host":         {Target: target, HostHeader: "a b"},
		"negative timeout": {Target: target, Timeout: -1},
		"climbing prefix":  {Target: target, PathPrefix: "/a/../../b"},
	} {
		if _, err := NewForwarder(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestForwardedNamesTheSender(t *testing.T) {
	cases := []struct {
		remote, host, url, prefix string
		want                      string
	}{
		{"192.0.2.1:4711", "a.test", "http://a.test/", "", "X-Forwarded-For: 192.0.2.1|X-Forwarded-Host: a.test|X-Forwarded-Proto: http|Forwarded: for=192.0.2.1;host=a.test;proto=http"},
		{"[2001:db8::1]:4711", "a.test:8443", "HTTPS://a.test:8443/", "/h/x", `X-Forwarded-For: 2001:db8::1|X-Forwarded-Host: a.test:8443|X-Forwarded-Proto: https|X-Forwarded-Prefix: /h/x|Forwarded: for="[2001:db8::1]";host="a.test:8443";proto=https`},
		{"::ffff:192.0.2.9", "", "", "", "X-Forwarded-For: 192.0.2.9|Forwarded: for=192.0.2.9"},
		{"nonsense", "", "", "", ""},
		{"", "", "ftp://x", "", ""},
	}
	for _, c := range cases {
		f := forwarder(t, "3000")
		b, err := f.appendRequest(nil, &Delivery{Method: "GET", Target: "/", Remote: c.remote, Host: c.host, URL: c.url, Prefix: c.prefix})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.SplitSeq(string(b), "\r\n") {
			if strings.Contains(line, "Forwarded") {
				got = append(got, line)
			}
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}

func TestBodiesArriveByteForByte(t *testing.T) {
	body := bytes.Repeat([]byte("\x1f\x8b\x00\xff binary \r\n"), 1<<16)
	for _, size := range []int{0, 1, inlineBody - 1, inlineBody, inlineBody + 1, 64 << 10, len(body)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := record(t, ok200)
			f := forwarder(t, r.port())
			d := delivery("POST", "/", string(body[:size]), Field{"Content-Encoding", "gzip"})
			forward(t, f, d)
			forward(t, f, d)
			if n, conns := r.counts(); n != 2 || conns != 1 {
				t.Errorf("%d requests on %d connections, want 2 on 1", n, conns)
			}
			for _, got := range r.requests {
				if _, sent, _ := strings.Cut(got, "\r\n\r\n"); sent != string(body[:size]) {
					t.Errorf("the body of %d bytes arrived as %d others", size, len(sent))
				}
			}
		})
	}
}

func TestHandleIsSafeForManyAtOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(append(body, r.URL.RawQuery...))
	}))
	defer server.Close()
	f := forwarder(t, server.URL)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 20 {
				body := strings.Repeat(fmt.Sprint(i, ".", j, " "), 1+4000*(j%3))
				query := fmt.Sprint("i=", i, "&j=", j)
				res, err := f.Handle(t.Context(), delivery("POST", "/?"+query, body))
				if err != nil || string(res.Body) != body+query {
					t.Errorf("%s: error %v or another body", query, err)
				}
			}
		})
	}
	all.Wait()
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	forward(t, f, delivery("POST", "/", "after Close"))
}
