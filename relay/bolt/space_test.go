package bolt

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/hookrelay/hook/relay"
)

func TestWatermark(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), Options{MinFree: 1 << 62})
	if err := s.Writable(ctx); !errors.Is(err, relay.ErrNoSpace) {
		t.Errorf("writable: %v", err)
	}
	if _, err := s.Create(ctx, testEndpoint(1)); !errors.Is(err, relay.ErrNoSpace) {
		t.Errorf("create: %v", err)
	}
	if _, err := s.Spool(ctx); !errors.Is(err, relay.ErrNoSpace) {
		t.Errorf("spool: %v", err)
	}
	s.opts.MinFree = off // space has come back
	id := create(t, s, 1)
	s.opts.MinFree = 1 << 62
	if _, err := s.Push(ctx, id, testPush(1), bytes.NewReader(body1k())); !errors.Is(err, relay.ErrNoSpace) {
		t.Errorf("push: %v", err)
	}
	// What makes room, and what takes none, goes on.
	if err := s.Settle(ctx, id, 0, nil); err != nil {
		t.Errorf("settle: %v", err)
	}
	if _, err := s.Purge(ctx, id); err != nil {
		t.Errorf("purge: %v", err)
	}
}

func TestMaxBytes(t *testing.T) {
	ctx := context.Background()
	const limit = 8 << 20
	s := open(t, t.TempDir(), Options{MaxBytes: limit})
	id := create(t, s, 1)
	var pushed []relay.Settlement
	var err error
	for n := 0; n < 100 && err == nil; n++ {
		var item relay.Item
		item, err = s.Push(ctx, id, testPush(n), bytes.NewReader(make([]byte, 1<<20)))
		pushed = append(pushed, relay.Settlement{ID: item.Delivery.ID, Outcome: relay.Done})
	}
	if !errors.Is(err, relay.ErrNoSpace) {
		t.Fatalf("error %v after %d MiB", err, len(pushed))
	}
	if n := len(pushed) - 1; n < 6 || n > 7 {
		t.Fatalf("stopped after %d MiB of %d", n, limit>>20)
	}
	if err := s.Settle(ctx, id, 0, pushed); err != nil {
		t.Fatal(err)
	}
	s.Close() // waits until the files are deleted
	s = open(t, s.dir, Options{MaxBytes: limit})
	if _, err := s.Push(ctx, id, testPush(200), bytes.NewReader(make([]byte, 1<<20))); err != nil {
		t.Fatalf("after everything was settled: %v", err)
	}
}

// Answers of Writable are shared for a moment, and are real writes.
func TestWritableIsShared(t *testing.T) {
	commits := 0
	s := open(t, t.TempDir(), Options{afterSync: func() { commits++ }})
	for range 100 {
		if err := s.Writable(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if s.Close(); commits == 0 || commits > 50 {
		t.Fatalf("%d writes for 100 questions", commits)
	}
}
