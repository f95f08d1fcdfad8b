package signer

import (
	"encoding/json"
	"time"
)

// Status is the outcome of a verification, one word.
type Status string

// The outcomes. Everything but Valid means: do not trust this message.
const (
	Valid    Status = "valid"
	Invalid  Status = "invalid"  // a signature is there and is wrong; Reason says how
	Unsigned Status = "unsigned" // no signature, or an empty one
	NoKey    Status = "no-key"   // no live key to try
	Stale    Status = "stale"    // the signature is right, its time too long ago
	Future   Status = "future"   // the signature is right, its time too far ahead
	Replayed Status = "replayed" // the signature is right, and was seen before
)

// Reason says why a message is not valid; machine-readable and stable.
type Reason string

// The reasons.
const (
	Mismatch         Reason = "mismatch"          // well-formed, made by no key of ours over these bytes
	Malformed        Reason = "malformed"         // the signature cannot be read
	TooLong          Reason = "too-long"          // longer than a signature can be
	TooMany          Reason = "too-many"          // more than 20 signatures, or 100 items
	Duplicated       Reason = "duplicated-header" // sent twice: which one counts is anyone's guess
	MissingTimestamp Reason = "missing-timestamp"
	BadTimestamp     Reason = "bad-timestamp" // not an integer of up to 12 digits (15 for milliseconds), or not RFC 3339
	MissingValue     Reason = "missing-value" // something the signature covers is not in the message
	BodyMismatch     Reason = "body-mismatch" // the signature holds, the digest of the body that it covers does not
	WrongValue       Reason = "wrong-value"   // a header or claim that must have one value has another
	EmptySecret      Reason = "empty-secret"
	BadKey           Reason = "bad-key"         // the key cannot be read as the scheme wants it
	KeyUnavailable   Reason = "key-unavailable" // a published key could not be got
	BadAlgorithm     Reason = "bad-algorithm"   // the token's algorithm is none, or not one that the key and scheme allow
	Expired          Reason = "expired"
	NotYetValid      Reason = "not-yet-valid"
	TooOld           Reason = "too-old"
	TooNew           Reason = "too-new"
	SeenBefore       Reason = "seen-before"
	MissingSignature Reason = "missing-signature"
	NoLiveKey        Reason = "no-live-key"
	MissingParam     Reason = "missing-param" // the scheme needs a value beside the key (a webhook id, an audience)
)

// Verdict is the outcome of [Verify].
type Verdict struct {
	Status   Status
	Reason   Reason        // "" when valid
	Detail   string        // one sentence fragment for people; holds nothing of any key
	Scheme   string        // id of the scheme
	KeyID    string        // id of the key that matched
	Covers   []string      // parts of the message that the signature binds: body, timestamp, id, url, method, "header x", "field x"
	SignedAt time.Time     // zero when the scheme signs no time
	Age      time.Duration // judged time minus SignedAt; negative: in the future
}

// Authentic says whether the signature itself held, whatever the clock or the replay cache say.
func (v *Verdict) Authentic() bool {
	return v.Status == Valid || v.Status == Stale || v.Status == Future || v.Status == Replayed
}

// Covered says whether the signature binds that part.
func (v *Verdict) Covered(part string) bool {
	for _, c := range v.Covers {
		if c == part {
			return true
		}
	}
	return false
}

// MarshalJSON gives the stable face of `hook verify --json` and --batch:
// {"verdict","reason","detail","scheme","key_id","covers","signed_at" (Unix seconds),"age" (seconds)}.
func (v Verdict) MarshalJSON() ([]byte, error) {
	face := struct {
		Status   Status   `json:"verdict"`
		Reason   Reason   `json:"reason,omitempty"`
		Detail   string   `json:"detail,omitempty"`
		Scheme   string   `json:"scheme,omitempty"`
		KeyID    string   `json:"key_id,omitempty"`
		Covers   []string `json:"covers,omitempty"`
		SignedAt *int64   `json:"signed_at,omitempty"`
		Age      *float64 `json:"age,omitempty"`
	}{v.Status, v.Reason, v.Detail, v.Scheme, v.KeyID, v.Covers, nil, nil}
	if !v.SignedAt.IsZero() {
		at, age := v.SignedAt.Unix(), v.Age.Seconds()
		face.SignedAt, face.Age = &at, &age
	}
	return json.Marshal(face)
}
