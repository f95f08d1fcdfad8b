package signer_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

// testAt is the time at which the tests sign and judge.
var testAt = time.Unix(1_800_000_000, 0)

// sample is a message and a key that a scheme can sign.
type sample struct {
	scheme *signer.Scheme
	req    *signer.Request // as signed
	key    signer.Key
	public string // for public-key schemes: what the receiver has
	params map[string]string
}

func (s *sample) verifyKey(id string) signer.Key {
	if s.public != "" {
		return signer.Key{ID: id, Secret: signer.Secret(s.public)}
	}
	k := s.key
	k.ID = id
	return k
}

func (s *sample) verify(t testing.TB, req *signer.Request, at time.Time, keys ...signer.Key) signer.Verdict {
	t.Helper()
	return signer.Verify(t.Context(), s.scheme, req, keys, at, signer.Options{Params: s.params})
}

func schemes() []signer.Scheme {
	var all []signer.Scheme
	for _, p := range signer.Providers() {
		all = append(all, p.Schemes...)
	}
	return all
}

// secretFor makes an example secret in the form a scheme wants; n tells several apart.
func secretFor(t testing.TB, s *signer.Scheme, n byte) (key signer.Key, public string) {
	t.Helper()
	fill := strings.Repeat(string('a'+n), 32)
	key = signer.Key{ID: "key-" + string('1'+n)}
	switch {
	case s.Key.Public:
		k, err := signer.NewTestKey(s, "")
		if err != nil {
			t.Fatal(err)
		}
		key.Secret = k.Private
		key.ID = ""
		return key, k.Public
	case s.Algorithm == signer.Basic:
		key.Secret = signer.Secret("user:" + fill)
	case s.Hook == "braintree":
		key.Secret = signer.Secret("public" + string('0'+n) + "|private" + fill)
	case s.Key.Encoding == "hex":
		key.Secret = signer.Secret(strings.Repeat(string('a'+n)+"0", 32))
	case s.Key.Encoding == "base64":
		key.Secret = signer.Secret(strings.Repeat("QUFB"[:3]+string('A'+n), 11))
	default:
		key.Secret = signer.Secret("example-" + fill)
	}
	return key, ""
}

const sampleJSON = `{"type":"thing.created","id":"evt_1","text":"grüße / 1.50","n":1.50}`

func sampleRequest(s *signer.Scheme) *signer.Request {
	req := &signer.Request{Method: "POST", URL: "https://app.example.test/in?x=1", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(sampleJSON)}
	form := func(body string) {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Body = []byte(body)
	}
	switch {
	case s.ID == "adyen":
		req.Body = []byte(`{"notificationItems":[{"NotificationRequestItem":{"pspReference":"P1","amount":{"value":100,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true"}}]}`)
	case s.ID == "braintree":
		req.Body = []byte(`<notification><kind>check</kind></notification>`)
	case s.ID == "treezor":
		req.Body = []byte(`{"webhook":"user.create","object_payload":{"a":"é/b"}}`)
	case s.ID == "dropbox-sign":
		form(`json={"event":{"event_type":"x"}}`)
	case s.ID == "microsoft-graph":
		req.Body = []byte(`{"value":[{"changeType":"updated"}]}`)
	case s.ID == "payos":
		req.Body = []byte(`{"code":"00","data":{"orderCode":123,"amount":3000,"description":"x","desc":null}}`)
	case s.ID == "opennode":
		form("id=c1&status=paid")
	case s.ID == "mercado-pago":
		req.URL = "https://app.example.test/in?data.id=1"
		req.Header.Set("X-Request-Id", "r1")
	case s.ID == "travis-ci":
		form(`payload={"id":1}`)
	case strings.Contains(s.Content, "sorted_form") || s.ID == "mailgun-form" || s.ID == "plivo-v3":
		form("From=1&To=2&Body=hi+there")
	}
	return req
}

func newSample(t testing.TB, s *signer.Scheme) *sample {
	t.Helper()
	sm := &sample{scheme: s, params: map[string]string{"webhook_id": "WH1", "audience": "https://app.example.test"}}
	sm.key, sm.public = secretFor(t, s, 0)
	return sm.sign(t, testAt, sm.key)
}

func (s *sample) sign(t testing.TB, at time.Time, keys ...signer.Key) *sample {
	t.Helper()
	req := sampleRequest(s.scheme)
	signed, err := signer.Sign(s.scheme, req, keys, signer.SignOptions{At: at, ID: "msg-1", Params: s.params})
	if err != nil {
		t.Fatal(err)
	}
	out := *s
	out.req = signed.Apply(req)
	return &out
}

