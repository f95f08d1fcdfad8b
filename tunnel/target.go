package tunnel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Target is the local URL that deliveries are replayed to, as a person named
// it: nothing that comes through the tunnel can change it. ParseTarget makes
// one; the zero Target is none.
type Target struct {
	scheme string // "http" or "https"
	host   string // a name in lower case, or an IP address without brackets
	port   uint16
	socket string // path of a Unix socket; host and port are then "localhost" and 80
	path   string // as typed: "", or begins with "/"
}

// ParseTarget reads a target as people type it:
//
//	3000  :3000  localhost:3000  localhost:3000/path  http://host/path
//	https://host:8443  [::1]:3000  unix:/run/app.sock
//
// Without a scheme it is http, without a host localhost, without a port that of
// the scheme. User names, queries, fragments and other schemes are refused.
// Errors name s and what to write instead.
func ParseTarget(s string) (Target, error) {
	s = strings.TrimSpace(s)
	if scheme, rest := splitScheme(s); !strings.HasPrefix(s, "unix:") {
		hostport, _, _ := strings.Cut(rest, "/")
		if i := strings.LastIndexByte(hostport, '@'); i >= 0 { // the password is not repeated
			return Target{}, fmt.Errorf("target %q: a user name cannot be part of it, send it as -H 'Authorization: Basic …'", scheme+rest[i+1:])
		}
	}
	t, err := parseTarget(s)
	if err != nil {
		return Target{}, fmt.Errorf("target %q: %w", s, err)
	}
	return t, nil
}

// splitScheme cuts "http://localhost" into "http://" and "localhost".
func splitScheme(s string) (scheme, rest string) {
	if i := strings.Index(s, "://"); i >= 0 {
		return s[:i+3], s[i+3:]
	}
	return "", s
}

