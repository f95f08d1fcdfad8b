package signer_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hookrelay/hook/signer"
)

// tokens that a stranger may send: short ones, signable content, and everything between.
func hostileTokens() []string {
	return []string{
		"abc", "0123456789abcdef0123", strings.Repeat("a", 20), strings.Repeat("f", 32), strings.Repeat("a", 64), "CRCTOKEN-abc_123",
		`{"event":"paid"}`, `[{"a":1}]`, "hmacsha256={}", "hmacsha256=", "hmacsha256=abc", "v0:1800000000:{}", "1800000000.{}", "PD94bWw=",
		"%7B%22a%22%3A1%7D", "\n", " ", "<a/>", strings.Repeat("x", 5000), "PGE+PC9hPg==", "e30=", "e30",
	}
}

// handshakeRequest makes a request that a handshake matches, with the token at its place.
func handshakeRequest(h *signer.Handshake, token string) *signer.Request {
	req := &signer.Request{Method: cmpOr(h.Match.Method, "POST"), URL: "https://app.example.test/in", Header: http.Header{}}
	query := []string{}
	for name, value := range h.Match.Query {
		if strings.HasSuffix(h.Token, ":"+name) || value == "" {
			value = token
		}
		query = append(query, name+"="+strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", "=", "%3D", "\n", "%0A", " ", "%20", "#", "%23").Replace(value))
	}
	if name, ok := strings.CutPrefix(h.Token, "query:"); ok {
		if _, in := h.Match.Query[name]; !in {
			query = append(query, name+"="+token)
		}
	}
	if len(query) > 0 {
		req.URL += "?" + strings.Join(query, "&")
	}
	for name, value := range h.Match.Header {
		req.Header.Set(name, cmpOr(value, "abc"))
	}
	if strings.HasPrefix(h.Token, "json:") || len(h.Match.JSON) > 0 {
		event := h.Match.JSON["/event"]
		name := h.Match.JSON["/eventName"]
		req.Body = []byte(`{"type":"` + h.Match.JSON["/type"] + `","event":"` + event + `","eventName":"` + name +
			`","events":[],"entropy":"x","version":1,"application_id":"1","token":"t","payload":{"plainToken":` + quote(token) + `,"challenge":` + quote(token) + `}}`)
	}
	return req
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// No answer to a keyed handshake may verify as a webhook: for every row, every hostile token that is answered is turned into messages of
// every scheme of the provider, with the answer at every place where a signature can stand.
func TestNoSigningOracle(t *testing.T) {
	answered := 0
	for _, p := range signer.Providers() {
		for i := range p.Handshakes {
			h := &p.Handshakes[i]
			if h.Keyed == "" {
				continue
			}
			t.Run(p.ID+"/"+h.Name, func(t *testing.T) {
				s, ok := signer.FindScheme(cmpOr(h.Scheme, p.Schemes[0].ID))
				if !ok {
					t.Fatalf("unknown scheme %q", h.Scheme)
				}
				key, public := secretFor(t, s, 0)
				if public != "" {
					key.Secret = signer.Secret(public)
				}
				for _, token := range hostileTokens() {
					req := handshakeRequest(h, token)
					reply, err := signer.Answer(t.Context(), &p, h, req, []signer.Key{key}, testAt, signer.Options{Params: map[string]string{"verify_token": "mine"}})
					if h.Signed && err == nil && reply.Status < 400 {
						t.Fatalf("an unsigned request was answered: %+v", reply)
					}
					if err != nil || h.Signed || h.Keyed == "equal" {
						continue
					}
					answered++
					tryForgeries(t, &p, key, token, reply.Body)
				}
			})
		}
	}
	if answered == 0 {
		t.Error("no token at all was answered: the test proves nothing")
	}
}

// tryForgeries puts the answer wherever a signature of the provider can stand.
func tryForgeries(t *testing.T, p *signer.Provider, key signer.Key, token, answer string) {
	t.Helper()
	var sigs []string
	for _, part := range strings.FieldsFunc(answer, func(r rune) bool { return strings.ContainsRune(`"{},:|`, r) }) {
		sigs = append(sigs, part, "sha256="+part, "v0="+part, "public0|"+part)
	}
	for i := range p.Schemes {
		s := &p.Schemes[i]
		for _, sig := range sigs {
			for _, body := range []string{token, strings.TrimPrefix(token, "hmacsha256="), "bt_signature=" + sig + "&bt_payload=" + token, ""} {
				req := &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{}, Body: []byte(body)}
				if name, ok := strings.CutPrefix(s.Signature.From, "header:"); ok {
					req.Header.Set(name, sig)
				}
				if v := signer.Verify(t.Context(), s, req, []signer.Key{key}, testAt, signer.Options{}); v.Authentic() {
					t.Errorf("the answer to token %q verifies as %s: %+v", token, s.ID, v)
				}
			}
		}
	}
}

func TestKeyedHandshakesAnswer(t *testing.T) {
	for _, c := range []struct {
		provider, url, want string
		secret              signer.Secret
	}{
		// https://docs.x.com/x-api/webhooks/quickstart: response_token is sha256= and base64 of the HMAC
		{"x", "https://app.example.test/in?crc_token=abc", `{"response_token":"sha256=mUba1OAOkT/Ivo5dP34RCkqegy+D+wnDRShdeGONig4="}`, "secret"},
		{"linkedin", "https://app.example.test/in?challengeCode=abc", `{"challengeCode":"abc","challengeResponse":"9946dad4e00e913fc8be8e5d3f7e110a4a9e832f83fb09c345285d78638d8a0e"}`, "secret"},
	} {
		p, _ := signer.FindProvider(c.provider)
		req := &signer.Request{Method: "GET", URL: c.url, Header: http.Header{}}
		h, ok := signer.FindHandshake(p, req)
		if !ok {
			t.Fatalf("%s: not seen", c.provider)
		}
		reply, err := signer.Answer(t.Context(), p, h, req, []signer.Key{{Secret: c.secret}}, testAt, signer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if reply.Body != c.want || reply.Header["X-Content-Type-Options"] != "nosniff" {
			t.Errorf("%s: %+v", c.provider, reply)
		}
	}
}

func TestZoomChallengeIsAnsweredOnlyWhenSigned(t *testing.T) {
	p, _ := signer.FindProvider("zoom")
	s, _ := signer.FindScheme("zoom")
	key := signer.Key{ID: "k", Secret: "example-zoom"}
	req := &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{}, Body: []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`)}
	h, ok := signer.FindHandshake(p, req)
	if !ok {
		t.Fatal("not seen")
	}
	if _, err := signer.Answer(t.Context(), p, h, req, []signer.Key{key}, testAt, signer.Options{}); !errors.Is(err, signer.ErrNotSigned) {
		t.Errorf("unsigned: %v", err)
	}
	signed, err := signer.Sign(s, req, []signer.Key{key}, signer.SignOptions{At: testAt})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := signer.Answer(t.Context(), p, h, signed.Apply(req), []signer.Key{key}, testAt, signer.Options{})
	if err != nil || !strings.HasPrefix(reply.Body, `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"`) {
		t.Errorf("signed: %+v %v", reply, err)
	}
}

func TestMetaSubscription(t *testing.T) {
	p, _ := signer.FindProvider("meta")
	req := &signer.Request{Method: "GET", URL: "https://app.example.test/in?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=mine", Header: http.Header{}}
	h, ok := signer.FindHandshake(p, req)
	if !ok {
		t.Fatal("not seen")
	}
	for token, want := range map[string]string{"mine": "1158201444", "other": "", "": ""} {
		reply, err := signer.Answer(t.Context(), p, h, req, nil, testAt, signer.Options{Params: map[string]string{"verify_token": token}})
		if (err == nil) != (want != "") || (err == nil && reply.Body != want) {
			t.Errorf("verify token %q: %+v %v", token, reply, err)
		}
	}
}

func TestEchoesAreData(t *testing.T) {
	for _, c := range []struct {
		provider, method, url, body, want string
		header                            map[string]string
	}{
		{"slack", "POST", "https://a.test/", `{"type":"url_verification","challenge":"a\"b</script>"}`, `{"challenge":"a\"b\u003c/script\u003e"}`, nil},
		{"microsoft-graph", "POST", "https://a.test/?validationToken=a%20b", "", "a b", nil},
		{"dropbox", "GET", "https://a.test/?challenge=xyz", "", "xyz", nil},
		{"okta", "GET", "https://a.test/", "", `{"verification":"v1"}`, map[string]string{"X-Okta-Verification-Challenge": "v1"}},
		{"twitch", "POST", "https://a.test/", `{"challenge":"pogchamp"}`, "pogchamp", map[string]string{"Twitch-Eventsub-Message-Type": "webhook_callback_verification"}},
		{"azure-event-grid", "POST", "https://a.test/", `[{"data":{"validationCode":"512d"}}]`, `{"validationResponse":"512d"}`, map[string]string{"Aeg-Event-Type": "SubscriptionValidation"}},
		{"monday", "POST", "https://a.test/", `{"challenge":"c"}`, `{"challenge":"c"}`, nil},
	} {
		p, ok := signer.FindProvider(c.provider)
		if !ok {
			t.Fatalf("no provider %q", c.provider)
		}
		req := &signer.Request{Method: c.method, URL: c.url, Header: http.Header{}, Body: []byte(c.body)}
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		var got *signer.Reply
		for _, h := range p.Echoes() {
			if h.Match.Matches(req) {
				reply, err := h.Reply.Fill(req)
				if err != nil {
					t.Fatal(err)
				}
				got = reply
			}
		}
		if got == nil || got.Body != c.want || got.Header["X-Content-Type-Options"] != "nosniff" {
			t.Errorf("%s: %+v, want %q", c.provider, got, c.want)
		}
	}
	p, _ := signer.FindProvider("dropbox")
	long := &signer.Request{Method: "GET", URL: "https://a.test/?challenge=" + strings.Repeat("x", 5000), Header: http.Header{}}
	if _, err := p.Handshakes[0].Reply.Fill(long); err == nil {
		t.Error("a value of 5000 bytes is echoed")
	}
}
