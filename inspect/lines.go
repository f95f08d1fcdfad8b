package inspect

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookrelay/hook/inspect/safetext"
)

// Lines prints one line for each event that a person wants to see. Nothing
// foreign in it reaches the terminal as it is.
//
//	12:00:01 POST /hooks?id=7 200 23ms 1.2k/15 stripe invoice.paid sig:ok attempt:2 duplicate
type Lines struct {
	// Location is the time zone of the clock; nil is the local one.
	Location *time.Location
	// Quiet prints no flow, only what asks for a person: lost links, gaps,
	// notices and flows that were not answered.
	Quiet bool

	buried atomic.Bool // a dead letter was shown, with what to do about it

	mu    sync.Mutex // guards what follows, and whole lines on w
	w     io.Writer
	err   error
	paint palette
	ready bool   // a relay has been reached
	lost  string // what was said last of a relay that is away
}

// NewLines prints to w, in colours where colour is set.
func NewLines(w io.Writer, colour bool) *Lines {
	return &Lines{w: w, paint: newPalette(colour)}
}

// Err is the first error of the writer. After it nothing is printed.
func (l *Lines) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Event prints e.
func (l *Lines) Event(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text := l.text(e); text != "" && l.err == nil {
		_, l.err = io.WriteString(l.w, text+"\n")
	}
}

func (l *Lines) text(e Event) string {
	switch e := e.(type) {
	case Ready:
		l.ready, l.lost = true, ""
		return l.quiet(l.readyLine(e))
	case End:
		if e.Again || l.Quiet && e.Flow.State() != NoAnswer {
			return ""
		}
		return l.Flow(e.Flow)
	case SettledEvent:
		return l.settled(e)
	case Lost:
		return l.lostLine(e)
	case Paused:
		return l.say(e.At, l.paint.warn("paused"), sentence(e.Reason))
	case Resumed:
		return l.say(e.At, l.paint.good("resumed"))
	case Notice:
		return l.say(e.At, l.paint.warn("notice"), sentence(e.Text))
	case Gap:
		return l.say(e.At, l.paint.bad(plural(e.Count, "delivery", "deliveries")+" will not come"), sentence(e.Reason))
	case Summary:
		return l.quiet(l.summary(e))
	}
	return ""
}

func (l *Lines) quiet(s string) string {
	if l.Quiet {
		return ""
	}
	return s
}

// say is the time and what is not empty of parts, with colons between them.
func (l *Lines) say(at time.Time, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return l.clock(at) + " " + strings.Join(some, ": ")
}

func (l *Lines) clock(at time.Time) string {
	zone := l.Location
	if zone == nil {
		zone = time.Local
	}
	return l.paint.faint(at.In(zone).Format("15:04:05"))
}

func (l *Lines) readyLine(e Ready) string {
	s := l.clock(e.At) + " " + l.paint.good("ready") + " " + l.paint.bold(safetext.Limit(e.URL, 4*maxShown))
	if e.Target != "" {
		s += " → " + safetext.Limit(e.Target, 2*maxShown)
	}
	if e.Backlog > 0 {
		s += ", " + strconv.Itoa(e.Backlog) + " waiting"
	}
	if !e.Expires.IsZero() && !e.At.IsZero() {
		s += ", expires in " + round(e.Expires.Sub(e.At))
	}
	return s
}

// maxShown bounds a foreign word on a line.
const maxShown = 120

// sentence is a foreign sentence on one line.
func sentence(s string) string {
	const most = 4 * maxShown
	return safetext.Limit(safetext.Line(s[:min(len(s), 4*most)]), most) // a character has at most four bytes
}

// Flow is the line of a flow, as of its last attempt.
func (l *Lines) Flow(f *Flow) string {
	words := []string{l.clock(f.At), safetext.Limit(f.Delivery.Method, 16), safetext.Limit(f.Delivery.Target, maxShown)}
	answer := "-"
	a := f.Last()
	switch {
	case a == nil || a.Result == nil && a.Failure == nil:
		words = append(words, l.paint.faint("…"), "-")
	case a.Failure != nil:
		words = append(words, l.paint.bad("---"), round(a.Took))
	default:
		words = append(words, l.paint.status(a.Result.Status), round(a.Took))
		if answer = bytesText(a.Result.Size); a.Result.Omitted() {
			answer += "!"
		}
	}
	words = append(words, l.paint.faint(bytesText(f.BodySize)+"/"+answer))
	for _, s := range []string{f.Provider, f.Event} {
		if s != "" {
			words = append(words, safetext.Limit(s, maxShown))
		}
	}
	words = append(words, l.badges(f, a)...)
	return strings.Join(words, " ")
}

