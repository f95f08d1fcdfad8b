package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// unsaved keeps what is written in the journal until the store is closed.
var unsaved = Options{Journal: 256 << 10, checkpointAfter: time.Hour}

// crashed is a copy of a store's files as they are now: what the next process
// would find if this one ended here. Nothing may be under way.
func crashed(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func push(t testing.TB, s *Store, id relay.EndpointID, n int) tunnel.ID {
	t.Helper()
	p := testPush(n)
	if _, err := s.Push(context.Background(), id, p, bytes.NewReader(bodyOf(p.Delivery.ID))); err != nil {
		t.Fatal(err)
	}
	return p.Delivery.ID
}

func pending(t testing.TB, s *Store, id relay.EndpointID) (ids []tunnel.ID) {
	t.Helper()
	list, err := s.List(context.Background(), id, relay.Pending, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range list {
		ids = append(ids, it.Delivery.ID)
	}
	return ids
}

func TestJournalIsDoneAgain(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), unsaved)
	kept := create(t, s, 1)
	gone := create(t, s, 2)
	var acked []tunnel.ID
	for n := range 30 {
		acked = append(acked, push(t, s, kept, n))
		push(t, s, gone, 100+n)
	}
	if err := s.Settle(ctx, kept, 0, []relay.Settlement{
		{ID: acked[0], Outcome: relay.Done, Attempts: 1},
		{ID: acked[1], Outcome: relay.Died, Attempts: 1, Reason: "answered 400", At: start},
		{ID: acked[2], Outcome: relay.Retry, Attempts: 1, Reason: "answered 500", NextAt: start.Add(time.Hour)},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Purge(ctx, gone); err != nil {
		t.Fatal(err)
	}
	next := create(t, s, 3)
	var log bytes.Buffer
	again := open(t, crashed(t, s.dir), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "from the journal") {
		t.Errorf("nothing was done again: %s", log.String())
	}
	if n := lost(t, again, acked[1:]); n > 0 {
		t.Errorf("%d of %d lost", n, len(acked)-1)
	}
	for _, id := range []relay.EndpointID{kept, gone, next} {
		want, wantErr := s.Depth(ctx, id)
		if got, err := again.Depth(ctx, id); got != want || err != wantErr {
			t.Errorf("endpoint %d: %+v %v, was %+v %v", id, got, err, want, wantErr)
		}
	}
	for i, want := range []error{relay.ErrNotFound, nil, nil} {
		it, err := again.Item(ctx, kept, acked[i])
		if err != want {
			t.Errorf("item %d: %v, want %v", i, err, want)
		}
		if was, _ := s.Item(ctx, kept, acked[i]); fmt.Sprint(was) != fmt.Sprint(it) {
			t.Errorf("item %d is %v, was %v", i, it, was)
		}
	}
	wantStats, err1 := s.Stats(ctx)
	stats, err2 := again.Stats(ctx)
	if err1 != nil || err2 != nil || stats.Depth != wantStats.Depth || stats.Endpoints != wantStats.Endpoints {
		t.Errorf("%+v %v, was %+v %v", stats, err2, wantStats, err1)
	}
	// Numbers of endpoints and of deliveries go on where they were.
	if id := create(t, again, 4); id != next+1 {
		t.Errorf("endpoint %d after %d", id, next)
	}
	p := testPush(999)
	if it, err := again.Push(ctx, kept, p, nil); err != nil || it.Seq() != 31 {
		t.Errorf("seq %d after 30, %v", it.Seq(), err)
	}
}

// Wherever the journal is cut off or spoiled, what comes back is the writes up
// to there: all of them, in order, and nothing else.
func TestJournalCutOff(t *testing.T) {
	s := open(t, t.TempDir(), unsaved)
	id := create(t, s, 1)
	var acked []tunnel.ID
	var ends []int64 // of the records
	for n := range 12 {
		acked = append(acked, push(t, s, id, n))
		ends = append(ends, s.journal.at)
	}
	image := crashed(t, s.dir)
	whole, err := os.ReadFile(filepath.Join(image, journalName))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(what string, at int64, journal []byte, want int) {
		t.Helper()
		dir := crashed(t, image)
		if err := os.WriteFile(filepath.Join(dir, journalName), journal, 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, dir, Options{Journal: unsaved.Journal, NoSync: true})
		defer again.Close()
		if got := pending(t, again, id); fmt.Sprint(got) != fmt.Sprint(acked[:want]) {
			t.Fatalf("%s at %d: %d of %d deliveries, want %d", what, at, len(got), len(acked), want)
		}
	}
	for i, end := range ends {
		if i == 0 {
			continue // the endpoint is in an earlier record
		}
		begin := ends[i-1]
		for _, at := range []int64{begin, begin + rng.Int64N(journalHead), begin + rng.Int64N(end-begin)} {
			check("cut off", at, whole[:at], i)
			zeroed := bytes.Clone(whole)
			clear(zeroed[at:])
			check("zero", at, zeroed, i)
			flipped := bytes.Clone(whole)
			flipped[at] ^= 1 << rng.IntN(8)
			check("a bit wrong", at, flipped, i)
		}
	}
	check("whole", int64(len(whole)), whole, len(acked))
}

// The journal is full again and again; a crash at any time loses nothing.
func TestJournalGoesRound(t *testing.T) {
	opts := Options{Journal: 8 << 10, checkpointAfter: time.Hour}
	saves := 0
	s := open(t, t.TempDir(), opts)
	id := create(t, s, 1)
	rng := rand.New(rand.NewPCG(3, 4))
	var want []tunnel.ID
	for n := range 300 {
		was := s.journal.at
		want = append(want, push(t, s, id, n))
		if len(want) > 20 {
			if _, err := s.Remove(context.Background(), id, want[:1]); err != nil {
				t.Fatal(err)
			}
			want = want[1:]
		}
		if s.journal.at < was {
			saves++
		}
		if rng.IntN(10) == 0 {
			again := open(t, crashed(t, s.dir), opts)
			if got := pending(t, again, id); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("after %d: %v, want %v", n, got, want)
			}
			if rng.IntN(2) == 0 { // go on with the copy
				s.Close()
				s = again
			} else {
				again.Close()
			}
		}
	}
	if saves < 10 {
		t.Fatalf("the journal was full %d times", saves)
	}
}

// A write that is larger than the whole journal goes to the database at once.
func TestLargerThanTheJournal(t *testing.T) {
	s := open(t, t.TempDir(), Options{Journal: 1 << 10, checkpointAfter: time.Hour})
	id := create(t, s, 1)
	p := testPush(1)
	if _, err := s.Push(context.Background(), id, p, bytes.NewReader(make([]byte, 32<<10))); err != nil {
		t.Fatal(err)
	}
	again := open(t, crashed(t, s.dir), Options{})
	if got := pending(t, again, id); len(got) != 1 || got[0] != p.Delivery.ID {
		t.Fatalf("%v", got)
	}
}

// A group that fails as a whole takes nothing with it that was acknowledged
// before, nor anything of its own.
func TestAFailedGroupIsUndone(t *testing.T) {
	ctx := context.Background()
	s := open(t, t.TempDir(), unsaved)
	id := create(t, s, 1)
	want := []tunnel.ID{push(t, s, id, 1), push(t, s, id, 2)}
	broken := errors.New("as if a page could not be read")
	err := s.do(ctx, &op{apply: func(b *batch) error {
		b.put(bucketPending, itemKey(id, 3), []byte("half of a delivery"))
		b.err = broken
		return broken
	}})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	want = append(want, push(t, s, id, 3))
	again := open(t, crashed(t, s.dir), Options{})
	for name, s := range map[string]*Store{"running": s, "started again": again} {
		if got := pending(t, s, id); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// A journal is done again into the database that it belongs to, or not at all.
func TestForeignJournal(t *testing.T) {
	copyFile := func(from, to, name string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(dir, why string) {
		t.Helper()
		s, err := Open(dir, Options{MinFree: off})
		if err == nil {
			s.Close()
			t.Fatalf("%s: opened", why)
		}
		for _, part := range []string{dir, journalName, fileName, "delete the journal"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", why, err, part)
			}
		}
		if err := os.Remove(filepath.Join(dir, journalName)); err != nil {
			t.Fatal(err)
		}
		open(t, dir, Options{}).Close()
	}

	one, two := open(t, t.TempDir(), unsaved), open(t, t.TempDir(), unsaved)
	id := create(t, one, 1)
	create(t, two, 1)
	mixed := crashed(t, one.dir)
	copyFile(two.dir, mixed, journalName)
	refused(mixed, "the journal of another store")

	older := crashed(t, one.dir)
	push(t, one, id, 1)
	one.checkpoint()
	push(t, one, id, 2)
	mixed = crashed(t, one.dir)
	copyFile(older, mixed, fileName)
	refused(mixed, "a database older than the journal")
}

// What an earlier life left in the journal is not taken for the continuation
// of a later one, though it stands at the right place with the right number.
func TestOlderCopyPutBack(t *testing.T) {
	s := open(t, t.TempDir(), unsaved)
	id := create(t, s, 1)
	s.Close()
	older := crashed(t, s.dir)
	same := func(s *Store, n int) { // records of one length
		if _, err := s.Push(context.Background(), id, testPush(n), bytes.NewReader(body1k())); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, s.dir, unsaved)
	same(s, 4)
	first := s.journal.at
	same(s, 5)
	s.Close()
	b, err := os.ReadFile(filepath.Join(older, fileName))
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, fileName), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, s.dir, unsaved)
	same(s, 6)
	if s.journal.at != first {
		t.Fatalf("a record of %d bytes in place of one of %d: the test proves nothing", s.journal.at, first)
	}
	if got := pending(t, open(t, crashed(t, s.dir), Options{}), id); len(got) != 1 {
		t.Fatalf("%d deliveries, want the one of this life", len(got))
	}
}

func TestMissingJournal(t *testing.T) {
	s := open(t, t.TempDir(), unsaved)
	create(t, s, 1)
	s.checkpoint()
	dir := crashed(t, s.dir)
	s.Close()
	for _, c := range []struct {
		dir  string
		says bool
	}{{dir, true}, {s.dir, false}} {
		if err := os.Remove(filepath.Join(c.dir, journalName)); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		open(t, c.dir, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if says := strings.Contains(log.String(), "journal is missing"); says != c.says {
			t.Errorf("after a crash %v, log %q", c.says, log.String())
		}
	}
}

// FuzzJournal puts anything where the journal is: as it is, and as changes in a
// record that is whole. Nothing panics.
func FuzzJournal(f *testing.F) {
	quick := Options{MinFree: off, Journal: 4 << 10, NoSync: true, checkpointAfter: time.Hour}
	dir := f.TempDir()
	s, err := Open(dir, quick)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	id := create(f, s, 1)
	push(f, s, id, 1)
	image := crashed(f, dir)
	whole, err := os.ReadFile(filepath.Join(image, journalName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:s.journal.at], false)
	f.Add(whole[journalHead:s.journal.at], true)
	f.Add([]byte("p\x00\x01a\x01b"), true)
	f.Add([]byte("n\x00\x08\x00\x00\x00\x00\x00\x00\x00\x01"), true)
	run := s.journal.run
	f.Fuzz(func(t *testing.T, b []byte, inside bool) {
		if inside {
			c := append(make([]byte, journalHead), b...)
			binary.BigEndian.PutUint32(c, journalMagic)
			binary.BigEndian.PutUint32(c[8:], uint32(len(b)))
			binary.BigEndian.PutUint64(c[12:], run)
			binary.BigEndian.PutUint64(c[20:], 1)
			binary.BigEndian.PutUint32(c[4:], checksum(c[8:]))
			b = c
		}
		dir := crashed(t, image)
		if err := os.WriteFile(filepath.Join(dir, journalName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, quick)
		if err != nil {
			return
		}
		s.Depth(context.Background(), id)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A database from before there was a journal is taken up.
func TestDatabaseWithoutAMark(t *testing.T) {
	s := open(t, t.TempDir(), unsaved)
	id := create(t, s, 1)
	want := []tunnel.ID{push(t, s, id, 1), push(t, s, id, 2)}
	s.Close()
	if err := os.Remove(filepath.Join(s.dir, journalName)); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(filepath.Join(s.dir, fileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucketMeta)).Delete([]byte(markKey)) }); err != nil {
		t.Fatal(err)
	}
	db.Close()
	var log bytes.Buffer
	s = open(t, s.dir, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	want = append(want, push(t, s, id, 3))
	if got := pending(t, open(t, crashed(t, s.dir), Options{}), id); fmt.Sprint(got) != fmt.Sprint(want) || log.Len() > 0 {
		t.Fatalf("%v, want %v; log %q", got, want, log.String())
	}
}
