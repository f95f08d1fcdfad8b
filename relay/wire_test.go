package relay

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
