package tunnel

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// appendRequest appends the request line and header of d, with the empty line.
func (f *Forwarder) appendRequest(b []byte, d *Delivery) ([]byte, error) {
	if !ValidFieldName(d.Method) || d.Method == http.MethodConnect {
		return b, fmt.Errorf("the method %q cannot be sent", clip(d.Method))
	}
	host := f.host
	if host == "" {
		host = d.Host
	}
	if host == "" {
		host = f.ownHost
	}
	if !validHost(host) || d.Host != "" && !validHost(d.Host) {
		return b, fmt.Errorf("the host %q cannot be sent", clip(d.Host))
	}
	if !ValidFieldValue(d.Prefix) {
		return b, fmt.Errorf("the prefix %q cannot be sent", clip(d.Prefix))
	}
	b = append(append(b, d.Method...), ' ')
	b, err := f.base.appendTo(b, d.Target)
	if err != nil {
		return b, err
	}
	b = append(b, " HTTP/1.1\r\n"...)
	b = appendField(b, "Host", host)

	lines, _ := d.Header.EndToEnd()
	sized := false // the sender said how long the body is
	var forwardedFor, forwarded string
	for _, line := range lines {
		switch ownName(line.Name) {
		case nameContentLength:
			sized = true
			continue
		case nameForwardedFor:
			forwardedFor = joinList(forwardedFor, line.Value)
			continue
		case nameForwarded:
			forwarded = joinList(forwarded, line.Value)
			continue
		case nameOther:
		default:
			continue
		}
		if !ValidFieldName(line.Name) || !ValidFieldValue(line.Value) {
			return b, fmt.Errorf("the header line %q cannot be sent", clip(line.Name+": "+line.Value))
		}
		if !f.sets(line.Name) {
			b = appendField(b, line.Name, line.Value)
		}
	}
	if !ValidFieldValue(forwardedFor) || !ValidFieldValue(forwarded) {
		return b, fmt.Errorf("the header line %q cannot be sent", clip("Forwarded: "+forwarded+forwardedFor))
	}
	if len(d.Body) > 0 || sized || d.Method == http.MethodPost || d.Method == http.MethodPut || d.Method == http.MethodPatch {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(d.Body)), 10)
		b = append(b, "\r\n"...)
	}
	b = f.appendForwarded(b, d, forwardedFor, forwarded)
	if !f.sets("Hook-Delivery-Id") {
		b = appendField(b, "Hook-Delivery-Id", d.ID.String())
	}
	if !f.sets("Hook-Attempt") {
		b = appendField(b, "Hook-Attempt", strconv.Itoa(d.Attempt))
	}
	for _, line := range f.set {
		b = appendField(b, line.Name, line.Value)
	}
	return append(b, "\r\n"...), nil
}

// appendForwarded says who sent d, to where, and how: X-Forwarded-For goes
// behind the addresses that were there, Forwarded (RFC 7239) likewise, and the
// others replace what the sender claimed.
func (f *Forwarder) appendForwarded(b []byte, d *Delivery, earlierFor, earlier string) []byte {
	var proto string
	switch {
	case len(d.URL) > 8 && strings.EqualFold(d.URL[:8], "https://"):
		proto = "https"
	case len(d.URL) > 7 && strings.EqualFold(d.URL[:7], "http://"):
		proto = "http"
	}
	var sender, node string
	if addr, ok := remoteAddr(d.Remote); ok {
		sender = addr.String()
		if node = sender; addr.Is6() {
			node = `"[` + sender + `]"` // RFC 7239 §6.1
		}
	}
	var element string
	if node != "" {
		element = "for=" + node
	}
	if d.Host != "" {
		value := d.Host
		if !ValidFieldName(value) { // not a token: it has a port
			value = `"` + value + `"`
		}
		element = joinWith(element, ";", "host="+value)
	}
	if proto != "" {
		element = joinWith(element, ";", "proto="+proto)
	}
	for _, line := range [...]Field{
		{"X-Forwarded-For", joinList(earlierFor, sender)},
		{"X-Forwarded-Host", d.Host},
		{"X-Forwarded-Proto", proto},
		{"X-Forwarded-Prefix", d.Prefix},
		{"Forwarded", joinList(earlier, element)},
	} {
		if line.Value != "" && !f.sets(line.Name) {
			b = appendField(b, line.Name, line.Value)
		}
	}
	return b
}

// sets tells whether the options replace the lines of this name, or leave them
// out.
func (f *Forwarder) sets(name string) bool {
	for _, other := range f.without {
		if sameName(other, name) {
			return true
		}
	}
	for _, line := range f.set {
		if sameName(line.Name, name) {
			return true
		}
	}
	return false
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

func joinList(list, more string) string { return joinWith(list, ", ", more) }

func joinWith(a, separator, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + separator + b
}

// remoteAddr reads "192.0.2.1:4711", "[2001:db8::1]:4711" or the address alone.
func remoteAddr(s string) (netip.Addr, bool) {
	if both, err := netip.ParseAddrPort(s); err == nil {
		return both.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap().WithZone(""), err == nil
}

// validHost tells whether s may stand in a Host line, in a quoted string and in
// a list: what RFC 3986 §3.2.2 permits in a host and port, less commas.
func validHost(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte("-._~:[]%!$&'()*+;=", c) < 0 {
			return false
		}
	}
	return s != ""
}

// ownNames are the header names that the Forwarder decides about.
type ownNames byte

const (
	nameOther ownNames = iota
	nameDropped
	nameContentLength
	nameForwardedFor
	nameForwarded
)

// ownName sorts a sender's header name. Applications behind CGI-like interfaces
// take "_" and "-" for the same, so that Hook_Attempt would pass for
// Hook-Attempt: it is left out. Only lines under the true spelling are kept in
// part.
func ownName(name string) ownNames {
	own := nameOther
	switch {
	case len(name) >= 5 && sameName(name[:5], "Hook-"), sameName(name, "Host"), sameName(name, "Expect"),
		sameName(name, "X-Forwarded-Host"), sameName(name, "X-Forwarded-Proto"), sameName(name, "X-Forwarded-Prefix"):
		return nameDropped
	case sameName(name, "Content-Length"):
		own = nameContentLength
	case sameName(name, "X-Forwarded-For"):
		own = nameForwardedFor
	case sameName(name, "Forwarded"):
		own = nameForwarded
	}
	if own != nameOther && strings.IndexByte(name, '_') >= 0 {
		return nameDropped
	}
	return own
}

// sameName compares header names: case does not matter, nor "_" for "-".
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && fold(x) != fold(y) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case c == '_':
		return '-'
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	}
	return c
}

// framing tells the headers that say where a message ends or how the connection
// goes on.
func framing(name string) bool {
	_, removed := Header{{name, ""}}.EndToEnd()
	return len(removed) > 0 || sameName(name, "Content-Length") || sameName(name, "Expect")
}
