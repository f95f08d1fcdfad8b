package tui

import (
	"slices"
	"strconv"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
)

// column is one of the list. Its text is cut to its width.
type column struct {
	title string
	width int // 0: what is left
	right bool
	cell  func(m *Model, r *row) span
}

// columnsFor is which columns fit, in their order; the widths are those of
// the widest list that still needs them so.
func columnsFor(w int) []column {
	wide := w >= 110
	stateWidth, fromWidth, moreWidth := 7, 13, 4
	switch {
	case wide:
		stateWidth, fromWidth, moreWidth = 13, 26, 10
	case w >= 90:
		fromWidth, moreWidth = 22, 8
	case w >= 72:
		fromWidth = 17
	}
	cols := []column{
		{title: "state", width: stateWidth, cell: func(_ *Model, r *row) span { return stateSpan(r, wide) }},
	}
	add := func(least int, c column) {
		if w >= least {
			cols = append(cols, c)
		}
	}
	add(56, column{title: "time", width: 8, cell: func(m *Model, r *row) span { return span{dim, r.flow.At.In(m.opts.Zone).Format("15:04:05")} }})
	add(130, column{title: "age", width: 4, right: true, cell: func(m *Model, r *row) span { return span{dim, age(m.now.Sub(r.flow.At))} }})
	add(38, column{title: "from", width: fromWidth, cell: func(_ *Model, r *row) span { return glimpse(plain, from(r.flow)) }})
	add(72, column{title: "method", width: 6, cell: func(_ *Model, r *row) span { return glimpse(dim, r.flow.Delivery.Method) }})
	cols = append(cols, column{title: "path", cell: func(_ *Model, r *row) span { return glimpse(plain, r.flow.Delivery.Target) }})
	add(90, column{title: "size", width: 7, right: true, cell: func(_ *Model, r *row) span { return span{dim, bytesize(r.flow.BodySize)} }})
	add(34, column{title: "code", width: 4, right: true, cell: func(_ *Model, r *row) span { return statusSpan(r.flow.Status()) }})
	add(48, column{title: "took", width: 5, right: true, cell: tookCell})
	add(60, column{title: "sig", width: 6, cell: func(_ *Model, r *row) span { return badge(r.flow.Verdict.State) }})
	add(78, column{title: "more", width: moreWidth, cell: func(_ *Model, r *row) span { return span{note, more(r.flow)} }})
	return cols
}

// stateSpan is a glyph and a word: colour is never all that tells. The short
// words are for narrow lists.
func stateSpan(r *row, wide bool) span {
	pick := func(role role, glyph, long, brief string) span {
		if wide {
			return span{role, glyph + " " + long}
		}
		return span{role, glyph + " " + brief}
	}
	switch r.state {
	case inspect.Answered:
		if r.flow.Status() < 400 {
			return pick(good, "✓", "ok", "ok")
		}
		return pick(bad, "✗", "error", "error")
	case inspect.NoAnswer:
		return pick(bad, "?", "no-answer", "lost")
	case inspect.Unreachable:
		return pick(warn, "○", "unreachable", "down")
	case inspect.Skipped:
		return pick(dim, "-", "skipped", "skip")
	case inspect.Dead:
		return pick(bad, "†", "dead", "dead")
	}
	return pick(note, "…", "pending", "wait")
}

func statusSpan(status int) span {
	r := good
	switch {
	case status == 0:
		return span{dim, "-"}
	case status >= 500:
		r = bad
	case status >= 400:
		r = warn
	case status >= 300:
		r = note
	}
	return span{r, strconv.Itoa(status)}
}

func tookCell(m *Model, r *row) span {
	a := r.flow.Last()
	if a == nil || a.Result == nil && a.Failure == nil {
		return span{dim, "-"}
	}
	if a.Took >= 5*1e9 {
		return span{warn, took(a.Took)}
	}
	return span{dim, took(a.Took)}
}

