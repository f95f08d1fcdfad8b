package signer_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

// planted is a message with one thing wrong.
type planted struct {
	name   string
	scheme string
	want   signer.Cause
	say    string // part of the sentence
	secret signer.Secret
	body   string
	break_ func(p *broken)
}

// broken is what a case may change after signing.
type broken struct {
	req    *signer.Request
	keys   []signer.Key
	others []signer.Key
	at     time.Time
}

func TestExplainFindsThePlantedCause(t *testing.T) {
	for _, c := range []planted{
		{name: "nothing wrong", scheme: "stripe", want: signer.CauseNone},
		{name: "another secret of the user", scheme: "stripe", want: signer.CauseOtherSecret, say: `"staging"`, break_: func(p *broken) {
			p.others = []signer.Key{{ID: "staging", Secret: p.keys[0].Secret}}
			p.keys = []signer.Key{{ID: "live", Secret: "whsec_other"}}
		}},
		{name: "line end after the secret", scheme: "github", want: signer.CauseSecretSpace, break_: func(p *broken) { p.keys[0].Secret += "\n" }},
		{name: "quotes around the secret", scheme: "slack", want: signer.CauseSecretSpace, break_: func(p *broken) { p.keys[0].Secret = `"` + p.keys[0].Secret + `"` }},
		{name: "byte order mark before the secret", scheme: "github", want: signer.CauseSecretSpace, say: "byte order mark", break_: func(p *broken) { p.keys[0].Secret = "\ufeff" + p.keys[0].Secret }},
		{name: "secret in a file of UTF-16", scheme: "github", want: signer.CauseSecretSpace, say: "UTF-16", break_: func(p *broken) {
			wide := "\xff\xfe"
			for _, c := range []byte(string(p.keys[0].Secret) + "\r\n") {
				wide += string([]byte{c, 0})
			}
			p.keys[0].Secret = signer.Secret(wide)
		}},
		{name: "line of an .env file as the secret", scheme: "github", want: signer.CauseSecretSpace, say: ".env", break_: func(p *broken) { p.keys[0].Secret = `export GITHUB_SECRET="` + p.keys[0].Secret + `"` }},
		{name: "prefix of the secret lost", scheme: "stripe", secret: "whsec_example", want: signer.CauseSecretForm, say: "whsec_", break_: func(p *broken) { p.keys[0].Secret = "example" }},
		{name: "secret decoded where it is text", scheme: "polar", want: signer.CauseSecretForm, break_: func(p *broken) {
			p.keys[0].Secret = signer.Secret(base64.StdEncoding.EncodeToString([]byte(p.keys[0].Secret)))
		}},
		{name: "secret is text where base64 is wanted", scheme: "svix", secret: "whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGU=", want: signer.CauseSecretForm, break_: func(p *broken) {
			p.keys[0].Secret = "example-example-example"
		}},
		{name: "line end added to the body", scheme: "github", want: signer.CauseNewline, break_: func(p *broken) { p.req.Body = append(p.req.Body, '\n') }},
		{name: "line end lost from the body", scheme: "shopify", body: sampleJSON + "\r\n", want: signer.CauseNewline, break_: func(p *broken) { p.req.Body = bytes.TrimSpace(p.req.Body) }},
		{name: "JSON indented", scheme: "stripe", want: signer.CauseReserialised, break_: func(p *broken) {
			p.req.Body = []byte("{\n  \"type\": \"thing.created\",\n  \"id\": \"evt_1\",\n  \"text\": \"grüße / 1.50\",\n  \"n\": 1.50\n}")
		}},
		{name: "JSON escaped to ASCII", scheme: "meta", body: `{"object":"page","entry":[{"text":"gr\u00fc\u00dfe"}]}`, want: signer.CauseReserialised, break_: func(p *broken) {
			p.req.Body = []byte(`{"object":"page","entry":[{"text":"grüße"}]}`)
		}},
		{name: "inside of a form", scheme: "github", want: signer.CauseForm, break_: func(p *broken) {
			p.req.Body = []byte("payload=" + strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", ";", "%3B").Replace(string(p.req.Body)))
		}},
		{name: "SHA-1 where SHA-256 is wanted", scheme: "shopify", want: signer.CauseHash, say: "sha1", break_: func(p *broken) { resign(p, "shopify", func(s *signer.Scheme) { s.Algorithm = signer.HMACSHA1 }) }},
		{name: "base64 where hex is wanted", scheme: "linear", body: `{"webhookTimestamp":1800000000000}`, want: signer.CauseTextForm, say: "base64", break_: func(p *broken) {
			resign(p, "linear", func(s *signer.Scheme) { s.Signature.Encoding = "base64" })
		}},
		{name: "port in the URL", scheme: "square", want: signer.CauseURL, say: "https://app.example.test/in", break_: func(p *broken) { p.req.URL = "https://app.example.test:443/in?x=1" }},
		{name: "http behind a proxy", scheme: "trello", want: signer.CauseURL, break_: func(p *broken) { p.req.URL = "http://app.example.test/in?x=1" }},
		{name: "prefix of the relay in the path", scheme: "hubspot-v3", want: signer.CauseURL, break_: func(p *broken) { p.req.URL = "https://app.example.test/h/abc/in?x=1" }},
		{name: "method changed", scheme: "hubspot-v3", want: signer.CauseMethod, say: "POST", break_: func(p *broken) { p.req.Method = "PUT" }},
		{name: "stale", scheme: "slack", want: signer.CauseClock, say: "stale by 412 s", break_: func(p *broken) { p.at = p.at.Add(412 * time.Second) }},
		{name: "clock behind", scheme: "slack", want: signer.CauseClock, say: "ahead", break_: func(p *broken) { p.at = p.at.Add(-time.Hour) }},
		{name: "key ended", scheme: "stripe", want: signer.CauseKeyDates, break_: func(p *broken) { p.keys[0].NotAfter = p.at.Add(-time.Hour) }},
		{name: "message of another provider", scheme: "stripe", want: signer.CauseProvider, say: "GitHub", break_: func(p *broken) { other(p, "github") }},
		{name: "time header rewritten", scheme: "webflow", want: signer.CauseTimestamp, break_: func(p *broken) {
			p.req.Header.Set("X-Webflow-Timestamp", "1800000000")
			p.at = time.Unix(1_800_000, 0)
		}},
		{name: "no signature", scheme: "stripe", want: signer.CauseUnsigned, break_: func(p *broken) { p.req.Header = http.Header{} }},
		{name: "header sent twice", scheme: "stripe", want: signer.CauseHeader, break_: func(p *broken) {
			p.req.Header["Stripe-Signature"] = append(p.req.Header["Stripe-Signature"], "t=1,v1=00")
		}},
		{name: "empty secret", scheme: "stripe", want: signer.CauseEmptySecret, break_: func(p *broken) { p.keys[0].Secret = "" }},
		{name: "Latin-1 read as UTF-8", scheme: "github", body: "{\"t\":\"gr\xfc\xdfe\"}", want: signer.CauseEncoding, break_: func(p *broken) { p.req.Body = []byte(`{"t":"grüße"}`) }},
		{name: "body dropped at the sender", scheme: "github", body: "\x00", want: signer.CauseBodyChanged, break_: func(p *broken) {
			p.req.Body = nil
			resign(p, "github", func(*signer.Scheme) {})
			p.req.Body = []byte("{}")
		}},
		{name: "hex in capitals", scheme: "razorpay", want: signer.CauseTextForm, say: "capitals", break_: func(p *broken) {
			p.req.Header.Set("X-Razorpay-Signature", strings.ToUpper(p.req.Header.Get("X-Razorpay-Signature")))
		}},
		{name: "padding cut off", scheme: "shopify", want: signer.CauseTextForm, say: "padding", break_: func(p *broken) {
			p.req.Header.Set("X-Shopify-Hmac-Sha256", strings.TrimRight(p.req.Header.Get("X-Shopify-Hmac-Sha256"), "="))
		}},
		{name: "nothing known", scheme: "stripe", want: signer.CauseUnknown, break_: func(p *broken) { p.req.Body = []byte(`{"quite":"different"}`) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ok := signer.FindScheme(c.scheme)
			if !ok {
				t.Fatal("no such scheme")
			}
			key, _ := secretFor(t, s, 0)
			if c.secret != "" {
				key.Secret = c.secret
			}
			req := sampleRequest(s)
			if c.body != "" {
				req.Body = []byte(c.body)
			}
			signed, err := signer.Sign(s, req, []signer.Key{key}, signer.SignOptions{At: testAt, ID: "msg-1"})
			if err != nil {
				t.Fatal(err)
			}
			p := &broken{req: signed.Apply(req), keys: []signer.Key{key}, at: testAt}
			if c.break_ != nil {
				c.break_(p)
			}
			d := signer.Explain(t.Context(), s, p.req, p.keys, p.at, signer.Options{}, p.others...)
			if d.Cause != c.want || !strings.Contains(d.Sentence, c.say) {
				t.Errorf("cause %q, want %q: %s\n%+v", d.Cause, c.want, d.Sentence, d.Verdict)
			}
			if (d.Cause == signer.CauseUnknown) != (len(d.RuledOut) > 0) {
				t.Errorf("ruled out: %v", d.RuledOut)
			}
		})
	}
}

// resign signs the message again by a changed row.
func resign(p *broken, scheme string, change func(*signer.Scheme)) {
	s, _ := signer.FindScheme(scheme)
	own := *s
	change(&own)
	signed, err := signer.Sign(&own, p.req, p.keys, signer.SignOptions{At: p.at, ID: "msg-1"})
	if err != nil {
		panic(err)
	}
	p.req = signed.Apply(p.req)
}

// other makes the message one of another scheme with the same secret.
func other(p *broken, scheme string) {
	p.req.Header = http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"push"}}
	resign(p, scheme, func(*signer.Scheme) {})
}

func TestExplainLeavesTheReplayCacheAlone(t *testing.T) {
	s, _ := signer.FindScheme("stripe")
	sm := newSample(t, s)
	cache := &signer.MemoryReplay{}
	opts := signer.Options{Replay: cache}
	signer.Explain(t.Context(), s, sm.req, []signer.Key{sm.key}, testAt, opts)
	if v := signer.Verify(t.Context(), s, sm.req, []signer.Key{sm.key}, testAt, opts); v.Status != signer.Valid {
		t.Errorf("first sighting after a diagnosis: %+v", v)
	}
	if v := signer.Verify(t.Context(), s, sm.req, []signer.Key{sm.key}, testAt, opts); v.Status != signer.Replayed {
		t.Errorf("second sighting: %+v", v)
	}
}
