package inspect

import (
	"io"
	"sync"
	"time"

	"github.com/hookrelay/hook/inspect/safetext"
)

// JSON writes events as NDJSON: one object on a line, each with "v", "type"
// and "at" (RFC 3339, UTC). Fields may be added under version 1; readers pass
// over types and fields that they do not know.
//
//	{"v":1,"type":"ready","at":…,"url":…,"target":…,"relay":…,"backlog":0,"expires_at":…}
//	{"v":1,"type":"begin","at":…,"id":"dlv_…","n":1,"method":"POST","target":"/x","size":120}
//	{"v":1,"type":"end","at":…,"id":"dlv_…","n":1,"state":"answered","status":200,"ms":23.1,"flow":{…}}
//	{"v":1,"type":"settled","at":…,"id":"dlv_…","n":1,"settled":{"fate":"answered","status":200,…}}
//	{"v":1,"type":"lost","at":…,"error":"…","retry_ms":250}
//	{"v":1,"type":"paused","at":…,"reason":"…"}
//	{"v":1,"type":"resumed","at":…}
//	{"v":1,"type":"notice","at":…,"text":"…"}
//	{"v":1,"type":"gap","at":…,"count":3,"reason":"…"}
//	{"v":1,"type":"summary","at":…,"counters":{"attempts":2,"deliveries":2,"retries":0,…}}
//
// "flow" is what a cassette and the history hold: method, target, header as a
// list of [name, value], body as "body" (UTF-8) or "body64", provider, event,
// verdict, attempts. "state" is one of pending, answered, no-answer,
// unreachable, skipped, dead. "summary" is the last line.
//
// What is foreign in it stands as it came, escaped as JSON strings are; a
// control character never reaches the terminal.
type JSON struct {
	// Redaction is what is taken out of flows; nothing, unless set.
	Redaction Redaction

	mu  sync.Mutex // guards err, and whole lines on w
	w   io.Writer
	err error
}

// NewJSON writes to w.
func NewJSON(w io.Writer) *JSON { return &JSON{w: w} }

// Err is the first error of the writer. After it nothing is written.
func (j *JSON) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// wireEvent is every field that an event can have.
type wireEvent struct {
	V    int       `json:"v"`
	Type string    `json:"type"`
	At   time.Time `json:"at"`

	URL       string    `json:"url,omitempty"`
	Relay     string    `json:"relay,omitempty"`
	Backlog   *int      `json:"backlog,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`

	ID     string    `json:"id,omitempty"`
	Number int       `json:"n,omitempty"`
	Replay int       `json:"replay,omitempty"`
	Method string    `json:"method,omitempty"`
	Target string    `json:"target,omitempty"`
	Size   *int64    `json:"size,omitempty"`
	State  State     `json:"state,omitempty"`
	Status int       `json:"status,omitempty"`
	Ms     *float64  `json:"ms,omitempty"`
	Flow   *wireFlow `json:"flow,omitempty"`

	Settled *wireSettled `json:"settled,omitempty"`

	Error    string    `json:"error,omitempty"`
	RetryMs  *float64  `json:"retry_ms,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Text     string    `json:"text,omitempty"`
	Count    int       `json:"count,omitempty"`
	Counters *Counters `json:"counters,omitempty"`
}

// Event writes e.
func (j *JSON) Event(e Event) {
	w := j.wire(e)
	if w == nil {
		return
	}
	w.V, w.At = Version, stamp(w.At)
	b, err := encodeJSON(w)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return
	}
	if j.err = err; err == nil {
		_, j.err = j.w.Write(append(escapeHidden(b), '\n'))
	}
}

func (j *JSON) wire(e Event) *wireEvent {
	switch e := e.(type) {
	case Ready:
		return &wireEvent{
			Type: "ready", At: e.At, URL: readable(e.URL), Target: readable(e.Target), Relay: readable(e.Relay), Backlog: &e.Backlog,
			ExpiresAt: stamp(e.Expires),
		}
	case Begin:
		f := e.Flow
		w := &wireEvent{
			Type: "begin", At: e.At, ID: f.ID(), Replay: f.Replay, Method: readable(f.Delivery.Method), Target: readable(f.Delivery.Target), Size: &f.BodySize,
		}
		if j.Redaction.Flow(f) != f {
			w.Target = readable(j.Redaction.Flow(f).Delivery.Target)
		}
		if a := f.Last(); a != nil {
			w.Number = a.Number
		}
		return w
	case End:
		f := j.Redaction.Flow(e.Flow)
		if whole, err := f.Whole(); err == nil {
			f = whole
		}
		w := &wireEvent{Type: "end", At: e.At, ID: f.ID(), Replay: f.Replay, State: f.State(), Status: f.Status(), Flow: newWireFlow(f)}
		if a := f.Last(); a != nil {
			ms := millis(a.Took)
			w.Number, w.Ms = a.Number, &ms
		}
		return w
	case SettledEvent:
		return &wireEvent{Type: "settled", At: e.At, ID: e.ID, Number: e.Attempt, Settled: newWireSettled(&e.Settled)}
	case Lost:
		ms := millis(e.Retry)
		return &wireEvent{Type: "lost", At: e.At, Error: readable(safetext.Error(e.Err)), RetryMs: &ms}
	case Paused:
		return &wireEvent{Type: "paused", At: e.At, Reason: readable(e.Reason)}
	case Resumed:
		return &wireEvent{Type: "resumed", At: e.At}
	case Notice:
		return &wireEvent{Type: "notice", At: e.At, Text: readable(e.Text)}
	case Gap:
		return &wireEvent{Type: "gap", At: e.At, Count: e.Count, Reason: readable(e.Reason)}
	case Summary:
		return &wireEvent{Type: "summary", At: e.At, Counters: &e.Counters}
	}
	return nil
}
