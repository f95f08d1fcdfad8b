package cmd

import (
	"strings"
	"testing"
	"time"
)

func TestClockNotice(t *testing.T) {
	relay := time.Unix(1_700_000_000, 0)
	for _, test := range []struct {
		off  time.Duration
		want string
	}{
		{0, ""}, {30 * time.Second, ""}, {-30 * time.Second, ""},
		{31 * time.Second, "31s ahead of the relay's"},
		{-time.Hour, "1h0m0s behind the relay's"},
		{24 * time.Hour, "24h0m0s ahead of the relay's"},
	} {
		got := clockNotice(relay, relay.Add(test.off))
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s off: %q", test.off, got)
		}
	}
	if got := clockNotice(time.Time{}, relay); got != "" {
		t.Errorf("without the relay's clock: %q", got)
	}
}
