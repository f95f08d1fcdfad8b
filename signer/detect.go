package signer

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Detection is a guess at who sent a message. It is a label: it never chooses a secret and never stands in for verification.
type Detection struct {
	Provider string `json:"provider"`
	Scheme   string `json:"scheme"`
	Event    string `json:"event,omitempty"`
	Delivery string `json:"delivery,omitempty"`
}

// rule is how one scheme is recognised.
type rule struct {
	provider *Provider
	scheme   *Scheme
	match    *Match
	weight   int
}

// rules are all rules in the order of the table, and where to begin: those that want a header, by one of its names, and the others.
type rules struct {
	all      []rule
	byHeader map[string][]int
	others   []int
}

var detection = sync.OnceValue(func() *rules {
	out := &rules{byHeader: map[string][]int{}}
	all := table()
	for i := range all {
		for j := range all[i].Schemes {
			s := &all[i].Schemes[j]
			m := s.detection()
			if m == nil {
				continue
			}
			n := len(out.all)
			out.all = append(out.all, rule{&all[i], s, m, m.weight()})
			names := slices.Sorted(maps.Keys(m.Header))
			if len(names) == 0 {
				out.others = append(out.others, n)
				continue
			}
			name := http.CanonicalHeaderKey(names[0])
			out.byHeader[name] = append(out.byHeader[name], n)
		}
	}
	return out
})

// Detect names the likely senders of a message, the most particular rule first. It is empty when no rule fits.
func Detect(req *Request) []Detection {
	d := detection()
	maybe := slices.Clone(d.others)
	for name := range req.Header {
		maybe = append(maybe, d.byHeader[name]...)
	}
	slices.Sort(maybe)
	r := &reader{req: req}
	var hits []*rule
	for _, n := range maybe {
		if one := &d.all[n]; one.match.matches(r) {
			hits = append(hits, one)
		}
	}
	slices.SortStableFunc(hits, func(a, b *rule) int { return b.weight - a.weight })
	var out []Detection
	for _, h := range hits {
		out = append(out, Detection{h.provider.ID, h.scheme.ID, firstOf(h.scheme.Event, r), deliveryID(h.scheme, r)})
	}
	return out
}

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
