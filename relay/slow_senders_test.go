package relay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Of the child in the role of slow senders.
const (
	chaosCount   = "HOOK_CHAOS_COUNT"   // connections that it keeps open
	chaosSources = "HOOK_CHAOS_SOURCES" // addresses, 127.1.x.y, that they come from
	chaosFirst   = "HOOK_CHAOS_FIRST"   // number of the first of them
	chaosPaths   = "HOOK_CHAOS_PATHS"   // of endpoints, with commas between
	chaosPhase   = "HOOK_CHAOS_PHASE"   // what they are slow in: head, body, large body, or both of the first in turns
)

const dripEvery = 10 * time.Second

// chaosChildSlow keeps connections open that send a byte every 10 s, and opens
// each again when it was cut off, until it is killed. It says how it fares.
func chaosChildSlow(t *testing.T) {
	number := func(name string) int {
		n, err := strconv.Atoi(os.Getenv(name))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var open, refused, cut, failed atomic.Int64
	count, sources, first := number(chaosCount), number(chaosSources), number(chaosFirst)
	paths := strings.Split(os.Getenv(chaosPaths), ",")
	for n := range count {
		head := "POST " + paths[n%len(paths)] + " HTTP/1.1\r\nHost: slow.example\r\n"
		source := first + n%sources
		dial := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(source/250), byte(1+source%250))}, Timeout: dripEvery}
		start := head
		switch phase := os.Getenv(chaosPhase); {
		case phase == "body", phase == "both" && n%2 == 0:
			start = head + "Content-Length: 262144\r\n\r\n" // as much as is held in memory
		case phase == "large body":
			start = head + "Content-Length: 26214400\r\n\r\n" // to be spooled to a file
		}
		go func() {
			for {
				conn, err := dial.Dial("tcp", os.Getenv(chaosRelay))
				if err != nil {
					failed.Add(1)
					time.Sleep(dripEvery)
					continue
				}
				open.Add(1)
				full := drips(conn, start)
				open.Add(-1)
				if cut.Add(1); full {
					refused.Add(1)
					time.Sleep(dripEvery) // else this machine would do nothing else
				}
			}
		}()
		if n%100 == 99 {
			time.Sleep(20 * time.Millisecond) // not all at once: the accept queue is short
		}
	}
	fmt.Println("all begun")
	for {
		fmt.Printf("open %d refused %d cut %d failed %d\n", open.Load(), refused.Load(), cut.Load(), failed.Load())
		time.Sleep(500 * time.Millisecond)
	}
}

// drips sends byte after byte until the relay ends it. It tells whether the
// relay had no room for the connection.
func drips(conn net.Conn, start string) (full bool) {
	defer conn.Close()
	io.WriteString(conn, start)
	answer := make([]byte, 512)
	for {
		conn.SetReadDeadline(time.Now().Add(dripEvery))
		n, err := conn.Read(answer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			io.WriteString(conn, "x")
			continue
		}
		return bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 503"))
	}
}

// resident is the memory of a process, in MiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// Ten thousand connections that send a byte every 10 s, and come again when
// they are cut off: from one address, where a hundred get in, and from two
// hundred addresses, where all do. Others are served meanwhile.
func TestTenThousandSlowSenders(t *testing.T) {
	chaos(t, "opens ten thousand connections, for three minutes")
	if runtime.GOOS != "linux" {
		t.Skip("needs all of 127.0.0.0/8 as sources, and /proc")
	}
	for _, c := range []struct {
		name, phase string
		sources     int
		least, most int // connections that stay open
	}{
		{"from one address", "both", 1, 100, 100},
		{"from 200 addresses, in the head", "head", 200, 9_000, 10_000},
		{"from 200 addresses, in the body", "body", 200, 9_000, 10_000},
		{"from 200 addresses, in a large body", "large body", 200, 9_000, 10_000},
	} {
		t.Run(c.name, func(t *testing.T) { tenThousandSlow(t, c.phase, c.sources, c.least, c.most) })
	}
}

