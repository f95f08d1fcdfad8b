package bolt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hookrelay/hook/tunnel"
)

// A kill proves that nothing is acknowledged from memory; that it is fsynced is
// for the power cut and the trace to prove.
func TestKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	var acked []tunnel.ID
	for round := range 4 {
		c := startChild(t, dir, 8)
		acked = append(acked, c.acks(t, 100+37*round)...)
		acked = append(acked, c.kill(t)...)
		s := open(t, dir, Options{})
		if n := lost(t, s, acked); n > 0 {
			t.Fatalf("round %d: %d of %d acknowledged deliveries are lost", round, n, len(acked))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n, files := namedFiles(t, s), bodyFiles(t, dir); n != files {
			t.Fatalf("round %d: %d body files, %d of them named", round, files, n)
		}
	}
	t.Logf("%d acknowledged, 0 lost", len(acked))
}

func bodyFiles(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, bodiesName))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
