package storetest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

func testPush(f *fixture) {
	e := f.create(endpoint('a'))
	var want []relay.Item
	for i := range 5 {
		p := push(i)
		item := f.push(e.ID, p, []byte("body"))
		expect := relay.Item{Delivery: p.Delivery, Size: 4, QueuedAt: p.QueuedAt}
		expect.Delivery.Seq = item.Delivery.Seq
		f.same("pushed", item, expect)
		want = append(want, item)
	}
	f.same("listed", f.list(e.ID, relay.Pending), want)
	f.same("dead", len(f.list(e.ID, relay.Dead)), 0)
	for i := 1; i < len(want); i++ {
		if want[i].Delivery.Seq <= want[i-1].Delivery.Seq {
			f.Fatal("seq does not grow")
		}
	}
	got, err := f.s.Item(f.ctx, e.ID, want[2].Delivery.ID)
	f.must(err)
	f.same("item", got, want[2])
	f.depth(e.ID, relay.Depth{Pending: 5, Bytes: 20})

	item, err := f.s.Push(f.ctx, e.ID, push(9), nil)
	f.must(err)
	f.same("size of no body", item.Size, int64(0))
	f.same("no body", len(f.body(e.ID, item.Delivery.ID)), 0)
}

func testDelivery(f *fixture) {
	e := f.create(endpoint('a'))
	p := push(1)
	p.Delivery.Attempt = 1
	p.Delivery.Budget = 8 * time.Second
	p.Delivery.Target = "/a%2Fb?x=\x00\xff"
	p.Delivery.Header = tunnel.Header{
		{Name: "X-Twice", Value: "one"}, {Name: "X-Empty", Value: ""}, {Name: "X-Twice", Value: "two"}, {Name: "X-Bytes", Value: "\xff\x80"},
	}
	item := f.push(e.ID, p, nil)
	want := p.Delivery
	want.Seq = item.Delivery.Seq
	f.again()
	got, err := f.s.Item(f.ctx, e.ID, p.Delivery.ID)
	f.must(err)
	f.same("delivery", got.Delivery, want)
}

func testPushUse(f *fixture) {
	e := endpoint('a')
	e.MaxUses = 3
	e = f.create(e)
	unlimited := f.create(endpoint('b'))
	use := func(n int) relay.Push {
		p := push(n)
		p.Use, p.MaxItems = true, 2
		return p
	}
	for i := range 2 {
		f.push(e.ID, use(i), nil)
		f.push(unlimited.ID, use(i), nil)
	}
	_, err := f.s.Push(f.ctx, e.ID, use(2), nil)
	f.want(err, relay.ErrQuota)
	got, err := f.s.Lookup(f.ctx, hash('a'))
	f.must(err)
	f.same("uses: none for a refused push", got.Uses, int64(2))
	f.same("used at", got.UsedAt, push(1).QueuedAt)

	var stored, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			p := push(10 + i)
			p.Use = true
			_, err := f.s.Push(f.ctx, e.ID, p, nil)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				stored++
			case errors.Is(err, relay.ErrUsedUp):
				refused++
			default:
				f.Error(err)
			}
		})
	}
	all.Wait()
	f.same("stored", stored, 1)
	f.same("refused", refused, 49)
	f.depth(e.ID, relay.Depth{Pending: 3})
}

func testPushRace(f *fixture) {
	e := f.create(endpoint('a'))
	const callers, each = 16, 20
	var mu sync.Mutex
	last := make(map[int]uint64) // of each caller
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range each {
				item, err := f.s.Push(f.ctx, e.ID, push(c*each+i), nil)
				if err != nil {
					f.Error(err)
					return
				}
				mu.Lock()
				if item.Delivery.Seq <= last[c] {
					f.Errorf("seq %d after %d of the same caller", item.Delivery.Seq, last[c])
				}
				last[c] = item.Delivery.Seq
				mu.Unlock()
			}
		})
	}
	all.Wait()
	seen := make(map[uint64]bool)
	list := f.list(e.ID, relay.Pending)
	for _, i := range list {
		seen[i.Delivery.Seq] = true
	}
	f.same("items", len(list), callers*each)
	f.same("different seqs", len(seen), callers*each)
	if !slices.IsSortedFunc(list, func(a, b relay.Item) int { return int(a.Delivery.Seq) - int(b.Delivery.Seq) }) {
		f.Fatal("not in the order of seq")
	}
}

