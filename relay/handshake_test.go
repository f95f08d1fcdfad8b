package relay

import (
	"strings"
	"testing"

	"github.com/hookrelay/hook/tunnel"
)

// The handshakes of providers as policy data.
var (
	slack       = Handshake{Method: "POST", Where: "/type", Equals: "url_verification", Echo: "json:/challenge"}
	meta        = Handshake{Method: "GET", Query: "hub.challenge", Echo: "query:hub.challenge"}
	graph       = Handshake{Method: "POST", Query: "validationToken", Echo: "query:validationToken"}
	dropbox     = Handshake{Method: "GET", Query: "challenge", Echo: "query:challenge"}
	okta        = Handshake{Method: "GET", Header: "X-Okta-Verification-Challenge", Echo: "header:X-Okta-Verification-Challenge", Reply: Reply{JSON: "verification"}}
	eventGrid   = Handshake{Method: "POST", Header: "Aeg-Event-Type", Where: "/0/eventType", Equals: "Microsoft.EventGrid.SubscriptionValidationEvent", Echo: "json:/0/data/validationCode", Reply: Reply{JSON: "validationResponse"}}
	cloudEvents = Handshake{Method: "OPTIONS", Header: "WebHook-Request-Origin", Echo: "header:WebHook-Request-Origin", Reply: Reply{Header: "WebHook-Allowed-Origin"}}
	monday      = Handshake{Method: "POST", Where: "/challenge", Echo: "json:/challenge", Reply: Reply{JSON: "challenge"}}
	ringCentral = Handshake{Method: "POST", Header: "Validation-Token", Echo: "header:Validation-Token", Reply: Reply{Header: "Validation-Token"}}
	asana       = Handshake{Method: "POST", Header: "X-Hook-Secret", Echo: "header:X-Hook-Secret", Reply: Reply{Header: "X-Hook-Secret"}}
	twitch      = Handshake{Method: "POST", Header: "Twitch-Eventsub-Message-Type", Where: "/subscription/status", Equals: "webhook_callback_verification_pending", Echo: "json:/challenge"}
	trello      = Handshake{Method: "HEAD"}
	figma       = Handshake{Method: "POST", Where: "/event_type", Equals: "PING"}
	xml204      = Handshake{Method: "POST", Where: "/type", Equals: "0", Reply: Reply{Status: 204}}
)

func delivery(method, target, header, body string) *tunnel.Delivery {
	d := &tunnel.Delivery{Method: method, Target: target, Body: []byte(body)}
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		d.Header = append(d.Header, tunnel.Field{Name: name, Value: value})
	}
	return d
}

