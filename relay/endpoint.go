package relay

import (
	"fmt"
	"time"
)

// EndpointID is the store's own number of an endpoint. It never leaves the
// relay: outside, an endpoint is known by its public ids.
type EndpointID uint64

// Hash is the SHA-256 of a public id or an owner key. A store never sees the
// ids and keys themselves.
type Hash [32]byte

// Endpoint is the record of a short-lived URL: who owns it, what it may do and
// until when.
type Endpoint struct {
	ID    EndpointID `json:"id"`
	IDs   []PublicID `json:"ids"`             // the current public id first, then those that rotation left behind
	Owner Hash       `json:"owner"`           // of the owner key
	Token string     `json:"token,omitempty"` // name of the creation token it was made with

	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt time.Time     `json:"expires_at"`         // ttl
	Idle      time.Duration `json:"idle"`               // closes intake after so long with no request and no listener; 0: never
	Keep      time.Duration `json:"keep"`               // how long the mailbox stays open after intake closed
	UsedAt    time.Time     `json:"used_at"`            // last request or listener, coarse: written when a tenth of Idle has passed
	MaxUses   int64         `json:"max_uses,omitempty"` // 0: unlimited
	Uses      int64         `json:"uses,omitempty"`     // counted only with MaxUses
	Stopped   bool          `json:"stopped,omitempty"`
	RevokedAt time.Time     `json:"revoked_at,omitzero"`

	Policy Policy `json:"policy"`

	// Epoch counts fresh starts of listeners. It only grows. Instance is the
	// client that holds the current one.
	Epoch    uint64   `json:"epoch"`
	Instance [16]byte `json:"instance"`
}

// PublicID is one id under which an endpoint receives.
type PublicID struct {
	Hash  Hash      `json:"hash"`
	Until time.Time `json:"until,omitzero"` // end of the overlap after a rotation; zero: as long as the endpoint
}

// Closed says since when intake is closed and why; ok is false while it is
// open. A stopped endpoint is not closed.
func (e *Endpoint) Closed(now time.Time) (at time.Time, why CloseReason, ok bool) {
	note := func(t time.Time, r CloseReason) {
		if !t.IsZero() && !t.After(now) && (!ok || t.Before(at)) {
			at, why, ok = t, r, true
		}
	}
	// What has happened has happened, also when the clock was put back since.
	happened := func(t time.Time, r CloseReason) {
		if t.After(now) {
			t = now
		}
		note(t, r)
	}
	happened(e.RevokedAt, Revoked)
	note(e.ExpiresAt, Expired)
	if e.Idle > 0 {
		note(e.UsedAt.Add(e.Idle), Idled)
	}
	if e.MaxUses > 0 && e.Uses >= e.MaxUses {
		happened(e.UsedAt, UsedUp)
	}
	return at, why, ok
}

// PurgeAt is when what is left of the endpoint is deleted if nothing happens
// until then: Keep after its intake closes.
func (e *Endpoint) PurgeAt() time.Time {
	at := e.ExpiresAt
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	sooner(e.RevokedAt)
	if e.Idle > 0 {
		sooner(e.UsedAt.Add(e.Idle))
	}
	if e.MaxUses > 0 && e.Uses >= e.MaxUses {
		sooner(e.UsedAt)
	}
	return at.Add(e.Keep)
}

// CloseReason is why intake is closed.
type CloseReason string

const (
	Expired CloseReason = "expired"
	Idled   CloseReason = "idle"
	UsedUp  CloseReason = "used up"
	Revoked CloseReason = "revoked"
)

// Policy is how an endpoint answers and delivers: data that the owner sets, so
// that a relay knows no provider.
type Policy struct {
	Respond     Respond       `json:"respond"`
	Budget      time.Duration `json:"budget"`                 // how long a sender waits for the application
	Accept      Accept        `json:"accept"`                 // the answer for what was stored
	NeverStore  bool          `json:"never_store,omitempty"`  // "defer": false; the answer decides something, so 503 instead of storing
	Ordered     bool          `json:"ordered,omitempty"`      // one at a time, a retrying head blocks
	RetryFor    time.Duration `json:"retry_for"`              // how long a queued delivery is tried
	MaxAttempts int           `json:"max_attempts,omitempty"` // 0: as many as RetryFor allows
	Handshakes  []Handshake   `json:"handshakes,omitempty"`
}

// Respond is what the sender gets: the application's answer, or an
// acknowledgement that the relay has it.
type Respond string

const (
	Auto  Respond = "auto"  // pass through; store when nobody can answer in time
	Queue Respond = "queue" // store, acknowledge, deliver
	Live  Respond = "live"  // pass through or fail; nothing is stored
)

// ParseRespond reads a policy name.
func ParseRespond(s string) (Respond, error) {
	switch r := Respond(s); r {
	case Auto, Queue, Live:
		return r, nil
	}
	return "", fmt.Errorf("respond %q is not auto, queue or live", s)
}

// Accept is the relay's own answer for a delivery that it stored. An empty
// Body means the standard one, a JSON object with the delivery's id.
type Accept struct {
	Status      int    `json:"status,omitempty"` // default 202
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"body,omitempty"`
}

// Handshake is a secret-free question of a provider that the relay answers
// itself: a request that fits is answered with the value found in it.
type Handshake struct {
	Method string `json:"method"`
	Header string `json:"header,omitempty"` // must be present
	Query  string `json:"query,omitempty"`  // parameter that must be present
	Where  string `json:"where,omitempty"`  // JSON pointer (RFC 6901) to what must be Equals
	Equals string `json:"equals,omitempty"` // empty: any string, number or boolean
	Echo   string `json:"echo"`             // what to send back: "header:NAME", "query:NAME", "json:/pointer", or "" for an empty answer
	Reply  Reply  `json:"reply"`
}

// Reply is the form of a handshake's answer.
type Reply struct {
	Status int    `json:"status,omitempty"` // default 200
	Header string `json:"header,omitempty"` // put the value in this header
	JSON   string `json:"json,omitempty"`   // put it in an object under this name; otherwise the body is text/plain
}
