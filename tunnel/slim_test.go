package tunnel

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	many := func(n int) string { return strings.Repeat("X-Many: 1\r\n", n) }
	cases := map[string]struct {
		method string // "" is POST
		wire   string
		want   Result
		keeps  bool // the connection
	}{
		"plain": {wire: ok200, want: Result{Status: 200, Body: []byte("ok"), Size: 2}, keeps: true},
		"every value in order": {
			wire:  "HTTP/1.1 201 Made\r\nset-cookie: a=1\r\nX-B:\t x \t\r\nSet-Cookie: b=2\r\nX-E:\r\nContent-Length: 0\r\n\r\n",
			want:  Result{Status: 201, Header: Header{{"set-cookie", "a=1"}, {"X-B", "x"}, {"Set-Cookie", "b=2"}, {"X-E", ""}}},
			keeps: true,
		},
		"hop-by-hop": {
			wire:  "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nUpgrade: h2c\r\nX: 1\r\nContent-Length: 0\r\n\r\n",
			want:  Result{Status: 200, Header: Header{{"X", "1"}}},
			keeps: true,
		},
		"500 is an answer": {wire: "HTTP/1.1 500 Oh No\r\nContent-Length: 4\r\n\r\nboom", want: Result{Status: 500, Body: []byte("boom"), Size: 4}, keeps: true},
		"redirect": {
			wire:  "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
			want:  Result{Status: 302, Header: Header{{"Location", "http://169.254.169.254/"}}},
			keeps: true,
		},
		"no reason":      {wire: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", want: Result{Status: 200}, keeps: true},
		"line feeds":     {wire: "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", want: Result{Status: 200, Body: []byte("ok"), Size: 2}, keeps: true},
		"folded line":    {wire: "HTTP/1.1 200 OK\r\nX: a\r\n  b\r\nContent-Length: 0\r\n\r\n", want: Result{Status: 200, Header: Header{{"X", "a b"}}}, keeps: true},
		"latin-1 header": {wire: "HTTP/1.1 200 OK\r\nX: caf\xe9\r\nContent-Length: 0\r\n\r\n", want: Result{Status: 200, Header: Header{{"X", "caf\xe9"}}}, keeps: true},
		"informational": {
			wire:  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
			want:  Result{Status: 200, Body: []byte("ok"), Size: 2},
			keeps: true,
		},
		"204": {wire: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", want: Result{Status: 204}, keeps: true},
		"304": {wire: "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n", want: Result{Status: 304, Header: Header{{"ETag", `"x"`}}}, keeps: true},
		"HEAD": {
			method: "HEAD",
			wire:   "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
			want:   Result{Status: 200, Header: Header{{"Content-Length", "1234"}}},
			keeps:  true,
		},
		"chunked": {
			wire:  "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n1;ext=\"a\"\r\n \r\nA \r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n",
			want:  Result{Status: 200, Body: []byte("hello 0123456789"), Size: 16},
			keeps: true,
		},
		"chunked beats a length": {wire: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n<close>", want: Result{Status: 200, Body: []byte("ok"), Size: 2}},
		"same length twice":      {wire: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2, 2\r\n\r\nok", want: Result{Status: 200, Body: []byte("ok"), Size: 2}, keeps: true},
		"until close":            {wire: "HTTP/1.1 200 OK\r\n\r\nall of it<close>", want: Result{Status: 200, Body: []byte("all of it"), Size: 9}},
		"nothing until close":    {wire: "HTTP/1.1 200 OK\r\n\r\n<close>", want: Result{Status: 200}},
		"HTTP/1.0":               {wire: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok<close>", want: Result{Status: 200, Body: []byte("ok"), Size: 2}},
		"HTTP/1.0 kept":          {wire: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", want: Result{Status: 200, Body: []byte("ok"), Size: 2}, keeps: true},
		"connection: close":      {wire: "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok<hang>", want: Result{Status: 200, Body: []byte("ok"), Size: 2}},
		"more than it says":      {wire: ok200 + "HTTP/1.1 200 OK\r\n\r\n", want: Result{Status: 200, Body: []byte("ok"), Size: 2}},
		"at the limit":           {wire: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", limit, strings.Repeat("x", limit)), want: Result{Status: 200, Body: bytes.Repeat([]byte("x"), limit), Size: limit}, keeps: true},
		"over the limit":         {wire: fmt.Sprintf("HTTP/1.1 503 No\r\nContent-Length: %d\r\n\r\n%s", limit+1, strings.Repeat("x", limit+1)), want: Result{Status: 503, Size: limit + 1}, keeps: true},
		"far over the limit":     {wire: "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n<hang>", want: Result{Status: 200, Size: 1 << 40}},
		"chunks over the limit":  {wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("3e8\r\n"+strings.Repeat("x", 1000)+"\r\n", 5) + "0\r\n\r\n", want: Result{Status: 200, Size: 5000}, keeps: true},
		"huge chunk":             {wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n<hang>", want: Result{Status: 200, Size: 0xfffffffffff}},
		"close over the limit":   {wire: "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 9000) + "<close>", want: Result{Status: 200, Size: 9000}},
		"many header lines":      {wire: "HTTP/1.1 200 OK\r\n" + many(answerFieldLimit-1) + "Content-Length: 0\r\n\r\n", want: Result{Status: 200, Header: slices.Repeat(Header{{"X-Many", "1"}}, answerFieldLimit-1)}, keeps: true},
		"long header line":       {wire: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 60<<10) + "\r\nContent-Length: 0\r\n\r\n", want: Result{Status: 200, Header: Header{{"X", strings.Repeat("x", 60<<10)}}}, keeps: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := record(t, c.wire)
			f := forwarder(t, r.port(), func(o *ForwardOptions) { o.AnswerLimit = limit })
			method := c.method
			if method == "" {
				method = "POST"
			}
			res := forward(t, f, delivery(method, "/", ""))
			c.want.By, c.want.Timing = ByApplication, res.Timing
			if len(res.Header) == 0 {
				res.Header = nil
			}
			if !reflect.DeepEqual(*res, c.want) {
				t.Errorf("got %.300v\nwant %.300v", *res, c.want)
			}
			if res.Omitted() != (c.want.Size > limit) {
				t.Errorf("Omitted is %t at %d bytes", res.Omitted(), res.Size)
			}
			if kept := len(f.client.idle) == 1; kept != c.keeps {
				t.Errorf("connection kept: %t, want %t", kept, c.keeps)
			}
		})
	}
}

// limit of answers in tests.
const limit = 4000

func TestAnswersThatAreNone(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		wire string
		kind FailureKind
		part string
	}{
		"ssh":                  {"SSH-2.0-OpenSSH_9.6\r\n<hang>", Garbage, "SSH-2.0"},
		"tls alert":            {"\x15\x03\x01\x00\x02\x02\x46<hang>", Garbage, "write https://"},
		"one byte":             {"x<hang>", Garbage, `"x"`},
		"empty line":           {"\r\n" + ok200 + "<hang>", Garbage, ""},
		"HTTP/2":               {"HTTP/2 200 OK\r\n\r\n<hang>", Garbage, "HTTP/2"},
		"not a number":         {"HTTP/1.1 2x0 OK\r\n\r\n<hang>", Garbage, "2x0"},
		"status 099":           {"HTTP/1.1 099 OK\r\n\r\n<hang>", Garbage, "99"},
		"status 600":           {"HTTP/1.1 600 OK\r\n\r\n<hang>", Garbage, "600"},
		"status 2000":          {"HTTP/1.1 2000 OK\r\n\r\n<hang>", Garbage, "2000"},
		"101":                  {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n<hang>", Garbage, "101"},
		"no colon":             {head + "nonsense\r\n\r\n<hang>", Garbage, "nonsense"},
		"space before colon":   {head + "Content-Length : 5\r\n\r\n<hang>", Garbage, "Content-Length"},
		"control in value":     {head + "X: a\x1b[31m\r\n\r\n<hang>", Garbage, "control character"},
		"return in value":      {head + "X: a\rb\r\n\r\n<hang>", Garbage, "control character"},
		"fold at start":        {head + " X: a\r\n\r\n<hang>", Garbage, "continues none"},
		"folded length":        {head + "Content-Length: 1\r\n 2\r\n\r\n<hang>", Garbage, "continues none"},
		"two lengths":          {head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n<hang>", Garbage, "Content-Length"},
		"signed length":        {head + "Content-Length: +1\r\n\r\n<hang>", Garbage, "Content-Length"},
		"empty length":         {head + "Content-Length:\r\n\r\n<hang>", Garbage, "Content-Length"},
		"endless length":       {head + "Content-Length: 99999999999999999999\r\n\r\n<hang>", Garbage, "Content-Length"},
		"gzip coding":          {head + "Transfer-Encoding: gzip, chunked\r\n\r\n<hang>", Garbage, "Transfer-Encoding"},
		"chunked twice":        {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n<hang>", Garbage, "Transfer-Encoding"},
		"bad chunk":            {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n<hang>", Garbage, "chunk"},
		"signed chunk":         {head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n<hang>", Garbage, "chunk"},
		"empty chunk line":     {head + "Transfer-Encoding: chunked\r\n\r\n\r\n<hang>", Garbage, "chunk"},
		"overflowing chunk":    {head + "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n<hang>", Garbage, "chunk"},
		"chunk too long":       {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n<hang>", Garbage, "chunk"},
		"endless chunk line":   {head + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 5000) + "<hang>", Garbage, "chunk"},
		"chunks of chunk line": {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\na\r\n", 20) + "<hang>", Garbage, "chunk"},
		"endless trailers":     {head + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: y\r\n", 20000) + "<hang>", Garbage, "trailer"},
		"too many lines":       {head + strings.Repeat("X: 1\r\n", answerFieldLimit+1) + "\r\n<hang>", Garbage, "256 lines"},
		"too large a header":   {head + "X: " + strings.Repeat("x", answerHeaderLimit) + "<hang>", Garbage, "65536 bytes"},
		"endless 1xx":          {strings.Repeat("HTTP/1.1 103 Early\r\n\r\n", 5000) + "<hang>", Garbage, "65536 bytes"},
		"nothing":              {"<close>", Reset, "before it answered"},
		"nothing but a reset":  {"<reset>", Reset, "before it answered"},
		"half a status":        {"HTTP/1.1 2<close>", Reset, "in the middle"},
		"half a header":        {head + "X: 1\r\n<close>", Reset, "in the middle"},
		"only 100":             {"HTTP/1.1 100 Continue\r\n\r\n<close>", Reset, "in the middle"},
		"half a body":          {head + "Content-Length: 10\r\n\r\nabc<close>", Reset, "after 3 of 10 bytes"},
		"half a large body":    {head + "Content-Length: 10000\r\n\r\nabc<close>", Reset, "after 3 of 10000 bytes"},
		"half a chunk":         {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab<close>", Reset, "in the middle"},
		"no last chunk":        {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n<close>", Reset, "in the middle"},
		"half a trailer":       {head + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: <close>", Reset, "in the middle"},
		"reset in the answer":  {head + "Content-Length: 10\r\n\r\nabc<reset>", Reset, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := record(t, c.wire)
			fails(t, forwarder(t, r.port()), delivery("POST", "/", "x"), c.kind, c.part)
			if n, _ := r.counts(); n != 1 {
				t.Errorf("the target received the webhook %d times", n)
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	for name, wire := range map[string]string{
		"no answer within 400ms":                  "<hang>",
		"the answer was not complete after 400ms": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc<hang>",
	} {
		r := record(t, wire)
		f := forwarder(t, r.port(), func(o *ForwardOptions) { o.Timeout = 400 * time.Millisecond })
		fails(t, f, delivery("POST", "/", "x"), TimedOut, name)
		fails(t, f, delivery("POST", "/", strings.Repeat("x", 16<<20)), TimedOut)
	}
}

func TestContextEndsAnAttempt(t *testing.T) {
	r := record(t, "HTTP/1.1 100 Continue\r\n\r\n<hang>")
	f := forwarder(t, r.port(), func(o *ForwardOptions) { o.Timeout = 0 })
	ctx, cancel := context.WithCancel(t.Context())
	f.client.dialer.dialNetwork = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &cancelOnRead{conn, cancel}, err
	}
	res, err := f.Handle(ctx, delivery("POST", "/", "x"))
	checkFailure(t, res, err, Abandoned)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	f = forwarder(t, r.port(), func(o *ForwardOptions) { o.Timeout = 0 })
	res, err = f.Handle(ctx, delivery("POST", "/", "x"))
	checkFailure(t, res, err, TimedOut)
}

// cancelOnRead cancels when the first byte of the answer is there.
type cancelOnRead struct {
	net.Conn
	cancel func()
}

func (c *cancelOnRead) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.cancel()
	return n, err
}

// brokenWrite fails its second write after n bytes.
type brokenWrite struct {
	net.Conn
	n      int
	writes int
}

func (b *brokenWrite) Write(p []byte) (int, error) {
	if b.writes++; b.writes == 2 {
		n, _ := b.Conn.Write(p[:b.n])
		b.Conn.Close()
		return n, &net.OpError{Op: "write", Err: syscall.EPIPE}
	}
	return b.Conn.Write(p)
}

func TestOnlyAnUnwrittenRequestIsSentAgain(t *testing.T) {
	for _, method := range []string{"POST", "GET", "PUT"} {
		for _, body := range []string{"small", strings.Repeat("x", 2*inlineBody)} {
			for written, again := range map[int]bool{0: true, 1: false, 50: false} {
				t.Run(fmt.Sprint(method, len(body), " after ", written), func(t *testing.T) {
					r := record(t, ok200)
					dials := 0
					f := forwarder(t, "127.0.0.1"+r.port(), func(o *ForwardOptions) {
						o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
							conn, err := new(net.Dialer).DialContext(ctx, network, address)
							if dials++; dials > 1 {
								return conn, err
							}
							return &brokenWrite{Conn: conn, n: written}, err
						}
					})
					forward(t, f, delivery(method, "/", "first"))
					d := delivery(method, "/", body)
					if again {
						forward(t, f, d)
						if n, _ := r.counts(); n != 2 || dials != 2 {
							t.Errorf("%d requests, %d connections, want 2, 2", n, dials)
						}
						return
					}
					fails(t, f, d, Reset)
					if n, _ := r.counts(); n != 1 || dials != 1 {
						t.Errorf("%d requests, %d connections, want 1, 1: it was sent again", n, dials)
					}
				})
			}
		}
	}
}

func TestAWrittenRequestIsNeverSentAgain(t *testing.T) {
	for _, method := range []string{"POST", "GET", "HEAD", "DELETE"} {
		for _, end := range []string{"<close>", "<reset>"} {
			answer := ok200
			if method == "HEAD" {
				answer = "HTTP/1.1 200 OK\r\n\r\n"
			}
			r := record(t, answer, end)
			f := forwarder(t, r.port())
			forward(t, f, delivery(method, "/", ""))
			fails(t, f, delivery(method, "/", ""), Reset, "before it answered")
			if n, conns := r.counts(); n != 2 || conns != 1 {
				t.Errorf("%s %s: %d requests on %d connections, want 2 on 1", method, end, n, conns)
			}
		}
	}
}

func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	for _, keepReading := range []bool{false, true} {
		t.Run(fmt.Sprint("application reads on ", keepReading), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			body := strings.Repeat("x", 24<<20)
			received := make(chan int, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					received <- -1
					return
				}
				defer conn.Close()
				in := bufio.NewReader(conn)
				for line := ""; line != "\r\n"; line, err = in.ReadString('\n') {
					if err != nil {
						received <- -1
						return
					}
				}
				io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
				n := int64(0)
				if keepReading {
					n, _ = io.CopyN(io.Discard, in, int64(len(body)))
				}
				received <- int(n)
			}()
			f := forwarder(t, "http://"+l.Addr().String())
			res := forward(t, f, delivery("POST", "/", body))
			if res.Status != 413 || string(res.Body) != "big" {
				t.Errorf("result %+v", res)
			}
			if n := <-received; keepReading && n != len(body) {
				t.Errorf("the application could read %d of %d bytes", n, len(body))
			}
		})
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	r := record(t, ok200)
	f := forwarder(t, r.port())
	forward(t, f, delivery("POST", "/", ""))
	conn := f.client.idle[0]
	conn.since = conn.since.Add(-idleLimit)
	f.client.sweepIdle()
	if len(f.client.idle) != 0 || f.client.sweeping {
		t.Error("the old connection is still kept")
	}
	if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the old connection is open: %v", err)
	}
	forward(t, f, delivery("POST", "/", ""))
	conn = f.client.idle[0]
	f.Close()
	f.Close()
	if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close left an idle connection open: %v", err)
	}
	forward(t, f, delivery("POST", "/", ""))
	if len(f.client.idle) != 0 {
		t.Error("a connection is kept after Close")
	}
}

func TestNothingIsFollowedDecodedOrProxied(t *testing.T) {
	tripped := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the tripwire received %s %s", r.Method, r.URL)
	}))
	defer tripped.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, tripped.URL)
	}
	t.Setenv("NO_PROXY", "")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, "packed")
	w.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, ok := r.Header["Accept-Encoding"]; ok {
			t.Errorf("Accept-Encoding %q was added", got)
		}
		if got, ok := r.Header["User-Agent"]; ok {
			t.Errorf("User-Agent %q was added", got)
		}
		if got := r.Header["Cookie"]; len(got) > 0 {
			t.Errorf("Cookie %q was remembered", got)
		}
		w.Header().Set("Location", tripped.URL)
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Set-Cookie", "a=1")
		w.WriteHeader(307)
		w.Write(packed.Bytes())
	}))
	defer server.Close()
	f := forwarder(t, server.URL)
	for range 2 {
		res := forward(t, f, delivery("POST", "/", "x"))
		if res.Status != 307 || res.Header.Get("Location") != tripped.URL || !bytes.Equal(res.Body, packed.Bytes()) || res.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("result %+v", res)
		}
	}
}

// FuzzAnswer proves that no answer panics or grows past its bounds, and that
// what we take for an answer net/http takes for the same.
func FuzzAnswer(f *testing.F) {
	for _, wire := range []string{
		ok200, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nrest",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\nX: a\n b\nContent-Length: 1\n\nx", "HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: x, close\r\nX: y\r\nContent-Length: 2,2\r\n\r\nok",
	} {
		f.Add([]byte(wire), false)
		f.Add([]byte(wire), true)
	}
	f.Fuzz(func(t *testing.T, wire []byte, head bool) {
		a := answerReader{in: bufio.NewReader(bytes.NewReader(wire)), limit: limit, bodyless: head}
		if err := a.read(); err != nil {
			return
		}
		res := a.result()
		if res.Status < 200 || res.Status > 599 || len(res.Body) > limit || len(res.Header) > answerFieldLimit || res.Size < int64(len(res.Body)) {
			t.Fatalf("%q became %+v", wire, res)
		}
		for _, line := range res.Header {
			if !ValidFieldName(line.Name) || !ValidFieldValue(line.Value) {
				t.Errorf("%q has the header line %q", wire, line)
			}
		}
		request := &http.Request{Method: "POST"}
		if head {
			request.Method = "HEAD"
		}
		in := bufio.NewReader(bytes.NewReader(wire))
		for {
			theirs, err := http.ReadResponse(in, request)
			if err != nil {
				return // stricter than we are
			}
			if theirs.StatusCode < 200 {
				continue
			}
			body, err := io.ReadAll(io.LimitReader(theirs.Body, 2*limit))
			if theirs.StatusCode != res.Status || err == nil && !res.Omitted() && !bytes.Equal(body, res.Body) {
				t.Errorf("%q is %d %q, net/http says %d %q", wire, res.Status, res.Body, theirs.StatusCode, body)
			}
			return
		}
	})
}