func TestHandshakes(t *testing.T) {
	long := strings.Repeat("x", maxHandshakeEcho)
	for _, c := range []struct {
		name   string
		h      Handshake
		d      *tunnel.Delivery
		status int // 0: does not fit
		header string
		body   string
	}{
		{"slack", slack, delivery("POST", "/", "", `{"token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV","type":"url_verification"}`), 200, "", "3eZbrw1aBm2rZgRNFdxV"},
		{"slack, an event", slack, delivery("POST", "/", "", `{"type":"event_callback","challenge":"x"}`), 0, "", ""},
		{"slack, a GET", slack, delivery("GET", "/", "", `{"challenge":"x","type":"url_verification"}`), 0, "", ""},
		{"slack, no challenge", slack, delivery("POST", "/", "", `{"type":"url_verification"}`), 0, "", ""},
		{"slack, challenge is an object", slack, delivery("POST", "/", "", `{"type":"url_verification","challenge":{"a":1}}`), 0, "", ""},
		{"slack, two documents", slack, delivery("POST", "/", "", `{"type":"url_verification","challenge":"x"} {}`), 0, "", ""},
		{"slack, no JSON", slack, delivery("POST", "/", "", `type=url_verification`), 0, "", ""},
		{"slack, too long", slack, delivery("POST", "/", "", `{"type":"url_verification","challenge":"`+long+`x"}`), 0, "", ""},
		{"slack, as long as may be", slack, delivery("POST", "/", "", `{"type":"url_verification","challenge":"`+long+`"}`), 200, "", long},
		{"slack, escape sequence", slack, delivery("POST", "/", "", `{"type":"url_verification","challenge":"a\u001b[0m"}`), 0, "", ""},
		{"slack, C1", slack, delivery("POST", "/", "", `{"type":"url_verification","challenge":"a\u009b0m"}`), 0, "", ""},
		{"slack, newline", slack, delivery("POST", "/", "", `{"type":"url_verification","challenge":"a\nb"}`), 0, "", ""},
		{"slack, huge body", slack, delivery("POST", "/", "", `{"type":"url_verification","challenge":"x","y":"`+strings.Repeat("y", maxHandshakeBody)+`"}`), 0, "", ""},
		{"slack, deep body", slack, delivery("POST", "/", "", strings.Repeat(`[`, 60_000)), 0, "", ""},
		{"meta", meta, delivery("GET", "/x?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=t", "", ""), 200, "", "1158201444"},
		{"meta, twice", meta, delivery("GET", "/x?hub.challenge=1&hub.challenge=2", "", ""), 0, "", ""},
		{"meta, without", meta, delivery("GET", "/x", "", ""), 0, "", ""},
		{"meta, empty", meta, delivery("GET", "/x?hub.challenge=", "", ""), 0, "", ""},
		{"graph", graph, delivery("POST", "/?validationToken=Validation%3A+Testing%20client", "", ""), 200, "", "Validation: Testing client"},
		{"graph, escaped name", graph, delivery("POST", "/?validation%54oken=x", "", ""), 200, "", "x"},
		{"graph, bad escape", graph, delivery("POST", "/?validationToken=%zz", "", ""), 0, "", ""},
		{"graph, escaped newline", graph, delivery("POST", "/?validationToken=a%0d%0ab", "", ""), 0, "", ""},
		{"graph, not UTF-8", graph, delivery("POST", "/?validationToken=%ff", "", ""), 0, "", ""},
		{"graph, notification", graph, delivery("POST", "/", "", `{"value":[]}`), 0, "", ""},
		{"dropbox", dropbox, delivery("GET", "/h?challenge=abc", "", ""), 200, "", "abc"},
		{"dropbox, markup stays text", dropbox, delivery("GET", "/h?challenge=%3Cscript%3E", "", ""), 200, "", "<script>"},
		{"adobe", dropbox, delivery("GET", "/h?challenge=ee12-3f", "", ""), 200, "", "ee12-3f"},
		{"okta", okta, delivery("GET", "/", "x-okta-verification-challenge: abc\"<", ""), 200, "", `{"verification":"abc\"\u003c"}`},
		{"okta, twice", okta, delivery("GET", "/", "x-okta-verification-challenge: a\nx-okta-verification-challenge: b", ""), 0, "", ""},
		{"event grid", eventGrid, delivery("POST", "/", "aeg-event-type: SubscriptionValidation", `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]`), 200, "", `{"validationResponse":"512d38b6"}`},
		{"event grid, an event", eventGrid, delivery("POST", "/", "aeg-event-type: Notification", `[{"eventType":"x","data":{}}]`), 0, "", ""},
		{"cloudevents", cloudEvents, delivery("OPTIONS", "/", "WebHook-Request-Origin: eventemitter.example.com", ""), 200, "WebHook-Allowed-Origin: eventemitter.example.com", ""},
		{"monday", monday, delivery("POST", "/", "", `{"challenge":"3eZbrw1aBm"}`), 200, "", `{"challenge":"3eZbrw1aBm"}`},
		{"monday, an event", monday, delivery("POST", "/", "", `{"event":{"challenge":"x"}}`), 0, "", ""},
		{"ringcentral", ringCentral, delivery("POST", "/", "Validation-Token: 76d7dcd8", ""), 200, "Validation-Token: 76d7dcd8", ""},
		{"ringcentral, not ASCII", ringCentral, delivery("POST", "/", "Validation-Token: ä", ""), 0, "", ""},
		{"asana", asana, delivery("POST", "/", "X-Hook-Secret: b537207f", ""), 200, "X-Hook-Secret: b537207f", ""},
		{"twitch", twitch, delivery("POST", "/", "Twitch-Eventsub-Message-Type: webhook_callback_verification", `{"challenge":"pogchamp","subscription":{"status":"webhook_callback_verification_pending"}}`), 200, "", "pogchamp"},
		{"trello", trello, delivery("HEAD", "/", "", ""), 200, "", ""},
		{"figma", figma, delivery("POST", "/", "", `{"event_type":"PING"}`), 200, "", ""},
		{"a number, no body", xml204, delivery("POST", "/", "", `{"type":0}`), 204, "", ""},
		{"another number", xml204, delivery("POST", "/", "", `{"type":1}`), 0, "", ""},
	} {
		if err := c.h.check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		res, ok := answerHandshake([]Handshake{{Method: "PUT"}, c.h}, c.d)
		if ok != (c.status != 0) {
			t.Errorf("%s: fits %v", c.name, ok)
			continue
		}
		if !ok {
			continue
		}
		a := answerFilter{}.Apply(c.d.Method, nil, res)
		if a.Status != c.status || string(a.Body) != c.body || res.By != tunnel.ByHandshake {
			t.Errorf("%s: %d %q", c.name, a.Status, a.Body)
		}
		if name, value, _ := strings.Cut(c.header, ": "); c.header != "" && a.Header.Get(name) != value {
			t.Errorf("%s: header %v", c.name, a.Header)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" || len(a.Dropped) > 1 || a.Retyped != "" {
			t.Errorf("%s: header %v, dropped %v", c.name, a.Header, a.Dropped)
		}
		if typ := a.Header.Get("Content-Type"); c.body != "" && (typ != "application/json") != (c.h.Reply.JSON == "") {
			t.Errorf("%s: type %q", c.name, typ)
		}
	}
}

