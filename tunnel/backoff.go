package tunnel

import (
	"math/rand/v2"
	"time"
)

const (
	minBackoff   = 250 * time.Millisecond
	maxBackoff   = 30 * time.Second
	firstMoments = 500 * time.Millisecond // cap while the relay may just be restarting: for restarting
	firstMinute  = 2 * time.Second        // cap in the first minute
	healthyAfter = 10 * time.Second       // a link that lived so long was well: the next loss is a new one

	// restarting is how long a relay takes that a supervisor starts again.
	restarting = 5 * time.Second
)

// backoff spaces redials with full jitter: each wait is random below a bound
// that doubles, so that a relay's restart does not bring all listeners back at
// once.
type backoff struct {
	tries int
	since time.Time
}

// next is how long to wait before the next dial.
func (b *backoff) next() time.Duration {
	if b.since.IsZero() {
		b.since = time.Now()
	}
	b.tries++
	return rand.N(backoffBound(b.tries-1, time.Since(b.since)))
}

// backoffBound is what a wait is below, after so many tries in so long.
func backoffBound(tries int, lost time.Duration) time.Duration {
	bound := min(minBackoff<<min(tries, 16), maxBackoff)
	switch {
	case lost < restarting:
		return min(bound, firstMoments)
	case lost < time.Minute:
		return min(bound, firstMinute)
	}
	return bound
}

// jitterBelow is a random part, at least half, of d.
func jitterBelow(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
