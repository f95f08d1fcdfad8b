package relay

import (
	"strings"
	"testing"
)

func TestABoundBelongsToItsBucket(t *testing.T) {
	h := newHistogram("h", "Help.", []float64{0.5, 1}, "l", "a", "b")
	for _, v := range []float64{0, 0.5, 0.75, 1, 1.25} {
		h.observe("a", v)
	}
	h.observe("nosuch", 1)
	var b strings.Builder
	h.write(&b)
	want := `# HELP h Help.
# TYPE h histogram
h_bucket{l="a",le="0.5"} 2
h_bucket{l="a",le="1"} 4
h_bucket{l="a",le="+Inf"} 5
h_sum{l="a"} 3.5
h_count{l="a"} 5
h_bucket{l="b",le="0.5"} 0
h_bucket{l="b",le="1"} 0
h_bucket{l="b",le="+Inf"} 0
h_sum{l="b"} 0
h_count{l="b"} 0
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}
