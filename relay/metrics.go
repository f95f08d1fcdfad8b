package relay

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"
)

// metrics are what an operator watches. No label holds anything that comes
// from outside: the number of series is fixed.
type metrics struct {
	s         *Server
	requests  *counter
	duration  *histogram
	limits    *counter
	attempts  *counter
	endpoints *counter
	deleted   *counter
}

// outcomes are the values of the outcome label of webhooks.
var outcomes = []string{byApplication, byStored, byHandshake, byRefused, bySenderLeft}

// limits are the values of the limit label: what handlers count, what the
// listener of connections refuses, and the names of faults, which the HTTP
// front refuses; anything else counts as "other".
func limits() []string {
	known := map[string]bool{
		"attach": true, "body": true, "create": true, "endpoint": true, "miss": true, "quota": true, "storage": true,
		"connections": true, "connections of one client": true, "tls handshake": true, "other": true,
	}
	for _, f := range faults {
		known[f.name] = true
	}
	return slices.Sorted(maps.Keys(known))
}

func newMetrics(s *Server) *metrics {
	return &metrics{
		s: s,
		requests: newCounter("hook_requests_total",
			"Webhooks received, by what became of them: answered by the owner's side, stored, handshake, refused, left.", "outcome", outcomes...),
		duration: newHistogram("hook_request_seconds", "Time from a webhook's first byte to its answer.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "outcome", outcomes...),
		limits:    newCounter("hook_limits_total", "Requests and connections refused by a limit.", "limit", limits()...),
		attempts:  newCounter("hook_queue_attempts_total", "Attempts at queued deliveries, by outcome: done, retry, dead.", "outcome", "done", "retry", "dead"),
		endpoints: newCounter("hook_endpoints_created_total", "Endpoints created.", ""),
		deleted:   newCounter("hook_deliveries_purged_total", "Deliveries deleted with their endpoint, unanswered or dead.", ""),
	}
}

func (m *metrics) intake(outcome string, d time.Duration) {
	m.requests.inc(outcome)
	m.duration.observe(outcome, d.Seconds())
}

func (m *metrics) limited(limit string) {
	if !m.limits.inc(limit) {
		m.limits.inc("other")
	}
}

func (m *metrics) settled(list []Settlement) {
	for _, s := range list {
		outcome := "done"
		switch s.Outcome {
		case Retry:
			outcome = "retry"
		case Died:
			outcome = "dead"
		}
		m.attempts.inc(outcome)
	}
}

func (m *metrics) created() { m.endpoints.add(1) }

func (m *metrics) purged(d Depth) { m.deleted.add(d.Pending + d.Dead) }

// ServeHTTP writes all families; gauges are read when they are asked for.
func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	for _, c := range []*counter{m.requests, m.limits, m.attempts, m.endpoints, m.deleted} {
		c.write(&b)
	}
	m.duration.write(&b)
	gauge(&b, "hook_tunnels", "Listeners attached.", float64(len(m.s.sessions())))
	if st, err := m.s.store.Stats(m.s.ctx); err != nil {
		m.s.log.Error("store not counted", "err", err)
	} else {
		age := 0.0
		if !st.Oldest.IsZero() {
			age = max(time.Since(st.Oldest).Seconds(), 0)
		}
		gauge(&b, "hook_endpoints", "Endpoints in the store.", float64(st.Endpoints))
		gauge(&b, "hook_queue_pending", "Deliveries waiting in all queues.", float64(st.Depth.Pending))
		gauge(&b, "hook_queue_dead", "Dead letters kept.", float64(st.Depth.Dead))
		gauge(&b, "hook_queue_bytes", "Bytes of the bodies of queued and dead deliveries.", float64(st.Depth.Bytes))
		gauge(&b, "hook_queue_oldest_seconds", "Age of the oldest delivery that waits; 0 when none does.", age)
		gauge(&b, "hook_store_bytes", "Bytes of the store on disk.", float64(st.FileBytes))
	}
	w.Header().Set("Content-Type", expositionType)
	w.Write(b.Bytes())
}

// Admin serves /livez, /readyz and /metrics. It belongs on an address that
// only the operator reaches.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /metrics", s.metrics)
	return mux
}

// Ready tells whether the relay takes webhooks now: it is not stopping, and
// the store takes writes, which is tried.
func (s *Server) Ready(ctx context.Context) error {
	if s.draining() {
		return errDraining
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.store.Writable(ctx)
}
