package relay_test

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// What an idle tunnel costs. The listeners' ends are in this process too, so
// that half of what is seen is the relay's.
func TestIdleTunnels(t *testing.T) {
	chaos(t, "opens 5,000 tunnels")
	r := relaytest.Start(t, relay.Options{Loopback: true})
	measure := func() (heap, stack uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, m.StackInuse
	}
	heap, stack := measure()
	before := runtime.NumGoroutine()
	const n = 5000
	var all sync.WaitGroup
	eps := make(chan relay.EndpointView)
	for range 16 {
		all.Go(func() {
			for ep := range eps {
				conn, err := r.Dial(ep.OwnerKey)(t.Context())
				if err != nil {
					t.Error(err)
					continue
				}
				conn.Write(t.Context(), hello(ep.ID, 0, 1))
				if _, err := conn.Read(t.Context()); err != nil { // welcome; then nobody reads
					t.Error(err)
				}
				t.Cleanup(func() { conn.(tunnel.Closer).Close(tunnel.CloseNormal, "") })
			}
		})
	}
	for range n {
		eps <- r.Create(t, relay.EndpointRequest{})
	}
	close(eps)
	all.Wait()
	heap2, stack2 := measure()
	t.Logf("%d idle tunnels, both ends' sockets in one process: %d B of heap, %d B of stack, %.1f goroutines each",
		n, (heap2-heap)/n, (stack2-stack)/n, float64(runtime.NumGoroutine()-before)/n)
	if per := (heap2 + stack2 - heap - stack) / n; per > 64<<10 {
		t.Errorf("%d bytes each", per)
	}
}

// Senders that take for ever over a head do not keep others out.
func TestSlowSendersKeepNobodyOut(t *testing.T) {
	n := 500
	if testing.Short() {
		t.Skip("opens hundreds of connections")
	}
	r := relaytest.Start(t, relay.Options{Loopback: true})
	if testing.Verbose() {
		t.Logf("with %d slow senders", n)
	}
	ep := r.Create(t, relay.EndpointRequest{})
	for i := range n {
		conn, err := net.Dial("tcp", r.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			fmt.Fprintf(conn, "POST /h/%s HTTP/1.1\r\nHost: x\r\nX-Slow: ", ep.ID)
		} else {
			fmt.Fprintf(conn, "POST /h/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nslow", ep.ID)
		}
	}
	var took []time.Duration
	for range 100 {
		began := time.Now()
		resp, err := http.Post(ep.URL, "text/plain", strings.NewReader("x"))
		if err != nil || resp.StatusCode != 202 {
			t.Fatalf("%v, %v", resp, err)
		}
		resp.Body.Close()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("p99 %s", took[98])
	if took[98] > 5*time.Second {
		t.Errorf("p99 is %s", took[98])
	}
}
