package tui

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/tunnel"
)

// noon is when all tests take place.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// driver feeds a model by hand and runs its commands at once, in order: no
// goroutine, no timing.
type driver struct {
	*testing.T
	m      *Model
	copied []string
	quit   bool
}

func drive(t *testing.T, w, h int, o Options) *driver {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	if o.Theme == "" {
		o.Theme = "dark"
	}
	o.Zone = time.UTC
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{T: t, m: m}
	d.send(tea.WindowSizeMsg{Width: w, Height: h})
	return d
}

func (d *driver) send(msg tea.Msg) {
	d.Helper()
	_, cmd := d.m.Update(msg)
	d.run(cmd)
}

func (d *driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			d.run(c)
		}
	case tea.QuitMsg:
		d.quit = true
	default:
		if v := reflect.ValueOf(msg); v.Kind() == reflect.String { // tea's own: to the clipboard
			d.copied = append(d.copied, v.String())
			return
		}
		d.send(msg)
	}
}

// events brings events in, as the feed does.
func (d *driver) events(list ...Event) { d.send(batch{events: list}) }

// keys presses keys: a single character or a name such as "enter" each.
func (d *driver) keys(list ...string) {
	d.Helper()
	for _, k := range list {
		d.send(keyOf(k))
	}
}

// types types text into a prompt.
func (d *driver) types(s string) {
	for _, r := range s {
		d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

func keyOf(k string) tea.KeyPressMsg {
	codes := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft,
		"right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "f1": tea.KeyF1,
		"backspace": tea.KeyBackspace,
	}
	if k == "space" {
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	}
	if k == "shift+tab" {
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	}
	if rest, ok := strings.CutPrefix(k, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(rest[0]), Mod: tea.ModCtrl}
	}
	if c, ok := codes[k]; ok {
		return tea.KeyPressMsg{Code: c}
	}
	return tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
}

// frame is the screen as it is. It holds the rules of every frame: its size,
// and no control character but those of the theme.
func (d *driver) frame() string {
	d.Helper()
	s := d.m.View().Content
	lines := strings.Split(s, "\n")
	if len(lines) != d.m.height {
		d.Errorf("the frame has %d lines, the screen %d", len(lines), d.m.height)
	}
	for i, l := range lines {
		if n := ansi.StringWidth(l); n > d.m.width {
			d.Errorf("line %d is %d wide, the screen %d: %q", i, n, d.m.width, l)
		}
	}
	if bad := control(s, true); bad != "" {
		d.Errorf("the frame holds %s", bad)
	}
	return s
}

// words is the frame without its colours.
func (d *driver) words() string {
	d.Helper()
	lines := strings.Split(ansi.Strip(d.frame()), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (d *driver) has(list ...string) {
	d.Helper()
	s := d.words()
	for _, w := range list {
		if !strings.Contains(s, w) {
			d.Errorf("the screen lacks %q:\n%s", w, s)
		}
	}
}

// control names the first character of s that a screen must not get. SGR
// sequences are ours where sgr is set.
func control(s string, sgr bool) string {
	rest := s
	for rest != "" {
		if sgr && strings.HasPrefix(rest, "\x1b[") {
			i := 2
			for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == ';') {
				i++
			}
			if i < len(rest) && rest[i] == 'm' {
				rest = rest[i+1:]
				continue
			}
		}
		r := []rune(rest[:min(len(rest), 4)])[0]
		if r != '\n' && (r < ' ' || r >= 0x7f && r <= 0x9f || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f) {
			return fmt.Sprintf("%U at byte %d", r, len(s)-len(rest))
		}
		rest = rest[len(string(r)):]
	}
	return ""
}

// ready is an endpoint as a listener announces it.
func ready() Ready {
	return Ready{
		URL: "https://relay.example/h/5pv3cmnkqkbdxgsg6xnzm2dm4o6mbuvx", Endpoint: "default", Target: "http://localhost:3000",
		Relay: "https://relay.example", ExpiresAt: noon.Add(6*24*time.Hour + 23*time.Hour),
	}
}

// sampler makes flows, each with an id of its own.
type sampler struct{ n int }

func (s *sampler) delivery(provider, event, target, body string) *tunnel.Delivery {
	s.n++
	at := noon.Add(time.Duration(s.n-60) * time.Second)
	id := tunnel.NewID(at)
	for i := 6; i < len(id); i++ {
		id[i] = byte(s.n * i)
	}
	return &tunnel.Delivery{
		ID: id, Attempt: 1, ReceivedAt: at, Budget: 8 * time.Second, Method: "POST", Target: target,
		URL: "https://relay.example/h/5pv3cmnkqkbdxgsg6xnzm2dm4o6mbuvx" + target, Host: "relay.example", Remote: "192.0.2.10:4711",
		Header: tunnel.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: provider + "-hooks/1"}, {Name: "X-Event", Value: event}},
		Body:   []byte(body),
	}
}

