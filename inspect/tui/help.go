package tui

import (
	"strings"

	"github.com/hookrelay/hook/inspect/safetext"
)

// helpLines is the key map as a page.
func (m *Model) helpLines(w int) []line {
	var out []line
	group := ""
	for _, a := range m.keys.actions {
		if a.group != group {
			if group = a.group; len(out) > 0 {
				out = append(out, nil)
			}
			out = append(out, line{{title, group}})
		}
		var keys []string
		for _, k := range a.keys {
			keys = append(keys, shownKey(k))
		}
		r := plain
		note := ""
		if a.can != nil {
			if why := a.can(m); why != "" {
				r, note = dim, "  ("+why+")"
			}
		}
		where := ""
		if a.in != inBoth {
			where = a.in.String()
		}
		l := line{{key, pad(strings.Join(keys, " "), 14)}, {r, " " + a.help}, {dim, note}}
		if w >= 76 {
			l = line{{key, pad(strings.Join(keys, " "), 16)}, {dim, pad(where, 7)}, {r, a.help}, {dim, note}}
		}
		out = append(out, l.cut(w))
	}
	out = append(out, nil, line{{title, "States"}})
	for _, s := range [][3]string{
		{"✓ ok", "", "answered below 400"}, {"✗ error", "", "answered with 400 or more"}, {"? no-answer", "lost", "timed out or broke off: the application may have acted"},
		{"○ unreachable", "down", "nothing was sent"}, {"- skipped", "skip", "the filter let it pass by"}, {"† dead", "", "a dead letter at the relay"},
		{"… pending", "wait", "under way"},
	} {
		short := ""
		if s[1] != "" {
			short = "(" + s[1] + ")"
		}
		out = append(out, line{{strong, pad(s[0], 14)}, {dim, pad(short, 7)}, {plain, s[2]}}.cut(w))
	}
	return append(out, nil, line{{title, "Mouse"}}, line{{plain, "a click selects a webhook or a tab, the wheel scrolls"}})
}

// logLines are the messages so far, the newest last.
func (m *Model) logLines(w int) []line {
	if len(m.log) == 0 {
		return []line{{{dim, "No messages yet."}}}
	}
	var out []line
	for _, x := range m.log {
		r := plain
		if x.Bad {
			r = bad
		}
		l := line{{dim, x.at.In(m.opts.Zone).Format("15:04:05") + " "}, {r, safetext.Line(x.Text)}}
		out = append(out, l.wrap(w, 9)...)
	}
	return out
}
