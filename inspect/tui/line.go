package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/hookrelay/hook/inspect/safetext"
)

// span is a piece of text that looks the same all along. Its text has no line
// breaks and no escapes: colour comes on when it is painted.
type span struct {
	role role
	text string
}

// line is one line of the screen, or one line of a body before it is wrapped.
type line []span

// text is a line of our own words or of foreign ones, in one role.
func text(r role, s string) line { return line{foreign(r, s)} }

// foreign is a span of text that others wrote.
func foreign(r role, s string) span { return span{r, safetext.String(s)} }

// glimpse is the beginning of a foreign text, for where there is one line of
// it: what a stranger makes long costs nothing.
func glimpse(r role, s string) span { return span{r, safetext.Limit(s, maxGlimpse)} }

// maxGlimpse is more characters than a screen is wide.
const maxGlimpse = 512

func (l line) width() int {
	n := 0
	for _, s := range l {
		n += columns(s.text)
	}
	return n
}

// String is the line without its roles.
func (l line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.text)
	}
	return b.String()
}

// columns is how wide s is on a terminal.
func columns(s string) int {
	if ascii(s) {
		return len(s)
	}
	return ansi.StringWidth(s)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// head splits s after at most w columns; a character is never split.
func head(s string, w int) (before, after string) {
	if w <= 0 {
		return "", s
	}
	n, used := 0, 0
	for n < len(s) {
		if s[n] < 0x80 && (n+1 == len(s) || s[n+1] < 0x80) {
			if used == w {
				break
			}
			n, used = n+1, used+1
			continue
		}
		cluster, cw := ansi.FirstGraphemeCluster(s[n:], ansi.GraphemeWidth)
		if used+cw > w || cluster == "" {
			break
		}
		n, used = n+len(cluster), used+cw
	}
	return s[:n], s[n:]
}

// cut is l in at most w columns, the last of them "…" where something was cut.
func (l line) cut(w int) line {
	room := w
	for i, s := range l {
		n := columns(s.text)
		if n <= room {
			room -= n
			continue
		}
		out := append(line{}, l[:i]...)
		if w <= 0 {
			return nil
		}
		if room == 0 { // the "…" takes the place of the last character
			last := len(out) - 1
			out[last].text, _ = head(out[last].text, columns(out[last].text)-1)
			return append(out, span{dim, "…"})
		}
		before, _ := head(s.text, room-1)
		return append(out, span{s.role, before}, span{dim, "…"})
	}
	return l
}

// short is s in at most w columns.
func short(s string, w int) string { return line{{plain, s}}.cut(w).String() }

// pad is s in exactly w columns, cut or filled up.
func pad(s string, w int) string {
	s = short(s, w)
	return s + spaces(w-columns(s))
}

// right is s in exactly w columns, filled up on the left.
func right(s string, w int) string {
	s = short(s, w)
	return spaces(w-columns(s)) + s
}

// filled is l in exactly w columns.
func (l line) filled(w int) line {
	l = l.cut(w)
	if n := w - l.width(); n > 0 {
		l = append(l[:len(l):len(l)], span{plain, spaces(n)})
	}
	return l
}

func spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }

// wrap is l in lines of at most w columns; those after the first begin with a
// hang of spaces.
func (l line) wrap(w, hang int) []line {
	if l.width() <= w {
		return []line{l}
	}
	hang = min(hang, w/2)
	var out []line
	var now line
	room := w
	for _, s := range l {
		rest := s.text
		for rest != "" {
			before, after := head(rest, room)
			if before == "" && room >= w-hang { // one character is wider than the screen
				cluster, _ := ansi.FirstGraphemeCluster(rest, ansi.GraphemeWidth)
				before, after = "?", rest[max(len(cluster), 1):]
			}
			if before != "" {
				now = append(now, span{s.role, before})
				room -= columns(before)
			}
			rest = after
			if rest != "" {
				out = append(out, now)
				now, room = nil, w-hang
				if hang > 0 {
					now = line{{plain, spaces(hang)}}
				}
			}
		}
	}
	return append(out, now)
}

// sentence wraps text at its words, in lines of at most w columns. (ansi.Wordwrap
// may part a letter from its marks.)
func sentence(r role, s string, w int) []line {
	w = max(w, 10)
	var out []line
	now, used := "", 0
	flush := func() {
		if now != "" {
			out = append(out, line{{r, now}}.wrap(w, 0)...)
		}
		now, used = "", 0
	}
	for word := range strings.SplitSeq(safetext.Line(s), " ") {
		word = safetext.String(word) // what stood on the space now stands on nothing
		n := columns(word)
		if used > 0 && used+1+n > w {
			flush()
		}
		if used > 0 {
			now, used = now+" ", used+1
		}
		now, used = now+word, used+n
	}
	flush()
	return out
}

// mark is l with every place where needle is found, whatever the case of its
// ASCII letters, in role r. The needle is in lower case.
func (l line) mark(needle string, r role) (line, int) {
	if needle == "" {
		return l, 0
	}
	found := 0
	var out line
	for _, s := range l {
		low := lower(s.text)
		at := 0
		for {
			i := strings.Index(low[at:], needle)
			if i < 0 {
				break
			}
			if end := at + i + len(needle); parted(s.text[end:]) {
				break
			}
			found++
			if i > 0 {
				out = append(out, span{s.role, s.text[at : at+i]})
			}
			out = append(out, span{r, s.text[at+i : at+i+len(needle)]})
			at += i + len(needle)
		}
		if at < len(s.text) {
			out = append(out, span{s.role, s.text[at:]})
		}
	}
	if found == 0 {
		return l, 0
	}
	return out, found
}

// parted tells whether rest begins with what belongs to the character before.
func parted(rest string) bool {
	if rest == "" || rest[0] < utf8.RuneSelf {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc, unicode.Variation_Selector)
}

// has tells whether needle, in lower case, is somewhere in l.
func (l line) has(needle string) bool { return strings.Contains(lower(l.String()), needle) }

// lower folds ASCII letters only, so that no byte moves.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if c := b[j]; c >= 'A' && c <= 'Z' {
					b[j] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
