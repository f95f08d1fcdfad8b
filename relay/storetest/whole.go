package storetest

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

func testStats(f *fixture) {
	stats := func() relay.Stats {
		f.Helper()
		got, err := f.s.Stats(f.ctx)
		f.must(err)
		return got
	}
	f.same("oldest of none", stats().Oldest, time.Time{})
	a, b := f.create(endpoint('a')), f.create(endpoint('b'))
	f.push(a.ID, push(5), []byte("12345"))
	old := f.push(b.ID, push(2), []byte("12")) // pushed later, received earlier
	f.push(b.ID, push(9), noise(1, 1<<20))
	got := stats()
	f.same("endpoints", got.Endpoints, 2)
	f.same("depth", got.Depth, relay.Depth{Pending: 3, Bytes: 1<<20 + 7})
	f.same("oldest", got.Oldest, push(2).QueuedAt)
	if got.FileBytes < 1<<20 {
		f.Fatalf("%d bytes on disk", got.FileBytes)
	}
	f.must(f.s.Settle(f.ctx, b.ID, 0, []relay.Settlement{{ID: old.Delivery.ID, Outcome: relay.Died, At: start}}))
	f.again()
	got = stats()
	f.same("depth", got.Depth, relay.Depth{Pending: 2, Dead: 1, Bytes: 1<<20 + 7})
	f.same("oldest: dead ones do not count", got.Oldest, push(5).QueuedAt)
	_, err := f.s.Purge(f.ctx, b.ID)
	f.must(err)
	got = stats()
	f.same("endpoints", got.Endpoints, 1)
	f.same("depth", got.Depth, relay.Depth{Pending: 1, Bytes: 5})
}

func testWritable(f *fixture) {
	f.must(f.s.Writable(f.ctx))
	f.must(f.s.Writable(f.ctx))
}

func testReopen(f *fixture) {
	e := endpoint('a')
	e.MaxUses = 100
	e = f.create(e)
	var last uint64
	for round := range 3 {
		for i := range 10 {
			p := push(round*10 + i)
			p.Use = true
			item := f.push(e.ID, p, noise(uint64(round*10+i), i*20_000))
			if item.Delivery.Seq <= last {
				f.Fatalf("seq %d after %d", item.Delivery.Seq, last)
			}
			last = item.Delivery.Seq
		}
		f.again()
	}
	list := f.list(e.ID, relay.Pending)
	f.same("items", len(list), 30)
	for i, item := range list {
		if !bytes.Equal(f.body(e.ID, item.Delivery.ID), noise(uint64(i), i%10*20_000)) {
			f.Fatalf("body %d is not what was pushed", i)
		}
	}
	got, err := f.s.Lookup(f.ctx, hash('a'))
	f.must(err)
	f.same("uses", got.Uses, int64(30))
	// Numbers are not given out again, even when the tail is gone.
	f.must(f.s.Settle(f.ctx, e.ID, 0, []relay.Settlement{{ID: list[29].Delivery.ID, Outcome: relay.Done}}))
	f.again()
	if item := f.push(e.ID, push(99), nil); item.Delivery.Seq <= last {
		f.Fatalf("seq %d after %d", item.Delivery.Seq, last)
	}
}

func testContext(f *fixture) {
	e := f.create(endpoint('a'))
	f.push(e.ID, push(1), nil)
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	for name, err := range everything(ctx, f.s, e.ID, push(2)) {
		if !errors.Is(err, context.Canceled) {
			f.Errorf("%s: error %v, want %v", name, err, context.Canceled)
		}
	}
}

func testClose(f *fixture) {
	e := f.create(endpoint('a'))
	sp, err := f.s.Spool(f.ctx)
	f.must(err)
	f.must(f.s.Close())
	f.must(f.s.Close())
	for name, err := range everything(f.ctx, f.s, e.ID, push(2)) {
		if err == nil || errors.Is(err, relay.ErrNotFound) {
			f.Errorf("%s after Close: error %v", name, err)
		}
	}
	if _, err := f.s.Push(f.ctx, e.ID, push(3), sp); err == nil {
		f.Error("pushed a spool after Close")
	}
	f.must(sp.Discard())
}

// everything calls each method once and returns the errors by name.
func everything(ctx context.Context, s relay.Store, id relay.EndpointID, p relay.Push) map[string]error {
	errs := make(map[string]error)
	_, errs["create"] = s.Create(ctx, endpoint('x'))
	_, errs["lookup"] = s.Lookup(ctx, hash('a'))
	_, errs["update"] = s.Update(ctx, id, func(*relay.Endpoint) error { return nil })
	_, errs["use"] = s.Use(ctx, id, 1, start)
	_, errs["spool"] = s.Spool(ctx)
	_, errs["push"] = s.Push(ctx, id, p, bytes.NewReader([]byte("x")))
	_, errs["push large"] = s.Push(ctx, id, p, bytes.NewReader(noise(1, 1<<20)))
	_, errs["list"] = s.List(ctx, id, relay.Pending, 0, 10)
	_, errs["item"] = s.Item(ctx, id, p.Delivery.ID)
	_, errs["body"] = s.Body(ctx, id, p.Delivery.ID)
	errs["settle"] = s.Settle(ctx, id, 0, []relay.Settlement{{ID: p.Delivery.ID, Outcome: relay.Retry}})
	_, errs["requeue"] = s.Requeue(ctx, id, p.Delivery.ID, start)
	_, errs["remove"] = s.Remove(ctx, id, []tunnel.ID{p.Delivery.ID})
	_, errs["depth"] = s.Depth(ctx, id)
	_, _, errs["due"] = s.Due(ctx, start, 1)
	_, errs["stats"] = s.Stats(ctx)
	errs["writable"] = s.Writable(ctx)
	_, errs["purge"] = s.Purge(ctx, id)
	return errs
}

func testNotFound(f *fixture) {
	e := f.create(endpoint('a'))
	errs := everything(f.ctx, f.s, e.ID+1000, push(1))
	for _, ok := range []string{"create", "lookup", "due", "stats", "writable"} {
		f.must(errs[ok])
		delete(errs, ok)
	}
	delete(errs, "spool")
	for name, err := range errs {
		if !errors.Is(err, relay.ErrNotFound) {
			f.Errorf("%s of an unknown endpoint: error %v", name, err)
		}
	}
	id := push(1).Delivery.ID
	_, err := f.s.Item(f.ctx, e.ID, id)
	f.want(err, relay.ErrNotFound)
	_, err = f.s.Body(f.ctx, e.ID, id)
	f.want(err, relay.ErrNotFound)
	_, err = f.s.Requeue(f.ctx, e.ID, id, start)
	f.want(err, relay.ErrNotFound)
	n, err := f.s.Remove(f.ctx, e.ID, []tunnel.ID{id})
	f.must(err)
	f.same("removed", n, 0)
}
