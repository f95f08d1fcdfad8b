package relay_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/bolt"
)

// benchWindow is how long one system is loaded before the next has its turn.
const benchWindow = time.Second

// BenchmarkProcesses is the live path as it runs: a relay, "hook listen" and an
// application, each a process of its own, next to two processes that are
// net/http's reverse proxy, one behind the other. One iteration loads every
// system for a second, in an order that alternates, so that
//
//	go test -run '^$' -bench Processes -benchtime 9x ./relay
//
// gives medians of nine interleaved rounds. Rates and latencies are for
// comparison within a run only; cpu-µs/op is of the relay and the listener, or
// of the two proxies, as the kernel counted it.
func BenchmarkProcesses(b *testing.B) {
	systems := startSystems(b)
	for _, size := range []struct {
		name  string
		bytes int
	}{{"1k", 1 << 10}, {"64k", 64 << 10}} {
		for _, c := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("size=%s/c=%d", size.name, c), func(b *testing.B) {
				body := pushEvent(size.bytes)
				got := make([][]load, len(systems))
				for i, s := range systems {
					s.load(b, body, c, benchWindow/4) // warm up
					got[i] = make([]load, 0, b.N)
				}
				for round := range b.N {
					for i := range systems {
						if round%2 == 1 {
							i = len(systems) - 1 - i
						}
						got[i] = append(got[i], systems[i].load(b, body, c, benchWindow))
					}
				}
				b.ReportMetric(0, "ns/op")
				hops := medians(got[0])
				b.ReportMetric(hops.rate, "hops-req/s")
				b.ReportMetric(hops.cpu, "hops-cpu-µs/op")
				for i, s := range systems[1:] {
					m := medians(got[i+1])
					b.ReportMetric(m.rate/hops.rate, s.name+"/hops-rate")
					b.ReportMetric(m.cpu/hops.cpu, s.name+"/hops-cpu")
					b.ReportMetric(m.p99/hops.p99, s.name+"/hops-p99")
					for j, p := range s.procs {
						b.ReportMetric(m.each[j], s.name+"-"+p.name+"-cpu-µs/op")
					}
				}
			})
		}
	}
}

// pushEvent is JSON of n bytes, in the manner of a GitHub push with many
// commits.
func pushEvent(n int) []byte {
	b := []byte(`{"ref":"refs/heads/main","repository":{"id":1296269,"full_name":"octocat/hello"},"commits":[`)
	for i := 0; len(b) < n-300; i++ {
		b = fmt.Appendf(b, `{"id":"%040d","message":"change %d","timestamp":"2026-01-02T03:04:05Z","added":["a.go"],"distinct":true},`, i, i)
	}
	b = append(b, `{}],"padding":"`...)
	for len(b) < n-2 {
		b = append(b, 'x')
	}
	return append(b, `"}`...)
}

// route is a way to an application.
type route struct {
	name  string
	url   string
	procs []*proc // less the application
}

// proc is one process of a system.
type proc struct {
	name string
	cmd  *exec.Cmd
}

func buildHook(b *testing.B) string {
	program := filepath.Join(b.TempDir(), "hook")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/hook").CombinedOutput(); err != nil {
		b.Fatalf("building hook: %v\n%s", err, out)
	}
	return program
}

// startSystems starts two hops first, then listeners in two ways of running
// them: as bare as it goes, and as they are used.
func startSystems(b *testing.B) []*route {
	program := buildHook(b)
	app, _ := startRole(b, "app", "app", nil)
	hop2, hop2proc := startRole(b, "hop2", "hop", map[string]string{chaosTarget: app})
	hop1, hop1proc := startRole(b, "hop1", "hop", map[string]string{chaosTarget: hop2})
	systems := []*route{{"hops", "http://" + hop1, []*proc{hop1proc, hop2proc}}}
	for _, name := range []string{"bare", "default"} {
		addr, rel := startRole(b, "relay", "unhurried relay", map[string]string{chaosDir: b.TempDir()})
		lis, at := startListener(b, program, app, addr, name)
		systems = append(systems, &route{name, at, []*proc{rel, lis}})
	}
	return systems
}

// listeners are the ways of running one: as bare as it goes, and as it is used
// without a terminal.
var listeners = map[string][]string{
	"bare":    {"--print-url", "--no-history"}, // which is quiet
	"default": {"-o", "plain"},
}

func startListener(b *testing.B, program, app, relay, name string) (p *proc, at string) {
	cmd := exec.Command(program, append([]string{"listen", "http://" + app, "--relay", "http://" + relay}, listeners[name]...)...)
	home := b.TempDir()
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	var talk io.Reader
	var err error
	if name == "bare" {
		talk, err = cmd.StdoutPipe()
		cmd.Stderr = io.Discard
	} else {
		var out *os.File
		if out, err = os.Create(filepath.Join(home, "out")); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { out.Close() })
		cmd.Stdout = out
		talk, err = cmd.StderrPipe()
	}
	if err != nil {
		b.Fatal(err)
	}
	startProc(b, cmd)
	return &proc{"listener", cmd}, publicURL(b, talk)
}

