package stage_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// recorder keeps what it is told.
type recorder struct {
	mu    sync.Mutex
	notes []string
}

func (r *recorder) Begin(*tunnel.Delivery)                                     {}
func (r *recorder) End(*tunnel.Delivery, *tunnel.Result, error, time.Duration) {}
func (r *recorder) Note(_ *tunnel.Delivery, n stage.Note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := fmt.Sprintf("%s %s%s", n.Kind, n.Text, n.Target)
	if n.Result != nil {
		s += fmt.Sprintf(" %d", n.Result.Status)
	}
	if n.Err != nil {
		s += " " + n.Err.Error()
	}
	r.notes = append(r.notes, s)
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notes)
}

// application answers with a status and keeps the paths it was sent.
type application struct {
	status int
	takes  time.Duration
	mu     sync.Mutex
	paths  []string
}

func (a *application) Handle(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
	a.mu.Lock()
	a.paths = append(a.paths, d.Target)
	a.mu.Unlock()
	time.Sleep(a.takes)
	return &tunnel.Result{Status: a.status, By: tunnel.ByApplication, Body: []byte(d.Body), Size: int64(len(d.Body))}, nil
}

func (a *application) got() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.paths)
}

func github(event, path, body string) *tunnel.Delivery {
	return &tunnel.Delivery{
		ID: tunnel.NewID(time.Now()), Attempt: 1, ReceivedAt: time.Now(), Method: "POST", Target: path, URL: "https://relay.example/h/x" + path,
		Host: "relay.example", Body: []byte(body),
		Header: tunnel.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Github-Event", Value: event},
			{Name: "X-Github-Delivery", Value: "72d3162e-cc78-11e3-81ab-4c9367dc0958"}, {Name: "User-Agent", Value: "GitHub-Hookshot/044aadd"}},
	}
}

