package tui

import (
	"time"

	"github.com/hookrelay/hook/inspect"
)

// Event is something to show: a Seen, Settled, Gone, Ready, Link, Health, Mode, Said or Ended.
type Event interface{ event() }

// Seen is a flow, new or further on. A flow of the same ID takes the place of
// the one before.
type Seen struct{ Flow *inspect.Flow }

// Settled is what the relay said of an attempt of a flow.
type Settled struct {
	ID      string
	Attempt int
	Settled inspect.Settled
}

// Gone names flows that are not in the history any more.
type Gone struct{ IDs []string }

// Ready says where webhooks come in and where they go.
type Ready struct {
	URL       string
	Endpoint  string // its name
	Target    string
	Relay     string
	Local     bool // the relay is inside this process: the URL works on this machine only
	ExpiresAt time.Time
	Backlog   int // waiting at the relay: the listener catches up
}

// Link is the state of the line to the relay.
type Link struct {
	State  LinkState
	RTT    time.Duration // Up
	Retry  time.Duration // Lost: until the next try
	Reason string        // Lost
}

// LinkState is how the line to the relay is.
type LinkState byte

// The states of the line.
const (
	NoLink LinkState = iota // there is none: the inspector shows a history
	Dialing
	Up
	Lost
)

// Health is whether the target takes connections.
type Health struct {
	Known, Up bool
	Reason    string
}

// Mode says whether deliveries are held back.
type Mode struct {
	Paused bool
	Reason string
}

// Said is a message for the person at the screen. It is kept in the log.
type Said struct {
	Bad  bool
	Text string
}

// Ended says that the listener has stopped; the inspector stays open for what
// it has, unless it was told to quit.
type Ended struct{ Err error }

func (Seen) event()    {}
func (Settled) event() {}
func (Gone) event()    {}
func (Ready) event()   {}
func (Link) event()    {}
func (Health) event()  {}
func (Mode) event()    {}
func (Said) event()    {}
func (Ended) event()   {}
