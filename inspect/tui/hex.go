package tui

import "fmt"

// hexLines are bytes as a hex editor shows them: offset, 16 bytes, their
// printable ASCII.
func hexLines(b []byte) []line {
	out := make([]line, 0, min(len(b)/16+1, maxLines))
	for at := 0; at < len(b) && len(out) < maxLines; at += 16 {
		row := b[at:min(at+16, len(b))]
		digits := make([]byte, 0, 3*16+1)
		shown := make([]byte, 0, 16)
		for i := range 16 {
			if i == 8 {
				digits = append(digits, ' ')
			}
			if i >= len(row) {
				digits = append(digits, "   "...)
				continue
			}
			digits = fmt.Appendf(digits, "%02x ", row[i])
			c := row[i]
			if c < ' ' || c > '~' {
				c = '.'
			}
			shown = append(shown, c)
		}
		out = append(out, line{{dim, fmt.Sprintf("%08x  ", at)}, {plain, string(digits)}, {dim, " "}, {str, string(shown)}})
	}
	return out
}
