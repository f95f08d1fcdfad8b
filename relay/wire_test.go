package relay

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// echo answers with what the handler saw.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		problemForRead(err, 0).write(w)
		return
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s proto=%d.%d host=%s length=%d coding=%v close=%v\n", r.Method, r.RequestURI, r.ProtoMajor, r.ProtoMinor, r.Host, r.ContentLength, r.TransferEncoding, r.Close)
	r.Header.Write(&b)
	fmt.Fprintf(&b, "body=%x\n", sha256.Sum256(body))
	r.Trailer.Write(&b)
	w.Header()["Date"] = nil
	w.Write(b.Bytes())
}

// serveFront serves handler behind the hardened front on a loopback port.
func serveFront(t testing.TB, o wireOptions, handler http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, srv := newFront(l, o, handler)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	return l.Addr().String()
}

// exchange sends raw bytes, tells the server that no more will come, and
// returns all that came back.
func exchange(t testing.TB, addr, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).CloseWrite()
	got, _ := io.ReadAll(conn) // a reset after the answer is no fault
	return string(got)
}

const okHead = "POST /h/x HTTP/1.1\r\nHost: a\r\n"

// malformed are requests that the relay refuses. The ones with pass are those
// that net/http alone serves.
var malformed = []struct {
	name, raw string
	status    int
	pass      bool
}{
	{"length and coding", okHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true},
	{"coding and length", okHead + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 400, true},
	{"two equal lengths", okHead + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 400, true},
	{"two lengths", okHead + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", 400, false},
	{"list of lengths", okHead + "Content-Length: 2, 2\r\n\r\nhi", 400, false},
	{"signed length", okHead + "Content-Length: +2\r\n\r\nhi", 400, false},
	{"negative length", okHead + "Content-Length: -2\r\n\r\nhi", 400, false},
	{"hexadecimal length", okHead + "Content-Length: 0x2\r\n\r\nhi", 400, false},
	{"empty length", okHead + "Content-Length:\r\n\r\n", 400, false},
	{"huge length", okHead + "Content-Length: 9999999999999999999\r\n\r\n", 400, false},
	{"obs-fold", okHead + "X-A: 1\r\n 2\r\n\r\n", 400, true},
	{"obs-fold with tab", okHead + "X-A: 1\r\n\t2\r\n\r\n", 400, true},
	{"fold of the first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, false},
	{"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400, true},
	{"bare LF in one line", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, true},
	{"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, true},
	{"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400, false},
	{"bare CR in the target", "GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true},
	{"coding gzip", okHead + "Transfer-Encoding: gzip\r\n\r\n", 501, false},
	{"coding gzip, chunked", okHead + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, false},
	{"coding twice", okHead + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, false},
	{"coding identity", okHead + "Transfer-Encoding: identity\r\n\r\n", 501, false},
	{"coding with vertical tab", okHead + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400, false},
	{"empty coding", okHead + "Transfer-Encoding:\r\n\r\n", 501, false},
	{"space before colon", okHead + "X-A : 1\r\n\r\n", 400, false},
	{"tab before colon", okHead + "Content-Length\t: 1\r\n\r\nx", 400, false},
	{"no colon", okHead + "X-A\r\n\r\n", 400, false},
	{"no name", okHead + ": 1\r\n\r\n", 400, false},
	{"name with high byte", okHead + "X-\xe4: 1\r\n\r\n", 400, false},
	{"absolute-form", "GET http://evil.test/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
	{"authority-form", "GET evil.test:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
	{"target without slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"the front's own scheme", "GET hook-refused:/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
	{"CONNECT", "CONNECT evil.test:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501, true},
	{"CONNECT with path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 501, true},
	{"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501, true},
	{"PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, true},
	{"PRI with HTTP/1.1", "PRI * HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
	{"NUL in a value", okHead + "X: a\x00b\r\n\r\n", 400, false},
	{"ESC in a value", okHead + "X: a\x1b[0m\r\n\r\n", 400, false},
	{"DEL in a value", okHead + "X: a\x7f\r\n\r\n", 400, false},
	{"C1 as UTF-8 in a value", okHead + "X: a\u009b31m\r\n\r\n", 400, true},
	{"C1 as Latin-1 in a value", okHead + "X: a\x9b31m\r\n\r\n", 400, true},
	{"ESC in the target", "GET /\x1b HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"C1 in the target", "GET /\u009b HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
	{"Latin-1 C1 in the target", "GET /\x9b HTTP/1.1\r\nHost: a\r\n\r\n", 400, true},
	{"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"ESC in the method", "G\x1bT / HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"HTTP/0.9", "GET /\r\n\r\n", 400, false},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, true},
	{"HTTP/3.0", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, false},
	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400, false},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, false},
	{"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, false},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, false},
	{"two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, false},
	{"half a head", "GET / HTTP/1.1\r\nHos", 400, false},
	{"101 headers", okHead + strings.Repeat("X: y\r\n", 100) + "\r\n", 431, true},
	{"5000 headers", okHead + strings.Repeat("X: y\r\n", 5000) + "\r\n", 431, true},
	{"64 KiB in one header", okHead + "X: " + strings.Repeat("y", 64<<10) + "\r\n\r\n", 431, true},
	{"64 KiB target", "GET /" + strings.Repeat("y", 64<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 431, true},
	{"line without end", "GET /" + strings.Repeat("y", 70<<10), 431, false},
	{"chunk with bare LF", okHead + "Transfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n", 400, false},
	{"chunk data with bare LF", okHead + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\n0\r\n\r\n", 400, false},
	{"chunk longer than said", okHead + "Transfer-Encoding: chunked\r\n\r\n2\r\nhiho\r\n0\r\n\r\n", 400, false},
	{"chunk size 0x", okHead + "Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n", 400, false},
	{"chunk size signed", okHead + "Transfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n0\r\n\r\n", 400, false},
	{"chunk size empty", okHead + "Transfer-Encoding: chunked\r\n\r\n\r\nhi\r\n0\r\n\r\n", 400, false},
	{"chunk size with space", okHead + "Transfer-Encoding: chunked\r\n\r\n2 \r\nhi\r\n0\r\n\r\n", 400, true},
	{"chunk size overflow", okHead + "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\nhi\r\n0\r\n\r\n", 400, false},
	{"chunk extension with LF", okHead + "Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\nhi\r\n0\r\n\r\n", 400, false},
	{"trailer folded", okHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n", 400, true},
	{"trailer with bare LF", okHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\n\r\n", 400, false},
	{"trailers of 5 KiB", okHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("y", 5<<10) + "\r\n\r\n", 400, false},
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	addr := serveFront(t, wireOptions{}, echo)
	lenient := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(lenient.Close)
	for _, c := range malformed {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := exchange(t, addr, c.raw)
			if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
				t.Errorf("answer %.200q, want %d", got, c.status)
			}
			if n := strings.Count(got, "HTTP/1.1 "); n != 1 {
				t.Errorf("%d answers: %q", n, got)
			}
			if !strings.Contains(got, "Connection: close\r\n") {
				t.Errorf("the connection stays open: %q", got)
			}
			if strings.Contains(got, "host=") {
				t.Errorf("the handler ran: %q", got)
			}
			// The fact behind it: what net/http alone does. When this fails,
			// net/http has become stricter, or more lenient.
			alone := exchange(t, lenient.Listener.Addr().String(), c.raw)
			if served := strings.HasPrefix(alone, "HTTP/1.1 200") || strings.HasPrefix(alone, "HTTP/1.0 200"); served != c.pass {
				t.Errorf("net/http alone: %.300q", alone)
			}
		})
	}
}

func TestARefusalKeepsItsPlaceInAPipeline(t *testing.T) {
	addr := serveFront(t, wireOptions{}, echo)
	good := "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
	for _, bad := range malformed {
		got := exchange(t, addr, good+good+bad.raw)
		parts := strings.Split(got, "HTTP/1.1 ")
		if len(parts) != 4 || !strings.HasPrefix(parts[1], "200") || !strings.HasPrefix(parts[2], "200") || !strings.HasPrefix(parts[3], fmt.Sprint(bad.status)) &&
			!strings.HasPrefix(parts[3], "400") { // net/http's own, where the byte that went ahead is no token
			t.Errorf("%s: %.300q", bad.name, got)
		}
	}
}

func TestNothingAfterARefusalIsServed(t *testing.T) {
	addr := serveFront(t, wireOptions{}, echo)
	for _, bad := range malformed {
		if bad.name == "half a head" || bad.name == "line without end" || bad.name == "TLS" {
			continue
		}
		got := exchange(t, addr, bad.raw+"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
		if strings.Contains(got, "smuggled") || strings.Count(got, "HTTP/1.1 ") != 1 {
			t.Errorf("%s: %.300q", bad.name, got)
		}
	}
}

var wellFormed = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET //evil.test/%2e%2e/%00?a=1&a=2;b HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /ä?ö=ü HTTP/1.1\r\nHost: a\r\nX: Ärger À é 日本\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xe9\r\nX:\r\nX: \t two\t\r\nx: three\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
	"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
	"OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n",
	"PROPFIND /x HTTP/1.1\r\nHost: a:80\r\n\r\n",
	"DELETE /x HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00003 \r\n\r\na\nb",
	"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n5;ext=\"a b\"\r\nhello\r\n00A\r\n0123456789\r\n0;last\r\nX-T: v\r\nX-U: w\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n\r\n", // an empty line between, as old clients send
	"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 99) + "\r\n",
	"GET /" + strings.Repeat("y", 60<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("z", 300_000),
}

func TestWellFormedRequestsArriveUnchanged(t *testing.T) {
	addr := serveFront(t, wireOptions{}, echo)
	alone := httptest.NewServer(http.HandlerFunc(echo))
	defer alone.Close()
	for _, raw := range wellFormed {
		want := exchange(t, alone.Listener.Addr().String(), raw)
		if got := exchange(t, addr, raw); got != want || !strings.Contains(got, " 200 OK") {
			t.Errorf("%.200q:\n%.500q\nalone:\n%.500q", raw, got, want)
		}
	}
	all := strings.Join(wellFormed[:4], "") + strings.Join(wellFormed[6:17], "")
	all = strings.Replace(all, wellFormed[12], "", 1) // HTTP/1.0 ends a connection
	want := exchange(t, alone.Listener.Addr().String(), all)
	if got := exchange(t, addr, all); got != want || strings.Count(got, "200 OK") != 14 {
		t.Errorf("pipelined:\n%q\nalone:\n%q", got, want)
	}
}

// oneConn is a listener for a single connection.
type oneConn chan net.Conn

func (o oneConn) Accept() (net.Conn, error) {
	if c, ok := <-o; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (o oneConn) Close() error   { return nil }
func (o oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// replay is a connection that reads given pieces and keeps what is written.
type replay struct {
	net.Conn
	pieces [][]byte
	out    bytes.Buffer
	closed chan struct{}
	half   time.Time // when one half was closed
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.pieces[0])
	if r.pieces[0] = r.pieces[0][n:]; len(r.pieces[0]) == 0 {
		r.pieces = r.pieces[1:]
	}
	return n, nil
}
func (r *replay) Write(p []byte) (int, error)      { return r.out.Write(p) }
func (r *replay) Close() error                     { close(r.closed); return nil }
func (r *replay) CloseWrite() error                { r.half = time.Now(); return nil }
func (r *replay) SetDeadline(time.Time) error      { return nil }
func (r *replay) SetReadDeadline(time.Time) error  { return nil }
func (r *replay) SetWriteDeadline(time.Time) error { return nil }
func (r *replay) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (r *replay) LocalAddr() net.Addr              { return &net.TCPAddr{} }

// cut splits data at random places.
func cut(data []byte, rnd *rand.Rand) (pieces [][]byte) {
	for len(data) > 0 {
		n := 1 + rnd.IntN(len(data))
		if rnd.IntN(2) == 0 {
			n = min(n, 1+rnd.IntN(20))
		}
		pieces = append(pieces, data[:n])
		data = data[n:]
	}
	return pieces
}

// through serves pieces as one connection and returns the answers. In a
// synctest bubble the moment that net/http waits after a refusal costs nothing.
func through(t *testing.T, front bool, pieces [][]byte) (out string) {
	synctest.Test(t, func(t *testing.T) {
		l := make(oneConn, 1)
		var ln net.Listener = l
		srv := &http.Server{Handler: http.HandlerFunc(echo)}
		if front {
			ln, srv = newFront(l, wireOptions{}, http.HandlerFunc(echo))
		}
		c := &replay{pieces: pieces, closed: make(chan struct{})}
		l <- c
		close(l)
		srv.Serve(ln)
		<-c.closed
		out = c.out.String()
	})
	return out
}

// randomRequest is a valid request.
func randomRequest(rnd *rand.Rand) []byte {
	var b bytes.Buffer
	method := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "M-SEARCH"}[rnd.IntN(7)]
	path := []string{"/", "/h/abc", "//x", "/%2F%00?q=1&q=2", "/a;b=c?d#e", "/ü"}[rnd.IntN(6)]
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: a\r\n", method, path)
	for range rnd.IntN(8) {
		fmt.Fprintf(&b, "X-%c:%*s%s\r\n", 'A'+rnd.IntN(3), rnd.IntN(3), "", []string{"", "v", "a, b", "\"q\\\"\"", "é", strings.Repeat("long ", 300)}[rnd.IntN(6)])
	}
	body := make([]byte, []int{0, 1, 10, 5000, 70000}[rnd.IntN(5)])
	for i := range body {
		body[i] = "\r\n0aGET / HTTP"[rnd.IntN(13)]
	}
	switch rnd.IntN(3) {
	case 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	case 1:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for len(body) > 0 {
			n := 1 + rnd.IntN(len(body))
			fmt.Fprintf(&b, "%0*x%s\r\n%s\r\n", rnd.IntN(5), n, []string{"", ";a", ";a=\"b;c\""}[rnd.IntN(3)], body[:n])
			body = body[n:]
		}
		b.WriteString("0\r\n")
		for range rnd.IntN(3) {
			b.WriteString("X-Trailer: v\r\n")
		}
		b.WriteString("\r\n")
	default:
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// FuzzFrontChangesNothing sends random valid requests, pipelined and in random
// pieces, through net/http with and without the front.
func FuzzFrontChangesNothing(f *testing.F) {
	for i := range uint64(100) {
		f.Add(i)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var raw []byte
		n := 1 + rnd.IntN(5)
		for range n {
			raw = append(raw, randomRequest(rnd)...)
		}
		want := through(t, false, cut(raw, rnd))
		if got := through(t, true, cut(raw, rnd)); got != want || strings.Count(got, "200 OK") != n {
			t.Fatalf("%.2000q:\n%.2000q\nalone:\n%.2000q", raw, got, want)
		}
	})
}

// FuzzFrontIsNeverMoreLenient sends any bytes: what the front lets through,
// net/http alone serves in the same way, up to where the front refuses.
func FuzzFrontIsNeverMoreLenient(f *testing.F) {
	for _, c := range malformed {
		if len(c.raw) < 1000 {
			f.Add([]byte(c.raw), uint64(1))
			f.Add([]byte(wellFormed[9]+c.raw), uint64(2))
		}
	}
	for _, raw := range wellFormed[:18] {
		f.Add([]byte(raw), uint64(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		got, alone := through(t, true, cut(raw, rnd)), through(t, false, cut(raw, rnd))
		served, _, refused := strings.Cut(got, "HTTP/1.1 4")
		if !refused {
			served, _, refused = strings.Cut(got, "HTTP/1.1 5")
		}
		if !strings.HasPrefix(alone, served) || !refused && got != alone {
			t.Fatalf("%q:\n%q\nalone:\n%q", raw, got, alone)
		}
	})
}

// FuzzFramer checks that the framer does not depend on how bytes arrive.
func FuzzFramer(f *testing.F) {
	for _, c := range malformed {
		f.Add([]byte(c.raw))
	}
	for _, raw := range wellFormed {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole := framer{maxLines: 100, maxBytes: 64 << 10}
		total, why := 0, faultNone
		for {
			n, f := whole.accept(raw[total:])
			if total += n; n == 0 || f != faultNone {
				why = f
				break
			}
		}
		pieces := framer{maxLines: 100, maxBytes: 64 << 10}
		done, end := 0, 0
		for done < len(raw) && end < len(raw) {
			end++
			n, f := pieces.accept(raw[done:end])
			if done += n; f != faultNone {
				if f != why || done != total {
					t.Fatalf("byte by byte: fault %d at %d, whole: %d at %d", f, done, why, total)
				}
				return
			}
		}
		if why != faultNone && why != faultTooMuch || done != total {
			t.Fatalf("byte by byte: %d, whole: %d fault %d", done, total, why)
		}
	})
}

// pair serves one side of a pipe and gives the other to the test.
func pair(t *testing.T, o wireOptions, handler http.HandlerFunc) (client net.Conn, done chan struct{}) {
	client, server := net.Pipe()
	l := make(oneConn, 1)
	ln, srv := newFront(l, o, handler)
	l <- server
	done = make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(ln)
	}()
	t.Cleanup(func() {
		client.Close()
		close(l)
		<-done
		srv.Close()
	})
	return client, done
}

func TestSlowSendersAreCutOff(t *testing.T) {
	answer := func(c net.Conn) (string, time.Duration) {
		start := time.Now()
		got, _ := io.ReadAll(c)
		line, _, _ := strings.Cut(string(got), "\r\n")
		return line, time.Since(start).Round(time.Second)
	}
	drip := func(c net.Conn, data string, every time.Duration) {
		for i := range len(data) {
			if _, err := io.WriteString(c, data[i:i+1]); err != nil {
				return
			}
			time.Sleep(every)
		}
	}
	body := func(n int) string { return okHead + fmt.Sprintf("Content-Length: %d\r\n\r\n", n) }
	for name, c := range map[string]struct {
		send func(c net.Conn)
		want string
		min  time.Duration
		max  time.Duration
	}{
		"says nothing":      {func(c net.Conn) {}, "", 10 * time.Second, 10 * time.Second},
		"stops in the head": {func(c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\nHo") }, "HTTP/1.1 408 Request Timeout", 10 * time.Second, 11 * time.Second},
		"drips the head":    {func(c net.Conn) { drip(c, okHead+strings.Repeat("x", 1000), time.Second) }, "HTTP/1.1 408 Request Timeout", 10 * time.Second, 11 * time.Second},
		"stops in the body": {func(c net.Conn) { io.WriteString(c, body(10)+"abc") }, "HTTP/1.1 408 Request Timeout", 10 * time.Second, 11 * time.Second},
		"drips the body":    {func(c net.Conn) { io.WriteString(c, body(1000)); drip(c, strings.Repeat("x", 1000), time.Second) }, "HTTP/1.1 408 Request Timeout", 10 * time.Second, 11 * time.Second},
		"below the rate":    {func(c net.Conn) { io.WriteString(c, body(100<<10)); dripBlocks(c, 512) }, "HTTP/1.1 408 Request Timeout", 19 * time.Second, 22 * time.Second},
		"stops after much":  {func(c net.Conn) { io.WriteString(c, body(2<<20)+strings.Repeat("x", 1<<20)) }, "HTTP/1.1 408 Request Timeout", 10 * time.Second, 11 * time.Second},
		"much, then drips": {func(c net.Conn) {
			io.WriteString(c, body(2<<20)+strings.Repeat("x", 1<<20))
			drip(c, strings.Repeat("x", 1000), 5*time.Second)
		}, "HTTP/1.1 408 Request Timeout", 65 * time.Second, 75 * time.Second},
		"in bursts": {func(c net.Conn) {
			io.WriteString(c, body(400<<10))
			for range 10 {
				io.WriteString(c, strings.Repeat("x", 40<<10))
				time.Sleep(9 * time.Second)
			}
		}, "HTTP/1.1 200 OK", 140 * time.Second, 150 * time.Second},
		"just above the rate": {func(c net.Conn) { io.WriteString(c, body(40<<10)); dripBlocks(c, 1100) }, "HTTP/1.1 200 OK", 36 * time.Second, 110 * time.Second},
		"head just in time":   {func(c net.Conn) { drip(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 300*time.Millisecond) }, "HTTP/1.1 200 OK", 60 * time.Second, 70 * time.Second},
		"idle between":        {func(c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }, "HTTP/1.1 200 OK", 60 * time.Second, 61 * time.Second},
		"second head drips": {func(c net.Conn) {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			time.Sleep(30 * time.Second)
			drip(c, okHead+strings.Repeat("x", 1000), time.Second)
		}, "HTTP/1.1 200 OK", 40 * time.Second, 42 * time.Second},
		"chunks below": {func(c net.Conn) {
			io.WriteString(c, okHead+"Transfer-Encoding: chunked\r\n\r\n")
			drip(c, strings.Repeat("1\r\nx\r\n", 1000), 100*time.Millisecond)
		}, "HTTP/1.1 408 Request Timeout", 10 * time.Second, 12 * time.Second},
		"one byte at a time": {func(c net.Conn) { drip(c, okHead+"Content-Length: 1\r\n\r\nx", time.Millisecond) }, "HTTP/1.1 200 OK", 60 * time.Second, 61 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, _ := pair(t, wireOptions{}, echo)
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					c.send(conn)
				}()
				got, took := answer(conn)
				if got != c.want || took < c.min || took > c.max {
					t.Errorf("%q after %v, want %q between %v and %v", got, took, c.want, c.min, c.max)
				}
				conn.Close()
				<-sent
			})
		})
	}
}

// dripBlocks sends n bytes every second.
func dripBlocks(c net.Conn, n int) {
	for range 100 {
		if _, err := c.Write(bytes.Repeat([]byte("x"), n)); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestASlowHandlerIsNotTheSendersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := pair(t, wireOptions{}, func(w http.ResponseWriter, r *http.Request) {
			p := make([]byte, 1)
			for range 10 {
				time.Sleep(30 * time.Second)
				if _, err := io.ReadFull(r.Body, p); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(time.Hour) // longer than any limit: the connection is idle, the request is not
			if err := r.Context().Err(); err != nil {
				t.Error(err)
			}
			io.WriteString(w, "done")
		})
		io.WriteString(conn, okHead+"Content-Length: 10\r\n\r\n0123456789")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%v, %v", resp, err)
		}
	})
}

func TestASenderThatLeavesEndsTheRequest(t *testing.T) {
	gone := make(chan struct{})
	addr := serveFront(t, wireOptions{}, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		close(gone)
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, okHead+"Content-Length: 2\r\n\r\nhi")
	conn.Close()
	<-gone
}

func TestASenderThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan time.Duration, 1)
		conn, _ := pair(t, wireOptions{}, func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			for {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					failed <- time.Since(start)
					return
				}
			}
		})
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if d := <-failed; d < 30*time.Second || d > 35*time.Second {
			t.Errorf("cut off after %v", d)
		}
	})
}

func TestAHijackedConnectionIsBare(t *testing.T) {
	for _, early := range []string{"", "\x82\x01x", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\n\n\n"} {
		addr := serveFront(t, wireOptions{}, func(w http.ResponseWriter, r *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			n := rw.Reader.Buffered() // as WebSocket libraries take it over
			ahead, _ := rw.Reader.Peek(n)
			io.Copy(conn, io.MultiReader(bytes.NewReader(ahead), conn))
		})
		var all strings.Builder
		for i := range 2000 {
			fmt.Fprintf(&all, "\n\r \x00\xff GET / bad\n%d", i)
		}
		want := early + all.String()
		got := exchange(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"+want)
		if _, after, _ := strings.Cut(got, "\r\n\r\n"); after != want {
			t.Errorf("early %q: %d of %d bytes came back, %.100q", early, len(after), len(want), after)
		}
	}
}

func TestBytesBeforeAHijackAreKept(t *testing.T) {
	for _, early := range []string{"\x82\x01x", "G", "\r\nx", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			hijack := make(chan struct{})
			conn, _ := pair(t, wireOptions{}, func(w http.ResponseWriter, r *http.Request) {
				<-hijack
				c, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				io.Copy(c, rw)
			})
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			go io.WriteString(conn, early) // a pipe: the first byte is taken while the handler runs
			synctest.Wait()
			close(hijack)
			got := make([]byte, len(early))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != early {
				t.Errorf("%q came back as %q: %v", early, got, err)
			}
		})
	}
}

func TestARefusalLeavesTimeToReadIt(t *testing.T) {
	for _, raw := range []string{malformed[0].raw, malformed[0].raw + strings.Repeat("x", 1<<20)} {
		synctest.Test(t, func(t *testing.T) {
			l := make(oneConn, 1)
			ln, srv := newFront(l, wireOptions{}, http.HandlerFunc(echo))
			c := &replay{pieces: [][]byte{[]byte(raw)}, closed: make(chan struct{})}
			l <- c
			close(l)
			srv.Serve(ln)
			<-c.closed
			if c.half.IsZero() || time.Since(c.half) < 100*time.Millisecond {
				t.Errorf("closed %v after its sending half", time.Since(c.half))
			}
		})
	}
}

func TestAHijackedConnectionHasNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := pair(t, wireOptions{}, func(w http.ResponseWriter, r *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			io.Copy(c, c)
		})
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		br := bufio.NewReader(conn)
		br.ReadString('\n')
		br.ReadString('\n')
		for range 3 {
			time.Sleep(time.Hour)
			if _, err := io.WriteString(conn, "x"); err != nil {
				t.Fatal(err)
			}
			if b, err := br.ReadByte(); b != 'x' || err != nil {
				t.Fatalf("%q, %v", b, err)
			}
		}
	})
}
