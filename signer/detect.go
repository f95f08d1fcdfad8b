package signer

import (
	"net/http"
	"sort"
	"strings"
)

// Detection is a guess at who sent a message. It is a label: it never chooses a secret and never stands in for verification.
type Detection struct {
	Provider string `json:"provider"`
	Scheme   string `json:"scheme"`
	Event    string `json:"event,omitempty"`
	Delivery string `json:"delivery,omitempty"`
}

// Detect names the likely senders of a message, the most particular rule first. It is empty when no rule fits.
func Detect(req *Request) []Detection {
	type hit struct {
		Detection
		weight int
	}
	var hits []hit
	r := &reader{req: req}
	for _, p := range Providers() {
		for i := range p.Schemes {
			s := &p.Schemes[i]
			m := s.detection()
			if m == nil || !m.matches(r) {
				continue
			}
			hits = append(hits, hit{Detection{p.ID, s.ID, firstOf(s.Event, r), deliveryID(s, r)}, m.weight()})
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].weight > hits[j].weight })
	var out []Detection
	for _, h := range hits {
		out = append(out, h.Detection)
	}
	return out
}

// DetectHeader is [Detect] for headers alone.
func DetectHeader(h http.Header) []Detection { return Detect(&Request{Method: "POST", Header: h}) }

// detection is the rule of a scheme: its own, or that its headers are there. Headers that many senders use make no rule.
func (s *Scheme) detection() *Match {
	if s.Detect != nil {
		return s.Detect
	}
	name, ok := strings.CutPrefix(s.Signature.From, "header:")
	if !ok || sharedHeader(name) {
		return nil
	}
	m := &Match{Header: map[string]string{name: ""}}
	if s.Timestamp != nil {
		if stamp, ok := strings.CutPrefix(s.Timestamp.From, "header:"); ok {
			m.Header[stamp] = ""
		}
	}
	return m
}

func sharedHeader(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "x-signature", "x-hub-signature", "x-hub-signature-256", "signature", "webhook-signature", "svix-signature",
		"x-webhook-signature", "x-hmac-signature", "x-webhook-secret", "x-api-key", "x-signature-sha256":
		return true
	}
	return false
}
