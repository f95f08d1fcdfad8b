package inspect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"
)

// record is one line of a segment.
type record struct {
	V    int       `json:"v"`
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`
	ID   string    `json:"id,omitempty"`   // of the flow; of all kinds but begin
	Flow *wireFlow `json:"flow,omitempty"` // begin: the flow before it is forwarded

	Attempt *wireAttempt `json:"attempt,omitempty"` // end: the attempt that ended
	Head    *wireHead    `json:"head,omitempty"`    // end: what the stages found out
	Number  int          `json:"n,omitempty"`       // settled: of the attempt
	Settled *wireSettled `json:"settled,omitempty"` // settled
	Marked  *bool        `json:"marked,omitempty"`  // change
	Note    *string      `json:"note,omitempty"`    // change
}

// The kinds of records.
const (
	kindBegin   = "begin"
	kindEnd     = "end"
	kindSettled = "settled"
	kindChange  = "change"
	kindRemove  = "remove"
)

// line is r as a line of a segment.
func (r *record) line() ([]byte, error) {
	var b bytes.Buffer
	err := r.encode(&b)
	return b.Bytes(), err
}

// encode writes r as a line of a segment.
func (r *record) encode(b *bytes.Buffer) error {
	r.V, r.At = Version, stamp(r.At)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// parseRecord reads a line; what it does not know is no record.
func parseRecord(line []byte) (*record, bool) {
	var r record
	if json.Unmarshal(line, &r) != nil || r.V != Version {
		return nil, false
	}
	if r.Kind == kindBegin {
		return &r, r.Flow != nil
	}
	return &r, r.ID != ""
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func decode64(s string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	return string(b), err
}
