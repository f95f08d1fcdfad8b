package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookrelay/hook/tunnel"
)

// Bounds of handshakes.
const (
	maxHandshakes     = 16
	maxHandshakeName  = 128      // characters of a header, a parameter, a JSON name
	maxHandshakeValue = 256      // characters of a pointer, of Equals
	maxHandshakeEcho  = 1 << 10  // bytes: longer than any provider's challenge, too short for a page
	maxHandshakeBody  = 64 << 10 // bytes of a body that is looked into
)

// checkHandshakes tells what is wrong with handshakes that an owner sends.
func checkHandshakes(list []Handshake) error {
	if len(list) > maxHandshakes {
		return fmt.Errorf("%d handshakes: at most %d are taken", len(list), maxHandshakes)
	}
	for i, h := range list {
		if err := h.check(); err != nil {
			return fmt.Errorf("handshake %d: %w", i+1, err)
		}
	}
	return nil
}

func (h Handshake) check() error {
	asks := false // of requests that carry nothing
	switch h.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		asks = true
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return fmt.Errorf("method %q is none that a handshake can have", h.Method)
	}
	if !asks && h.Header == "" && h.Query == "" && h.Where == "" {
		return fmt.Errorf("one for every %s would answer all deliveries: name a header, a parameter or a JSON pointer", h.Method)
	}
	if h.Header != "" && (!tunnel.ValidFieldName(h.Header) || len(h.Header) > maxHandshakeName) {
		return fmt.Errorf("header %q is no header name", h.Header)
	}
	if len(h.Query) > maxHandshakeName || !plainText(h.Query) {
		return fmt.Errorf("query %q is no parameter name", h.Query)
	}
	if h.Where != "" && !validPointer(h.Where) {
		return fmt.Errorf("where %q is no JSON pointer", h.Where)
	}
	if h.Equals != "" && h.Where == "" {
		return errors.New("equals needs where")
	}
	if len(h.Equals) > maxHandshakeValue || !plainText(h.Equals) {
		return errors.New("equals is too long or holds control characters")
	}
	kind, name, _ := strings.Cut(h.Echo, ":")
	switch {
	case h.Echo == "":
	case kind == "header" && tunnel.ValidFieldName(name) && len(name) <= maxHandshakeName:
	case kind == "query" && name != "" && plainText(name) && len(name) <= maxHandshakeName:
	case kind == "json" && name != "" && validPointer(name):
	default:
		return fmt.Errorf("echo %q is not header:NAME, query:NAME or json:/POINTER", h.Echo)
	}
	return h.Reply.check(h.Echo != "")
}

func (r Reply) check(echoes bool) error {
	switch {
	case r.Status != 0 && r.Status != 200 && r.Status != 201 && r.Status != 202 && r.Status != 204:
		return fmt.Errorf("reply status %d is not 200, 201, 202 or 204", r.Status)
	case !echoes && (r.Header != "" || r.JSON != ""):
		return errors.New("reply has a header or a JSON name but there is no echo")
	case r.Header != "" && r.JSON != "":
		return errors.New("reply goes into a header or into JSON, not both")
	case r.Header != "" && !providerHeader(r.Header):
		return fmt.Errorf("reply header %q is none that a provider reads in an answer", r.Header)
	case r.Status == 204 && echoes && r.Header == "":
		return errors.New("reply status 204 has no body for the echo")
	case len(r.JSON) > maxHandshakeName || !plainText(r.JSON):
		return errors.New("reply JSON name is too long or holds control characters")
	}
	return nil
}

// answerHandshake answers d by the first handshake that fits it. ok is false
// where none does: d is an ordinary delivery then. The result still goes
// through the answer filter.
func answerHandshake(list []Handshake, d *tunnel.Delivery) (res *tunnel.Result, ok bool) {
	var body jsonBody
	for _, h := range list {
		if res, ok := h.answer(d, &body); ok {
			return res, true
		}
	}
	return nil, false
}

