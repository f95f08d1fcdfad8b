package tui

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	maxFields = 1000 // of a form that are laid out
	maxParts  = 100  // of a multipart body
)

// prettyForm lays out a form: a field a line, decoded; a value that is JSON
// below its name.
func prettyForm(b []byte) []line {
	var out []line
	fields := strings.Split(string(b), "&")
	for i, field := range fields {
		if i == maxFields {
			return append(out, line{{dim, "… and " + count(len(fields)-i, "more field")}})
		}
		label, value, given := strings.Cut(field, "=")
		l := line{foreign(name, decoded(label))}
		if !given {
			out = append(out, l)
			continue
		}
		l = append(l, span{punct, " = "})
		text := decoded(value)
		if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			if list, _, problem := prettyJSON([]byte(text)); problem == "" {
				out = append(out, l)
				for _, one := range list {
					out = append(out, append(line{{plain, "  "}}, one...))
				}
				continue
			}
		}
		out = append(out, append(l, foreign(str, text)))
	}
	return out
}

// decoded is a form's text without its percent signs, or as it came.
func decoded(s string) string {
	if t, err := url.QueryUnescape(s); err == nil {
		return t
	}
	return s
}

// prettyParts lays out a multipart body: each part's headers and the
// beginning of its content.
func prettyParts(b []byte, boundary string) []line {
	const shown = 2 << 10
	var out []line
	if boundary == "" {
		return append([]line{text(warn, "the content type names no boundary")}, rawLines(b)...)
	}
	r := multipart.NewReader(bytes.NewReader(b), boundary)
	for n := 1; ; n++ {
		if n > maxParts {
			return append(out, line{{dim, "… and more parts"}})
		}
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			return append(out, text(dim, "it ends early"))
		}
		head := line{{title, "part " + strconv.Itoa(n) + " "}, foreign(strong, p.FormName())}
		if f := p.FileName(); f != "" {
			head = append(head, span{dim, " file "}, foreign(plain, f))
		}
		out = append(out, head)
		for _, h := range sortedHeader(p.Header) {
			out = append(out, line{{plain, "  "}, foreign(name, h[0]), span{punct, ": "}, foreign(plain, h[1])})
		}
		content, err := io.ReadAll(p)
		early := err != nil
		begin := content[:min(len(content), shown)]
		if textual(begin) {
			for _, l := range rawLines(begin) {
				out = append(out, append(line{{plain, "  "}}, l...))
			}
		}
		if len(begin) < len(content) || !textual(begin) {
			out = append(out, line{{dim, "  " + bytesize(int64(len(content)))}})
		}
		if early {
			return append(out, text(dim, "  it ends early"))
		}
	}
}

// sortedHeader is a part's header in a fixed order.
func sortedHeader(h textproto.MIMEHeader) [][2]string {
	var out [][2]string
	for n, values := range h {
		for _, v := range values {
			out = append(out, [2]string{n, v})
		}
	}
	slices.SortFunc(out, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return out
}
