package tui

import (
	"fmt"
	"strings"

	"github.com/hookrelay/hook/inspect/safetext"
)

// role is what a span is for; the theme says how that looks.
type role byte

const (
	plain role = iota
	dim
	strong
	title // a heading, the name of a pane
	good
	warn
	bad
	note   // something to know, neither good nor bad
	key    // a key to press; the name of a field
	name   // a JSON key, a header's name, an XML tag
	str    // a string in a body
	number // a number in a body
	word   // true, false, null; an attribute
	punct  // brackets, commas
	link   // the endpoint's URL
	bar    // the lines above and below
	border
	chosen // the selected row
	hit    // what was searched for
	hitNow // … where the cursor is
	added
	removed
	roles // how many there are
)

// Theme is how the roles look: the parameters of an SGR sequence each.
type Theme struct {
	Name string
	sgr  [roles]string
}

// Themes are the themes that there are. "auto" is dark or light, as the
// terminal says, with 16 colours where it has no more.
func Themes() []string { return []string{"auto", "dark", "light", "16", "mono"} }

// NewTheme is a theme by its name; "auto" and "" are dark until the terminal
// says otherwise.
func NewTheme(called string) (Theme, error) {
	t := Theme{Name: called}
	switch called {
	case "dark", "auto", "":
		t.sgr = [roles]string{
			dim: "38;5;245", strong: "1", title: "1;38;5;117", good: "38;5;114", warn: "38;5;221", bad: "38;5;210", note: "38;5;111",
			key: "38;5;117", name: "38;5;110", str: "38;5;150", number: "38;5;216", word: "38;5;183", punct: "38;5;245", link: "4;38;5;117",
			bar: "38;5;252;48;5;237", border: "38;5;240", chosen: "1;38;5;231;48;5;24", hit: "38;5;16;48;5;221", hitNow: "1;38;5;16;48;5;214",
			added: "38;5;114", removed: "38;5;210",
		}
	case "light":
		t.sgr = [roles]string{
			dim: "38;5;242", strong: "1", title: "1;38;5;25", good: "38;5;28", warn: "38;5;130", bad: "38;5;124", note: "38;5;26",
			key: "38;5;25", name: "38;5;24", str: "38;5;22", number: "38;5;94", word: "38;5;90", punct: "38;5;242", link: "4;38;5;25",
			bar: "38;5;236;48;5;253", border: "38;5;248", chosen: "1;38;5;231;48;5;25", hit: "38;5;16;48;5;221", hitNow: "1;38;5;16;48;5;208",
			added: "38;5;28", removed: "38;5;124",
		}
	case "16":
		t.sgr = [roles]string{
			dim: "2", strong: "1", title: "1;36", good: "32", warn: "33", bad: "31", note: "34", key: "36", name: "36", str: "32", number: "33",
			word: "35", punct: "2", link: "4;36", bar: "7", border: "2", chosen: "1;7", hit: "30;43", hitNow: "1;30;43", added: "32", removed: "31",
		}
	case "mono":
		t.sgr = [roles]string{
			dim: "2", strong: "1", title: "1", warn: "1", bad: "1", key: "1", link: "4", bar: "7", border: "2", chosen: "7", hit: "4", hitNow: "1;4",
		}
	default:
		return t, fmt.Errorf("theme %q: there are %s", called, strings.Join(Themes(), ", "))
	}
	return t, nil
}

// paint writes l as the terminal wants it, in at most width columns. It is the
// one place where text meets escapes: whatever comes here, no control character
// leaves but those of the theme. A base other than plain covers all roles and
// fills the width.
func (t *Theme) paint(b *strings.Builder, l line, width int, base role) {
	l = l.cut(width)
	last := ""
	put := func(sgr, text string) {
		if sgr != last {
			if last != "" {
				b.WriteString("\x1b[m")
			}
			if sgr != "" {
				b.WriteString("\x1b[" + sgr + "m")
			}
			last = sgr
		}
		b.WriteString(text)
	}
	for _, s := range l {
		r := s.role
		if base != plain && r != hit && r != hitNow {
			r = base
		}
		put(t.sgr[r], safetext.String(s.text))
	}
	if n := width - l.width(); n > 0 && base != plain {
		put(t.sgr[base], spaces(n))
	}
	if last != "" {
		b.WriteString("\x1b[m")
	}
}
