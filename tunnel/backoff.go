package tunnel

import (
	"math/rand/v2"
	"time"
)

const (
	minBackoff   = 250 * time.Millisecond
	maxBackoff   = 30 * time.Second
	firstMinute  = 2 * time.Second // cap while the relay may just be restarting
	healthyAfter = 60 * time.Second
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
	bound := min(minBackoff<<min(b.tries, 16), maxBackoff)
	if time.Since(b.since) < time.Minute {
		bound = min(bound, firstMinute)
	}
	b.tries++
	return rand.N(bound)
}

// jitterBelow is a random part, at least half, of d.
func jitterBelow(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
