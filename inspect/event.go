package inspect

import (
	"net/http"
	"time"
)

// Event is something that the person or program at a listener is told: Ready,
// Begin, End, SettledEvent, Lost, Paused, Resumed, Notice, Gap or Summary.
type Event interface{ event() }

// Sink takes the events of a listener, in the order in which they happened:
// plain lines, NDJSON and the terminal inspector are sinks of one stream.
// Events come from several goroutines; a sink does not keep them up and does
// not change what they refer to.
type Sink interface{ Event(Event) }

// SinkFunc is a function as a Sink.
type SinkFunc func(Event)

// Event calls f.
func (f SinkFunc) Event(e Event) { f(e) }

// Ready: the relay said welcome; webhooks that come to URL arrive here. It
// comes again after each Lost.
type Ready struct {
	At      time.Time
	URL     string
	Target  string // where deliveries go; "" when nothing is forwarded to
	Relay   string // program and version
	Backlog int    // deliveries that wait in the queue
	Expires time.Time
}

// Begin: a delivery came and is about to be handled.
type Begin struct {
	At   time.Time
	Flow *Flow
}

// End: the last attempt of the flow has a result or has failed.
type End struct {
	At    time.Time
	Flow  *Flow
	Again bool // the target could not be reached, as the time before
}

// SettledEvent: the relay said what became of an attempt.
type SettledEvent struct {
	At      time.Time
	ID      string // of the flow
	Attempt int
	Settled Settled
}

// Lost: the link to the relay broke, or could not be made.
type Lost struct {
	At    time.Time
	Err   error
	Retry time.Duration // until the next try
}

// Paused: the relay holds deliveries back.
type Paused struct {
	At     time.Time
	Reason string
}

// Resumed: deliveries come again.
type Resumed struct{ At time.Time }

// Notice: a sentence for the person, from the relay or from us.
type Notice struct {
	At   time.Time
	Text string
}

// Gap: deliveries that were accepted will not come.
type Gap struct {
	At     time.Time
	Count  int
	Reason string
}

// Summary is the last event: what there was, in numbers that add up.
type Summary struct {
	At       time.Time
	Counters Counters
}

func (Ready) event()        {}
func (Begin) event()        {}
func (End) event()          {}
func (SettledEvent) event() {}
func (Lost) event()         {}
func (Paused) event()       {}
func (Resumed) event()      {}
func (Notice) event()       {}
func (Gap) event()          {}
func (Summary) event()      {}

// Counters count attempts. Two sums always hold:
//
//	Attempts = Deliveries + Retries + Replays
//	Attempts = OK + Errors + NoAnswer + Unreachable + Skipped + Open
//
// What is below them is told beside: "of which".
type Counters struct {
	Attempts   int `json:"attempts"`
	Deliveries int `json:"deliveries"` // first attempts
	Retries    int `json:"retries"`    // further attempts
	Replays    int `json:"replays"`    // of recorded flows

	OK          int `json:"ok"`          // answered below 400
	Errors      int `json:"errors"`      // answered with 400 or more
	NoAnswer    int `json:"no_answer"`   // timed out, broken off, garbage
	Unreachable int `json:"unreachable"` // nothing was sent
	Skipped     int `json:"skipped"`     // by the filter
	Open        int `json:"open"`        // not ended

	Invalid    int `json:"invalid"`    // signature refused: invalid, unsigned, stale …
	Duplicates int `json:"duplicates"` // their provider's id was seen before
	Dead       int `json:"dead"`       // became dead letters
	Gaps       int `json:"gaps"`       // accepted by the relay and not delivered
}

// Add takes an event in. It is for one goroutine, as Lines and JSON are not.
func (c *Counters) Add(e Event) {
	switch e := e.(type) {
	case Begin:
		c.begin(e.Flow)
	case End:
		c.end(e.Flow)
	case SettledEvent:
		if e.Settled.Fate == string(Dead) {
			c.Dead++
		}
	case Gap:
		c.Gaps += e.Count
	}
}

func (c *Counters) begin(f *Flow) {
	c.Attempts++
	c.Open++
	switch a := f.Last(); {
	case f.Replay > 0:
		c.Replays++
	case a != nil && a.Number > 1:
		c.Retries++
	default:
		c.Deliveries++
	}
}

func (c *Counters) end(f *Flow) {
	if c.Open--; c.Open < 0 { // its begin was not told
		c.Open = 0
		c.begin(f)
		c.Open--
	}
	switch f.State() {
	case Skipped:
		c.Skipped++
	case Unreachable:
		c.Unreachable++
	case Answered:
		if f.Status() < http.StatusBadRequest {
			c.OK++
		} else {
			c.Errors++
		}
	default:
		c.NoAnswer++
	}
	switch f.Verdict.State {
	case "", "valid", "no-key":
	default:
		c.Invalid++
	}
	for _, tag := range f.Tags {
		if tag == Duplicate {
			c.Duplicates++
		}
	}
}