func parse(t *testing.T, text string) query.Query {
	t.Helper()
	q, err := stage.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestFilterAnswersWhatItDoesNotPick(t *testing.T) {
	app := &application{status: 201}
	h := stage.Chain(app, stage.Identify(""), stage.Filter(parse(t, "provider:github event:push -path:/health")))
	for _, tt := range []struct {
		event, path string
		status      int
		by          tunnel.Origin
	}{
		{"push", "/a", 201, tunnel.ByApplication},
		{"ping", "/b", 200, tunnel.ByFilter},
		{"push", "/health", 200, tunnel.ByFilter},
	} {
		r, err := h.Handle(t.Context(), github(tt.event, tt.path, "{}"))
		if err != nil || r.Status != tt.status || r.By != tt.by {
			t.Errorf("%s %s: %+v, %v", tt.event, tt.path, r, err)
		}
	}
	if got := app.got(); !slices.Equal(got, []string{"/a"}) {
		t.Errorf("the application saw %q", got)
	}
}

// Queries may ask for what the verify stage found.
func TestFilterKnowsTheVerdict(t *testing.T) {
	judge := stage.NewJudge(stage.JudgeOptions{})
	for text, want := range map[string]tunnel.Origin{"is:no-key": tunnel.ByApplication, "is:valid": tunnel.ByFilter} {
		h := stage.Chain(&application{status: 200}, stage.Identify(""), stage.Verify(stage.VerifyOptions{Judge: judge}), stage.Filter(parse(t, text)))
		d := github("push", "/", "{}")
		d.Header = append(d.Header, tunnel.Field{Name: "X-Hub-Signature-256", Value: "sha256=" + strings.Repeat("0", 64)})
		if r, err := h.Handle(t.Context(), d); err != nil || r.By != want {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
}

func TestEvents(t *testing.T) {
	for _, tt := range []struct {
		list     []string
		yes, no  []string
		mistaken bool
	}{
		{list: []string{"push,pull_request"}, yes: []string{"push", "pull_request", "PUSH"}, no: []string{"ping", "pushed", "xpush"}},
		{list: []string{"pu*", "!pull_*"}, yes: []string{"push"}, no: []string{"pull_request", "ping"}},
		{list: []string{"!ping"}, yes: []string{"push"}, no: []string{"ping"}},
		{list: []string{"a.b"}, yes: []string{"a.b"}, no: []string{"axb"}},
		{list: []string{"a/b or c"}, yes: []string{"a/b or c"}, no: []string{"a", "c"}},
		{list: []string{"push,,ping"}, mistaken: true},
		{list: []string{"!"}, mistaken: true},
		{list: []string{strings.Repeat("a,", 99) + "b"}, mistaken: true},
	} {
		q, err := stage.Events(tt.list)
		if (err != nil) != tt.mistaken {
			t.Errorf("%q: %v", tt.list, err)
			continue
		}
		for _, want := range []bool{true, false} {
			names := tt.no
			if want {
				names = tt.yes
			}
			for _, name := range names {
				if got := q.Match(stage.FlowOf(t.Context(), github(name, "/", "{}"))); got != want {
					t.Errorf("%q picks %q: %t", tt.list, name, got)
				}
			}
		}
	}
}

func TestQueriesOfAnswersAreRefused(t *testing.T) {
	if _, err := stage.ParseFilter("method:POST status:500"); err == nil || !strings.Contains(err.Error(), "status") {
		t.Errorf("a filter on the answer: %v", err)
	}
	var qe *query.Error
	if _, err := stage.ParseFilter("method:POST evnt:push"); !errors.As(err, &qe) || qe.Column != 13 {
		t.Errorf("a mistake: %v", err)
	}
}

func TestParseMock(t *testing.T) {
	read := func(name string) ([]byte, error) {
		if name == "a.xml" {
			return []byte("<a/>"), nil
		}
		return nil, fs.ErrNotExist
	}
	for _, tt := range []struct {
		text, query string
		status      int
		body, kind  string
		delay       time.Duration
	}{
		{text: "204", status: 204},
		{text: "=503~2s", status: 503, delay: 2 * time.Second},
		{text: "path:/health=200:ok", query: "path:/health", status: 200, body: "ok", kind: "text/plain; charset=utf-8"},
		{text: `path:/x=200:{"a":"b=404:c"}`, query: "path:/x", status: 200, body: `{"a":"b=404:c"}`, kind: "application/json"},
		{text: `header:x-foo=bar=404`, query: "header:x-foo=bar", status: 404},
		{text: `json:code="200"=500:x`, query: `json:code="200"`, status: 500, body: "x", kind: "text/plain; charset=utf-8"},
		{text: `path:~/a=200:b/=404`, query: "path:~/a=200:b/", status: 404},
		{text: "size:>=100=200", query: "size:>=100", status: 200},
		{text: "path:/x=200@a.xml~1.5s", query: "path:/x", status: 200, body: "<a/>", kind: "application/xml", delay: 1500 * time.Millisecond},
	} {
		m, err := stage.ParseMock(tt.text, read)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if m.Query.String() != parse(t, tt.query).String() || m.Status != tt.status || string(m.Body) != tt.body || m.Type != tt.kind || m.Delay != tt.delay {
			t.Errorf("%q: %+v", tt.text, m)
		}
	}
	for _, text := range []string{"", "path:/x", "path:/x=", "path:/x=99", "path:/x=600:a", "path:/x=100", "pth:/x=200", "status:500=200", "path:/x=200@", "path:/x=200@gone", "=204:body", "=200~99m"} {
		if m, err := stage.ParseMock(text, read); err == nil {
			t.Errorf("%q passes: %+v", text, m)
		}
	}
}

func TestMockAnswersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &application{status: 200}
		var rules []stage.MockRule
		for _, text := range []string{"path:/a=202:first~3s", "path:/*=503"} {
			m, err := stage.ParseMock(text, nil)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, m)
		}
		h := stage.Chain(app, stage.Mock(rules))
		began := time.Now()
		r, err := h.Handle(t.Context(), github("push", "/a", ""))
		if err != nil || r.Status != 202 || string(r.Body) != "first" || r.By != tunnel.ByMock || time.Since(began) != 3*time.Second {
			t.Errorf("%+v, %v after %s", r, err, time.Since(began))
		}
		if r, err = h.Handle(t.Context(), github("push", "/b", "")); err != nil || r.Status != 503 {
			t.Errorf("%+v, %v", r, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = h.Handle(ctx, github("push", "/a", "")); tunnel.AsFailure(err).Kind != tunnel.Abandoned {
			t.Errorf("stopped: %v", err)
		}
		if got := app.got(); len(got) != 0 {
			t.Errorf("the application saw %q", got)
		}
	})
}

func TestRouteTakesTheFirstThatFits(t *testing.T) {
	pushes, all, rest, copied := &application{status: 201}, &application{status: 202}, &application{status: 203}, &application{status: 500}
	aside := stage.NewAside()
	rec := new(recorder)
	h := stage.Chain(rest, stage.Record(rec), stage.Identify(""), stage.Route(stage.RouteOptions{
		Rules: []stage.RouteRule{
			{Query: parse(t, "event:push"), To: stage.RouteTarget{Name: "pushes", Handler: pushes}},
			{Query: parse(t, "provider:github"), To: stage.RouteTarget{Name: "all", Handler: all}},
		},
		Default: "rest", Aside: aside,
		Copies: []stage.RouteTarget{{Name: "spare", Handler: copied}},
	}))
	for event, want := range map[string]int{"push": 201, "ping": 202} {
		if r, err := h.Handle(t.Context(), github(event, "/"+event, "")); err != nil || r.Status != want {
			t.Errorf("%s: %+v, %v", event, r, err)
		}
	}
	plain := &tunnel.Delivery{ID: tunnel.NewID(time.Now()), Attempt: 1, Method: "GET", Target: "/plain"}
	if r, err := h.Handle(t.Context(), plain); err != nil || r.Status != 203 {
		t.Errorf("plain: %+v, %v", r, err)
	}
	if err := aside.Close(); err != nil {
		t.Error(err)
	}
	notes := rec.all()
	slices.Sort(notes)
	if want := []string{"copy spare 500", "copy spare 500", "copy spare 500", "route all", "route pushes", "route rest"}; !slices.Equal(notes, want) {
		t.Errorf("notes %q", notes)
	}
	if plain.Target != "/plain" || len(rest.got()) != 1 {
		t.Errorf("the rest saw %q", rest.got())
	}
}

// The answer does not wait for the copies, and what is too much of them is
// left out.
func TestCopiesHoldUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &application{status: 200, takes: time.Hour}
		aside := stage.NewAside()
		rec := new(recorder)
		h := stage.Chain(&application{status: 200}, stage.Record(rec), stage.Route(stage.RouteOptions{
			Aside: aside, Copies: []stage.RouteTarget{{Name: "slow", Handler: slow}},
		}))
		began := time.Now()
		for range 70 {
			if _, err := h.Handle(t.Context(), github("push", "/", "x")); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("took %s", took)
		}
		if notes := rec.all(); len(notes) != 6 || !strings.Contains(notes[0], "too many") {
			t.Errorf("%d notes: %q", len(notes), notes)
		}
		aside.Close()
		aside.Close()
		if aside.Go(t.Context(), github("push", "/", ""), nil) {
			t.Error("a closed Aside takes work")
		}
	})
}

