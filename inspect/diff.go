package inspect

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/tunnel"
)

// Difference is one thing in which two flows are not alike.
type Difference struct {
	Part string // "request" or "answer"
	Path string // "method", "header X-Foo", "body data.items[2].sku", "body line 3"
	Op   Change
	A, B string // as they came: foreign bytes
}

// Change says what happened from the first flow to the second.
type Change string

// The changes.
const (
	Added   Change = "added"
	Removed Change = "removed"
	Changed Change = "changed"
)

// Differences are in the order of a message: what it is for, header, body.
type Differences []Difference

// The bounds of a comparison.
const (
	maxDifferences = 1000
	maxDiffBody    = 4 << 20 // of JSON and text; larger bodies are compared as bytes
	maxDiffDepth   = 200
	maxDiffValue   = 4096 // bytes of one value that are kept
)

// Diff compares the requests and the last answers of two flows. The error is
// that a body could not be read.
func Diff(a, b *Flow) (Differences, error) {
	d := differ{part: "request"}
	d.value("method", a.Delivery.Method, b.Delivery.Method)
	d.value("target", a.Delivery.Target, b.Delivery.Target)
	d.value("host", a.Delivery.Host, b.Delivery.Host)
	d.header(a.Delivery.Header, b.Delivery.Header)
	bodyA, err := a.Body()
	if err != nil {
		return nil, err
	}
	bodyB, err := b.Body()
	if err != nil {
		return nil, err
	}
	d.body(bodyA, bodyB)
	d.part = "answer"
	if err := d.answers(a, b); err != nil {
		return nil, err
	}
	return d.list, nil
}

func (d *differ) answers(a, b *Flow) error {
	none := Attempt{}
	x, y := a.Last(), b.Last()
	if x == nil {
		x = &none
	}
	if y == nil {
		y = &none
	}
	d.value("failure", failureText(x), failureText(y))
	d.value("status", statusText(x), statusText(y))
	var hx, hy tunnel.Header
	if x.Result != nil {
		hx = x.Result.Header
	}
	if y.Result != nil {
		hy = y.Result.Header
	}
	d.header(hx, hy)
	bx, err := a.Answer(x)
	if err != nil {
		return err
	}
	by, err := b.Answer(y)
	if err != nil {
		return err
	}
	d.body(bx, by)
	return nil
}

func failureText(a *Attempt) string {
	if a.Failure == nil {
		return ""
	}
	return a.Failure.Error()
}

func statusText(a *Attempt) string {
	if a.Result == nil {
		return ""
	}
	return strconv.Itoa(a.Result.Status)
}

// differ collects differences.
type differ struct {
	part string
	list Differences
}

func (d *differ) add(path string, op Change, a, b string) {
	if len(d.list) < maxDifferences {
		d.list = append(d.list, Difference{d.part, path, op, a[:min(len(a), maxDiffValue)], b[:min(len(b), maxDiffValue)]})
	}
}

// value compares two texts of which "" means that there is none.
func (d *differ) value(path, a, b string) {
	switch {
	case a == b:
	case a == "":
		d.add(path, Added, "", b)
	case b == "":
		d.add(path, Removed, a, "")
	default:
		d.add(path, Changed, a, b)
	}
}

// header compares the values of each name, in their order. The order of the
// names is no difference.
func (d *differ) header(a, b tunnel.Header) {
	var names []string
	for _, line := range slices.Concat(a, b) {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, line.Name) }) {
			names = append(names, line.Name)
		}
	}
	for _, name := range names {
		va, vb := a.Values(name), b.Values(name)
		for i := range max(len(va), len(vb)) {
			path := "header " + name
			switch {
			case i >= len(va):
				d.add(path, Added, "", vb[i])
			case i >= len(vb):
				d.add(path, Removed, va[i], "")
			case va[i] != vb[i]:
				d.add(path, Changed, va[i], vb[i])
			}
		}
	}
}

// Write prints differences for people: one on one or two lines, "-" before
// what was in the first flow and "+" before what is in the second.
func (d Differences) Write(w io.Writer, colour bool) error {
	paint := newPalette(colour)
	if len(d) == 0 {
		_, err := fmt.Fprintln(w, "no difference")
		return err
	}
	var b strings.Builder
	part := ""
	for _, x := range d {
		if x.Part != part {
			part = x.Part
			b.WriteString(paint.bold(part) + "\n")
		}
		path := safetext.Limit(x.Path, maxShown)
		if x.Op != Added {
			b.WriteString(paint.bad("- "+path+": "+safetext.Limit(x.A, 2*maxShown)) + "\n")
		}
		if x.Op != Removed {
			b.WriteString(paint.good("+ "+path+": "+safetext.Limit(x.B, 2*maxShown)) + "\n")
		}
	}
	if len(d) == maxDifferences {
		b.WriteString(paint.warn(fmt.Sprintf("more than %d differences: the rest is left out", maxDifferences)) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
