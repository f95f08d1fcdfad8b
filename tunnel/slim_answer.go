package tunnel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// answerHeaderLimit bounds the bytes of an answer's status and header
	// lines, those of its 1xx answers included, and again of its trailers. It
	// is what relays accept of a webhook.
	answerHeaderLimit = 64 << 10

	// answerFieldLimit bounds the header lines of an answer.
	answerFieldLimit = 256

	// drainLimit is how much of a body over the limit is still read, so that
	// the application can finish and the connection can be kept.
	drainLimit = 64 << 20

	// maxLength is more than any length can be, and may still be added up.
	maxLength = 1 << 60

	// chunkExcess bounds what chunk lines may cost beyond what reasonable
	// chunks need.
	chunkExcess = 16 << 10
)

// answerReader reads one HTTP/1 answer (RFC 9112). The bytes of the body stay
// as they are; trailers are dropped.
type answerReader struct {
	in       *bufio.Reader
	scratch  []byte // reused for the header block
	limit    int64  // of body
	bodyless bool   // the request was HEAD

	begun  time.Time // first byte
	status int
	header Header
	body   []byte
	size   int64 // of the body as sent, more than len(body) if it was over the limit
	keep   bool  // the connection can take another request

	close   bool  // the connection ends with this answer
	chunked bool  // framing, as the header says
	length  int64 // -1: none given
}

// result is the answer as a delivery's result, without Timing.
func (a *answerReader) result() *Result {
	return &Result{Status: a.status, Header: a.header, Body: a.body, Size: a.size, By: ByApplication}
}

func garbage(format string, args ...any) error {
	return &Failure{Garbage, fmt.Sprintf(format, args...)}
}

// read reads the answer. The error is a *Failure of kind Garbage, or that of
// the connection.
func (a *answerReader) read() error {
	first, err := a.in.Peek(1)
	if err != nil {
		return err
	}
	a.begun = time.Now()
	if first[0] != 'H' { // do not wait for a line that may never end
		start, _ := a.in.Peek(min(a.in.Buffered(), 40))
		if len(start) > 1 && start[0] == 0x15 && start[1] == 3 { // a TLS alert (RFC 8446 §5.1)
			return garbage("the target speaks TLS; write https:// for it")
		}
		return garbage("the answer begins with %q", start)
	}
	for budget := answerHeaderLimit; ; {
		block, err := a.block(&budget)
		if err != nil {
			return partial(err)
		}
		if err := a.parse(block); err != nil {
			return err
		}
		if a.status >= 200 {
			break
		}
		if a.status == 101 {
			return garbage("101: the application changes to another protocol")
		}
	}
	if err := a.readBody(); err != nil {
		return err
	}
	a.keep = a.keep && !a.close && a.in.Buffered() == 0
	a.tidy()
	return nil
}

