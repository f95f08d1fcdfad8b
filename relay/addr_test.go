package relay

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	trusted, err := parseProxies([]string{"10.0.0.0/8", "127.0.0.1", "2001:db8:ffff::/48"})
	if err != nil {
		t.Fatal(err)
	}
	const proxy = "10.0.0.1:5000"
	for _, c := range []struct {
		name, peer     string
		xff, forwarded []string
		want           string
	}{
		{"direct", "192.0.2.1:4711", nil, nil, "192.0.2.1:4711"},
		{"direct, mapped", "[::ffff:192.0.2.1]:4711", nil, nil, "192.0.2.1:4711"},
		{"direct, zone", "[fe80::1%eth0]:4711", nil, nil, "[fe80::1]:4711"},
		{"untrusted peer is not believed", "192.0.2.1:4711", []string{"203.0.113.9"}, []string{"for=203.0.113.9"}, "192.0.2.1:4711"},
		{"one hop", proxy, []string{"203.0.113.9"}, nil, "203.0.113.9"},
		{"the client's own list stays left", proxy, []string{"1.1.1.1, 203.0.113.9"}, nil, "203.0.113.9"},
		{"two lines are one list", proxy, []string{"1.1.1.1", "203.0.113.9"}, nil, "203.0.113.9"},
		{"two lines, trusted hop in the second", proxy, []string{"203.0.113.9", "10.0.0.2"}, nil, "203.0.113.9"},
		{"trusted hops are passed", proxy, []string{"1.1.1.1,203.0.113.9, 10.9.9.9,\t10.0.0.3"}, nil, "203.0.113.9"},
		{"all trusted: the furthest", proxy, []string{"10.0.0.4, 10.0.0.3"}, nil, "10.0.0.4"},
		{"garbage ends the walk", proxy, []string{"203.0.113.9, nonsense"}, nil, proxy},
		{"garbage behind a trusted hop", proxy, []string{"203.0.113.9, x, 10.0.0.2"}, nil, "10.0.0.2"},
		{"unknown", proxy, []string{"203.0.113.9, unknown"}, nil, proxy},
		{"empty entry", proxy, []string{"203.0.113.9,"}, nil, proxy},
		{"empty header", proxy, []string{""}, nil, proxy},
		{"port", proxy, []string{"203.0.113.9:80"}, nil, "203.0.113.9:80"},
		{"port that is none", proxy, []string{"203.0.113.9:99999"}, nil, proxy},
		{"ipv6", proxy, []string{"2001:db8::1"}, nil, "2001:db8::1"},
		{"ipv6 in brackets", proxy, []string{"[2001:db8::1]"}, nil, "2001:db8::1"},
		{"ipv6 with port", proxy, []string{"[2001:db8::1]:443"}, nil, "[2001:db8::1]:443"},
		{"ipv6 trusted hop", proxy, []string{"2001:db8::1, 2001:db8:ffff::7"}, nil, "2001:db8::1"},
		{"brackets around ipv4", proxy, []string{"[203.0.113.9]"}, nil, proxy},
		{"zone", proxy, []string{"fe80::1%eth0"}, nil, proxy},
		{"mapped", proxy, []string{"::ffff:203.0.113.9"}, nil, "203.0.113.9"},
		{"mapped trusted hop", proxy, []string{"203.0.113.9, ::ffff:10.0.0.2"}, nil, "203.0.113.9"},
		{"unspecified", proxy, []string{"0.0.0.0"}, nil, proxy},
		{"leading zeros", proxy, []string{"203.0.113.009"}, nil, proxy},
		{"host name", proxy, []string{"localhost"}, nil, proxy},
		{"too long", proxy, []string{strings.Repeat("10.0.0.2,", 1000)}, nil, proxy},

		{"forwarded", proxy, nil, []string{"for=203.0.113.9"}, "203.0.113.9"},
		{"forwarded, names in any case", proxy, nil, []string{`By=x;FOR="203.0.113.9:80";Proto=https`}, "203.0.113.9:80"},
		{"forwarded, ipv6", proxy, nil, []string{`for="[2001:db8::1]:443"`}, "[2001:db8::1]:443"},
		{"forwarded, two lines", proxy, nil, []string{"for=1.1.1.1", "for=203.0.113.9, for=10.0.0.2"}, "203.0.113.9"},
		{"forwarded, unknown", proxy, nil, []string{"for=203.0.113.9, for=unknown"}, proxy},
		{"forwarded, obfuscated", proxy, nil, []string{"for=203.0.113.9, for=_hidden"}, proxy},
		{"forwarded, comma in quotes", proxy, nil, []string{`for="1.1.1.1, for=2.2.2.2";host=a, for=203.0.113.9`}, "203.0.113.9"},
		{"forwarded, open quote", proxy, nil, []string{`for="203.0.113.9`}, proxy},
		{"forwarded, element without for", proxy, nil, []string{"for=203.0.113.9, proto=https"}, proxy},
		{"both agree", proxy, []string{"203.0.113.9"}, []string{"for=203.0.113.9"}, "203.0.113.9"},
		{"both differ: neither", proxy, []string{"203.0.113.9"}, []string{"for=1.1.1.1"}, proxy},
		{"no address at all", "@", []string{"203.0.113.9"}, nil, ""},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}, Host: "relay.test"}
		if c.xff != nil {
			r.Header["X-Forwarded-For"] = c.xff
		}
		if c.forwarded != nil {
			r.Header["Forwarded"] = c.forwarded
		}
		if got := trusted.Client(r).Remote(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestClientSchemeAndHost(t *testing.T) {
	trusted, err := parseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer   string
		tls          bool
		header       http.Header
		scheme, host string
	}{
		{"plain", "192.0.2.1:1", false, nil, "http", "relay.test"},
		{"tls", "192.0.2.1:1", true, nil, "https", "relay.test"},
		{"untrusted peer", "192.0.2.1:1", false, http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"evil.test"}}, "http", "relay.test"},
		{"proxy", "10.0.0.1:1", false, http.Header{"X-Forwarded-Proto": {"HTTPS"}, "X-Forwarded-Host": {"hooks.test:8443"}}, "https", "hooks.test:8443"},
		{"right-most", "10.0.0.1:1", false, http.Header{"X-Forwarded-Proto": {"https", "http, https"}, "X-Forwarded-Host": {"evil.test, hooks.test"}}, "https", "hooks.test"},
		{"garbage", "10.0.0.1:1", true, http.Header{"X-Forwarded-Proto": {"gopher"}, "X-Forwarded-Host": {"a/b@c"}}, "https", "relay.test"},
		{"forwarded", "10.0.0.1:1", false, http.Header{"Forwarded": {`for=1.2.3.4;proto=http;host=evil.test, for=203.0.113.9;proto=https;host="hooks.test:1", for=10.0.0.2;proto=http;host=inner`}}, "https", "hooks.test:1"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: c.header, Host: "relay.test"}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := trusted.Client(r); got.Scheme != c.scheme || got.Host != c.host {
			t.Errorf("%s: %s://%s", c.name, got.Scheme, got.Host)
		}
	}
}

