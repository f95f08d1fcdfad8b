package signer_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

// What the official SDKs refuse is refused here too. Each change is made to a message that verifies without it.
func TestRefusesWhatTheSDKsRefuse(t *testing.T) {
	cutLast := func(header string) func(*signer.Request) {
		return func(req *signer.Request) { req.Header.Set(header, strings.TrimSuffix(req.Header.Get(header), "=")) }
	}
	replace := func(header, old, text string) func(*signer.Request) {
		return func(req *signer.Request) {
			req.Header.Set(header, strings.Replace(req.Header.Get(header), old, text, 1))
		}
	}
	for _, tt := range []struct {
		name, scheme string
		change       func(*signer.Request)
		late         time.Duration
	}{
		{name: "base64 without its last character", scheme: "standard-webhooks", change: cutLast("Webhook-Signature")},
		{name: "base64 without its last character", scheme: "shopify", change: cutLast("X-Shopify-Hmac-Sha256")},
		{name: "base64 without its last character", scheme: "twilio-form", change: cutLast("X-Twilio-Signature")},
		{name: "base64 without its last character", scheme: "square", change: cutLast("X-Square-Hmacsha256-Signature")},
		{name: "line end inside base64", scheme: "shopify", change: func(req *signer.Request) {
			sig := req.Header.Get("X-Shopify-Hmac-Sha256")
			req.Header.Set("X-Shopify-Hmac-Sha256", sig[:4]+"\n"+sig[4:])
		}},
		{name: "name of the hash in capitals", scheme: "github", change: replace("X-Hub-Signature-256", "sha256=", "SHA256=")},
		{name: "hex in capitals", scheme: "stripe", change: func(req *signer.Request) {
			stamp, sig, _ := strings.Cut(req.Header.Get("Stripe-Signature"), ",v1=")
			req.Header.Set("Stripe-Signature", stamp+",v1="+strings.ToUpper(sig))
		}},
		{name: "version in capitals", scheme: "slack", change: replace("X-Slack-Signature", "v0=", "V0=")},
		{name: "id added to a message signed without one", scheme: "mercado-pago", change: func(req *signer.Request) { req.URL += "?data.id=1" }},
		{name: "request id added", scheme: "mercado-pago", change: func(req *signer.Request) { req.Header.Set("X-Request-Id", "r") }},
		{name: "late by more than its SDKs allow", scheme: "paddle-billing", late: 6 * time.Second},
		{name: "token that ended", scheme: "upstash-qstash", late: 300 * time.Second},
		{name: "token that ended", scheme: "livekit", late: 310 * time.Second},
		{name: "empty body", scheme: "github", change: func(req *signer.Request) { req.Body = nil }},
	} {
		t.Run(tt.scheme+"/"+tt.name, func(t *testing.T) {
			s, key := schemeWithKey(t, tt.scheme)
			req := &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{}, Body: []byte(`{"id":"e"}`)}
			signed, err := signer.Sign(s, req, []signer.Key{key}, signer.SignOptions{At: testAt, ID: "msg_1"})
			if err != nil {
				t.Fatal(err)
			}
			req = signed.Apply(req)
			if v := signer.Verify(t.Context(), s, req, []signer.Key{key}, testAt, signer.Options{}); v.Status != signer.Valid {
				t.Fatalf("unchanged: %+v", v)
			}
			if tt.change != nil {
				tt.change(req)
			}
			if v := signer.Verify(t.Context(), s, req, []signer.Key{key}, testAt.Add(tt.late), signer.Options{}); v.Status == signer.Valid {
				t.Errorf("accepted: %q %q", req.Header, req.Body)
			}
		})
	}
}

func schemeWithKey(t *testing.T, id string) (*signer.Scheme, signer.Key) {
	t.Helper()
	s, ok := signer.FindScheme(id)
	if !ok {
		t.Fatalf("no scheme %q", id)
	}
	key, _ := secretFor(t, s, 0)
	return s, key
}

// LiveKit sends its token bare; its SDK refuses one behind Bearer.
func TestLiveKitTokenIsSentBare(t *testing.T) {
	s, key := schemeWithKey(t, "livekit")
	req := &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{}, Body: []byte("{}")}
	signed, err := signer.Sign(s, req, []signer.Key{key}, signer.SignOptions{At: testAt})
	if err != nil {
		t.Fatal(err)
	}
	if got := signed.Apply(req).Header.Get("Authorization"); !strings.HasPrefix(got, "eyJ") {
		t.Errorf("Authorization %.12q", got)
	}
}

// A time in milliseconds is read as such where a sender writes either.
func TestMercadoPagoWritesSecondsOrMilliseconds(t *testing.T) {
	s, key := schemeWithKey(t, "mercado-pago")
	own := *s
	stamp := *s.Timestamp
	stamp.Unit = "ms"
	own.Timestamp = &stamp
	req := &signer.Request{Method: "POST", URL: "https://app.example.test/in?data.id=ABC1", Header: http.Header{"X-Request-Id": {"r1"}}, Body: []byte("{}")}
	signed, err := signer.Sign(&own, req, []signer.Key{key}, signer.SignOptions{At: testAt})
	if err != nil {
		t.Fatal(err)
	}
	v := signer.Verify(t.Context(), s, signed.Apply(req), []signer.Key{key}, testAt, signer.Options{})
	if v.Status != signer.Valid || !v.SignedAt.Equal(testAt) {
		t.Errorf("%+v", v)
	}
}

// A scheme of a user's own may name any function with any algorithm: it is refused or works, and never panics.
func TestOwnSchemesNeverPanic(t *testing.T) {
	hooks := []string{"", "adyen", "box", "braintree", "coinbase", "contentful", "http-message", "hygraph", "mercado-pago", "paypal", "payos", "php-json", "plivo-v3", "sns", "truelayer", "twilio"}
	algorithms := []string{signer.HMACSHA256, signer.SHA1, signer.Token, signer.Basic, signer.Ed25519, signer.RSASHA256, signer.JWS, signer.HTTPMessage, "none"}
	req := &signer.Request{Method: "POST", URL: "https://app.example.test/in?a=1", Body: []byte(`{"Signature":"AAAA","SignatureVersion":"2","Timestamp":"x","data":{}}`),
		Header: http.Header{"X-Signature": {"t=1,v1=00"}, "Signature-Input": {`s=("@method")`}, "Signature": {"s=:AAAA:"}}}
	for _, hook := range hooks {
		for _, algorithm := range algorithms {
			for _, jwt := range []*signer.JWT{nil, {Algorithms: []string{"HS256"}}, {Algorithms: []string{"ES256"}, Detached: "{body}"}} {
				s := &signer.Scheme{ID: "own", Algorithm: algorithm, Hook: hook, JWT: jwt, Signature: signer.Signature{From: "header:X-Signature", Format: "pairs", Field: "v1"}}
				keys := []signer.Key{{ID: "k", Secret: "example"}}
				if v := signer.Verify(t.Context(), s, req, keys, testAt, signer.Options{}); v.Authentic() {
					t.Errorf("%s %s: %+v", hook, algorithm, v)
				}
				signer.Explain(t.Context(), s, req, keys, testAt, signer.Options{})
				if _, err := signer.Sign(s, req, keys, signer.SignOptions{At: testAt}); err != nil {
					continue
				}
			}
		}
	}
}