func clone(r *signer.Request) *signer.Request {
	c := *r
	c.Header = r.Header.Clone()
	c.Body = slices.Clone(r.Body)
	return &c
}

// eachScheme runs a test over every scheme of the table.
func eachScheme(t *testing.T, f func(t *testing.T, s *signer.Scheme)) {
	for _, s := range schemes() {
		t.Run(s.ID, func(t *testing.T) { f(t, &s) })
	}
}

func TestSignedMessageVerifies(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		got := sm.verify(t, sm.req, testAt, sm.verifyKey("mine"))
		if got.Status != signer.Valid || got.KeyID != "mine" || got.Scheme != s.ID {
			t.Errorf("verdict %+v", got)
		}
	})
}

func TestFlippedBodyIsRefused(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		got := sm.verify(t, sm.req, testAt, sm.verifyKey("mine"))
		if !slices.ContainsFunc(got.Covers, func(c string) bool { return strings.HasPrefix(c, "body") }) {
			if s.Algorithm != signer.Token && s.Algorithm != signer.Basic && len(got.Covers) == 0 {
				t.Error("the signature covers nothing that has a name")
			}
			return // the body is not bound, and the verdict says so
		}
		for i := range sm.req.Body {
			req := clone(sm.req)
			req.Body[i] ^= 1
			if v := sm.verify(t, req, testAt, sm.verifyKey("mine")); v.Authentic() && !sameMeaning(s, sm.req, req) {
				t.Fatalf("byte %d (%q) flipped to %q: %+v", i, sm.req.Body[i], req.Body[i], v)
			}
		}
	})
}

// sameMeaning says whether two bodies give the same signed values: schemes that sign fields do not see what is between them.
func sameMeaning(s *signer.Scheme, a, b *signer.Request) bool {
	switch s.ID {
	case "aws-sns", "twilio-form", "mandrill", "plivo-v1", "plivo-v3", "gitea", "forgejo":
		return true
	}
	return string(a.Body) == string(b.Body)
}

func TestFlippedSignatureIsRefused(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		names := []string{strings.TrimPrefix(s.Signature.From, "header:")}
		if s.Algorithm == signer.HTTPMessage {
			names = []string{"Signature", "Signature-Input"}
		}
		for _, name := range names {
			value := sm.req.Header.Get(name)
			if value == "" {
				return // the signature is in the body: the test above flips it
			}
			for i := range value {
				b := []byte(value)
				b[i] ^= 1
				req := clone(sm.req)
				req.Header[http.CanonicalHeaderKey(name)] = []string{string(b)}
				if v := sm.verify(t, req, testAt, sm.verifyKey("mine")); v.Authentic() {
					t.Fatalf("%q became %q: %+v", value, b, v)
				}
			}
		}
	})
}

func TestFlippedCoveredHeaderIsRefused(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		var covered []string
		if s.Timestamp != nil {
			covered = append(covered, s.Timestamp.From)
		}
		if s.MessageID != "" {
			covered = append(covered, s.MessageID)
		}
		for name := range s.Require {
			covered = append(covered, name)
		}
		for _, from := range covered {
			name, ok := strings.CutPrefix(from, "header:")
			if !ok {
				continue
			}
			req := clone(sm.req)
			value := []byte(req.Header.Get(name))
			value[len(value)/2] ^= 1
			req.Header.Set(name, string(value))
			if v := sm.verify(t, req, testAt, sm.verifyKey("mine")); v.Authentic() {
				t.Errorf("header %s changed to %q: %+v", name, value, v)
			}
			req.Header.Del(name)
			if v := sm.verify(t, req, testAt, sm.verifyKey("mine")); v.Authentic() {
				t.Errorf("header %s removed: %+v", name, v)
			}
			req.Header[http.CanonicalHeaderKey(name)] = []string{sm.req.Header.Get(name), sm.req.Header.Get(name)}
			if v := sm.verify(t, req, testAt, sm.verifyKey("mine")); v.Authentic() {
				t.Errorf("header %s sent twice: %+v", name, v)
			}
		}
	})
}

