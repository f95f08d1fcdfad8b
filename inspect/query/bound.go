package query

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// bound is what a value is compared with.
type bound struct {
	text   string // as it was written
	number float64
	age    time.Duration // where isAge
	isAge  bool
	at     time.Time
}

func parseNumber(s string) (bound, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err == nil && (strings.Trim(s, "0123456789.eE+-") != "" || math.IsInf(n, 0)) {
		err = strconv.ErrSyntax // Inf, NaN, 0x1p4, 1_000
	}
	return bound{text: s, number: n}, err
}

func parseSize(s string) (bound, error) {
	digits := strings.TrimRight(s, "kKmMgGiIbB")
	factor := 1.0
	switch strings.ToLower(s[len(digits):]) {
	case "", "b":
	case "k", "kb", "ki", "kib":
		factor = 1 << 10
	case "m", "mb", "mi", "mib":
		factor = 1 << 20
	case "g", "gb", "gi", "gib":
		factor = 1 << 30
	default:
		return bound{}, strconv.ErrSyntax
	}
	n, err := parseNumber(digits)
	return bound{text: s, number: n.number * factor}, err
}

// parseMillis reads a time span in milliseconds, a bare number being some.
func parseMillis(s string) (bound, error) {
	if n, err := parseNumber(s); err == nil {
		return n, nil
	}
	d, err := parseAge(s)
	return bound{text: s, number: float64(d) / float64(time.Millisecond)}, err
}

// parseAge is time.ParseDuration with days and weeks.
func parseAge(s string) (time.Duration, error) {
	rest, total := s, time.Duration(0)
	for _, unit := range []struct {
		letter byte
		span   time.Duration
	}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}} {
		i := strings.IndexByte(rest, unit.letter)
		if i < 0 {
			continue
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || strings.Trim(rest[:i], "0123456789.") != "" || n > 36500 {
			return 0, strconv.ErrSyntax
		}
		total += time.Duration(n * float64(unit.span))
		if rest = rest[i+1:]; rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err == nil && (d < 0 || d > 36500*24*time.Hour || strings.ContainsAny(rest, "+-")) {
		err = strconv.ErrSyntax
	}
	return total + d, err
}

// parseTime reads an age or a time; without a zone it is the local one.
func parseTime(s string) (bound, error) {
	if d, err := parseAge(s); err == nil && s != "0" {
		return bound{text: s, age: d, isAge: true}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return bound{text: s, at: at}, nil
		}
	}
	return bound{}, strconv.ErrSyntax
}
