package relay

// Bounds of the chunked coding, in bytes. net/http has its own beyond them.
const (
	maxChunkDigits = 15      // of a chunk's size: it fits an int64
	maxChunkExt    = 1 << 10 // of one chunk's extensions, which nobody reads
	maxTrailers    = 4 << 10 // net/http finds the end of longer ones no more
	refusedScheme  = "hook-refused"
)

// frameState is where in a connection's stream of requests a framer is.
type frameState byte

const (
	inHead frameState = iota
	inBody            // Content-Length
	inChunkSize
	inChunkExt
	inChunkSizeLF
	inChunk
	inChunkCR
	inChunkLF
	atTrailer // at the start of a trailer line, or of the last line
	inTrailerName
	inTrailerValue
	inTrailerLF
	inLastLF
	afterFault
)

// framer follows the requests on a connection: where each head and body
// begins and ends. Being strict where net/http is lenient, it never sees
// another end than net/http does.
type framer struct {
	maxLines int // header lines
	maxBytes int // of a head

	state  frameState
	fault  fault // with afterFault
	within bool  // the fault is within a body, not in a head
	head   headScan
	left   int64 // bytes of the body or the chunk to come
	count  int   // of digits, extension bytes, trailer bytes
	lines  int   // of trailers
	body   int64 // bytes of the present body so far, coding left out
	chunks bool
}

// accept says how many bytes at the start of b are in order and may go on to
// net/http. It stops at the end of a request. A head is in order only as a
// whole: while it is not complete, b has to begin with it at every call. With
// a fault, nothing of b after n is.
func (f *framer) accept(b []byte) (n int, _ fault) {
	for n < len(b) {
		switch f.state {
		case inHead:
			size, fault := f.head.next(b[n:], f.maxLines, f.maxBytes)
			if fault != faultNone {
				f.fail(fault)
				return n, fault
			}
			if size == 0 {
				return n, faultNone
			}
			n += size
			f.body, f.left, f.chunks = 0, f.head.length, f.head.chunked
			f.head = headScan{}
			switch {
			case f.chunks:
				f.state, f.left, f.count = inChunkSize, 0, 0
			case f.left > 0:
				f.state = inBody
			default:
				return n, faultNone
			}
		case inBody, inChunk:
			take := min(f.left, int64(len(b)-n))
			n += int(take)
			f.left -= take
			f.body += take
			if f.left > 0 {
				break
			}
			if f.state == inBody {
				f.state = inHead
				return n, faultNone
			}
			f.state = inChunkCR
		case afterFault:
			return n, f.fault
		default:
			if !f.step(b[n]) {
				f.fail(faultChunk)
				f.within = true
				return n, faultChunk
			}
			n++
			if f.state == inHead {
				return n, faultNone
			}
		}
	}
	return n, faultNone
}

func (f *framer) fail(why fault) { f.state, f.fault = afterFault, why }

// step takes one byte of the chunked coding (RFC 9112 §7.1).
func (f *framer) step(c byte) bool {
	switch f.state {
	case inChunkSize:
		d, ok := hexDigit(c)
		switch {
		case ok:
			f.left = f.left<<4 | int64(d)
			f.count++
			return f.count <= maxChunkDigits
		case f.count == 0:
			return false
		case c == ';':
			f.state, f.count = inChunkExt, 0
			return true
		}
		return f.expect(c, '\r', inChunkSizeLF)
	case inChunkExt:
		if c == '\r' {
			f.state = inChunkSizeLF
			return true
		}
		f.count++
		return byteKinds[c]&isText != 0 && f.count <= maxChunkExt
	case inChunkSizeLF:
		if f.left > 0 {
			return f.expect(c, '\n', inChunk)
		}
		f.lines, f.count = 0, 0
		return f.expect(c, '\n', atTrailer)
	case inChunkCR:
		return f.expect(c, '\r', inChunkLF)
	case inChunkLF:
		f.left, f.count = 0, 0
		return f.expect(c, '\n', inChunkSize)
	}
	return f.stepTrailer(c)
}

// stepTrailer takes one byte after the last chunk (RFC 9112 §7.1.2).
func (f *framer) stepTrailer(c byte) bool {
	if f.count++; f.count > maxTrailers {
		return false
	}
	switch f.state {
	case atTrailer:
		if c == '\r' {
			f.state = inLastLF
			return true
		}
		f.state = inTrailerName
		f.lines++
		return byteKinds[c]&isToken != 0 && f.lines <= f.maxLines
	case inTrailerName:
		if c == ':' {
			f.state = inTrailerValue
			return true
		}
		return byteKinds[c]&isToken != 0
	case inTrailerValue:
		if c == '\r' {
			f.state = inTrailerLF
			return true
		}
		return byteKinds[c]&isText != 0
	case inTrailerLF:
		return f.expect(c, '\n', atTrailer)
	case inLastLF:
		return f.expect(c, '\n', inHead)
	}
	return false
}

func (f *framer) expect(c, want byte, next frameState) bool {
	if c == want {
		f.state = next
	}
	return c == want
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
