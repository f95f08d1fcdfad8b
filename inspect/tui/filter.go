package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/query"
)

// filter picks what the list shows. Matching may read bodies from files: it
// runs in commands, whose outcome comes back as picked.
type filter struct {
	text    string // as typed; "" is no filter
	query   query.Query
	gen     int  // a picked of another filter is of no use
	running bool // the first match of all rows
}

// picked is the outcome of matching rows.
type picked struct {
	gen  int
	all  bool
	rows []*row
	hits []bool
}

// setFilter sets a filter that was parsed.
func (m *Model) setFilter(text string, q query.Query) tea.Cmd {
	f := &m.filter
	f.text, f.query = text, q
	f.gen++
	if m.picked = !q.Empty(); !m.picked {
		f.text, f.running = "", false
		for _, r := range m.rows {
			r.pick = true
		}
		m.rearrange()
		return nil
	}
	f.running = true
	return m.matchRows(m.rows, true)
}

// matchFilter matches rows that are new or changed.
func (m *Model) matchFilter(rows []*row) tea.Cmd {
	if !m.picked || len(rows) == 0 {
		return nil
	}
	return m.matchRows(rows, false)
}

func (m *Model) matchRows(rows []*row, all bool) tea.Cmd {
	p := picked{gen: m.filter.gen, all: all, rows: append([]*row(nil), rows...), hits: make([]bool, len(rows))}
	flows := make([]*inspect.Flow, len(rows))
	for i, r := range rows {
		flows[i] = r.flow
	}
	q, now := m.filter.query, m.now
	return func() tea.Msg {
		for i, f := range flows {
			p.hits[i] = q.MatchAt(f, now)
		}
		return p
	}
}

func (m *Model) pick(p picked) {
	if p.gen != m.filter.gen {
		return
	}
	for i, r := range p.rows {
		r.pick = p.hits[i]
	}
	if p.all {
		m.filter.running = false
	}
	m.rearrange()
}

// search looks for text in all of each flow, bodies too.
type search struct {
	needle string // in lower case; "" is none
	gen    int
	count  int // of the flows with it
}

// found is the outcome of a search.
type found struct {
	gen  int
	rows []*row
	hits []bool
	step int // where to go then: 1 or -1, from the selected row
}

// searchFlows looks for s in all rows.
func (m *Model) searchFlows(s string, step int) tea.Cmd {
	m.finding.gen++
	m.finding.needle, m.finding.count = lower(s), 0
	if s == "" {
		for _, r := range m.rows {
			r.found = false
		}
		return nil
	}
	q, err := query.Parse(quoteQuery(s))
	if err != nil {
		m.say(true, "search: %s", err)
		return nil
	}
	out := found{gen: m.finding.gen, rows: append([]*row(nil), m.rows...), hits: make([]bool, len(m.rows)), step: step}
	flows := make([]*inspect.Flow, len(m.rows))
	for i, r := range m.rows {
		flows[i] = r.flow
	}
	now := m.now
	return func() tea.Msg {
		for i, f := range flows {
			out.hits[i] = q.MatchAt(f, now)
		}
		return out
	}
}

// quoteQuery is a text as a quoted term of the query language.
func quoteQuery(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r == '"' || r == '\\' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}

func (m *Model) find(f found) tea.Cmd {
	if f.gen != m.finding.gen {
		return nil
	}
	m.finding.count = 0
	for i, r := range f.rows {
		if r.found = f.hits[i]; r.found {
			m.finding.count++
		}
	}
	if m.finding.count == 0 {
		m.say(false, "nothing has %q in it", m.finding.needle)
		return nil
	}
	if m.sel == nil || !m.sel.found {
		m.nextRow(f.step)
	}
	return nil
}

// nextRow selects the next row that the search found, around the end.
func (m *Model) nextRow(step int) {
	n := len(m.shown)
	for i := 1; i <= n; i++ {
		at := ((m.at+step*i)%n + n) % n
		if m.shown[at].found {
			m.follow = false
			m.choose(at)
			return
		}
	}
	m.say(false, "no shown webhook has %q in it", m.finding.needle)
}

// nextFind goes to the next or previous find of what has the keys.
func nextFind(step int) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		if m.opened && m.inside {
			m.nextLine(step)
			return nil
		}
		if m.finding.needle == "" {
			m.say(false, "nothing was searched for: %s does", m.keys.key("search"))
			return nil
		}
		m.nextRow(step)
		return nil
	}
}

// nextLine scrolls the detail to the next find.
func (m *Model) nextLine(step int) {
	d := &m.detail
	if d.find == "" {
		m.say(false, "nothing was searched for: %s does", m.keys.key("search"))
		return
	}
	f := m.frames()
	m.detailLines(f.detailWidth - 1)
	n := len(d.hits)
	if n == 0 {
		m.say(false, "%q is not on this page", d.find)
		return
	}
	d.hit = ((d.hit+step)%n + n) % n
	m.showLine(d.hits[d.hit])
	m.toast = Said{Text: strconv.Itoa(d.hit+1) + " of " + strconv.Itoa(n)}
	m.toastEnd = m.now.Add(toastFor)
}

// showLine scrolls the detail so that line i is on the screen.
func (m *Model) showLine(i int) {
	d, h := &m.detail, m.frames().detailHeight-1
	top := &d.top[d.tab]
	if i < *top || i >= *top+h {
		*top = max(i-h/3, 0)
	}
}
