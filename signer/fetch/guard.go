package fetch

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// refused are the address ranges that no key is ever fetched from: those of the IANA special-purpose registries that are not globally
// reachable, and those that carry an IPv4 address inside an IPv6 one.
// https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
func refused() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8",       // this network
		"10.0.0.0/8",      // private
		"100.64.0.0/10",   // carrier-grade NAT
		"127.0.0.0/8",     // loopback
		"169.254.0.0/16",  // link-local, cloud metadata
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"192.31.196.0/24", // AS112
		"192.52.193.0/24", // AMT
		"192.88.99.0/24",  // 6to4 relay
		"192.168.0.0/16",  // private
		"192.175.48.0/24", // AS112
		"198.18.0.0/15",   // benchmarking
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved, broadcast
		"::/96",           // unspecified, loopback, IPv4-compatible
		"::ffff:0:0/96",   // IPv4-mapped
		"::ffff:0:0:0/96", // IPv4-translated
		"64:ff9b::/96",    // NAT64
		"64:ff9b:1::/48",  // local NAT64
		"100::/64",        // discard
		"2001::/23",       // protocol assignments: Teredo, ORCHID, benchmarking
		"2001:db8::/32",   // documentation
		"2002::/16",       // 6to4
		"3fff::/20",       // documentation
		"5f00::/16",       // segment routing
		"fc00::/7",        // unique local
		"fe80::/10",       // link-local
		"fec0::/10",       // site-local
		"ff00::/8",        // multicast
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// guard judges one address at the moment of dialling.
type guard struct {
	refused []netip.Prefix
	private bool // addresses that are not public are allowed: a person typed this one
}

// RefusedError says that an address is not one to dial.
type RefusedError struct {
	Address string
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is not a public address", e.Address)
}

// control implements net.Dialer.Control: it sees the address after DNS, for every address that is tried.
func (g *guard) control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return &RefusedError{Address: network + " " + address}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return &RefusedError{Address: address}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return &RefusedError{Address: address}
	}
	if g.private {
		return nil
	}
	if port != "443" || !g.public(ip) {
		return &RefusedError{Address: address}
	}
	return nil
}

func (g *guard) public(ip netip.Addr) bool {
	if ip.Zone() != "" || !ip.IsValid() {
		return false
	}
	for _, p := range g.refused {
		// A mapped address is refused as such: no name that resolves to one is honest.
		if p.Contains(ip) || (ip.Is4In6() && p.Contains(ip.Unmap())) || ip.Is4In6() {
			return false
		}
	}
	return ip.IsGlobalUnicast()
}