// badges are the words behind what every line has.
func (l *Lines) badges(f *Flow, a *Attempt) []string {
	var words []string
	if s := Badge(f.Verdict.State); s != "" {
		switch s = "sig:" + s; f.Verdict.State {
		case "valid":
			words = append(words, l.paint.good(s))
		case "no-key":
			words = append(words, l.paint.faint(s))
		default:
			words = append(words, l.paint.bad(s))
		}
	}
	if a != nil && a.Number > 1 {
		words = append(words, l.paint.warn("attempt:"+strconv.Itoa(a.Number)))
	}
	if f.Replay > 0 {
		words = append(words, l.paint.warn("replay:"+strconv.Itoa(f.Replay)))
	}
	if a != nil && a.Result != nil && a.Result.By > 1 {
		words = append(words, l.paint.warn("by:"+a.Result.By.String()))
	}
	for _, tag := range f.Tags {
		words = append(words, l.paint.warn(safetext.Limit(tag, 40)))
	}
	if len(f.Redacted) > 0 {
		words = append(words, l.paint.warn("redacted"))
	}
	if a != nil && a.Failure != nil {
		words = append(words, l.paint.bad(sentence(a.Failure.Error())))
	}
	if f.Verdict.Diagnosis != "" && f.Verdict.State != "valid" {
		words = append(words, "("+sentence(f.Verdict.Diagnosis)+")")
	}
	return words
}

// Badge is a verdict's state in one short word: ok, bad, none, stale, early,
// seen, no-key; "" where nothing was checked.
func Badge(state string) string {
	switch state {
	case "valid":
		return "ok"
	case "invalid":
		return "bad"
	case "unsigned":
		return "none"
	case "future":
		return "early"
	case "replayed":
		return "seen"
	}
	return state
}

// settled is a line only where an attempt was made whose answer the sender did
// not get, or after which the delivery is not done.
func (l *Lines) settled(e SettledEvent) string {
	s := e.Settled
	id := safetext.Limit(e.ID, 40)
	switch s.Fate {
	case "answered", "completed", "forgotten": // the last: an attempt that the relay does not count
		return ""
	case "retried":
		next := ""
		if !s.NextAt.IsZero() {
			next = "next try in " + round(s.NextAt.Sub(e.At))
		}
		return l.quiet(l.say(e.At, id+" "+l.paint.warn("will be retried"), sentence(s.Reason), next))
	case string(Dead):
		next := ""
		if !l.buried.Swap(true) {
			next = "\"hook queue ls --dead\" lists such, \"hook queue retry ID\" delivers one again"
		}
		return l.say(e.At, id+" "+l.paint.bad("dead letter"), sentence(s.Reason), next)
	}
	return l.quiet(l.say(e.At, id+" "+l.paint.warn(safetext.Limit(s.Fate, 40)), sentence(s.Reason)))
}

// lostLine tells that the relay is away, once for each reason and pause: what
// is tried again every ten seconds for a night is no news.
func (l *Lines) lostLine(e Lost) string {
	what, advice := "lost the relay", ""
	if !l.ready {
		what = "cannot reach the relay"
		if l.lost == "" {
			advice = "\"hook doctor\" looks for the reason"
		}
	}
	reason, again := sentence(safetext.Error(e.Err)), "trying again in "+round(e.Retry)
	said := reason + "\n" + again
	if said == l.lost {
		return ""
	}
	l.lost = said
	return l.say(e.At, l.paint.bad(what), reason, again, advice)
}

func (l *Lines) summary(e Summary) string {
	c := e.Counters
	words := []string{plural(c.Attempts, "attempt", "attempts")}
	var parts []string
	for _, n := range []struct {
		count     int
		one, many string
	}{
		{c.OK, "ok", "ok"}, {c.Errors, "error", "errors"}, {c.NoAnswer, "no answer", "no answer"}, {c.Unreachable, "unreachable", "unreachable"},
		{c.Skipped, "skipped", "skipped"}, {c.Open, "open", "open"},
	} {
		if n.count > 0 {
			parts = append(parts, plural(n.count, n.one, n.many))
		}
	}
	if len(parts) > 0 {
		words = append(words, strings.Join(parts, " + "))
	}
	s := l.clock(e.At) + " " + strings.Join(words, " = ")
	for _, n := range []struct {
		count     int
		one, many string
	}{
		{c.Retries, "retry", "retries"}, {c.Replays, "replay", "replays"}, {c.Duplicates, "duplicate", "duplicates"},
		{c.Invalid, "bad signature", "bad signatures"}, {c.Dead, "dead letter", "dead letters"}, {c.Gaps, "never came", "never came"},
	} {
		if n.count > 0 {
			s += "; " + plural(n.count, n.one, n.many)
		}
	}
	return s
}
