package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// session is the events of a small session.
func session() []Event {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	bad := identified(NewFlow(testDelivery(2), at(2)))
	bad = bad.Verified(signer.Verdict{Status: signer.Invalid, Reason: signer.Mismatch}, &signer.Diagnosis{Cause: signer.CauseNewline, Sentence: "the body lost its last newline"})
	bad = bad.Ended("http://localhost:3000", &tunnel.Result{Status: 500, Size: 2 << 20, By: tunnel.ByApplication}, nil, 1234*time.Millisecond).Tagged(Duplicate)
	d := testDelivery(3)
	d.Attempt = 3
	d.Body = bytes.Repeat([]byte("x"), 1300)
	late := NewFlow(d, at(3)).Ended("http://localhost:3000", nil, &tunnel.Failure{Kind: tunnel.TimedOut, Detail: "after 30s"}, 30*time.Second)
	away := NewFlow(testDelivery(4), at(4)).Ended("http://localhost:3000", nil, &tunnel.Failure{Kind: tunnel.Refused}, time.Millisecond)
	skipped := NewFlow(testDelivery(5), at(5)).Ended("", &tunnel.Result{Status: 200, By: tunnel.ByFilter}, nil, 50*time.Microsecond)
	again, _ := testFlow(1).Again(1, at(6))
	open := NewFlow(testDelivery(7), at(7))
	replayed := again.Ended("http://localhost:3000", testResult(), nil, 10*time.Millisecond)
	events := []Event{
		Ready{At: at(0), URL: "https://relay.example/h/abc", Target: "http://localhost:3000", Relay: "hook 1.0", Backlog: 12, Expires: at(7 * 24 * 3600)},
		Begin{at(1), NewFlow(testDelivery(1), at(1))}, End{At: at(1), Flow: testFlow(1)},
		SettledEvent{at(1), testID(1).String(), 1, Settled{At: at(1), Fate: "answered", Status: 200}},
		Begin{at(2), bad}, End{At: at(3), Flow: bad}, Begin{at(3), late}, End{At: at(33), Flow: late},
		SettledEvent{at(33), testID(3).String(), 3, Settled{At: at(33), Fate: "retried", Reason: "timed out", NextAt: at(41)}},
		Begin{at(4), away}, End{At: at(4), Flow: away}, Paused{at(4), "http://localhost:3000 refuses connections"}, Resumed{at(8)},
		Begin{at(5), skipped}, End{At: at(5), Flow: skipped}, Begin{at(6), again}, End{At: at(6), Flow: replayed}, Begin{at(7), open},
		Lost{at(40), errors.New("connection reset"), 250 * time.Millisecond}, Notice{at(41), "the relay\nrestarts at noon"},
		SettledEvent{at(42), testID(3).String(), 4, Settled{At: at(42), Fate: "dead", Reason: "gave up after 24h"}},
		Gap{at(43), 3, "expired"},
	}
	var c Counters
	for _, e := range events {
		c.Add(e)
	}
	return append(events, Summary{at(44), c})
}

func play(s Sink) {
	for _, e := range session() {
		s.Event(e)
	}
}

func TestLinesGolden(t *testing.T) {
	var plain, colour, quiet bytes.Buffer
	for _, l := range []*Lines{NewLines(&plain, false), NewLines(&colour, true), NewLines(&quiet, false)} {
		l.Location = time.UTC
		l.Quiet = l.w == &quiet
		play(l)
	}
	golden(t, "lines.txt", plain.Bytes())
	golden(t, "lines.colour.txt", bytes.ReplaceAll(colour.Bytes(), []byte{0x1b}, []byte("ESC")))
	golden(t, "lines.quiet.txt", quiet.Bytes())
	if bytes.Contains(plain.Bytes(), []byte{0x1b}) || !bytes.Contains(colour.Bytes(), []byte("\x1b[32m")) {
		t.Error("colours are not as asked for")
	}
}

