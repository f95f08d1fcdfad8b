package tunnel

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Field is one header line.
type Field struct{ Name, Value string }

// Header is a list of header lines. Repeated names stay apart and in order.
type Header []Field

// FromHTTP copies h. net/http does not keep the order across names, so the
// copy is sorted by name; the order of the values of one name is kept.
func FromHTTP(h http.Header) Header {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	out := make(Header, 0, n)
	for name, values := range h {
		for _, v := range values {
			out = append(out, Field{name, v})
		}
	}
	slices.SortStableFunc(out, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// HTTP is h as net/http has it, under canonical names.
func (h Header) HTTP() http.Header {
	out := make(http.Header, len(h))
	for _, f := range h {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		out[name] = append(out[name], f.Value)
	}
	return out
}

// Get is the first value of name, or "". Case does not matter.
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Values are all values of name, in order.
func (h Header) Values(name string) []string {
	var out []string
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// Without is h less the lines of the given names, as a copy.
func (h Header) Without(names ...string) Header {
	return slices.DeleteFunc(slices.Clone(h), func(f Field) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, f.Name) })
	})
}

// Size is the bytes that h takes in an HTTP/1 message.
func (h Header) Size() int {
	n := 0
	for _, f := range h {
		n += len(f.Name) + len(f.Value) + 4
	}
	return n
}

// hopByHop tells the headers that speak of one connection and go no further
// (RFC 9110 §7.6.1, and the older ones that senders still use).
func hopByHop(name string) bool {
	switch len(name) { // few names have such a length: the others cost nothing
	case 2:
		return strings.EqualFold(name, "TE")
	case 7:
		return strings.EqualFold(name, "Trailer") || strings.EqualFold(name, "Upgrade")
	case 10:
		return strings.EqualFold(name, "Connection") || strings.EqualFold(name, "Keep-Alive")
	case 16:
		return strings.EqualFold(name, "Proxy-Connection")
	case 17:
		return strings.EqualFold(name, "Transfer-Encoding")
	case 18:
		return strings.EqualFold(name, "Proxy-Authenticate")
	case 19:
		return strings.EqualFold(name, "Proxy-Authorization")
	}
	return false
}

// EndToEnd splits h into the lines that travel on and the names that do not:
// the hop-by-hop headers and those that Connection names. Host and
// Content-Length are never named away by Connection.
func (h Header) EndToEnd() (keep Header, removed []string) {
	var named []string
	for _, f := range h {
		if !strings.EqualFold(f.Name, "Connection") {
			continue
		}
		for name := range strings.SplitSeq(f.Value, ",") {
			name = strings.TrimSpace(name)
			if name != "" && !strings.EqualFold(name, "Host") && !strings.EqualFold(name, "Content-Length") {
				named = append(named, name)
			}
		}
	}
	keep = make(Header, 0, len(h))
	for _, f := range h {
		if !hopByHop(f.Name) && !containsFold(named, f.Name) {
			keep = append(keep, f)
		} else if !slices.Contains(removed, f.Name) {
			removed = append(removed, f.Name)
		}
	}
	return keep, removed
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(t string) bool { return strings.EqualFold(s, t) })
}

// ValidFieldName tells whether s is a token (RFC 9110 §5.6.2).
func ValidFieldName(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 || c <= ' ' || c == 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return true
}

// ValidFieldValue tells whether s may stand in a header line: no control
// character but the tab (RFC 9110 §5.5).
func ValidFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
