package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect"
)

// tab is one of the pages of the detail.
type tab byte

const (
	summary tab = iota
	request
	response
	signature
	attempts
	timeline
	tabs
)

func (t tab) String() string {
	return [...]string{"Summary", "Request", "Response", "Signature", "Attempts", "Timeline"}[t]
}

// treeDepth is how many levels a tree shows at first.
const treeDepth = 3

// detail is the pane that shows one flow.
type detail struct {
	tab   tab
	top   [tabs]int // first line on the screen
	mode  bodyMode
	full  bool
	depth int
	hide  bool // what is secret

	key     bodyKey // of body
	body    rendered
	face    *inspect.Flow // the flow without its secrets, under hide
	loading bool

	find string // in lower case
	hits []int  // lines with it
	hit  int    // the one where the cursor is; -1: none yet

	lines []line
	made  linesKey
}

// linesKey is what the wrapped lines depend on.
type linesKey struct {
	flow  *inspect.Flow
	tab   tab
	width int
	body  bodyKey
	find  string
}

// reset is for another flow.
func (d *detail) reset() { d.top = [tabs]int{} }

// loaded is a body that was laid out.
type loaded struct {
	key  bodyKey
	body rendered
	face *inspect.Flow
}

func (d *detail) load(l loaded) {
	d.key, d.body, d.face, d.loading = l.key, l.body, l.face, false
}

// bodyKey is the body that the open tab shows; false if it shows none.
func (m *Model) bodyKey() (bodyKey, bool) {
	d, f := &m.detail, m.current()
	if !m.opened || f == nil {
		return bodyKey{}, false
	}
	k := bodyKey{flow: f, attempt: -1, mode: d.mode, full: d.full, depth: d.depth, hide: d.hide}
	if d.tab == response {
		k.attempt = len(f.Attempts) - 1
		if k.attempt < 0 {
			return k, false
		}
	}
	return k, d.tab == request || d.tab == response || d.hide
}

// wantBody is the command that lays out the body that is to be seen; nil if
// that is done or under way.
func (m *Model) wantBody() tea.Cmd {
	k, ok := m.bodyKey()
	d := &m.detail
	if !ok || d.loading || d.key == k {
		return nil
	}
	d.loading = true
	redact := m.opts.Actions.Redact
	return func() tea.Msg {
		shown := k
		face := k.flow
		if k.hide && redact != nil {
			face = redact(k.flow)
			shown.flow = face
		}
		return loaded{k, shown.render(), face}
	}
}

// detailLines are the lines of the open tab, wrapped.
func (m *Model) detailLines(w int) []line {
	d, f := &m.detail, m.current()
	if f == nil {
		return nil
	}
	want := linesKey{f, d.tab, w, d.key, d.find}
	if d.made == want {
		return d.lines
	}
	k, needs := m.bodyKey()
	ready := d.key == k
	face := f
	if d.hide {
		if face = d.face; !ready || face == nil {
			return []line{{{dim, "hiding what is secret …"}}}
		}
	}
	var lines []line
	switch d.tab {
	case summary:
		lines = m.summaryLines(face, w)
	case request:
		lines = requestLines(face, w)
	case response:
		lines = responseLines(face, w)
	case signature:
		lines = m.signatureLines(face, w)
	case attempts:
		lines = m.attemptsLines(face, w)
	case timeline:
		lines = m.timelineLines(face, w)
	}
	if needs && (d.tab == request || d.tab == response) {
		lines = append(lines, nil)
		if !ready {
			return append(lines, line{{dim, "…"}})
		}
		lines = append(lines, d.body.about.wrap(w, 2)...)
		for _, l := range d.body.lines {
			lines = append(lines, l.wrap(w, hang(l))...)
		}
	}
	d.hits = nil
	if d.find != "" {
		for i, l := range lines {
			if l.has(d.find) {
				d.hits = append(d.hits, i)
			}
		}
	}
	d.lines, d.made = lines, want
	return lines
}

// hang is how far the rest of a wrapped line is moved in: a little more than
// its beginning.
func hang(l line) int {
	if len(l) > 0 && l[0].role == plain && len(l) > 1 {
		n := 0
		for n < len(l[0].text) && l[0].text[n] == ' ' {
			n++
		}
		if n == len(l[0].text) {
			return n + 2
		}
	}
	return 2
}

// detailParts is the detail: its line of tabs and what is on the screen of
// the open one.
func (m *Model) detailParts(f frames) []part {
	d := &m.detail
	w := f.detailWidth
	lines := m.detailLines(w - 1)
	h := f.detailHeight - 1
	top := min(d.top[d.tab], max(len(lines)-h, 0))
	out := []part{{m.tabLine(w, len(lines), top, h), w, plain}}
	for i := top; i < min(top+h, len(lines)); i++ {
		l := lines[i]
		if d.find != "" {
			r := hit
			if d.hit >= 0 && len(d.hits) > 0 && d.hits[min(d.hit, len(d.hits)-1)] == i {
				r = hitNow
			}
			l, _ = l.mark(d.find, r)
		}
		out = append(out, part{append(line{{plain, " "}}, l...), w, plain})
	}
	return out
}

// tabLine names the tabs and tells where one is in the open one.
func (m *Model) tabLine(w, n, top, h int) line {
	d := &m.detail
	var l line
	numbered := w >= 66
	for t := range tabs {
		s := t.String()
		if numbered {
			s = strconv.Itoa(int(t)+1) + " " + s
		}
		r, left, right := dim, " ", " "
		if t == d.tab {
			if r = title; m.inside {
				r = chosen
			}
			left, right = "[", "]" // colour is never all that tells
		}
		l = append(l, span{r, left + s + right})
	}
	if n > h && h > 0 {
		where := strconv.Itoa(min(top+h, n)*100/n) + "%"
		if l.width()+len(where)+1 < w {
			return spread(l, line{{dim, where}}, w)
		}
	}
	return l.cut(w)
}
