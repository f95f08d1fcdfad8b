package payloads

import (
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

func TestBlankPutsTheEventWhereTheSchemeReadsIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		event  []string
		given  string
		set    []Setting
		want   string // body
		header string // value of X-Event
		reads  string // what the scheme reads
	}{
		{name: "nowhere", want: `{}`},
		{name: "a header", event: []string{"header:X-Event"}, want: `{}`, header: "a.b", reads: "a.b"},
		{name: "a header, with a body", event: []string{"header:X-Event"}, given: `{"x":1}`, want: `{"x":1}`, header: "a.b", reads: "a.b"},
		{name: "deep in the body", event: []string{"json:meta.type"}, want: `{"meta":{"type":"a.b"}}`, reads: "a.b"},
		{name: "a body that was given stays", event: []string{"json:type"}, given: `[1]`, want: `[1]`},
		{name: "a setting goes before", event: []string{"json:type"}, set: []Setting{{"type", "c"}, {"n[0]", "1"}}, want: `{"type":"c","n":[1]}`, reads: "c"},
		{name: "one of several parts is left out", event: []string{"json:a+json:b"}, want: `{}`},
		{name: "the first that can hold it", event: []string{"json:[].type", "query:event", "header:X-Event"}, want: `{}`, header: "a.b", reads: "a.b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &signer.Scheme{ID: "acme", Algorithm: signer.HMACSHA256, Signature: signer.Signature{From: "header:X-Acme"}, Event: c.event, MessageID: "header:X-Id"}
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			var given []byte
			if c.given != "" {
				given = []byte(c.given)
			}
			opts := Options{Seed: 4, At: time.Unix(1772366400, 0), Set: c.set}
			got, err := Blank(s, "a.b", given, opts)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != c.want || got.Header.Get("X-Event") != c.header || signer.Event(s, got.Request("https://a.example/")) != c.reads {
				t.Errorf("body %s, header %q, event %q", got.Body, got.Header.Get("X-Event"), signer.Event(s, got.Request("https://a.example/")))
			}
			again, err := Blank(s, "a.b", given, opts)
			if err != nil || again.DeliveryID != got.DeliveryID || got.DeliveryID == "" {
				t.Errorf("ids %q and %q, %v", got.DeliveryID, again.DeliveryID, err)
			}
			opts.Seed++
			if other, err := Blank(s, "a.b", given, opts); err != nil || other.DeliveryID == got.DeliveryID {
				t.Errorf("another seed gives the id %q, %v", other.DeliveryID, err)
			}
		})
	}
	if _, err := Blank(&signer.Scheme{ID: "acme"}, "a", nil, Options{Set: []Setting{{"a..b", "1"}}}); err == nil {
		t.Error("a path without a name is taken")
	}
}
