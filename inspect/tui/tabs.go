package tui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/tunnel"
)

const fieldWidth = 12 // of the names in the detail

// sheet collects lines of a tab.
type sheet struct {
	w     int
	lines []line
}

// field adds a name with its value, unless that is empty.
func (s *sheet) field(label string, value ...span) {
	if strings.TrimSpace(line(value).String()) == "" {
		return
	}
	l := append(line{{key, pad(label, fieldWidth) + " "}}, value...)
	s.lines = append(s.lines, l.wrap(s.w, fieldWidth+1)...)
}

// words adds a name with a sentence, wrapped at its words.
func (s *sheet) words(label string, r role, what string) {
	if what == "" {
		return
	}
	for i, l := range sentence(r, what, s.w-fieldWidth-1) {
		lead := pad(label, fieldWidth) + " "
		if i > 0 {
			lead = spaces(fieldWidth + 1)
		}
		s.lines = append(s.lines, append(line{{key, lead}}, l...))
	}
}

func (s *sheet) gap() { s.lines = append(s.lines, nil) }

func (s *sheet) heading(t string) { s.lines = append(s.lines, line{{title, t}}) }

func (m *Model) clockTime(t time.Time) string { return t.In(m.opts.Zone).Format("15:04:05.000") }

// summaryLines tell all that matters of a flow on one screen.
func (m *Model) summaryLines(f *inspect.Flow, w int) []line {
	s := &sheet{w: w}
	state := stateSpan(&row{flow: f, state: f.State()}, true)
	outcome := line{state}
	a := f.Last()
	if a != nil {
		if r := a.Result; r != nil {
			outcome = append(outcome, span{plain, "  "}, statusSpan(r.Status), span{dim, " in " + took(a.Took) + ", by " + r.By.String()})
		}
		if a.Failure != nil {
			outcome = append(outcome, span{plain, "  "}, foreign(bad, a.Failure.Error()), span{dim, " after " + took(a.Took)})
		}
	}
	s.field("outcome", outcome...)
	d := &f.Delivery
	s.field("request", foreign(strong, d.Method), span{plain, " "}, foreign(plain, d.Target))
	if f.Provider != "" || f.Event != "" {
		s.field("from", foreign(plain, f.Provider), span{plain, "  "}, foreign(strong, f.Event))
	}
	s.field("provider id", foreign(plain, f.DeliveryID))
	s.field("id", foreign(plain, f.ID()))
	s.field("received", span{plain, f.At.In(m.opts.Zone).Format("2 Jan 2006 15:04:05.000")}, span{dim, "  from "}, foreign(dim, d.Remote))
	s.field("url", foreign(link, d.URL))
	if a != nil {
		s.field("target", foreign(plain, a.Target))
	}
	verdict := line{badge(f.Verdict.State), {plain, "  "}, foreign(plain, f.Verdict.State)}
	if f.Verdict.State == "" {
		verdict = line{{dim, "not checked"}}
	}
	if f.Verdict.KeyID != "" {
		verdict = append(verdict, span{dim, "  key "}, foreign(plain, f.Verdict.KeyID))
	}
	s.field("signature", verdict...)
	s.words("", bad, f.Verdict.Diagnosis)
	s.field("body", span{plain, bytesize(f.BodySize)}, span{dim, "  sha256 "}, foreign(dim, short(f.BodyHash, 16)))
	if a != nil && a.Result != nil {
		s.field("answer", span{plain, bytesize(a.Result.Size)}, span{plain, "  "}, foreign(dim, a.Result.Header.Get("Content-Type")))
		if a.Result.Omitted() {
			s.words("", warn, "the answer was over the limit: the sender got its status and no body")
		}
	}
	if a != nil && a.Settled != nil {
		s.field("at the relay", settledSpans(m, a.Settled)...)
	}
	if d.Seq > 0 {
		s.field("queue", span{plain, "number " + strconv.FormatUint(d.Seq, 10)})
	}
	if n := len(f.Attempts); n > 1 {
		s.field("attempts", span{plain, strconv.Itoa(n)})
	}
	if f.Replay > 0 {
		s.field("replay", span{note, "number " + strconv.Itoa(f.Replay) + " of this delivery"})
	}
	s.field("tags", foreign(note, strings.Join(f.Tags, " ")))
	s.words("deadline", warn, m.gaveUp(f))
	if f.Marked {
		s.field("marked", span{warn, "* yes"})
	}
	s.words("note", plain, f.Note)
	s.field("redacted", foreign(warn, strings.Join(f.Redacted, ", ")))
	return s.lines
}

func settledSpans(m *Model, x *inspect.Settled) line {
	l := line{foreign(plain, x.Fate)}
	if x.Status > 0 {
		l = append(l, span{dim, "  sender got "}, statusSpan(x.Status))
	}
	if x.Reason != "" {
		l = append(l, span{dim, "  "}, foreign(warn, x.Reason))
	}
	if !x.NextAt.IsZero() {
		l = append(l, span{dim, "  next " + m.clockTime(x.NextAt)})
	}
	return l
}

