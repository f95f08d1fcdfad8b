package relay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
)

// crew is a relay, a listener and an application as processes.
type crew struct {
	relay, listener, app *child
	addr, list           string
	ep                   relay.EndpointView
}

func startCrew(t *testing.T) *crew {
	dir := t.TempDir()
	c := &crew{addr: freePort(t), list: filepath.Join(dir, "received")}
	c.relay = newChild(t, "relay", map[string]string{chaosDir: filepath.Join(dir, "store"), chaosRelay: c.addr})
	c.relay.start()
	c.relay.wait("ready", 20*time.Second)
	resp, err := http.Post("http://"+c.addr+"/v1/endpoints", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&c.ep); err != nil {
		t.Fatal(err)
	}
	target := freePort(t)
	c.app = newChild(t, "application", map[string]string{chaosDir: c.list, chaosTarget: target})
	c.listener = newChild(t, "listener", map[string]string{chaosRelay: c.addr, chaosTarget: target, chaosID: c.ep.ID, chaosKey: c.ep.OwnerKey})
	c.app.start()
	c.app.wait("ready", 20*time.Second)
	c.listener.start()
	c.listener.wait("ready", 20*time.Second)
	return c
}

// received counts how often each number came to the application.
func (c *crew) received(t *testing.T) map[string]int {
	t.Helper()
	b, err := os.ReadFile(c.list)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for line := range strings.Lines(string(b)) {
		number, _, _ := strings.Cut(line, " ")
		n[number]++
	}
	return n
}

// drained waits until the queue is empty.
func (c *crew) drained(t *testing.T, within time.Duration) {
	t.Helper()
	var v relay.EndpointView
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		req, _ := http.NewRequest("GET", "http://"+c.addr+"/v1/endpoints/"+c.ep.ID, nil)
		req.Header.Set("Authorization", "Bearer "+c.ep.OwnerKey)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		json.NewDecoder(resp.Body).Decode(&v)
		resp.Body.Close()
		if resp.StatusCode == 200 && v.Queue.Pending == 0 {
			return
		}
	}
	t.Fatalf("the queue still holds %+v", v.Queue)
}

// Any of the three may be killed at any moment: what got a 2xx reaches the
// application.
func TestKillingAnyoneLosesNothing(t *testing.T) {
	rounds := 6
	if os.Getenv("HOOK_CHAOS") != "" {
		rounds = 100
	} else if testing.Short() {
		t.Skip("starts and kills processes")
	}
	c := startCrew(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	var (
		mu       sync.Mutex
		accepted = map[string]bool{}
		refused  = map[int]int{}
		numbers  atomic.Int64
		stop     = make(chan struct{})
		senders  sync.WaitGroup
	)
	client := &http.Client{Timeout: 15 * time.Second}
	for range 4 {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				number := fmt.Sprint(numbers.Add(1))
				req, _ := http.NewRequest("POST", c.ep.URL, bytes.NewReader(noise(int(numbers.Load()%3)*150<<10)))
				req.Header.Set("X-Number", number)
				resp, err := client.Do(req)
				if err != nil {
					time.Sleep(2 * time.Millisecond) // the relay is down
					continue
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				mu.Lock()
				if resp.StatusCode/100 == 2 {
					accepted[number] = true
				} else {
					refused[resp.StatusCode]++
				}
				mu.Unlock()
			}
		})
	}
	for range rounds {
		victim := []*child{c.relay, c.listener, c.app}[dice.IntN(3)]
		time.Sleep(time.Duration(20+dice.IntN(180)) * time.Millisecond) // under load, at no particular moment
		victim.kill()
		time.Sleep(time.Duration(dice.IntN(100)) * time.Millisecond)
		victim.start()
		if victim != c.listener {
			victim.wait("ready", 30*time.Second)
		}
	}
	close(stop)
	senders.Wait()
	c.drained(t, 3*time.Minute)
	got := c.received(t)
	lost, twice := 0, 0
	for number := range accepted {
		if got[number] == 0 {
			lost++
		}
	}
	for _, n := range got {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d rounds: %d accepted, %d lost, %d came more than once, refused %v", rounds, len(accepted), lost, twice, refused)
	if lost > 0 || len(accepted) == 0 {
		t.Errorf("%d of %d accepted webhooks were lost", lost, len(accepted))
	}
}

// A thousand webhooks while nobody listens: each is on disk within the time a
// provider waits, and they arrive in order.
func TestAThousandWhileAway(t *testing.T) {
	chaos(t, "takes a thousand syncs of the disk")
	c := startCrew(t)
	c.listener.kill()
	var took []time.Duration
	for n := range 1000 {
		req, _ := http.NewRequest("POST", c.ep.URL, strings.NewReader("x"))
		req.Header.Set("X-Number", fmt.Sprint(n))
		began := time.Now()
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 202 {
			t.Fatalf("webhook %d: %v, %v", n, resp, err)
		}
		resp.Body.Close()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("202 within p50 %s, p99 %s, at most %s", took[500], took[990], took[999])
	if took[990] > 200*time.Millisecond {
		t.Errorf("p99 is %s, over 200ms", took[990])
	}
	c.listener.env = append(c.listener.env, chaosWindow+"=one")
	c.listener.start()
	c.drained(t, time.Minute)
	b, _ := os.ReadFile(c.list)
	n := 0
	for line := range strings.Lines(string(b)) {
		if number, _, _ := strings.Cut(line, " "); number != fmt.Sprint(n) {
			t.Fatalf("%s arrived in place %d", number, n)
		}
		n++
	}
	if n != 1000 {
		t.Errorf("%d arrived", n)
	}
}

// A target that is down for a minute loses nothing.
func TestTargetDownForAMinute(t *testing.T) {
	chaos(t, "takes a minute")
	c := startCrew(t)
	c.app.kill()
	began := time.Now()
	sent := 0
	for ; time.Since(began) < time.Minute; sent++ {
		req, _ := http.NewRequest("POST", c.ep.URL, strings.NewReader("x"))
		req.Header.Set("X-Number", fmt.Sprint(sent))
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 202 {
			t.Fatalf("webhook %d: %v, %v", sent, resp, err)
		}
		resp.Body.Close()
		time.Sleep(60 * time.Millisecond) // a steady stream
	}
	c.app.start()
	up := time.Now()
	c.drained(t, 30*time.Second)
	if got := c.received(t); len(got) != sent {
		t.Errorf("%d of %d arrived", len(got), sent)
	}
	t.Logf("%d webhooks in a minute, delivered %s after the target was up", sent, time.Since(up).Round(time.Millisecond))
}
