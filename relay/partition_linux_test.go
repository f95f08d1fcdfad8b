package relay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
)

// noticed is the promise: a dead link is known on both sides within 25 s. The
// second is for the test's own eyes.
const noticed = 26 * time.Second

// listening asks the relay whether it has a listener.
func (c *crew) listening(t *testing.T) bool {
	t.Helper()
	req, _ := http.NewRequest("GET", "http://"+c.addr+"/v1/endpoints/"+c.ep.ID, nil)
	req.Header.Set("Authorization", "Bearer "+c.ep.OwnerKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var v relay.EndpointView
	json.NewDecoder(resp.Body).Decode(&v)
	return v.Listening
}

func (c *crew) waitListening(t *testing.T, want bool, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < within {
		if c.listening(t) == want {
			return time.Since(began)
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Errorf("the relay did not notice within %s", within)
	return 0
}

// A frozen side is noticed by the other, and what was accepted meanwhile
// arrives when it thaws.
func TestFrozenSidesAreNoticed(t *testing.T) {
	chaos(t, "takes two minutes")
	c := startCrew(t)
	c.listener.cmd.Process.Signal(syscall.SIGSTOP)
	began := time.Now()
	req, _ := http.NewRequest("POST", c.ep.URL, strings.NewReader("x"))
	req.Header.Set("X-Number", "frozen")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 202 {
		t.Errorf("to a frozen listener: %v, %v", resp, err)
	}
	c.waitListening(t, false, noticed-time.Since(began))
	t.Logf("the relay noticed after %s", time.Since(began).Round(time.Millisecond))
	c.listener.cmd.Process.Signal(syscall.SIGCONT)
	c.listener.wait("ready", noticed)
	c.drained(t, time.Minute)
	if got := c.received(t); got["frozen"] == 0 {
		t.Error("the webhook was lost")
	}
	c.relay.cmd.Process.Signal(syscall.SIGSTOP)
	began = time.Now()
	c.listener.wait("lost", noticed)
	t.Logf("the listener noticed after %s", time.Since(began).Round(time.Millisecond))
	c.relay.cmd.Process.Signal(syscall.SIGCONT)
	c.listener.wait("ready", time.Minute)
}

// network runs ip and fails the test where it fails.
func network(t testing.TB, args ...string) { t.Helper(); system(t, append([]string{"ip"}, args...)) }

func system(t testing.TB, args []string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// stretched is a crew whose listener and application are behind a network of
// their own: what happens to it happens to the tunnel only.
type stretched struct {
	*crew
	t         *testing.T
	ns        string
	near, far string // ends of the link: the relay's, the listener's
	sent      int
}

func startStretched(t *testing.T) *stretched {
	if os.Getuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	ns := fmt.Sprintf("hook%d", os.Getpid())
	c := &stretched{t: t, ns: ns, near: ns + "a", far: ns + "b"}
	network(t, "netns", "add", ns)
	t.Cleanup(func() {
		exec.Command("ip", "link", "del", c.near).Run() // with its peer, at once
		exec.Command("ip", "netns", "del", ns).Run()
	})
	network(t, "link", "add", c.near, "type", "veth", "peer", "name", c.far, "netns", ns)
	network(t, "addr", "add", "10.213.7.1/24", "dev", c.near)
	network(t, "link", "set", c.near, "up")
	network(t, "-n", ns, "addr", "add", "10.213.7.2/24", "dev", c.far)
	network(t, "-n", ns, "link", "set", c.far, "up")
	network(t, "-n", ns, "link", "set", "lo", "up")

	dir := t.TempDir()
	c.crew = &crew{addr: freePort(t), list: filepath.Join(dir, "received")}
	_, port, _ := net.SplitHostPort(c.addr)
	c.relay = newChild(t, "relay", map[string]string{chaosDir: filepath.Join(dir, "store"), chaosRelay: "0.0.0.0:" + port, chaosPublic: "yes"})
	c.relay.start()
	c.relay.wait("ready", 20*time.Second)
	resp, err := http.Post("http://"+c.addr+"/v1/endpoints", "application/json", strings.NewReader(`{"policy":{"budget_ms":1000}}`))
	if err != nil {
		t.Fatal(err)
	}
	json.NewDecoder(resp.Body).Decode(&c.ep)
	resp.Body.Close()
	c.app = newChild(t, "application", map[string]string{chaosDir: c.list, chaosTarget: "127.0.0.1:8080"})
	c.listener = newChild(t, "listener", map[string]string{chaosRelay: "10.213.7.1:" + port, chaosTarget: "127.0.0.1:8080", chaosID: c.ep.ID, chaosKey: c.ep.OwnerKey})
	c.app.wrap, c.listener.wrap = c.inside(), c.inside()
	c.app.start()
	c.app.wait("ready", 20*time.Second)
	c.listener.start()
	c.listener.wait("ready", 20*time.Second)
	return c
}

// inside is a command in the listener's network.
func (c *stretched) inside(args ...string) []string {
	return append([]string{"ip", "netns", "exec", c.ns}, args...)
}

// send has the relay accept webhooks of a size.
func (c *stretched) send(count, size int) {
	c.t.Helper()
	for range count {
		c.sent++
		req, _ := http.NewRequest("POST", c.ep.URL, bytes.NewReader(noise(size)))
		req.Header.Set("X-Number", fmt.Sprint(c.sent))
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode/100 != 2 {
			c.t.Errorf("webhook %d: %v, %v", c.sent, resp, err)
			return
		}
		resp.Body.Close()
		time.Sleep(10 * time.Millisecond)
	}
}

// healed waits until all that was accepted has arrived.
func (c *stretched) healed(name string, since time.Time) {
	c.t.Helper()
	c.drained(c.t, time.Minute)
	c.t.Logf("%s: all delivered %s after it healed", name, time.Since(since).Round(time.Millisecond))
	if got := c.received(c.t); len(got) != c.sent {
		c.t.Errorf("%s: %d of %d arrived", name, len(got), c.sent)
	}
}

// The network between listener and relay goes away, both ways or one way only,
// and comes back. Nobody starts anything again.
func TestPartitionsHeal(t *testing.T) {
	chaos(t, "needs root, network namespaces and three minutes")
	c := startStretched(t)
	drop := func(chain, field string) []string {
		rules := fmt.Sprintf("table inet cut { chain c { type filter hook %s priority 0; ip %s 10.213.7.1 drop; }; }", chain, field)
		return c.inside("nft", rules)
	}
	mend := c.inside("nft", "delete table inet cut")
	for name, fault := range map[string]struct{ begin, end []string }{
		"link down":                       {[]string{"ip", "link", "set", c.near, "down"}, []string{"ip", "link", "set", c.near, "up"}},
		"blackhole":                       {[]string{"ip", "-n", c.ns, "route", "add", "blackhole", "10.213.7.1/32"}, []string{"ip", "-n", c.ns, "route", "del", "blackhole", "10.213.7.1/32"}},
		"nothing comes from the relay":    {drop("input", "saddr"), mend},
		"nothing comes from the listener": {drop("output", "daddr"), mend},
	} {
		c.send(10, 1)
		system(t, fault.begin)
		began := time.Now()
		c.send(10, 1)
		c.listener.wait("lost", noticed-time.Since(began))
		listener := time.Since(began)
		c.waitListening(t, false, noticed-time.Since(began))
		t.Logf("%s: noticed by the listener after %s, by the relay after %s", name, listener.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		c.send(10, 1)
		for time.Since(began) < 40*time.Second {
			time.Sleep(100 * time.Millisecond)
		}
		system(t, fault.end)
		healed := time.Now()
		c.listener.wait("ready", 45*time.Second)
		c.healed(name, healed)
	}
}

// A link of 64 kbit/s carries what it can, and is not taken for a dead one.
func TestASlowLinkIsNotADeadOne(t *testing.T) {
	chaos(t, "needs root, network namespaces and a minute")
	c := startStretched(t)
	c.send(10, 1)
	tbf := []string{"root", "tbf", "rate", "64kbit", "burst", "3200", "latency", "1s"}
	system(t, append([]string{"tc", "qdisc", "add", "dev", c.near}, tbf...))
	system(t, c.inside(append([]string{"tc", "qdisc", "add", "dev", c.far}, tbf...)...))
	began := time.Now()
	for time.Since(began) < 50*time.Second { // 400 KiB through 8 KiB a second
		if !c.listening(t) {
			t.Fatalf("taken for dead after %s", time.Since(began))
		}
		if time.Since(began) < 40*time.Second {
			c.send(1, 10<<10)
		}
		time.Sleep(900 * time.Millisecond)
	}
	t.Logf("%d of %d arrived through the slow link", len(c.received(t)), c.sent)
	system(t, []string{"tc", "qdisc", "del", "dev", c.near, "root"})
	system(t, c.inside("tc", "qdisc", "del", "dev", c.far, "root"))
	c.healed("64 kbit/s", time.Now())
}