func testPushTwice(f *fixture) {
	e := endpoint('a')
	e.MaxUses = 5
	e = f.create(e)
	p := push(1)
	p.Use = true
	f.push(e.ID, p, []byte("first"))
	_, err := f.s.Push(f.ctx, e.ID, p, bytes.NewReader([]byte("second")))
	f.want(err, relay.ErrExists)
	f.same("body", string(f.body(e.ID, p.Delivery.ID)), "first")
	f.depth(e.ID, relay.Depth{Pending: 1, Bytes: 5})
	got, err := f.s.Lookup(f.ctx, hash('a'))
	f.must(err)
	f.same("uses", got.Uses, int64(1))
	f.must(f.s.Settle(f.ctx, e.ID, 0, []relay.Settlement{{ID: p.Delivery.ID, Outcome: relay.Died, At: start}}))
	_, err = f.s.Push(f.ctx, e.ID, p, nil)
	f.want(err, relay.ErrExists)

	// Many at once: one is stored.
	p = push(2)
	var mu sync.Mutex
	stored := 0
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := f.s.Push(f.ctx, e.ID, p, nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				stored++
			} else if !errors.Is(err, relay.ErrExists) {
				f.Error(err)
			}
		})
	}
	all.Wait()
	f.same("stored", stored, 1)
}

func testQuotaItems(f *fixture) {
	e := f.create(endpoint('a'))
	limited := func(n int) relay.Push {
		p := push(n)
		p.MaxItems = 3
		return p
	}
	var mu sync.Mutex
	stored := 0
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, err := f.s.Push(f.ctx, e.ID, limited(i), nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				stored++
			} else if !errors.Is(err, relay.ErrQuota) {
				f.Error(err)
			}
		})
	}
	all.Wait()
	f.same("stored", stored, 3)
	// Dead items count; done ones do not.
	list := f.list(e.ID, relay.Pending)
	f.must(f.s.Settle(f.ctx, e.ID, 0, []relay.Settlement{{ID: list[0].Delivery.ID, Outcome: relay.Died, At: start}}))
	_, err := f.s.Push(f.ctx, e.ID, limited(30), nil)
	f.want(err, relay.ErrQuota)
	f.must(f.s.Settle(f.ctx, e.ID, 0, []relay.Settlement{{ID: list[1].Delivery.ID, Outcome: relay.Done}}))
	f.push(e.ID, limited(30), nil)
	f.depth(e.ID, relay.Depth{Pending: 2, Dead: 1})
}

func testQuotaBytes(f *fixture) {
	e := f.create(endpoint('a'))
	limited := func(n int) relay.Push {
		p := push(n)
		p.MaxBytes = 1 << 20
		return p
	}
	f.push(e.ID, limited(1), noise(1, 1<<20-10))
	_, err := f.s.Push(f.ctx, e.ID, limited(2), bytes.NewReader(noise(2, 11)))
	f.want(err, relay.ErrQuota)
	_, err = f.s.Push(f.ctx, e.ID, limited(3), bytes.NewReader(noise(2, 1<<20)))
	f.want(err, relay.ErrQuota)
	f.push(e.ID, limited(2), noise(2, 10))
	f.depth(e.ID, relay.Depth{Pending: 2, Bytes: 1 << 20})
}

func testSettle(f *fixture) {
	e := f.create(endpoint('a'))
	var items []relay.Item
	for i := range 4 {
		items = append(items, f.push(e.ID, push(i), []byte{byte(i)}))
	}
	next := start.Add(time.Minute)
	f.must(f.s.Settle(f.ctx, e.ID, 0, []relay.Settlement{
		{ID: items[0].Delivery.ID, Outcome: relay.Done, Attempts: 1, At: start},
		{ID: items[1].Delivery.ID, Outcome: relay.Retry, Attempts: 2, NextAt: next, Reason: "status 500", At: start},
		{ID: items[2].Delivery.ID, Outcome: relay.Died, Attempts: 3, Reason: "status 404", At: start},
	}))
	retry, died := items[1], items[2]
	retry.Attempts, retry.NextAt, retry.Reason = 2, next, "status 500"
	died.Attempts, died.Dead, died.Reason, died.DeadAt = 3, true, "status 404", start
	f.again()
	f.same("pending", f.list(e.ID, relay.Pending), []relay.Item{retry, items[3]})
	f.same("dead", f.list(e.ID, relay.Dead), []relay.Item{died})
	f.depth(e.ID, relay.Depth{Pending: 2, Dead: 1, Bytes: 3})
	_, err := f.s.Item(f.ctx, e.ID, items[0].Delivery.ID)
	f.want(err, relay.ErrNotFound)
	_, err = f.s.Body(f.ctx, e.ID, items[0].Delivery.ID)
	f.want(err, relay.ErrNotFound)
	got, err := f.s.Item(f.ctx, e.ID, died.Delivery.ID)
	f.must(err)
	f.same("dead item", got, died)
	f.same("its body", f.body(e.ID, died.Delivery.ID), []byte{2})
}

func testSettleGone(f *fixture) {
	e := f.create(endpoint('a'))
	item := f.push(e.ID, push(1), nil)
	done := []relay.Settlement{
		{ID: push(7).Delivery.ID, Outcome: relay.Retry, NextAt: start},
		{ID: item.Delivery.ID, Outcome: relay.Done},
	}
	f.must(f.s.Settle(f.ctx, e.ID, 0, done))
	f.must(f.s.Settle(f.ctx, e.ID, 0, done))
	f.must(f.s.Settle(f.ctx, e.ID, 0, nil))
	f.depth(e.ID, relay.Depth{})
}

