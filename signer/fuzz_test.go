package signer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hookrelay/hook/signer"
)

// Every format of a signature header, by schemes that use it.
func FuzzSignatureHeader(f *testing.F) {
	ids := []string{"stripe", "github", "standard-webhooks", "supabase-auth-hooks", "recurly", "docuseal", "cronofy", "hygraph", "mercado-pago",
		"coinbase", "netlify", "fireblocks", "saleor", "truelayer", "http-message-signatures", "box", "contentful", "inngest", "orb"}
	for i := range ids {
		f.Add(i, "t=1800000000,v1=00", "v1,AAAA v1a,AAAA", []byte("{}"))
		f.Add(i, `sig1=("@method" "content-digest";sf);created=1;keyid="a"`, "sig1=:AAAA:", []byte("{}"))
		f.Add(i, "eyJhbGciOiJub25lIn0..AAAA", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", []byte(""))
	}
	f.Fuzz(func(t *testing.T, pick int, a, b string, body []byte) {
		s, _ := signer.FindScheme(ids[uint(pick)%uint(len(ids))])
		req := &signer.Request{Method: "POST", URL: "https://app.example.test/in?x=1", Header: http.Header{}, Body: body}
		name := strings.TrimPrefix(s.Signature.From, "header:")
		req.Header.Set(name, a)
		req.Header.Set("Signature-Input", a)
		req.Header.Set("Content-Digest", b)
		for _, other := range []string{"Webhook-Id", "Webhook-Timestamp", "X-Contentful-Signed-Headers", "X-Contentful-Timestamp"} {
			req.Header.Set(other, b)
		}
		if s.ID == "http-message-signatures" {
			req.Header.Set("Signature", b)
		}
		keys := []signer.Key{{ID: "k", Secret: "whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGU="}}
		if v := signer.Verify(t.Context(), s, req, keys, testAt, signer.Options{}); v.Authentic() {
			t.Fatalf("valid by chance: %q %q %+v", a, b, v)
		}
	})
}

// A signed message whose body was changed is never valid.
func FuzzMutatedBody(f *testing.F) {
	ids := []string{"stripe", "github", "standard-webhooks", "recurly", "netlify", "moralis", "hygraph", "messagebird-jwt", "box", "hubspot-v3", "http-message-signatures"}
	for i := range ids {
		f.Add(i, []byte("{}"), []byte(sampleJSON))
		f.Add(i, []byte(""), []byte("\n"))
	}
	f.Fuzz(func(t *testing.T, pick int, body, changed []byte) {
		s, _ := signer.FindScheme(ids[uint(pick)%uint(len(ids))])
		key, _ := secretFor(t, s, 0)
		req := &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{}, Body: body}
		signed, err := signer.Sign(s, req, []signer.Key{key}, signer.SignOptions{At: testAt, ID: "msg-1"})
		if err != nil {
			return // a body that the scheme cannot carry
		}
		sent := signed.Apply(req)
		v := signer.Verify(t.Context(), s, sent, []signer.Key{key}, testAt, signer.Options{})
		if s.Body == "some" && len(body) == 0 {
			return // it sends none such
		}
		if v.Status != signer.Valid {
			t.Fatalf("as signed: %+v", v)
		}
		if string(sent.Body) == string(changed) || s.ID == "box" && strings.ContainsAny(string(body)+string(changed), "\\/") || s.ID == "box" && !ascii(body, changed) {
			return // the escaped form of one body may be another
		}
		sent.Body = changed
		if v := signer.Verify(t.Context(), s, sent, []signer.Key{key}, testAt, signer.Options{}); v.Authentic() {
			t.Fatalf("%q was signed, %q verifies: %+v", body, changed, v)
		}
	})
}

func ascii(texts ...[]byte) bool {
	for _, b := range texts {
		for _, c := range b {
			if c < 0x20 || c > 0x7e {
				return false
			}
		}
	}
	return true
}

// A template of a user's own never panics, and what it signs verifies.
func FuzzTemplate(f *testing.F) {
	for _, s := range schemes() {
		f.Add(s.Content, []byte(sampleJSON))
	}
	f.Add("{{{body}}}{json:a.b[0]?}{form:x#y?}{header:A?}", []byte("a=b&x={}"))
	f.Add("{", []byte(""))
	f.Fuzz(func(t *testing.T, content string, body []byte) {
		s := &signer.Scheme{ID: "own", Algorithm: signer.HMACSHA256, Content: content, Signature: signer.Signature{From: "header:X-Sig"},
			Timestamp: &signer.Timestamp{From: "header:X-Time"}, MessageID: "header:X-Id"}
		req := &signer.Request{Method: "POST", URL: "https://app.example.test/in?x=1", Header: http.Header{}, Body: body}
		keys := []signer.Key{{ID: "k", Secret: "example"}}
		signed, err := signer.Sign(s, req, keys, signer.SignOptions{At: testAt, ID: "1"})
		if err != nil {
			return
		}
		if v := signer.Verify(t.Context(), s, signed.Apply(req), keys, testAt, signer.Options{}); v.Status != signer.Valid {
			// A template over the signature header itself cannot hold.
			if !strings.Contains(strings.ToLower(content), "x-sig") && !strings.Contains(content, "key_id") {
				t.Fatalf("template %q: %+v", content, v)
			}
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
	f.Add(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`)
	f.Add(`{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB","d":"AQAB"}`)
	f.Add(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`)
	f.Add("whpk_AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := signer.ParsePublicKey(text); err == nil && k == nil {
			t.Error("neither key nor error")
		}
		if k, err := signer.ParsePrivateKey(signer.Secret(text)); err == nil && k == nil {
			t.Error("neither key nor error")
		}
		if keys, err := signer.ParseJWKS([]byte(text)); err == nil && (len(keys) == 0 || len(keys) > 50) {
			t.Errorf("%d keys", len(keys))
		}
	})
}
