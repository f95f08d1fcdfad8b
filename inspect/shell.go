package inspect

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoArgument says that a text cannot stand in a command line.
var ErrNoArgument = errors.New("cannot stand in a command line")

// shellWord is s as one word of a POSIX shell. Nothing in it but printable
// ASCII reaches the terminal: other bytes are made by printf.
func shellWord(s string) string {
	if isPlain(s) {
		return s
	}
	if isPrintable(s) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return `"$(printf '` + printfFormat([]byte(s)) + `')"`
}

// argument is shellWord for what must arrive whole: no shell passes on a NUL,
// and "$(…)" takes line feeds off the end.
func argument(what, s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 || strings.HasSuffix(s, "\n") {
		return "", fmt.Errorf("the %s %q %w", what, s[:min(len(s), 80)], ErrNoArgument)
	}
	return shellWord(s), nil
}

// isPlain tells whether s needs no quotes.
func isPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || strings.IndexByte("_-./:=,+@%", c) >= 0) {
			return false
		}
	}
	return s != "" && s[0] != '-' && s[0] != '='
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// printfFormat is b as the format of POSIX printf, to stand between single
// quotes. Octal escapes have three digits, so that a digit may follow.
func printfFormat(b []byte) string {
	out := make([]byte, 0, len(b)+len(b)/2)
	for i, c := range b {
		switch {
		case c == '%':
			out = append(out, "%%"...)
		case c == '\\':
			out = append(out, `\\`...)
		case c == '\n':
			out = append(out, `\n`...)
		case c < ' ' || c > '~' || c == '\'', c == '!', i == 0 && c == '-': // ! is history to an interactive shell, - an option
			out = append(out, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// feeder is a command that writes b, exactly, to its standard output. Bytes
// that are mostly text stay readable; others go as base64. printf is built
// into every shell, so that no limit for arguments applies.
func feeder(b []byte) string {
	odd := 0
	for _, c := range b {
		if c != '\n' && (c < ' ' || c > '~') {
			odd++
		}
	}
	if odd > len(b)/4 {
		return "printf %s '" + encode64(string(b)) + "' | base64 -d"
	}
	return "printf '" + printfFormat(b) + "'"
}
