package relay

import (
	"bytes"
	"encoding/xml"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookrelay/hook/tunnel"
)

const (
	defaultMaxAnswer = 1 << 20  // bytes of an answer's body
	maxAnswerLines   = 100      // header lines of an answer, as of a request
	maxAnswerValue   = 8 << 10  // bytes of a header's value: what proxies take in one line
	maxXMLLook       = 64 << 10 // bytes of XML that are read to see that it is passive; more is not
)

// answerHeaders are the headers of an application's answer that reach a
// sender. Everything else that a browser may act on, such as cookies,
// redirects, CORS, policies, would act for the relay's whole domain.
var answerHeaders = map[string]bool{
	"allow":            true, // CloudEvents: OPTIONS
	"cache-control":    true,
	"content-encoding": true, // the body is passed as it is
	"content-language": true,
	"content-type":     true, // after passiveType
	"etag":             true,
	"expires":          true,
	"last-modified":    true,
	"retry-after":      true,
	"vary":             true,
}

// providerHeader tells whether a provider reads this header in an answer.
func providerHeader(name string) bool {
	switch name = strings.ToLower(name); name {
	case "x-hook-secret", // Asana
		"validation-token",       // RingCentral
		"webhook-allowed-origin", // CloudEvents webhooks §4.2
		"webhook-allowed-rate":
		return true
	}
	return strings.HasPrefix(name, "x-slack-")
}

// passiveTypes are what browsers show or store but do not run. Types ending in
// +json belong to them.
var passiveTypes = map[string]bool{
	"application/json": true, "application/x-ndjson": true, "application/jwt": true,
	"application/octet-stream": true, "application/x-www-form-urlencoded": true,
	"application/x-protobuf": true, "application/protobuf": true, "application/msgpack": true, "application/cbor": true,
	"text/plain": true, "text/csv": true,
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true,
}

// activeNamespaces make a browser run what is in an XML document.
var activeNamespaces = map[string]bool{
	"http://www.w3.org/1999/xhtml": true, "http://www.w3.org/2000/svg": true,
	"http://www.w3.org/1999/XSL/Transform": true, "http://www.w3.org/1998/Math/MathML": true,
	"http://www.w3.org/1999/xlink": true, "http://www.w3.org/2002/xforms": true,
}

// usualTypes are passive types as most answers write them, which is as they are
// passed on: there is nothing to parse.
var usualTypes = map[string]bool{
	"application/json": true, "application/json; charset=utf-8": true, "text/plain": true, "text/plain; charset=utf-8": true,
}

// interstitial is what a person sees who opens an endpoint in a browser.
const interstitial = `This address receives webhooks. Someone's computer answers them through
a relay, and what it answers is not shown in browsers.

To see the answer, ask with a tool that is no browser, such as curl.
`

// answerFilter makes an application's result into an answer that is safe to
// send from the relay's own domain.
type answerFilter struct {
	// PassAll lets everything through but what HTTP itself forbids: for the
	// embedded relay, which serves the same person on the same machine.
	PassAll bool
	// MaxBody is the longest body, in bytes; a longer one is left out and the
	// status stands. 0: defaultMaxAnswer.
	MaxBody int64
}

// answer is what the sender gets.
type answer struct {
	Status int
	Header tunnel.Header // without Content-Length
	Body   []byte

	Dropped   []string // names of headers left out, each once, for the owner to see
	Retyped   string   // the Content-Type that was made text/plain; "": none
	NoBody    bool     // the body was over the limit and left out
	Navigated bool     // a browser got the interstitial
}

// Apply filters res as the answer to a request. A result that is no HTTP answer
// becomes a 502.
func (f answerFilter) Apply(method string, asked tunnel.Header, res *tunnel.Result) answer {
	a := answer{Status: res.Status, Body: res.Body}
	if res.Status < 200 || res.Status > 599 {
		return answer{
			Status: http.StatusBadGateway,
			Header: tunnel.Header{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "X-Content-Type-Options", Value: "nosniff"}},
			Body:   []byte("the application answered with a status that is none\n"),
		}
	}
	limit := f.MaxBody
	if limit == 0 {
		limit = defaultMaxAnswer
	}
	if a.NoBody = int64(len(res.Body)) > limit; a.NoBody {
		a.Body = nil
	}
	kept, removed := res.Header.EndToEnd()
	for _, name := range removed {
		a.drop(name)
	}
	a.Header = make(tunnel.Header, 0, min(len(kept), maxAnswerLines)+6) // with those of makeSafe
	for _, h := range kept {
		if f.keeps(h, method, res.Status) && len(a.Header) < maxAnswerLines {
			a.Header = append(a.Header, h)
		} else if !strings.EqualFold(h.Name, "Content-Length") && !strings.EqualFold(h.Name, "Date") {
			a.drop(h.Name)
		}
	}
	if !bodyAllowed(method, a.Status) {
		a.Body = nil
	}
	if !f.PassAll {
		a.makeSafe(method, asked)
	}
	return a
}

// keeps tells whether a header line goes on.
func (f answerFilter) keeps(h tunnel.Field, method string, status int) bool {
	if !tunnel.ValidFieldName(h.Name) || checkText([]byte(h.Value)) != faultNone || len(h.Value) > maxAnswerValue && !f.PassAll {
		return false
	}
	name := strings.ToLower(h.Name)
	if name == "content-length" {
		// With a body net/http counts; without one it says how long it would be.
		_, err := strconv.ParseUint(h.Value, 10, 63)
		return f.PassAll && err == nil && (method == http.MethodHead || status == http.StatusNotModified)
	}
	return f.PassAll || answerHeaders[name] || providerHeader(name)
}

