package tunnel

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// fakeRelay speaks WebSocket and then does to every listener what attack does.
// It counts the listeners that came.
func fakeRelay(t testing.TB, attack func(ctx context.Context, ws *websocket.Conn)) (url string, came *atomic.Int32) {
	t.Helper()
	came = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Subprotocol}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		came.Add(1)
		ws.SetReadLimit(-1)
		if _, _, err := ws.Read(r.Context()); err != nil { // hello
			return
		}
		attack(r.Context(), ws)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, came
}

func encoded(list ...frame) []byte {
	var b []byte
	for _, f := range list {
		b = appendFrame(b, f)
	}
	return b
}

var aWelcome = &Welcome{Epoch: 1, Window: Window{64, 64 << 20}, MaxBody: DefaultMaxBody, MaxAnswer: 1 << 20}

// dialer is a ClientOptions.Dial.
func dialer(url string) func(context.Context) (Conn, error) {
	return func(ctx context.Context) (Conn, error) { return DialWebSocket(ctx, http.DefaultClient, url, "key") }
}

// What is not the protocol ends the link with a word about it, and nothing
// else happens.
func TestJunkFromTheRelayEndsTheLink(t *testing.T) {
	d := func(change func(*Delivery)) []byte {
		x := webhook(nil)
		change(x)
		return encoded(aWelcome, &deliverFrame{d: x})
	}
	noise := make([]byte, 4096)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	x := webhook(nil)
	big := &deliverFrame{d: webhook(nil), size: DefaultMaxBody + 1}
	half := &deliverFrame{d: webhook(nil), size: 200 << 10}
	for name, msg := range map[string][]byte{
		"noise":                  noise,
		"zeros":                  make([]byte, 1000),
		"not welcome":            encoded(&Notice{"hi"}),
		"welcome twice":          encoded(aWelcome, aWelcome),
		"an upward frame":        encoded(aWelcome, &pauseFrame{}),
		"unknown frame":          append(encoded(aWelcome), 0x7f, 0),
		"a frame cut off":        encoded(aWelcome, &Notice{"hello there"})[:len(encoded(aWelcome))+6],
		"endless length":         append(encoded(aWelcome), append([]byte{byte(typeNotice)}, bytes.Repeat([]byte{0xff}, 12)...)...),
		"length of 2 GiB":        binary.AppendUvarint(append(encoded(aWelcome), byte(typeNotice)), 2<<30),
		"trailing bytes":         append(encoded(aWelcome), byte(typeGap), 3, 1, 0, 0),
		"body over the limit":    encoded(aWelcome, big),
		"piece without delivery": encoded(aWelcome, &pieceFrame{x.ID, []byte("x")}),
		"one delivery twice":     encoded(aWelcome, half, half),
		"more than announced":    encoded(aWelcome, half, &pieceFrame{half.d.ID, make([]byte, pieceSize)}, &pieceFrame{half.d.ID, make([]byte, pieceSize)}, &pieceFrame{half.d.ID, make([]byte, pieceSize)}, &pieceFrame{half.d.ID, make([]byte, pieceSize)}),
		"method that is none":    d(func(x *Delivery) { x.Method = "PO ST" }),
		"header that is none":    d(func(x *Delivery) { x.Header = Header{{"A\r\nB", "c"}} }),
		"value with a line end":  d(func(x *Delivery) { x.Header = Header{{"A", "b\r\nHost: evil"}} }),
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := fakeRelay(t, func(ctx context.Context, ws *websocket.Conn) {
				ws.Write(ctx, websocket.MessageBinary, msg)
				ws.Read(ctx)
			})
			c := NewClient(ClientOptions{Dial: dialer(url), Handler: replying(200), NoRetry: true})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := c.Run(ctx)
			if closeCode(err) != CloseProtocol {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// Whatever a delivery says, the listener dials its target and nothing else.
func TestTheRelayCannotNameAnAddress(t *testing.T) {
	app := record(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	target, err := ParseTarget(app.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var elsewhere []string
	f, err := NewForwarder(ForwardOptions{Target: target, Timeout: 5 * time.Second,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if network != "tcp" || address != app.Addr().String() {
				mu.Lock()
				elsewhere = append(elsewhere, network+" "+address)
				mu.Unlock()
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return nil, errors.New("nothing is to be looked up")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	targets := []string{
		"//evil.test/x", "/@evil.test", "@evil.test", "http://evil.test/", "https://evil.test:443/x", "evil.test:80", "//user:pass@evil.test/", "\\\\evil.test\\x",
		"/%00", "/%0d%0aHost:%20evil.test", "/\x00", "/ HTTP/1.1\r\nHost: evil.test\r\n\r\nGET /", "", "*", "/../../..//evil.test", "/%2e%2e/%2e%2e", "unix:/run/x.sock",
		"/x#@evil.test/", "?x", "//[::1]:22/", "///", "/:22", "file:///etc/passwd", strings.Repeat("/evil.test", 3000),
	}
	var list []frame
	want := map[ID]bool{}
	list = append(list, aWelcome)
	for _, target := range targets {
		for _, host := range []string{"", "evil.test", "evil.test:22", "169.254.169.254", "evil test", "a\tb"} {
			d := webhook(nil)
			d.Target, d.Host, d.URL, d.Prefix = target, host, "https://evil.test"+target, "/h/x"
			if !ValidFieldValue(target) || len(list) > 63 {
				continue
			}
			want[d.ID] = true
			list = append(list, &deliverFrame{d: d})
		}
	}
	for _, method := range []string{"CONNECT", "TRACE", "PRI"} {
		d := webhook(nil)
		d.Method, d.Target, d.Host = method, "evil.test:22", "evil.test:22"
		list = append(list[:len(list)-1], &deliverFrame{d: d})
	}
	answered := make(chan int, 1)
	url, _ := fakeRelay(t, func(ctx context.Context, ws *websocket.Conn) {
		n := 0
		for _, f := range list {
			ws.Write(ctx, websocket.MessageBinary, encoded(f))
		}
		for n < len(list)-1 {
			_, msg, err := ws.Read(ctx)
			if err != nil {
				break
			}
			for len(msg) > 0 {
				typ, _, rest, err := nextFrame(msg)
				if err != nil {
					t.Error(err)
					return
				}
				if typ == typeResult || typ == typeFailed {
					n++
				}
				msg = rest
			}
		}
		answered <- n
	})
	ctx, cancel := context.WithCancel(t.Context())
	c := NewClient(ClientOptions{Dial: dialer(url), Handler: f, Drain: time.Millisecond})
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	if n := <-answered; n != len(list)-1 {
		t.Errorf("%d of %d were answered", n, len(list)-1)
	}
	cancel()
	<-ended
	mu.Lock()
	defer mu.Unlock()
	if len(elsewhere) > 0 {
		t.Errorf("dialled %q", elsewhere)
	}
	app.mu.Lock()
	defer app.mu.Unlock()
	for _, r := range app.requests {
		line, _, _ := strings.Cut(r, "\r\n")
		if parts := strings.Split(line, " "); len(parts) != 3 || !strings.HasPrefix(parts[1], "/") {
			t.Errorf("request line %q", line)
		}
	}
}

// hostileChild is set where this binary runs as the listener that is attacked:
// to the fake relay's URL.
const hostileChild = "HOOK_TUNNEL_LISTENER"

// TestHostileListenerChild is that listener. It reports the most memory that
// it took.
func TestHostileListenerChild(t *testing.T) {
	url := os.Getenv(hostileChild)
	if url == "" {
		t.Skip("runs as the child process of TestAttacksTakeNoMemory only")
	}
	hold := make(chan struct{})
	c := NewClient(ClientOptions{Dial: dialer(url), Drain: time.Millisecond, Handler: HandlerFunc(func(ctx context.Context, d *Delivery) (*Result, error) {
		switch d.Target {
		case "/hold":
			select {
			case <-hold:
			case <-ctx.Done():
			}
		case "/large":
			return &Result{Status: 200, Body: make([]byte, 100<<10)}, nil
		}
		return &Result{Status: 200}, nil
	})})
	attacked := time.Second
	if os.Getenv("HOOK_CHAOS") != "" {
		attacked = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), attacked)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	var top, stat uint64
	var m runtime.MemStats
	for ticker := time.NewTicker(10 * time.Millisecond); ctx.Err() == nil; <-ticker.C {
		runtime.ReadMemStats(&m)
		top = max(top, m.HeapAlloc)
		stat = max(stat, m.Sys-m.HeapReleased)
	}
	<-ended
	fmt.Printf("\nheap %d sys %d\n", top, stat)
}

// The listener has a process of its own, whose memory is measured.
func TestAttacksTakeNoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	fill := func(target string, size int) []byte {
		d := webhook(nil)
		d.Target = target
		return encoded(&deliverFrame{d: d, size: int64(size), body: make([]byte, min(size, maxInline))})
	}
	attacks := map[string]func(ctx context.Context, ws *websocket.Conn){
		"a giant frame": func(ctx context.Context, ws *websocket.Conn) {
			w, err := ws.Writer(ctx, websocket.MessageBinary)
			for piece := make([]byte, 1<<20); err == nil; {
				_, err = w.Write(piece)
			}
		},
		"endless pings": func(ctx context.Context, ws *websocket.Conn) {
			ws.Write(ctx, websocket.MessageBinary, encoded(aWelcome))
			var pings []byte
			for i := range 10_000 {
				pings = append(pings, encoded(&pingFrame{uint64(i)})...)
			}
			for ws.Write(ctx, websocket.MessageBinary, pings) == nil { // and reads nothing
			}
		},
		"half a frame": func(ctx context.Context, ws *websocket.Conn) {
			w, _ := ws.Writer(ctx, websocket.MessageBinary)
			w.Write(encoded(aWelcome)[:5])
			<-ctx.Done()
		},
		"notices": func(ctx context.Context, ws *websocket.Conn) {
			ws.Write(ctx, websocket.MessageBinary, encoded(aWelcome))
			for ws.Write(ctx, websocket.MessageBinary, encoded(&Notice{strings.Repeat("n", 1000)}, &Gap{Count: 1}, &goAwayFrame{time.Hour})) == nil {
			}
		},
		"deliveries over the window": func(ctx context.Context, ws *websocket.Conn) {
			ws.Write(ctx, websocket.MessageBinary, encoded(aWelcome))
			for ws.Write(ctx, websocket.MessageBinary, fill("/hold", maxInline)) == nil {
			}
		},
		"bodies up to the window, announced": func(ctx context.Context, ws *websocket.Conn) {
			ws.Write(ctx, websocket.MessageBinary, encoded(aWelcome))
			for range 2 {
				d := webhook(nil)
				if ws.Write(ctx, websocket.MessageBinary, encoded(&deliverFrame{d: d, size: DefaultMaxBody})) != nil {
					return
				}
				for range DefaultMaxBody/pieceSize - 1 {
					if ws.Write(ctx, websocket.MessageBinary, encoded(&pieceFrame{d.ID, make([]byte, pieceSize)})) != nil {
						return
					}
				}
			}
			ws.Read(ctx)
		},
		"forgotten after every link": func(ctx context.Context, ws *websocket.Conn) {
			ws.Write(ctx, websocket.MessageBinary, encoded(aWelcome))
			for range 60 {
				if ws.Write(ctx, websocket.MessageBinary, fill("/hold", maxInline)) != nil {
					return
				}
			}
		},
		"answers that it does not read": func(ctx context.Context, ws *websocket.Conn) {
			ws.Write(ctx, websocket.MessageBinary, encoded(aWelcome))
			for n := 1; ws.Write(ctx, websocket.MessageBinary, fill("/large", 0)) == nil; n++ {
				if n%16 == 0 {
					time.Sleep(5 * time.Millisecond) // or the window would stop it
				}
			}
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, came := fakeRelay(t, attack)
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostileListenerChild$", "-test.timeout=60s")
			child.Env = append(os.Environ(), hostileChild+"="+url, "GOGC=20") // what is held counts, not what is not collected yet
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("the listener crashed: %v\n%s", err, out)
			}
			var heap, sys uint64
			for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
				fmt.Sscanf(lines.Text(), "heap %d sys %d", &heap, &sys)
			}
			if came.Load() == 0 || heap == 0 {
				t.Fatalf("nothing happened:\n%s", out)
			}
			t.Logf("%s: heap %d MB, from the system %d MB, %d links", name, heap>>20, sys>>20, came.Load())
			if heap > 100<<20 {
				t.Errorf("the heap grew to %d MB", heap>>20)
			}
		})
	}
}
