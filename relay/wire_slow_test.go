package relay

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
