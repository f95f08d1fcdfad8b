package bolt

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/hookrelay/hook/relay"
)

func TestSecondProcessIsLockedOut(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, dir, 1)
	c.acks(t, 1)
	_, err := Open(dir, Options{})
	if err == nil {
		t.Fatal("opened a store that another process has")
	}
	for _, part := range []string{dir, "another process"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not name %q", err, part)
		}
	}
	c.kill(t)
	open(t, dir, Options{})
}

func TestPermissions(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("Windows has no such permissions")
	}
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir, Options{})
	id := create(t, s, 1)
	if _, err := s.Push(context.Background(), id, testPush(1), bytes.NewReader(make([]byte, 1<<20))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// filled makes a store with something in every part of it and closes it.
func filled(t *testing.T, dir string) {
	t.Helper()
	s := open(t, dir, Options{})
	for i := range 20 {
		id := create(t, s, i)
		for n := range 20 {
			if _, err := s.Push(context.Background(), id, testPush(n), bytes.NewReader(body1k())); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// use calls what a relay calls; the error is the first that is damage.
func use(s *Store) error {
	ctx := context.Background()
	var errs []error
	for i := range 20 {
		e, err := s.Lookup(ctx, testEndpoint(i).IDs[0].Hash)
		errs = append(errs, err)
		_, err = s.List(ctx, e.ID, relay.Pending, 0, 100)
		errs = append(errs, err)
		_, err = s.Push(ctx, e.ID, testPush(1000), bytes.NewReader(body1k()))
		errs = append(errs, err)
		_, err = s.Purge(ctx, e.ID)
		errs = append(errs, err)
	}
	for _, err := range errs {
		if errors.Is(err, ErrDamaged) {
			return err
		}
	}
	return nil
}

func TestDamagedFile(t *testing.T) {
	original := t.TempDir()
	filled(t, original)
	data, err := os.ReadFile(filepath.Join(original, fileName))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for _, c := range []struct {
		name   string
		damage func(b []byte) []byte
	}{
		{"not a database", func(b []byte) []byte { return []byte(strings.Repeat("no database\n", 4000)) }},
		{"short", func(b []byte) []byte { return b[:100] }},
		{"cut off", func(b []byte) []byte { return b[:6*page] }},
		{"both meta pages zero", func(b []byte) []byte { clear(b[:2*page]); return b }},
		{"all but the meta pages zero", func(b []byte) []byte { clear(b[2*page:]); return b }},
		{"all but the meta pages noise", func(b []byte) []byte {
			for i := 2 * page; i < len(b); i++ {
				b[i] = byte(i * 2654435761 >> 7)
			}
			return b
		}},
		{"page numbers shifted", func(b []byte) []byte { copy(b[3*page:], b[4*page:]); return b }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, fileName), c.damage(bytes.Clone(data)), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir, Options{MinFree: off})
			if err == nil {
				defer s.Close()
				err = use(s)
			}
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("error %v, want one that tells of damage", err)
			}
			for _, part := range []string{fileName, "keep a copy"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

// damagedPages is how many pages are damaged in turn: the tree of filled takes
// about as many.
const damagedPages = 60

// Every page in turn is overwritten: whatever it was, the process goes on.
func TestDamagedPages(t *testing.T) {
	original := t.TempDir()
	filled(t, original)
	data, err := os.ReadFile(filepath.Join(original, fileName))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	damaged := 0
	for p := 0; p < len(data)/page && p < damagedPages; p++ {
		b := bytes.Clone(data)
		for i := range page {
			b[p*page+i] ^= byte(i*31 + p)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, Options{MinFree: off})
		if err == nil {
			err = use(s)
			s.Close()
		}
		if errors.Is(err, ErrDamaged) {
			damaged++
		} else if err != nil {
			t.Errorf("page %d: %v", p, err)
		}
	}
	if damaged == 0 {
		t.Fatal("no damage was found")
	}
	t.Logf("%d of %d pages were in use and found damaged", damaged, damagedPages)
}

// A file that is cut off under a running store ends neither readers nor the
// process, and the store says so from then on.
func TestDamageWhileOpen(t *testing.T) {
	for _, pages := range []int{0, 1, 2, 6} {
		dir := t.TempDir()
		filled(t, dir)
		s := open(t, dir, Options{})
		if err := os.Truncate(filepath.Join(dir, fileName), int64(pages*os.Getpagesize())); err != nil {
			t.Skip("the file cannot be cut off while it is open: ", err)
		}
		if err := use(s); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d pages left: error %v, want damage", pages, err)
		}
		s.Close()
	}
}

func TestOrphansAreSwept(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	s := open(t, dir, Options{})
	id := create(t, s, 1)
	item, err := s.Push(ctx, id, testPush(1), bytes.NewReader(make([]byte, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	gone, err := s.Push(ctx, id, testPush(2), bytes.NewReader(make([]byte, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(ctx, id, 0, []relay.Settlement{{ID: gone.Delivery.ID, Outcome: relay.Done}}); err != nil {
		t.Fatal(err)
	}
	sp, err := s.Spool(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sp.Write([]byte("never stored"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := bodyFiles(t, dir); n != 2 {
		t.Fatalf("%d body files, want the pushed one and the spool: the settled one is deleted", n)
	}
	if err := os.WriteFile(filepath.Join(dir, bodiesName, "123.body"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	if n := bodyFiles(t, dir); n != 1 {
		t.Fatalf("%d body files after the sweep, want 1", n)
	}
	b, err := s.Body(ctx, id, item.Delivery.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if err := os.Remove(filepath.Join(dir, bodiesName, namesOf(t, s)[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Body(ctx, id, item.Delivery.ID); !errors.Is(err, ErrDamaged) {
		t.Fatalf("a missing body file gives %v", err)
	}
}

// A refused push leaves no file behind.
func TestRefusedBodyIsDeleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	id := create(t, s, 1)
	p := testPush(1)
	p.MaxBytes = 1
	if _, err := s.Push(context.Background(), id, p, bytes.NewReader(make([]byte, 1<<20))); !errors.Is(err, relay.ErrQuota) {
		t.Fatal(err)
	}
	if n := bodyFiles(t, dir); n != 0 {
		t.Fatalf("%d body files", n)
	}
	if n := s.files.bytes.Load(); n != 0 {
		t.Fatalf("%d bytes counted", n)
	}
}

// namesOf are the body files that records name; it reads the file of a closed
// store too.
func namesOf(t *testing.T, s *Store) []string {
	t.Helper()
	var names []string
	list := func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketFiles)).ForEach(func(k, _ []byte) error {
			names = append(names, string(k))
			return nil
		})
	}
	var err error
	if s.closed.Load() {
		db, oerr := bbolt.Open(filepath.Join(s.dir, fileName), 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
		if oerr != nil {
			t.Fatal(oerr)
		}
		defer db.Close()
		err = db.View(list)
	} else {
		err = s.view(list)
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func namedFiles(t *testing.T, s *Store) int { return len(namesOf(t, s)) }

// A record that is cut off anywhere is an error and never a panic.
func TestRecordsCutOff(t *testing.T) {
	e := testEndpoint(1)
	e.Policy.Handshakes = make([]relay.Handshake, 2)
	x := testPush(1).Delivery
	state := itemState{id: x.ID, size: 5, queuedAt: start, reason: "status 500"}
	for name, c := range map[string]struct {
		record []byte
		decode func([]byte) error
	}{
		"endpoint": {encodeEndpoint(&e, 7), func(b []byte) error { _, _, err := decodeEndpoint(b); return err }},
		"item":     {state.encode(encodeDelivery(&x)), func(b []byte) error { _, err := decodeItem(b, 1, false); return err }},
		"counts":   {counts{1, 2, 3, 4}.encode(), func(b []byte) error { _, err := decodeCounts(b); return err }},
	} {
		if err := c.decode(c.record); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range c.record {
			if c.decode(c.record[:n]) == nil {
				t.Errorf("%s of %d bytes decodes from %d", name, len(c.record), n)
			}
		}
	}
	t.Logf("an endpoint takes %d bytes, an item %d", len(encodeEndpoint(&e, 1)), len(state.encode(encodeDelivery(&x))))
}

func FuzzRecords(f *testing.F) {
	e := testEndpoint(1)
	x := testPush(1).Delivery
	f.Add(encodeEndpoint(&e, 7))
	f.Add((&itemState{id: x.ID}).encode(encodeDelivery(&x)))
	f.Add((&place{seq: 300, file: "1.body"}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, rev, err := decodeEndpoint(b); err == nil {
			again, rev2, err := decodeEndpoint(encodeEndpoint(&e, rev))
			if err != nil || rev2 != rev || !reflect.DeepEqual(again, e) {
				t.Fatalf("endpoint changed: %v %s", err, cmp.Diff(e, again))
			}
		}
		if s, rest, err := decodeState(b); err == nil {
			again, rest2, err := decodeState(s.encode(rest))
			if err != nil || again != s || !bytes.Equal(rest, rest2) {
				t.Fatalf("state changed: %v", err)
			}
		}
		decodeItem(b, 1, false)
		decodePlace(b)
		decodeCounts(b)
	})
}
