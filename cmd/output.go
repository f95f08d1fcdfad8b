package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/fatih/color"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/tunnel"
)

// output shows what a listener does. It is a stage.Recorder and takes the
// tunnel's events; all methods may be called at once.
type output interface {
	Ready(readyInfo)
	Begin(d *tunnel.Delivery)
	End(d *tunnel.Delivery, r *tunnel.Result, err error, took time.Duration)
	Note(d *tunnel.Delivery, n stage.Note)
	Event(e tunnel.Event)
	Summary(counts)
}

// readyInfo is what a listener says once the relay has welcomed it.
type readyInfo struct {
	URL       string
	Endpoint  string // name
	Target    string
	Chaos     string // what disturbs deliveries on purpose, "" for nothing
	Relay     string
	Embedded  bool
	ExpiresAt time.Time
	Backlog   int
	Again     bool // after a lost link
}

// counts add up: Received is Answered + Failed.
type counts struct {
	Received int `json:"received"`
	Answered int `json:"answered"`
	Failed   int `json:"failed"`
	Purged   int `json:"purged"`
}

// counter keeps counts; outputs embed it.
type counter struct {
	mu sync.Mutex
	n  counts
}

// plainOutput writes lines for people: flows on out, talk on err.
type plainOutput struct {
	out, err io.Writer
	quiet    bool
	mu       sync.Mutex
	paint    painter
	notebook
}

// painter colours, or does not.
type painter struct{ good, note, bad, dim *color.Color }

func newPainter(on bool) painter {
	p := painter{color.New(color.FgGreen), color.New(color.FgYellow), color.New(color.FgRed), color.New(color.Faint)}
	for _, c := range []*color.Color{p.good, p.note, p.bad, p.dim} {
		if on {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
	}
	return p
}

func (p *plainOutput) say(c *color.Color, format string, args ...any) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.err, c.Sprint(safetext.Line(fmt.Sprintf(format, args...))))
}

func (p *plainOutput) Ready(r readyInfo) {
	if r.Again {
		p.say(p.paint.good, "connected again")
	} else {
		p.say(p.paint.good, "ready: %s → %s", r.URL, r.Target)
		if r.Embedded {
			p.say(p.paint.dim, "this URL is reachable from this machine only; for a public one run \"hook relay\" on a server and listen with --relay https://HOST")
		}
	}
	if r.Chaos != "" && !r.Again {
		p.say(p.paint.note, "chaos: %s", r.Chaos)
	}
	if r.Backlog > 0 {
		p.say(p.paint.note, "%d arrived while you were away", r.Backlog)
	}
}

func (p *plainOutput) Begin(*tunnel.Delivery) {}

func (p *plainOutput) End(d *tunnel.Delivery, r *tunnel.Result, err error, took time.Duration) {
	if p.quiet {
		return
	}
	status, c, answered := "---", p.paint.bad, ""
	if r != nil {
		status = strconv.Itoa(r.Status)
		answered = formatBytes(r.Size)
		switch {
		case r.Status < 300:
			c = p.paint.good
		case r.Status < 500:
			c = p.paint.note
		}
	}
	line := fmt.Sprintf("%s  %s  %-6s %s  %s → %s  %s", p.paint.dim.Sprint(time.Now().Format("15:04:05.000")), c.Sprint(status),
		safetext.String(d.Method), safetext.Limit(safetext.String(d.Target), 200), formatBytes(int64(len(d.Body))), answered, formatTook(took))
	if r == nil {
		line = fmt.Sprintf("%s  %s  %-6s %s  %s  %s  %s", p.paint.dim.Sprint(time.Now().Format("15:04:05.000")), c.Sprint(status),
			safetext.String(d.Method), safetext.Limit(safetext.String(d.Target), 200), formatBytes(int64(len(d.Body))), formatTook(took), c.Sprint(safetext.Error(err)))
	}
	if r != nil && r.Omitted() {
		line += "  " + p.paint.note.Sprint("answer too large, body left out")
	}
	line += p.marks(d, r)
	if d.Attempt > 1 {
		line += p.paint.note.Sprintf("  attempt %d", d.Attempt)
	}
	if d.Seq > 0 {
		line += p.paint.dim.Sprintf("  queued %s ago", formatAge(time.Since(d.ReceivedAt)))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.out, line)
}