func TestWrongKeyIsRefused(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		other, public := secretFor(t, s, 1)
		wrong := sample{scheme: s, key: other, public: public, params: sm.params}
		if v := sm.verify(t, sm.req, testAt, wrong.verifyKey("other")); v.Authentic() {
			t.Errorf("verdict %+v", v)
		}
		if v := sm.verify(t, sm.req, testAt, signer.Key{ID: "empty"}); v.Authentic() {
			t.Errorf("an empty secret: %+v", v)
		}
		if v := sm.verify(t, sm.req, testAt); v.Authentic() {
			t.Errorf("no key at all: %+v", v)
		}
	})
}

func TestRotationIsAccepted(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		other, public := secretFor(t, s, 1)
		next := sample{scheme: s, key: other, public: public, params: sm.params}
		if s.Hook == "box" {
			both := sm.sign(t, testAt, other, sm.key)
			if v := both.verify(t, both.req, testAt, sm.verifyKey("x"), sm.verifyKey("secondary")); v.KeyID != "secondary" {
				t.Errorf("the secondary key: %+v", v)
			}
			return
		}
		keys := []signer.Key{next.verifyKey("new"), sm.verifyKey("old")}
		if v := sm.verify(t, sm.req, testAt, keys...); v.Status != signer.Valid || v.KeyID != "old" {
			t.Errorf("during the rotation: %+v", v)
		}
		keys[1].NotAfter = testAt.Add(-time.Second)
		if v := sm.verify(t, sm.req, testAt, keys...); v.Authentic() {
			t.Errorf("after the old key's end: %+v", v)
		}
		keys[1].NotAfter, keys[1].NotBefore = time.Time{}, testAt.Add(time.Second)
		if v := sm.verify(t, sm.req, testAt, keys...); v.Authentic() {
			t.Errorf("before the key's start: %+v", v)
		}
	})
}

func TestStaleAndFutureAreRefused(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		if sm.verify(t, sm.req, testAt, sm.verifyKey("k")).SignedAt.IsZero() {
			return // no time is signed
		}
		window := signer.DefaultWindow
		if s.Timestamp != nil && s.Timestamp.Window > 0 {
			window = time.Duration(s.Timestamp.Window) * time.Second
		}
		for _, c := range []struct {
			name  string
			shift time.Duration
			want  signer.Status
		}{
			{"just in time", window - 2*time.Second, signer.Valid},
			{"stale", window + 2*time.Second, signer.Stale},
			{"just ahead", -window + 2*time.Second, signer.Valid},
			{"future", -window - 2*time.Second, signer.Future},
		} {
			v := sm.verify(t, sm.req, testAt.Add(c.shift), sm.verifyKey("k"))
			if s.JWT != nil && s.JWT.Expires && v.Reason == signer.Expired {
				continue // the token itself ends earlier
			}
			if v.Status != c.want {
				t.Errorf("%s: %+v", c.name, v)
			}
		}
	})
}

func TestMissingSignatureIsUnsigned(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		req := sampleRequest(s)
		if s.JWT != nil && s.JWT.InBody {
			req.Body = nil
		}
		v := sm.verify(t, req, testAt, sm.verifyKey("k"))
		if v.Authentic() || v.Status == signer.NoKey {
			t.Errorf("verdict %+v", v)
		}
		if name, ok := strings.CutPrefix(s.Signature.From, "header:"); ok {
			req = clone(sm.req)
			req.Header.Set(name, "")
			for _, more := range s.Signature.More {
				req.Header.Del(strings.TrimPrefix(more, "header:"))
			}
			if v := sm.verify(t, req, testAt, sm.verifyKey("k")); v.Authentic() {
				t.Errorf("an empty signature: %+v", v)
			}
			if s.Signature.Prefix != "" {
				req.Header.Set(name, s.Signature.Prefix)
				if v := sm.verify(t, req, testAt, sm.verifyKey("k")); v.Authentic() {
					t.Errorf("a prefix and no signature: %+v", v)
				}
			}
		}
	})
}

func TestHugeSignatureHeaderIsCheap(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		name, ok := strings.CutPrefix(s.Signature.From, "header:")
		if !ok {
			return
		}
		sm := newSample(t, s)
		req := clone(sm.req)
		req.Header.Set(name, sm.req.Header.Get(name)+strings.Repeat(",v1=00", 170_000))
		v, err := signer.NewVerifier(s, []signer.Key{sm.verifyKey("k")}, signer.Options{Params: sm.params})
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Verify(t.Context(), req, testAt); got.Authentic() {
			t.Errorf("verdict %+v", got)
		}
	})
}
