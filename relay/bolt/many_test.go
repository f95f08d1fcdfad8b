package bolt

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMany makes as many endpoints as HOOK_MANY says and reports what they
// cost: file, time to open, memory.
func TestMany(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("HOOK_MANY"))
	if n == 0 {
		t.Skip("takes minutes: set HOOK_MANY=1000000 to run it")
	}
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	begin := time.Now()
	var all sync.WaitGroup
	const writers = 512
	for w := range writers {
		all.Go(func() {
			for i := w; i < n; i += writers {
				if _, err := s.Create(ctx, testEndpoint(i)); err != nil {
					t.Error(i, err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("created %d in %v", n, time.Since(begin).Round(time.Millisecond))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("file %d MiB, %d bytes an endpoint", info.Size()>>20, info.Size()/int64(n))

	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin = time.Now()
	s = open(t, dir, Options{})
	took := time.Since(begin)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("opened in %v, heap %+d KiB, %s", took.Round(time.Millisecond), (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10, resident())
	stats, err := s.Stats(ctx)
	if err != nil || stats.Endpoints != n {
		t.Fatalf("%+v %v", stats, err)
	}
	begin = time.Now()
	const looks = 100_000
	for i := range looks {
		if _, err := s.Lookup(ctx, testEndpoint(i * 7919 % n).IDs[0].Hash); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("a lookup takes %v", time.Since(begin)/looks)
	begin = time.Now()
	due, _, err := s.Due(ctx, start.Add(365*24*time.Hour), 1000)
	if err != nil || len(due) != min(n, 1000) {
		t.Fatal(len(due), err)
	}
	t.Logf("1000 due in %v", time.Since(begin))
	begin = time.Now()
	for _, e := range due {
		all.Go(func() {
			if _, err := s.Purge(ctx, e.ID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	t.Logf("purged in %v", time.Since(begin))
}

// resident is what the process holds in memory, as Linux tells it: the pages
// of the file that are mapped, which the kernel takes back when it needs to,
// and the rest.
func resident() string {
	b, _ := os.ReadFile("/proc/self/status")
	var out []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "RssFile") || strings.HasPrefix(line, "RssAnon") {
			out = append(out, strings.Fields(line)...)
		}
	}
	return strings.Join(out, " ")
}
