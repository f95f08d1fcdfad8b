package inspect

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hookrelay/hook/inspect/safetext"
)

// escapeHidden is JSON text in which what must not reach a screen as it is
// (C1 controls, text direction, what shows nothing) is escaped as \u0000. It
// means the same to every reader of JSON.
func escapeHidden(b []byte) []byte {
	first := firstHidden(b)
	if first < 0 {
		return b
	}
	out := append(make([]byte, 0, len(b)+64), b[:first]...)
	for i := first; i < len(b); {
		if b[i] < utf8.RuneSelf && b[i] != 0x7f {
			out = append(out, b[i])
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if !isHidden(r) {
			out = append(out, b[i:i+size]...)
		} else if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
			out = appendUnicode(appendUnicode(out, r1), r2)
		} else {
			out = appendUnicode(out, r)
		}
		i += size
	}
	return out
}

func firstHidden(b []byte) int {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf && b[i] != 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if isHidden(r) {
			return i
		}
		i += size
	}
	return -1
}

// isHidden asks the one that knows.
func isHidden(r rune) bool {
	s := string(r)
	return safetext.String("a"+s) != "a"+s
}

func appendUnicode(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
