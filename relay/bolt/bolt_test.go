package bolt

import (
	"testing"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/storetest"
)

// off switches the watermark off: a test must not depend on how full the
// machine's disk is.
const off = -1

func open(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	if opts.MinFree == 0 {
		opts.MinFree = off
	}
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (relay.Store, func() relay.Store) {
		dir := t.TempDir()
		reopen := func() relay.Store { return open(t, dir, Options{}) }
		return reopen(), reopen
	})
}