func tenThousandSlow(t *testing.T, phase string, sources, least, most int) {
	dir := t.TempDir()
	crew := &crew{addr: freePort(t), list: filepath.Join(dir, "received")}
	crew.relay = newChild(t, "relay", map[string]string{chaosDir: filepath.Join(dir, "store"), chaosRelay: crew.addr, chaosPublic: "yes"})
	crew.relay.start()
	crew.relay.wait("ready", 20*time.Second)
	var paths []string // for the slow ones: no endpoint takes as many requests
	for range 10 {
		resp, err := http.Post("http://"+crew.addr+"/v1/endpoints", "application/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(resp.Body).Decode(&crew.ep); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		paths = append(paths, strings.TrimPrefix(crew.ep.URL, "http://"+crew.addr))
	}
	paths = paths[:9] // the last is for the others
	target := freePort(t)
	crew.app = newChild(t, "application", map[string]string{chaosDir: crew.list, chaosTarget: target})
	crew.listener = newChild(t, "listener", map[string]string{chaosRelay: crew.addr, chaosTarget: target, chaosID: crew.ep.ID, chaosKey: crew.ep.OwnerKey})
	crew.app.start()
	crew.app.wait("ready", 20*time.Second)
	crew.listener.start()
	crew.listener.wait("ready", 20*time.Second)

	// Each webhook on a connection of its own: it has to get in.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	measure := func(what string) {
		t.Helper()
		var took []time.Duration
		pace := time.NewTicker(dripEvery / 500) // over the time in which each is cut off once
		defer pace.Stop()
		for range 500 {
			<-pace.C
			began := time.Now()
			resp, err := client.Post(crew.ep.URL, "application/json", bytes.NewReader(make([]byte, 2<<10)))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Fatalf("%s: %s", what, resp.Status)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		t.Logf("%s: p50 %s, p99 %s, at most %s; the relay has %d MiB", what, took[250].Round(10*time.Microsecond),
			took[495].Round(10*time.Microsecond), took[499].Round(10*time.Microsecond), resident(t, crew.relay.cmd.Process.Pid))
	}
	measure("alone")
	const processes = 2 // each has its own files
	var slow []*child
	for n := range processes {
		c := newChild(t, "slow", map[string]string{
			chaosRelay: crew.addr, chaosPaths: strings.Join(paths, ","), chaosPhase: phase,
			chaosCount: fmt.Sprint(10_000 / processes), chaosSources: fmt.Sprint(max(1, sources/processes)), chaosFirst: fmt.Sprint(n * (sources / processes)),
		})
		c.start()
		slow = append(slow, c)
	}
	for _, c := range slow {
		c.wait("all begun", 2*time.Minute)
	}
	count := func() (open, refused int) {
		t.Helper()
		for _, c := range slow {
			var o, r, cut, failed int
			for line := range c.said {
				if _, err := fmt.Sscanf(line, "open %d refused %d cut %d failed %d", &o, &r, &cut, &failed); err == nil && len(c.said) == 0 {
					break // the newest
				}
			}
			open, refused = open+o, refused+r
		}
		return open, refused
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for open, _ := count(); open < least; open, _ = count() {
		if ctx.Err() != nil {
			t.Fatalf("only %d are open", open)
		}
	}
	for range 3 {
		measure("beside them")
		open, refused := count()
		t.Logf("%d are open, %d were refused so far", open, refused)
		if open > most || sources > 1 && refused > 0 {
			t.Errorf("%d are open, %d were refused; of 10,000 at most %d", open, refused, most)
		}
		if mib := resident(t, crew.relay.cmd.Process.Pid); mib > 1<<10 {
			t.Errorf("the relay has %d MiB", mib)
		}
	}
	if got := crew.received(t); len(got) == 0 {
		t.Error("nothing arrived")
	}
}
