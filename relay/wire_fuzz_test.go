package relay

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
