package stage

import (
	"errors"
	"fmt"
	"strings"
)

// splitRule cuts "QUERY=REST" at an "=" that is no part of the query: not in
// quotes, not in a regular expression, not in a comparison, and with a rest
// that fits. Where several do, the first counts, or the last.
func splitRule(s string, last bool, fits func(rest string) bool) (q, rest string, ok bool) {
	at := -1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			i = skipTo(s, i, '"')
		case c == '~' && i > 0 && s[i-1] == ':' && i+1 < len(s) && s[i+1] == '/':
			i = skipTo(s, i+1, '/')
		case c == '=' && (i == 0 || !strings.ContainsRune("<>", rune(s[i-1]))) && fits(s[i+1:]):
			if at < 0 || last {
				at = i
			}
		}
	}
	if at < 0 {
		return "", "", false
	}
	return s[:at], s[at+1:], true
}

// skipTo is the index of the closing delimiter of what begins at i; of the last
// byte if there is none.
func skipTo(s string, i int, end byte) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case end:
			return i
		}
	}
	return len(s) - 1
}

// splitCommand cuts a command line into words as a shell would: '…' is taken as
// it is, in "…" and outside \ protects the next character. Nothing else is done:
// no variables, no patterns, no pipes. What only a shell could do is an error.
func splitCommand(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case 0:
			return nil, errors.New("there is a NUL byte in it")
		case ' ', '\t', '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
			continue
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("a ' is not closed")
			}
			word.WriteString(s[i+1 : i+1+end])
			i += 1 + end
		case '"':
			end, text, ok := doubleQuoted(s, i)
			if !ok {
				return nil, errors.New("a \" is not closed")
			}
			word.WriteString(text)
			i = end
		case '\\':
			if i++; i == len(s) {
				return nil, errors.New("it ends with \\")
			}
			word.WriteByte(s[i])
		case '|', '&', ';', '<', '>', '`':
			return nil, fmt.Errorf("no shell runs it, so %q cannot work: quote it, or put the line in a script", c)
		default:
			word.WriteByte(c)
		}
		inWord = true
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("it names no command")
	}
	return words, nil
}

// doubleQuoted reads what stands in "…" from i; end is the closing quote.
func doubleQuoted(s string, i int) (end int, text string, ok bool) {
	var b strings.Builder
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i, b.String(), true
		case c == 0:
			return 0, "", false
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return 0, "", false
}
