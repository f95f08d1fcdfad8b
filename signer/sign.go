package signer

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SignOptions are what a signature is made of beside the message and the keys.
type SignOptions struct {
	At     time.Time         // the signed time
	ID     string            // the message id of schemes that sign one; "" gives one that depends on At and the body
	Params map[string]string // values a scheme asks for
}

// Signed is the outcome of [Sign]: the headers to set, and the body or URL to send where the signature is a part of them.
type Signed struct {
	Headers []Field `json:"headers"`
	Body    []byte  `json:"body,omitempty"` // nil: send the body as it was
	URL     string  `json:"url,omitempty"`  // "": send to the URL as it was
}

// Apply gives the request with what was made.
func (s *Signed) Apply(req *Request) *Request {
	out := *req
	out.Header = req.Header.Clone()
	if out.Header == nil {
		out.Header = map[string][]string{}
	}
	for _, h := range s.Headers {
		out.Header.Set(h.Name, h.Value)
	}
	if s.Body != nil {
		out.Body = s.Body
	}
	if s.URL != "" {
		out.URL = s.URL
	}
	return &out
}

// Sign makes what the provider would send with this message. Several keys make a rotation: formats that hold a list get one signature a
// key, others the first key's. It is deterministic for shared secrets, Ed25519 and RSA v1.5.
func Sign(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("signing as %q: %w", s.ID, errors.New("there is no key"))
	}
	out, err := sign(s, req, keys, opts)
	if err != nil {
		return nil, fmt.Errorf("signing as %q: %w", s.ID, err)
	}
	return out, nil
}

func sign(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
	for _, p := range s.Params {
		if opts.Params[p] == "" {
			return nil, fmt.Errorf("the scheme needs the value %q", p)
		}
	}
	v, err := NewVerifier(s, nil, Options{Params: opts.Params})
	if err != nil {
		return nil, err
	}
	if v.hook.sign != nil {
		return v.hook.sign(s, req, keys, opts)
	}
	if s.Algorithm == JWS {
		return signJWT(s, req, &keys[0], opts)
	}
	b := newBuilder(s, req, opts)
	if err := b.prepare(); err != nil {
		return nil, err
	}
	var sigs [][]byte
	for i := range keys {
		sig, err := b.signature(v, &keys[i])
		if err != nil {
			return nil, err
		}
		sigs = append(sigs, sig)
		if f := s.Signature.Format; f != "pairs" && f != "list" && f != "positional" && f != "plain-list" {
			break
		}
	}
	if len(sigs) > maxSignatures {
		return nil, fmt.Errorf("%d keys: at most %d signatures fit", len(sigs), maxSignatures)
	}
	return b.place(sigs)
}

// builder puts a message together: first the values that are signed, then the signature.
type builder struct {
	scheme *Scheme
	opts   SignOptions
	req    Request // a copy that grows
	out    Signed
	stamp  string
	id     string
}

func newBuilder(s *Scheme, req *Request, opts SignOptions) *builder {
	b := &builder{scheme: s, opts: opts, req: *req}
	b.req.Header = req.Header.Clone()
	if b.req.Header == nil {
		b.req.Header = map[string][]string{}
	}
	return b
}

