package storetest

import (
	"bytes"
	"io"

	"github.com/hookrelay/hook/relay"
)

func testBodies(f *fixture) {
	e := f.create(endpoint('a'))
	sizes := []int{0, 1, 4095, 64 << 10, 64<<10 + 1, 256 << 10, 1<<20 + 7, 5 << 20}
	for i, n := range sizes {
		f.push(e.ID, push(i), noise(uint64(i), n))
	}
	f.again()
	for i, item := range f.list(e.ID, relay.Pending) {
		f.same("size", item.Size, int64(sizes[i]))
		if !bytes.Equal(f.body(e.ID, item.Delivery.ID), noise(uint64(i), sizes[i])) {
			f.Fatalf("body of %d bytes is not what was pushed", sizes[i])
		}
	}
}

func testSpool(f *fixture) {
	e := f.create(endpoint('a'))
	for i, n := range []int{0, 10, 3<<20 + 1, 25 << 20} {
		sp, err := f.s.Spool(f.ctx)
		f.must(err)
		want := noise(uint64(i), n)
		_, err = io.Copy(sp, io.MultiReader(bytes.NewReader(want[:n/2]), bytes.NewReader(want[n/2:])))
		f.must(err)
		f.same("size of the spool", sp.Size(), int64(n))
		p := push(i)
		p.MaxItems = i
		if i > 0 { // refused first: the spool is still ours
			p.MaxItems = i
			_, err = f.s.Push(f.ctx, e.ID, p, sp)
			f.want(err, relay.ErrQuota)
		}
		p.MaxItems = 0
		item, err := f.s.Push(f.ctx, e.ID, p, sp)
		f.must(err)
		if n > 0 { // what was pushed can be read on
			got := make([]byte, n)
			_, err = sp.ReadAt(got, 0)
			if err != nil && err != io.EOF {
				f.Fatal(err)
			}
			f.same("read from the spool", bytes.Equal(got, want), true)
		}
		f.must(sp.Discard())
		f.must(sp.Discard())
		f.same("size", item.Size, int64(n))
		if !bytes.Equal(f.body(e.ID, item.Delivery.ID), want) {
			f.Fatalf("body of %d bytes is not what was spooled", n)
		}
	}
	sp, err := f.s.Spool(f.ctx)
	f.must(err)
	_, err = sp.Write([]byte("never stored"))
	f.must(err)
	f.must(sp.Discard())
	if _, err = sp.Write([]byte("x")); err == nil {
		f.Fatal("wrote to a spool that was discarded")
	}
	if _, err = f.s.Push(f.ctx, e.ID, push(50), sp); err == nil {
		f.Fatal("stored a spool that was discarded")
	}
	f.again()
	f.same("items", len(f.list(e.ID, relay.Pending)), 4)
}

func testBodyOpen(f *fixture) {
	e := f.create(endpoint('a'))
	for i, n := range []int{1000, 3 << 20} {
		want := noise(uint64(i), n)
		item := f.push(e.ID, push(i), want)
		b, err := f.s.Body(f.ctx, e.ID, item.Delivery.ID)
		f.must(err)
		f.must(f.s.Settle(f.ctx, e.ID, 0, []relay.Settlement{{ID: item.Delivery.ID, Outcome: relay.Done}}))
		_, err = f.s.Body(f.ctx, e.ID, item.Delivery.ID)
		f.want(err, relay.ErrNotFound)
		got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
		f.must(err)
		f.must(b.Close())
		if !bytes.Equal(got, want) {
			f.Fatalf("body of %d bytes changed when it was settled", n)
		}
	}
}
