// Package safetext makes foreign bytes fit for a screen or a log.
//
//	fmt.Fprintln(out, safetext.String(r.Path)) // "/\x1b]0;owned\x07" and not a new window title
//
// Whatever a sender, an application or a relay wrote (headers, paths, bodies,
// and error text that quotes them) passes through here before a person sees
// it. What could move the cursor, talk to the terminal, hide, or turn the
// direction of the text around is replaced by an escape that can be seen. All
// else stays as it is: Unicode text is not mangled, and clean text is returned
// unchanged, without a copy.
//
// The output is for eyes. It cannot be read back: a backslash stays a
// backslash, so that the text \n and a line feed look the same.
package safetext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks bounds the combining marks that may stand on one character. No
// living script stacks more than a handful; hundreds of them paint over the
// lines above and below.
const maxMarks = 6

// String is s on one line: line feeds and tabs are escaped like the other
// control characters.
func String(s string) string { return clean(s, escapeBreaks) }

// Text is s with its line feeds and tabs; a CR before a line feed is left out.
// For bodies, which people read as lines.
func Text(s string) string { return clean(s, keepBreaks) }

// Line is s on one line, each run of line breaks, tabs and spaces around them
// as one space. For sentences, such as error texts, that come in pieces.
func Line(s string) string { return clean(s, foldBreaks) }

// Error is the text of err by Line; "" for nil.
func Error(err error) string {
	if err == nil {
		return ""
	}
	return Line(err.Error())
}

// Limit is String(s) cut to at most n characters (code points, not columns),
// the last of them "…" where something was cut. An escape is never cut in two.
// It reads no more of s than it shows.
func Limit(s string, n int) string {
	if n <= 0 {
		return ""
	}
	w := writer{breaks: escapeBreaks}
	fits := 0 // bytes of w.out that leave room for the "…"
	count := 0
	for i := 0; i < len(s); {
		before := len(w.out)
		i += w.next(s[i:])
		count += utf8.RuneCount(w.out[before:])
		if count > n {
			return string(w.out[:fits]) + "…"
		}
		if count < n {
			fits = len(w.out)
		}
	}
	return string(w.out)
}

// breaks says what becomes of line feeds and tabs.
type breaks byte

const (
	escapeBreaks breaks = iota
	keepBreaks
	foldBreaks
)

func clean(s string, b breaks) string {
	n := cleanPrefix(s, b)
	if n == len(s) {
		return s
	}
	w := writer{out: make([]byte, 0, len(s)+len(s)/4+8), breaks: b}
	w.write(s)
	return string(w.out)
}

// cleanPrefix is len(s) if writing s would not change it, and less otherwise.
func cleanPrefix(s string, b breaks) int {
	marks := maxMarks // a mark at the start would stand on somebody else's character
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			switch {
			case c >= ' ' && c < 0x7f:
				marks = 0
			case b == keepBreaks && (c == '\n' || c == '\t'):
				marks = maxMarks
			default:
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || hidden(r) {
			return i
		}
		if marks = count(marks, r); marks > maxMarks {
			return i
		}
		i += size
	}
	return len(s)
}

// count is the number of marks stacked after r.
func count(marks int, r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return marks + 1
	}
	return 0
}

// writer holds what String and the others make piece by piece.
type writer struct {
	out    []byte
	breaks breaks
	marks  int  // stacked on the last character
	begun  bool // something was written
}

func (w *writer) write(s string) {
	for i := 0; i < len(s); {
		i += w.next(s[i:])
	}
}

// next writes the first character of s, which is not empty, and returns its
// length in bytes.
func (w *writer) next(s string) int {
	if !w.begun {
		w.begun, w.marks = true, maxMarks
	}
	r, size := utf8.DecodeRuneInString(s)
	if r == '\n' || r == '\t' || r == '\r' {
		if n := w.lineBreak(s); n > 0 {
			return n
		}
	}
	if r == utf8.RuneError && size == 1 {
		w.out = append(w.out, '\\', 'x', hex[s[0]>>4], hex[s[0]&15])
		w.marks = maxMarks
		return 1
	}
	marks := count(w.marks, r)
	if hidden(r) || marks > maxMarks {
		w.out = appendEscape(w.out, r)
		w.marks = maxMarks
		return size
	}
	w.marks = marks
	w.out = append(w.out, s[:size]...)
	return size
}

// lineBreak writes the break that s begins with and returns its length, or 0
// if it is to be escaped.
func (w *writer) lineBreak(s string) int {
	switch {
	case w.breaks == keepBreaks && s[0] != '\r':
		w.out = append(w.out, s[0])
		w.marks = maxMarks
		return 1
	case w.breaks == keepBreaks && strings.HasPrefix(s, "\r\n"):
		w.out = append(w.out, '\n')
		w.marks = maxMarks
		return 2
	case w.breaks == foldBreaks:
		rest := strings.TrimLeft(s, " \t\r\n")
		for len(w.out) > 0 && w.out[len(w.out)-1] == ' ' {
			w.out = w.out[:len(w.out)-1]
		}
		if rest != "" && len(w.out) > 0 {
			w.out = append(w.out, ' ')
		}
		w.marks = maxMarks
		return len(s) - len(rest)
	}
	return 0
}

const hex = "0123456789abcdef"

// appendEscape appends \n, \r or \t, else \x1b for a byte of ASCII, \u009b or
// \U000e0041.
func appendEscape(dst []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	digits := 8
	switch {
	case r < utf8.RuneSelf:
		dst, digits = append(dst, `\x`...), 2
	case r <= 0xffff:
		dst, digits = append(dst, `\u`...), 4
	default:
		dst = append(dst, `\U`...)
	}
	for digits > 0 {
		digits--
		dst = append(dst, hex[r>>(4*digits)&15])
	}
	return dst
}
