package cmd

import (
	"strings"
	"testing"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/signer"
)

// Whatever --provider asks of a relay, a relay takes.
func TestRelayTakesThePolicyOfEveryProvider(t *testing.T) {
	r := relaytest.Start(t, relay.Options{Loopback: true})
	ep := r.Create(t, relay.EndpointRequest{})
	for _, p := range signer.Providers() {
		v := verifyFlags{provider: p.ID, handshake: "auto"}
		var req relay.PolicyRequest
		v.policy(&req, false)
		var out relay.EndpointView
		if status := r.Call(t, "PATCH", "/v1/endpoints/"+ep.ID, ep.OwnerKey, relay.EndpointRequest{Policy: &req}, &out); status != 200 {
			t.Errorf("%s: %d for %+v, %+v", p.ID, status, req.Accept, *req.Handshakes)
		}
		if len(out.Policy.Handshakes) != len(*req.Handshakes) {
			t.Errorf("%s: %d handshakes of %d", p.ID, len(out.Policy.Handshakes), len(*req.Handshakes))
		}
	}
}

// A handshake said to a relay must not fit the provider's webhooks: the relay
// would answer them, and they would be gone.
func TestHandshakesSaidToTheRelay(t *testing.T) {
	for _, test := range []struct {
		provider string
		want     string // method header query where equals echo → status header json; "": left to the listener
	}{
		{"slack", "POST . . /type url_verification json:/challenge → 200 . challenge"},
		{"twitch", "POST Twitch-Eventsub-Message-Type . /challenge . json:/challenge → 200 . ."},
		{"azure-event-grid", "POST aeg-event-type . /0/data/validationCode . json:/0/data/validationCode → 200 . validationResponse"},
		{"microsoft-graph", "POST . validationToken . . query:validationToken → 200 . ."},
		{"aws-sns", ""},     // by a header's value alone: its notifications have the same header
		{"cloudevents", ""}, // several headers in the answer
		{"xero", ""},        // keyed
		{"linkedin", ""},    // keyed
		{"meta", ""},        // keyed: a verify token
	} {
		p, ok := signer.FindProvider(test.provider)
		if !ok {
			t.Errorf("no provider %q", test.provider)
			continue
		}
		got := ""
		for i := range p.Handshakes {
			if r, ok := relayHandshake(&p.Handshakes[i]); ok {
				h := r[0]
				words := []string{h.Method, h.Header, h.Query, h.Where, h.Equals, h.Echo, "→", "200", h.Reply.Header, h.Reply.JSON}
				for k, w := range words {
					if w == "" {
						words[k] = "."
					}
				}
				got = strings.Join(words, " ")
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.provider, got, test.want)
		}
	}
}
