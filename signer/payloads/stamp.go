package payloads

import (
	"strconv"
	"strings"
	"time"
)

// discordEpoch is the first millisecond of 2015, from which Discord counts.
const discordEpoch = 1420070400000

// stamp makes a time in one of the ways providers write it. The argument is an
// offset in seconds: "iso:-3600" was an hour before the webhook was sent.
func (g *generator) stamp(word, arg string) (*node, bool) {
	layout, named := layouts(word)
	if word == "time" { // time:OFFSET:LAYOUT
		arg, layout, named = cut(arg)
	}
	seconds, _ := strconv.ParseInt(arg, 10, 64)
	at := g.at.Add(time.Duration(seconds) * time.Second)
	if named {
		return textNode(at.Format(layout)), true
	}
	switch word {
	case "unix":
		return otherNode(strconv.FormatInt(at.Unix(), 10)), true
	case "ms":
		return otherNode(strconv.FormatInt(at.UnixMilli(), 10)), true
	case "unix_frac":
		return otherNode(strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)), true
	case "slack_ts":
		return textNode(strconv.FormatInt(at.Unix(), 10) + "." + g.string(digits, 6)), true
	case "snowflake":
		return textNode(strconv.FormatInt((at.UnixMilli()-discordEpoch)<<22|g.rand.Int64N(1<<22), 10)), true
	}
	return nil, false
}

func cut(arg string) (string, string, bool) {
	offset, layout, ok := strings.Cut(arg, ":")
	return offset, layout, ok
}

func layouts(word string) (string, bool) {
	switch word {
	case "iso": // 2026-01-02T15:04:05Z
		return "2006-01-02T15:04:05Z", true
	case "iso_ms":
		return "2006-01-02T15:04:05.000Z", true
	case "iso_us":
		return "2006-01-02T15:04:05.000000Z", true
	case "iso_offset":
		return "2006-01-02T15:04:05-07:00", true
	case "iso_zero":
		return "2006-01-02T15:04:05.000+00:00", true
	case "date":
		return "2006-01-02", true
	case "datetime":
		return "2006-01-02 15:04:05", true
	case "rfc2822":
		return "Mon, 02 Jan 2006 15:04:05 +0000", true
	case "http":
		return "Mon, 02 Jan 2006 15:04:05 GMT", true
	case "utc":
		return "2006-01-02 15:04:05 UTC", true
	}
	return "", false
}
