package inspect

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A relay that was mistyped is not lost, and what repeats itself is said once.
func TestLostRelayIsSaidOnce(t *testing.T) {
	var out strings.Builder
	l := NewLines(&out, false)
	l.Location = time.UTC
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	gone := errors.New("no such host")
	for _, retry := range []time.Duration{time.Second, 10 * time.Second, 10 * time.Second, 10 * time.Second} {
		l.Event(Lost{At: at, Err: gone, Retry: retry})
	}
	l.Event(Ready{At: at, URL: "https://hooks.example/h/x", Expires: at.Add(7*24*time.Hour - time.Second)})
	l.Event(Lost{At: at, Err: gone, Retry: 10 * time.Second})
	want := `12:00:00 cannot reach the relay: no such host: trying again in 1s: "hook doctor" looks for the reason
12:00:00 cannot reach the relay: no such host: trying again in 10s
12:00:00 ready https://hooks.example/h/x, expires in 7d
12:00:00 lost the relay: no such host: trying again in 10s
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