func TestTrustedProxiesAreChecked(t *testing.T) {
	for _, s := range []string{"", "x", "10.0.0.0/33", "10.0.0.0/8 ", "::ffff:0:0/8", "localhost"} {
		if _, err := parseProxies([]string{s}); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
	p, err := parseProxies([]string{"::ffff:10.0.0.0/104", "fd00::/8"})
	if err != nil || p.trusted[0].String() != "10.0.0.0/8" {
		t.Errorf("%v, %v", p.trusted, err)
	}
}

// FuzzClient checks that no header of a client makes it look like someone who
// is not the one that the trusted proxy appended.
func FuzzClient(f *testing.F) {
	for _, s := range []string{"1.1.1.1", "unknown", `"[2001:db8::1]:1"`, `for="x`, ",,", `for=1.1.1.1;proto=https,`, "\x00"} {
		f.Add(s, s)
	}
	trusted, err := parseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, xff, forwarded string) {
		parseForwarded(forwarded)
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {xff, "203.0.113.9"}}}
		if len(xff) < maxForwardedBytes-100 {
			if got := trusted.Client(r).Remote(); got != "203.0.113.9" {
				t.Fatalf("%q: %q", xff, got)
			}
		}
		r.Header["Forwarded"] = []string{forwarded}
		if got := trusted.Client(r); got.Remote() != "203.0.113.9" && got.Remote() != "10.0.0.1:1" {
			t.Fatalf("%q, %q: %q", xff, forwarded, got.Remote())
		}
	})
}
