package inspect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// Flow is a delivery with all that happened to it on this side. Once others
// have seen a flow it is not changed: the methods that add something return
// another.
type Flow struct {
	// At is when the flow began on this machine. Flows are in its order.
	At time.Time

	// Replay counts the replays of a recorded delivery, from 1; it is 0 for
	// what came through the tunnel. A replay keeps the delivery's id.
	Replay int

	// Delivery is what came. Its body may be in a file of the history instead:
	// read it with Flow.Body.
	Delivery tunnel.Delivery
	BodySize int64
	BodyHash string // SHA-256 of the body, in hex

	Provider   string // by the headers: a guess
	Event      string // the provider's name of the event
	DeliveryID string // the provider's own id
	Verdict    Verdict
	Attempts   []Attempt // in the order in which they began

	Tags   []string // such as "duplicate" and "chaos"
	Marked bool
	Note   string

	// Redacted names what was taken out: "header Authorization", "json token",
	// "url token", "cards". A flow with any is not exact any more.
	Redacted []string

	stored bodies // of a flow that was read from a history
}

// Duplicate is the tag of a flow whose provider's id was seen before.
const Duplicate = "duplicate"

// Attempt is one try at handing the delivery to a target. While it runs,
// Result and Failure are nil.
type Attempt struct {
	Number    int
	StartedAt time.Time
	Target    string // where it was sent; "" before that is known
	Took      time.Duration
	Result    *tunnel.Result  // its body may be in a file of the history: Flow.Answer
	Failure   *tunnel.Failure // why there is no result
	Settled   *Settled        // nil until the relay said so

	answerHash string // of a body in a file
}

// Settled says how the relay ended an attempt, in words that stay.
type Settled struct {
	At      time.Time
	Fate    string    // answered, sender-left, completed, retried, dead, forgotten, too-late
	Status  int       // what the sender was answered
	NextAt  time.Time // of the next attempt
	Reason  string
	Removed []string // headers of the answer that the relay kept from the sender
}

// NewFlow is the flow of a delivery that has just come. It copies what the
// delivery refers to.
func NewFlow(d *tunnel.Delivery, at time.Time) *Flow {
	own := *d
	own.Header, own.Body = slices.Clone(d.Header), bytes.Clone(d.Body)
	f := BriefFlow(&own, at)
	f.BodyHash = hashOf(d.Body)
	return f
}

// KeepFlow is an identified NewFlow of a delivery that nobody changes any
// more: what it refers to is not copied.
func KeepFlow(d *tunnel.Delivery, at time.Time, provider string) *Flow {
	f := BriefFlow(d, at)
	f.BodyHash = hashOf(d.Body)
	f.identify(provider)
	return f
}

// BriefFlow is KeepFlow without what has to be worked out, for what is neither recorded
// nor shown whole.
func BriefFlow(d *tunnel.Delivery, at time.Time) *Flow {
	return &Flow{
		At: at, Delivery: *d, BodySize: int64(len(d.Body)),
		Attempts: []Attempt{{Number: max(d.Attempt, 1), StartedAt: at}},
	}
}

// Again is the n-th replay of f, begun at at. It has no attempts and no
// verdict yet. The error wraps ErrRedacted if f is not what came, or
// ErrBodyGone.
func (f *Flow) Again(n int, at time.Time) (*Flow, error) {
	if err := f.Exact(); err != nil {
		return nil, err
	}
	body, err := f.Body()
	if err != nil {
		return nil, err
	}
	again := *f
	again.At, again.Replay, again.stored = at, n, nil
	again.Verdict, again.Tags, again.Marked, again.Note = Verdict{}, nil, false, ""
	again.Delivery.Body, again.Delivery.Attempt, again.Delivery.Budget = body, 1, 0
	again.Attempts = []Attempt{{Number: 1, StartedAt: at}}
	return &again, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ID names the flow: the delivery's id, and for a replay ".2" behind it.
func (f *Flow) ID() string { return flowID(f.Delivery.ID.String(), f.Replay) }

func flowID(delivery string, replay int) string {
	if replay == 0 {
		return delivery
	}
	return delivery + "." + strconv.Itoa(replay)
}

// Path and Query are the two parts of the raw target.
func (f *Flow) Path() string {
	path, _, _ := strings.Cut(f.Delivery.Target, "?")
	return path
}

// Query is the raw query string, without its question mark.
func (f *Flow) Query() string {
	_, query, _ := strings.Cut(f.Delivery.Target, "?")
	return query
}

// Last is the attempt that began last; nil if there is none.
func (f *Flow) Last() *Attempt {
	if len(f.Attempts) == 0 {
		return nil
	}
	return &f.Attempts[len(f.Attempts)-1]
}

// attempt is the one of that number.
func (f *Flow) attempt(n int) *Attempt {
	for i := range f.Attempts {
		if f.Attempts[i].Number == n {
			return &f.Attempts[i]
		}
	}
	return nil
}

// clone is a copy of f whose attempts and tags may be changed.
func (f *Flow) clone() *Flow {
	g := *f
	g.Attempts = slices.Clone(f.Attempts)
	g.Tags = slices.Clone(f.Tags)
	return &g
}

// with is f with attempt a in the place of the one of its number, or added.
func (f *Flow) with(a Attempt) *Flow {
	g := f.clone()
	if old := g.attempt(a.Number); old != nil {
		*old = a
	} else {
		g.Attempts = append(g.Attempts, a)
	}
	return g
}

// Ended is f with the outcome of its last attempt: what a tunnel.Handler
// returned. It copies the result.
func (f *Flow) Ended(target string, result *tunnel.Result, err error, took time.Duration) *Flow {
	a := Attempt{Number: 1, StartedAt: f.At}
	if last := f.Last(); last != nil {
		a = *last
	}
	a.Took, a.Failure = took, tunnel.AsFailure(err)
	if target != "" {
		a.Target = target
	}
	if err == nil && result != nil {
		r := *result
		r.Header, r.Body = slices.Clone(r.Header), bytes.Clone(r.Body)
		a.Result = &r
	}
	return f.with(a)
}

// Settled is f with what the relay said of one of its attempts.
func (f *Flow) Settled(s tunnel.Settlement, at time.Time) *Flow {
	a := f.attempt(s.Attempt)
	if a == nil {
		return f
	}
	b := *a
	b.Settled = NewSettled(s, at)
	return f.with(b)
}

// NewSettled is a settlement in words.
func NewSettled(s tunnel.Settlement, at time.Time) *Settled {
	return &Settled{
		At: at, Fate: fateWord(s.Fate), Status: s.Status, NextAt: s.NextAt, Reason: s.Reason, Removed: slices.Clone(s.Removed),
	}
}

// Tagged is f with one more tag.
func (f *Flow) Tagged(tag string) *Flow {
	if slices.Contains(f.Tags, tag) {
		return f
	}
	g := f.clone()
	g.Tags = append(g.Tags, tag)
	return g
}

// ErrRedacted is why a flow cannot be replayed or verified: something was
// taken out of it.
var ErrRedacted = errors.New("the flow was redacted")

// Exact is nil if f holds what came, byte for byte; otherwise it wraps
// ErrRedacted and names what is missing.
func (f *Flow) Exact() error {
	if len(f.Redacted) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s is not what came", ErrRedacted, strings.Join(f.Redacted, ", "))
}
