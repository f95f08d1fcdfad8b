package inspect

import (
	"cmp"
	"slices"

	"github.com/hookrelay/hook/tunnel"
)

// State is how far a flow has come, in one word.
type State string

// The states of a flow, which are those of its last attempt.
const (
	Pending     State = "pending"     // under way
	Answered    State = "answered"    // there is a result, whatever its status
	NoAnswer    State = "no-answer"   // the application may have acted
	Unreachable State = "unreachable" // nothing was sent
	Skipped     State = "skipped"     // the filter let it pass by
	Dead        State = "dead"        // a dead letter
)

// State is how far f has come.
func (f *Flow) State() State {
	a := f.Last()
	switch {
	case a == nil:
		return Pending
	case a.fate(tunnel.Dead):
		return Dead
	case a.Failure != nil && a.Failure.Kind.Unreachable():
		return Unreachable
	case a.Failure != nil:
		return NoAnswer
	case a.Result == nil:
		return Pending
	case a.Result.By == tunnel.ByFilter:
		return Skipped
	}
	return Answered
}

func (a *Attempt) fate(list ...tunnel.Fate) bool {
	return a.Settled != nil && slices.ContainsFunc(list, func(f tunnel.Fate) bool { return fateWord(f) == a.Settled.Fate })
}

// Status is the status of the last attempt's result, 0 when there is none.
func (f *Flow) Status() int {
	if a := f.Last(); a != nil && a.Result != nil {
		return a.Result.Status
	}
	return 0
}

// states are all words of is: that hold for f.
func (f *Flow) states() []string {
	words := []string{string(f.State())}
	add := func(word string, holds bool) {
		if holds && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	add(cmp.Or(f.Verdict.State, "unchecked"), true)
	add("queued", f.Delivery.Seq > 0 && f.Replay == 0)
	add("replay", f.Replay > 0)
	add("duplicate", slices.Contains(f.Tags, Duplicate))
	add("marked", f.Marked)
	add("noted", f.Note != "")
	add("redacted", len(f.Redacted) > 0)
	a := f.Last()
	if a == nil {
		return words
	}
	add("done", a.fate(tunnel.Answered, tunnel.Completed))
	add("retried", a.fate(tunnel.Retried))
	add("late", a.fate(tunnel.TooLate, tunnel.SenderLeft))
	if a.Failure != nil {
		add("error", true)
		return words
	}
	if r := a.Result; r != nil {
		add("answered", true)
		add("ok", r.Status < 300)
		add("error", r.Status >= 400)
		add("mocked", r.By == tunnel.ByMock)
		add("blocked", r.By == tunnel.ByBlock)
		add("handshake", r.By == tunnel.ByHandshake)
	}
	return words
}