func TestParseRoute(t *testing.T) {
	q, target, err := stage.ParseRoute("provider:stripe header:x-foo=bar=localhost:3000/stripe")
	if err != nil || target != "localhost:3000/stripe" || q.String() != parse(t, "provider:stripe header:x-foo=bar").String() {
		t.Errorf("%q %q %v", q, target, err)
	}
	for _, text := range []string{"", "provider:stripe", "provider:stripe=", "provider:stripe=ftp://x", "prvider:stripe=3000", "status:500=3000"} {
		if _, _, err := stage.ParseRoute(text); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}

func TestAnyReachable(t *testing.T) {
	down := errors.New("down")
	no := func(context.Context) error { return down }
	yes := func(context.Context) error { return nil }
	if err := stage.AnyReachable(no, yes)(t.Context()); err != nil {
		t.Error(err)
	}
	if err := stage.AnyReachable(no, no)(t.Context()); err != down {
		t.Error(err)
	}
	if stage.AnyReachable() != nil {
		t.Error("a probe of nothing")
	}
}

func TestNothingInTheWayIsNoStage(t *testing.T) {
	app := &application{status: 200}
	var none *stage.Exec
	h := stage.Chain(app, stage.Filter(query.Query{}), stage.Mock(nil), none.Stage(), stage.Chaos(nil, nil), stage.Route(stage.RouteOptions{}))
	if h != tunnel.Handler(app) {
		t.Error("something stands before the application")
	}
}
