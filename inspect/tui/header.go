package tui

import (
	"strconv"
	"time"
)

// header is what is known of the endpoint, the line to the relay and the
// target.
type header struct {
	ready    Ready
	link     Link
	health   Health
	mode     Mode
	catching int // queued deliveries that are still to come
	dropped  int // updates that the screen was too slow for
	ended    bool
	small    bool // collapsed by the user
}

// header is the lines above the list.
func (m *Model) header(w int) []line {
	h := &m.head
	left := line{{strong, " " + m.opts.Title + "  "}}
	if h.ready.URL != "" {
		left = append(left, glimpse(link, h.ready.URL))
	}
	out := []line{spread(left, append(m.modeLine(), span{plain, " "}), w)}
	if h.small || m.height < 16 {
		small := append(line{{plain, " "}}, m.counters(w)...)
		if f := m.view(); f != nil {
			small = append(append(small, span{dim, " · "}), f...)
		}
		return append(out, small.cut(w))
	}
	if h.link.State != NoLink {
		target := line{{dim, " → "}}
		if h.ready.Target == "" {
			target = append(target, span{dim, "no target"})
		} else {
			target = append(target, glimpse(plain, h.ready.Target))
		}
		target = append(target, m.healthSpans()...)
		relay := m.linkLine(true)
		if target.width()+relay.width() >= w {
			relay = m.linkLine(false)
		}
		out = append(out, spread(target, relay, w))
	}
	out = append(out, append(line{{plain, " "}}, m.counters(w)...).cut(w))
	if f := m.view(); f != nil {
		out = append(out, append(line{{plain, " "}}, f...).cut(w))
	}
	return out
}

// spread is left and right at the ends of a line; right goes where there is no
// room.
func spread(left, right line, w int) line {
	n := right.width()
	if n > w*2/3 {
		return left.cut(w)
	}
	left = left.cut(w - n - 1)
	gap := line{{plain, spaces(w - n - left.width())}}
	return append(append(left[:len(left):len(left)], gap...), right...)
}

// modeLine says whether deliveries come.
func (m *Model) modeLine() line {
	h := &m.head
	switch {
	case m.stopping:
		return line{{warn, "… draining"}}
	case h.ended:
		return line{{warn, "■ stopped"}}
	case h.link.State == NoLink:
		return line{{dim, "history"}}
	case h.link.State == Lost:
		return line{{bad, "✗ link lost"}}
	case h.link.State == Dialing:
		return line{{warn, "… connecting"}}
	case h.mode.Paused:
		return line{{warn, "‖ paused"}}
	case h.catching > 0:
		return line{{note, "↻ catching up " + strconv.Itoa(h.catching)}}
	}
	return line{{good, "● live"}}
}

func (m *Model) healthSpans() line {
	h := m.head.health
	switch {
	case !h.Known:
		return nil
	case h.Up:
		return line{{good, " up"}}
	case h.Reason == "":
		return line{{bad, " down"}}
	}
	return line{{bad, " down: "}, glimpse(bad, h.Reason)}
}

// linkLine is the state of the relay and, where there is room, the time that
// is left.
func (m *Model) linkLine(room bool) line {
	h := &m.head
	var l line
	label := "relay "
	if h.ready.Local && room {
		label = "local relay "
	}
	switch h.link.State {
	case Up:
		l = line{{dim, label}, {good, "ok"}}
		if h.link.RTT > 0 && room {
			l = append(l, span{dim, " " + rtt(h.link.RTT)})
		}
	case Lost:
		l = line{{dim, label}, {bad, "lost"}, {dim, ", retry in " + took(h.link.Retry)}}
	default:
		l = line{{dim, label}, {warn, "dialing"}}
	}
	if at := h.ready.ExpiresAt; !at.IsZero() && (room || at.Sub(m.now) < time.Hour) {
		remaining := at.Sub(m.now)
		r := dim
		if remaining < 10*time.Minute {
			r = warn
		}
		l = append(l, span{dim, " · "}, span{r, "expires " + left(remaining)})
	}
	return append(l, span{plain, " "})
}

func rtt(d time.Duration) string {
	if d < time.Millisecond {
		return strconv.FormatInt(d.Microseconds(), 10) + "µs"
	}
	return took(d)
}

// counters are numbers that add up: what was received is what follows.
func (m *Model) counters(w int) line {
	t := &m.tally
	l := line{{dim, "received "}, {strong, strconv.Itoa(t.received())}}
	sign := " = "
	for _, part := range []struct {
		n     int
		role  role
		word  string
		brief string // as in narrow lists
	}{
		{t.ok, good, "ok", "ok"}, {t.failed, bad, "error", "error"}, {t.noAnswer, bad, "no-answer", "lost"},
		{t.unreachable, warn, "unreachable", "down"}, {t.skipped, dim, "skipped", "skip"}, {t.dead, bad, "dead", "dead"},
		{t.pending, note, "pending", "wait"},
	} {
		if part.n > 0 {
			word := part.word
			if w < 110 {
				word = part.brief
			}
			l = append(l, span{dim, sign}, span{part.role, strconv.Itoa(part.n) + " " + word})
			sign = " + "
		}
	}
	if t.replays > 0 {
		l = append(l, span{dim, " · "}, span{plain, count(t.replays, "replay")})
	}
	if m.head.dropped > 0 {
		l = append(l, span{dim, " · "}, span{warn, strconv.Itoa(m.head.dropped) + " not shown"})
	}
	return l
}

// view is what the list does not show as it came; nil when it shows all.
func (m *Model) view() line {
	var l line
	add := func(spans ...span) {
		if l != nil {
			l = append(l, span{dim, " · "})
		}
		l = append(l, spans...)
	}
	if m.filter.text != "" {
		add(span{dim, "filter "}, glimpse(strong, m.filter.text))
		if m.filter.running {
			add(span{dim, "filtering …"})
		}
	}
	if m.only {
		add(span{strong, "only marked"})
	}
	if len(m.shown) != len(m.rows) {
		add(span{plain, strconv.Itoa(len(m.shown)) + " of " + strconv.Itoa(len(m.rows))})
	}
	if m.sort != byTime {
		add(span{dim, "by "}, span{strong, m.sort.String()})
	}
	if m.finding.needle != "" {
		add(span{dim, "search "}, glimpse(strong, m.finding.needle), span{dim, " " + strconv.Itoa(m.finding.count)})
	}
	return l
}
