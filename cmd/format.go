package cmd

import (
	"errors"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/fatih/color"
)

// pattern compiles a regular expression when it is first asked for: few starts
// need any of them.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// painter colours, or does not.
type painter struct{ good, note, bad, dim *color.Color }

func newPainter(on bool) painter {
	p := painter{color.New(color.FgGreen), color.New(color.FgYellow), color.New(color.FgRed), color.New(color.Faint)}
	for _, c := range []*color.Color{p.good, p.note, p.bad, p.dim} {
		if on {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
	}
	return p
}

// plainCause is an error of the link without the layers that say nothing to a
// person.
func plainCause(err error) string {
	var ue *url.Error
	var ne *net.OpError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the relay closed the connection"
	case errors.As(err, &ne):
		return ne.Error()
	case errors.As(err, &ue):
		return ue.Err.Error()
	}
	return err.Error()
}

// formatBytes is a size for people: 512 B, 1.1 MB.
func formatBytes(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1_000_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
}

// formatTook is a duration for people: 4 ms, 1.20 s.
func formatTook(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
}

// formatAge is a long duration for people: 12 s, 3 min, 2 h.
func formatAge(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return strconv.FormatInt(int64(max(d, 0)/time.Second), 10) + " s"
	case d < 2*time.Hour:
		return strconv.FormatInt(int64(d/time.Minute), 10) + " min"
	}
	return strconv.FormatInt(int64(d/time.Hour), 10) + " h"
}