// answer is the answer to d if h fits: every condition holds, and the value to
// send back is there, one and of a harmless form.
func (h Handshake) answer(d *tunnel.Delivery, body *jsonBody) (*tunnel.Result, bool) {
	if h.Method != d.Method {
		return nil, false
	}
	if h.Header != "" && len(d.Header.Values(h.Header)) == 0 {
		return nil, false
	}
	if h.Query != "" {
		if _, n := queryValue(d.Target, h.Query); n == 0 {
			return nil, false
		}
	}
	if h.Where != "" {
		v, ok := body.at(d.Body, h.Where)
		if !ok || h.Equals != "" && scalarText(v) != h.Equals {
			return nil, false
		}
	}
	res := &tunnel.Result{Status: h.Reply.Status, By: tunnel.ByHandshake}
	if res.Status == 0 {
		res.Status = http.StatusOK
	}
	if h.Echo == "" {
		return res, true
	}
	value, ok := h.value(d, body)
	text := scalarText(value)
	if !ok || text == "" || len(text) > maxHandshakeEcho || !plainText(text) {
		return nil, false
	}
	switch {
	case h.Reply.Header != "":
		if strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) {
			return nil, false
		}
		res.Header = tunnel.Header{{Name: h.Reply.Header, Value: text}}
	case h.Reply.JSON != "":
		data, err := json.Marshal(map[string]any{h.Reply.JSON: value})
		if err != nil {
			return nil, false
		}
		res.Header = tunnel.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Content-Type-Options", Value: "nosniff"}}
		res.Body = data
	default:
		res.Header = tunnel.Header{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "X-Content-Type-Options", Value: "nosniff"}}
		res.Body = []byte(text)
	}
	res.Size = int64(len(res.Body))
	return res, true
}

// value finds what Echo names: a string or, in JSON, another scalar. A header
// or parameter that stands there twice is none.
func (h Handshake) value(d *tunnel.Delivery, body *jsonBody) (any, bool) {
	kind, name, _ := strings.Cut(h.Echo, ":")
	switch kind {
	case "header":
		if values := d.Header.Values(name); len(values) == 1 {
			return trimOWS(values[0]), true
		}
	case "query":
		if v, n := queryValue(d.Target, name); n == 1 {
			return v, true
		}
	case "json":
		return body.at(d.Body, name)
	}
	return nil, false
}

// queryValue finds a parameter of target's query: its first value, decoded,
// and how often it is there.
func queryValue(target, name string) (value string, n int) {
	_, query, _ := strings.Cut(target, "?")
	for part := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(part, "=")
		if k != name {
			if k, err := url.QueryUnescape(k); err != nil || k != name {
				continue
			}
		}
		if n++; n == 1 {
			var err error
			if value, err = url.QueryUnescape(v); err != nil {
				return "", 2 // there, and of no use
			}
		}
	}
	return value, n
}

// jsonBody parses a body when it is first asked for.
type jsonBody struct {
	parsed bool
	value  any
}

// at is the scalar at a JSON pointer (RFC 6901).
func (j *jsonBody) at(body []byte, pointer string) (any, bool) {
	if !j.parsed {
		j.parsed = true
		if len(body) <= maxHandshakeBody && utf8.Valid(body) {
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber()
			if err := d.Decode(&j.value); err != nil {
				j.value = nil
			} else if _, err := d.Token(); err != io.EOF {
				j.value = nil
			}
		}
	}
	v := j.value
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch node := v.(type) {
		case map[string]any:
			child, ok := node[part]
			if !ok {
				return nil, false
			}
			v = child
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(node) || strconv.Itoa(i) != part {
				return nil, false
			}
			v = node[i]
		default:
			return nil, false
		}
	}
	switch v.(type) {
	case string, json.Number, bool:
		return v, true
	}
	return nil, false
}

// scalarText is a scalar as Equals and a text answer have it.
func scalarText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// validPointer tells whether s is a JSON pointer that is not the whole.
func validPointer(s string) bool {
	if !strings.HasPrefix(s, "/") || len(s) > maxHandshakeValue || !plainText(s) {
		return false
	}
	parts := strings.Split(s, "~")[1:]
	return !slices.ContainsFunc(parts, func(p string) bool { return p == "" || p[0] != '0' && p[0] != '1' })
}

// plainText tells whether s is UTF-8 without control characters.
func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f })
}
