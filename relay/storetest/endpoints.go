package storetest

import (
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookrelay/hook/relay"
)

func testCreate(f *fixture) {
	a, b := f.create(endpoint('a')), f.create(endpoint('b', 'c'))
	if a.ID == b.ID {
		f.Fatalf("two endpoints with id %d", a.ID)
	}
	for h, want := range map[byte]relay.Endpoint{'a': a, 'b': b, 'c': b} {
		got, err := f.s.Lookup(f.ctx, hash(h))
		f.must(err)
		f.same("looked up", got, want)
	}
	want := endpoint('a')
	want.ID = a.ID
	f.same("created", a, want)
}

func testCreateExists(f *fixture) {
	a := f.create(endpoint('a', 'b'))
	again := endpoint('x', 'b')
	again.Token = "other"
	got, err := f.s.Create(f.ctx, again)
	f.want(err, relay.ErrExists)
	f.same("the one that has it", got, a)
	_, err = f.s.Lookup(f.ctx, hash('x'))
	f.want(err, relay.ErrNotFound)
	stats, err := f.s.Stats(f.ctx)
	f.must(err)
	f.same("endpoints", stats.Endpoints, 1)
}

func testRecord(f *fixture) {
	var e relay.Endpoint
	fill(reflect.ValueOf(&e).Elem(), new(int64))
	e.MaxUses, e.Uses = 10, 4
	got := f.create(e)
	e.ID = got.ID
	f.same("created", got, e)
	f.again()
	got, err := f.s.Lookup(f.ctx, e.IDs[0].Hash)
	f.must(err)
	f.same("looked up", got, e)
}

// fill gives every field a value of its own, so that a store that forgets one
// is found out.
func fill(v reflect.Value, n *int64) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(start.Add(time.Duration(*n) * time.Minute)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString("text " + string(rune('a'+*n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(*n) % 251)
	default:
		panic("a field of a new kind: " + v.Type().String())
	}
}

func testUpdate(f *fixture) {
	e := f.create(endpoint('a'))
	got, err := f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error {
		x.Stopped = true
		x.Policy.Ordered = true
		x.ID, x.Uses = 999, 77
		return nil
	})
	f.must(err)
	e.Stopped, e.Policy.Ordered = true, true
	f.same("updated", got, e)
	f.again()
	got, err = f.s.Lookup(f.ctx, hash('a'))
	f.must(err)
	f.same("after reopening", got, e)
}

func testUpdateFails(f *fixture) {
	e := f.create(endpoint('a'))
	f.create(endpoint('b'))
	ours := errors.New("no")
	_, err := f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error {
		x.Stopped = true
		x.IDs[0].Hash = hash('z')
		return ours
	})
	if err != ours {
		f.Fatalf("error %v is not the function's own", err)
	}
	_, err = f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error {
		x.Stopped = true
		x.IDs = append(x.IDs, relay.PublicID{Hash: hash('c')}, relay.PublicID{Hash: hash('b')})
		return nil
	})
	f.want(err, relay.ErrExists)
	_, err = f.s.Lookup(f.ctx, hash('c'))
	f.want(err, relay.ErrNotFound)
	got, err := f.s.Lookup(f.ctx, hash('a'))
	f.must(err)
	f.same("record", got, e)
}

func testRotate(f *fixture) {
	e := f.create(endpoint('a'))
	until := start.Add(time.Hour)
	got, err := f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error {
		x.IDs = []relay.PublicID{{Hash: hash('b')}, {Hash: hash('a'), Until: until}}
		return nil
	})
	f.must(err)
	for _, h := range []byte{'a', 'b'} {
		found, err := f.s.Lookup(f.ctx, hash(h))
		f.must(err)
		f.same("by either id", found, got)
	}
	_, err = f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error {
		x.IDs = x.IDs[:1]
		return nil
	})
	f.must(err)
	_, err = f.s.Lookup(f.ctx, hash('a'))
	f.want(err, relay.ErrNotFound)
	f.create(endpoint('a')) // free again
}

func testEpoch(f *fixture) {
	e := f.create(endpoint('a'))
	set := func(n uint64) error {
		_, err := f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error { x.Epoch = n; return nil })
		return err
	}
	f.must(set(5))
	f.must(set(5))
	f.want(set(4), relay.ErrFenced)
	f.again()
	f.want(set(4), relay.ErrFenced)
	f.must(set(6))
}

func testUpdateRace(f *fixture) {
	e := endpoint('a')
	e.MaxUses = 1 << 40
	e = f.create(e)
	const callers, each = 16, 10
	stop := make(chan struct{})
	var used atomic.Int64
	var users, updaters sync.WaitGroup
	for range 4 { // a record under constant use must not starve its owner
		users.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := f.s.Use(f.ctx, e.ID, 1, start); err != nil {
					f.Error(err)
					return
				}
				used.Add(1)
			}
		})
	}
	for range callers {
		updaters.Go(func() {
			for range each {
				if _, err := f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error { x.Epoch++; return nil }); err != nil {
					f.Error(err)
				}
			}
		})
	}
	updaters.Wait()
	close(stop)
	users.Wait()
	got, err := f.s.Lookup(f.ctx, hash('a'))
	f.must(err)
	f.same("epoch", got.Epoch, uint64(callers*each))
	f.same("uses", got.Uses, used.Load())
}

