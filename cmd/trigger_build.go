package cmd

import (
	"bytes"
	"context"
	"errors"
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
	blank    []*signer.Scheme // of a provider without samples, or an own one; nil: there are samples
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
	err := t.find(env)
	if err != nil {
		return nil, err
	}
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
	if t.blank != nil {
		if t.body, err = o.openBody(env); err != nil {
			return nil, err
		}
		body := t.body
		if body == nil {
			body = []byte("{}")
		}
		t.scheme = schemeFor(t.blank, body)
	}
	sample, err := t.sample(0)
	if err != nil {
		return nil, err
	}
	t.scheme = sample.Scheme
	if err := t.noticeable(); err != nil {
		return nil, err
	}
	if t.blank == nil {
		t.body, err = o.openBody(env)
	}
	return t, err
}

// find tells whose webhook it is: a provider by its id or a name people use
// for it, or an own scheme of the settings files. Where there are no samples,
// the body has to be given.
func (t *triggering) find(env *Env) error {
	o := t.o
	if len(payloads.Events(o.provider)) > 0 {
		return nil
	}
	found, err := findTarget(o.provider, "")
	if unknown := (*errUnknownProvider)(nil); errors.As(err, &unknown) {
		if own, bad := env.projectScheme(o.provider); bad != nil || own != nil {
			found, err = own, bad
		}
	}
	if unknown := (*errUnknownProvider)(nil); errors.As(err, &unknown) && o.joined {
		if meant := meantEvent(o.provider + "." + o.event); meant != "" {
			return usage(meant, "there is no provider %q", o.provider)
		}
	}
	if err != nil {
		return err
	}
	t.provider = found.id
	if len(payloads.Events(found.id)) > 0 {
		return nil
	}
	for _, s := range found.schemes {
		if o.scheme == "" || o.scheme == s.ID {
			t.blank = append(t.blank, s)
		}
	}
	if t.blank == nil {
		return usage("leave it out: \"hook providers show "+found.id+"\" lists what there is", "%q has no scheme %q", found.id, o.scheme)
	}
	if o.body == "" && len(o.set) == 0 && !o.edit {
		return usage(fmt.Sprintf("hook trigger %s %s --body FILE, --body - for standard input, or --set PATH=VALUE for each value of a JSON body", o.provider, o.event),
			"there are no samples of %q: give the body", found.id)
	}
	return nil
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
	if t.blank != nil {
		s, err := payloads.Blank(t.scheme, t.o.event, t.body, payloads.Options{Seed: t.o.seed + uint64(i), At: at, Set: t.set})
		if err != nil {
			return nil, usage("write it as --set data.object.amount=1200", "%w", err)
		}
		return s, nil
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
	// The signed id is the sample's own where it has one: for PayPal and Mailgun it is not the event's.
	id := signer.DeliveryID(&signer.Scheme{MessageID: t.scheme.MessageID}, req)
	signed, req, err := signRequest(t.scheme, req, t.keys, signer.SignOptions{At: at, ID: id, Params: t.params})
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