func TestNDJSONGolden(t *testing.T) {
	var b bytes.Buffer
	play(NewJSON(&b))
	golden(t, "events.ndjson", b.Bytes())
	for line := range strings.Lines(b.String()) {
		var e struct {
			V    int       `json:"v"`
			Type string    `json:"type"`
			At   time.Time `json:"at"`
			Flow *Flow     `json:"flow"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.V != 1 || e.Type == "" || e.At.IsZero() {
			t.Errorf("%v in %s", err, line)
		}
		if e.Type == "end" && e.Flow == nil {
			t.Errorf("an end without its flow: %s", line)
		}
	}
	j := NewJSON(&b)
	j.Redaction = DefaultRedaction()
	b.Reset()
	play(j)
	if strings.Contains(b.String(), "canary") || strings.Contains(b.String(), "s3cret") {
		t.Error("a secret is in the redacted stream")
	}
}

func TestCountersAddUp(t *testing.T) {
	list := session()
	c := list[len(list)-1].(Summary).Counters
	if c.Attempts != c.Deliveries+c.Retries+c.Replays || c.Attempts != c.OK+c.Errors+c.NoAnswer+c.Unreachable+c.Skipped+c.Open {
		t.Errorf("%+v does not add up", c)
	}
	want := Counters{
		Attempts: 7, Deliveries: 5, Retries: 1, Replays: 1, OK: 2, Errors: 1, NoAnswer: 1, Unreachable: 1, Skipped: 1, Open: 1,
		Invalid: 1, Duplicates: 1, Dead: 1, Gaps: 3,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v, want %+v", c, want)
	}
	var only Counters
	only.Add(End{Flow: testFlow(1)}) // its begin was before this sink
	if only.Attempts != 1 || only.OK != 1 || only.Open != 0 {
		t.Errorf("%+v", only)
	}
}

// tee is a sink that hands each event to all of the list, in its order.
func tee(list ...Sink) Sink {
	return SinkFunc(func(e Event) {
		for _, s := range list {
			s.Event(e)
		}
	})
}

// broken is a pipe whose reader has gone.
type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) { b.writes++; return 0, errors.New("broken pipe") }

func TestSinksStopAtABrokenPipe(t *testing.T) {
	one, two := &broken{}, &broken{}
	lines, ndjson := NewLines(one, false), NewJSON(two)
	play(tee(lines, ndjson))
	if lines.Err() == nil || ndjson.Err() == nil || one.writes != 1 || two.writes != 1 {
		t.Errorf("%v %d, %v %d", lines.Err(), one.writes, ndjson.Err(), two.writes)
	}
}

func TestSinksAreForManyGoroutines(t *testing.T) {
	var plain, ndjson bytes.Buffer
	s := tee(NewLines(&plain, false), NewJSON(&ndjson))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { play(s) })
	}
	wg.Wait()
	for line := range strings.Lines(ndjson.String()) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("torn: %s", line)
		}
	}
}

func TestHumanUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1.0k", 1228: "1.2k", 20480: "20k", 1023 << 10: "1.0M", 25 << 20: "25M", 1 << 62: "4.0E"} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-1: "0s", 350 * time.Microsecond: "350µs", 23*time.Millisecond + 400*time.Microsecond: "23ms", 1540 * time.Millisecond: "1.5s", 30 * time.Second: "30s",
		130 * time.Second: "2m10s", 3 * time.Hour: "3h", 3*time.Hour + 5*time.Minute: "3h5m", 20 * time.Hour: "20h", 7 * 24 * time.Hour: "7d",
	} {
		if got := round(d); got != want {
			t.Errorf("round(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestDiffGolden(t *testing.T) {
	a := testFlow(1)
	d := testDelivery(2)
	d.Method, d.Target = "PUT", "/hooks/other"
	d.Header = tunnel.Header{{Name: "content-type", Value: "application/json; charset=utf-8"}, {Name: "X-Foo", Value: "bar"}, {Name: "X-New", Value: "1"}}
	d.Body = []byte(`{"id":"evt_2","data":{"amount":1050.0,"items":[1,{"a b":2}],"x":null},"type":"invoice.paid"}`)
	b := NewFlow(d, noon).Ended("", &tunnel.Result{Status: 500, Header: tunnel.Header{{Name: "Content-Type", Value: "text/plain"}}, Body: []byte("one\ntwo\nthree")}, nil, 1)
	a = a.Ended("", &tunnel.Result{Status: 200, Header: tunnel.Header{{Name: "Content-Type", Value: "text/plain"}}, Body: []byte("one\n2\nthree\nfour")}, nil, 1)
	list, err := Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	list.Write(&out, false)
	golden(t, "diff.txt", out.Bytes())
}

func TestDiff(t *testing.T) {
	body := func(s string) *Flow {
		d := testDelivery(1)
		d.Body = []byte(s)
		return NewFlow(d, noon)
	}
	for _, c := range []struct{ a, b, want string }{
		{`{"a":1}`, `{"a":1}`, ""},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, "body changed"},
		{`[1,2,3,4]`, `[1,9,2,3,4]`, "body[1] added"},
		{`[1,2,3]`, `[1,3]`, "body[1] removed"},
		{`[{"a":1},{"a":2}]`, `[{"a":1},{"a":3}]`, "body[1].a changed"},
		{`{"a":{"b":1}}`, `{"a":[1]}`, "body a changed"},
		{`{"a.b":1}`, `{"a.b":2}`, `body "a.b" changed`},
		{"one\ntwo", "one\ntwo\nthree", "body line 3 added"},
		{"a\nb\nc", "a\nx\nc", "body line 2 removed, body line 2 added"},
		{`{"a":1}`, "text", "body line 1 removed, body line 1 added"},
		{"\x00\xffabc", "\x00\xffabd", "body from byte 4 changed"},
		{strings.Repeat("[", 300), strings.Repeat("[", 301), "body line 1 removed, body line 1 added"},
		{"", "x", "body line 1 added"},
	} {
		list, err := Diff(body(c.a), body(c.b))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range list {
			got = append(got, x.Path+" "+string(x.Op))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%.40s and %.40s: %s, want %s", c.a, c.b, strings.Join(got, ", "), c.want)
		}
	}
	many := make([]string, 5000)
	for i := range many {
		many[i] = "line " + strings.Repeat("x", i%7)
	}
	list, _ := Diff(body(strings.Join(many, "\n")), body(strings.Join(many, "y\n")))
	if len(list) != maxDifferences {
		t.Errorf("%d differences", len(list))
	}
}

func FuzzDiff(f *testing.F) {
	f.Add(`{"a":[1,2]}`, `{"a":[2]}`)
	f.Add("a\nb", "b\nc")
	f.Fuzz(func(t *testing.T, a, b string) {
		d := differ{part: "request"}
		d.body([]byte(a), []byte(b))
		if (a == b) != (len(d.list) == 0) {
			t.Errorf("%q and %q: %v", a, b, d.list)
		}
	})
}

func BenchmarkLine(b *testing.B) {
	l := NewLines(&bytes.Buffer{}, true)
	f := testFlow(1)
	b.ReportAllocs()
	for b.Loop() {
		l.Flow(f)
	}
}
