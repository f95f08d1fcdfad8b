package stage_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

const url = "https://hooks.example/h/abc/in"

var at = time.Unix(1700000000, 0)

// signed is a delivery that a provider signed.
func signed(t *testing.T, scheme, secret, body string, when time.Time) *tunnel.Delivery {
	t.Helper()
	s, ok := signer.FindScheme(scheme)
	if !ok {
		t.Fatalf("no scheme %q", scheme)
	}
	req := &signer.Request{Method: "POST", URL: url, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	out, err := signer.Sign(s, req, []signer.Key{{Secret: signer.Secret(secret)}}, signer.SignOptions{At: when})
	if err != nil {
		t.Fatal(err)
	}
	send := out.Apply(req)
	return &tunnel.Delivery{
		ID: tunnel.NewID(when), Attempt: 1, ReceivedAt: when.Add(time.Second), Method: send.Method, Target: "/in", URL: send.URL,
		Host: "hooks.example", Header: tunnel.FromHTTP(send.Header), Body: send.Body,
	}
}

// counting answers with a status and counts.
type counting struct {
	mu     sync.Mutex
	status int
	seen   int
}

func (a *counting) Handle(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen++
	return &tunnel.Result{Status: a.status, By: tunnel.ByApplication}, nil
}

func schemes(t *testing.T, ids ...string) []*signer.Scheme {
	t.Helper()
	var out []*signer.Scheme
	for _, id := range ids {
		s, ok := signer.FindScheme(id)
		if !ok {
			t.Fatalf("no scheme %q", id)
		}
		out = append(out, s)
	}
	return out
}

func judge(t *testing.T, secret string, ids ...string) *stage.Judge {
	t.Helper()
	o := stage.JudgeOptions{Schemes: schemes(t, ids...), Keys: []signer.Key{{ID: "k", Secret: signer.Secret(secret)}}}
	if len(ids) > 0 {
		o.Provider = ids[0]
	}
	return stage.NewJudge(o)
}

func TestVerdictIsInTheResult(t *testing.T) {
	good := signed(t, "stripe", "example", "{}", at)
	changed := signed(t, "stripe", "example", "{}", at)
	changed.Body = []byte("{ }")
	old := signed(t, "stripe", "example", "{}", at)
	old.ReceivedAt = at.Add(time.Hour)
	early := signed(t, "stripe", "example", "{}", at)
	early.ReceivedAt = at.Add(-time.Hour)
	bare := &tunnel.Delivery{ID: tunnel.NewID(at), Method: "POST", URL: url, ReceivedAt: at, Body: []byte("{}")}
	for _, test := range []struct {
		name    string
		d       *tunnel.Delivery
		schemes []string
		want    byte
	}{
		{"valid", good, []string{"stripe"}, stage.OK | stage.CoversBody | stage.CoversTime},
		{"changed", changed, []string{"stripe"}, stage.Bad},
		{"stale when it was received", old, []string{"stripe"}, stage.Stale | stage.CoversBody | stage.CoversTime},
		{"ahead when it was received", early, []string{"stripe"}, stage.Future | stage.CoversBody | stage.CoversTime},
		{"unsigned", bare, []string{"stripe"}, stage.Unsigned},
		{"detected", good, nil, stage.OK | stage.CoversBody | stage.CoversTime},
		{"nobody's", bare, nil, stage.UnknownProvider},
	} {
		t.Run(test.name, func(t *testing.T) {
			var told *stage.Judgement
			h := stage.Chain(&counting{status: 200}, stage.Verify(stage.VerifyOptions{
				Judge: judge(t, "example", test.schemes...), Report: func(_ *tunnel.Delivery, j *stage.Judgement) { told = j },
			}))
			r, err := h.Handle(t.Context(), test.d)
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != test.want {
				t.Errorf("verdict %#x, want %#x", r.Verdict, test.want)
			}
			if told == nil {
				t.Fatal("nobody was told")
			}
			if wants := told.Verdict.Status != signer.Valid && !told.Unknown(); (told.Diagnosis != nil) != wants {
				t.Errorf("diagnosis %v", told.Diagnosis)
			}
		})
	}
}

// A public key is no secret: who knows it must not be able to sign with it.
func TestPublicKeyIsNeverASharedSecret(t *testing.T) {
	const public = "whpk_ZXhhbXBsZS1wdWJsaWMta2V5LW9mLTMyLWJ5dGVzIS4="
	forged := signed(t, "standard-webhooks", strings.Replace(public, "whpk_", "whsec_", 1), "{}", at)
	asText := signed(t, "standard-webhooks", public, "{}", at)
	text := signed(t, "github", "-----BEGIN PUBLIC KEY-----\nexample\n-----END PUBLIC KEY-----", "{}", at)
	for _, test := range []struct {
		d  *tunnel.Delivery
		j  *stage.Judge
		id string
	}{
		{asText, judge(t, public, "standard-webhooks", "standard-webhooks-v1a"), "v1a key"},
		{forged, stage.NewJudge(stage.JudgeOptions{Public: []signer.Key{{Secret: signer.Secret(strings.TrimPrefix(public, "whpk_"))}}, Schemes: schemes(t, "standard-webhooks", "standard-webhooks-v1a")}), "given as public"},
		{text, judge(t, "-----BEGIN PUBLIC KEY-----\nexample\n-----END PUBLIC KEY-----", "github"), "PEM"},
	} {
		if got := test.j.Judge(t.Context(), stage.Request(test.d), at); got.Verdict.Authentic() {
			t.Errorf("%s: signing with the public key is taken: %+v", test.id, got.Verdict)
		}
	}
}

func TestBlock(t *testing.T) {
	app := &counting{status: 200}
	h := stage.Chain(app, stage.Verify(stage.VerifyOptions{Judge: judge(t, "example", "stripe")}), stage.Block())
	r, err := h.Handle(t.Context(), signed(t, "stripe", "another", "{}", at))
	if err != nil || r.Status != 401 || r.By != tunnel.ByBlock || r.Verdict != stage.Bad || app.seen != 0 {
		t.Errorf("%+v, %v, %d seen", r, err, app.seen)
	}
	r, err = h.Handle(t.Context(), signed(t, "stripe", "example", "{}", at))
	if err != nil || r.Status != 200 || app.seen != 1 {
		t.Errorf("%+v, %v, %d seen", r, err, app.seen)
	}
}

// noKeys is a provider's key set that cannot be got.
type noKeys struct{}

func (noKeys) Keys(context.Context, string, string) ([]signer.JWK, error) {
	return nil, os.ErrDeadlineExceeded
}
func (noKeys) Certificate(context.Context, string, string) ([]byte, error) {
	return nil, os.ErrDeadlineExceeded
}

// While the provider's keys cannot be got nothing is refused for good.
func TestBlockWithoutKeysAsksAgain(t *testing.T) {
	s := *schemes(t, "discord-interactions")[0]
	s.Key.URL = "https://keys.example/jwks.json"
	j := stage.NewJudge(stage.JudgeOptions{Provider: "x", Schemes: []*signer.Scheme{&s}, Options: signer.Options{Fetcher: noKeys{}}})
	d := &tunnel.Delivery{ID: tunnel.NewID(at), Method: "POST", URL: url, ReceivedAt: at, Body: []byte("{}"), Header: tunnel.Header{
		{Name: "X-Signature-Ed25519", Value: strings.Repeat("00", 64)}, {Name: "X-Signature-Timestamp", Value: "1700000000"}}}
	r, err := stage.Chain(&counting{status: 200}, stage.Verify(stage.VerifyOptions{Judge: j}), stage.Block()).Handle(t.Context(), d)
	if err != nil || r.Status != 503 || r.By == tunnel.ByBlock {
		t.Errorf("%+v, %v", r, err)
	}
}

// Anybody can have a provider sign with its published key: a guess at the
// provider must not make that valid, nor dial for it.
func TestDetectedProvidersUseNoPublishedKeys(t *testing.T) {
	f := &countingKeys{}
	j := stage.NewJudge(stage.JudgeOptions{Keys: []signer.Key{{Secret: "example"}}, Options: signer.Options{Fetcher: f}})
	req := &signer.Request{Method: "POST", URL: url, Header: http.Header{"X-Amz-Sns-Message-Type": {"Notification"}}, Body: []byte(
		`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:us-east-1:1:t","Message":"x","Timestamp":"2023-11-14T22:13:20.000Z","SignatureVersion":"2","Signature":"AAAA","SigningCertURL":"https://sns.us-east-1.amazonaws.com/a.pem"}`)}
	if got := j.Judge(t.Context(), req, at); got.Provider != "aws-sns" || got.Verdict.Authentic() || f.n != 0 {
		t.Errorf("%+v, %d fetches", got.Verdict, f.n)
	}
}

type countingKeys struct{ n int }

func (c *countingKeys) Keys(context.Context, string, string) ([]signer.JWK, error) {
	c.n++
	return nil, os.ErrDeadlineExceeded
}

func (c *countingKeys) Certificate(context.Context, string, string) ([]byte, error) {
	c.n++
	return nil, os.ErrDeadlineExceeded
}

func replayed(t *testing.T, app tunnel.Handler, path string) (tunnel.Handler, *stage.ReplayFile) {
	t.Helper()
	f, err := stage.OpenReplayFile(path, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return stage.Chain(app, stage.Verify(stage.VerifyOptions{Judge: judge(t, "example", "stripe"), Replay: f, Scope: "e"}), stage.DropDuplicates()), f
}

func TestOnlyAnsweredDuplicatesAreDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seen")
	app := &counting{status: 500}
	h, f := replayed(t, app, path)
	again := func(what string, d *tunnel.Delivery, seen int, outcome byte) {
		t.Helper()
		r, err := h.Handle(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if app.seen != seen || r.Verdict&0x0f != outcome {
			t.Errorf("%s: the application saw %d, want %d; outcome %d, want %d", what, app.seen, seen, r.Verdict&0x0f, outcome)
		}
	}
	first := signed(t, "stripe", "example", "{}", at)
	second, third := *first, *first
	second.ID, third.ID = tunnel.NewID(at), tunnel.NewID(at)
	again("first", first, 1, stage.OK)
	again("a new attempt of it is no replay", first, 2, stage.OK)
	again("sent again after a 500: the application must see it", &second, 3, stage.Replayed)
	app.status = 204
	again("the attempt that it answers", first, 4, stage.OK)
	f.Close()
	h, _ = replayed(t, app, path) // the listener was started again
	again("sent again after a 204", &third, 4, stage.Replayed)
	again("an attempt of the answered one", first, 5, stage.OK)
	forged := third
	forged.Body = []byte(`{"a":1}`)
	again("not verified, never dropped", &forged, 6, stage.Bad)
}

func TestOneOfManyIsFirst(t *testing.T) {
	f, err := stage.OpenReplayFile(filepath.Join(t.TempDir(), "seen"), at)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var wg sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 50 {
		wg.Go(func() {
			if f.See(strings.Repeat("a", 64), tunnel.NewID(at), at) == stage.New {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n != 1 {
		t.Errorf("%d of 50 are the first", n)
	}
}

func TestReplayFileForgetsAndSkipsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seen")
	f, err := stage.OpenReplayFile(path, at)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.Repeat("b", 64)
	f.See(key, tunnel.NewID(at), at)
	f.Close()
	f.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, bytes.Repeat([]byte("rubbish\n"), 3000)...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err = stage.OpenReplayFile(path, at)
	if err != nil {
		t.Fatal(err)
	}
	if f.See(key, tunnel.NewID(at), at) != stage.SeenBefore {
		t.Error("forgotten too early")
	}
	if f.See(key, tunnel.NewID(at), at.Add(25*time.Hour)) != stage.New {
		t.Error("remembered too long")
	}
	f.Close()
	if b, err := os.ReadFile(path); err != nil || len(b) > 1000 {
		t.Errorf("the file was not shortened: %d bytes, %v", len(b), err)
	}
}

func handshake(t *testing.T, provider, secret string, d *tunnel.Delivery, app tunnel.Handler) *tunnel.Result {
	t.Helper()
	return shake(t, handshaker(t, provider, secret, app), d)
}

func handshaker(t *testing.T, provider, secret string, app tunnel.Handler) tunnel.Handler {
	t.Helper()
	p, ok := signer.FindProvider(provider)
	if !ok {
		t.Fatalf("no provider %q", provider)
	}
	return stage.Chain(app, stage.Handshake(stage.HandshakeOptions{Provider: p, Keys: func() []signer.Key { return []signer.Key{{Secret: signer.Secret(secret)}} }}))
}

func shake(t *testing.T, h tunnel.Handler, d *tunnel.Delivery) *tunnel.Result {
	t.Helper()
	r, err := h.Handle(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func challenge(code string) *tunnel.Delivery {
	return &tunnel.Delivery{ID: tunnel.NewID(at), Method: "GET", Target: "/in?challengeCode=" + code, URL: url + "?challengeCode=" + code, ReceivedAt: at}
}

func TestHandshakes(t *testing.T) {
	app := &counting{status: 404}
	r := handshake(t, "slack", "", &tunnel.Delivery{Method: "POST", URL: url, Body: []byte(`{"type":"url_verification","challenge":"abc"}`)}, app)
	if r.By != tunnel.ByHandshake || string(r.Body) != `{"challenge":"abc"}` {
		t.Errorf("slack: %+v", r)
	}
	if r := handshake(t, "slack", "", &tunnel.Delivery{Method: "POST", URL: url, Body: []byte(`{"type":"event_callback"}`)}, app); r.Status != 404 {
		t.Errorf("an ordinary webhook is taken for a handshake: %+v", r)
	}
	if r := handshake(t, "linkedin", "example", challenge("890e4665-4dfe-4ab1-b689-ed553bceeed0"), app); r.By != tunnel.ByHandshake || r.Status != 200 {
		t.Errorf("linkedin: %+v", r)
	}
	if r := handshake(t, "linkedin", "example", challenge("hmacsha256%3D%7B%7D"), app); r.By == tunnel.ByHandshake {
		t.Errorf("a token that spells a signed message is answered: %+v", r)
	}
}

// Xero's webhooks look like its handshake but for their numbers: they are the
// application's.
func TestXeroWebhooksAreNoHandshakes(t *testing.T) {
	app := &application{status: 404}
	ask := signed(t, "xero", "example", `{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"UQ"}`, at)
	if r := handshake(t, "xero", "example", ask, app); r.Status != 200 || r.By != tunnel.ByHandshake {
		t.Errorf("handshake: %+v", r)
	}
	real := signed(t, "xero", "example", `{"events":[{"eventType":"UPDATE"}],"firstEventSequence":1,"lastEventSequence":1,"entropy":"UQ"}`, at)
	if r := handshake(t, "xero", "example", real, app); r.Status != 404 {
		t.Errorf("webhook: %+v", r)
	}
}

func TestKeyedHandshakesAreOneASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handshaker(t, "linkedin", "example", &counting{status: 404})
		if r := shake(t, h, challenge("a1")); r.Status != 200 {
			t.Fatalf("%+v", r)
		}
		if r := shake(t, h, challenge("a2")); r.Status != 429 {
			t.Fatalf("%+v", r)
		}
		time.Sleep(handshakeWait)
		if r := shake(t, h, challenge("a3")); r.Status != 200 {
			t.Fatalf("%+v", r)
		}
	})
}

const handshakeWait = 1100 * time.Millisecond
