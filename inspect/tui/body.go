package tui

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/tunnel"
)

const (
	previewBytes = 64 << 10 // of a body that are laid out when it is opened
	fullBytes    = 1 << 20  // … when all of it is asked for; more is for a pager
	inflateBytes = 4 << 20  // what a compressed body may become
	inflateRatio = 100      // … for each of its bytes
	imageBytes   = 64 << 10 // in which an image's size must stand
)

// bodyMode is how a body is shown.
type bodyMode byte

const (
	pretty bodyMode = iota
	raw
	hexDump
	tree
	bodyModes
)

func (m bodyMode) String() string { return [...]string{"pretty", "raw", "hex", "tree"}[m] }

// bodyKey is what a rendered body depends on.
type bodyKey struct {
	flow    *inspect.Flow
	attempt int // of which the answer is shown; -1: the request
	mode    bodyMode
	full    bool
	depth   int
	hide    bool
}

// rendered is a body as lines, which are not wrapped yet.
type rendered struct {
	about line // what it is and how much of it is shown
	lines []line
}

// render lays a body out. It reads files and takes its time: it runs outside
// of the event loop.
func (k bodyKey) render() rendered {
	f := k.flow
	header, size := f.Delivery.Header, f.BodySize
	if k.attempt >= 0 {
		a := f.Last()
		if a == nil || a.Result == nil {
			return rendered{about: text(dim, "no answer")}
		}
		header, size = a.Result.Header, a.Result.Size
	}
	if size == 0 {
		return rendered{about: text(dim, "no body")}
	}
	limit := previewBytes
	if k.full {
		limit = fullBytes
	}
	b := f.Content(k.attempt >= 0, max(limit, imageBytes))
	if len(b) == 0 {
		if k.attempt >= 0 {
			return rendered{about: text(warn, bytesize(size)+", left out: over the limit, or not in the history any more")}
		}
		return rendered{about: text(warn, bytesize(size)+", not in the history any more")}
	}
	return layOut(b, header, size, limit, k.mode, k.depth)
}

// layOut shows the first limit bytes of a body of which b is the beginning.
func layOut(b []byte, header tunnel.Header, size int64, limit int, mode bodyMode, depth int) rendered {
	kind, params := mediaType(header.Get("Content-Type"))
	about := line{{dim, bytesize(size)}}
	add := func(r role, s string) { about = append(about, span{dim, " · "}, foreign(r, s)) }
	if kind != "" {
		add(dim, kind)
	}
	part := int64(len(b)) < size
	encoding := strings.ToLower(strings.TrimSpace(header.Get("Content-Encoding")))
	if encoding != "" && encoding != "identity" && mode != hexDump {
		out, more, err := inflate(b, encoding, limit)
		switch {
		case err != nil:
			add(warn, encoding+": "+err.Error())
			mode = hexDump
		default:
			add(dim, "unpacked from "+encoding)
			b, part = out, more
		}
	}
	if picture := imageNote(kind, b); picture != "" && mode != hexDump {
		add(note, picture)
		return rendered{about: append(about, span{dim, " · a shows its bytes, w saves it"})}
	}
	if len(b) > limit {
		b, part = b[:limit], true
	}
	if mode != hexDump && !textual(b) {
		add(note, "binary")
		mode = hexDump
	}
	shape := shapeOf(kind, b)
	var lines []line
	problem, at := "", 0
	switch {
	case mode == hexDump:
		lines = hexLines(b)
	case mode == raw:
		lines = rawLines(b)
	case mode == tree && shape == "json":
		if lines, problem = treeJSON(b, depth); len(lines) == 0 {
			lines = rawLines(b)
		}
	case mode == tree:
		add(note, "no tree: not JSON")
		lines = rawLines(b)
	case shape == "json":
		lines, at, problem = prettyJSON(b)
		if problem != "" && at < len(b) {
			lines = append(lines, rawLines(b[at:])...)
		}
	case shape == "xml":
		lines = prettyXML(b)
	case shape == "form":
		lines = prettyForm(b)
	case shape == "multipart":
		lines = prettyParts(b, params["boundary"])
	default:
		lines = rawLines(b)
	}
	if mode != pretty {
		add(note, mode.String())
	}
	if problem != "" && !part {
		add(warn, "not quite JSON: at byte "+strconv.Itoa(at)+" "+problem)
	}
	if part {
		about = append(about, span{dim, " · "}, span{warn, "the first " + bytesize(int64(len(b)))})
		if limit < fullBytes {
			about = append(about, span{dim, " (f: more, o: pager)"})
		} else {
			about = append(about, span{dim, " (o: pager, w: save)"})
		}
	}
	return rendered{about, lines}
}

