package inspect

import (
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

var _ query.Record = (*Flow)(nil)

// Fields is what queries ask of a flow; see query.Table.
func (f *Flow) Fields(name string) []string {
	d := &f.Delivery
	switch name {
	case "provider":
		return word(f.Provider)
	case "event":
		return word(f.Event)
	case "method":
		return word(d.Method)
	case "path":
		return word(f.Path())
	case "query":
		return word(f.Query())
	case "url":
		return word(d.URL)
	case "host":
		return word(d.Host)
	case "remote":
		return word(d.Remote)
	case "size":
		return whole(f.BodySize)
	case "type":
		return word(mediaType(d.Header.Get("Content-Type")))
	case "id":
		return word(f.ID())
	case "delivery":
		return word(f.DeliveryID)
	case "seq":
		return word(strconv.FormatUint(d.Seq, 10))
	case "replay":
		return whole(int64(f.Replay))
	case "sha256":
		return word(f.BodyHash)
	case "verdict":
		return word(f.Verdict.State)
	case "scheme":
		return word(f.Verdict.Scheme)
	case "reason":
		return word(f.Verdict.Reason)
	case "cause":
		return word(f.Verdict.Cause)
	case "key":
		return word(f.Verdict.KeyID)
	case "tag":
		return f.Tags
	case "note":
		return word(f.Note)
	case "is":
		return f.states()
	case "text":
		return f.text()
	case "time":
		return word(f.At.Format(time.RFC3339Nano))
	}
	if header, ok := strings.CutPrefix(name, "header:"); ok {
		return d.Header.Values(header)
	}
	if a := f.Last(); a != nil {
		return a.fields(name)
	}
	return nil
}

// fields are those that are known only after the answer.
func (a *Attempt) fields(name string) []string {
	switch name {
	case "attempt":
		return whole(int64(a.Number))
	case "target":
		return word(a.Target)
	case "ms":
		if a.Result == nil && a.Failure == nil {
			return nil
		}
		return word(strconv.FormatFloat(float64(a.Took)/float64(time.Millisecond), 'f', -1, 64))
	case "failure":
		if a.Failure != nil {
			return word(failureWord(a.Failure.Kind))
		}
	case "fate":
		if a.Settled != nil {
			return word(a.Settled.Fate)
		}
	}
	r := a.Result
	if r == nil {
		return nil
	}
	switch name {
	case "status":
		return whole(int64(r.Status))
	case "by":
		return word(originWords()[r.By])
	case "answer-size":
		return whole(r.Size)
	}
	if header, ok := strings.CutPrefix(name, "answer-header:"); ok {
		return r.Header.Values(header)
	}
	return nil
}

// text is what free text is looked for in, less the bodies.
func (f *Flow) text() []string {
	d := &f.Delivery
	list := make([]string, 0, 16+2*len(d.Header))
	list = append(list, f.ID(), d.Method, d.Target, d.Host, f.Provider, f.Event, f.DeliveryID, f.Verdict.State, f.Verdict.Diagnosis, f.Note)
	list = append(list, f.Tags...)
	list = appendText(list, d.Header)
	if a := f.Last(); a != nil {
		list = append(list, a.Target)
		if a.Failure != nil {
			list = append(list, a.Failure.Detail)
		}
		if a.Result != nil {
			list = appendText(list, a.Result.Header)
		}
	}
	return list
}

func appendText(list []string, h tunnel.Header) []string {
	for _, line := range h {
		list = append(list, line.Name, line.Value)
	}
	return list
}

// When is when the flow began.
func (f *Flow) When() time.Time { return f.At }

// Content is the beginning of a body, read from its file where it is in one.
// What cannot be read is empty.
func (f *Flow) Content(answer bool, limit int) []byte {
	b, hash := f.Delivery.Body, f.BodyHash
	if answer {
		a := f.Last()
		if a == nil || a.Result == nil {
			return nil
		}
		b, hash = a.Result.Body, a.answerHash
	}
	if len(b) > 0 || f.stored == nil || hash == "" || !answer && f.BodySize == 0 {
		return b[:min(len(b), limit)]
	}
	b, _ = f.stored.read(hash, int64(limit))
	return b
}

func word(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func whole(n int64) []string { return []string{strconv.FormatInt(n, 10)} }

func mediaType(s string) string {
	kind, _, err := mime.ParseMediaType(s)
	if err != nil {
		kind, _, _ = strings.Cut(s, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	return kind
}
