package cmd

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookrelay/hook/inspect"
)

// awaitedReady and awaited are the lines of hook wait --json. Fields are added,
// never changed.
type awaitedReady struct {
	V    int    `json:"v"`
	Type string `json:"type"` // "ready"
	URL  string `json:"url"`
}

type awaited struct {
	V        int             `json:"v"`
	Type     string          `json:"type"` // "webhook"
	ID       string          `json:"id"`
	At       time.Time       `json:"received_at"`
	Method   string          `json:"method"`
	Path     string          `json:"path"` // with the query, below the endpoint
	URL      string          `json:"url"`
	Header   [][2]string     `json:"header"`
	Size     int64           `json:"size"`
	Body     *string         `json:"body,omitempty"`     // where it is UTF-8
	BodyB64  []byte          `json:"body_b64,omitempty"` // where it is not
	JSON     json.RawMessage `json:"json,omitempty"`     // where it is JSON
	Provider string          `json:"provider,omitempty"`
	Event    string          `json:"event,omitempty"`
	Delivery string          `json:"delivery,omitempty"` // the provider's id
	Verdict  string          `json:"verdict,omitempty"`
	Unmet    string          `json:"unmet,omitempty"` // the --expect that it does not fit
}

func writeLine(env *Env, v any) error {
	e := json.NewEncoder(env.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// print writes a webhook that counts. Guarded by mu.
func (w *waiter) print(f *inspect.Flow) {
	d := &f.Delivery
	switch {
	case w.o.body:
		w.env.Out.Write(d.Body) // a reader that is gone ends us by SIGPIPE
		if n := len(d.Body); n > 0 && d.Body[n-1] != '\n' && w.o.count > 1 {
			fmt.Fprintln(w.env.Out)
		}
	case w.o.json:
		a := awaited{
			V: 1, Type: "webhook", ID: f.ID(), At: d.ReceivedAt.UTC(), Method: d.Method, Path: d.Target, URL: d.URL, Size: f.BodySize,
			Header: [][2]string{}, Provider: f.Provider, Event: f.Event, Delivery: f.DeliveryID, Verdict: f.Verdict.State, Unmet: w.wrong[len(w.wrong)-1],
		}
		for _, h := range d.Header {
			a.Header = append(a.Header, [2]string{h.Name, h.Value})
		}
		if utf8.Valid(d.Body) {
			text := string(d.Body)
			a.Body = &text
			if json.Valid(d.Body) {
				a.JSON = d.Body
			}
		} else {
			a.BodyB64 = d.Body
		}
		writeLine(w.env, a)
	default:
		inspect.NewLines(w.env.Out, w.env.colour(w.env.OutTTY)).Event(inspect.End{At: f.At, Flow: f})
	}
}

// The parts of a JUnit report that its readers agree on.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Error   *junitFailure `xml:"error,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
}

// writeJUnit writes one case for each webhook that came or should have come.
// What is wrong with the webhooks is a failure, all else an error.
func (w *waiter) writeJUnit(path string, end error, took time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := junitSuite{Name: "hook wait", Tests: w.o.count, Time: fmt.Sprintf("%.3f", took.Seconds())}
	for i := range w.o.count {
		c := junitCase{Class: "hook.wait", Name: fmt.Sprintf("webhook %d", i+1)}
		switch {
		case i < len(w.came):
			c.Name += ": " + what(w.came[i])
			if w.wrong[i] != "" {
				c.Failure = &junitFailure{"does not fit " + w.wrong[i]}
				s.Failures++
			}
		case end != nil:
			var f *failure
			said := &junitFailure{strings.ToValidUTF8(end.Error(), "?")}
			if errors.As(end, &f) && f.code == exitTimeout {
				c.Failure = said
				s.Failures++
			} else {
				c.Error = said
				s.Errors++
			}
		}
		s.Cases = append(s.Cases, c)
	}
	b, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte(xml.Header), append(b, '\n')...), 0o644)
}
