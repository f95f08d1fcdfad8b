//go:build unix

package tunnel

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkForward replays deliveries to a loopback server that answers with
// what it received, through the Forwarder and through net/http's Transport
// doing the same. Compare "by" within one run; cpu-ns/op is that of both ends and
// bears other load on the machine better than ns/op.
func BenchmarkForward(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		for _, by := range []string{"forwarder", "transport"} {
			b.Run(fmt.Sprintf("size=%dk/by=%s", size>>10, by), func(b *testing.B) {
				address := echo(b)
				var handler Handler = forwarder(b, address)
				if by == "transport" {
					handler = viaTransport(b, address)
				}
				d := delivery("POST", "/webhooks?x=1", "",
					Field{"Content-Type", "application/json"}, Field{"User-Agent", "Provider/1.0"}, Field{"Accept", "*/*"},
					Field{"X-Signature", "t=1700000000,v1=" + strings.Repeat("a", 64)}, Field{"X-Event", "invoice.paid"},
					Field{"Accept-Encoding", "gzip"})
				d.Body = bytes.Repeat([]byte("x"), size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				begin := cpuTime(b)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						res, err := handler.Handle(context.Background(), d)
						if err != nil || len(res.Body) != size {
							b.Errorf("%v, or a body that is not %d bytes", err, size)
							return
						}
					}
				})
				b.ReportMetric(float64(cpuTime(b)-begin)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// cpuTime is what this process has used, the kernel's work for it included.
func cpuTime(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// echo is a server of few instructions, so that what is measured is the client:
// it copies the body of each request into a fixed answer.
func echo(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := make([]byte, 0, 128<<10)
				out := make([]byte, 0, 128<<10)
				for {
					head := bytes.Index(in, []byte("\r\n\r\n"))
					if head < 0 {
						n, err := conn.Read(in[len(in):cap(in)])
						if err != nil {
							return
						}
						in = in[:len(in)+n]
						continue
					}
					length := 0
					at := bytes.Index(in, []byte("Content-Length: "))
					fmt.Sscanf(string(in[at:at+32]), "Content-Length: %d", &length)
					have := len(in)
					in = in[:head+4+length]
					if _, err := io.ReadFull(conn, in[have:]); err != nil {
						return
					}
					out = fmt.Appendf(out[:0], "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Length: %d\r\n\r\n", length)
					out = append(out, in[head+4:]...)
					if _, err := conn.Write(out); err != nil {
						return
					}
					in = in[:0]
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// viaTransport does with net/http what the Forwarder does.
func viaTransport(b *testing.B, address string) Handler {
	base, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	b.Cleanup(transport.CloseIdleConnections)
	return HandlerFunc(func(ctx context.Context, d *Delivery) (*Result, error) {
		keep, _ := d.Header.EndToEnd()
		path, query, _ := strings.Cut(d.Target, "?")
		req := (&http.Request{
			Method: d.Method, URL: &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path, RawQuery: query},
			Host: base.Host, Header: keep.HTTP(), Body: io.NopCloser(bytes.NewReader(d.Body)), ContentLength: int64(len(d.Body)),
		}).WithContext(ctx)
		req.Header.Set("X-Forwarded-For", "192.0.2.1")
		req.Header.Set("X-Forwarded-Host", d.Host)
		req.Header.Set("X-Forwarded-Proto", "https")
		req.Header.Set("X-Forwarded-Prefix", d.Prefix)
		req.Header.Set("Forwarded", "for=192.0.2.1;host="+d.Host+";proto=https")
		req.Header.Set("Hook-Delivery-Id", d.ID.String())
		req.Header.Set("Hook-Attempt", "1")
		res, err := transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		body := make([]byte, res.ContentLength)
		if _, err := io.ReadFull(res.Body, body); err != nil {
			return nil, err
		}
		answer, _ := FromHTTP(res.Header).EndToEnd()
		return &Result{Status: res.StatusCode, Header: answer, Body: body, Size: int64(len(body)), By: ByApplication}, nil
	})
}

// BenchmarkForwardTwoParts replays to an application that writes head and body
// apart and has Nagle's algorithm on, as many small servers do: through the
// transport each answer waits 40 ms for an acknowledgement that the kernel
// delays.
func BenchmarkForwardTwoParts(b *testing.B) {
	for _, by := range []string{"forwarder", "transport"} {
		b.Run("by="+by, func(b *testing.B) {
			address := twoParts(b)
			var handler Handler = forwarder(b, address)
			if by == "transport" {
				handler = viaTransport(b, address)
			}
			d := delivery("POST", "/", "hello")
			for b.Loop() {
				if res, err := handler.Handle(context.Background(), d); err != nil || string(res.Body) != "ok" {
					b.Fatal(err, res)
				}
			}
		})
	}
}

// twoParts is such a server, for requests of less than 4 KiB.
func twoParts(b *testing.B) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				conn.(*net.TCPConn).SetNoDelay(false)
				for request := make([]byte, 4<<10); ; {
					if _, err := conn.Read(request); err != nil {
						return
					}
					io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
					io.WriteString(conn, "ok")
				}
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}
