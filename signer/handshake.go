package signer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxEcho bounds a value that is echoed.
const maxEcho = 1024

// A Handshake is a request that a provider sends to see that the endpoint is its receiver's. The provider sends it; the answer is Reply.
//
// With Keyed empty the reply needs no secret and may be given by a relay that knows none: it is plain data. A keyed one is answered by
// [Answer] with the secret, and only if the provider signed the request, or if the token fits Alphabet and Longest, in which nothing
// signable can be spelled.
type Handshake struct {
	Name     string `json:"name"`
	Match    Match  `json:"match"`
	Reply    Reply  `json:"reply"`
	Keyed    string `json:"keyed,omitempty"`    // "hmac-hex", "hmac-base64", "braintree", "equal", "verify"
	Token    string `json:"token,omitempty"`    // place of the value that is signed or echoed
	Alphabet string `json:"alphabet,omitempty"` // characters a token may have, ranges as a-z
	Longest  int    `json:"longest,omitempty"`  // length a token may have
	Signed   bool   `json:"signed,omitempty"`   // the provider signs the request itself: it must verify first
	Scheme   string `json:"scheme,omitempty"`   // of that signature
	Secret   string `json:"secret,omitempty"`   // the request carries a secret at this place: hide it, offer to keep it
	Show     string `json:"show,omitempty"`     // an address at this place is shown to the user and never fetched unasked
	Docs     string `json:"docs,omitempty"`
}

// Reply is an answer as data. Body and header values may hold {query:NAME}, {header:NAME}, {json:/POINTER} and, in keyed rows, {answer}
// and {key_id}; values are escaped for JSON when ContentType is JSON.
type Reply struct {
	Status      int               `json:"status"`
	ContentType string            `json:"content_type,omitempty"`
	Header      map[string]string `json:"header,omitempty"`
	Body        string            `json:"body,omitempty"`
}

// Echoes are the handshakes of a provider that need no secret: the policy that a relay may be given.
func (p *Provider) Echoes() []Handshake {
	var out []Handshake
	for _, h := range p.Handshakes {
		if h.Keyed == "" {
			out = append(out, h)
		}
	}
	return out
}

// FindHandshake returns the first handshake of the provider that a request is.
func FindHandshake(p *Provider, req *Request) (*Handshake, bool) {
	r := &reader{req: req}
	for i := range p.Handshakes {
		if p.Handshakes[i].Match.matches(r) {
			return &p.Handshakes[i], true
		}
	}
	return nil, false
}

// Errors of [Answer].
var (
	ErrUnsafeToken = errors.New("the token has characters or a length that could spell a signed message: it is not answered")
	ErrNotSigned   = errors.New("the handshake is not signed by the provider: it is not answered")
	ErrWrongToken  = errors.New("the token of the handshake is not the one you gave")
)

// Answer makes the reply to a handshake. Keyed ones use the first live key; whoever calls it allows one a second for an endpoint.
func Answer(ctx context.Context, p *Provider, h *Handshake, req *Request, keys []Key, at time.Time, opts Options) (*Reply, error) {
	r := &reader{req: req, params: opts.Params}
	values := map[string]string{}
	if h.Signed {
		s, ok := p.scheme(h.Scheme)
		if !ok {
			return nil, fmt.Errorf("handshake %q: unknown scheme %q", h.Name, h.Scheme)
		}
		verdict := Verify(ctx, s, req, keys, at, opts)
		if verdict.Status != Valid {
			if h.Keyed == "verify" {
				return &Reply{Status: 401}, nil
			}
			return nil, fmt.Errorf("handshake %q: %w: %s", h.Name, ErrNotSigned, verdict.Status)
		}
	}
	if h.Keyed != "" && h.Keyed != "verify" {
		answer, id, err := h.keyed(r, keys, at)
		if err != nil {
			return nil, fmt.Errorf("handshake %q: %w", h.Name, err)
		}
		values["answer"], values["key_id"] = answer, id
	}
	return h.Reply.fill(r, values)
}

func (p *Provider) scheme(id string) (*Scheme, bool) {
	for i := range p.Schemes {
		if id == "" || p.Schemes[i].ID == id {
			return &p.Schemes[i], true
		}
	}
	return nil, false
}

