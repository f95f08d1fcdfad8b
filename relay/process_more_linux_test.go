package relay_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// BenchmarkHeadOfLine is what small webhooks suffer while bodies of 25 MiB pass
// one after the other, and how long those take, next to two hops. One iteration
// is three seconds of each:
//
//	go test -run '^$' -bench HeadOfLine -benchtime 5x ./relay
func BenchmarkHeadOfLine(b *testing.B) {
	systems := startSystems(b)
	small, large := pushEvent(1<<10), pushEvent(25<<20)
	b.Run("c=4", func(b *testing.B) {
		calm, busy := make([][]load, len(systems)), make([][]load, len(systems))
		took := make([][]time.Duration, len(systems))
		for range b.N {
			for i, s := range systems {
				calm[i] = append(calm[i], s.load(b, small, 4, time.Second))
				stop, stopped := make(chan struct{}), make(chan []time.Duration)
				go func() { stopped <- s.posts(b, large, stop) }()
				busy[i] = append(busy[i], s.load(b, small, 4, 3*time.Second))
				close(stop)
				took[i] = append(took[i], <-stopped...)
			}
		}
		b.ReportMetric(0, "ns/op")
		for i, s := range systems {
			slices.Sort(took[i])
			b.ReportMetric(medians(calm[i]).p99, s.name+"-calm-p99-µs")
			b.ReportMetric(medians(busy[i]).p99, s.name+"-busy-p99-µs")
			b.ReportMetric(float64(took[i][len(took[i])/2].Milliseconds()), s.name+"-25MiB-ms")
		}
	})
}

// posts sends body again and again until stop.
func (s *route) posts(b *testing.B, body []byte, stop chan struct{}) (took []time.Duration) {
	for {
		began := time.Now()
		resp, err := http.Post(s.url, "application/json", bytes.NewReader(body))
		if err != nil {
			b.Errorf("%s: %v", s.name, err)
			return append(took, 0)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			b.Errorf("%s: got %d", s.name, resp.StatusCode)
		}
		took = append(took, time.Since(began))
		select {
		case <-stop:
			return took
		default:
		}
	}
}

// BenchmarkRestart is how soon after a relay is back the first webhook reaches
// the application again, from the moment that the relay listens. Each time it
// is a listener of its own: one whose relay goes away every few seconds takes
// its time.
//
//	go test -run '^$' -bench Restart -benchtime 5x ./relay
func BenchmarkRestart(b *testing.B) {
	program := buildHook(b)
	app, _ := startRole(b, "app", "app", nil)
	for _, down := range []time.Duration{time.Second, 10 * time.Second} {
		b.Run("down="+down.String(), func(b *testing.B) {
			where := map[string]string{chaosDir: b.TempDir(), chaosRelay: freePort(b)}
			addr, rel := startRole(b, "relay", "unhurried relay", where)
			var took []time.Duration
			for range b.N {
				lis, at := startListener(b, program, app, addr, "bare")
				rel.cmd.Process.Kill()
				rel.cmd.Wait()
				<-time.After(down)
				_, rel = startRole(b, "relay", "unhurried relay", where)
				began := time.Now()
				for {
					resp, err := http.Post(at, "text/plain", strings.NewReader("x"))
					if err != nil {
						b.Fatal(err)
					}
					resp.Body.Close()
					if resp.StatusCode == 200 {
						break
					}
				}
				took = append(took, time.Since(began))
				lis.cmd.Process.Kill()
			}
			slices.Sort(took)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "median-ms")
			b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "worst-ms")
		})
	}
}

// BenchmarkIdle is the memory of a relay with 5,000 idle tunnels, for each, and
// of an idle listener, both as the kernel counts what is resident:
//
//	go test -run '^$' -bench Idle -benchtime 1x ./relay
func BenchmarkIdle(b *testing.B) {
	const n = 5000
	addr, rel := startRole(b, "relay", "unhurried relay", map[string]string{chaosDir: b.TempDir()})
	app, _ := startRole(b, "app", "app", nil)
	lis, _ := startListener(b, buildHook(b), app, addr, "default")
	r := &relaytest.Relay{URL: "http://" + addr, Addr: addr}
	r.Create(b, relay.EndpointRequest{})
	before := rel.resident(b)
	for range n {
		ep := r.Create(b, relay.EndpointRequest{})
		conn, err := r.Dial(ep.OwnerKey)(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		conn.Write(b.Context(), hello(ep.ID, 0, 1))
		if _, err := conn.Read(b.Context()); err != nil { // welcome; then nobody reads
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.(tunnel.Aborter).Abort() })
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(rel.resident(b)-before)/n/1024, "relay-KiB/tunnel")
	b.ReportMetric(float64(lis.resident(b))/(1<<20), "listener-MiB")
}

// resident is the memory of a process that is in RAM (proc(5)).
func (p *proc) resident(b *testing.B) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n << 10
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
