package inspect

import (
	"encoding/json"
	"strings"
)

// text hides secret JSON values and card numbers in b and leaves every other
// byte alone. It is no parser: in broken JSON it hides what it recognises.
func (c *cut) text(b []byte) []byte {
	i := 0
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	if i == len(b) || b[i] != '{' && b[i] != '[' {
		return c.cards(b)
	}
	out := make([]byte, 0, len(b))
	secret := "" // name of the value that comes
	for i = 0; i < len(b); {
		switch ch := b[i]; {
		case ch == '"':
			end := stringEnd(b, i)
			s := b[i:end]
			switch after := skipBlank(b, end); {
			case after < len(b) && b[after] == ':': // a name
				secret = ""
				if name := unquoted(s); hides(c.fields, name) {
					secret = name
				}
				out = append(append(out, s...), b[end:after+1]...)
				end = after + 1
			case secret != "" && len(s) > 2 && string(s) != `"`+Hidden+`"`:
				out = append(out, `"`+Hidden+`"`...)
				c.took("json " + secret)
				secret = ""
			default:
				out = append(out, c.cards(s)...)
				secret = ""
			}
			i = end
		case ch >= '0' && ch <= '9', ch == '-':
			end := i + 1
			for end < len(b) && strings.IndexByte("0123456789.eE+-", b[end]) >= 0 {
				end++
			}
			switch n := b[i:end]; {
			case secret != "":
				out = append(out, `"`+Hidden+`"`...)
				c.took("json " + secret)
			case len(c.cards(n)) != len(n):
				out = append(out, '0') // a number stays one
			default:
				out = append(out, n...)
			}
			secret = ""
			i = end
		default:
			if !isBlank(ch) {
				secret = ""
			}
			out = append(out, ch)
			i++
		}
	}
	return out
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func skipBlank(b []byte, i int) int {
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return i
}

// stringEnd is behind the string that begins at i.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func unquoted(s []byte) string {
	inner := strings.Trim(string(s), `"`)
	if !strings.Contains(inner, `\`) {
		return inner
	}
	var out string
	if json.Unmarshal(s, &out) != nil {
		return inner
	}
	return out
}

// cards hides what looks like the number of a payment card: 13 to 19 digits,
// in groups or not, that begin as one of the large issuers' do and pass Luhn's
// check.
func (c *cut) cards(b []byte) []byte {
	if !c.Cards {
		return b
	}
	var out []byte
	from := 0
	for i := 0; i < len(b); {
		if !isDigit(b[i]) {
			i++
			continue
		}
		end, digits := i, make([]byte, 0, 20)
		for j := i; j < len(b) && len(digits) < 20; j++ {
			if isDigit(b[j]) {
				digits = append(digits, b[j])
				end = j + 1
			} else if (b[j] != ' ' && b[j] != '-') || j+1 >= len(b) || !isDigit(b[j+1]) {
				break
			}
		}
		whole := (i == 0 || !isWord(b[i-1])) && (end == len(b) || !isWord(b[end]))
		if !whole || !isCard(string(digits)) {
			for i < len(b) && isDigit(b[i]) {
				i++
			}
			continue
		}
		out = append(append(out, b[from:i]...), Hidden...)
		c.took("card number")
		i, from = end, end
	}
	if from == 0 {
		return b
	}
	return append(out, b[from:]...)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord tells whether c beside a number makes it part of something else.
func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.'
}

// isCard knows Visa, Mastercard, American Express, Discover, JCB and Diners.
func isCard(s string) bool {
	n := len(s)
	if n < 13 || n > 19 {
		return false
	}
	four := s[:4]
	issuer := s[0] == '4' && (n == 13 || n == 16 || n == 19) ||
		n == 16 && (four >= "5100" && four <= "5599" || four >= "2221" && four <= "2720" || four >= "3528" && four <= "3589" || four == "6011" || s[:2] == "65" || four >= "6440" && four <= "6499") ||
		n == 15 && (s[:2] == "34" || s[:2] == "37") ||
		n == 14 && (s[:2] == "36" || s[:2] == "38" || s[:2] == "30")
	if !issuer {
		return false
	}
	sum := 0
	for i := range n {
		d := int(s[n-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