// prepare sets the time, the id, the required values and the digest of the body.
func (b *builder) prepare() error {
	if t := b.scheme.Timestamp; t != nil {
		b.stamp = t.format(b.opts.At)
		if err := b.set(t.From, b.stamp); err != nil {
			return err
		}
	}
	if b.scheme.MessageID != "" {
		b.id = b.opts.ID
		if b.id == "" {
			h := sha256.New()
			fmt.Fprintf(h, "%s %d ", b.scheme.ID, b.opts.At.UnixNano())
			h.Write(b.req.Body)
			b.id = "msg_" + hex.EncodeToString(h.Sum(nil)[:12])
		}
		if strings.Contains(b.id, ".") && strings.Contains(b.scheme.Content, "{id}.") {
			return fmt.Errorf("the id %q holds a dot", b.id)
		}
		if err := b.set(b.scheme.MessageID, b.id); err != nil {
			return err
		}
	}
	for _, from := range sortedKeys(b.scheme.Require) {
		r := &reader{req: &b.req}
		if !matchText(r.first(from), b.scheme.Require[from]) || r.first(from) == "" {
			if err := b.set(from, strings.TrimSuffix(b.scheme.Require[from], "*")); err != nil {
				return err
			}
		}
	}
	if h := b.scheme.BodyHash; h != nil {
		return b.set(h.From, encodeText(cmpOr(h.Encoding, "hex"), bodyDigest(h.Algorithm, b.req.Body)))
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (b *builder) signature(v *Verifier, key *Key) ([]byte, error) {
	s := b.scheme
	if s.Algorithm == Token || s.Algorithm == Basic {
		bytes, err := s.Key.decode(key.Secret)
		if err != nil {
			return nil, err
		}
		if s.Algorithm == Basic {
			return []byte(base64.StdEncoding.EncodeToString(bytes)), nil
		}
		return bytes, nil
	}
	c := &content{reader: &reader{req: &b.req, params: b.opts.Params}, timestamp: b.stamp, id: b.id, url: b.req.URL, keyID: key.ID}
	if !s.Key.Public {
		var err error
		if c.secret, err = s.Key.decode(key.Secret); err != nil {
			return nil, err
		}
	}
	var message bytes.Buffer
	if v.hook.contents != nil {
		all, err := v.hook.contents(v, c)
		if err != nil {
			return nil, err
		}
		message.Write(all[0])
	} else if err := v.contents[0].render(&message, c); err != nil {
		return nil, err
	}
	switch {
	case s.Key.Public:
		private, err := ParsePrivateKey(key.Secret)
		if err != nil {
			return nil, err
		}
		return signPublic(s.Algorithm, private, message.Bytes())
	case strings.HasPrefix(s.Algorithm, "hmac-"):
		mac := hmac.New(hashOf(s.Algorithm).New, c.secret)
		mac.Write(message.Bytes())
		return mac.Sum(nil), nil
	case s.Algorithm == SHA256 || s.Algorithm == SHA1 || s.Algorithm == Keccak256:
		h := plainHash(s.Algorithm)
		h.Write(message.Bytes())
		return h.Sum(nil), nil
	}
	return nil, fmt.Errorf("unknown algorithm %q", s.Algorithm)
}

// place writes the signature where it belongs.
func (b *builder) place(sigs [][]byte) (*Signed, error) {
	field := ""
	if t := b.scheme.Timestamp; t != nil {
		if name, ok := strings.CutPrefix(t.From, "field:"); ok {
			field = name
		}
	}
	if err := b.set(b.scheme.Signature.From, b.scheme.Signature.format(b.stamp, field, sigs)); err != nil {
		return nil, err
	}
	return &b.out, nil
}

// set puts a value at a place of the message. Items of the signature header are written with it.
func (b *builder) set(from, value string) error {
	p := parsePlace(from)
	switch p.kind {
	case "header":
		b.req.Header.Set(p.name, value)
		for i := range b.out.Headers {
			if b.out.Headers[i].Name == p.name {
				b.out.Headers[i].Value = value
				return nil
			}
		}
		b.out.Headers = append(b.out.Headers, Field{p.name, value})
	case "field":
	case "query":
		base, raw, has := strings.Cut(b.req.URL, "?")
		if has && raw != "" {
			var kept []string
			for item := range strings.SplitSeq(raw, "&") {
				if name, _, _ := strings.Cut(item, "="); name != p.name {
					kept = append(kept, item)
				}
			}
			raw = strings.Join(kept, "&")
		}
		item := url.QueryEscape(p.name) + "=" + url.QueryEscape(value)
		b.req.URL = base + "?" + strings.TrimPrefix(raw+"&"+item, "&")
		b.out.URL = b.req.URL
	case "form":
		return b.setForm(p, value)
	case "json":
		// Senders that write milliseconds write them as JavaScript does: a number. Others write texts.
		t := b.scheme.Timestamp
		body, err := setJSON(b.req.Body, p.path, value, t != nil && t.From == from && t.Unit == "ms")
		if err != nil {
			return err
		}
		b.req.Body, b.out.Body = body, body
	default:
		return fmt.Errorf("cannot write to %q", from)
	}
	return nil
}

func (b *builder) setForm(p place, value string) error {
	if strings.HasPrefix(b.req.Header.Get("Content-Type"), "multipart/") {
		return errors.New("cannot write into a multipart form")
	}
	form := parseForm(string(b.req.Body))
	if p.path != "" {
		inner, err := setJSON([]byte(form.Get(p.name)), p.path, value, false)
		if err != nil {
			return err
		}
		value = string(inner)
	}
	form.Set(p.name, value)
	b.req.Body = []byte(form.Encode())
	b.out.Body = b.req.Body
	return nil
}

// setJSON sets a text, or a number, at a dotted path, making objects on the way. The document is written anew, keys sorted, numbers as they
// were; a number that was there stays one.
func setJSON(doc []byte, path, value string, number bool) ([]byte, error) {
	root, err := decodeJSON(doc)
	if err != nil {
		if len(bytes.TrimSpace(doc)) > 0 {
			return nil, errors.New("the signature belongs into a JSON body, and the body is not JSON")
		}
		root = map[string]any{}
	}
	if number {
		root = setNode(root, pathSteps(path), json.Number(value))
	} else {
		root = setNode(root, pathSteps(path), value)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(root); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func setNode(node any, steps []string, value any) any {
	if len(steps) == 0 {
		if text, ok := value.(string); ok && isDigits(text) {
			if _, ok := node.(json.Number); ok {
				return json.Number(text)
			}
		}
		return value
	}
	switch n := node.(type) {
	case []any:
		for i := range n {
			if steps[0] == "*" || steps[0] == fmt.Sprint(i) {
				n[i] = setNode(n[i], steps[1:], value)
			}
		}
		return n
	case map[string]any:
		if steps[0] == "*" {
			return n
		}
		n[steps[0]] = setNode(n[steps[0]], steps[1:], value)
		return n
	}
	if steps[0] == "*" || isDigits(steps[0]) {
		return []any{setNode(nil, steps[1:], value)}
	}
	return map[string]any{steps[0]: setNode(nil, steps[1:], value)}
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
