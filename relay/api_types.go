package relay

import (
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// The bodies of the HTTP API (docs/api.md). Times are RFC 3339, durations whole
// seconds unless the name says otherwise.

// EndpointRequest creates an endpoint (POST /v1/endpoints) or changes one
// (PATCH /v1/endpoints/ID). What is left out has its default, or stays.
type EndpointRequest struct {
	TTL     *int64         `json:"ttl,omitempty"`      // default 7 days
	Idle    *int64         `json:"idle,omitempty"`     // default 72 h; 0: never
	Keep    *int64         `json:"keep,omitempty"`     // default 72 h
	MaxUses *int64         `json:"max_uses,omitempty"` // default 0: unlimited
	Policy  *PolicyRequest `json:"policy,omitempty"`
}

// PolicyRequest changes an endpoint's policy.
type PolicyRequest struct {
	Respond     *Respond     `json:"respond,omitempty"`      // default auto
	BudgetMS    *int64       `json:"budget_ms,omitempty"`    // default 8,000
	Accept      *Accept      `json:"accept,omitempty"`       //
	NeverStore  *bool        `json:"never_store,omitempty"`  //
	Ordered     *bool        `json:"ordered,omitempty"`      //
	RetryFor    *int64       `json:"retry_for,omitempty"`    // default 24 h
	MaxAttempts *int         `json:"max_attempts,omitempty"` // default 0: as RetryFor allows
	Handshakes  *[]Handshake `json:"handshakes,omitempty"`
}

// EndpointView is an endpoint as its owner sees it.
type EndpointView struct {
	ID        string      `json:"id"`
	URL       string      `json:"url"`
	OwnerKey  string      `json:"owner_key,omitempty"` // only in the answer to its creation
	State     string      `json:"state"`               // open, stopped, closed
	Closed    CloseReason `json:"closed,omitempty"`    // why
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt time.Time   `json:"expires_at"`
	PurgeAt   time.Time   `json:"purge_at"` // when what is left is deleted, as things stand
	UsedAt    time.Time   `json:"used_at"`
	Idle      int64       `json:"idle"`
	Keep      int64       `json:"keep"`
	MaxUses   int64       `json:"max_uses"`
	Uses      int64       `json:"uses"`
	Policy    PolicyView  `json:"policy"`
	Queue     Depth       `json:"queue"`
	Listening bool        `json:"listening"`
	Old       []OldID     `json:"old,omitempty"` // ids that rotation left behind
}

// OldID is an id in the overlap after a rotation. Its text is not known to the
// relay.
type OldID struct {
	Until time.Time `json:"until"`
}

// PolicyView is a policy as its owner sees it.
type PolicyView struct {
	Respond     Respond     `json:"respond"`
	BudgetMS    int64       `json:"budget_ms"`
	Accept      Accept      `json:"accept"`
	NeverStore  bool        `json:"never_store"`
	Ordered     bool        `json:"ordered"`
	RetryFor    int64       `json:"retry_for"`
	MaxAttempts int         `json:"max_attempts"`
	Handshakes  []Handshake `json:"handshakes,omitempty"`
}

// RotateRequest is POST /v1/endpoints/ID/rotate.
type RotateRequest struct {
	Overlap *int64 `json:"overlap,omitempty"` // how long the old id stays valid; default 24 h
}

// QueueView is a page of GET /v1/endpoints/ID/queue.
type QueueView struct {
	Items []ItemView `json:"items"`
	Next  uint64     `json:"next,omitempty"` // ask again with ?after=Next; 0: that was all
}

// ItemView is a queued or dead delivery as its owner sees it. Header is only in
// GET /v1/endpoints/ID/queue/DELIVERY; the body is at …/body.
type ItemView struct {
	ID         tunnel.ID   `json:"id"`
	Seq        uint64      `json:"seq"`
	State      string      `json:"state"` // pending, running, dead
	Method     string      `json:"method"`
	Target     string      `json:"target"`
	URL        string      `json:"url,omitempty"`
	Host       string      `json:"host,omitempty"`
	Remote     string      `json:"remote,omitempty"`
	Header     [][2]string `json:"header,omitempty"`
	Size       int64       `json:"size"`
	ReceivedAt time.Time   `json:"received_at"`
	QueuedAt   time.Time   `json:"queued_at"`
	Attempts   int         `json:"attempts"`
	NextAt     time.Time   `json:"next_at,omitzero"`
	Reason     string      `json:"reason,omitempty"`
	DeadAt     time.Time   `json:"dead_at,omitzero"`
}

// Problem is the body of every refusal (RFC 9457).
type Problem = problem
