package signer

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

func (e *explainer) form() (Diagnosis, bool) {
	body := string(e.req.Body)
	values := parseForm(body)
	for name, vs := range values {
		if len(vs) != 1 || vs[0] == "" || len(values) > maxItems {
			continue
		}
		if v, ok := e.body([]byte(vs[0])); ok {
			return e.found(CauseForm, v, "the sender signed what is inside the form field %q, before form encoding: choose JSON as the content type there", name)
		}
	}
	if json.Valid(e.req.Body) {
		for _, name := range []string{"payload", "data", "json"} {
			if v, ok := e.body([]byte(url.Values{name: {body}}.Encode())); ok {
				return e.found(CauseForm, v, "the sender signed a form with the JSON in field %q: something on the way took it out; hash the raw bytes", name)
			}
		}
	}
	for _, variant := range []string{strings.ReplaceAll(body, "%20", "+"), strings.ReplaceAll(body, "+", "%20"), values.Encode()} {
		if variant == body {
			continue
		}
		if v, ok := e.body([]byte(variant)); ok {
			return e.found(CauseForm, v, "it matches the same form encoded otherwise: something on the way parsed the form and wrote it again; hash the raw bytes")
		}
	}
	if unescaped, err := url.QueryUnescape(body); err == nil && unescaped != body {
		if v, ok := e.body([]byte(unescaped)); ok {
			return e.found(CauseForm, v, "the sender signed the decoded form text: the body was escaped on the way")
		}
	}
	return Diagnosis{}, false
}

func (e *explainer) compressed() (Diagnosis, bool) {
	if len(e.req.Body) < 2 || e.req.Body[0] != 0x1f || e.req.Body[1] != 0x8b {
		return Diagnosis{}, false
	}
	req := *e.req
	req.Header = http.Header{"Content-Encoding": {"gzip"}}
	plain, err := gunzipped(&req)
	if err != nil {
		return Diagnosis{}, false
	}
	if v, ok := e.body([]byte(plain)); ok {
		return e.found(CauseCompressed, v, "the sender signed the body before compressing it: decompress before hashing, forward as received")
	}
	return Diagnosis{}, false
}

func (e *explainer) charset() (Diagnosis, bool) {
	b := e.req.Body
	bom := []byte("\xef\xbb\xbf")
	if v, ok := e.body(bytes.TrimPrefix(b, bom)); ok && bytes.HasPrefix(b, bom) {
		return e.found(CauseEncoding, v, "the body has a byte order mark that the sender did not sign: an editor added it")
	}
	if !utf8.Valid(b) {
		return Diagnosis{}, false
	}
	var latin, twice []byte
	for _, r := range string(b) {
		if r > 0xff {
			latin = nil
			break
		}
		latin = append(latin, byte(r))
	}
	for _, c := range b {
		twice = utf8.AppendRune(twice, rune(c))
	}
	for _, variant := range [][]byte{latin, twice} {
		if variant == nil || bytes.Equal(variant, b) {
			continue
		}
		if v, ok := e.body(variant); ok {
			return e.found(CauseEncoding, v, "it matches the body in another charset (Latin-1 against UTF-8): something on the way decoded the bytes to text; hash the raw bytes")
		}
	}
	return Diagnosis{}, false
}

func (e *explainer) newline() (Diagnosis, bool) {
	b := e.req.Body
	for _, variant := range []struct {
		body []byte
		what string
	}{
		{append(slices.Clone(b), '\n'), "the sender signed a line end after the body that is missing here"},
		{append(slices.Clone(b), '\r', '\n'), "the sender signed a CRLF after the body that is missing here"},
		{bytes.TrimSuffix(b, []byte("\n")), "the body has a line end that the sender did not sign"},
		{bytes.TrimSuffix(b, []byte("\r\n")), "the body has a CRLF that the sender did not sign"},
		{bytes.TrimSpace(b), "the body has space around it that the sender did not sign"},
		{bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), "line ends were changed from LF to CRLF"},
		{bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")), "line ends were changed from CRLF to LF"},
	} {
		if bytes.Equal(variant.body, b) {
			continue
		}
		if v, ok := e.body(variant.body); ok {
			return e.found(CauseNewline, v, "%s: hash the raw bytes, as received (an editor or a shell's $(...) adds and drops line ends)", variant.what)
		}
	}
	return Diagnosis{}, false
}