// publicURL waits for the URL that a listener says.
func publicURL(b *testing.B, talk io.Reader) string {
	lines := make(chan string)
	go func() {
		for s := bufio.NewScanner(talk); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	late := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-lines:
			if i := strings.Index(line, "http://"); i >= 0 && strings.Contains(line, "/h/") {
				go func() {
					for range lines { // it must not fill up
					}
				}()
				return strings.Fields(line[i:])[0]
			}
			if !ok {
				b.Fatal("the listener ended before it was ready")
			}
		case <-late:
			b.Fatal("the listener is not ready")
		}
	}
}

// startRole runs this program again as something that says its address.
func startRole(b *testing.B, name, role string, env map[string]string) (addr string, p *proc) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestBenchChild$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), benchRole+"="+role)
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	startProc(b, cmd)
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return addr, &proc{name, cmd}
}

func startProc(b *testing.B, cmd *exec.Cmd) {
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
}

// benchRole says what TestBenchChild is to be.
const benchRole = "HOOK_BENCH_ROLE"

// TestBenchChild is a process of BenchmarkProcesses; it runs until it is
// killed.
func TestBenchChild(t *testing.T) {
	role := os.Getenv(benchRole)
	if role == "" {
		t.Skip("runs as the child process of BenchmarkProcesses only")
	}
	ln, err := net.Listen("tcp", cmp.Or(os.Getenv(chaosRelay), "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(ln.Addr())
	switch role {
	case "app":
		t.Fatal(http.Serve(ln, benchApp))
	case "hop":
		t.Fatal(http.Serve(ln, benchProxy(t, "http://"+os.Getenv(chaosTarget))))
	case "unhurried relay":
		dir := os.Getenv(chaosDir)
		store, err := bolt.Open(dir, bolt.Options{MinFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		keys, err := relay.LoadKeys(filepath.Join(dir, "relay.key"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := relay.New(relay.Options{Store: store, Keys: keys, Open: true, PublicURL: "http://" + ln.Addr().String(), MaxPerClient: -1})
		if err != nil {
			t.Fatal(err)
		}
		s.Unhurried()
		t.Fatal(s.Serve(context.Background(), ln))
	}
}

// load is what one window of load came to.
type load struct {
	rate, cpu, p99 float64 // requests a second, µs of the system's processors for each, µs
	each           []float64
}

func medians(list []load) load {
	median := func(of func(load) float64) float64 {
		v := make([]float64, len(list))
		for i, l := range list {
			v[i] = of(l)
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	m := load{
		rate: median(func(l load) float64 { return l.rate }),
		cpu:  median(func(l load) float64 { return l.cpu }),
		p99:  median(func(l load) float64 { return l.p99 }),
	}
	for i := range list[0].each {
		m.each = append(m.each, median(func(l load) float64 { return l.each[i] }))
	}
	return m
}

// load sends the same request over c connections for as long as d. The sender
// is as simple as one can be, since it shares the processors with what it
// measures: a request of bytes made before, an answer that ends with "ok".
func (s *route) load(b *testing.B, body []byte, c int, d time.Duration) load {
	at, err := url.Parse(s.url)
	if err != nil {
		b.Fatal(err)
	}
	var request bytes.Buffer
	fmt.Fprintf(&request, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nUser-Agent: GitHub-Hookshot/044aadd\r\n"+
		"X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958\r\nX-GitHub-Event: push\r\nContent-Length: %d\r\n\r\n", at.RequestURI(), at.Host, len(body))
	request.Write(body)
	took := make([][]time.Duration, c)
	var senders sync.WaitGroup
	before := make([]time.Duration, len(s.procs))
	for i, p := range s.procs {
		before[i] = p.used(b)
	}
	began := time.Now()
	for i := range c {
		senders.Go(func() {
			conn, err := net.Dial("tcp", at.Host)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			answer := make([]byte, 4096)
			for time.Since(began) < d {
				start := time.Now()
				if _, err := conn.Write(request.Bytes()); err != nil {
					b.Error(err)
					return
				}
				n := 0
				for !bytes.HasSuffix(answer[:n], []byte("\r\n\r\nok")) {
					more, err := conn.Read(answer[n:])
					if n += more; err != nil {
						b.Errorf("%s: %v in %q", s.name, err, answer[:n])
						return
					}
				}
				if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
					b.Errorf("%s: got %q", s.name, answer[:n])
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	senders.Wait()
	if b.Failed() {
		b.FailNow()
	}
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	n := float64(len(all))
	l := load{rate: n / time.Since(began).Seconds(), p99: float64(all[len(all)*99/100].Microseconds())}
	for i, p := range s.procs {
		cpu := float64((p.used(b) - before[i]).Microseconds()) / n
		l.each = append(l.each, cpu)
		l.cpu += cpu
	}
	return l
}

// used is what a process has had of the processors (proc(5)): ticks of 10 ms.
func (p *proc) used(b *testing.B) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	fields := bytes.Fields(rest)
	ticks := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(string(f))
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
