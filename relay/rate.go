package relay

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds the keys that one set of buckets remembers: about 20 MB.
const maxBuckets = 64 << 10

// perSecond is a token bucket's measure: so many a second on average, Burst at
// once. A negative Rate is no limit.
type perSecond struct {
	Rate  float64
	Burst int
}

// or is p, or other where p was not set.
func (p perSecond) or(other perSecond) perSecond {
	if p == (perSecond{}) {
		return other
	}
	return p
}

// buckets are token buckets, one for each key. They forget the key that was
// not asked for the longest when there are too many: a flood of addresses does
// not grow them, and what it gains by making a bucket forgotten is one burst,
// which each of its addresses had anyway. Refusing newcomers instead would lock
// honest ones out. Safe for concurrent use.
type buckets[K comparable] struct {
	measure perSecond
	max     int

	mu    sync.Mutex // guards what follows
	byKey map[K]*list.Element
	order list.List // of bucket[K], the last used in front
}

type bucket[K comparable] struct {
	key     K
	limiter *rate.Limiter
}

// newBuckets makes buckets for at most n keys (0: maxBuckets).
func newBuckets[K comparable](measure perSecond, n int) *buckets[K] {
	if n <= 0 {
		n = maxBuckets
	}
	return &buckets[K]{measure: measure, max: n, byKey: make(map[K]*list.Element)}
}

// Allow takes one token of key. Where there is none, retryAfter says when
// there will be one.
func (b *buckets[K]) Allow(key K) (ok bool, retryAfter time.Duration) {
	if b.measure.Rate < 0 {
		return true, 0
	}
	return allow(b.limiter(key), time.Now())
}

func (b *buckets[K]) limiter(key K) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.byKey[key]; ok {
		b.order.MoveToFront(e)
		return e.Value.(bucket[K]).limiter
	}
	for len(b.byKey) >= b.max {
		oldest := b.order.Back()
		delete(b.byKey, oldest.Value.(bucket[K]).key)
		b.order.Remove(oldest)
	}
	l := rate.NewLimiter(rate.Limit(b.measure.Rate), b.measure.Burst)
	b.byKey[key] = b.order.PushFront(bucket[K]{key, l})
	return l
}

// allow takes one token of l, or says when to come back.
func allow(l *rate.Limiter, now time.Time) (ok bool, retryAfter time.Duration) {
	r := l.ReserveN(now, 1)
	if !r.OK() { // a burst of 0
		return false, time.Minute
	}
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return true, 0
	}
	r.CancelAt(now)
	return false, wait
}

// rateLimits are the measures of a relay. A zero one has its default, a
// negative Rate switches a limit off, as the embedded relay does with all.
type rateLimits struct {
	Create   perSecond // new endpoints per client address: default 1 in 10 s, 10 at once
	Attach   perSecond // listeners that attach, per client address: default 2, 60 at once
	Miss     perSecond // requests to ids that do not exist, per client address: default 20 a minute
	Endpoint perSecond // requests to one endpoint: default 500, 2,000 at once
	Owner    perSecond // API requests per owner key or creation token: default 20, 200 at once
	Token    perSecond // new endpoints per creation token: default 1, 100 at once
	Creates  perSecond // new endpoints of all clients: default 20, 500 at once
	Intake   perSecond // requests to all endpoints: default 20,000, 40,000 at once
}

// rates are the token buckets of a relay.
type rates struct {
	create, attach, miss *buckets[netip.Prefix]
	endpoint             *buckets[EndpointID]
	owner                *buckets[Hash]
	token                *buckets[string]
	creates              *buckets[struct{}]
	intake               *buckets[struct{}]
}

func newRates(l rateLimits) *rates {
	return &rates{
		create:   newBuckets[netip.Prefix](l.Create.or(perSecond{0.1, 10}), 0),
		attach:   newBuckets[netip.Prefix](l.Attach.or(perSecond{2, 60}), 0),
		miss:     newBuckets[netip.Prefix](l.Miss.or(perSecond{20.0 / 60, 20}), 0),
		endpoint: newBuckets[EndpointID](l.Endpoint.or(perSecond{500, 2000}), 0),
		owner:    newBuckets[Hash](l.Owner.or(perSecond{20, 200}), 0),
		token:    newBuckets[string](l.Token.or(perSecond{1, 100}), 0),
		creates:  newBuckets[struct{}](l.Creates.or(perSecond{20, 500}), 1),
		intake:   newBuckets[struct{}](l.Intake.or(perSecond{20000, 40000}), 1),
	}
}

// Create takes a new endpoint of the client at addr, made with a creation
// token of that name ("": without). The narrow limits come first, so that one
// client's refusals do not eat what all share.
func (r *rates) Create(addr netip.Addr, token string) (ok bool, retryAfter time.Duration) {
	if ok, after := r.create.Allow(network(addr)); !ok {
		return false, after
	}
	if token != "" {
		if ok, after := r.token.Allow(token); !ok {
			return false, after
		}
	}
	return r.creates.Allow(struct{}{})
}

// Attach takes a listener of the client at addr.
func (r *rates) Attach(addr netip.Addr) (ok bool, retryAfter time.Duration) {
	return r.attach.Allow(network(addr))
}

// Miss takes a request to an id that does not exist.
func (r *rates) Miss(addr netip.Addr) (ok bool, retryAfter time.Duration) {
	return r.miss.Allow(network(addr))
}

// Intake takes a request to an endpoint.
func (r *rates) Intake(id EndpointID) (ok bool, retryAfter time.Duration) {
	if ok, after := r.endpoint.Allow(id); !ok {
		return false, after
	}
	return r.intake.Allow(struct{}{})
}

// Owner takes an API request under an owner key or a creation token.
func (r *rates) Owner(key Hash) (ok bool, retryAfter time.Duration) { return r.owner.Allow(key) }

// network is what one client is likely to have: a /32 of IPv4, a /64 of IPv6.
// Addresses that are not valid share one.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