// drop lists a header as left out. A name that is none is not repeated.
func (a *answer) drop(name string) {
	if !tunnel.ValidFieldName(name) || len(name) > 100 {
		name = "(not a header name)"
	}
	if len(a.Dropped) < maxAnswerLines && !slices.ContainsFunc(a.Dropped, func(s string) bool { return strings.EqualFold(s, name) }) {
		a.Dropped = append(a.Dropped, name)
	}
}

// makeSafe takes from the answer what a browser could run.
func (a *answer) makeSafe(method string, asked tunnel.Header) {
	if navigates(asked) {
		a.Navigated = true
		for _, h := range a.Header {
			a.drop(h.Name)
		}
		a.Header, a.Body = nil, nil
		if a.Status < 400 {
			a.Status = http.StatusOK
		}
		if method != http.MethodHead {
			a.Body = []byte(interstitial)
		}
		a.Header = tunnel.Header{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "Cache-Control", Value: "no-store"}}
	} else {
		a.retype()
	}
	a.Header = append(a.Header,
		tunnel.Field{Name: "X-Content-Type-Options", Value: "nosniff"},
		tunnel.Field{Name: "Content-Security-Policy", Value: "sandbox; default-src 'none'; frame-ancestors 'none'"},
		tunnel.Field{Name: "Referrer-Policy", Value: "no-referrer"},
		tunnel.Field{Name: "X-Robots-Tag", Value: "noindex"},
	)
}

// navigates tells whether a browser is about to show the answer as a page or
// in a frame (Fetch Metadata §2.2, §2.3). Senders of webhooks send no such
// headers, and scripts cannot.
func navigates(h tunnel.Header) bool {
	for _, mode := range h.Values("Sec-Fetch-Mode") {
		if mode = strings.ToLower(trimOWS(mode)); mode == "navigate" || mode == "nested-navigate" {
			return true
		}
	}
	for _, dest := range h.Values("Sec-Fetch-Dest") {
		switch strings.ToLower(trimOWS(dest)) {
		case "document", "iframe", "frame", "embed", "object", "fencedframe":
			return true
		}
	}
	return false
}

// retype leaves one Content-Type, and a passive one. A body without a type
// gets one, since browsers would look for one in it.
func (a *answer) retype() {
	values := a.Header.Values("Content-Type")
	encoded := a.Header.Get("Content-Encoding") != ""
	if len(values) == 0 && len(a.Body) == 0 {
		return
	}
	typ, ok := "", false
	if len(values) == 1 {
		typ, ok = passiveType(values[0], a.Body, encoded)
	}
	if !ok {
		typ = "text/plain; charset=utf-8"
		a.Retyped = strings.Join(values, ", ")
	}
	header := a.Header.Without("Content-Type")
	a.Header = append(tunnel.Header{{Name: "Content-Type", Value: typ}}, header...)
}

// passiveType writes a type anew if it is passive. XML is when no browser
// would find anything to run in it.
func passiveType(value string, body []byte, encoded bool) (string, bool) {
	if usualTypes[value] {
		return value, true
	}
	typ, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "", false
	}
	switch {
	case passiveTypes[typ], strings.HasPrefix(typ, "application/") && strings.HasSuffix(typ, "+json"):
	case typ == "text/xml", typ == "application/xml", typ == "application/soap+xml":
		charset := strings.ToLower(params["charset"])
		if encoded || charset != "" && charset != "utf-8" && charset != "us-ascii" || !passiveXML(body) {
			return "", false
		}
	default:
		return "", false
	}
	value = mime.FormatMediaType(typ, params)
	return value, value != ""
}

// passiveXML tells whether an XML document is data: well-formed UTF-8 without
// stylesheets, document types and namespaces that browsers act on. A TwiML or
// SOAP answer is.
func passiveXML(body []byte) bool {
	if len(body) > maxXMLLook || !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return false
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.RawToken()
		if err != nil {
			return err == io.EOF
		}
		switch t := token.(type) {
		case xml.Directive:
			return false
		case xml.ProcInst:
			if t.Target != "xml" {
				return false
			}
		case xml.StartElement:
			for _, attr := range t.Attr {
				if activeNamespaces[strings.TrimSpace(attr.Value)] {
					return false
				}
			}
		}
	}
}

// bodyAllowed tells whether an answer has a body (RFC 9110 §6.4.1).
func bodyAllowed(method string, status int) bool {
	return method != http.MethodHead && status >= 200 && status != http.StatusNoContent &&
		status != http.StatusResetContent && status != http.StatusNotModified
}

// write sends the answer.
func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	values := make([]string, len(a.Header)) // of all: most names have one
	for i, f := range a.Header {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		if values[i] = f.Value; h[name] == nil {
			h[name] = values[i : i+1 : i+1]
		} else {
			h[name] = append(h[name], f.Value)
		}
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // net/http must not guess one
	}
	if len(a.Body) > 0 {
		h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	}
	w.WriteHeader(a.Status)
	if len(a.Body) > 0 {
		w.Write(a.Body) // the sender may be gone
	}
}