func parseTarget(s string) (Target, error) {
	if s == "" {
		return Target{}, errors.New("it is empty, write a port (3000) or a URL (http://localhost:3000)")
	}
	if socket, ok := strings.CutPrefix(s, "unix:"); ok {
		if !strings.HasPrefix(socket, "/") || strings.HasPrefix(socket, "//") || strings.IndexByte(socket, 0) >= 0 {
			return Target{}, errors.New("a socket is named by its full path, write unix:/run/app.sock")
		}
		return Target{scheme: "http", host: "localhost", port: 80, socket: socket}, nil
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return Target{}, errors.New("it holds a byte that is not printable ASCII: write names in their xn-- form, paths with %XX")
		}
	}
	switch i := strings.IndexAny(s, `?#\`); {
	case i < 0:
	case s[i] == '\\':
		return Target{}, fmt.Errorf("write %s", strings.ReplaceAll(s, `\`, "/"))
	default:
		return Target{}, fmt.Errorf("every webhook brings its own query, write %s", s[:i])
	}

	scheme, rest := splitScheme(s)
	t := Target{scheme: strings.TrimSuffix(strings.ToLower(scheme), "://")}
	switch t.scheme {
	case "":
		t.scheme = "http"
	case "http", "https":
	case "ws", "wss":
		return Target{}, fmt.Errorf("webhooks are plain requests, write http%s://%s", t.scheme[2:], rest)
	default:
		return Target{}, fmt.Errorf("the scheme must be http or https, write http://%s", rest)
	}
	hostport := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		hostport, t.path = rest[:i], rest[i:]
	}
	if climbsOut(t.path) {
		return Target{}, errors.New("its path leads above itself, write it without \"..\"")
	}
	if hostport == "" {
		return Target{}, errors.New("it names no host and no port, write http://localhost:3000")
	}
	if scheme == "" && isDigits(hostport) {
		hostport = ":" + hostport
	}
	host, port, err := splitHostPort(hostport)
	if err != nil {
		return Target{}, err
	}
	switch {
	case !port.given && t.scheme == "https":
		port.number = 443
	case !port.given:
		port.number = 80
	}
	t.host, t.port = host, port.number
	return t, nil
}

type portNumber struct {
	number uint16
	given  bool
}

// splitHostPort reads "host", "host:port" and ":port".
func splitHostPort(s string) (host string, port portNumber, err error) {
	var digits string
	switch {
	case strings.HasPrefix(s, "["):
		inside, after, ok := strings.Cut(s[1:], "]")
		addr, err := netip.ParseAddr(strings.Replace(inside, "%25", "%", 1))
		if !ok || err != nil || !addr.Is6() || after != "" && after[0] != ':' {
			return "", port, errors.New("the brackets do not hold an IPv6 address, write [::1]:3000")
		}
		host, digits, port.given = addr.String(), strings.TrimPrefix(after, ":"), after != ""
	case strings.Count(s, ":") > 1:
		return "", port, errors.New("an IPv6 address stands in brackets, write [::1]:3000")
	default:
		host, digits, port.given = strings.Cut(s, ":")
		host = strings.TrimSuffix(strings.ToLower(host), ".")
		if host == "" {
			host = "localhost"
		}
		if err := checkHost(host); err != nil {
			return "", port, err
		}
	}
	if port.given {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 || !isDigits(digits) {
			return "", port, fmt.Errorf("%q is no port: ports are 1 to 65535", digits)
		}
		port.number = uint16(n)
	}
	return host, port, nil
}

func checkHost(host string) error {
	if host == "http" || host == "https" {
		return fmt.Errorf("write %s://localhost:3000", host)
	}
	if host[0] == '.' || host[0] == '-' || strings.Contains(host, "..") {
		return fmt.Errorf("%q is no host name", host)
	}
	for i := range len(host) {
		c := host[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return fmt.Errorf("%q is no host name", host)
		}
	}
	// Resolvers read 127.1, 0x7f000001 and 2130706433 as addresses, each in its own way.
	last := host[strings.LastIndexByte(host, '.')+1:]
	if addr, err := netip.ParseAddr(host); (err != nil || !addr.Is4()) && (isDigits(last) || strings.HasPrefix(last, "0x")) {
		return fmt.Errorf("%q is no IP address, write it in full: 127.0.0.1", host)
	}
	return nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// String is the target as a URL, "http://localhost:3000/path", or
// "unix:/run/app.sock". The port is left out where the scheme implies it.
func (t Target) String() string {
	switch {
	case t.scheme == "":
		return ""
	case t.socket != "":
		return "unix:" + t.socket
	}
	return t.scheme + "://" + t.hostHeader() + t.path
}

// hostHeader is the Host header that a browser would send to the target.
func (t Target) hostHeader() string {
	host, _, _ := strings.Cut(t.host, "%") // a zone means nothing to the application (RFC 6874 §4)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if t.port == 80 && t.scheme == "http" || t.port == 443 && t.scheme == "https" {
		return host
	}
	return host + ":" + strconv.Itoa(int(t.port))
}

// Port is what the target listens on, 0 for a Unix socket.
func (t Target) Port() int {
	if t.socket != "" {
		return 0
	}
	return int(t.port)
}

// Loopback tells whether the target is on this machine by its name: localhost,
// a loopback or unspecified address, a Unix socket.
func (t Target) Loopback() bool {
	if t.socket != "" || isLocalhost(t.host) {
		return true
	}
	addr, err := netip.ParseAddr(t.host)
	return err == nil && (addr.Unmap().IsLoopback() || addr.Unmap().IsUnspecified())
}

// isLocalhost tells names that mean loopback without asking anybody
// (RFC 6761 §6.3).
func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// offLimits tells addresses at which no application waits for webhooks but
// from which clouds hand out credentials: link-local ones (169.254.0.0/16,
// fe80::/10) and the metadata services elsewhere.
func offLimits(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if raw := addr.As16(); addr.Is6() && netip.PrefixFrom(addr, 96).Masked().Addr() == netip.AddrFrom16([16]byte{1: 0x64, 2: 0xff, 3: 0x9b}) {
		addr = netip.AddrFrom4([4]byte(raw[12:])) // 64:ff9b::/96, RFC 6052 §2.1
	}
	return addr.IsLinkLocalUnicast() || addr.IsMulticast() ||
		addr == netip.AddrFrom4([4]byte{100, 100, 100, 200}) || // Alibaba
		addr == netip.AddrFrom4([4]byte{192, 0, 0, 192}) || // Oracle
		addr == netip.AddrFrom16([16]byte{0: 0xfd, 2: 0x0e, 3: 0xc2, 14: 0x02, 15: 0x54}) // fd00:ec2::254
}

func joinPort(addr netip.Addr, port uint16) string {
	return net.JoinHostPort(addr.String(), strconv.Itoa(int(port)))
}