func (p *plainOutput) Event(e tunnel.Event) {
	switch e := e.(type) {
	case tunnel.Lost:
		what := "link to the relay lost"
		if !e.Was {
			what = "relay not reached"
		}
		p.say(p.paint.bad, "%s: %s; trying again in %s", what, plainCause(e.Err), formatTook(e.Retry))
	case tunnel.PausedEvent:
		p.say(p.paint.note, "paused: %s; webhooks wait at the relay", e.Reason)
	case tunnel.ResumedEvent:
		p.say(p.paint.good, "resumed")
	case tunnel.GoingAway:
		p.say(p.paint.note, "the relay restarts")
	case tunnel.SenderGone:
		p.say(p.paint.note, "%s: sender left after %s", e.ID, formatTook(e.After))
	case tunnel.Gap:
		p.say(p.paint.bad, "%d deliveries were deleted unanswered: %s", e.Count, e.Reason)
	case tunnel.Notice:
		p.say(p.paint.note, "relay: %s", e.Text)
	case tunnel.Settlement:
		switch e.Fate {
		case tunnel.Retried:
			p.say(p.paint.note, "%s: %s; tried again in %s", e.ID, e.Reason, formatAge(time.Until(e.NextAt)))
		case tunnel.Dead:
			p.say(p.paint.bad, "%s is dead: %s; \"hook queue retry %s\" tries it again", e.ID, e.Reason, e.ID)
		}
	}
}

func (p *plainOutput) Summary(n counts) {
	if n.Received > 0 {
		p.say(p.paint.dim, "%d received: %d answered, %d without answer", n.Received, n.Answered, n.Failed)
	}
}

// jsonOutput writes one JSON object a line. The stream is versioned: fields are
// added, never changed (docs/json.md).
type jsonOutput struct {
	mu  sync.Mutex
	out *json.Encoder
	notebook
}

func newJSONOutput(w io.Writer) *jsonOutput {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &jsonOutput{out: e}
}

