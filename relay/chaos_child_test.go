package relay_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/bolt"
	"github.com/hookrelay/hook/tunnel"
)

// Tests that end whole processes run this binary again, with chaosRole set to
// what the child is to be and the rest to where.
const (
	chaosRole   = "HOOK_CHAOS_ROLE" // relay, listener, application, slow
	chaosDir    = "HOOK_CHAOS_DIR"  // of the store, or the application's list
	chaosRelay  = "HOOK_CHAOS_RELAY"
	chaosTarget = "HOOK_CHAOS_TARGET"
	chaosID     = "HOOK_CHAOS_ID"
	chaosKey    = "HOOK_CHAOS_KEY"
	chaosWindow = "HOOK_CHAOS_WINDOW" // set: one delivery at a time
	chaosPublic = "HOOK_CHAOS_PUBLIC" // set: not a relay of this machine alone
)

// chaos skips a test that is slow, or needs root, unless it was asked for.
func chaos(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("HOOK_CHAOS") == "" {
		t.Skip(why + ": set HOOK_CHAOS=1, or run make chaos")
	}
}

// TestChaosChild is each of those processes; it runs until it is killed.
func TestChaosChild(t *testing.T) {
	switch os.Getenv(chaosRole) {
	case "relay":
		chaosChildRelay(t)
	case "listener":
		chaosChildListener(t)
	case "application":
		chaosChildApplication(t)
	case "slow":
		chaosChildSlow(t)
	default:
		t.Skip("runs as the child process of other tests only")
	}
}

func chaosChildRelay(t *testing.T) {
	dir := os.Getenv(chaosDir)
	store, err := bolt.Open(dir, bolt.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := relay.LoadKeys(filepath.Join(dir, "relay.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := relay.New(relay.Options{Store: store, Keys: keys, Open: true, Loopback: os.Getenv(chaosPublic) == "", MaxItems: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", os.Getenv(chaosRelay))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("ready")
	t.Fatal(s.Serve(context.Background(), ln))
}

func chaosChildListener(t *testing.T) {
	target, err := tunnel.ParseTarget(os.Getenv(chaosTarget))
	if err != nil {
		t.Fatal(err)
	}
	f, err := tunnel.NewForwarder(tunnel.ForwardOptions{Target: target, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var window tunnel.Window
	if os.Getenv(chaosWindow) != "" {
		window.Deliveries = 1
	}
	c := tunnel.NewClient(tunnel.ClientOptions{Window: window,
		Dial: func(ctx context.Context) (tunnel.Conn, error) {
			return tunnel.DialWebSocket(ctx, http.DefaultClient, "http://"+os.Getenv(chaosRelay)+"/v1/tunnel", os.Getenv(chaosKey))
		},
		Endpoint: os.Getenv(chaosID), Handler: f, Probe: f.Probe,
		Events: func(e tunnel.Event) {
			switch e := e.(type) {
			case tunnel.Connected:
				fmt.Println("ready")
			case tunnel.Lost:
				fmt.Println("lost", e.Err)
			}
		},
	})
	t.Fatal(c.Run(context.Background()))
}

// chaosChildApplication writes what it received to a file, in one write each,
// before it answers: so much is done when it is killed.
func chaosChildApplication(t *testing.T) {
	list, err := os.OpenFile(os.Getenv(chaosDir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", os.Getenv(chaosTarget))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("ready")
	t.Fatal(http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(list, "%s %s\n", r.Header.Get("X-Number"), r.Header.Get("Hook-Attempt"))
	})))
}

// child is a process in a role. It can be killed and started again.
type child struct {
	t    testing.TB
	env  []string
	wrap []string // a command to run it with
	cmd  *exec.Cmd
	said chan string // its lines
}

func newChild(t testing.TB, role string, env map[string]string) *child {
	c := &child{t: t, env: append(os.Environ(), chaosRole+"="+role)}
	for k, v := range env {
		c.env = append(c.env, k+"="+v)
	}
	t.Cleanup(func() { c.kill() })
	return c
}

// start runs the process.
func (c *child) start() {
	c.t.Helper()
	args := append(c.wrap, os.Args[0], "-test.run=^TestChaosChild$", "-test.timeout=30m")
	c.cmd = exec.Command(args[0], args[1:]...)
	c.cmd.Env = c.env
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	c.cmd.Stderr = os.Stderr
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	said := make(chan string, 10_000)
	c.said = said
	go func() {
		defer close(said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case said <- lines.Text():
			default: // nobody listens
			}
		}
	}()
}

// wait returns when the process says a word that begins so.
func (c *child) wait(word string, within time.Duration) {
	c.t.Helper()
	late := time.After(within)
	for {
		select {
		case line, ok := <-c.said:
			if !ok {
				c.t.Fatalf("the process ended before it said %q", word)
			}
			if strings.HasPrefix(line, word) {
				return
			}
		case <-late:
			c.t.Fatalf("the process did not say %q within %s", word, within)
		}
	}
}

// kill is kill -9.
func (c *child) kill() {
	if c.cmd != nil && c.cmd.Process != nil {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	}
}

// freePort is an address that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
