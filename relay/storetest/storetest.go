// Package storetest holds the tests that every relay.Store passes.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) (relay.Store, func() relay.Store) {
//			dir := t.TempDir()
//			open := func() relay.Store {
//				s, err := mystore.Open(dir)
//				if err != nil {
//					t.Fatal(err)
//				}
//				return s
//			}
//			return open(), open
//		})
//	}
//
// It judges what a store answers, not how fast, and nothing that needs a crash
// or a full disk: those are the store's own tests.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// Maker makes an empty store for one test. reopen opens the same data again;
// it is called after Close. Whoever calls closes both; Close is safe twice.
type Maker func(t *testing.T) (store relay.Store, reopen func() relay.Store)

// Run runs every test, each on a store of its own.
func Run(t *testing.T, make Maker) {
	for _, c := range []struct {
		name string
		test func(*fixture)
	}{
		{"create and look up", testCreate},
		{"a known public id is not created again", testCreateExists},
		{"every field of a record survives", testRecord},
		{"update", testUpdate},
		{"update that fails changes nothing", testUpdateFails},
		{"public ids rotate", testRotate},
		{"epochs only grow", testEpoch},
		{"concurrent updates are all applied", testUpdateRace},
		{"uses are exact among 50 callers", testUse},
		{"use without a limit does nothing", testUseUnlimited},
		{"push takes a use in the same transaction", testPushUse},
		{"push and list", testPush},
		{"every field of a delivery survives", testDelivery},
		{"order of concurrent pushes", testPushRace},
		{"a delivery id is stored once", testPushTwice},
		{"quota by count", testQuotaItems},
		{"quota by bytes", testQuotaBytes},
		{"settle done, retry and died", testSettle},
		{"a settled item is passed over", testSettleGone},
		{"an old epoch settles nothing", testSettleFenced},
		{"requeue puts at the tail", testRequeue},
		{"list pages by kind", testList},
		{"remove", testRemove},
		{"due and purge", testDue},
		{"due follows updates and uses", testDueMoves},
		{"bodies of every size", testBodies},
		{"spooled bodies", testSpool},
		{"a body stays readable after it is settled", testBodyOpen},
		{"stats", testStats},
		{"writable", testWritable},
		{"everything survives a reopening", testReopen},
		{"a context that has ended", testContext},
		{"close", testClose},
		{"what is not there is not found", testNotFound},
		{"many writers agree with a model", testModel},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, reopen := make(t)
			f := &fixture{T: t, ctx: t.Context(), s: s, reopen: reopen}
			t.Cleanup(func() { f.s.Close() })
			c.test(f)
		})
	}
}

// start is when the tests take place: no store may judge time by itself.
var start = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

type fixture struct {
	*testing.T
	ctx    context.Context
	s      relay.Store
	reopen func() relay.Store
}

// again closes the store and opens it anew.
func (f *fixture) again() {
	f.Helper()
	f.must(f.s.Close())
	f.s = f.reopen()
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) want(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("error %v, want %v", err, want)
	}
}

// same compares values; times are equal when they are the same moment, and an
// empty list is one that is not there.
func (f *fixture) same(what string, got, want any) {
	f.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); d != "" {
		f.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

func hash(b byte) relay.Hash { return relay.Hash{0: b, 31: b} }

// endpoint is a record with the public ids of the given letters.
func endpoint(ids ...byte) relay.Endpoint {
	e := relay.Endpoint{
		Owner:     hash('o'),
		CreatedAt: start,
		ExpiresAt: start.Add(7 * 24 * time.Hour),
		Idle:      72 * time.Hour,
		Keep:      72 * time.Hour,
		UsedAt:    start,
		Policy:    relay.Policy{Respond: relay.Auto, Budget: 8 * time.Second, RetryFor: 24 * time.Hour},
	}
	for _, b := range ids {
		e.IDs = append(e.IDs, relay.PublicID{Hash: hash(b)})
	}
	return e
}

func (f *fixture) create(e relay.Endpoint) relay.Endpoint {
	f.Helper()
	got, err := f.s.Create(f.ctx, e)
	f.must(err)
	return got
}

// push is a delivery number n, made n seconds after the start.
func push(n int) relay.Push {
	at := start.Add(time.Duration(n) * time.Second)
	return relay.Push{
		Delivery: tunnel.Delivery{
			ID: tunnel.NewID(at), ReceivedAt: at, Method: "POST", Target: "/hook?n=" + strconv.Itoa(n),
			Prefix: "/h/abc", URL: "https://relay.example/h/abc/hook", Host: "relay.example", Remote: "192.0.2.1:4711",
			Header: tunnel.Header{{Name: "X-A", Value: "1"}, {Name: "X-A", Value: "2"}},
		},
		QueuedAt: at,
	}
}

func (f *fixture) push(id relay.EndpointID, p relay.Push, body []byte) relay.Item {
	f.Helper()
	item, err := f.s.Push(f.ctx, id, p, bytes.NewReader(body))
	f.must(err)
	return item
}

func (f *fixture) list(id relay.EndpointID, kind relay.Kind) []relay.Item {
	f.Helper()
	list, err := f.s.List(f.ctx, id, kind, 0, 1<<20)
	f.must(err)
	return list
}

func (f *fixture) depth(id relay.EndpointID, want relay.Depth) {
	f.Helper()
	got, err := f.s.Depth(f.ctx, id)
	f.must(err)
	f.same("depth", got, want)
}

func (f *fixture) body(id relay.EndpointID, delivery tunnel.ID) []byte {
	f.Helper()
	b, err := f.s.Body(f.ctx, id, delivery)
	f.must(err)
	defer b.Close()
	got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	f.must(err)
	return got
}

// noise is n bytes that do not compress and depend on the seed.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func ids(list []relay.Item) []tunnel.ID {
	var out []tunnel.ID
	for _, i := range list {
		out = append(out, i.Delivery.ID)
	}
	return out
}
