package relay

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what an operator watches. No label holds anything that comes
// from outside: the number of series is fixed.
type metrics struct {
	registry  *prometheus.Registry
	known     map[string]bool // values of the limit label
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	limits    *prometheus.CounterVec
	attempts  *prometheus.CounterVec
	endpoints prometheus.Counter
	deleted   prometheus.Counter
}

// limits are the values of the limit label besides the names of faults, which
// the HTTP front refuses; anything else counts as "other".
func limits() map[string]bool {
	known := map[string]bool{
		"attach": true, "body": true, "create": true, "endpoint": true, "miss": true, "quota": true, "storage": true,
		"connections": true, "connections of one client": true, "tls handshake": true,
	}
	for _, f := range faults {
		known[f.name] = true
	}
	return known
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		known:    limits(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hook_requests_total", Help: "Webhooks received, by what became of them: answered by the owner's side, stored, handshake, refused, left.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hook_request_seconds", Help: "Time from a webhook's first byte to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"outcome"}),
		limits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hook_limits_total", Help: "Requests and connections refused by a limit.",
		}, []string{"limit"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hook_queue_attempts_total", Help: "Attempts at queued deliveries, by outcome: done, retry, dead.",
		}, []string{"outcome"}),
		endpoints: prometheus.NewCounter(prometheus.CounterOpts{Name: "hook_endpoints_created_total", Help: "Endpoints created."}),
		deleted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hook_deliveries_purged_total", Help: "Deliveries deleted with their endpoint, unanswered or dead.",
		}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.limits, m.attempts, m.endpoints, m.deleted, &storeCollector{s})
	return m
}

func (m *metrics) intake(outcome string, d time.Duration) {
	m.requests.WithLabelValues(outcome).Inc()
	m.duration.WithLabelValues(outcome).Observe(d.Seconds())
}

func (m *metrics) limited(limit string) {
	if !m.known[limit] {
		limit = "other"
	}
	m.limits.WithLabelValues(limit).Inc()
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
		m.attempts.WithLabelValues(outcome).Inc()
	}
}

func (m *metrics) created() { m.endpoints.Inc() }

func (m *metrics) purged(d Depth) { m.deleted.Add(float64(d.Pending + d.Dead)) }

// storeCollector reads gauges when they are asked for.
type storeCollector struct{ s *Server }

var (
	descTunnels   = prometheus.NewDesc("hook_tunnels", "Listeners attached.", nil, nil)
	descEndpoints = prometheus.NewDesc("hook_endpoints", "Endpoints in the store.", nil, nil)
	descPending   = prometheus.NewDesc("hook_queue_pending", "Deliveries waiting in all queues.", nil, nil)
	descDead      = prometheus.NewDesc("hook_queue_dead", "Dead letters kept.", nil, nil)
	descBytes     = prometheus.NewDesc("hook_queue_bytes", "Bytes of the bodies of queued and dead deliveries.", nil, nil)
	descOldest    = prometheus.NewDesc("hook_queue_oldest_seconds", "Age of the oldest delivery that waits; 0 when none does.", nil, nil)
	descDisk      = prometheus.NewDesc("hook_store_bytes", "Bytes of the store on disk.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *storeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descTunnels, descEndpoints, descPending, descDead, descBytes, descOldest, descDisk} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *storeCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(descTunnels, float64(len(c.s.sessions())))
	st, err := c.s.store.Stats(c.s.ctx)
	if err != nil {
		c.s.log.Error("store not counted", "err", err)
		return
	}
	age := 0.0
	if !st.Oldest.IsZero() {
		age = max(time.Since(st.Oldest).Seconds(), 0)
	}
	gauge(descEndpoints, float64(st.Endpoints))
	gauge(descPending, float64(st.Depth.Pending))
	gauge(descDead, float64(st.Depth.Dead))
	gauge(descBytes, float64(st.Depth.Bytes))
	gauge(descOldest, age)
	gauge(descDisk, float64(st.FileBytes))
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
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
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
