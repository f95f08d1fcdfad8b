package payloads

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// What one sample is changed to does not show in the next of the same file,
// nor in one that is made at the same time.
func TestSamplesShareNothing(t *testing.T) {
	opts := Options{Seed: 7, At: time.Unix(1_800_000_000, 0)}
	for _, p := range Providers() {
		e := Events(p.ID)[0].Name
		want, err := Build(p.ID, e, opts)
		if err != nil {
			t.Fatal(err)
		}
		f, err := load(p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := load(p.ID); again != f {
			t.Fatalf("%s: read twice", p.ID)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				changed := opts
				changed.Set = []Setting{{"id", "changed"}, {"data.object.id", "changed"}, {"type", "changed"}}
				Build(p.ID, e, changed) // some providers have no such path: what matters is what is left behind
				got, err := Build(p.ID, e, opts)
				if err != nil || !bytes.Equal(got.Body, want.Body) {
					t.Errorf("%s %s: another body after a changed one (%v)", p.ID, e, err)
				}
			})
		}
		wg.Wait()
	}
}
