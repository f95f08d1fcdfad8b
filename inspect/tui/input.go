package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect/safetext"
)

// maxInput bounds what can be typed or pasted into a line.
const maxInput = 4096

// input is a line that can be edited.
type input struct {
	text []rune
	at   int
}

func newInput(s string) input {
	in := input{}
	in.insert(s)
	return in
}

func (in *input) String() string { return string(in.text) }

// insert puts s, which may be pasted, where the cursor is. Control characters
// become spaces.
func (in *input) insert(s string) {
	list := []rune(strings.ToValidUTF8(s, "?"))
	for i, r := range list {
		if r < ' ' || r == 0x7f {
			list[i] = ' '
		}
	}
	list = list[:min(len(list), maxInput-len(in.text))]
	in.text = slices.Insert(in.text, in.at, list...)
	in.at += len(list)
}

// press takes a key; false if it is none for a line.
func (in *input) press(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "left", "ctrl+b":
		in.at = max(in.at-1, 0)
	case "right", "ctrl+f":
		in.at = min(in.at+1, len(in.text))
	case "home", "ctrl+a":
		in.at = 0
	case "end", "ctrl+e":
		in.at = len(in.text)
	case "backspace", "ctrl+h":
		in.remove(in.at-1, in.at)
	case "delete", "ctrl+d":
		in.remove(in.at, in.at+1)
	case "ctrl+u":
		in.remove(0, in.at)
	case "ctrl+k":
		in.remove(in.at, len(in.text))
	case "ctrl+w", "alt+backspace":
		from := in.at
		for from > 0 && in.text[from-1] == ' ' {
			from--
		}
		for from > 0 && in.text[from-1] != ' ' {
			from--
		}
		in.remove(from, in.at)
	default:
		if k.Key().Text == "" {
			return false
		}
		in.insert(k.Key().Text)
	}
	return true
}

func (in *input) remove(from, to int) {
	from, to = max(from, 0), min(to, len(in.text))
	if from < to {
		in.text = slices.Delete(in.text, from, to)
		in.at = from
	}
}

// line is the text with its cursor in at most w columns; what the cursor is
// far from is cut.
func (in *input) line(w int) line {
	before, under, after := string(in.text[:in.at]), " ", ""
	if in.at < len(in.text) {
		under, after = string(in.text[in.at]), string(in.text[in.at+1:])
	}
	before = safetext.String(before)
	for columns(before) > max(w-8, 1) {
		_, before = head(before, max(columns(before)/4, 1))
	}
	return line{{plain, before}, {chosen, safetext.String(under)}, foreign(plain, after)}.cut(w)
}
