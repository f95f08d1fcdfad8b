package relay

import "time"

// A relay reads the wall clock, and someone may set it. What is measured within
// one run (rate limits, budgets, leases, timers, dead links) goes by the
// monotonic part of time.Now and does not notice. What is read back from the
// store has no such part: its moments are judged by the wall clock, within the
// bounds below (docs/promises.md, Failures).

const (
	stepNoticed = time.Minute // smaller ones are what time daemons do every day
	stepRest    = time.Hour   // long enough for a time daemon to take a wrong step back
)

// stepWatch notices that the wall clock was set: it has gone another way than
// the monotonic one. It is for one goroutine.
type stepWatch struct {
	wall, mono time.Time
	rest       time.Time // of the monotonic clock: purge nothing until then
}

// look compares the clocks with those of the look before. After a step forward
// nothing is to be deleted for stepRest: what the clock does elsewhere can be
// undone by setting it right, a deletion cannot. A machine that slept looks the
// same; it deletes an hour later.
func (w *stepWatch) look(wall, mono time.Time) (step time.Duration, purge bool) {
	if !w.mono.IsZero() {
		step = wall.Round(0).Sub(w.wall.Round(0)) - mono.Sub(w.mono)
	}
	w.wall, w.mono = wall, mono
	switch {
	case step >= stepNoticed:
		w.rest = mono.Add(stepRest)
	case step > -stepNoticed:
		step = 0
	}
	return step, !mono.Before(w.rest)
}

// untilDue is how long an item that waits for at has still to wait. No retry
// is ever set further ahead than longest: one that seems to be was set before
// the clock went back, and is due.
func untilDue(at, now time.Time, longest time.Duration) time.Duration {
	wait := at.Sub(now)
	if wait > longest {
		return 0
	}
	return max(wait, 0)
}
