package tunnel

import (
	"encoding/binary"
	"fmt"
	"time"
)

// A message is one or more frames: a type byte, the payload's length as an
// unsigned varint (encoding/binary), the payload. In a payload, numbers are
// unsigned varints, strings and byte strings carry their length in front, ids
// are 16 bytes, times are microseconds since the Unix epoch, durations are
// microseconds. A payload holds exactly its fields: trailing bytes are an error.

const (
	maxMessage = 512 << 10 // read limit: a full inline body, its header block and room
	maxFrame   = 320 << 10
	maxInline  = 128 << 10 // a longer body goes in pieces
	pieceSize  = 64 << 10
	maxBatch   = 128 << 10 // frames are gathered into messages up to this size

	maxFields      = 256      // header lines in one frame
	maxHeaderBytes = 96 << 10 // relays take 64 KiB from senders; the frame adds names of its own
	maxString      = 64 << 10
	maxList        = 4096 // ids in one frame
)

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBytes(b, p []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(p)))
	return append(b, p...)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendUvarint(b, 0)
	}
	return binary.AppendUvarint(b, uint64(t.UnixMicro()))
}

func appendDuration(b []byte, d time.Duration) []byte {
	return binary.AppendUvarint(b, uint64(max(d, 0)/time.Microsecond))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendHeader(b []byte, h Header) []byte {
	b = binary.AppendUvarint(b, uint64(len(h)))
	for _, f := range h {
		b = appendString(b, f.Name)
		b = appendString(b, f.Value)
	}
	return b
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

// decoder reads a payload. After the first fault all reads return zero values
// and err stays. Strings share one copy of the payload's text.
type decoder struct {
	p   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
		d.p = nil
	}
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.p)
	if n <= 0 || n > 1 && d.p[n-1] == 0 { // cut off, too long, or not the shortest form
		d.fail("bad number")
		return 0
	}
	d.p = d.p[n:]
	return v
}

// count reads a number that must not exceed limit.
func (d *decoder) count(what string, limit int) int {
	v := d.uint()
	if v > uint64(limit) {
		d.fail("%s: %d is over %d", what, v, limit)
		return 0
	}
	return int(v)
}

func (d *decoder) byte() byte {
	if len(d.p) == 0 {
		d.fail("cut off")
		return 0
	}
	c := d.p[0]
	d.p = d.p[1:]
	return c
}

func (d *decoder) bool() bool {
	c := d.byte()
	if c > 1 {
		d.fail("bad flag %d", c)
	}
	return c == 1
}

func (d *decoder) take(n int) []byte {
	if n > len(d.p) {
		d.fail("cut off")
		return nil
	}
	p := d.p[:n:n]
	d.p = d.p[n:]
	return p
}

func (d *decoder) string(limit int) string { return string(d.take(d.count("string", limit))) }

// bytes returns a part of the message itself: copy what must outlive it.
func (d *decoder) bytes(limit int) []byte { return d.take(d.count("bytes", limit)) }

func (d *decoder) id() (id ID) {
	copy(id[:], d.take(len(id)))
	return id
}

func (d *decoder) time() time.Time {
	v := d.uint()
	if v == 0 {
		return time.Time{}
	}
	if v > 1<<56 {
		d.fail("time out of range")
		return time.Time{}
	}
	return time.UnixMicro(int64(v))
}

func (d *decoder) duration() time.Duration {
	v := d.uint()
	if v > 1<<53 {
		d.fail("duration out of range")
		return 0
	}
	return time.Duration(v) * time.Microsecond
}

func (d *decoder) size() int64 {
	v := d.uint()
	if v > 1<<40 {
		d.fail("size out of range")
		return 0
	}
	return int64(v)
}

func (d *decoder) header() Header {
	n := d.count("header lines", maxFields)
	if n == 0 {
		return nil
	}
	// One string holds all names and values; its parts share it.
	h, total := make(Header, 0, n), 0
	start := d.p
	type span struct{ off, len int }
	var spans [2 * 32]span
	list := spans[:0]
	for range 2 * n {
		size := d.count("header", maxHeaderBytes)
		off := len(start) - len(d.p)
		d.take(size)
		total += size
		if d.err != nil {
			return nil
		}
		if total > maxHeaderBytes {
			d.fail("header block over %d bytes", maxHeaderBytes)
			return nil
		}
		list = append(list, span{off, size})
	}
	text := string(start[:len(start)-len(d.p)])
	for i := 0; i < len(list); i += 2 {
		name, value := list[i], list[i+1]
		f := Field{text[name.off : name.off+name.len], text[value.off : value.off+value.len]}
		if !ValidFieldName(f.Name) || !ValidFieldValue(f.Value) {
			d.fail("bad header line %q", f.Name)
			return nil
		}
		h = append(h, f)
	}
	return h
}

func (d *decoder) strings(limit int) []string {
	n := d.count("list", limit)
	var list []string
	for range n {
		list = append(list, d.string(maxString))
		if d.err != nil {
			return nil
		}
	}
	return list
}

// end checks that the payload is used up.
func (d *decoder) end() error {
	if d.err == nil && len(d.p) > 0 {
		d.fail("%d bytes too many", len(d.p))
	}
	return d.err
}
