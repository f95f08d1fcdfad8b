package signer

import (
	"errors"
	"fmt"
	"strings"
)

var errFieldSyntax = errors.New("not a structured field dictionary (RFC 8941)")

// splitMembers cuts a structured dictionary into name and raw value, minding strings, byte sequences and inner lists.
func splitMembers(s string) ([]Field, error) {
	var out []Field
	for s = strings.TrimSpace(s); s != ""; {
		if len(out) > maxItems {
			return nil, errFieldSyntax
		}
		name, rest, ok := strings.Cut(s, "=")
		if !ok || !isKey(name) {
			return nil, errFieldSyntax
		}
		end, err := memberEnd(rest)
		if err != nil {
			return nil, err
		}
		out = append(out, Field{name, strings.TrimSpace(rest[:end])})
		s = rest[end:]
		if s != "" {
			s = strings.TrimSpace(s[1:])
			if s == "" {
				return nil, errFieldSyntax
			}
		}
	}
	return out, nil
}

// memberEnd is the index of the comma that ends a member, or the length of s.
func memberEnd(s string) (int, error) {
	quoted, depth := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			return i, nil
		}
	}
	if quoted || depth != 0 {
		return 0, errFieldSyntax
	}
	return len(s), nil
}

func isKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("_-.*", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// parseInput reads one inner list of component identifiers with its parameters.
func parseInput(s string) ([]component, map[string]string, error) {
	rest, ok := strings.CutPrefix(s, "(")
	if !ok {
		return nil, nil, errFieldSyntax
	}
	var out []component
	for {
		rest = strings.TrimLeft(rest, " ")
		if after, ok := strings.CutPrefix(rest, ")"); ok {
			rest = after
			break
		}
		name, after, err := readString(rest)
		if err != nil || len(out) >= maxComponents {
			return nil, nil, errFieldSyntax
		}
		c := component{name: name}
		if c.params, rest, err = readParams(after); err != nil {
			return nil, nil, err
		}
		if c.name == "@signature-params" || c.name != strings.ToLower(c.name) {
			return nil, nil, fmt.Errorf("component %.40q cannot be signed", c.name)
		}
		out = append(out, c)
	}
	params, rest, err := readParams(rest)
	if err != nil || rest != "" {
		return nil, nil, errFieldSyntax
	}
	m := map[string]string{}
	for _, p := range params {
		if _, twice := m[p.Name]; twice {
			return nil, nil, errFieldSyntax
		}
		m[p.Name] = p.Value
	}
	return out, m, nil
}

func readString(s string) (string, string, error) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", errFieldSyntax
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			i++
			if i >= len(s) || (s[i] != '"' && s[i] != '\\') {
				return "", "", errFieldSyntax
			}
			b.WriteByte(s[i])
		default:
			if c < 0x20 || c > 0x7e {
				return "", "", errFieldSyntax
			}
			b.WriteByte(c)
		}
	}
	return "", "", errFieldSyntax
}

func readParams(s string) ([]Field, string, error) {
	var out []Field
	for strings.HasPrefix(s, ";") {
		s = strings.TrimLeft(s[1:], " ")
		n := 0
		for n < len(s) && isKey(s[n:n+1]) {
			n++
		}
		if n == 0 || len(out) > 20 {
			return nil, "", errFieldSyntax
		}
		p := Field{Name: s[:n]}
		s = s[n:]
		if after, ok := strings.CutPrefix(s, "="); ok {
			if strings.HasPrefix(after, `"`) {
				var err error
				if p.Value, s, err = readString(after); err != nil {
					return nil, "", err
				}
			} else {
				end := strings.IndexAny(after, "; )")
				if end < 0 {
					end = len(after)
				}
				p.Value, s = after[:end], after[end:]
				if p.Value == "" {
					return nil, "", errFieldSyntax
				}
			}
		}
		out = append(out, p)
	}
	return out, s, nil
}
