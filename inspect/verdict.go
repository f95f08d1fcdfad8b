package inspect

import (
	"cmp"
	"slices"
	"time"

	"github.com/hookrelay/hook/signer"
)

// Verdict is the outcome of a signature check in words that stay; the zero
// Verdict means that nothing was checked.
type Verdict struct {
	State     string    // signer.Status: valid, invalid, unsigned, no-key, stale, future, replayed
	Scheme    string    // id of the scheme
	KeyID     string    // of the key that matched
	Covers    []string  // what the signature binds
	Reason    string    // signer.Reason: why it is not valid
	Detail    string    // the same for people
	SignedAt  time.Time // zero where no time is signed
	Cause     string    // signer.Cause
	Diagnosis string    // one sentence with the remedy
}

// Verified is f with the outcome of its check. The diagnosis may be nil.
func (f *Flow) Verified(v signer.Verdict, why *signer.Diagnosis) *Flow {
	g := f.clone()
	g.Verdict = Verdict{
		State: string(v.Status), Scheme: v.Scheme, KeyID: v.KeyID, Covers: slices.Clone(v.Covers),
		Reason: string(v.Reason), Detail: v.Detail, SignedAt: v.SignedAt,
	}
	if why != nil {
		g.Verdict.Cause, g.Verdict.Diagnosis = string(why.Cause), why.Sentence
	}
	return g
}

// maxIdentified bounds the bodies that are parsed to name an event: this is
// done for every delivery before it is forwarded.
const maxIdentified = 256 << 10

// Identified is f with the provider, event and provider's id that its headers
// and body name. A provider that the user named stands; "" asks for a guess.
func (f *Flow) Identified(provider string) *Flow {
	g := f.clone()
	g.identify(provider)
	return g
}

// identify is Identified on a flow that nobody has seen yet.
func (g *Flow) identify(provider string) {
	req, err := g.request()
	if err != nil {
		return
	}
	if len(req.Body) > maxIdentified {
		req.Body = nil // the headers have to do
	}
	g.Provider = provider
	if p, ok := signer.FindProvider(provider); ok {
		for n := range p.Schemes {
			g.Event = cmp.Or(g.Event, signer.Event(&p.Schemes[n], req))
			g.DeliveryID = cmp.Or(g.DeliveryID, signer.DeliveryID(&p.Schemes[n], req))
		}
	}
	if provider != "" {
		return
	}
	// A row that finds an event or an id in the message knows more of it than
	// one that only knows the kind of its Authorization.
	var best signer.Detection
	for _, d := range signer.Detect(req) {
		if best.Provider == "" || best.Event+best.Delivery == "" && d.Event+d.Delivery != "" {
			best = d
		}
	}
	g.Provider, g.Event, g.DeliveryID = best.Provider, best.Event, best.Delivery
}

// Request is the delivery as package signer wants it. The error wraps
// ErrRedacted if f is not what came: a check would be of something else.
func (f *Flow) Request() (*signer.Request, error) {
	if err := f.Exact(); err != nil {
		return nil, err
	}
	return f.request()
}

func (f *Flow) request() (*signer.Request, error) {
	body, err := f.Body()
	if err != nil {
		return nil, err
	}
	return &signer.Request{Method: f.Delivery.Method, URL: f.Delivery.URL, Header: f.Delivery.Header.HTTP(), Body: body}, nil
}

// secretPlaces are, by provider, where its messages hold a secret in clear:
// "header:X-Token", "json:passcode".
func secretPlaces() map[string][]string {
	places := map[string][]string{}
	for _, p := range signer.Providers() {
		if len(p.Redact) > 0 {
			places[p.ID] = p.Redact
		}
	}
	return places
}
