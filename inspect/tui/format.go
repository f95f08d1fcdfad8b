package tui

import (
	"strconv"
	"time"
)

// bytesize is a size in at most six characters: 512B, 1.1kB, 25.0MB.
func bytesize(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + "B"
	case n < 1_000_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + "kB"
	case n < 1_000_000_000:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "MB"
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + "GB"
}

// took is a duration in at most six characters: 4ms, 12.3s, 5m10s, 3h05m.
func took(d time.Duration) string {
	switch {
	case d < 0:
		return "0ms"
	case d < time.Millisecond:
		return "<1ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < 100*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	return age(d)
}

// age is a longer duration in at most five characters: 12s, 3m, 5h, 6d.
func age(d time.Duration) string {
	unit := func(n time.Duration, s string) string { return strconv.FormatInt(int64(n), 10) + s }
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return unit(d/time.Second, "s")
	case d < 2*time.Hour:
		return unit(d/time.Minute, "m")
	case d < 48*time.Hour:
		return unit(d/time.Hour, "h")
	}
	return unit(d/(24*time.Hour), "d")
}

// left is the time until an endpoint expires: 6d23h, 2h05m, 4m10s.
func left(d time.Duration) string {
	two := func(n time.Duration) string {
		s := strconv.FormatInt(int64(n), 10)
		if n < 10 {
			s = "0" + s
		}
		return s
	}
	whole := func(n time.Duration) string { return strconv.FormatInt(int64(n), 10) }
	switch {
	case d <= 0:
		return "now"
	case d >= 24*time.Hour:
		return whole(d/(24*time.Hour)) + "d" + whole(d%(24*time.Hour)/time.Hour) + "h"
	case d >= time.Hour:
		return whole(d/time.Hour) + "h" + two(d%time.Hour/time.Minute) + "m"
	}
	return whole(d/time.Minute) + "m" + two(d%time.Minute/time.Second) + "s"
}

// count is n with its noun: 1 webhook, 12 webhooks.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
