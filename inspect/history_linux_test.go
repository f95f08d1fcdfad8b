package inspect

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// recorderChild is set in the environment of a test binary that is to record
// until it is killed.
const recorderChild = "HOOK_TEST_RECORD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(recorderChild); dir != "" {
		recordForEver(dir)
	}
	os.Exit(m.Run())
}

// recordForEver prints the number of each flow after Begin returned.
func recordForEver(dir string) {
	h, err := OpenHistory(dir, HistoryOptions{Age: -1, Flows: -1})
	if err != nil {
		panic(err)
	}
	r := NewRecorder(h, RecorderOptions{Wait: time.Minute})
	go r.Run(context.Background())
	from, _ := strconv.Atoi(os.Getenv("HOOK_TEST_FROM"))
	for n := from; ; n++ {
		f := testFlow(n)
		if n%7 == 0 {
			f.Delivery.Body = []byte(strings.Repeat("large ", inlineBody/4))
			f.BodySize, f.BodyHash = int64(len(f.Delivery.Body)), hashOf(f.Delivery.Body)
		}
		r.Begin(f)
		fmt.Println(n)
		r.End(f)
	}
}

// TestKilledRecorderLosesNothingBefore kills a recording process at moments of
// chance; every flow whose Begin had returned is there afterwards.
func TestKilledRecorderLosesNothingBefore(t *testing.T) {
	dir := t.TempDir() + "/h"
	rounds := 20
	if s := os.Getenv("HOOK_TEST_ROUNDS"); s != "" {
		rounds, _ = strconv.Atoi(s)
	}
	told := map[int]bool{}
	next := 1
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), recorderChild+"="+dir, "HOOK_TEST_FROM="+strconv.Itoa(next))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		want := 1 + (round*37)%90
		for i := 0; lines.Scan(); i++ {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				break // a line torn by the kill
			}
			told[n] = true
			next = n + 2
			if i == want {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
	}
	h := openTest(t, dir, HistoryOptions{Age: -1, Flows: -1})
	refresh(t, h)
	there := map[int]bool{}
	for _, f := range h.Flows() {
		id := f.Delivery.ID
		there[int(id[14])<<8|int(id[15])] = true
		if _, err := f.Whole(); err != nil {
			t.Error(err)
		}
	}
	for n := range told {
		if !there[n] {
			t.Errorf("flow %d was recorded and is lost", n)
		}
	}
	s, _ := h.Stats()
	t.Logf("%d rounds, %d flows told, %d there, %d segments, %d damaged lines", rounds, len(told), len(there), s.Segments, s.Damaged)
	if _, err := h.Prune(); err != nil {
		t.Error(err)
	}
}

// TestFullDiskIsSaidOnceAndHeals records onto a file system of 256 KiB.
func TestFullDiskIsSaidOnceAndHeals(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=256k,mode=0700"); err != nil {
		t.Skipf("a small file system needs the right to mount one: %v", err)
	}
	defer syscall.Unmount(mount, syscall.MNT_DETACH)
	h := openTest(t, mount+"/h", HistoryOptions{Age: -1})
	type word struct {
		err  error
		lost uint64
	}
	told := make(chan word, 100)
	recordTest(t, h, RecorderOptions{Wait: 10 * time.Second, Trouble: func(err error, lost uint64) { told <- word{err, lost} }}, func(r *Recorder) {
		for n := range 400 {
			r.Begin(testFlow(n + 1))
		}
		if r.Lost() == 0 || len(told) != 1 {
			t.Fatalf("%d lost, told %d times", r.Lost(), len(told))
		}
		if w := <-told; w.err == nil || !strings.Contains(w.err.Error(), "no space left") {
			t.Errorf("told %v", w)
		}
		if err := syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size=4m"); err != nil {
			t.Fatal(err)
		}
		lost := r.Lost()
		for n := range 10 {
			r.Begin(testFlow(1000 + n))
		}
		if w := <-told; w.err != nil || w.lost != lost || r.Lost() != lost {
			t.Errorf("told %v; %d lost before, %d now", w, lost, r.Lost())
		}
		refresh(t, h)
		if got := len(h.Flows()); uint64(got) != 410-lost {
			t.Errorf("%d flows are there, %d were lost of 410", got, lost)
		}
		if s, _ := h.Stats(); s.Damaged != 0 {
			t.Errorf("%d damaged lines", s.Damaged)
		}
	})
}