// headerLines are a message's header, in the order in which it came.
func headerLines(h tunnel.Header, w int) []line {
	var out []line
	for _, x := range h {
		l := line{foreign(name, x.Name), {punct, ": "}, foreign(plain, x.Value)}
		out = append(out, l.wrap(w, 4)...)
	}
	return out
}

func requestLines(f *inspect.Flow, w int) []line {
	d := &f.Delivery
	first := line{foreign(strong, d.Method), {plain, " "}, foreign(plain, d.Target)}
	out := first.wrap(w, 4)
	out = append(out, line{{name, "Host"}, {punct, ": "}, foreign(plain, d.Host)}.wrap(w, 4)...)
	return append(out, headerLines(d.Header, w)...)
}

func responseLines(f *inspect.Flow, w int) []line {
	a := f.Last()
	switch {
	case a == nil || a.Result == nil && a.Failure == nil:
		return []line{{{note, "… no answer yet"}}}
	case a.Failure != nil:
		out := line{{bad, "no answer: "}, foreign(bad, a.Failure.Error())}.wrap(w, 2)
		if a.Failure.Kind.Unreachable() {
			return append(out, sentence(dim, "Nothing was sent: the application cannot have acted.", w)...)
		}
		return append(out, sentence(dim, "The application may have acted before the link broke.", w)...)
	}
	r := a.Result
	first := line{statusSpan(r.Status), {dim, "  in " + took(a.Took) + ", by " + r.By.String()}}
	out := []line{first}
	if len(f.Attempts) > 1 {
		out[0] = append(out[0], span{dim, ", attempt " + strconv.Itoa(a.Number)})
	}
	out = append(out, headerLines(r.Header, w)...)
	if a.Settled != nil && len(a.Settled.Removed) > 0 {
		out = append(out, line{{warn, "kept from the sender by the relay: "}, foreign(warn, strings.Join(a.Settled.Removed, ", "))}.wrap(w, 2)...)
	}
	return out
}

// signatureLines tell what was checked, with what, and why it does not hold.
func (m *Model) signatureLines(f *inspect.Flow, w int) []line {
	s := &sheet{w: w}
	v := &f.Verdict
	if v.State == "" {
		s.lines = append(s.lines, line{{dim, "The signature was not checked."}})
		s.gap()
		s.lines = append(s.lines, sentence(plain, "Listen with --provider NAME and --secret REF, or press v to check it with a secret now.", w)...)
		return s.lines
	}
	s.field("verdict", badge(v.State), span{plain, "  "}, foreign(strong, v.State))
	s.field("provider", foreign(plain, f.Provider))
	s.field("scheme", foreign(plain, v.Scheme))
	s.field("key", foreign(plain, v.KeyID))
	s.field("reason", foreign(warn, v.Reason))
	s.words("", plain, v.Detail)
	if !v.SignedAt.IsZero() {
		when := line{{plain, v.SignedAt.In(m.opts.Zone).Format("2 Jan 2006 15:04:05")}}
		ref := f.Delivery.ReceivedAt
		if ref.IsZero() {
			ref = f.At
		}
		when = append(when, span{dim, "  " + took(ref.Sub(v.SignedAt)) + " before it was received"})
		s.field("signed at", when...)
	}
	if len(v.Covers) > 0 {
		s.field("covers", foreign(good, strings.Join(v.Covers, ", ")))
		var open []string
		for _, part := range []string{"body", "timestamp", "url", "method"} {
			if !slices.Contains(v.Covers, part) {
				open = append(open, part)
			}
		}
		s.field("not covered", foreign(dim, strings.Join(open, ", ")))
	}
	if v.Diagnosis != "" {
		s.gap()
		s.heading("Diagnosis")
		s.lines = append(s.lines, sentence(bad, v.Diagnosis, w)...)
		s.field("cause", foreign(plain, v.Cause))
	}
	if v.State != "valid" {
		s.gap()
		s.lines = append(s.lines, line{{key, m.keys.key("verify")}, {dim, " checks it again with another secret"}})
	}
	return s.lines
}

// attemptsLines is a block for each attempt.
func (m *Model) attemptsLines(f *inspect.Flow, w int) []line {
	s := &sheet{w: w}
	for i := range f.Attempts {
		a := &f.Attempts[i]
		if i > 0 {
			s.gap()
		}
		first := line{{title, "attempt " + strconv.Itoa(a.Number)}, {plain, "  "}}
		switch {
		case a.Result != nil:
			first = append(first, statusSpan(a.Result.Status), span{dim, " by " + a.Result.By.String()})
		case a.Failure != nil:
			first = append(first, foreign(bad, a.Failure.Kind.String()))
		default:
			first = append(first, span{note, "… under way"})
		}
		s.lines = append(s.lines, first.cut(w))
		s.field("began", span{plain, m.clockTime(a.StartedAt)})
		if a.Result != nil || a.Failure != nil {
			s.field("took", span{plain, took(a.Took)})
		}
		s.field("target", foreign(plain, a.Target))
		if a.Failure != nil {
			s.words("why", bad, a.Failure.Error())
		}
		if a.Settled != nil {
			s.field("at the relay", settledSpans(m, a.Settled)...)
			s.field("removed", foreign(warn, strings.Join(a.Settled.Removed, ", ")))
		}
	}
	return s.lines
}
