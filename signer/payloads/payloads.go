package payloads

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/hookrelay/hook/signer"
)

// ErrUnknown is returned for a provider or an event without a sample.
var ErrUnknown = errors.New("no sample")

// Provider is a provider with samples.
type Provider struct {
	ID     string // as in package signer
	Scheme string // id of the scheme that signs its samples
	Events []Event
}

// Event is one event with a sample.
type Event struct {
	Provider string
	Name     string // as the provider names it, and as the signer's table reads it where that names events
	Source   string // the schema or SDK type that a test checks it against; "": unchecked
	Summary  string
}

// Checked tells whether a test compares the sample with a schema or SDK type.
func (e *Event) Checked() bool { return e.Source != "" }

// Options change what is built.
type Options struct {
	Seed   uint64
	At     time.Time // when it is sent; zero: now
	Scheme string    // id of another scheme of the provider
	Set    []Setting
}

// Setting puts a value at a path of the body: a.b[0].c, or a field of a form
// and a path inside it. Value is JSON, or else a text.
type Setting struct{ Path, Value string }

// Sample is a webhook that is not signed yet.
type Sample struct {
	Provider, Event string
	Scheme          *signer.Scheme
	Method          string
	Query           string // raw query that belongs to the webhook, mostly ""
	Header          http.Header
	Body            []byte
	DeliveryID      string // the provider's id of this message; "": it has none
	Checked         bool
	Source          string
	At              time.Time
}

// Providers lists the providers with samples, by id.
func Providers() []Provider {
	var list []Provider
	for _, name := range files() {
		if f, err := load(name); err == nil { // a test loads every file
			list = append(list, f.provider())
		}
	}
	return list
}

// Events lists the events of a provider, by name.
func Events(provider string) []Event {
	f, err := load(provider)
	if err != nil {
		return nil
	}
	return f.provider().Events
}

func (f *file) provider() Provider {
	p := Provider{ID: f.name, Scheme: f.scheme}
	for i, event := range f.events.keys {
		p.Events = append(p.Events, f.describe(event, f.events.kids[i]))
	}
	sort.Slice(p.Events, func(i, j int) bool { return p.Events[i].Name < p.Events[j].Name })
	return p
}

// Build makes a sample. Its error is ErrUnknown for a provider or event that
// is not there.
func Build(provider, event string, opts Options) (*Sample, error) {
	f, err := load(provider)
	if err != nil {
		return nil, err
	}
	row := f.events.get(event)
	if row == nil {
		return nil, fmt.Errorf("%w of event %q of %q", ErrUnknown, event, provider)
	}
	if opts.At.IsZero() {
		opts.At = time.Now()
	}
	s, err := f.build(event, row, opts)
	if err != nil {
		return nil, fmt.Errorf("building %q of %q: %w", event, provider, err)
	}
	return s, nil
}

func (f *file) build(event string, row *node, opts Options) (*Sample, error) {
	info := f.describe(event, row)
	s := &Sample{Provider: f.name, Event: event, Method: "POST", Header: http.Header{}, Checked: info.Checked(), Source: info.Source, At: opts.At}
	id := opts.Scheme
	for _, own := range []*node{row.get("scheme"), f.root.get("scheme")} {
		if id == "" && own != nil {
			id = own.text
		}
	}
	if id == "" {
		id = f.scheme
	}
	ok := false
	if s.Scheme, ok = signer.FindScheme(id); !ok {
		return nil, fmt.Errorf("there is no scheme %q", id)
	}
	g := newGenerator(f.name, event, opts.Seed, opts.At)
	g.parts = f.root.get("parts")
	for _, vars := range []*node{f.root.get("vars"), row.get("vars")} {
		for i := range vars.size() {
			g.vars[vars.keys[i]] = vars.kids[i]
		}
	}
	g.vars["event"] = textNode(event)
	if m := row.get("method"); m != nil {
		s.Method = m.text
	}
	if q := row.get("query"); q != nil {
		v, err := g.expand(q)
		if err != nil {
			return nil, err
		}
		s.Query = v.text
	}
	if err := f.body(g, s, row, opts.Set); err != nil {
		return nil, err
	}
	for _, headers := range []*node{f.root.get("headers"), row.get("headers")} {
		for i := range headers.size() {
			v, err := g.expand(headers.kids[i])
			if err != nil {
				return nil, err
			}
			if s.Header.Del(headers.keys[i]); v.text != "" {
				s.Header.Set(headers.keys[i], v.text)
			}
		}
	}
	s.DeliveryID = signer.DeliveryID(s.Scheme, s.Request("https://hooks.example/"))
	return s, nil
}

func (n *node) size() int {
	if n == nil {
		return 0
	}
	return len(n.kids)
}

// body expands the body or form of a row and puts the settings in.
func (f *file) body(g *generator, s *Sample, row *node, set []Setting) error {
	template, isForm := row.get("body"), false
	if form := row.get("form"); form != nil {
		template, isForm = form, true
	}
	if template == nil {
		return errors.New("it has neither body nor form")
	}
	n, err := g.expand(template)
	if err != nil {
		return err
	}
	n = n.clone()
	if err := n.settle(set); err != nil {
		return err
	}
	if isForm {
		s.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		s.Body = n.form()
		return nil
	}
	s.Header.Set("Content-Type", "application/json")
	s.Body = n.json(f.indent)
	return nil
}

// settle puts the settings in, in their order.
func (n *node) settle(set []Setting) error {
	for _, one := range set {
		steps, err := splitPath(one.Path)
		if err != nil {
			return err
		}
		v, err := parseNode([]byte(one.Value))
		if err != nil {
			v = textNode(one.Value)
		}
		if err := n.set(steps, v); err != nil {
			return err
		}
	}
	return nil
}

// Request is the sample as the signer takes it, sent to url.
func (s *Sample) Request(url string) *signer.Request {
	if s.Query != "" {
		sep := "?"
		if strings.Contains(url, "?") {
			sep = "&"
		}
		url += sep + s.Query
	}
	return &signer.Request{Method: s.Method, URL: url, Header: s.Header.Clone(), Body: slices.Clone(s.Body)}
}
