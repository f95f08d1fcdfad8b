package tunnel

import "time"

// Event is something that a Client tells about: Dialing, Connected, Lost,
// PausedEvent, ResumedEvent, GoingAway, SenderGone, Settlement, Gap or Notice.
type Event interface{ event() }

// Dialing: a connection is being made.
type Dialing struct{}

// Connected: the relay said welcome. Only now is the listener ready.
type Connected struct{ Welcome Welcome }

// Lost: the link broke or could not be made. The next dial is in Retry.
type Lost struct {
	Err   error
	Was   bool // there had been a welcome
	Retry time.Duration
}

// PausedEvent: the relay was asked to hold deliveries back.
type PausedEvent struct{ Reason string }

// ResumedEvent: deliveries come again.
type ResumedEvent struct{}

// GoingAway: the relay is about to stop.
type GoingAway struct{ After time.Duration }

// SenderGone: the sender of a running delivery did not wait for the answer.
type SenderGone struct {
	ID    ID
	After time.Duration // since it was received
}

func (Dialing) event()      {}
func (Connected) event()    {}
func (Lost) event()         {}
func (PausedEvent) event()  {}
func (ResumedEvent) event() {}
func (GoingAway) event()    {}
func (SenderGone) event()   {}
func (Settlement) event()   {}
func (Gap) event()          {}
func (Notice) event()       {}