func TestHandshakePoliciesAreChecked(t *testing.T) {
	good := slack
	change := func(f func(*Handshake)) Handshake {
		h := good
		f(&h)
		return h
	}
	for name, h := range map[string]Handshake{
		"no method":           change(func(h *Handshake) { h.Method = "" }),
		"method in lower":     change(func(h *Handshake) { h.Method = "post" }),
		"CONNECT":             change(func(h *Handshake) { h.Method = "CONNECT" }),
		"every POST":          {Method: "POST"},
		"header":              change(func(h *Handshake) { h.Header = "a b" }),
		"long header":         change(func(h *Handshake) { h.Header = strings.Repeat("a", 129) }),
		"query":               change(func(h *Handshake) { h.Query = "a\n" }),
		"where":               change(func(h *Handshake) { h.Where = "type" }),
		"where, bad escape":   change(func(h *Handshake) { h.Where = "/a~2" }),
		"where, open escape":  change(func(h *Handshake) { h.Where = "/a~" }),
		"equals alone":        {Method: "GET", Equals: "x"},
		"equals":              change(func(h *Handshake) { h.Equals = "\x1b" }),
		"echo":                change(func(h *Handshake) { h.Echo = "body" }),
		"echo header":         change(func(h *Handshake) { h.Echo = "header:" }),
		"echo query":          change(func(h *Handshake) { h.Echo = "query:" }),
		"echo json":           change(func(h *Handshake) { h.Echo = "json:x" }),
		"status 500":          change(func(h *Handshake) { h.Reply.Status = 500 }),
		"status 302":          change(func(h *Handshake) { h.Reply.Status = 302 }),
		"204 with a body":     change(func(h *Handshake) { h.Reply.Status = 204 }),
		"cookie":              change(func(h *Handshake) { h.Reply.Header = "Set-Cookie" }),
		"location":            change(func(h *Handshake) { h.Reply.Header = "Location" }),
		"content type":        change(func(h *Handshake) { h.Reply.Header = "Content-Type" }),
		"header and JSON":     change(func(h *Handshake) { h.Reply = Reply{Header: "Validation-Token", JSON: "x"} }),
		"nothing to put in":   {Method: "GET", Reply: Reply{JSON: "x"}},
		"JSON name, too long": change(func(h *Handshake) { h.Reply.JSON = strings.Repeat("x", 129) }),
	} {
		if err := checkHandshakes([]Handshake{good, h}); err == nil || !strings.Contains(err.Error(), "handshake 2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := make([]Handshake, maxHandshakes)
	for i := range many {
		many[i] = good
	}
	if err := checkHandshakes(many); err != nil {
		t.Error(err)
	}
	if err := checkHandshakes(append(many, good)); err == nil {
		t.Error("one too many was taken")
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add("/type", "json:/challenge", "/?a=b", `{"type":"url_verification","challenge":"x"}`)
	f.Add("/0/a~1b", "query:a", "/?a=%00", `[{"a/b":1}]`)
	f.Fuzz(func(t *testing.T, where, echo, target, body string) {
		h := Handshake{Method: "POST", Where: where, Echo: echo}
		if checkHandshakes([]Handshake{h}) != nil {
			return
		}
		res, ok := answerHandshake([]Handshake{h}, delivery("POST", target, "", body))
		if ok && (len(res.Body) > maxHandshakeEcho || !plainText(string(res.Body))) {
			t.Fatalf("%q", res.Body)
		}
	})
}