// jsonEvent is one line.
type jsonEvent struct {
	V    int       `json:"v"`
	Type string    `json:"type"`
	At   time.Time `json:"at"`

	URL      string     `json:"url,omitempty"`
	Endpoint string     `json:"endpoint,omitempty"`
	Target   string     `json:"target,omitempty"`
	Relay    string     `json:"relay,omitempty"`
	Expires  *time.Time `json:"expires_at,omitempty"`
	Backlog  *int       `json:"backlog,omitempty"`

	Delivery string      `json:"delivery,omitempty"`
	Seq      uint64      `json:"seq,omitempty"`
	Attempt  int         `json:"attempt,omitempty"`
	Received *time.Time  `json:"received_at,omitempty"`
	Method   string      `json:"method,omitempty"`
	Path     string      `json:"path,omitempty"`
	Header   [][2]string `json:"header,omitempty"`
	Body     []byte      `json:"body_b64,omitempty"`
	Size     *int64      `json:"size,omitempty"`

	Status       int         `json:"status,omitempty"`
	By           string      `json:"by,omitempty"`
	AnswerHeader [][2]string `json:"answer_header,omitempty"`
	AnswerSize   *int64      `json:"answer_size,omitempty"`
	MS           *float64    `json:"ms,omitempty"`

	Chaos   string     `json:"chaos,omitempty"`
	Marks   []string   `json:"marks,omitempty"`
	Fate    string     `json:"fate,omitempty"`
	NextAt  *time.Time `json:"next_at,omitempty"`
	Removed []string   `json:"removed,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	Text    string     `json:"text,omitempty"`
	Count   int        `json:"count,omitempty"`
	*counts
}

func (j *jsonOutput) write(e jsonEvent) {
	e.V, e.At = 1, time.Now().UTC()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out.Encode(e) // a reader that is gone ends us by SIGPIPE
}

func pairs(h tunnel.Header) [][2]string {
	list := make([][2]string, 0, len(h))
	for _, f := range h {
		list = append(list, [2]string{f.Name, f.Value})
	}
	return list
}

func millis(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}

func (j *jsonOutput) Ready(r readyInfo) {
	j.write(jsonEvent{Type: "ready", URL: r.URL, Endpoint: r.Endpoint, Target: r.Target, Chaos: r.Chaos, Relay: r.Relay, Expires: &r.ExpiresAt, Backlog: &r.Backlog})
}

func (j *jsonOutput) Begin(d *tunnel.Delivery) {
	size := int64(len(d.Body))
	j.write(jsonEvent{
		Type: "delivery", Delivery: d.ID.String(), Seq: d.Seq, Attempt: d.Attempt, Received: &d.ReceivedAt, Method: d.Method, Path: d.Target, URL: d.URL,
		Header: pairs(d.Header), Body: d.Body, Size: &size,
	})
}

func (j *jsonOutput) End(d *tunnel.Delivery, r *tunnel.Result, err error, took time.Duration) {
	notes := j.take(d)
	e := jsonEvent{Delivery: d.ID.String(), Attempt: d.Attempt, MS: millis(took), Target: notes.target, Marks: notes.marks}
	if r != nil {
		e.Type, e.Status, e.By, e.AnswerHeader, e.AnswerSize = "result", r.Status, r.By.String(), pairs(r.Header), &r.Size
	} else {
		e.Type, e.Reason = "failed", tunnel.AsFailure(err).Error()
	}
	j.write(e)
}

func (j *jsonOutput) Event(e tunnel.Event) {
	switch e := e.(type) {
	case tunnel.Lost:
		j.write(jsonEvent{Type: "lost", Reason: e.Err.Error(), MS: millis(e.Retry)})
	case tunnel.PausedEvent:
		j.write(jsonEvent{Type: "paused", Reason: e.Reason})
	case tunnel.ResumedEvent:
		j.write(jsonEvent{Type: "resumed"})
	case tunnel.GoingAway:
		j.write(jsonEvent{Type: "going-away", MS: millis(e.After)})
	case tunnel.SenderGone:
		j.write(jsonEvent{Type: "sender-left", Delivery: e.ID.String(), MS: millis(e.After)})
	case tunnel.Gap:
		j.write(jsonEvent{Type: "gap", Count: e.Count, Reason: e.Reason})
	case tunnel.Notice:
		j.write(jsonEvent{Type: "notice", Text: e.Text})
	case tunnel.Settlement:
		ev := jsonEvent{Type: "settled", Delivery: e.ID.String(), Attempt: e.Attempt, Fate: e.Fate.String(), Status: e.Status, Reason: e.Reason, Removed: e.Removed}
		if !e.NextAt.IsZero() {
			ev.NextAt = &e.NextAt
		}
		j.write(ev)
	}
}

func (j *jsonOutput) Summary(n counts) { j.write(jsonEvent{Type: "summary", counts: &n}) }

// plainCause is an error of the link without the layers that say nothing to a
// person.
func plainCause(err error) string {
	var ue *url.Error
	var ne *net.OpError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the relay closed the connection"
	case errors.As(err, &ne):
		return ne.Error()
	case errors.As(err, &ue):
		return ue.Err.Error()
	}
	return err.Error()
}

// formatBytes is a size for people: 512 B, 1.1 MB.
func formatBytes(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1_000_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
}

// formatTook is a duration for people: 4 ms, 1.20 s.
func formatTook(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
}

// formatAge is a long duration for people: 12 s, 3 min, 2 h.
func formatAge(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return strconv.FormatInt(int64(max(d, 0)/time.Second), 10) + " s"
	case d < 2*time.Hour:
		return strconv.FormatInt(int64(d/time.Minute), 10) + " min"
	}
	return strconv.FormatInt(int64(d/time.Hour), 10) + " h"
}
