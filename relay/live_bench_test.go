package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// benchApp is the application of all benchmarks: net/http, reads the body and
// says ok.
var benchApp = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	io.WriteString(w, "ok")
})

func startBenchApp(b *testing.B) string {
	srv := httptest.NewServer(benchApp)
	b.Cleanup(srv.Close)
	return srv.URL
}

// buffers is a httputil.BufferPool.
type buffers struct{ sync.Pool }

func (p *buffers) Get() []byte  { return *p.Pool.Get().(*[]byte) }
func (p *buffers) Put(b []byte) { p.Pool.Put(&b) }

// benchProxy is a reverse proxy to target, as fast as the library makes one.
func benchProxy(tb testing.TB, target string) *httputil.ReverseProxy {
	u, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, DisableCompression: true}
	pool := &buffers{}
	pool.New = func() any { x := make([]byte, 32<<10); return &x }
	return &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(u); r.SetXForwarded() },
		Transport:  transport,
		BufferPool: pool,
	}
}

func startBenchHop(b *testing.B, target string) string {
	proxy := benchProxy(b, target)
	srv := httptest.NewServer(proxy)
	b.Cleanup(func() { srv.Close(); proxy.Transport.(*http.Transport).CloseIdleConnections() })
	return srv.URL
}

// benchPost sends with c senders at a time and wants the status.
func benchPost(b *testing.B, url string, body []byte, c, status int) {
	transport := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, DisableCompression: true}
	defer transport.CloseIdleConnections()
	b.SetBytes(int64(len(body)))
	b.SetParallelism(max(1, c/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	b.ResetTimer()
	used := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequest("POST", url, bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("User-Agent", "GitHub-Hookshot/044aadd")
			req.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
			req.Header.Set("X-GitHub-Event", "push")
			resp, err := transport.RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != status {
				b.Errorf("got %d", resp.StatusCode)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-used).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

// BenchmarkLive is the whole live path on loopback sockets, sender and
// application included, next to one and two hops of net/http's reverse proxy.
// The ratios of one run mean something, the rates do not. Interleave:
//
//	go test -run '^$' -bench Live -benchtime 2s -count 5 ./relay
func BenchmarkLive(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"1k", 1 << 10}, {"64k", 64 << 10}} {
		body := noise(size.bytes)
		for _, c := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("size=%s/c=%d/hook", size.name, c), func(b *testing.B) {
				r := relaytest.Start(b, relay.Options{Loopback: true})
				ep := r.Create(b, relay.EndpointRequest{})
				target, err := tunnel.ParseTarget(startBenchApp(b))
				if err != nil {
					b.Fatal(err)
				}
				f, err := tunnel.NewForwarder(tunnel.ForwardOptions{Target: target, Timeout: tunnel.ForwardTimeout})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { f.Close() })
				r.Listen(b, ep, tunnel.ClientOptions{Handler: f, Probe: f.Probe})
				benchPost(b, ep.URL, body, c, 200)
			})
			b.Run(fmt.Sprintf("size=%s/c=%d/direct", size.name, c), func(b *testing.B) {
				benchPost(b, startBenchApp(b), body, c, 200)
			})
			b.Run(fmt.Sprintf("size=%s/c=%d/one-hop", size.name, c), func(b *testing.B) {
				benchPost(b, startBenchHop(b, startBenchApp(b)), body, c, 200)
			})
			b.Run(fmt.Sprintf("size=%s/c=%d/two-hops", size.name, c), func(b *testing.B) {
				benchPost(b, startBenchHop(b, startBenchHop(b, startBenchApp(b))), body, c, 200)
			})
		}
	}
}

// groupLog is the least that a durable 202 can cost: a file to which one
// goroutine appends all that waits, syncs once, and answers all.
type groupLog struct {
	f    *os.File
	mu   sync.Mutex
	wait [][]byte
	done []chan error
	wake chan struct{}
}

func (l *groupLog) run(ctx context.Context) {
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return
		}
		l.mu.Lock()
		wait, done := l.wait, l.done
		l.wait, l.done = nil, nil
		l.mu.Unlock()
		_, err := l.f.Write(bytes.Join(wait, nil))
		if err == nil {
			err = l.f.Sync()
		}
		for _, ch := range done {
			ch <- err
		}
	}
}

func (l *groupLog) append(b []byte) error {
	ch := make(chan error, 1)
	l.mu.Lock()
	l.wait = append(l.wait, b)
	l.done = append(l.done, ch)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return <-ch
}

// BenchmarkQueue202 is a durable acknowledgement, next to net/http on a bare
// log with group commit on the same disk.
func BenchmarkQueue202(b *testing.B) {
	body := noise(1 << 10)
	queued := policy(relay.PolicyRequest{Respond: ptr(relay.Queue)})
	for _, c := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("c=%d/hook", c), func(b *testing.B) {
			r := relaytest.Start(b, relay.Options{Loopback: true, MaxItems: 1 << 30, MaxQueueBytes: 1 << 40})
			benchPost(b, r.Create(b, queued).URL, body, c, 202)
		})
		b.Run(fmt.Sprintf("c=%d/bare-log", c), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "log"))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { f.Close() })
			l := &groupLog{f: f, wake: make(chan struct{}, 1)}
			go l.run(b.Context())
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				if err == nil {
					err = l.append(got)
				}
				if err != nil {
					http.Error(w, err.Error(), http.StatusServiceUnavailable)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(202)
				io.WriteString(w, `{"status":"queued"}`)
			})}
			go srv.Serve(ln)
			b.Cleanup(func() { srv.Close() })
			benchPost(b, "http://"+ln.Addr().String(), body, c, 202)
		})
	}
}
