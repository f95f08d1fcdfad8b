package payloads

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

func at() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestThereAreEnough(t *testing.T) {
	list := Providers()
	n := 0
	for _, p := range list {
		n += len(p.Events)
	}
	if len(list) < 40 || n < 400 {
		t.Errorf("%d providers with %d events", len(list), n)
	}
	if len(list) != len(files()) {
		t.Errorf("%d of %d files can be read", len(list), len(files()))
	}
}

// each calls fn with a sample of every event.
func each(t *testing.T, fn func(t *testing.T, s *Sample)) {
	for _, p := range Providers() {
		t.Run(p.ID, func(t *testing.T) {
			for _, e := range p.Events {
				s, err := Build(p.ID, e.Name, Options{Seed: 7, At: at()})
				if err != nil {
					t.Errorf("%v", err)
					continue
				}
				fn(t, s)
			}
		})
	}
}

func TestSameSeedAndTimeGiveTheSameBytes(t *testing.T) {
	each(t, func(t *testing.T, s *Sample) {
		again, err := Build(s.Provider, s.Event, Options{Seed: 7, At: at()})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.Body, again.Body) || s.DeliveryID != again.DeliveryID || len(s.Header) != len(again.Header) {
			t.Errorf("%s %s differs", s.Provider, s.Event)
		}
		for name := range s.Header {
			if s.Header.Get(name) != again.Header.Get(name) {
				t.Errorf("%s %s: header %s differs", s.Provider, s.Event, name)
			}
		}
	})
}

// The signer's table and the samples must speak of the same provider, event and
// message.
func TestSignerKnowsTheEvent(t *testing.T) {
	none := map[string]bool{"discord PING": true, "postmark Inbound": true} // they carry no event
	each(t, func(t *testing.T, s *Sample) {
		if _, ok := signer.FindProvider(s.Provider); !ok {
			t.Fatalf("the signer has no provider %q", s.Provider)
		}
		req := s.Request("https://hooks.example/h/1")
		name := signer.Event(s.Scheme, req)
		if name == "" {
			if len(s.Scheme.Event) > 0 && !none[s.Provider+" "+s.Event] {
				t.Errorf("%s %s: the table finds no event", s.Provider, s.Event)
			}
			return
		}
		if s.Provider == "discord" && len(name) == 1 || s.Event == "whatsapp_business_account.statuses" {
			return // Discord's is a number; Meta's statuses are a kind of its "messages"
		}
		if !strings.HasPrefix(strings.ToLower(s.Event), strings.ToLower(name)) && !strings.HasPrefix(strings.ToLower(name), strings.ToLower(s.Event)) {
			t.Errorf("%s %s: the table reads %q", s.Provider, s.Event, name)
		}
	})
}

// Every sample can be signed by its provider's scheme, and the signature
// verifies; one byte more in the body and it does not, where bodies are signed.
func TestSamplesSignAndVerify(t *testing.T) {
	secrets := map[string]string{"adyen": strings.Repeat("ab", 32), "postmark": "user:password"}
	each(t, func(t *testing.T, s *Sample) {
		secret, ok := secrets[s.Provider]
		if !ok {
			secret = "whsec_dGhpcyBpcyBhIHRlc3Qgc2VjcmV0ISEhISEhISE="
		}
		if s.Scheme.Key.Public {
			return // the command's test covers them: the keys are there
		}
		req := s.Request("https://hooks.example/h/1")
		keys := []signer.Key{{ID: "test", Secret: signer.Secret(secret)}}
		signed, err := signer.Sign(s.Scheme, req, keys, signer.SignOptions{At: at(), ID: s.DeliveryID})
		if err != nil {
			t.Errorf("%s %s: %v", s.Provider, s.Event, err)
			return
		}
		out := signed.Apply(req)
		if v := signer.Verify(context.Background(), s.Scheme, out, keys, at(), signer.Options{}); v.Status != signer.Valid {
			t.Errorf("%s %s: %s %s", s.Provider, s.Event, v.Status, v.Reason)
		}
	})
}

// foreign finds what could be somebody's: real domains, addresses and numbers
// outside those set aside for examples, and keys of known shapes.
var (
	mail   = regexp.MustCompile(`[a-zA-Z0-9._-]+@([a-zA-Z0-9.-]+\.[a-z]{2,})`)
	number = regexp.MustCompile(`\+1(\d{10})`)
)

