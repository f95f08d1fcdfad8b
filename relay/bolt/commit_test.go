package bolt

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/relay"
)

// On a disk that takes 5 ms to sync, the writers that wait share a commit.
func TestSlowSyncIsShared(t *testing.T) {
	const writers, each = 64, 20
	commits := 0
	s := open(t, t.TempDir(), Options{afterSync: func() {
		commits++
		time.Sleep(5 * time.Millisecond) // is the slow disk itself
	}})
	id := create(t, s, 1)
	before := commits
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				if _, err := s.Push(context.Background(), id, testPush(w*each+n), bytes.NewReader(body1k())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if per := float64(writers*each) / float64(commits-before); per < 16 {
		t.Fatalf("%.1f pushes per commit, want at least 16", per)
	} else {
		t.Logf("%.1f pushes per commit", per)
	}
}

// hold makes the committer wait inside a commit until release is called.
func hold(t *testing.T, opts Options) (s *Store, held chan struct{}, release func()) {
	t.Helper()
	held = make(chan struct{}, 100)
	gate := make(chan struct{})
	opts.afterSync = func() { held <- struct{}{}; <-gate }
	s = open(t, t.TempDir(), opts)
	var once sync.Once
	release = func() { once.Do(func() { close(gate) }) }
	t.Cleanup(release)
	return s, held, release
}

// Ops that fail beside others in one transaction leave the others as they are,
// and nothing of their own.
func TestFailuresInOneGroup(t *testing.T) {
	s, held, release := hold(t, Options{})
	var first sync.WaitGroup
	var e relay.Endpoint
	first.Go(func() {
		limited := testEndpoint(1)
		limited.MaxUses = 2
		e, _ = s.Create(context.Background(), limited)
	})
	<-held
	const n = 40
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		p := testPush(i)
		p.Use = i%2 == 0 // 2 of 20
		if !p.Use {
			p.MaxBytes = 5 * 1024 // at most 5 of all
		}
		all.Go(func() { _, errs[i] = s.Push(context.Background(), 1, p, bytes.NewReader(body1k())) })
	}
	all.Go(func() {
		if err := s.Settle(context.Background(), 1, 0, nil); err != nil {
			t.Error(err)
		}
	})
	for s.queue.len() < n+1 { // all of them are in one group
		runtime.Gosched()
	}
	release()
	first.Wait()
	all.Wait()
	stored, used, quota := 0, 0, 0
	for _, err := range errs {
		switch {
		case err == nil:
			stored++
		case errors.Is(err, relay.ErrUsedUp):
			used++
		case errors.Is(err, relay.ErrQuota):
			quota++
		default:
			t.Error(err)
		}
	}
	if used != 18 || quota < 15 || stored != n-used-quota {
		t.Errorf("%d stored, %d used up, %d over quota", stored, used, quota)
	}
	list, err := s.List(context.Background(), e.ID, relay.Pending, 0, 1000)
	if err != nil || len(list) != stored {
		t.Fatalf("%d items, %d acknowledged, %v", len(list), stored, err)
	}
	if last := list[len(list)-1].Delivery.Seq; last != uint64(stored) {
		t.Errorf("last seq %d of %d items: a refused push took a number", last, stored)
	}
}

func TestContextEndsWhileWaiting(t *testing.T) {
	s, held, release := hold(t, Options{})
	var first sync.WaitGroup
	first.Go(func() { s.Create(context.Background(), testEndpoint(1)) })
	<-held // the committer is busy: what comes now waits
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := s.Push(ctx, 1, testPush(1), bytes.NewReader(make([]byte, 1<<20))); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	for s.queue.len() == 0 {
		runtime.Gosched()
	}
	cancel()
	all.Wait()
	release()
	first.Wait()
	if d, err := s.Depth(context.Background(), 1); err != nil || d.Pending != 0 {
		t.Fatalf("%+v %v: a write that was given up before it began has happened", d, err)
	}
	if n := bodyFiles(t, s.dir); n != 0 {
		t.Fatalf("%d body files", n)
	}
}

func TestUpdatePanics(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	id := create(t, s, 1)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic of the function was swallowed")
			}
		}()
		s.Update(context.Background(), id, func(*relay.Endpoint) error { panic("ours") })
	}()
	if _, err := s.Update(context.Background(), id, func(*relay.Endpoint) error { return nil }); err != nil {
		t.Fatal(err)
	}
}