func testSettleFenced(f *fixture) {
	e := f.create(endpoint('a'))
	item := f.push(e.ID, push(1), nil)
	_, err := f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error { x.Epoch = 7; return nil })
	f.must(err)
	done := []relay.Settlement{{ID: item.Delivery.ID, Outcome: relay.Done}}
	f.want(f.s.Settle(f.ctx, e.ID, 6, done), relay.ErrFenced)
	f.depth(e.ID, relay.Depth{Pending: 1})
	f.again()
	f.want(f.s.Settle(f.ctx, e.ID, 6, done), relay.ErrFenced)
	f.must(f.s.Settle(f.ctx, e.ID, 7, done))
	f.depth(e.ID, relay.Depth{})
}

func testRequeue(f *fixture) {
	e := f.create(endpoint('a'))
	var items []relay.Item
	for i := range 3 {
		items = append(items, f.push(e.ID, push(i), []byte{byte(i)}))
	}
	f.must(f.s.Settle(f.ctx, e.ID, 0, []relay.Settlement{
		{ID: items[0].Delivery.ID, Outcome: relay.Died, Attempts: 4, Reason: "status 404", At: start},
		{ID: items[1].Delivery.ID, Outcome: relay.Retry, Attempts: 1, NextAt: start.Add(time.Hour)},
	}))
	for i, k := range []int{0, 1} {
		since := start.Add(time.Duration(i+1) * time.Hour)
		got, err := f.s.Requeue(f.ctx, e.ID, items[k].Delivery.ID, since)
		f.must(err)
		want := items[k]
		want.Delivery.Seq = got.Delivery.Seq
		want.QueuedAt = since
		want.Attempts = []int{4, 1}[i]
		want.Reason = got.Reason // whether the old one is kept is the store's choice
		f.same("requeued", got, want)
		if got.Delivery.Seq <= items[2].Delivery.Seq {
			f.Fatal("not at the tail")
		}
		found, err := f.s.Item(f.ctx, e.ID, got.Delivery.ID)
		f.must(err)
		f.same("found", found, got)
		f.same("body", f.body(e.ID, got.Delivery.ID), []byte{byte(k)})
	}
	f.same("order", ids(f.list(e.ID, relay.Pending)), []tunnel.ID{items[2].Delivery.ID, items[0].Delivery.ID, items[1].Delivery.ID})
	f.same("dead", len(f.list(e.ID, relay.Dead)), 0)
	f.depth(e.ID, relay.Depth{Pending: 3, Bytes: 3})
	stats, err := f.s.Stats(f.ctx)
	f.must(err)
	f.same("oldest", stats.Oldest, items[2].QueuedAt)
}

func testList(f *fixture) {
	a, b := f.create(endpoint('a')), f.create(endpoint('b'))
	var items []relay.Item
	var dead []relay.Settlement
	for i := range 30 {
		items = append(items, f.push(a.ID, push(i), nil))
		f.push(b.ID, push(i), nil)
		if i%3 == 0 {
			dead = append(dead, relay.Settlement{ID: items[i].Delivery.ID, Outcome: relay.Died, At: start})
		}
	}
	f.must(f.s.Settle(f.ctx, a.ID, 0, dead))
	for kind, want := range map[relay.Kind]int{relay.Pending: 20, relay.Dead: 10} {
		var got []relay.Item
		after := uint64(0)
		for {
			page, err := f.s.List(f.ctx, a.ID, kind, after, 7)
			f.must(err)
			if len(page) > 7 {
				f.Fatalf("%d items, more than the limit", len(page))
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[len(page)-1].Delivery.Seq
		}
		f.same("items", len(got), want)
		for _, i := range got {
			f.same("kind", i.Dead, kind == relay.Dead)
		}
	}
	page, err := f.s.List(f.ctx, a.ID, relay.Pending, ^uint64(0), 7)
	f.must(err)
	f.same("after the last", len(page), 0)
}

func testRemove(f *fixture) {
	e := f.create(endpoint('a'))
	var all []tunnel.ID
	for i := range 4 {
		all = append(all, f.push(e.ID, push(i), []byte("x")).Delivery.ID)
	}
	f.must(f.s.Settle(f.ctx, e.ID, 0, []relay.Settlement{{ID: all[1], Outcome: relay.Died, At: start}}))
	n, err := f.s.Remove(f.ctx, e.ID, []tunnel.ID{all[0], all[1], push(9).Delivery.ID, all[0]})
	f.must(err)
	f.same("removed", n, 2)
	f.depth(e.ID, relay.Depth{Pending: 2, Bytes: 2})
	f.again()
	f.same("left", ids(f.list(e.ID, relay.Pending)), all[2:])
}
