package relay_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
)

// noise is n bytes that repeat nothing and compress to nothing.
func noise(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	src.Read(b)
	return b
}

func TestLargeBodiesAreExact(t *testing.T) {
	s := startStack(t, relay.Options{}, relay.EndpointRequest{}, func(_ int, r request) string {
		return answerWith(200, fmt.Sprintf("%x", sha256.Sum256(r.body)))
	})
	for _, size := range []int{1, 16 << 10, 128 << 10, 128<<10 + 1, 256 << 10, 256<<10 + 1, 1_100_000, 25 << 20} {
		body := noise(size)
		want := fmt.Sprintf("%x", sha256.Sum256(body))
		for _, chunked := range []bool{false, true} {
			var src io.Reader = bytes.NewReader(body)
			if chunked {
				src = io.MultiReader(src) // of unknown length
			}
			resp, err := http.Post(s.ep.URL, "application/octet-stream", src)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != 200 || string(got) != want {
				t.Errorf("%d bytes, chunked %t: %d %q, %v", size, chunked, resp.StatusCode, got, err)
			}
		}
	}
}

func TestLargeBodiesSideBySide(t *testing.T) {
	s := startStack(t, relay.Options{}, relay.EndpointRequest{}, func(_ int, r request) string {
		return answerWith(200, fmt.Sprintf("%x", sha256.Sum256(r.body)))
	})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			body := noise(3<<20 + i)
			resp, err := http.Post(s.ep.URL, "application/octet-stream", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, _ := io.ReadAll(resp.Body); string(got) != fmt.Sprintf("%x", sha256.Sum256(body)) {
				t.Errorf("body %d: %d %q", i, resp.StatusCode, got)
			}
		})
	}
	all.Wait()
}

// One byte more than 25 MiB is refused: before a byte of it is read where it
// was announced, and as soon as it is over where it was not.
func TestBodiesOverTheLimitAreRefused(t *testing.T) {
	s := startStack(t, relay.Options{}, relay.EndpointRequest{}, nil)
	const limit = 25 << 20
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "POST /h/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", s.ep.ID, limit+1)
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(status, "HTTP/1.1 413 ") {
		t.Errorf("announced: %q, %v", status, err)
	}

	chunks, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer chunks.Close()
	chunks.SetDeadline(time.Now().Add(30 * time.Second))
	go func() {
		fmt.Fprintf(chunks, "POST /h/%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", s.ep.ID)
		for piece := noise(1 << 20); ; { // without end
			if _, err := fmt.Fprintf(chunks, "%x\r\n%s\r\n", len(piece), piece); err != nil {
				return
			}
		}
	}()
	status, err = bufio.NewReader(chunks).ReadString('\n')
	if err != nil || !strings.HasPrefix(status, "HTTP/1.1 413 ") {
		t.Errorf("in chunks: %q, %v", status, err)
	}
	if n := s.app.count(); n != 0 {
		t.Errorf("the application received %d requests", n)
	}
}

// An answer over the limit keeps its status and loses its body.
func TestAnswersOverTheLimit(t *testing.T) {
	s := startStack(t, relay.Options{MaxAnswer: 1000}, relay.EndpointRequest{}, func(n int, r request) string {
		return answerWith(201, strings.Repeat("x", len(r.body)))
	})
	for _, size := range []int{999, 1000, 1001, 200_000, 2 << 20} {
		resp, got := post(t, s.ep.URL, noise(size))
		want := size
		if size > 1000 {
			want = 0
		}
		if resp.StatusCode != 201 || len(got) != want {
			t.Errorf("answer of %d bytes: %d with %d", size, resp.StatusCode, len(got))
		}
	}
}

// An answer with more headers than a tunnel carries does not end the tunnel.
func TestAnswersWithManyHeaders(t *testing.T) {
	lines := make([]string, 200)
	for i := range lines {
		lines[i] = fmt.Sprintf("X-H-%d: %s", i, strings.Repeat("v", 250))
	}
	s := startStack(t, relay.Options{}, relay.EndpointRequest{}, func(n int, r request) string {
		return answerWith(200, "ok", lines...)
	})
	for range 2 {
		if resp, got := post(t, s.ep.URL, []byte("x")); resp.StatusCode != 200 || string(got) != "ok" {
			t.Errorf("got %d %q", resp.StatusCode, got)
		}
	}
	if n := s.app.count(); n != 2 {
		t.Errorf("the application ran %d times", n)
	}
}
