package bolt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// start is when the tests take place.
var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func testPush(n int) relay.Push {
	at := start.Add(time.Duration(n) * time.Millisecond)
	return relay.Push{
		Delivery: tunnel.Delivery{
			ID: tunnel.NewID(at), ReceivedAt: at, Method: "POST", Target: "/stripe",
			Prefix: "/h/abcdefghijklmnopqrstuvwxyz234567abcdefgh", URL: "https://relay.example/h/abcdefghijklmnopqrstuvwxyz234567abcdefgh/stripe",
			Host: "relay.example", Remote: "192.0.2.1:4711",
			Header: tunnel.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "Stripe/1.0"}, {Name: "Stripe-Signature", Value: "t=1,v1=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}},
		},
		QueuedAt: at,
	}
}

func testEndpoint(n int) relay.Endpoint {
	e := relay.Endpoint{
		CreatedAt: start, UsedAt: start, ExpiresAt: start.Add(7*24*time.Hour + time.Duration(n)*time.Millisecond), Idle: 72 * time.Hour, Keep: 72 * time.Hour,
		Policy: relay.Policy{Respond: relay.Auto, Budget: 8 * time.Second, RetryFor: 24 * time.Hour},
	}
	var h relay.Hash
	for i := range h {
		h[i] = byte(uint32(n*2654435761) >> (i % 4 * 8))
	}
	h[0], h[1], h[2], h[3] = h[0]^byte(n), h[1]^byte(n>>8), h[2]^byte(n>>16), h[3]^byte(n>>24)
	h[8], h[9], h[10], h[11] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	e.IDs = []relay.PublicID{{Hash: h}}
	return e
}

func create(t testing.TB, s relay.Store, n int) relay.EndpointID {
	t.Helper()
	e, err := s.Create(context.Background(), testEndpoint(n))
	if err != nil {
		t.Fatal(err)
	}
	return e.ID
}

// appendLog is the least that durable intake can be: one file, one goroutine
// that writes all that waits and syncs once.
type appendLog struct {
	file *os.File
	wait chan logEntry
	done chan struct{}
}

type logEntry struct {
	data  []byte
	reply chan error
}

func newAppendLog(b testing.TB, dir string) *appendLog {
	f, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	l := &appendLog{f, make(chan logEntry, 1024), make(chan struct{})}
	go l.run()
	b.Cleanup(func() { close(l.wait); <-l.done; f.Close() })
	return l
}

func (l *appendLog) run() {
	defer close(l.done)
	var buf []byte
	for e := range l.wait {
		group := []logEntry{e}
		buf = append(buf[:0], e.data...)
	more:
		for {
			select {
			case e, ok := <-l.wait:
				if !ok {
					break more
				}
				group = append(group, e)
				buf = append(buf, e.data...)
			default:
				break more
			}
		}
		_, err := l.file.Write(buf)
		if err == nil {
			err = datasync(l.file)
		}
		for _, e := range group {
			e.reply <- err
		}
	}
}

func (l *appendLog) append(data []byte) error {
	reply := make(chan error, 1)
	l.wait <- logEntry{data, reply}
	return <-reply
}

func concurrently(b *testing.B, c int, fn func(n int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range c {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := fn(int(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// body1k is a webhook of 1 KiB.
func body1k() []byte { return bytes.Repeat([]byte("0123456789abcdef"), 64) }

// BenchmarkPush is durable pushes beside the bare log; BenchmarkAccept the same
// behind an HTTP server, as senders meet it.
func BenchmarkPush(b *testing.B) {
	for _, c := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("log/c=%d", c), func(b *testing.B) {
			l := newAppendLog(b, b.TempDir())
			body := body1k()
			concurrently(b, c, func(int) error { return l.append(body) })
		})
		b.Run(fmt.Sprintf("bolt/c=%d", c), func(b *testing.B) {
			commits := 0
			s := open(b, b.TempDir(), Options{afterSync: func() { commits++ }})
			id := create(b, s, 1)
			body := body1k()
			concurrently(b, c, func(n int) error {
				_, err := s.Push(context.Background(), id, testPush(n), bytes.NewReader(body))
				return err
			})
			b.ReportMetric(float64(b.N)/float64(commits), "ops/commit")
		})
	}
}

func BenchmarkAccept(b *testing.B) {
	for _, c := range []int{1, 16, 64, 256} {
		serve := func(b *testing.B, keep func(r *http.Request, body []byte) error) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err == nil {
					err = keep(r, body)
				}
				if err != nil {
					http.Error(w, err.Error(), http.StatusServiceUnavailable)
					return
				}
				w.WriteHeader(202)
			}))
			defer srv.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: c}}
			defer client.CloseIdleConnections()
			body := body1k()
			concurrently(b, c, func(int) error {
				resp, err := client.Post(srv.URL, "application/json", bytes.NewReader(body))
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				if resp.StatusCode != 202 {
					return fmt.Errorf("status %s", resp.Status)
				}
				return nil
			})
		}
		b.Run(fmt.Sprintf("log/c=%d", c), func(b *testing.B) {
			l := newAppendLog(b, b.TempDir())
			serve(b, func(_ *http.Request, body []byte) error { return l.append(body) })
		})
		b.Run(fmt.Sprintf("bolt/c=%d", c), func(b *testing.B) {
			s := open(b, b.TempDir(), Options{})
			id := create(b, s, 1)
			serve(b, func(r *http.Request, body []byte) error {
				p := testPush(1)
				p.Delivery.Header = tunnel.FromHTTP(r.Header)
				_, err := s.Push(r.Context(), id, p, bytes.NewReader(body))
				return err
			})
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	create(b, s, 1)
	h := testEndpoint(1).IDs[0].Hash
	for b.Loop() {
		if _, err := s.Lookup(context.Background(), h); err != nil {
			b.Fatal(err)
		}
	}
}
