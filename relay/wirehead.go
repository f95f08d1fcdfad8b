package relay

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// fault is why a request is refused before net/http, or a handler, sees it.
type fault byte

// Faults of a request. net/http itself serves most of them; a proxy in front
// may understand them otherwise, which is how one request becomes two.
const (
	faultNone      fault = iota
	faultMalformed       // the request line is none
	faultVersion         // neither HTTP/1.0 nor HTTP/1.1
	faultPreface         // HTTP/2 without TLS
	faultMethod          // CONNECT, TRACE
	faultTarget          // absolute-form, authority-form, *
	faultLineEnd         // LF without CR, CR without LF
	faultFold            // obs-fold (RFC 9112 §5.2)
	faultField           // no header name, or something between it and the colon
	faultControl         // control characters in target or headers, C1 included
	faultHost            // not exactly one Host
	faultLength          // Content-Length: several, or no number
	faultBoth            // Content-Length and Transfer-Encoding
	faultCoding          // Transfer-Encoding other than chunked
	faultOldCoding       // Transfer-Encoding in HTTP/1.0
	faultTooMuch         // too many header lines, or bytes of them
	faultSlowHead        //
	faultChunk           // broken chunked coding (RFC 9112 §7.1), trailers included
	faultSlowBody        //
)

// faults are the answers, in the order of the constants.
var faults = [...]struct {
	status       int
	name, detail string
}{
	faultNone:      {http.StatusBadRequest, "malformed", "The request is not proper HTTP."},
	faultMalformed: {http.StatusBadRequest, "malformed", "The request does not begin with a proper request line."},
	faultVersion:   {http.StatusHTTPVersionNotSupported, "http-version", "This relay speaks HTTP/1 and, over TLS, HTTP/2."},
	faultPreface:   {http.StatusBadRequest, "http-version", "HTTP/2 is spoken over TLS only."},
	faultMethod:    {http.StatusNotImplemented, "method", "This relay does not do CONNECT and TRACE."},
	faultTarget:    {http.StatusBadRequest, "target", "The request target has to begin with a slash."},
	faultLineEnd:   {http.StatusBadRequest, "line-end", "Lines of a request end with CR LF."},
	faultFold:      {http.StatusBadRequest, "obs-fold", "A header may not go on in the next line."},
	faultField:     {http.StatusBadRequest, "header", "A header line is a name, a colon at once after it, and a value."},
	faultControl:   {http.StatusBadRequest, "control", "There is a control character in the target or in a header."},
	faultHost:      {http.StatusBadRequest, "host", "A request has exactly one Host header."},
	faultLength:    {http.StatusBadRequest, "content-length", "A request has at most one Content-Length header, a number."},
	faultBoth:      {http.StatusBadRequest, "content-length", "A request has Content-Length or Transfer-Encoding, not both."},
	faultCoding:    {http.StatusNotImplemented, "transfer-encoding", "The only Transfer-Encoding that this relay takes is chunked, once."},
	faultOldCoding: {http.StatusBadRequest, "transfer-encoding", "HTTP/1.0 has no Transfer-Encoding."},
	faultTooMuch:   {http.StatusRequestHeaderFieldsTooLarge, "headers", "The request has more header lines or bytes of headers than this relay takes."},
	faultSlowHead:  {http.StatusRequestTimeout, "slow", "The request's headers did not arrive in time."},
	faultChunk:     {http.StatusBadRequest, "chunked", "The body's chunked coding is broken."},
	faultSlowBody:  {http.StatusRequestTimeout, "slow", "The body arrived too slowly."},
}

func (f fault) problem() problem {
	if int(f) >= len(faults) {
		f = faultNone
	}
	row := faults[f]
	title := http.StatusText(row.status)
	return newProblem(row.status, row.name, title, row.detail).closing()
}

// Kinds of bytes in a head.
const (
	isToken = 1 << iota // RFC 9110 §5.6.2
	isText              // may stand in a value: visible, space, tab, above ASCII
	isHigh              // above ASCII
)

var byteKinds = func() (k [256]byte) {
	for c := range 256 {
		if c == '\t' || c >= ' ' && c != 0x7f {
			k[c] |= isText
		}
		if c >= 0x80 {
			k[c] |= isHigh
		}
		if c > ' ' && c < 0x7f && !strings.ContainsRune("\"(),/:;<=>?@[\\]{}", rune(c)) {
			k[c] |= isToken
		}
	}
	return k
}()

// headScan reads a request's head line by line and remembers how far it came,
// so that a head in many pieces is looked at once.
type headScan struct {
	looked, line int // searched for a line's end up to here; the line began there
	lines        int // with the request line
	skipped      bool

	old     bool // HTTP/1.0
	hosts   int
	lengths int
	length  int64
	codings int
	chunked bool
}

