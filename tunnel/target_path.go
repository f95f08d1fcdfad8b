package tunnel

import (
	"fmt"
	"strings"
)

// targetPath is what stands before a delivery's own path in the request line:
// the path of the target, then the path prefix. It is "" or begins with "/".
type targetPath string

// appendTo appends the request target (RFC 9112 §3.2.1) for raw, the path and
// query of a delivery. The bytes of raw stay as they are: "//x", "/@evil",
// "/a%2Fb", "/.." and "%00" are a path like any other and go to the
// application.
//
// One slash at the end of p and the one that raw begins with count as one. A
// raw path of "/" alone is the endpoint itself and means p as it was typed: a
// target of …/webhook receives "/webhook", not "/webhook/".
//
// It is an error if raw does not begin with "/", if it holds a byte that would
// end the request line early (a space or a control byte), or if p is set and
// raw would lead out of it by "..", however it is encoded.
func (p targetPath) appendTo(dst []byte, raw string) ([]byte, error) {
	if raw == "" || raw[0] != '/' {
		return dst, fmt.Errorf("the request target %q does not begin with /", clip(raw))
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c == 0x7f {
			return dst, fmt.Errorf("the request target %q holds a space or a control byte", clip(raw))
		}
	}
	if p == "" || p == "/" {
		return append(dst, raw...), nil
	}
	path, _, _ := strings.Cut(raw, "?")
	if path == "/" {
		dst = append(dst, p...)
		return append(dst, raw[1:]...), nil
	}
	if climbsOut(path) {
		return dst, fmt.Errorf("the request target %q leads out of the path %s", clip(raw), p)
	}
	dst = append(dst, strings.TrimSuffix(string(p), "/")...)
	return append(dst, raw...), nil
}

// pathPrefix reads a path prefix as people type it: "hooks", "/hooks", "/hooks/".
func pathPrefix(s string) (targetPath, error) {
	if s == "" {
		return "", nil
	}
	path, ok := undoGitBash(s)
	if !ok {
		return "", fmt.Errorf("path %q: the shell made a file name of it, write it without the first / or set MSYS_NO_PATHCONV=1", s)
	}
	if path[0] != '/' {
		path = "/" + path
	}
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f || c == '?' || c == '#' || c == '\\' {
			return "", fmt.Errorf("path %q: it holds %q, write it as %%%02X", s, c, c)
		}
	}
	if climbsOut(path) {
		return "", fmt.Errorf("path %q: it leads above itself, write it without \"..\"", s)
	}
	return targetPath(path), nil
}

// undoGitBash turns C:/Program Files/Git/path back into /path: the shells of
// MSYS rewrite arguments that look like absolute paths. It is false for a
// Windows path that it cannot undo.
func undoGitBash(s string) (string, bool) {
	if len(s) < 3 || s[1] != ':' || s[2] != '/' && s[2] != '\\' || (s[0]|0x20) < 'a' || (s[0]|0x20) > 'z' {
		return s, true
	}
	lower := strings.ToLower(s)
	for _, root := range []string{"/git/current/", "/git/", "/msys64/", "/msys32/", "/cygwin64/"} {
		if i := strings.Index(lower, root); i >= 0 {
			return s[i+len(root)-1:], true
		}
	}
	return "", false
}

// join is p with more behind it.
func (p targetPath) join(more targetPath) targetPath {
	if more == "" {
		return p
	}
	return targetPath(strings.TrimSuffix(string(p), "/")) + more
}

// maxDecodings is how often path is decoded in search of dot segments: once as
// it should be, and again for servers behind servers (%252e%252e).
const maxDecodings = 3

// climbsOut tells whether path, below some prefix, may lead out of it. It
// looks at path as servers may read it: percent-decoded, with %2F and "\" as
// slashes, with empty segments merged and parameters (..;x) left out. What it
// suspects too much costs nobody anything.
func climbsOut(path string) bool {
	for range maxDecodings {
		if climbs(path) {
			return true
		}
		decoded := decodePercent(path)
		if decoded == path {
			return false
		}
		path = decoded
	}
	return climbs(path)
}

func climbs(path string) bool {
	if !strings.Contains(path, "..") {
		return false
	}
	depth := 0
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		switch segment, _, _ = strings.Cut(segment, ";"); segment {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// decodePercent decodes what is validly encoded and leaves the rest.
func decodePercent(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// clip is enough of s for an error text.
func clip(s string) string {
	const enough = 120
	if len(s) > enough {
		return s[:enough] + "…"
	}
	return s
}
