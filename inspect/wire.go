package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookrelay/hook/tunnel"
)

// Version is of the JSON form of flows and events. Fields may be added under
// the same version; a change of meaning is another one.
const Version = 1

// wireFlow is a flow as JSON. Bodies are text where they are UTF-8, else
// base64; a body in a file of the history is neither and "body_file" is its
// hash. Other strings that are not UTF-8 are shown with U+FFFD and stand
// exactly in "exact", by name, in base64.
type wireFlow struct {
	V          int        `json:"v"`
	ID         tunnel.ID  `json:"id"`
	Replay     int        `json:"replay,omitempty"`
	At         time.Time  `json:"at"`
	Seq        uint64     `json:"seq,omitempty"`
	Attempt    int        `json:"attempt,omitempty"` // of the delivery as it came first
	ReceivedAt time.Time  `json:"received_at,omitzero"`
	BudgetNs   int64      `json:"budget_ns,omitempty"`
	Method     string     `json:"method"`
	Target     string     `json:"target"`
	Prefix     string     `json:"prefix,omitempty"`
	URL        string     `json:"url,omitempty"`
	Host       string     `json:"host,omitempty"`
	Remote     string     `json:"remote,omitempty"`
	Header     wireHeader `json:"header"`
	BodySize   int64      `json:"body_size"`
	BodyHash   string     `json:"body_sha256"`
	wireBody
	wireHead
	Attempts []wireAttempt     `json:"attempts,omitempty"`
	Marked   bool              `json:"marked,omitempty"`
	Note     string            `json:"note,omitempty"`
	Exact    map[string][]byte `json:"exact,omitempty"`
}

// wireHead is what stages find out about a flow.
type wireHead struct {
	Provider   string       `json:"provider,omitempty"`
	Event      string       `json:"event,omitempty"`
	DeliveryID string       `json:"delivery,omitempty"`
	Verdict    *wireVerdict `json:"verdict,omitempty"`
	Tags       []string     `json:"tags,omitempty"`
	Redacted   []string     `json:"redacted,omitempty"`
}

