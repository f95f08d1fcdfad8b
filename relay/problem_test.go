package relay

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestProblems(t *testing.T) {
	for _, p := range []problem{
		problemBadRequest("ttl is longer than 30 days"), problemUnauthorized(), problemForbidden("this key may only attach"),
		problemNotFound(), problemMethod("GET", "POST"), problemConflict("the endpoint is in use"),
		problemGone(""), problemGone(Expired), problemGone(Idled), problemGone(UsedUp), problemGone(Revoked),
		problemTooLarge(25 << 20), problemRate(time.Millisecond), problemQuota(time.Minute),
		problemStopped(time.Second), problemStorage(0), problemBusy(1500 * time.Millisecond), problemShutdown(time.Second),
		problemNoListener(502, time.Second), problemNoListener(503, time.Second), problemUnreachable(), problemBudget(),
	} {
		w := httptest.NewRecorder()
		p.write(w)
		var got problem
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", p.Type, err)
		}
		if w.Code != p.Status || got.Status != p.Status || got.Type != p.Type || got.Title == "" || !strings.HasSuffix(got.Detail, ".") && p.Status != 400 && p.Status != 403 && p.Status != 409 {
			t.Errorf("%s: %d %+v", p.Type, w.Code, got)
		}
		h := w.Header()
		if h.Get("Content-Type") != "application/problem+json" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", p.Type, h)
		}
		if retry := h.Get("Retry-After"); (p.Status == 429 || p.Status == 503) && (retry == "" || retry == "0") {
			t.Errorf("%s: Retry-After %q", p.Type, retry)
		}
	}
	if p := problemMethod("GET", "POST"); p.Allow == nil {
		t.Error("405 without Allow")
	}
}

func TestRetryAfterIsWholeSecondsRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "1", 1: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Second: "90", -time.Hour: "1"} {
		if got := retryAfter(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