func (s *sampler) flow(provider, event, target, body string) *inspect.Flow {
	d := s.delivery(provider, event, target, body)
	f := inspect.NewFlow(d, d.ReceivedAt.Add(3*time.Millisecond))
	f.Provider, f.Event, f.DeliveryID = provider, event, fmt.Sprintf("evt_%03d", s.n)
	f.Attempts[0].Target = "http://localhost:3000"
	return f
}

func answer(f *inspect.Flow, status int, body string, after time.Duration) *inspect.Flow {
	r := &tunnel.Result{
		Status: status, Header: tunnel.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Powered-By", Value: "tests"}},
		Body: []byte(body), Size: int64(len(body)), By: tunnel.ByApplication,
		Timing: tunnel.Timing{Connected: after / 20, FirstByte: after * 9 / 10, Done: after},
	}
	return f.Ended("http://localhost:3000", r, nil, after)
}

// samples are flows in most states there are.
func samples() []*inspect.Flow {
	s := &sampler{}
	order := `{"id":"evt_1","type":"invoice.paid","data":{"object":{"amount":1999,"currency":"eur","lines":[{"sku":"a-1","n":2},{"sku":"b-7","n":1}],"paid":true,"note":null}}}`
	var out []*inspect.Flow
	add := func(f *inspect.Flow) { out = append(out, f) }
	f := answer(s.flow("stripe", "invoice.paid", "/webhooks/stripe", order), 200, `{"received":true}`, 24*time.Millisecond)
	f.Verdict = inspect.Verdict{State: "valid", Scheme: "stripe", KeyID: "current", Covers: []string{"body", "timestamp"}, SignedAt: f.At.Add(-time.Second)}
	add(f)
	f = answer(s.flow("github", "push", "/webhooks/github?deploy=1", `{"ref":"refs/heads/main","commits":[{"id":"c0ffee"}]}`), 500, `{"error":"no such branch"}`, 120*time.Millisecond)
	f.Verdict = inspect.Verdict{State: "invalid", Scheme: "github", Reason: "mismatch", Detail: "the signature was made by no key of yours over these bytes", Cause: "secret-space", Diagnosis: `the secret has a line feed at its end: with "printf" instead of "echo" it would match`, Covers: []string{"body"}}
	add(f)
	f = answer(s.flow("slack", "url_verification", "/slack/events", `{"type":"url_verification"}`), 200, `ok`, 4*time.Millisecond)
	f.Verdict = inspect.Verdict{State: "stale", Scheme: "slack", Reason: "too-old", Covers: []string{"body", "timestamp"}, SignedAt: f.At.Add(-412 * time.Second)}
	add(f)
	f = s.flow("shopify", "orders/create", "/webhooks/shopify", `{"order":1}`).Ended("http://localhost:3000", nil, &tunnel.Failure{Kind: tunnel.Refused, Detail: "dial tcp 127.0.0.1:3000: connect: connection refused"}, time.Millisecond)
	f.Verdict = inspect.Verdict{State: "no-key"}
	add(f)
	f = s.flow("github", "workflow_run", "/webhooks/github", `{"action":"completed"}`).Ended("http://localhost:3000", nil, &tunnel.Failure{Kind: tunnel.TimedOut}, 30*time.Second)
	f.Verdict = inspect.Verdict{State: "unsigned"}
	add(f)
	f = answer(s.flow("github", "issues", "/webhooks/github", `{"action":"opened"}`), 200, `{}`, 12300*time.Millisecond)
	f.Tags = []string{inspect.Duplicate}
	add(f)
	add(s.flow("twilio", "", "/sms", "Body=hello+there&From=%2B4912345"))
	return out
}

// listening is a driver with an endpoint and the samples.
func listening(t *testing.T, w, h int, o Options) *driver {
	d := drive(t, w, h, o)
	list := []Event{ready(), Link{State: Up, RTT: 12 * time.Millisecond}, Health{Known: true, Up: true}}
	for _, f := range samples() {
		list = append(list, Seen{f})
	}
	d.events(list...)
	return d
}