// partial is err, with an end of the stream as the unexpected one it is.
func partial(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// block reads up to and with the next empty line.
func (a *answerReader) block(budget *int) (string, error) {
	a.scratch = a.scratch[:0]
	for inLine := false; ; {
		line, err := a.in.ReadSlice('\n')
		if *budget -= len(line); *budget < 0 {
			return "", garbage("its header or trailer has more than %d bytes", answerHeaderLimit)
		}
		a.scratch = append(a.scratch, line...)
		empty := !inLine && (len(line) == 1 || len(line) == 2 && line[0] == '\r')
		inLine = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !inLine {
			return "", err
		}
		if empty && !inLine {
			return string(a.scratch), nil
		}
	}
}

// parse reads a status line and header lines (RFC 9112 §4, §5).
func (a *answerReader) parse(block string) error {
	line, rest := cutLine(block)
	version, after, ok := strings.Cut(line, " ")
	code, _, _ := strings.Cut(after, " ")
	if !ok || len(version) != 8 || !strings.HasPrefix(version, "HTTP/1.") || !isDigits(version[7:]) || len(code) != 3 || !isDigits(code) {
		return garbage("the answer begins with %q", clip(line))
	}
	a.status, _ = strconv.Atoi(code)
	if a.status < 100 || a.status > 599 {
		return garbage("status %d is outside 100 to 599", a.status)
	}
	a.header, a.length, a.chunked = nil, -1, false
	persistent := version[7] != '0'
	encodings, framing := 0, false // framing: the last line was one that decides where the answer ends
	for rest != "" {
		if line, rest = cutLine(rest); line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' { // obs-fold, joined as RFC 9112 §5.2 asks
			n := len(a.header)
			if n == 0 || framing {
				return garbage("its header has a line that continues none: %q", clip(line))
			}
			line = strings.Trim(line, " \t")
			if !ValidFieldValue(line) {
				return garbage("its header has a control character in %q", a.header[n-1].Name)
			}
			a.header[n-1].Value += " " + line
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !ValidFieldName(name) {
			return garbage("its header has the line %q", clip(line))
		}
		value = strings.Trim(value, " \t")
		if !ValidFieldValue(value) {
			return garbage("its header has a control character in %q", name)
		}
		if len(a.header) == answerFieldLimit {
			return garbage("its header has more than %d lines", answerFieldLimit)
		}
		if a.header == nil {
			a.header = make(Header, 0, 1+strings.Count(rest, "\n"))
		}
		a.header = append(a.header, Field{name, value})
		framing = true
		switch {
		case strings.EqualFold(name, "Content-Length"):
			if err := a.contentLength(value); err != nil {
				return err
			}
		case strings.EqualFold(name, "Transfer-Encoding"):
			if encodings++; encodings > 1 || !strings.EqualFold(value, "chunked") {
				return garbage("its Transfer-Encoding is %q", clip(value))
			}
			a.chunked = true
		case strings.EqualFold(name, "Connection"):
			for option := range strings.SplitSeq(value, ",") {
				switch option = strings.TrimSpace(option); {
				case strings.EqualFold(option, "close"):
					a.close = true
				case strings.EqualFold(option, "keep-alive"):
					persistent = true
				}
			}
		default:
			framing = false
		}
	}
	if a.chunked && (a.length >= 0 || version[7] == '0') { // RFC 9112 §6.1: as chunked, and never again
		a.length, persistent = -1, false
	}
	a.close = a.close || !persistent
	return nil
}

func (a *answerReader) contentLength(value string) error {
	for part := range strings.SplitSeq(value, ",") { // the same one twice is one (RFC 9112 §6.3)
		part = strings.TrimSpace(part)
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || !isDigits(part) || n > maxLength || a.length >= 0 && a.length != n {
			return garbage("its Content-Length is %q", clip(value))
		}
		a.length = n
	}
	return nil
}

func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// tidy leaves of the header what travels on. Content-Length is left to whoever
// writes the answer next, but for HEAD, where it is all that is known.
func (a *answerReader) tidy() {
	a.header, _ = a.header.EndToEnd()
	if !a.bodyless {
		a.header = slices.DeleteFunc(a.header, func(f Field) bool { return strings.EqualFold(f.Name, "Content-Length") })
	}
}

// readBody reads the body as RFC 9112 §6.3 frames it.
func (a *answerReader) readBody() error {
	a.keep = true
	switch {
	case a.bodyless || a.status == 204 || a.status == 304:
		return nil
	case a.chunked:
		return a.readChunks()
	case a.length >= 0:
		if a.length > max(a.limit, drainLimit) {
			a.size, a.keep = a.length, false
			return nil
		}
		if err := a.take(a.length); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return &Failure{Reset, fmt.Sprintf("the answer ended after %d of %d bytes", a.size, a.length)}
			}
			return err
		}
		return nil
	}
	a.keep = false
	for {
		if a.size > max(a.limit, drainLimit) {
			return nil
		}
		if _, err := a.in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := a.take(int64(a.in.Buffered())); err != nil {
			return err
		}
	}
}

// takeStep is the memory that a length may claim before its bytes are there.
const takeStep = 1 << 20

// take reads n bytes of the body, and keeps them while the whole is within the
// limit.
func (a *answerReader) take(n int64) error {
	if n > a.limit-a.size {
		a.body = nil
		for n > 0 {
			dropped, err := a.in.Discard(int(min(n, takeStep)))
			a.size += int64(dropped)
			n -= int64(dropped)
			if err != nil {
				return partial(err)
			}
		}
		return nil
	}
	for n > 0 {
		step := int(min(n, takeStep))
		old := len(a.body)
		a.body = slices.Grow(a.body, step)[:old+step]
		got, err := io.ReadFull(a.in, a.body[old:])
		a.size += int64(got)
		n -= int64(got)
		if err != nil {
			return partial(err)
		}
	}
	return nil
}

// readChunks reads a chunked body (RFC 9112 §7.1) and drops its trailers.
func (a *answerReader) readChunks() error {
	excess := int64(0)
	for {
		line, err := a.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return garbage("a chunk line has more than %d bytes", len(line))
		}
		if err != nil {
			return partial(err)
		}
		cost := int64(len(line))
		digits, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{';'})
		text := string(bytes.TrimRight(digits, " \t"))
		n, err := strconv.ParseInt(text, 16, 64)
		if err != nil || unhex(text[0]) < 0 || n > maxLength {
			return garbage("a chunk begins with %q", clip(string(line)))
		}
		if excess = max(0, excess+cost-16-2*min(n, 1<<20)); excess > chunkExcess {
			return garbage("its chunks are mostly chunk lines")
		}
		if n == 0 {
			break
		}
		if n > a.limit-a.size && n > drainLimit-a.size {
			a.size, a.body, a.keep = a.size+n, nil, false
			return nil
		}
		if err := a.take(n); err != nil {
			return err
		}
		end, err := a.in.Peek(1)
		if err == nil && end[0] == '\r' {
			end, err = a.in.Peek(2)
		}
		if err != nil {
			return partial(err)
		}
		if string(end) != "\r\n" && string(end) != "\n" {
			return garbage("a chunk is longer than it says")
		}
		a.in.Discard(len(end))
	}
	budget := answerHeaderLimit
	_, err := a.block(&budget)
	return partial(err)
}
