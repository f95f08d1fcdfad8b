package tui

import (
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/hookrelay/hook/inspect"
)

// TestFrames compares whole screens: read the difference before you accept it
// with -update.
func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name   string
		w, h   int
		colour bool
		theme  string
		do     func(d *driver)
	}{
		{name: "welcome-60x20", w: 60, h: 20, do: welcomed},
		{name: "welcome-80x24", w: 80, h: 24, do: welcomed},
		{name: "list-60x20", w: 60, h: 20, do: listed},
		{name: "list-80x24", w: 80, h: 24, do: listed},
		{name: "list-120x40-dark", w: 120, h: 40, colour: true, do: listed},
		{name: "list-80x24-mono", w: 80, h: 24, colour: true, theme: "mono", do: listed},
		{name: "beside-120x40", w: 120, h: 40, do: func(d *driver) { listed(d); d.keys("g", "2") }},
		{name: "below-100x40", w: 100, h: 40, do: func(d *driver) { listed(d); d.keys("g", "1", "esc", "down") }},
		{name: "request-80x24-16", w: 80, h: 24, colour: true, theme: "16", do: func(d *driver) { listed(d); d.keys("g", "2") }},
		{name: "response-80x24", w: 80, h: 24, do: func(d *driver) { listed(d); d.keys("g", "down", "3") }},
		{name: "signature-bad-80x24", w: 80, h: 24, do: func(d *driver) { listed(d); d.keys("g", "down", "4") }},
		{name: "attempts-80x24", w: 80, h: 24, do: retried},
		{name: "timeline-80x24", w: 80, h: 24, do: func(d *driver) { listed(d); d.keys("up", "6") }},
		{name: "timeline-60x20", w: 60, h: 20, do: func(d *driver) { listed(d); d.keys("up", "6") }},
		{name: "filter-80x24", w: 80, h: 24, do: func(d *driver) { listed(d); d.keys("f"); d.types("is:error or is:dead") }},
		{name: "filter-wrong-60x20", w: 60, h: 20, do: func(d *driver) { listed(d); d.keys("f"); d.types("provider:github status:>=5x") }},
		{name: "diff-80x24", w: 80, h: 24, do: func(d *driver) { listed(d); d.keys("g", "down", "m", "G", "up", "=") }},
		{name: "help-80x24", w: 80, h: 24, do: func(d *driver) { listed(d); d.keys("?") }},
		{name: "palette-60x20", w: 60, h: 20, do: func(d *driver) { listed(d); d.keys(":"); d.types("replay") }},
		{name: "copy-80x24", w: 80, h: 24, do: func(d *driver) { listed(d); d.keys("c") }},
		{name: "trouble-80x24", w: 80, h: 24, do: troubled},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := drive(t, c.w, c.h, Options{Title: "hook listen", Theme: c.theme, Actions: fakeActions(func(string) {}, nil)})
			c.do(d)
			if c.colour {
				golden.RequireEqual(t, d.frame())
			} else {
				golden.RequireEqual(t, d.words())
			}
		})
	}
}

func welcomed(d *driver) {
	r := ready()
	r.Local = true
	d.events(r, Link{State: Up, RTT: 400 * time.Microsecond}, Health{Known: true, Reason: "connection refused"})
}

func listed(d *driver) {
	list := []Event{ready(), Link{State: Up, RTT: 12 * time.Millisecond}, Health{Known: true, Up: true}}
	for _, f := range samples() {
		list = append(list, Seen{f})
	}
	d.events(list...)
}

// retried is a queued delivery on its second attempt.
func retried(d *driver) {
	listed(d)
	s := &sampler{n: 20}
	f := answer(s.flow("stripe", "charge.failed", "/webhooks/stripe", `{}`), 503, "", 40*time.Millisecond)
	f.Delivery.Seq = 12
	id := f.ID()
	second := *f
	second.Attempts = []inspect.Attempt{{Number: 2, StartedAt: f.At.Add(3 * time.Second), Target: "http://localhost:3000"}}
	d.events(Seen{f}, Settled{id, 1, inspect.Settled{At: f.At.Add(60 * time.Millisecond), Fate: "retried", Reason: "the application answered 503", NextAt: f.At.Add(3 * time.Second)}},
		Seen{answer(&second, 200, `{}`, 15*time.Millisecond)})
	d.keys("5")
}

func troubled(d *driver) {
	listed(d)
	r := ready()
	r.Backlog = 12
	d.events(r, Mode{Paused: true, Reason: "connection refused"}, Health{Known: true, Reason: "connection refused"},
		Link{State: Lost, Retry: 4 * time.Second, Reason: "the relay closed the connection"})
	d.send(batch{dropped: 31})
}