func mediaType(s string) (string, map[string]string) {
	kind, params, err := mime.ParseMediaType(s)
	if err != nil {
		kind, _, _ = strings.Cut(s, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	return kind, params
}

// shapeOf is how to lay a body out: json, xml, form, multipart or text.
func shapeOf(kind string, b []byte) string {
	start := byte(0)
	if t := bytes.TrimLeft(b[:min(len(b), 512)], " \t\r\n"); len(t) > 0 {
		start = t[0]
	}
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json") || kind == "application/x-ndjson" || kind == "text/json":
		return "json"
	case strings.HasPrefix(kind, "multipart/"):
		return "multipart"
	case kind == "application/x-www-form-urlencoded" && start != '{' && start != '[':
		return "form"
	case kind == "text/xml" || kind == "application/xml" || strings.HasSuffix(kind, "+xml") || kind == "text/html":
		return "xml"
	case start == '{' || start == '[':
		return "json"
	case start == '<' && kind != "text/plain":
		return "xml"
	}
	return "text"
}

// textual tells whether b, which may be cut in the middle of a character, is
// text: UTF-8 with few control characters.
func textual(b []byte) bool {
	odd := 0
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' && c != '\r' {
				odd++
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			if len(b)-i < utf8.UTFMax && !utf8.FullRune(b[i:]) {
				break
			}
			odd++
		}
		i += n
	}
	return odd*8 <= len(b)
}

// rawLines are the lines of b as they came; tabs are four spaces.
func rawLines(b []byte) []line {
	var out []line
	for s := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n"), "\n") {
		if len(out) == maxLines {
			break
		}
		s = strings.ReplaceAll(strings.TrimSuffix(s, "\r"), "\t", "    ")
		out = append(out, text(plain, s))
	}
	return out
}

// inflate unpacks the beginning of a body for the eye, up to limit bytes and
// within the bounds of what a body may become; more tells that there is more.
func inflate(b []byte, encoding string, limit int) (out []byte, more bool, err error) {
	var r io.Reader
	switch encoding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(b))
	case "deflate":
		if r, err = zlib.NewReader(bytes.NewReader(b)); err != nil { // some send it without zlib's header
			r, err = flate.NewReader(bytes.NewReader(b)), nil
		}
	default:
		return nil, false, errors.New("not unpacked here")
	}
	if err != nil {
		return nil, false, err
	}
	bound := min(limit, inflateBytes, inflateRatio*len(b))
	out, err = io.ReadAll(io.LimitReader(r, int64(bound)+1))
	if len(out) > bound {
		return out[:bound], true, nil
	}
	if err != nil && len(out) == 0 {
		return nil, false, err
	}
	return out, err != nil, nil
}

// imageNote is a sentence on an image, "" if b is none. No pixel is decoded.
func imageNote(kind string, b []byte) string {
	if !strings.HasPrefix(kind, "image/") || kind == "image/svg+xml" {
		return ""
	}
	var c image.Config
	var err error
	r := bytes.NewReader(b[:min(len(b), imageBytes)])
	switch kind {
	case "image/png":
		c, err = png.DecodeConfig(r)
	case "image/jpeg":
		c, err = jpeg.DecodeConfig(r)
	case "image/gif":
		c, err = gif.DecodeConfig(r)
	default:
		return "an image"
	}
	if err != nil {
		return "an image that cannot be read"
	}
	return strconv.Itoa(c.Width) + " × " + strconv.Itoa(c.Height) + " pixels"
}
