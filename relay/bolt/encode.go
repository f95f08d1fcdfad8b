package bolt

import (
	"encoding/binary"
	"errors"
	"time"
)

// errRecord is a record that does not decode.
var errRecord = errors.New("a record that cannot be read")

// encoder appends values in a compact form; decoder reads them in the same
// order. There are no names and no types in a record: the first byte of a
// record says which order is meant.
type encoder struct{ b []byte }

func (e *encoder) byte(v byte)     { e.b = append(e.b, v) }
func (e *encoder) uint(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)     { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) fixed(v []byte)  { e.b = append(e.b, v...) }
func (e *encoder) string(v string) { e.uint(uint64(len(v))); e.b = append(e.b, v...) }

func (e *encoder) bool(v bool) {
	if v {
		e.byte(1)
	} else {
		e.byte(0)
	}
}

// time is 0 for the zero time, else nanoseconds + 1 and seconds.
func (e *encoder) time(v time.Time) {
	if v.IsZero() {
		e.byte(0)
		return
	}
	e.uint(uint64(v.Nanosecond()) + 1)
	e.int(v.Unix())
}

// decoder gives zero values once something did not fit; err tells it in the
// end.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) err() error {
	if d.bad {
		return errRecord
	}
	return nil
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) bool() bool { return d.byte() != 0 }

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// bytes is a part of the record itself: copy what is kept.
func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) fixed(to []byte)         { copy(to, d.bytes(uint64(len(to)))) }
func (d *decoder) string() string          { return string(d.bytes(d.uint())) }
func (d *decoder) duration() time.Duration { return time.Duration(d.int()) }

// count is a number of things of which each takes at least one byte: a
// damaged one cannot make us allocate more than the record is long.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) time() time.Time {
	ns := d.uint()
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(d.int(), int64(ns-1)).UTC()
}
