package relay

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// This file writes metrics as Prometheus reads them, in its text format 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats). Series are made with
// their family, one for each value that its only label can have, so that
// nothing from outside can make one; each is there from the start, at 0, so
// that a rate sees the first event.

const expositionType = "text/plain; version=0.0.4; charset=utf-8"

// counter is a family of counters: one for each value of label, or a single
// one without a label.
type counter struct {
	name, help, label string
	values            []string
	counts            []atomic.Uint64 // as values; one at least
}

func newCounter(name, help, label string, values ...string) *counter {
	return &counter{name, help, label, values, make([]atomic.Uint64, max(len(values), 1))}
}

func (c *counter) add(n int) { c.counts[0].Add(uint64(n)) }

// inc counts one of value, and tells whether there is such a series.
func (c *counter) inc(value string) bool {
	i := slices.Index(c.values, value)
	if i < 0 {
		return false
	}
	c.counts[i].Add(1)
	return true
}

func (c *counter) write(w io.Writer) {
	head(w, c.name, c.help, "counter")
	for i := range c.counts {
		labels := ""
		if c.label != "" {
			labels = "{" + label(c.label, c.values[i]) + "}"
		}
		fmt.Fprintf(w, "%s%s %d\n", c.name, labels, c.counts[i].Load())
	}
}

// histogram is a family of classic histograms, one for each value of label.
type histogram struct {
	name, help, label string
	values            []string
	bounds            []float64 // upper ones, ascending; +Inf is implied
	series            []*observed
}

type observed struct {
	mu     sync.Mutex
	counts []uint64 // guarded by mu; of bounds and +Inf, not cumulated
	sum    float64  // guarded by mu
}

func newHistogram(name, help string, bounds []float64, label string, values ...string) *histogram {
	h := &histogram{name: name, help: help, label: label, values: values, bounds: bounds}
	for range values {
		h.series = append(h.series, &observed{counts: make([]uint64, len(bounds)+1)})
	}
	return h
}

func (h *histogram) observe(value string, v float64) {
	i := slices.Index(h.values, value)
	if i < 0 {
		return
	}
	at, _ := slices.BinarySearch(h.bounds, v) // le: a bound belongs to its bucket
	o := h.series[i]
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts[at]++
	o.sum += v
}

func (h *histogram) write(w io.Writer) {
	head(w, h.name, h.help, "histogram")
	for i, o := range h.series {
		own := label(h.label, h.values[i])
		o.mu.Lock()
		counts, sum := slices.Clone(o.counts), o.sum
		o.mu.Unlock()
		var below uint64
		for j, n := range counts {
			le := "+Inf"
			if j < len(h.bounds) {
				le = number(h.bounds[j])
			}
			below += n
			fmt.Fprintf(w, "%s_bucket{%s,%s} %d\n", h.name, own, label("le", le), below)
		}
		fmt.Fprintf(w, "%s_sum{%s} %s\n%s_count{%s} %d\n", h.name, own, number(sum), h.name, own, below)
	}
}

// gauge writes a value that was read just now.
func gauge(w io.Writer, name, help string, v float64) {
	head(w, name, help, "gauge")
	fmt.Fprintf(w, "%s %s\n", name, number(v))
}

func head(w io.Writer, name, help, kind string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// label is one label. Its value is a word of ours, without anything to escape.
func label(name, value string) string { return name + `="` + value + `"` }

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