func testUse(f *fixture) {
	e := endpoint('a')
	e.MaxUses = 3
	e = f.create(e)
	at := start.Add(time.Hour)
	var took, refused atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			switch _, err := f.s.Use(f.ctx, e.ID, 1, at); {
			case err == nil:
				took.Add(1)
			case errors.Is(err, relay.ErrUsedUp):
				refused.Add(1)
			default:
				f.Error(err)
			}
		})
	}
	all.Wait()
	f.same("taken", took.Load(), int64(3))
	f.same("refused", refused.Load(), int64(47))
	got, err := f.s.Lookup(f.ctx, hash('a'))
	f.must(err)
	f.same("uses", got.Uses, int64(3))
	f.same("used at", got.UsedAt, at)

	left, err := f.s.Use(f.ctx, e.ID, -1, at)
	f.must(err)
	f.same("left", left, int64(1))
	_, err = f.s.Use(f.ctx, e.ID, 2, at)
	f.want(err, relay.ErrUsedUp)
	f.again()
	left, err = f.s.Use(f.ctx, e.ID, 1, at)
	f.must(err)
	f.same("left", left, int64(0))
}

func testUseUnlimited(f *fixture) {
	e := f.create(endpoint('a'))
	left, err := f.s.Use(f.ctx, e.ID, 1, start.Add(time.Hour))
	f.must(err)
	f.same("left", left, int64(-1))
	got, err := f.s.Lookup(f.ctx, hash('a'))
	f.must(err)
	f.same("record", got, e)
}

func testDue(f *fixture) {
	for i, b := range []byte{'a', 'b', 'c'} {
		e := endpoint(b)
		e.Idle, e.Keep = 0, time.Hour
		e.ExpiresAt = start.Add(time.Duration(i) * time.Minute)
		e = f.create(e)
		f.push(e.ID, push(i), []byte("left"))
	}
	due := func(now time.Time, limit int) ([]relay.Endpoint, time.Time) {
		f.Helper()
		list, next, err := f.s.Due(f.ctx, now, limit)
		f.must(err)
		return list, next
	}
	list, next := due(start.Add(time.Hour-1), 10)
	f.same("due before", len(list), 0)
	f.same("next", next, start.Add(time.Hour))
	list, next = due(start.Add(time.Hour+time.Minute), 10)
	f.same("due", len(list), 2)
	f.same("oldest first", list[0].IDs[0].Hash, hash('a'))
	f.same("next", next, start.Add(time.Hour+2*time.Minute))
	list, next = due(start.Add(time.Hour+time.Minute), 1)
	f.same("due of one", len(list), 1)
	f.same("next is after now", next, start.Add(time.Hour+2*time.Minute))

	was, err := f.s.Purge(f.ctx, list[0].ID)
	f.must(err)
	f.same("purged", was, relay.Depth{Pending: 1, Bytes: 4})
	_, err = f.s.Purge(f.ctx, list[0].ID)
	f.want(err, relay.ErrNotFound)
	_, err = f.s.Lookup(f.ctx, hash('a'))
	f.want(err, relay.ErrNotFound)
	_, err = f.s.Depth(f.ctx, list[0].ID)
	f.want(err, relay.ErrNotFound)
	f.again()
	list, next = due(start.Add(2*time.Hour), 10)
	f.same("due after the purge", len(list), 2)
	f.same("no next", next, time.Time{})
	if again := f.create(endpoint('a')); again.ID <= list[1].ID {
		f.Fatalf("endpoint number %d was given out before", again.ID)
	}
}

func testDueMoves(f *fixture) {
	e := endpoint('a')
	e.Idle, e.Keep, e.MaxUses = time.Hour, time.Hour, 2
	e = f.create(e)
	next := func(want time.Time) {
		f.Helper()
		_, got, err := f.s.Due(f.ctx, start, 10)
		f.must(err)
		f.same("next", got, want)
	}
	next(start.Add(2 * time.Hour))
	_, err := f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error { x.UsedAt = start.Add(time.Hour); return nil })
	f.must(err)
	next(start.Add(3 * time.Hour))
	_, err = f.s.Use(f.ctx, e.ID, 1, start.Add(2*time.Hour))
	f.must(err)
	next(start.Add(4 * time.Hour))
	_, err = f.s.Use(f.ctx, e.ID, 1, start.Add(2*time.Hour)) // the last: closes at once
	f.must(err)
	next(start.Add(3 * time.Hour))
	_, err = f.s.Use(f.ctx, e.ID, -1, start.Add(2*time.Hour))
	f.must(err)
	next(start.Add(4 * time.Hour))
	_, err = f.s.Update(f.ctx, e.ID, func(x *relay.Endpoint) error { x.RevokedAt = start; return nil })
	f.must(err)
	next(start.Add(time.Hour))
}
