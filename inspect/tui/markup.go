package tui

import (
	"bytes"
	"strings"
)

// prettyXML lays XML or HTML out, a tag a line, text of one line beside its
// tag. Nothing is resolved: entities and document types stand as they came.
func prettyXML(b []byte) []line {
	var out []line
	depth := 0
	lead := func(d int) line {
		d = min(max(d, 0)*indentStep, maxIndent)
		if d == 0 {
			return nil
		}
		return line{{plain, spaces(d)}}
	}
	joined := false // the last line is an opening tag, with or without its text
	for len(b) > 0 && len(out) < maxLines {
		i := bytes.IndexByte(b, '<')
		if i < 0 {
			i = len(b)
		}
		if chars := strings.TrimSpace(string(b[:i])); chars != "" {
			b = b[i:]
			if joined && !strings.Contains(chars, "\n") && bytes.HasPrefix(b, []byte("</")) {
				out[len(out)-1] = append(out[len(out)-1], foreign(plain, chars))
				continue
			}
			for part := range strings.SplitSeq(chars, "\n") {
				out = append(out, append(lead(depth), foreign(plain, strings.TrimSpace(part))))
			}
			joined = false
			continue
		}
		if b = b[i:]; len(b) == 0 {
			break
		}
		n := tagEnd(b)
		tag := string(b[:n])
		b = b[n:]
		switch {
		case strings.HasPrefix(tag, "<!") || strings.HasPrefix(tag, "<?"):
			for part := range strings.SplitSeq(tag, "\n") {
				out = append(out, append(lead(depth), foreign(dim, strings.TrimSpace(part))))
			}
			joined = false
		case strings.HasPrefix(tag, "</"):
			if depth > 0 {
				depth--
			}
			if joined {
				out[len(out)-1] = append(out[len(out)-1], tagSpans(tag)...)
			} else {
				out = append(out, append(lead(depth), tagSpans(tag)...))
			}
			joined = false
		default:
			out = append(out, append(lead(depth), tagSpans(tag)...))
			joined = !strings.HasSuffix(tag, "/>")
			if joined && depth < maxDepth {
				depth++
			}
		}
	}
	return out
}

// tagEnd is the length of the tag, comment or section that b begins with.
func tagEnd(b []byte) int {
	for _, section := range []struct{ from, to string }{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}} {
		if bytes.HasPrefix(b, []byte(section.from)) {
			if i := bytes.Index(b, []byte(section.to)); i >= 0 {
				return i + len(section.to)
			}
			return len(b)
		}
	}
	quote, square := byte(0), 0
	for i, c := range b {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			square++
		case c == ']':
			square--
		case c == '>' && square <= 0:
			return i + 1
		}
	}
	return len(b)
}

// tagSpans colours a tag: its name, its attributes, their values.
func tagSpans(tag string) line {
	start := strings.TrimLeft(tag, "</")
	open := tag[:len(tag)-len(start)]
	end := strings.TrimRight(start, "/>")
	shut := start[len(end):]
	label, rest := end, ""
	if i := strings.IndexAny(end, " \t\r\n"); i >= 0 {
		label, rest = end[:i], end[i:]
	}
	out := line{foreign(punct, open), foreign(name, label)}
	for rest != "" {
		i := strings.IndexAny(rest, `"'`)
		if i < 0 {
			out = append(out, foreign(word, strings.Join(strings.Fields(" "+rest), " ")))
			break
		}
		out = append(out, foreign(word, " "+strings.Join(strings.Fields(rest[:i]), " ")))
		n := strings.IndexByte(rest[i+1:], rest[i])
		if n < 0 {
			out = append(out, foreign(str, rest[i:]))
			break
		}
		out = append(out, foreign(str, rest[i:i+n+2]))
		rest = rest[i+n+2:]
	}
	return append(out, foreign(punct, shut))
}
