package signer

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// slowMatches is what matches means, without a glance at the body first.
func slowMatches(m *Match, r *reader) bool {
	r.document()
	r.formValues() // all is parsed: nothing is left to glance at
	return m.matches(r)
}

// What the glance rules out is ruled out by parsing too.
func FuzzGlance(f *testing.F) {
	for _, body := range []string{
		``, ` `, `x`, `{}`, `[]`, `{"value":[{"clientState":"a","subscriptionId":"b"}]}`, `[{"data":{"validationCode":"x"}}]`,
		`{"message":{"messageId":"1"},"subscription":"s"}`, `{"m\u0065ssage":{"messageId":"1"},"subscription":"s"}`,
		`{"a":{"signature":1},"data":{"orderCode":1},"signature":"x"}`, `{"data":"}","signature":"\"","x":"\\"}`,
		`{"signature":{"timestamp":"1","token":"t"}} x`, `{"signature":{"timestamp":"1","token":"t"`, "\ufeff{}",
		`{"eventType":"com.okta.x","eventType":"other"}`, `{"eventType":"other","eventType":"com.okta.x"}`,
		"signature=a&timestamp=1&token=t", "%73ignature=a&timestamp=1&token=t", "bt_payload=a&bt_signature=b;c", "a&&bt_signature=b&bt_payload=a",
		`{"a":{"b":"x","b":{"c":[1,2.50,true,null]}}, "é":"ü" ,"":1,"*":2,"0":3}`, `{"a":[{"b":"1"},"2"],"x-y":1e400}`, `{"a":}`, `{"a" "b":1}`,
		`{"a":"x"}}`, `{"a":"x"]`, `{"a":"\ud800","a":null}`, `{"a":1,}`, ` {"a" : [ ] } `, `{"a":"\u0041"}`, "{\"a\xff\":1}",
		`{"x":"&hashed_order=1&id=2"}`, "json={\"a\"",
	} {
		f.Add("application/json", []byte(body))
	}
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"a\":1}\r\n--b--\r\n"))
	var all []*Match
	for _, r := range detection().all {
		all = append(all, r.match)
	}
	for _, p := range table() {
		for i := range p.Handshakes {
			all = append(all, &p.Handshakes[i].Match)
		}
	}
	places := []string{"a", "a.b", "a.b.c", "a[0]", "a[*].b", "[].a", "0", "signature", "message.messageId", "x-y", "é", "", "data.object.id"}
	for _, p := range table() {
		for _, s := range p.Schemes {
			for _, from := range slices.Concat(s.Event, s.Delivery) {
				if path, ok := strings.CutPrefix(from, "json:"); ok {
					places = append(places, path)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		req := &Request{Method: "POST", URL: "https://hooks.example/x", Body: body, Header: http.Header{"Content-Type": {kind}, "User-Agent": {"HelloSign"}}}
		quick := &reader{req: req}
		for _, m := range all {
			slow := &reader{req: req}
			if want := slowMatches(m, slow); m.matches(&reader{req: req}) != want || m.matches(quick) != want {
				t.Fatalf("%+v matches %q: %v", m, body, want)
			}
		}
		quick = &reader{req: req}
		doc, _ := decodeJSON(body)
		for _, path := range places {
			if got, want := quick.jsonValues(path), jsonValues(doc, path); !slices.Equal(got, want) {
				t.Fatalf("%q of %q is %q, not %q", path, body, got, want)
			}
			ptr := "/" + strings.ReplaceAll(path, ".", "/")
			got, there := quick.pointer(ptr)
			if want, ok := pointer(doc, ptr); got != want || there != ok {
				t.Fatalf("%q of %q is %q %v, not %q %v", ptr, body, got, there, want, ok)
			}
		}
	})
}

// A message that fits a rule is still found to fit it, as is one that lacks a
// part.
func TestGlance(t *testing.T) {
	for _, r := range detection().all {
		m := r.match
		if len(m.JSON) == 0 && len(m.Form) == 0 {
			continue
		}
		req := &Request{Method: "POST", URL: "https://hooks.example/", Header: http.Header{}}
		for name, want := range m.Header {
			req.Header.Set(name, fitting(want))
		}
		form := url.Values{"other": {"x"}}
		for name, want := range m.Form {
			form.Set(name, fitting(want))
		}
		doc := map[string]any{"other": map[string]any{"a": "}"}}
		for ptr, want := range m.JSON {
			put(doc, strings.Split(ptr[1:], "/"), fitting(want))
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if req.Body = text; len(m.Form) > 0 {
			req.Body = []byte(form.Encode())
		}
		if !m.Matches(req) {
			t.Errorf("%s does not match %q", r.scheme.ID, req.Body)
		}
		req.Body = bytes.ReplaceAll(req.Body, []byte("e"), []byte(`\u0065`))
		if slow := slowMatches(m, &reader{req: req}); m.Matches(req) != slow {
			t.Errorf("%s matches %q: %v", r.scheme.ID, req.Body, slow)
		}
		req.Body = []byte(`{"other":1}`)
		if m.Matches(req) {
			t.Errorf("%s matches %q", r.scheme.ID, req.Body)
		}
	}
}

func fitting(want string) string {
	if head, ok := strings.CutSuffix(want, "*"); ok || want == "" {
		return head + "x"
	}
	return want
}

// put makes doc have text where the steps lead.
func put(doc map[string]any, steps []string, text string) {
	for i, step := range steps[:len(steps)-1] {
		inner, _ := doc[step].(map[string]any)
		if list, ok := doc[step].([]any); ok {
			inner = list[0].(map[string]any)
		}
		if inner == nil {
			inner = map[string]any{}
			if steps[i+1] == "0" {
				doc[step] = []any{inner}
			} else if step != "0" {
				doc[step] = inner
			}
		}
		if step != "0" {
			doc = inner
		}
	}
	doc[steps[len(steps)-1]] = text
}
