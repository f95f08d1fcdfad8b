package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

// testID is an id that sorts by n.
func testID(n int) tunnel.ID {
	id := tunnel.ID{0x01, 0x9a, 0xa6, 0xb0, 0, 0, 0x70, 0, 0x80}
	id[14], id[15] = byte(n>>8), byte(n)
	return id
}

func testDelivery(n int) *tunnel.Delivery {
	return &tunnel.Delivery{
		ID: testID(n), Seq: uint64(n), Attempt: 1, ReceivedAt: noon.Add(time.Duration(n) * time.Second), Budget: 8 * time.Second,
		Method: "POST", Target: "/hooks/stripe?id=7&token=s3cret", Prefix: "/h/abc", URL: "https://relay.example/h/abc/hooks/stripe?id=7&token=s3cret",
		Host: "relay.example", Remote: "192.0.2.1:4711",
		Header: tunnel.Header{
			{Name: "Authorization", Value: "Bearer canary-auth"}, {Name: "Content-Type", Value: "application/json; charset=utf-8"},
			{Name: "Stripe-Signature", Value: "t=1,v1=00"}, {Name: "X-Foo", Value: "bar"}, {Name: "X-Foo", Value: "baz"},
		},
		Body: []byte(`{"id":"evt_1","type":"invoice.paid","data":{"amount":1050}}`),
	}
}

func testResult() *tunnel.Result {
	return &tunnel.Result{
		Status: 200, Header: tunnel.Header{{Name: "Content-Type", Value: "text/plain"}, {Name: "Set-Cookie", Value: "canary-cookie"}},
		Body: []byte("ok"), Size: 2, By: tunnel.ByApplication, Verdict: 1,
		Timing: tunnel.Timing{Connected: time.Millisecond, FirstByte: 20 * time.Millisecond, Done: 23 * time.Millisecond},
	}
}

// identified is what Identified makes of a flow of Stripe.
func identified(f *Flow) *Flow {
	g := f.clone()
	g.Provider, g.Event, g.DeliveryID = "stripe", "invoice.paid", "evt_1"
	return g
}

// testFlow is a flow that went well.
func testFlow(n int) *Flow {
	f := identified(NewFlow(testDelivery(n), noon.Add(time.Duration(n)*time.Second)))
	f = f.Verified(signer.Verdict{Status: signer.Valid, Scheme: "stripe", KeyID: "current", Covers: []string{"timestamp", "body"}, SignedAt: noon}, nil)
	f = f.Ended("http://localhost:3000", testResult(), nil, 23*time.Millisecond)
	return f.Settled(tunnel.Settlement{ID: f.Delivery.ID, Attempt: 1, Fate: tunnel.Answered, Status: 200, Removed: []string{"Set-Cookie"}}, noon)
}

// sameFlow compares all but where bodies are stored.
func sameFlow(a, b *Flow) string {
	return cmp.Diff(a, b, cmp.AllowUnexported(Attempt{}), cmpopts.IgnoreUnexported(Flow{}), cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0))
}

func TestFlowSurvivesJSON(t *testing.T) {
	odd := testFlow(2)
	odd.Delivery.Target = "/\xff\x1b[31m\u202e?<&>"
	odd.Delivery.Header = append(slices.Clone(odd.Delivery.Header), tunnel.Field{Name: "X-L\xe4tin", Value: "Z\xfcrich \x00\x7f"}, tunnel.Field{Name: "X-Empty"})
	odd.Delivery.Body = []byte("\x00\xff\xfe{")
	odd.BodySize, odd.BodyHash = 4, hashOf(odd.Delivery.Body)
	odd.Attempts = append(odd.Attempts, Attempt{
		Number: 2, StartedAt: noon, Target: "unix:/run/app.sock", Took: 1234567, Failure: &tunnel.Failure{Kind: tunnel.Garbage, Detail: "got \xfe"},
	})
	odd.Note, odd.Marked, odd.Replay = "ask Ann \x1b", true, 3
	odd.Tags, odd.Redacted = []string{"duplicate", "chaos"}, []string{"header Cookie"}
	odd.Delivery.ReceivedAt = time.Time{}
	empty := NewFlow(&tunnel.Delivery{ID: testID(3), Method: "GET", Target: "/"}, noon)
	for _, f := range []*Flow{testFlow(1), odd, empty} {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var g Flow
		if err := json.Unmarshal(b, &g); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		if d := sameFlow(f, &g); d != "" {
			t.Errorf("%s is not what it was:\n%s", b, d)
		}
	}
}