type wireVerdict struct {
	State     string    `json:"state"`
	Scheme    string    `json:"scheme,omitempty"`
	KeyID     string    `json:"key_id,omitempty"`
	Covers    []string  `json:"covers,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	SignedAt  time.Time `json:"signed_at,omitzero"`
	Cause     string    `json:"cause,omitempty"`
	Diagnosis string    `json:"diagnosis,omitempty"`
}

type wireAttempt struct {
	Number    int          `json:"n"`
	StartedAt time.Time    `json:"started_at,omitzero"`
	Target    string       `json:"target,omitempty"`
	TookNs    int64        `json:"took_ns,omitempty"`
	Result    *wireResult  `json:"result,omitempty"`
	Failure   *wireFailure `json:"failure,omitempty"`
	Settled   *wireSettled `json:"settled,omitempty"`
}

type wireResult struct {
	Status int        `json:"status"`
	By     string     `json:"by,omitempty"`
	Header wireHeader `json:"header"`
	Size   int64      `json:"size"`
	wireBody
	Verdict     byte  `json:"verdict_code,omitempty"`
	ConnectedNs int64 `json:"connected_ns,omitempty"`
	FirstByteNs int64 `json:"first_byte_ns,omitempty"`
	DoneNs      int64 `json:"done_ns,omitempty"`
}

type wireFailure struct {
	Kind   string            `json:"kind"`
	Detail string            `json:"detail,omitempty"`
	Exact  map[string][]byte `json:"exact,omitempty"`
}

type wireSettled struct {
	At      time.Time `json:"at,omitzero"`
	Fate    string    `json:"fate"`
	Status  int       `json:"status,omitempty"`
	NextAt  time.Time `json:"next_at,omitzero"`
	Reason  string    `json:"reason,omitempty"`
	Removed []string  `json:"removed,omitempty"`
}

type wireBody struct {
	Body   string `json:"body,omitempty"`
	Body64 []byte `json:"body64,omitempty"`
	File   string `json:"body_file,omitempty"`
}

func newWireBody(b []byte) wireBody {
	if utf8.Valid(b) {
		return wireBody{Body: string(b)}
	}
	return wireBody{Body64: b}
}

func (w wireBody) bytes() []byte {
	if w.Body != "" {
		return []byte(w.Body)
	}
	return w.Body64
}

// wireHeader is a list of [name, value]; a line that is not UTF-8 has its
// exact value, and then its exact name, in base64 behind them.
type wireHeader [][]string

func newWireHeader(h tunnel.Header) wireHeader {
	out := make(wireHeader, len(h))
	for i, line := range h {
		if utf8.ValidString(line.Name) && utf8.ValidString(line.Value) {
			out[i] = []string{line.Name, line.Value}
			continue
		}
		out[i] = []string{readable(line.Name), readable(line.Value), encode64(line.Value), encode64(line.Name)}
	}
	return out
}

func (w wireHeader) header() (tunnel.Header, error) {
	if len(w) == 0 {
		return nil, nil
	}
	out := make(tunnel.Header, len(w))
	for i, line := range w {
		switch len(line) {
		case 2:
			out[i] = tunnel.Field{Name: line[0], Value: line[1]}
		case 4:
			value, err := decode64(line[2])
			if err != nil {
				return nil, err
			}
			name, err := decode64(line[3])
			if err != nil {
				return nil, err
			}
			out[i] = tunnel.Field{Name: name, Value: value}
		default:
			return nil, fmt.Errorf("header line %d has %d parts", i+1, len(line))
		}
	}
	return out, nil
}

func readable(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// exactStrings keeps what is not UTF-8 beside its readable form.
type exactStrings map[string][]byte

func (e *exactStrings) put(name, s string) string {
	if utf8.ValidString(s) {
		return s
	}
	if *e == nil {
		*e = exactStrings{}
	}
	(*e)[name] = []byte(s)
	return readable(s)
}

func (e exactStrings) get(name, s string) string {
	if b, ok := e[name]; ok {
		return string(b)
	}
	return s
}

// stamp is t in the form of JSON: RFC 3339 knows four digits of a year, and a
// relay can send any time.
func stamp(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.Round(0)
}

func newWireFlow(f *Flow) *wireFlow {
	d := &f.Delivery
	var e exactStrings
	w := &wireFlow{
		V: Version, ID: d.ID, Replay: f.Replay, At: stamp(f.At), Seq: d.Seq, Attempt: d.Attempt, ReceivedAt: stamp(d.ReceivedAt),
		BudgetNs: int64(d.Budget), Method: e.put("method", d.Method), Target: e.put("target", d.Target), Prefix: e.put("prefix", d.Prefix),
		URL: e.put("url", d.URL), Host: e.put("host", d.Host), Remote: e.put("remote", d.Remote), Header: newWireHeader(d.Header),
		BodySize: f.BodySize, BodyHash: f.BodyHash, wireHead: newWireHead(f), Marked: f.Marked, Note: e.put("note", f.Note),
	}
	if d.Body != nil || f.BodySize == 0 {
		w.wireBody = newWireBody(d.Body)
	} else {
		w.File = f.BodyHash
	}
	for i := range f.Attempts {
		w.Attempts = append(w.Attempts, newWireAttempt(&f.Attempts[i]))
	}
	w.Exact = e
	return w
}

// newWireHead makes foreign words readable: unlike what came they need not be
// exact.
func newWireHead(f *Flow) wireHead {
	w := wireHead{
		Provider: readable(f.Provider), Event: readable(f.Event), DeliveryID: readable(f.DeliveryID), Tags: f.Tags, Redacted: f.Redacted,
	}
	if v := f.Verdict; v.State != "" {
		w.Verdict = &wireVerdict{v.State, v.Scheme, v.KeyID, v.Covers, v.Reason, readable(v.Detail), stamp(v.SignedAt), v.Cause, readable(v.Diagnosis)}
	}
	return w
}

func (w *wireHead) put(f *Flow) {
	f.Provider, f.Event, f.DeliveryID, f.Tags, f.Redacted = w.Provider, w.Event, w.DeliveryID, w.Tags, w.Redacted
	if v := w.Verdict; v != nil {
		f.Verdict = Verdict(*v)
		f.Verdict.SignedAt = stamp(v.SignedAt)
	}
}

func newWireAttempt(a *Attempt) wireAttempt {
	w := wireAttempt{Number: a.Number, StartedAt: stamp(a.StartedAt), Target: readable(a.Target), TookNs: int64(a.Took)}
	if r := a.Result; r != nil {
		w.Result = &wireResult{
			Status: r.Status, By: originWords()[r.By], Header: newWireHeader(r.Header), Size: r.Size, Verdict: r.Verdict,
			ConnectedNs: int64(r.Timing.Connected), FirstByteNs: int64(r.Timing.FirstByte), DoneNs: int64(r.Timing.Done),
		}
		if w.Result.File = a.answerHash; a.answerHash == "" {
			w.Result.wireBody = newWireBody(r.Body)
		}
	}
	if x := a.Failure; x != nil {
		var e exactStrings
		w.Failure = &wireFailure{Kind: failureWord(x.Kind), Detail: e.put("detail", x.Detail)}
		w.Failure.Exact = e
	}
	if s := a.Settled; s != nil {
		w.Settled = newWireSettled(s)
	}
	return w
}

func newWireSettled(s *Settled) *wireSettled {
	removed := make([]string, len(s.Removed))
	for i, name := range s.Removed {
		removed[i] = readable(name)
	}
	return &wireSettled{stamp(s.At), s.Fate, s.Status, stamp(s.NextAt), readable(s.Reason), removed}
}

func (w *wireSettled) settled() *Settled {
	if w == nil {
		return nil
	}
	s := Settled(*w)
	s.At, s.NextAt = stamp(s.At), stamp(s.NextAt)
	return &s
}

func (w *wireAttempt) attempt() (Attempt, error) {
	a := Attempt{Number: w.Number, StartedAt: stamp(w.StartedAt), Target: w.Target, Took: time.Duration(w.TookNs), Settled: w.Settled.settled()}
	if r := w.Result; r != nil {
		h, err := r.Header.header()
		if err != nil {
			return a, err
		}
		a.answerHash = r.File
		a.Result = &tunnel.Result{
			Status: r.Status, Header: h, Body: r.bytes(), Size: r.Size, By: originOf(r.By), Verdict: r.Verdict,
			Timing: tunnel.Timing{Connected: time.Duration(r.ConnectedNs), FirstByte: time.Duration(r.FirstByteNs), Done: time.Duration(r.DoneNs)},
		}
	}
	if x := w.Failure; x != nil {
		a.Failure = &tunnel.Failure{Kind: failureOf(x.Kind), Detail: exactStrings(x.Exact).get("detail", x.Detail)}
	}
	return a, nil
}

func (w *wireFlow) flow() (*Flow, error) {
	if w.V != Version {
		return nil, fmt.Errorf("a flow of version %d; this program knows %d", w.V, Version)
	}
	if w.ID == (tunnel.ID{}) || w.Replay < 0 || w.BodySize < 0 {
		return nil, fmt.Errorf("not a flow")
	}
	h, err := w.Header.header()
	if err != nil {
		return nil, err
	}
	e := exactStrings(w.Exact)
	f := &Flow{
		At: stamp(w.At), Replay: w.Replay, BodySize: w.BodySize, BodyHash: w.BodyHash, Marked: w.Marked, Note: e.get("note", w.Note),
		Delivery: tunnel.Delivery{
			ID: w.ID, Seq: w.Seq, Attempt: w.Attempt, ReceivedAt: stamp(w.ReceivedAt), Budget: time.Duration(w.BudgetNs), Method: e.get("method", w.Method),
			Target: e.get("target", w.Target), Prefix: e.get("prefix", w.Prefix), URL: e.get("url", w.URL), Host: e.get("host", w.Host),
			Remote: e.get("remote", w.Remote), Header: h, Body: w.bytes(),
		},
	}
	if w.File == "" { // what is there counts, also where somebody edited it
		f.BodySize, f.BodyHash = int64(len(f.Delivery.Body)), hashOf(f.Delivery.Body)
	} else if f.BodyHash != w.File {
		return nil, fmt.Errorf("the body's file and hash differ")
	}
	w.put(f)
	for i := range w.Attempts {
		a, err := w.Attempts[i].attempt()
		if err != nil {
			return nil, err
		}
		f.Attempts = append(f.Attempts, a)
	}
	return f, nil
}

// MarshalJSON is the flow on one line, its bodies in it. A body that is in a
// file of the history only is named; see Whole.
func (f *Flow) MarshalJSON() ([]byte, error) { return encodeJSON(newWireFlow(f)) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *Flow) UnmarshalJSON(b []byte) error {
	var w wireFlow
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	g, err := w.flow()
	if err != nil {
		return err
	}
	*f = *g
	return nil
}

// encodeJSON is v without a line feed and without escapes for HTML.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
