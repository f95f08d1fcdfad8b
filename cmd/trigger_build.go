package cmd

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/signer/payloads"
)

// triggering makes the messages of one run.
type triggering struct {
	o        *triggerOptions
	provider string
	target   string // where it is sent; "": --print without a target
	signURL  string // what is signed
	at       time.Time
	fixed    bool   // --at was given
	body     []byte // replaces the sample's; nil: it stays
	scheme   *signer.Scheme
	keys     []signer.Key
	set      []payloads.Setting
	header   http.Header
	params   map[string]string
}

// message is one webhook, ready to be sent.
type message struct {
	event, delivery string
	seed            uint64
	req             *signer.Request // signed; its URL is the one signed
	url             string          // where it goes
}

// newTriggering reads the flags and finds the sample.
func newTriggering(env *Env, o *triggerOptions) (*triggering, error) {
	t := &triggering{o: o, provider: o.provider, fixed: o.at != ""}
	if len(payloads.Events(t.provider)) == 0 {
		if found, err := findTarget(o.provider, ""); err == nil {
			t.provider = found.id // a name people use for it
		}
	}
	var err error
	if t.at, err = parseAt("--at", o.at); err != nil {
		return nil, err
	}
	if t.params, err = parseParams(o.params); err != nil {
		return nil, err
	}
	if t.header, err = headerMap(o.headers); err != nil {
		return nil, err
	}
	for _, s := range o.set {
		path, value, ok := strings.Cut(s, "=")
		if !ok || path == "" {
			return nil, usage("write it as --set data.object.amount=1200", "--set %q", s)
		}
		t.set = append(t.set, payloads.Setting{Path: path, Value: value})
	}
	sample, err := t.sample(0)
	if err != nil {
		return nil, err
	}
	t.scheme = sample.Scheme
	if err := t.noticeable(); err != nil {
		return nil, err
	}
	t.body, err = o.openBody(env)
	return t, err
}

// ready gives it the target, the body and the keys.
func (t *triggering) ready(ctx context.Context, env *Env, target string) error {
	o := t.o
	t.target, t.signURL = target, target
	if o.url != "" {
		if u, err := url.Parse(o.url); err != nil || u.Host == "" {
			return usage("give it as https://app.example/hooks", "--url %q is no URL", o.url)
		}
		t.signURL = o.url
	}
	if o.edit {
		body := t.body
		if body == nil {
			sample, err := t.sample(0)
			if err != nil {
				return err
			}
			body = sample.Body
		}
		var err error
		if t.body, err = edit(ctx, env, body); err != nil {
			return err
		}
	}
	keys, err := env.signingKeys(ctx, o.secrets, t.scheme, "")
	if err == nil && o.wrongSecret {
		keys, err = wrongKeys(t.scheme, keys)
	}
	t.keys = keys
	return err
}

// sample builds the i-th event. Those of --out-of-order are a second apart.
func (t *triggering) sample(i int) (*payloads.Sample, error) {
	at := t.at
	if !t.fixed {
		at = time.Now()
	}
	at = at.Add(-t.o.stale)
	if t.o.outOfOrder {
		at = at.Add(-time.Duration(t.o.count-1-i) * time.Second)
	}
	if t.o.scheme != "" {
		if _, err := findTarget(t.provider, t.o.scheme); err != nil {
			return nil, err
		}
	}
	s, err := payloads.Build(t.provider, t.o.event, payloads.Options{Seed: t.o.seed + uint64(i), At: at, Scheme: t.o.scheme, Set: t.set})
	if err != nil {
		return nil, unknownSample(t.provider, t.o.event, err)
	}
	if t.body != nil {
		s.Body = t.body
	}
	return s, nil
}

// noticeable refuses a negative test that nobody could notice.
func (t *triggering) noticeable() error {
	s := t.scheme
	covers := s.Covers()
	dated := s.Timestamp != nil || s.JWT != nil && s.JWT.Expires
	switch {
	case t.o.tamper && len(covers) > 0 && !slices.Contains(covers, "body") && s.Hook == "" && !strings.Contains(strings.Join(covers, " "), "form"):
		return usage("--wrong-secret is refused by everybody", "--tamper: the signature of %q does not cover the body: nobody could notice", s.ID)
	case t.o.stale > 0 && !dated:
		return usage("--wrong-secret is refused by everybody", "--stale: the signature of %q has no time: nobody could notice", s.ID)
	}
	return nil
}