// keyed computes what only the holder of the secret can.
func (h *Handshake) keyed(r *reader, keys []Key, at time.Time) (answer, id string, err error) {
	token := r.first(h.Token)
	if h.Keyed == "equal" {
		want := r.params["verify_token"]
		if want == "" {
			return "", "", errors.New("there is no verify token to compare with")
		}
		a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(token))
		if !hmac.Equal(a[:], b[:]) {
			return "", "", ErrWrongToken
		}
		return "", "", nil
	}
	if token == "" || len(token) > h.Longest || !inAlphabet(token, h.Alphabet) {
		return "", "", ErrUnsafeToken
	}
	for i := range keys {
		if !keys[i].Live(at) {
			continue
		}
		if keys[i].Secret == "" {
			return "", "", ErrEmptySecret
		}
		switch h.Keyed {
		case "hmac-hex":
			return hex.EncodeToString(hmacSum(HMACSHA256, []byte(keys[i].Secret), []byte(token))), keys[i].ID, nil
		case "hmac-base64":
			return base64.StdEncoding.EncodeToString(hmacSum(HMACSHA256, []byte(keys[i].Secret), []byte(token))), keys[i].ID, nil
		case "braintree":
			public, private := braintreeKey(keys[i].Secret)
			if private == "" {
				return "", "", ErrEmptySecret
			}
			return hex.EncodeToString(braintreeMAC(private, token)), cmpOr(public, keys[i].ID), nil
		}
		return "", "", fmt.Errorf("unknown function %q", h.Keyed)
	}
	return "", "", errors.New("there is no key that is good at this time")
}

// inAlphabet says whether every byte of s is in a set written like "a-zA-Z0-9_".
func inAlphabet(s, set string) bool {
	for i := range len(s) {
		ok := false
		for j := 0; j < len(set); j++ {
			if j+2 < len(set) && set[j+1] == '-' {
				ok = ok || (set[j] <= s[i] && s[i] <= set[j+2])
				j += 2
				continue
			}
			ok = ok || set[j] == s[i]
		}
		if !ok {
			return false
		}
	}
	return true
}

// Fill makes a secret-free reply to a request: what a relay does with an echo.
func (rp *Reply) Fill(req *Request) (*Reply, error) {
	return rp.fill(&reader{req: req}, nil)
}

func (rp *Reply) fill(r *reader, values map[string]string) (*Reply, error) {
	out := &Reply{Status: rp.Status, ContentType: rp.ContentType, Header: map[string]string{}}
	var err error
	if out.Body, err = expand(rp.Body, r, values, strings.Contains(rp.ContentType, "json")); err != nil {
		return nil, err
	}
	for name, text := range rp.Header {
		if out.Header[name], err = expand(text, r, values, false); err != nil {
			return nil, err
		}
		if !printable(out.Header[name]) {
			return nil, fmt.Errorf("the value to echo in header %q is not printable", name)
		}
	}
	if out.Body != "" {
		out.Header["X-Content-Type-Options"] = "nosniff"
	}
	return out, nil
}

// expand replaces {query:..}, {header:..}, {json:..} and the names of values. Other braces stay: JSON is full of them.
func expand(text string, r *reader, values map[string]string, asJSON bool) (string, error) {
	var b strings.Builder
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:open])
		text = text[open:]
		end := strings.IndexByte(text, '}')
		value, ok := "", false
		if end > 0 {
			value, ok = lookup(text[1:end], r, values)
		}
		if !ok {
			b.WriteByte('{')
			text = text[1:]
			continue
		}
		text = text[end+1:]
		if len(value) > maxEcho {
			return "", fmt.Errorf("the value to echo has %d bytes, at most %d are echoed", len(value), maxEcho)
		}
		if asJSON {
			quoted, err := json.Marshal(value)
			if err != nil {
				return "", err
			}
			value = string(quoted[1 : len(quoted)-1])
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

func lookup(name string, r *reader, values map[string]string) (string, bool) {
	if v, ok := values[name]; ok {
		return v, true
	}
	kind, rest, ok := strings.Cut(name, ":")
	if !ok || rest == "" {
		return "", false
	}
	switch kind {
	case "query":
		return r.queryValues().Get(rest), true
	case "header":
		return r.req.Header.Get(rest), true
	case "json":
		v, _ := r.pointer(rest)
		return v, rest[0] == '/'
	}
	return "", false
}