func TestFlowsOfOtherVersionsAreRefused(t *testing.T) {
	for _, s := range []string{`{"v":2,"id":"dlv_06q9ahg000000800000000000g"}`, `{"v":1}`, `{}`, `[]`, `{"v":1,"id":"../../x"}`} {
		var f Flow
		if json.Unmarshal([]byte(s), &f) == nil {
			t.Errorf("%s is a flow", s)
		}
	}
}

func TestFlowIsNotChangedByWhatComesLater(t *testing.T) {
	d := testDelivery(1)
	f := NewFlow(d, noon)
	d.Body[0], d.Header[0].Value = 'X', "changed"
	if f.Delivery.Body[0] != '{' || f.Delivery.Header[0].Value != "Bearer canary-auth" {
		t.Error("the flow shares memory with the delivery")
	}
	g := f.Ended("http://localhost:3000", testResult(), nil, time.Millisecond).Tagged(Duplicate)
	if f.Attempts[0].Result != nil || len(f.Tags) > 0 || g.State() != Answered || f.State() != Pending {
		t.Error("an ended flow changed the one it was made from")
	}
}

func TestFlowAnswersQueries(t *testing.T) {
	failed := NewFlow(testDelivery(3), noon).Ended("http://localhost:3000", nil, &tunnel.Failure{Kind: tunnel.TimedOut}, 30*time.Second)
	failed = failed.Settled(tunnel.Settlement{Attempt: 1, Fate: tunnel.Dead, Reason: "gave up"}, noon)
	for _, c := range []struct {
		flow  *Flow
		query string
		want  bool
	}{
		{testFlow(1), `provider:stripe event:invoice.* status:200 -path:/health is:valid is:ok is:answered is:done key:current delivery:evt_1`, true},
		{testFlow(1), `header:x-foo=baz json:data.amount>1000 answer-header:set-cookie answer-body:ok ms:>20 ms:<0.1s size:<1k by:application`, true},
		{testFlow(1), `host:relay.* query:*token=* type:application/json fate:answered target:*:3000 method:post seq:1 attempt:1`, true},
		{testFlow(1), `is:dead or is:error or is:replay or is:duplicate or is:marked or is:pending or is:unchecked`, false},
		{testFlow(1), `"BEARER canary"`, true},
		{failed, `is:dead is:error -is:answered is:unchecked failure:timed-out -status:*`, true},
		{NewFlow(testDelivery(4), noon), `is:pending -ms:* -is:error`, true},
		{testFlow(1).Tagged(Duplicate), `is:duplicate tag:dup*`, true},
	} {
		q, err := query.Parse(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if q.MatchAt(c.flow, noon) != c.want {
			t.Errorf("%s: not %v", c.query, c.want)
		}
	}
}

// TestEveryFieldOfTheLanguageIsAnswered keeps query's table and Fields
// together: each field has a value for a flow that has everything.
func TestEveryFieldOfTheLanguageIsAnswered(t *testing.T) {
	f := testFlow(1).Tagged("chaos")
	f.Note = "note"
	f.Verdict.Reason, f.Verdict.Cause = "mismatch", "clock"
	failed := NewFlow(testDelivery(3), noon).Ended("", nil, &tunnel.Failure{Kind: tunnel.TimedOut}, 1)
	for _, field := range query.Table() {
		name := field.Name
		switch field.Kind {
		case query.Time, query.JSON:
			continue
		case query.Header:
			name += ":content-type"
		case query.Content:
			if name != "note" {
				continue
			}
		}
		if len(f.Fields(name)) == 0 && len(failed.Fields(name)) == 0 {
			t.Errorf("a flow knows nothing of %s", name)
		}
	}
	var words []string
	queued := testFlow(1)
	queued.Marked, queued.Note, queued.Replay, queued.Redacted = true, "x", 1, []string{"x"}
	for _, g := range []*Flow{
		queued.Tagged(Duplicate), failed, NewFlow(testDelivery(1), noon),
		failed.Settled(tunnel.Settlement{Attempt: 1, Fate: tunnel.Dead}, noon),
		failed.Settled(tunnel.Settlement{Attempt: 1, Fate: tunnel.Retried}, noon),
		failed.Settled(tunnel.Settlement{Attempt: 1, Fate: tunnel.TooLate}, noon),
		NewFlow(testDelivery(3), noon).Ended("", nil, &tunnel.Failure{Kind: tunnel.Refused}, 1),
	} {
		words = append(words, g.states()...)
	}
	for by := tunnel.ByApplication; by <= tunnel.ByExec; by++ {
		r := testResult()
		r.By = by
		words = append(words, NewFlow(testDelivery(1), noon).Ended("", r, nil, 1).states()...)
	}
	for _, s := range []signer.Status{signer.Valid, signer.Invalid, signer.Unsigned, signer.NoKey, signer.Stale, signer.Future, signer.Replayed} {
		words = append(words, testFlow(1).Verified(signer.Verdict{Status: s}, nil).states()...)
	}
	var known []string
	for _, s := range query.States() {
		known = append(known, s.Name)
		if !slices.Contains(words, s.Name) {
			t.Errorf("no flow is ever %s", s.Name)
		}
	}
	for _, w := range words {
		if !slices.Contains(known, w) {
			t.Errorf("the language does not know is:%s", w)
		}
	}
}

// TestWordsCoverThoseOfTheTunnel fails when the protocol has a word that our
// files have not.
func TestWordsCoverThoseOfTheTunnel(t *testing.T) {
	for k := tunnel.FailureKind(1); k.String() != tunnel.FailureKind(0).String(); k++ {
		if failureOf(failureWord(k)) != k {
			t.Errorf("failure %s has no word", k)
		}
	}
	for o := tunnel.Origin(1); o.String() != tunnel.Origin(0).String(); o++ {
		if originOf(originWords()[o]) != o {
			t.Errorf("origin %s has no word", o)
		}
	}
	for f := tunnel.Fate(1); f.String() != tunnel.Fate(0).String(); f++ {
		if fateWord(f) == "unknown" {
			t.Errorf("fate %s has no word", f)
		}
	}
}

func TestReplayOfARedactedFlowIsRefused(t *testing.T) {
	f := RedactHeaders("Authorization").Flow(testFlow(1))
	_, err := f.Again(1, noon)
	if !errors.Is(err, ErrRedacted) || err.Error() != "the flow was redacted: header Authorization is not what came" {
		t.Errorf("Again: %v", err)
	}
	if _, err := f.Request(); !errors.Is(err, ErrRedacted) {
		t.Errorf("Request: %v", err)
	}
	again, err := testFlow(1).Again(2, noon)
	if err != nil || again.ID() != testFlow(1).ID()+".2" || again.State() != Pending || !bytes.Equal(again.Delivery.Body, testDelivery(1).Body) {
		t.Errorf("Again: %+v, %v", again, err)
	}
}

func FuzzFlowJSON(f *testing.F) {
	for _, flow := range []*Flow{testFlow(1), NewFlow(&tunnel.Delivery{ID: testID(3)}, noon)} {
		b, _ := json.Marshal(flow)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var flow Flow
		if json.Unmarshal(b, &flow) != nil {
			return
		}
		again, err := json.Marshal(&flow)
		if err != nil {
			t.Fatal(err)
		}
		var flow2 Flow
		if err := json.Unmarshal(again, &flow2); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if d := sameFlow(&flow, &flow2); d != "" {
			t.Errorf("%s", d)
		}
	})
}