// message makes the i-th webhook and signs it.
func (t *triggering) message(i int) (*message, error) {
	sample, err := t.sample(i)
	if err != nil {
		return nil, err
	}
	req := sample.Request(t.signURL)
	for name, values := range t.header {
		req.Header[name] = values
	}
	at := sample.At
	if t.o.outOfOrder {
		at = at.Add(time.Duration(t.o.count-1-i) * time.Second) // sent now, whenever it happened
	}
	signed, req, err := signRequest(t.scheme, req, t.keys, signer.SignOptions{At: at, ID: sample.DeliveryID, Params: t.params})
	if err != nil {
		return nil, err
	}
	req = signed.Apply(req)
	if t.o.tamper {
		if req.Body, err = t.tampered(req, at); err != nil {
			return nil, err
		}
	}
	for name, values := range t.header {
		req.Header[name] = values // what was typed stands, be it the signature
	}
	m := &message{event: sample.Event, delivery: signer.DeliveryID(t.scheme, req), seed: t.o.seed + uint64(i), req: req, url: req.URL}
	if t.signURL != t.target && t.target != "" {
		m.url = t.target
		if _, query, ok := strings.Cut(strings.TrimPrefix(req.URL, t.signURL), "?"); ok { // what signing or the sample put there
			sep := "?"
			if strings.Contains(m.url, "?") {
				sep = "&"
			}
			m.url += sep + query
		}
	}
	return m, nil
}

// maxTampering bounds the places that are tried for a change that shows.
const maxTampering = 400

// tampered changes one letter or digit of the body so that the signature does
// not hold any more and the body stays what it was: JSON, or a form.
func (t *triggering) tampered(req *signer.Request, at time.Time) ([]byte, error) {
	tried := 0
	for i := len(req.Body) - 1; i >= 0 && tried < maxTampering; i-- {
		to := otherLetter(req.Body[i])
		if to == req.Body[i] || i > 0 && req.Body[i-1] == '\\' || inWord(req.Body, i) {
			continue
		}
		tried++
		copied := *req
		copied.Body = bytes.Clone(req.Body)
		copied.Body[i] = to
		v := signer.Verify(context.Background(), t.scheme, &copied, t.keys, at, signer.Options{Params: t.params})
		if v.Status != signer.Valid {
			return copied.Body, nil
		}
	}
	return nil, fail(exitFailed, "--wrong-secret is refused by everybody", "--tamper: no change of this body breaks the signature of %q", t.scheme.ID)
}

// inWord tells whether a letter is part of a bare true, false or null.
func inWord(b []byte, i int) bool {
	if b[i] >= '0' && b[i] <= '9' {
		return false
	}
	for _, word := range []string{"true", "false", "null"} {
		for from := max(0, i-len(word)+1); from <= i; from++ {
			if bytes.HasPrefix(b[from:], []byte(word)) {
				return true
			}
		}
	}
	return false
}

func otherLetter(c byte) byte {
	switch {
	case c >= '1' && c < '9', c >= 'b' && c < 'f', c >= 'A' && c < 'F':
		return c + 1
	case c == '9':
		return '1'
	}
	return c
}

// wrongKeys are keys of the same form that are not the right ones.
func wrongKeys(s *signer.Scheme, keys []signer.Key) ([]signer.Key, error) {
	var out []signer.Key
	for _, k := range keys {
		if kind := keyKind(s); kind != "" {
			private, err := makeKey(kind)
			if err != nil {
				return nil, fmt.Errorf("making a key pair: %w", err)
			}
			der, err := x509.MarshalPKCS8PrivateKey(private)
			if err != nil {
				return nil, fmt.Errorf("encoding the private key: %w", err)
			}
			k.Secret = signer.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		} else {
			k.Secret = wrongSecret(k.Secret)
		}
		out = append(out, k)
	}
	return out, nil
}

// wrongSecret changes a character in the middle: the text stays hex, base64 or
// whatever it was.
func wrongSecret(s signer.Secret) signer.Secret {
	b := []byte(s)
	for d := range len(b) {
		i := (len(b)/2 + d) % len(b)
		if c := b[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			if b[i] = '1'; c == '1' {
				b[i] = '2'
			}
			return signer.Secret(b)
		}
	}
	return signer.Secret("1" + string(b))
}

// rawRequest is a message as it goes over the wire.
func rawRequest(m *message) []byte {
	host, target := "localhost", "/"
	if u, err := url.Parse(m.url); err == nil && m.url != "" {
		host, target = u.Host, u.RequestURI()
		if host == "" {
			host = "localhost"
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", m.req.Method, target, host)
	names := make([]string, 0, len(m.req.Header))
	for name := range m.req.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range m.req.Header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	b.WriteString("Content-Length: " + strconv.Itoa(len(m.req.Body)) + "\r\n\r\n")
	b.Write(m.req.Body)
	return b.Bytes()
}
