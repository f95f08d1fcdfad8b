package bolt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// chaos skips what mounts file systems unless it was asked for.
func chaos(t *testing.T) {
	t.Helper()
	if os.Getenv("HOOK_CHAOS") == "" {
		t.Skip("mounts file systems: set HOOK_CHAOS=1 to run it, as root")
	}
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func rounds(t *testing.T, n int) int {
	t.Helper()
	if v := os.Getenv("HOOK_CHAOS_ROUNDS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// mount mounts a file system on a folder and unmounts it in the end.
func mount(t *testing.T, args ...string) (dir string, unmount func()) {
	t.Helper()
	dir = t.TempDir()
	run(t, "mount", append(args, dir)...)
	var once sync.Once
	unmount = func() { once.Do(func() { run(t, "umount", dir) }) }
	t.Cleanup(unmount)
	return dir, unmount
}

// TestPowerCut copies the image of a file system while a store works in it:
// the copy holds what had reached the disk. Every delivery acknowledged before
// the copy must be in it.
func TestPowerCut(t *testing.T) {
	chaos(t)
	acked, missing := 0, 0
	n := rounds(t, 3)
	for round := range n {
		a, l, err := powerCut(t, round)
		if err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		acked += a
		missing += l
	}
	t.Logf("%d rounds, %d acknowledged, %d lost", n, acked, missing)
	if missing > 0 {
		t.Fail()
	}
}

// TestPowerCutWithoutSync is the control: the same without fsync must lose
// something, or the test above proves nothing.
func TestPowerCutWithoutSync(t *testing.T) {
	chaos(t)
	n, failed := rounds(t, 3), 0
	for round := range n {
		acked, l, err := powerCut(t, round, childNoSync+"=1")
		if l > 0 || err != nil {
			failed++
		}
		t.Logf("round %d: %d acknowledged, %d lost, %v", round, acked, l, err)
	}
	t.Logf("%d of %d rounds lost something", failed, n)
	if failed < n {
		t.Fatalf("%d of %d rounds lost nothing without fsync", n-failed, n)
	}
}

func powerCut(t *testing.T, round int, env ...string) (acked, missing int, err error) {
	t.Helper()
	work := t.TempDir()
	image, cut := filepath.Join(work, "image"), filepath.Join(work, "cut")
	run(t, "truncate", "-s", "512M", image)
	run(t, "mkfs.ext4", "-q", "-F", image)
	disk, unmount := mount(t, "-o", "loop", image)
	c := startChild(t, filepath.Join(disk, "data"), 16, env...)
	ids := c.acks(t, 200+733*(round%20))
	// What the child says until it stands still was said before the cut.
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitStopped(t, c.cmd.Process.Pid)
	ids = append(ids, c.waiting(t)...)
	run(t, "cp", "--sparse=always", image, cut)
	c.kill(t)
	unmount()
	os.Remove(image)

	after, unmountCut := mount(t, "-o", "loop", cut)
	defer func() { unmountCut(); os.Remove(cut) }()
	s, err := Open(filepath.Join(after, "data"), Options{MinFree: off})
	if err != nil {
		return len(ids), len(ids), err
	}
	defer s.Close()
	return len(ids), lost(t, s, ids), nil
}

// waitStopped waits until every thread of a process stands still.
func waitStopped(t *testing.T, pid int) {
	t.Helper()
	for {
		still := true
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(tasks) == 0 {
			t.Fatalf("no threads of %d: %v", pid, err)
		}
		for _, task := range tasks {
			b, err := os.ReadFile(task)
			if err != nil {
				continue
			}
			_, rest, _ := bytes.Cut(b, []byte(") "))
			still = still && len(rest) > 0 && rest[0] == 'T'
		}
		if still {
			return
		}
		time.Sleep(time.Millisecond) // the kernel has no event for it that a parent without ptrace could wait for
	}
}

// waiting reads what is in the pipe, without waiting for more. The last line
// may be cut off: it does not count.
func (c *child) waiting(t *testing.T) []tunnel.ID {
	t.Helper()
	if err := c.pipe.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	defer c.pipe.SetReadDeadline(time.Time{})
	var ids []tunnel.ID
	for {
		line, err := c.out.ReadString('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ids
		}
		if err != nil {
			t.Fatal(err)
		}
		id, err := tunnel.ParseID(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
}

// TestFullDisk fills a small disk until writes fail, through the watermark and
// without it: what was acknowledged is there, and intake opens again by itself
// when there is space.
func TestFullDisk(t *testing.T) {
	chaos(t)
	for name, opts := range map[string]Options{
		"watermark":          {MinFree: 16 << 20},
		"no watermark":       {MinFree: off},
		"no watermark, file": {MinFree: off, InlineBody: 1 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := mount(t, "-t", "tmpfs", "-o", "size=64m", "tmpfs")
			ballast := filepath.Join(dir, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 20<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, filepath.Join(dir, "data"), opts)
			id := create(t, s, 1)
			acked := fillUp(t, s, id)
			ctx := context.Background()
			if err := s.Writable(ctx); !errors.Is(err, relay.ErrNoSpace) {
				t.Fatalf("writable on a full disk: %v", err)
			}
			if d, err := s.Depth(ctx, id); err != nil || d.Pending != len(acked) {
				t.Fatalf("%+v %v, %d acknowledged", d, err, len(acked))
			}
			if n, files := namedFiles(t, s), bodyFiles(t, s.dir); n != files {
				t.Fatalf("%d body files, %d named", files, n)
			}
			// What makes room goes on, also after a start on the full disk.
			gone := acked[:5]
			acked = acked[5:]
			if err := s.Settle(ctx, id, 0, []relay.Settlement{{ID: gone[0], Outcome: relay.Done}}); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, s.dir, opts)
			if n, err := s.Remove(ctx, id, gone); err != nil || n != 4 {
				t.Fatalf("%d removed, %v", n, err)
			}
			if n := lost(t, s, acked); n > 0 {
				t.Fatalf("%d of %d lost on the full disk", n, len(acked))
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			for s.Writable(ctx) != nil {
				if time.Since(begin) > 5*time.Second {
					t.Fatal("not writable 5 s after space came back")
				}
				time.Sleep(10 * time.Millisecond) // polls as a probe of readiness does
			}
			t.Logf("%d acknowledged, writable again after %v", len(acked), time.Since(begin).Round(time.Millisecond))
			item, err := s.Push(ctx, id, testPush(1<<20), bytes.NewReader(bodyOf(testPush(1).Delivery.ID)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Remove(ctx, id, []tunnel.ID{item.Delivery.ID}); err != nil {
				t.Fatal(err)
			}
			if n := lost(t, s, acked); n > 0 {
				t.Fatalf("%d of %d lost", n, len(acked))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, s.dir, opts)
			if n := lost(t, s, acked); n > 0 {
				t.Fatalf("%d of %d lost after reopening", n, len(acked))
			}
		})
	}
}

// fillUp pushes from several writers until the store says that it is full.
func fillUp(t *testing.T, s *Store, id relay.EndpointID) (acked []tunnel.ID) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := 0; ; n++ {
				p := testPush(n)
				_, err := s.Push(context.Background(), id, p, bytes.NewReader(bodyOf(p.Delivery.ID)))
				if errors.Is(err, relay.ErrNoSpace) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked = append(acked, p.Delivery.ID)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return acked
}

// TestEveryAckFollowsASync traces a process that pushes one delivery at a
// time: between two acknowledgements the journal is written and synced, after
// the body's file where there is one. Whenever the database is written, its
// pages are synced before the meta page that makes them valid, and that before
// the journal is written from its start again.
func TestEveryAckFollowsASync(t *testing.T) {
	if os.Getenv("HOOK_CHAOS") == "" {
		t.Skip("needs strace: set HOOK_CHAOS=1 to run it")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("needs strace: ", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	dir := t.TempDir()
	c := startCommand(t, exec.Command("strace", "-f", "-y", "-s", "8", "-e", "trace=write,pwrite64,fdatasync,fsync", "-o", trace,
		self, "-test.run=^TestChild$"), dir, 1)
	c.acks(t, 300)
	c.pipe.Close() // the child cannot print any more, and ends
	c.cmd.Wait()

	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	checkTrace(t, f)
}

func checkTrace(t *testing.T, r io.Reader) {
	t.Helper()
	call := func(name, file, rest string) *regexp.Regexp {
		return regexp.MustCompile(name + `\(\d+<[^>]*` + regexp.QuoteMeta(file) + `>` + rest)
	}
	var (
		pwrite = call("pwrite64", fileName, `.*, (\d+)\) = \d+$`)
		sync   = call("fdatasync", fileName, `\) += 0$`)
		record = call("pwrite64", journalName, `.*, (\d+)\) = \d+$`)
		noted  = call("fdatasync", journalName, `\) += 0$`)
		body   = regexp.MustCompile(`fsync\(\d+<[^>]*\.body>\) += 0$`)
		folder = regexp.MustCompile(`fsync\(\d+<[^>]*/` + bodiesName + `>\) += 0$`)
		ack    = regexp.MustCompile(`write\(1<.*"dlv_`)
	)
	page := os.Getpagesize()
	acks, files, saves := 0, 0, 0
	var seen, pages []string // since the last acknowledgement; of the database since its last commit
	step := func(s string) {
		if len(seen) == 0 || seen[len(seen)-1] != s {
			seen = append(seen, s)
		}
	}
	unfinished := make(map[string]string) // a call that another thread interrupted in the log, by thread
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line := lines.Text()
		pid, _, _ := strings.Cut(line, " ")
		if head, ok := strings.CutSuffix(line, "<unfinished ...>"); ok {
			unfinished[pid] = strings.TrimSpace(head)
			if !ack.MatchString(line) { // an ack counts from its beginning, a sync from its end
				continue
			}
		} else if _, tail, ok := strings.Cut(line, "resumed>"); ok {
			line = unfinished[pid] + tail
			delete(unfinished, pid)
			if ack.MatchString(line) {
				continue
			}
		}
		switch {
		case pwrite.MatchString(line):
			off, _ := strconv.Atoi(pwrite.FindStringSubmatch(line)[1])
			if off < 2*page {
				pages = append(pages, "meta")
			} else if len(pages) == 0 || pages[len(pages)-1] != "data" {
				pages = append(pages, "data")
			}
		case sync.MatchString(line):
			pages = append(pages, "sync")
		case record.MatchString(line):
			if got := strings.Join(pages, " "); got != "" { // of the commits since the last record
				for _, commit := range strings.SplitAfter(got, "meta sync") {
					if commit = strings.TrimSpace(commit); commit != "" && commit != "data sync meta sync" {
						t.Fatalf("a record follows %q of the database", got)
					}
					saves++
				}
				pages = nil
			}
			step("record")
		case noted.MatchString(line):
			step("noted")
		case body.MatchString(line):
			files++
			step("body")
		case folder.MatchString(line):
			step("folder")
		case ack.MatchString(line):
			acks++
			got := strings.Join(seen, " ")
			if !strings.HasSuffix(got, "record noted") {
				t.Fatalf("acknowledgement %d after %q", acks, got)
			}
			if strings.Contains(got, "body") && !strings.HasSuffix(got, "body folder record noted") {
				t.Fatalf("acknowledgement %d of a body file after %q", acks, got)
			}
			seen = nil
		}
	}
	if acks < 300 || files == 0 || saves == 0 {
		t.Fatalf("%d acknowledgements, %d body files and %d commits of the database in the trace", acks, files, saves)
	}
	t.Logf("%d acknowledgements, %d body files, each after its syncs; %d commits of the database", acks, files, saves)
}

// TestDrainingAFullDisk settles what is stored while nothing else frees any
// space: that goes on to the end, and intake opens again.
func TestDrainingAFullDisk(t *testing.T) {
	chaos(t)
	dir, _ := mount(t, "-t", "tmpfs", "-o", "size=48m", "tmpfs")
	s := open(t, filepath.Join(dir, "data"), Options{MinFree: off})
	id := create(t, s, 1)
	acked := fillUp(t, s, id)
	ctx := context.Background()
	for ids := range slices.Chunk(acked, 50) {
		list := make([]relay.Settlement, len(ids))
		for i, id := range ids {
			list[i] = relay.Settlement{ID: id, Outcome: relay.Done, Attempts: 1, At: start}
		}
		if err := s.Settle(ctx, id, 0, list); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	for s.Writable(ctx) != nil {
		if time.Since(begin) > 5*time.Second {
			t.Fatal("not writable 5 s after everything was settled")
		}
		time.Sleep(10 * time.Millisecond) // polls as a probe of readiness does
	}
	if _, err := s.Push(ctx, id, testPush(1<<20), bytes.NewReader(body1k())); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d settled, writable again after %v", len(acked), time.Since(begin).Round(time.Millisecond))
}
