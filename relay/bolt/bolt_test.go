package bolt

import (
	"testing"
	"time"

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

// TestStore runs the tests of all stores: as they are used; with a journal that
// is full after a few writes; and with all in the journal and nothing in the
// database until the end.
func TestStore(t *testing.T) {
	for name, opts := range map[string]Options{
		"default":         {},
		"short journal":   {Journal: 4 << 10},
		"all in journal":  {checkpointAfter: time.Hour},
		"all in database": {checkpointAfter: time.Nanosecond},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) (relay.Store, func() relay.Store) {
				dir := t.TempDir()
				reopen := func() relay.Store { return open(t, dir, opts) }
				return reopen(), reopen
			})
		})
	}
}
