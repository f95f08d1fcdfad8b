package relay

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

const (
	maxForwardedHops  = 32      // entries that are looked at, from the right
	maxForwardedBytes = 4 << 10 // of the joined header; beyond it nothing is believed
	maxForwardedHost  = 255     // characters
)

// proxies are the networks whose word about the client is taken
// (--trusted-proxy). The zero value trusts nobody.
type proxies struct {
	trusted []netip.Prefix
}

// parseProxies reads networks ("10.0.0.0/8") and single addresses.
func parseProxies(list []string) (proxies, error) {
	var p proxies
	for _, s := range list {
		prefix, err := netip.ParsePrefix(s)
		if addr, addrErr := netip.ParseAddr(s); addrErr == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return proxies{}, fmt.Errorf("trusted proxy %q is not a network such as 10.0.0.0/8", s)
		}
		if a := prefix.Addr(); a.Is4In6() {
			if prefix.Bits() < 96 {
				return proxies{}, fmt.Errorf("trusted proxy %q: write it as an IPv4 network", s)
			}
			prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
		}
		p.trusted = append(p.trusted, prefix.Masked())
	}
	return p, nil
}

// Trusts tells whether addr is one of the proxies.
func (p proxies) Trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, t := range p.trusted {
		if t.Contains(addr) {
			return true
		}
	}
	return false
}

// client is who sent a request, as far as the relay can trust it.
type client struct {
	Addr   netip.Addr // unmapped, without zone; not valid where the peer has no IP address
	Port   uint16     // 0 behind a proxy that does not say
	Scheme string     // "http" or "https", as the client used it
	Host   string     // as the client used it: the Host header, or what a trusted proxy says
}

// Remote is the client as Delivery.Remote has it.
func (c client) Remote() string {
	switch {
	case !c.Addr.IsValid():
		return ""
	case c.Port == 0:
		return c.Addr.String()
	}
	return netip.AddrPortFrom(c.Addr, c.Port).String()
}

// Client finds out who sent r. Without a trusted proxy as the direct peer that
// is the peer. Behind one, X-Forwarded-For (all its lines joined) is walked from
// right to left to the first address that is no trusted proxy; what stands
// further left is the client's own invention. Something that is no address
// ends the walk at the proxy that reported it. Forwarded (RFC 7239) is read in
// the same way. Where both are there and name different clients, one of them
// came through from the outside, and neither is believed.
func (p proxies) Client(r *http.Request) client {
	c := client{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		c.Scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return c
	}
	c.Addr, c.Port = peer.Addr().Unmap().WithZone(""), peer.Port()
	if !p.Trusts(c.Addr) {
		return c
	}

	xff, forwarded := r.Header["X-Forwarded-For"], r.Header["Forwarded"]
	from := netip.AddrPortFrom(c.Addr, c.Port)
	byXFF, byForwarded := from, from
	var hop forwardedHop
	if len(xff) > 0 {
		byXFF = p.walk(from, xForwardedFor(xff))
	}
	if len(forwarded) > 0 {
		byForwarded, hop = p.walkForwarded(from, forwarded)
	}
	switch {
	case len(xff) == 0:
		from = byForwarded
	case len(forwarded) == 0, byXFF.Addr() == byForwarded.Addr():
		from = byXFF
	default:
		return c
	}
	c.Addr, c.Port = from.Addr(), from.Port()

	// The right-most value is the direct peer's own: lists of these two are
	// not in step with X-Forwarded-For, so that no other can be trusted.
	proto := last(r.Header["X-Forwarded-Proto"])
	host := last(r.Header["X-Forwarded-Host"])
	if len(forwarded) > 0 {
		if proto == "" {
			proto = hop.proto
		}
		if host == "" {
			host = hop.host
		}
	}
	if proto = strings.ToLower(proto); proto == "http" || proto == "https" {
		c.Scheme = proto
	}
	if plausibleHost(host) {
		c.Host = host
	}
	return c
}

// walk goes through hops, the nearest first, from the peer outwards and
// returns the first that is no trusted proxy.
func (p proxies) walk(from netip.AddrPort, hops []string) netip.AddrPort {
	for _, s := range hops {
		if !p.Trusts(from.Addr()) {
			break
		}
		next, ok := parseNode(s)
		if !ok {
			break
		}
		from = next
	}
	return from
}

