package signer

import (
	"net/http"
	"strconv"
	"time"
)

// DefaultWindow is how far a signed time may be from the time of receipt, both ways, where the scheme does not say.
const DefaultWindow = 300 * time.Second

// maxWindow bounds what a user may widen the window to: a larger one is no freshness at all.
const maxWindow = time.Hour

// parse reads the text of a signed time: an integer without sign of at most 12 digits (15 for milliseconds, 19 finer), RFC 3339
// or an HTTP date.
func (t *Timestamp) parse(text string) (time.Time, bool) {
	if t.Unit == "rfc3339" {
		if len(text) > 40 {
			return time.Time{}, false
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at, true
			}
		}
		return time.Time{}, false
	}
	if t.Unit == "http" {
		at, err := http.ParseTime(text)
		return at, err == nil
	}
	digits := 12
	switch t.Unit {
	case "ms", "s-or-ms":
		digits = 15
	case "us", "ns":
		digits = 19
	}
	if text == "" || len(text) > digits {
		return time.Time{}, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return time.Time{}, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	switch t.Unit {
	case "s-or-ms":
		if len(text) > 12 {
			return time.UnixMilli(n), true
		}
	case "ms":
		return time.UnixMilli(n), true
	case "us":
		return time.UnixMicro(n), true
	case "ns":
		return time.Unix(0, n), true
	}
	return time.Unix(n, 0), true
}

func (t *Timestamp) format(at time.Time) string {
	switch t.Unit {
	case "ms":
		return strconv.FormatInt(at.UnixMilli(), 10)
	case "us":
		return strconv.FormatInt(at.UnixMicro(), 10)
	case "ns":
		return strconv.FormatInt(at.UnixNano(), 10)
	case "http":
		return at.UTC().Format(http.TimeFormat)
	case "rfc3339":
		return at.UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(at.Unix(), 10)
}

func (t *Timestamp) window(override time.Duration) time.Duration {
	w := DefaultWindow
	if t != nil && t.Window > 0 {
		w = time.Duration(t.Window) * time.Second
	}
	if override > 0 {
		w = override
	}
	return min(w, maxWindow)
}
