package relay_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
)

// What dashboards rely on: the name, type, label and values of every family.
// The page for operators names them all.
func TestMetricsAsPrometheusReadsThem(t *testing.T) {
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	outcomes := []string{"answered", "handshake", "left", "refused", "stored"}
	families := map[string]struct {
		kind, label string
		values      []string
	}{
		"hook_requests_total":  {"COUNTER", "outcome", outcomes},
		"hook_request_seconds": {"HISTOGRAM", "outcome", outcomes},
		"hook_limits_total": {"COUNTER", "limit", []string{"attach", "body", "chunked", "connections", "connections of one client", "content-length",
			"control", "create", "endpoint", "header", "headers", "host", "http-version", "line-end", "malformed", "method", "miss", "obs-fold", "other",
			"quota", "slow", "storage", "target", "tls handshake", "transfer-encoding"}},
		"hook_queue_attempts_total":    {"COUNTER", "outcome", []string{"dead", "done", "retry"}},
		"hook_endpoints_created_total": {"COUNTER", "", nil},
		"hook_deliveries_purged_total": {"COUNTER", "", nil},
		"hook_tunnels":                 {"GAUGE", "", nil},
		"hook_endpoints":               {"GAUGE", "", nil},
		"hook_queue_pending":           {"GAUGE", "", nil},
		"hook_queue_dead":              {"GAUGE", "", nil},
		"hook_queue_bytes":             {"GAUGE", "", nil},
		"hook_queue_oldest_seconds":    {"GAUGE", "", nil},
		"hook_store_bytes":             {"GAUGE", "", nil},
	}

	for range 2 {
		deliver(t, ep.URL, "stored")
	}
	deliver(t, strings.Replace(ep.URL, ep.ID, "nosuch", 1), "refused")
	deliver(t, ep.URL, strings.Repeat("x", 26<<20))

	rec := httptest.NewRecorder()
	r.Server.Admin().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if got := expfmt.ResponseFormat(rec.Header()); got.FormatType() != expfmt.TypeTextPlain {
		t.Errorf("content type %q", rec.Header().Get("Content-Type"))
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(bytes.NewReader(rec.Body.Bytes()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, rec.Body)
	}
	page, err := os.ReadFile("../docs/running-a-relay.md")
	if err != nil {
		t.Fatal(err)
	}
	value := make(map[string]float64)
	for name, f := range parsed {
		want, ok := families[name]
		if !ok {
			t.Errorf("%s is in no dashboard's list", name)
		}
		if f.GetType().String() != want.kind || f.GetHelp() == "" {
			t.Errorf("%s: type %s, help %q", name, f.GetType(), f.GetHelp())
		}
		if !bytes.Contains(page, []byte("| `"+name+"` |")) {
			t.Errorf("%s is not on the page for operators", name)
		}
		var values []string
		for _, m := range f.Metric {
			key := name
			for _, l := range m.Label {
				if l.GetName() != want.label {
					t.Errorf("%s has the label %s", name, l.GetName())
				}
				values = append(values, l.GetValue())
				key += " " + l.GetValue()
			}
			switch h := m.Histogram; {
			case h == nil:
				value[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			default:
				value[key] = float64(h.GetSampleCount())
				var bounds []string
				var below uint64
				for _, b := range h.Bucket {
					bounds = append(bounds, strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64))
					if b.GetCumulativeCount() < below {
						t.Errorf("%s: bucket %v holds less than the one before", key, b.GetUpperBound())
					}
					below = b.GetCumulativeCount()
				}
				if got := strings.Join(bounds, " "); got != "0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 +Inf" {
					t.Errorf("%s: buckets %s", key, got)
				}
				if below != h.GetSampleCount() || (h.GetSampleSum() > 0) != (below > 0) {
					t.Errorf("%s: %d in all buckets, count %d, sum %v", key, below, h.GetSampleCount(), h.GetSampleSum())
				}
			}
		}
		if slices.Sort(values); !slices.Equal(values, want.values) {
			t.Errorf("%s: %s = %q", name, want.label, values)
		}
	}
	for name := range families {
		if parsed[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for key, want := range map[string]float64{
		"hook_requests_total stored": 2, "hook_requests_total refused": 2, "hook_requests_total answered": 0,
		"hook_request_seconds stored": 2, "hook_limits_total body": 1, "hook_limits_total other": 0,
		"hook_endpoints": 1, "hook_endpoints_created_total": 1, "hook_queue_pending": 2, "hook_queue_bytes": 12,
	} {
		if value[key] != want {
			t.Errorf("%s is %v, not %v; all: %v", key, value[key], want, slices.Sorted(maps.Keys(value)))
		}
	}
}

func deliver(t *testing.T, url, body string) {
	t.Helper()
	resp, err := http.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