// xForwardedFor are the entries of the header's lines, from right to left.
func xForwardedFor(lines []string) []string {
	all := strings.Join(lines, ",")
	if len(all) > maxForwardedBytes {
		return nil
	}
	var hops []string
	for all != "" && len(hops) < maxForwardedHops {
		i := strings.LastIndexByte(all, ',')
		hops = append(hops, trimOWS(all[i+1:]))
		all = all[:max(i, 0)]
	}
	return hops
}

// parseNode reads an address with or without port: 192.0.2.1,
// 192.0.2.1:4711, 2001:db8::1, [2001:db8::1], [2001:db8::1]:4711. Names,
// "unknown", zones and unspecified addresses are none.
func parseNode(s string) (netip.AddrPort, bool) {
	var ap netip.AddrPort
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		a, err := netip.ParseAddr(inner[:len(inner)-1])
		if err != nil || !a.Is6() {
			return ap, false
		}
		ap = netip.AddrPortFrom(a, 0)
	} else if a, err := netip.ParseAddr(s); err == nil {
		ap = netip.AddrPortFrom(a, 0)
	} else if ap, err = netip.ParseAddrPort(s); err != nil {
		return ap, false
	}
	a := ap.Addr()
	if a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), ap.Port()), true
}

// forwardedHop is an element of Forwarded.
type forwardedHop struct{ node, proto, host string }

// walkForwarded is walk for Forwarded; the hop is the one that named the
// client, so that its proto and host are those the client used.
func (p proxies) walkForwarded(from netip.AddrPort, lines []string) (netip.AddrPort, forwardedHop) {
	hops, ok := parseForwarded(strings.Join(lines, ","))
	if !ok {
		return from, forwardedHop{}
	}
	var named forwardedHop
	for i := len(hops) - 1; i >= max(0, len(hops)-maxForwardedHops) && p.Trusts(from.Addr()); i-- {
		named = hops[i]
		next, ok := parseNode(hops[i].node)
		if !ok {
			break
		}
		from = next
	}
	return from, named
}

// parseForwarded reads the elements of a Forwarded header (RFC 7239 §4), from
// left to right. One fault, and nothing of it counts: where the elements begin
// and end is not sure any more.
func parseForwarded(s string) (hops []forwardedHop, ok bool) {
	if len(s) > maxForwardedBytes {
		return nil, false
	}
	var hop forwardedHop
	for {
		s = strings.TrimLeft(s, " \t")
		if i := strings.IndexAny(s, "=,;"); i > 0 && s[i] == '=' {
			name := strings.ToLower(s[:i])
			var value string
			if value, s, ok = forwardedValue(s[i+1:]); !ok {
				return nil, false
			}
			switch name {
			case "for":
				hop.node = value
			case "proto":
				hop.proto = value
			case "host":
				hop.host = value
			}
			s = strings.TrimLeft(s, " \t")
		}
		switch {
		case s == "":
			return append(hops, hop), true
		case s[0] == ',':
			hops = append(hops, hop)
			hop = forwardedHop{}
		case s[0] != ';':
			return nil, false
		}
		s = s[1:]
	}
}

// forwardedValue cuts a token or a quoted string off s.
func forwardedValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, ",; \t")
		if i < 0 {
			i = len(s)
		}
		// Colons and brackets belong in quotes; some proxies leave those out.
		return s[:i], s[i:], i > 0 && !strings.ContainsAny(s[:i], `"=\`)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// last is the right-most entry of a header's lines.
func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	s := lines[len(lines)-1]
	return trimOWS(s[strings.LastIndexByte(s, ',')+1:])
}

// trimOWS removes the optional white space of RFC 9110 §5.6.3.
func trimOWS(s string) string { return strings.Trim(s, " \t") }

// plausibleHost tells whether s may stand as host and port in a URL.
func plausibleHost(s string) bool {
	if s == "" || len(s) > maxForwardedHost {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' {
			if strings.IndexByte("-._:[]", c) < 0 {
				return false
			}
		}
	}
	return s[0] != '-' && s[0] != ':'
}