// next looks at b, which begins with the head and holds more of it than at the
// last call. n is the head's size once it is complete and without a fault.
func (h *headScan) next(b []byte, maxLines, maxBytes int) (n int, f fault) {
	if len(b) > 0 && byteKinds[b[0]]&isToken == 0 && b[0] != '\r' && b[0] != '\n' {
		return 0, faultMalformed // do not wait for the end of a line of something else
	}
	for {
		i := bytes.IndexByte(b[h.looked:], '\n')
		if i < 0 {
			h.looked = len(b)
			if len(b) > maxBytes {
				return 0, faultTooMuch
			}
			return 0, faultNone
		}
		end := h.looked + i
		if end >= maxBytes {
			return 0, faultTooMuch
		}
		if end == h.line || b[end-1] != '\r' {
			return 0, faultLineEnd
		}
		line := b[h.line : end-1]
		h.looked, h.line = end+1, end+1
		switch {
		case len(line) == 0 && h.lines > 0:
			return end + 1, h.end()
		case len(line) == 0 && h.skipped:
			return 0, faultMalformed
		case len(line) == 0: // RFC 9112 §2.2; whether it is taken is net/http's choice
			h.skipped = true
			continue
		case h.lines == 0:
			f = h.requestLine(line)
		case h.lines > maxLines:
			f = faultTooMuch
		default:
			f = h.field(line)
		}
		if f != faultNone {
			return 0, f
		}
		h.lines++
	}
}

// requestLine checks method, target and version (RFC 9112 §3).
func (h *headScan) requestLine(line []byte) fault {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(method) == 0 {
		return faultMalformed
	}
	for _, c := range method {
		if byteKinds[c]&isToken == 0 {
			return faultMalformed
		}
	}
	i := bytes.LastIndexByte(rest, ' ')
	if i < 0 {
		return faultMalformed // HTTP/0.9 among others
	}
	target, version := rest[:i], rest[i+1:]
	switch string(method) {
	case "PRI":
		return faultPreface
	case http.MethodConnect, http.MethodTrace:
		return faultMethod
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.old = true
	default:
		if len(version) == 8 && string(version[:5]) == "HTTP/" && version[6] == '.' {
			return faultVersion
		}
		return faultMalformed
	}
	if len(target) == 0 || target[0] != '/' {
		return faultTarget
	}
	if bytes.IndexByte(target, ' ') >= 0 || bytes.IndexByte(target, '\t') >= 0 {
		return faultMalformed
	}
	return checkText(target)
}

// field checks a header line (RFC 9112 §5).
func (h *headScan) field(line []byte) fault {
	if line[0] == ' ' || line[0] == '\t' {
		return faultFold
	}
	colon := 0
	for colon < len(line) && byteKinds[line[colon]]&isToken != 0 {
		colon++
	}
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return faultField
	}
	name, value := line[:colon], line[colon+1:]
	if f := checkText(value); f != faultNone {
		return f
	}
	switch len(name) {
	case len("Host"):
		if asciiFold(name, "host") {
			h.hosts++
		}
	case len("Content-Length"):
		if asciiFold(name, "content-length") {
			h.lengths++
			return h.contentLength(bytes.Trim(value, " \t"))
		}
	case len("Transfer-Encoding"):
		if asciiFold(name, "transfer-encoding") {
			h.codings++
			h.chunked = asciiFold(bytes.Trim(value, " \t"), "chunked")
		}
	}
	return faultNone
}

// contentLength takes digits only: no sign, no list (RFC 9112 §6.3).
func (h *headScan) contentLength(value []byte) fault {
	if len(value) == 0 || len(value) > 18 { // 18 digits fit an int64
		return faultLength
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return faultLength
		}
		h.length = h.length*10 + int64(c-'0')
	}
	return faultNone
}

// end judges what can be told only with the whole head.
func (h *headScan) end() fault {
	switch {
	case h.codings > 0 && h.lengths > 0:
		return faultBoth
	case h.lengths > 1:
		return faultLength
	case h.codings > 0 && h.old:
		return faultOldCoding
	case h.codings > 1, h.codings == 1 && !h.chunked:
		return faultCoding
	case h.hosts > 1, h.hosts == 0 && !h.old:
		return faultHost
	}
	return faultNone
}

// checkText refuses control characters.
func checkText(s []byte) fault {
	var high byte
	for _, c := range s {
		k := byteKinds[c]
		if k&isText == 0 {
			if c == '\r' {
				return faultLineEnd
			}
			return faultControl
		}
		high |= k & isHigh
	}
	if high != 0 && hasC1(s) {
		return faultControl
	}
	return faultNone
}

// hasC1 finds U+0080 to U+009F in text that is UTF-8, and the same bytes in
// text that is not, which may be Latin-1. A terminal obeys either.
func hasC1(s []byte) bool {
	if !utf8.Valid(s) {
		return slices.ContainsFunc(s, func(c byte) bool { return c >= 0x80 && c <= 0x9f })
	}
	for i, c := range s {
		if c == 0xc2 && s[i+1] <= 0x9f {
			return true
		}
	}
	return false
}

// asciiFold compares s with lower, which is in lower case.
func asciiFold(s []byte, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i, c := range s {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
