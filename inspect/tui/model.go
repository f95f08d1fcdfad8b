package tui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/query"
)

const (
	toastFor = 5 * time.Second // a message stays in the last line
	maxLog   = 500             // messages that are kept
)

// Model is the inspector. It is the only tea.Model of the program; its parts
// are plain values that render themselves. Update does no I/O: what reads or
// sends runs in a command and comes back as a message.
type Model struct {
	opts  Options
	ctx   context.Context // of the actions: ends with Run
	keys  *keymap
	theme Theme
	dark  bool
	few   bool // the terminal has no more than 16 colours

	width, height int
	now           time.Time

	store
	at     int  // of the selected row in shown
	sel    *row // the selected row; nil when shown is empty
	top    int  // first row on the screen
	follow bool

	head    header
	detail  detail
	opened  bool // the detail is there
	inside  bool // … and has the keys
	layout  layout
	over    overlay // what lies above: a page, a menu, a prompt; nil: nothing
	filter  filter
	finding search

	toast    Said
	toastEnd time.Time
	log      []logged
	stopping bool
	hurried  bool
	busy     int // actions under way

	providers map[string]provider // by id; made when first asked for
}

// logged is a message with its time.
type logged struct {
	at time.Time
	Said
}

// New makes an inspector. The error is about the key map, the theme or the
// filter.
func New(o Options) (*Model, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Title == "" {
		o.Title = "hook"
	}
	keys, err := newKeymap(o.Keys)
	if err != nil {
		return nil, err
	}
	theme, err := NewTheme(o.Theme)
	if err != nil {
		return nil, err
	}
	m := &Model{opts: o, ctx: context.Background(), keys: keys, theme: theme, dark: true, follow: true, width: 80, height: 24, now: o.Now()}
	m.detail.depth = treeDepth
	for _, f := range o.Flows {
		m.put(f)
	}
	m.trim()
	if o.Filter != "" {
		q, err := query.Parse(o.Filter)
		if err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
		m.filter.text, m.filter.query = o.Filter, q
		m.picked = !q.Empty()
		for _, r := range m.rows {
			r.pick = q.MatchAt(r.flow, m.now)
		}
	}
	m.rearrange()
	return m, nil
}

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	cmds := []tea.Cmd{tick()}
	if m.theme.Name == "auto" || m.theme.Name == "" {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	return tea.Batch(cmds...)
}

// second is the message of the clock, for ages and the countdown.
type second struct{}

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return second{} })
}

// say shows a message in the last line and keeps it in the log.
func (m *Model) say(bad bool, format string, args ...any) {
	m.toast = Said{bad, fmt.Sprintf(format, args...)}
	m.toastEnd = m.now.Add(toastFor)
	m.log = append(m.log, logged{m.now, m.toast})
	if len(m.log) > maxLog {
		m.log = m.log[len(m.log)-maxLog:]
	}
}

// current is the selected flow; nil when there is none.
func (m *Model) current() *inspect.Flow {
	if m.sel == nil {
		return nil
	}
	return m.sel.flow
}

// rearrange makes the shown rows anew and keeps the selection where it was.
func (m *Model) rearrange() {
	m.arrange()
	n := len(m.shown)
	switch {
	case n == 0:
		m.at, m.sel, m.top = 0, nil, 0
		return
	case m.follow && m.sort == byTime && !(m.opened && m.inside):
		m.at = n - 1
	case m.sel != nil && m.at < n && m.shown[m.at] == m.sel:
	default:
		for i, r := range m.shown {
			if r == m.sel {
				m.at = i
				break
			}
		}
	}
	m.at = min(max(m.at, 0), n-1)
	m.sel = m.shown[m.at]
	m.reveal()
}

// reveal scrolls the list so that the selected row is on the screen.
func (m *Model) reveal() {
	h := max(m.frames().rows, 1)
	if m.at < m.top {
		m.top = m.at
	}
	if m.at >= m.top+h {
		m.top = m.at - h + 1
	}
	m.top = max(min(m.top, len(m.shown)-h), 0)
}

// choose selects the i-th row that is shown.
func (m *Model) choose(i int) {
	if len(m.shown) == 0 {
		return
	}
	i = min(max(i, 0), len(m.shown)-1)
	if i != m.at || m.sel != m.shown[i] {
		m.detail.reset()
	}
	m.at, m.sel = i, m.shown[i]
	m.reveal()
}