func TestDataIsFake(t *testing.T) {
	each(t, func(t *testing.T, s *Sample) {
		for _, m := range mail.FindAllSubmatch(s.Body, -1) {
			if d := string(m[1]); !strings.HasSuffix(d, "example.com") && !strings.HasSuffix(d, ".example") && d != "github.com" {
				t.Errorf("%s %s: address at %q", s.Provider, s.Event, d)
			}
		}
		for _, m := range number.FindAllSubmatch(s.Body, -1) {
			if !bytes.HasPrefix(m[1], []byte("555")) {
				t.Errorf("%s %s: number %q", s.Provider, s.Event, m[0])
			}
		}
		for _, left := range []string{"${", "$use", "\x00"} {
			if bytes.Contains(s.Body, []byte(left)) {
				t.Errorf("%s %s: %q is left in the body", s.Provider, s.Event, left)
			}
		}
	})
}

func TestCrossReferencesHold(t *testing.T) {
	n := bodyOf(t, "stripe", "invoice.paid", 1).get("data").get("object")
	lines := n.get("lines").get("data").kids[0]
	if a, b := n.get("id").text, lines.get("invoice").text; a != b {
		t.Errorf("the invoice is %q and its line's %q", a, b)
	}
	if a, b := n.get("amount_due").text, lines.get("amount").text; a != b {
		t.Errorf("amounts %q and %q", a, b)
	}
}

func TestNamedIDsAreTheSame(t *testing.T) {
	n := bodyOf(t, "linear", "Issue.create", 1).get("data")
	if a, b := n.get("stateId").text, n.get("state").get("id").text; a != b {
		t.Errorf("the state is %q and %q", a, b)
	}
}

func TestSettings(t *testing.T) {
	set := []Setting{{"data.object.metadata.plan", "gold"}, {"data.object.amount_due", "1200"}, {"data.object.lines.data[0].taxes", `[{"amount":1}]`}}
	s, err := Build("stripe", "invoice.paid", Options{At: at(), Set: set})
	if err != nil {
		t.Fatal(err)
	}
	n, err := parseNode(s.Body)
	if err != nil {
		t.Fatal(err)
	}
	o := n.get("data").get("object")
	if o.get("metadata").get("plan").text != "gold" || o.get("amount_due").kind != other || o.get("amount_due").text != "1200" ||
		o.get("lines").get("data").kids[0].get("taxes").kids[0].get("amount").text != "1" {
		t.Errorf("%s", s.Body)
	}
	for _, bad := range []string{"", "a..b", "a[x]", "a.", `"a`, "id.x", "data.object.lines.data[9].x"} {
		if _, err := Build("stripe", "invoice.paid", Options{At: at(), Set: []Setting{{bad, "1"}}}); err == nil {
			t.Errorf("path %q was taken", bad)
		}
	}
}

func TestFormKeepsOrderAndTakesSettings(t *testing.T) {
	s, err := Build("twilio", "received", Options{At: at(), Set: []Setting{{"Body", "hello & bye"}}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(s.Body, []byte("MessageSid=SM")) || !bytes.Contains(s.Body, []byte("Body=hello+%26+bye")) {
		t.Errorf("%s", s.Body)
	}
}

func TestUnknown(t *testing.T) {
	for _, names := range [][2]string{{"nobody", "x"}, {"stripe", "nothing"}, {"../payloads", "x"}, {"", ""}} {
		if _, err := Build(names[0], names[1], Options{}); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", names, err)
		}
	}
}

func FuzzSettings(f *testing.F) {
	for _, path := range []string{"a.b", "a[0]", `"a.b".c`, "data.object.id", "[0]", "\"\\x"} {
		f.Add(path, `{"x":[1,null]}`)
	}
	f.Fuzz(func(t *testing.T, path, value string) {
		s, err := Build("stripe", "charge.succeeded", Options{At: at(), Set: []Setting{{path, value}}})
		if err != nil {
			return
		}
		if _, err := parseNode(s.Body); err != nil {
			t.Errorf("path %q: %v", path, err)
		}
	})
}
