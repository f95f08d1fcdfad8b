package relay_test

import (
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
func network(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// The network between listener and relay goes away and comes back.
func TestPartitionsHeal(t *testing.T) {
	chaos(t, "needs root, network namespaces and two minutes")
	if os.Getuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	ns := fmt.Sprintf("hook%d", os.Getpid())
	near, far := ns+"a", ns+"b"
	network(t, "netns", "add", ns)
	t.Cleanup(func() { exec.Command("ip", "netns", "del", ns).Run() })
	network(t, "link", "add", near, "type", "veth", "peer", "name", far, "netns", ns)
	network(t, "addr", "add", "10.213.7.1/24", "dev", near)
	network(t, "link", "set", near, "up")
	network(t, "-n", ns, "addr", "add", "10.213.7.2/24", "dev", far)
	network(t, "-n", ns, "link", "set", far, "up")
	network(t, "-n", ns, "link", "set", "lo", "up")

	dir := t.TempDir()
	c := &crew{addr: freePort(t), list: filepath.Join(dir, "received")}
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
	inside := []string{"ip", "netns", "exec", ns}
	c.app = newChild(t, "application", map[string]string{chaosDir: c.list, chaosTarget: "127.0.0.1:8080"})
	c.listener = newChild(t, "listener", map[string]string{chaosRelay: "10.213.7.1:" + port, chaosTarget: "127.0.0.1:8080", chaosID: c.ep.ID, chaosKey: c.ep.OwnerKey})
	c.app.wrap, c.listener.wrap = inside, inside
	c.app.start()
	c.app.wait("ready", 20*time.Second)
	c.listener.start()
	c.listener.wait("ready", 20*time.Second)

	sent := 0
	send := func(wait time.Duration) {
		t.Helper()
		sent++
		req, _ := http.NewRequest("POST", c.ep.URL, strings.NewReader("x"))
		req.Header.Set("X-Number", fmt.Sprint(sent))
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode/100 != 2 {
			t.Errorf("webhook %d: %v, %v", sent, resp, err)
			return
		}
		resp.Body.Close()
		time.Sleep(wait)
	}
	for name, fault := range map[string]struct{ begin, end []string }{
		"link down": {[]string{"link", "set", near, "down"}, []string{"link", "set", near, "up"}},
		"blackhole": {[]string{"-n", ns, "route", "add", "blackhole", "10.213.7.1/32"}, []string{"-n", ns, "route", "del", "blackhole", "10.213.7.1/32"}},
	} {
		for range 10 {
			send(10 * time.Millisecond)
		}
		network(t, fault.begin...)
		began := time.Now()
		for range 10 {
			send(10 * time.Millisecond)
		}
		c.listener.wait("lost", noticed-time.Since(began))
		listener := time.Since(began)
		c.waitListening(t, false, noticed-time.Since(began))
		t.Logf("%s: noticed by the listener after %s, by the relay after %s", name, listener.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		for range 10 {
			send(10 * time.Millisecond)
		}
		for time.Since(began) < 40*time.Second {
			time.Sleep(100 * time.Millisecond)
		}
		network(t, fault.end...)
		healed := time.Now()
		c.listener.wait("ready", 45*time.Second)
		c.drained(t, time.Minute)
		t.Logf("%s: all delivered %s after it healed", name, time.Since(healed).Round(time.Millisecond))
		if got := c.received(t); len(got) != sent {
			t.Errorf("%s: %d of %d arrived", name, len(got), sent)
		}
	}
}
