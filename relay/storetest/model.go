package storetest

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// testModel lets several writers work at random, each on its own deliveries of
// endpoints that all share, and compares the store with what each remembers.
func testModel(f *fixture) {
	const writers, steps = 8, 150
	var endpoints []relay.EndpointID
	for i := range 3 {
		endpoints = append(endpoints, f.create(endpoint(byte('a'+i))).ID)
	}
	models := make([]*model, writers)
	for round := range 2 {
		var all sync.WaitGroup
		for w := range writers {
			if models[w] == nil {
				models[w] = &model{f: f, w: w, rnd: rand.New(rand.NewPCG(uint64(w), 1)), endpoints: endpoints, items: make(map[tunnel.ID]*modelItem)}
			}
			models[w].s = f.s
			all.Go(func() {
				for range steps {
					models[w].step()
				}
			})
		}
		all.Wait()
		if f.Failed() {
			return
		}
		if round == 0 {
			f.again()
		}
		compare(f, endpoints, models)
	}
}

type modelItem struct {
	endpoint relay.EndpointID
	item     relay.Item
	seed     uint64
}

type model struct {
	f         *fixture
	s         relay.Store
	w, n      int
	rnd       *rand.Rand
	endpoints []relay.EndpointID
	items     map[tunnel.ID]*modelItem
}

// any is one of the items; nil when there is none.
func (m *model) any() *modelItem {
	k := m.rnd.IntN(len(m.items) + 1)
	for _, i := range m.items {
		if k == 0 {
			return i
		}
		k--
	}
	return nil
}

func (m *model) step() {
	ctx := m.f.ctx
	x := m.any()
	switch k := m.rnd.IntN(10); {
	case k < 5 || x == nil:
		m.n++
		p := push(m.w*10_000 + m.n)
		size := m.rnd.IntN(3000)
		if m.rnd.IntN(20) == 0 {
			size = 70_000 + m.rnd.IntN(200_000)
		}
		x = &modelItem{endpoint: m.endpoints[m.rnd.IntN(len(m.endpoints))], seed: uint64(m.w*10_000 + m.n)}
		item, err := m.s.Push(ctx, x.endpoint, p, bytes.NewReader(noise(x.seed, size)))
		m.check(err)
		x.item = relay.Item{Delivery: p.Delivery, Size: int64(size), QueuedAt: p.QueuedAt}
		x.item.Delivery.Seq = item.Delivery.Seq
		m.items[p.Delivery.ID] = x
	case k == 5:
		since := start.Add(time.Duration(m.rnd.IntN(100)) * time.Hour)
		item, err := m.s.Requeue(ctx, x.endpoint, x.item.Delivery.ID, since)
		m.check(err)
		x.item.Delivery.Seq, x.item.QueuedAt, x.item.NextAt = item.Delivery.Seq, since, time.Time{}
		x.item.Dead, x.item.DeadAt, x.item.Reason = false, time.Time{}, item.Reason
	case k == 6:
		n, err := m.s.Remove(ctx, x.endpoint, []tunnel.ID{x.item.Delivery.ID})
		m.check(err)
		if n != 1 {
			m.f.Errorf("removed %d of 1", n)
		}
		delete(m.items, x.item.Delivery.ID)
	default:
		m.settle(x, relay.Outcome(k-6))
	}
}

func (m *model) settle(x *modelItem, o relay.Outcome) {
	if x.item.Dead && o != relay.Done {
		return
	}
	set := relay.Settlement{ID: x.item.Delivery.ID, Outcome: o, Attempts: x.item.Attempts + 1, Reason: "status 500", At: start}
	if o == relay.Retry {
		set.NextAt = start.Add(time.Duration(m.rnd.IntN(100)) * time.Second)
	}
	m.check(m.s.Settle(m.f.ctx, x.endpoint, 0, []relay.Settlement{set}))
	switch o {
	case relay.Done:
		delete(m.items, set.ID)
		return
	case relay.Died:
		x.item.Dead, x.item.DeadAt = true, start
	}
	x.item.Attempts, x.item.Reason, x.item.NextAt = set.Attempts, set.Reason, set.NextAt
}

func (m *model) check(err error) {
	if err != nil {
		m.f.Error(err)
	}
}

func compare(f *fixture, endpoints []relay.EndpointID, models []*model) {
	want := make(map[tunnel.ID]*modelItem)
	var depth, total relay.Depth
	var oldest time.Time
	for _, m := range models {
		for id, x := range m.items {
			want[id] = x
		}
	}
	for _, id := range endpoints {
		depth = relay.Depth{}
		for _, kind := range []relay.Kind{relay.Pending, relay.Dead} {
			last := uint64(0)
			for _, item := range f.list(id, kind) {
				x := want[item.Delivery.ID]
				if x == nil || x.endpoint != id {
					f.Fatalf("item %s should not be in endpoint %d", item.Delivery.ID, id)
				}
				delete(want, item.Delivery.ID)
				f.same("item", item, x.item)
				if item.Delivery.Seq <= last {
					f.Fatal("not in the order of seq")
				}
				last = item.Delivery.Seq
				if !bytes.Equal(f.body(id, item.Delivery.ID), noise(x.seed, int(item.Size))) {
					f.Fatalf("body of %s changed", item.Delivery.ID)
				}
				depth.Bytes += item.Size
				if kind == relay.Dead {
					depth.Dead++
					continue
				}
				depth.Pending++
				if oldest.IsZero() || item.QueuedAt.Before(oldest) {
					oldest = item.QueuedAt
				}
			}
		}
		f.depth(id, depth)
		total.Pending += depth.Pending
		total.Dead += depth.Dead
		total.Bytes += depth.Bytes
	}
	if len(want) > 0 {
		f.Fatalf("%d items are gone", len(want))
	}
	stats, err := f.s.Stats(f.ctx)
	f.must(err)
	f.same("total", stats.Depth, total)
	f.same("oldest", stats.Oldest, oldest)
}