// badge is the outcome of the signature check in one short word.
func badge(state string) span {
	word := inspect.Badge(state)
	switch state {
	case "":
		return span{dim, "-"}
	case "valid":
		return span{good, word}
	case "invalid":
		return span{bad, word}
	case "unsigned", "no-key":
		return span{dim, word}
	}
	return foreign(warn, word)
}

// from is the provider and its name of the event.
func from(f *inspect.Flow) string {
	switch {
	case f.Provider == "" && f.Event == "":
		return "-"
	case f.Provider == "":
		return f.Event
	case f.Event == "":
		return f.Provider
	}
	return f.Provider + " " + f.Event
}

// more is what else there is to a flow: attempts, replays, duplicates.
func more(f *inspect.Flow) string {
	s := ""
	add := func(t string) {
		if s != "" {
			s += " "
		}
		s += t
	}
	if a := f.Last(); a != nil && a.Number > 1 {
		add("×" + strconv.Itoa(a.Number))
	}
	if f.Replay > 0 {
		add("R" + strconv.Itoa(f.Replay))
	}
	if slices.Contains(f.Tags, inspect.Duplicate) {
		add("dup")
	}
	for _, tag := range f.Tags {
		switch tag {
		case inspect.Duplicate:
		case "re-signed":
			add("+sig")
		case "edited":
			add("+edit")
		default:
			add(safetext.Limit(tag, 12))
		}
	}
	if f.Note != "" {
		add("note")
	}
	if len(f.Redacted) > 0 {
		add("redacted")
	}
	return s
}

// listParts is the list: its titles and the rows that are on the screen.
func (m *Model) listParts(f frames) []part {
	w := f.listWidth
	if len(m.rows) == 0 {
		return m.welcome(w, f.rows+1)
	}
	cols := columnsFor(w)
	flex := w - 2 - (len(cols) - 1)
	for _, c := range cols {
		flex -= c.width
	}
	for i := range cols {
		if cols[i].width == 0 {
			cols[i].width = max(flex, 4)
		}
	}
	titles := line{{dim, "  "}}
	for i, c := range cols {
		if i > 0 {
			titles = append(titles, span{dim, " "})
		}
		t := c.title
		if m.sort.title() == t {
			t += "↓"
		}
		if c.right {
			titles = append(titles, span{dim, right(t, c.width)})
		} else {
			titles = append(titles, span{dim, pad(t, c.width)})
		}
	}
	out := []part{{titles, w, plain}}
	if len(m.shown) == 0 {
		return append(out, part{}, part{line{{dim, "  nothing here: "}, {plain, m.whyEmpty()}}, w, plain})
	}
	for i := m.top; i < min(m.top+f.rows, len(m.shown)); i++ {
		r := m.shown[i]
		base := plain
		l := line{{strong, " "}}
		if i == m.at {
			l[0].text = "›"
			if base = chosen; m.opened && m.inside {
				base = bar
			}
		}
		if r.flow.Marked {
			l = append(l, span{warn, "*"})
		} else {
			l = append(l, span{plain, " "})
		}
		for n, c := range cols {
			if n > 0 {
				l = append(l, span{plain, " "})
			}
			s := c.cell(m, r)
			if c.right {
				s.text = right(s.text, c.width)
			} else {
				s.text = pad(s.text, c.width)
			}
			l = append(l, s)
		}
		if m.finding.needle != "" {
			l, _ = l.mark(m.finding.needle, hit)
		}
		out = append(out, part{l, w, base})
	}
	return out
}

func (m *Model) whyEmpty() string {
	if m.only {
		return "no webhook is marked; M shows all"
	}
	return "the filter matches none of " + count(len(m.rows), "webhook") + "; f changes it"
}

// title is the title of the column that the list is sorted by.
func (s sorting) title() string {
	return [...]string{"", "code", "took", "size"}[s]
}
