package payloads

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookrelay/hook/signer"
)

// Blank is a webhook of a scheme without samples: with the given body or,
// where that is nil, with what opts.Set puts into an empty JSON object. The
// name of the event and an id stand where the scheme reads them: in a header,
// or in a body that was not given.
func Blank(s *signer.Scheme, event string, body []byte, opts Options) (*Sample, error) {
	if opts.At.IsZero() {
		opts.At = time.Now()
	}
	out := &Sample{Provider: s.ID, Event: event, Scheme: s, Method: http.MethodPost, Header: http.Header{}, Body: slices.Clone(body), At: opts.At}
	g := newGenerator(s.ID, event, opts.Seed, opts.At)
	doc := &node{kind: object}
	if err := doc.place(s.Event, event, out.Header); err != nil {
		return nil, err
	}
	id := g.random("uuid", "").text
	for _, places := range [][]string{s.Delivery, {s.MessageID}} {
		if err := doc.place(places, id, out.Header); err != nil {
			return nil, err
		}
	}
	if body == nil {
		if err := doc.settle(opts.Set); err != nil {
			return nil, err
		}
		out.Header.Set("Content-Type", "application/json")
		out.Body = doc.json("")
	}
	out.DeliveryID = signer.DeliveryID(s, out.Request("https://hooks.example/"))
	return out, nil
}

// place puts a value at the first of places that is a header or a plain path of
// JSON. A scheme that has it nowhere, or in several parts, goes without.
func (n *node) place(places []string, value string, header http.Header) error {
	for _, p := range places {
		kind, where, _ := strings.Cut(p, ":")
		switch {
		case strings.ContainsAny(where, "+*[#"):
		case kind == "header":
			header.Set(where, value)
			return nil
		case kind == "json":
			steps, err := splitPath(where)
			if err != nil {
				return err
			}
			return n.set(steps, textNode(value))
		}
	}
	return nil
}