func FuzzFlowExact(f *testing.F) {
	f.Add("/x", "X-Foo", "bar", []byte("{}"))
	f.Add("/\xff", "X\x80", "\x00\xed\xa0\x80", []byte("\xff"))
	f.Fuzz(func(t *testing.T, target, name, value string, body []byte) {
		d := &tunnel.Delivery{ID: testID(1), Target: target, Method: name, Host: value, Header: tunnel.Header{{Name: name, Value: value}}, Body: body}
		flow := NewFlow(d, noon)
		b, err := json.Marshal(flow)
		if err != nil {
			t.Fatal(err)
		}
		var again Flow
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		if diff := sameFlow(flow, &again); diff != "" {
			t.Errorf("%s", diff)
		}
	})
}

func TestIdentified(t *testing.T) {
	f := NewFlow(testDelivery(1), noon) // has an Authorization too, which is a weaker hint
	for _, provider := range []string{"", "stripe"} {
		if g := f.Identified(provider); g.Provider != "stripe" || g.Event != "invoice.paid" || g.DeliveryID != "evt_1" || f.Provider != "" {
			t.Errorf("%q: %q %q %q", provider, g.Provider, g.Event, g.DeliveryID)
		}
	}
	if g := f.Identified("ours"); g.Provider != "ours" || g.Event != "" {
		t.Errorf("a provider of the user's own: %q %q", g.Provider, g.Event)
	}
}
