package tunnel

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	cases := []struct {
		in, want, host string
		port           int
		loopback       bool
	}{
		{"3000", "http://localhost:3000", "localhost:3000", 3000, true},
		{" :3000 ", "http://localhost:3000", "localhost:3000", 3000, true},
		{"3000/hooks", "http://localhost:3000/hooks", "localhost:3000", 3000, true},
		{":3000/", "http://localhost:3000/", "localhost:3000", 3000, true},
		{"localhost:3000", "http://localhost:3000", "localhost:3000", 3000, true},
		{"localhost:3000/path", "http://localhost:3000/path", "localhost:3000", 3000, true},
		{"LocalHost.:3000", "http://localhost:3000", "localhost:3000", 3000, true},
		{"http://localhost", "http://localhost", "localhost", 80, true},
		{"HTTPS://app.localhost:8443/a%2Fb/", "https://app.localhost:8443/a%2Fb/", "app.localhost:8443", 8443, true},
		{"https://myapp.test", "https://myapp.test", "myapp.test", 443, false},
		{"https://myapp.test:443/x", "https://myapp.test/x", "myapp.test", 443, false},
		{"http://myapp.test:443", "http://myapp.test:443", "myapp.test:443", 443, false},
		{"http://:3000", "http://localhost:3000", "localhost:3000", 3000, true},
		{"my_app:80", "http://my_app", "my_app", 80, false},
		{"127.0.0.1:3000", "http://127.0.0.1:3000", "127.0.0.1:3000", 3000, true},
		{"0.0.0.0:3000", "http://0.0.0.0:3000", "0.0.0.0:3000", 3000, true},
		{"192.168.1.5:3000", "http://192.168.1.5:3000", "192.168.1.5:3000", 3000, false},
		{"[::1]:3000", "http://[::1]:3000", "[::1]:3000", 3000, true},
		{"https://[::1]", "https://[::1]", "[::1]", 443, true},
		{"[fe80::1%25eth0]:3000", "http://[fe80::1]:3000", "[fe80::1]:3000", 3000, false},
		{"localhost:3000/@me:1/a@b", "http://localhost:3000/@me:1/a@b", "localhost:3000", 3000, true},
		{"unix:/run/app.sock", "unix:/run/app.sock", "localhost", 0, true},
	}
	for _, c := range cases {
		got, err := ParseTarget(c.in)
		if err != nil {
			t.Error(err)
			continue
		}
		if got.String() != c.want || got.hostHeader() != c.host || got.Port() != c.port || got.Loopback() != c.loopback {
			t.Errorf("%q is %s, host %s, port %d, loopback %t; want %+v", c.in, got, got.hostHeader(), got.Port(), got.Loopback(), c)
		}
		if again, err := ParseTarget(got.String()); !strings.Contains(c.in, "%25") && (err != nil || again != got) {
			t.Errorf("%q read again is %+v, %v; was %+v", got, again, err, got)
		}
	}
	if got := (Target{}).String(); got != "" {
		t.Errorf("the zero Target is %q", got)
	}
}

func TestParseTargetSaysWhatToWrite(t *testing.T) {
	for in, part := range map[string]string{
		"":                          "write a port (3000)",
		"ws://localhost:3000":       "write http://localhost:3000",
		"wss://localhost:3000":      "write https://localhost:3000",
		"ftp://localhost":           "write http://localhost",
		"http://a:secret@b:3000":    "-H 'Authorization",
		"user@localhost:3000":       `"localhost:3000"`,
		"localhost:3000?x=1":        "write localhost:3000",
		"localhost:3000/p#frag":     "write localhost:3000/p",
		`localhost:3000\p`:          "write localhost:3000/p",
		"::1":                       "write [::1]:3000",
		"::1:3000":                  "write [::1]:3000",
		"[::1:3000":                 "write [::1]:3000",
		"[::1]3000":                 "write [::1]:3000",
		"[127.0.0.1]:3000":          "write [::1]:3000",
		"localhost:":                "ports are 1 to 65535",
		"localhost:0":               "ports are 1 to 65535",
		"localhost:65536":           "ports are 1 to 65535",
		"99999":                     "ports are 1 to 65535",
		"localhost:+80":             "ports are 1 to 65535",
		"http:3000":                 "write http://localhost:3000",
		"http:/localhost":           "write http://localhost:3000",
		"https":                     "write https://localhost:3000",
		"//localhost:3000":          "write http://localhost:3000",
		"/hooks":                    "write http://localhost:3000",
		"http://":                   "write http://localhost:3000",
		"http://3000":               "write it in full",
		"127.1:3000":                "write it in full",
		"0x7f000001:3000":           "write it in full",
		"127.0.0.01:3000":           "write it in full",
		"256.1.1.1":                 "write it in full",
		"a b":                       "printable ASCII",
		"localhost:3000/\x1b":       "printable ASCII",
		"münchen.test":              "xn--",
		"loc!alhost":                "no host name",
		"-x":                        "no host name",
		".test":                     "no host name",
		"a..b":                      "no host name",
		"localhost:3000/a/../../b":  "without \"..\"",
		"localhost:3000/%2e%2e/b":   "without \"..\"",
		"unix:app.sock":             "full path",
		"unix://run/app.sock":       "full path",
		"C:/Program Files/Git/hook": "printable ASCII",
	} {
		got, err := ParseTarget(in)
		if err == nil {
			t.Errorf("%q is accepted as %+v", in, got)
			continue
		}
		if !strings.Contains(err.Error(), part) || !strings.HasPrefix(err.Error(), `target "`) {
			t.Errorf("%q: error %q does not say %q", in, err, part)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q repeats the password", err)
		}
	}
}

func TestMetadataAddressesAreOffLimits(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.169.254": true, "169.254.0.1": true, "::ffff:169.254.169.254": true, "64:ff9b::a9fe:a9fe": true,
		"fe80::1": true, "fe80::1%eth0": true, "febf::1": true, "fd00:ec2::254": true, "100.100.100.200": true,
		"192.0.0.192": true, "224.0.0.1": true, "ff02::1": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "192.168.1.1": false, "fd00:ec2::253": false,
		"8.8.8.8": false, "2001:db8::1": false, "0.0.0.0": false, "64:ff9b::808:808": false,
	} {
		if got := offLimits(netip.MustParseAddr(address)); got != want {
			t.Errorf("offLimits(%s) = %t", address, got)
		}
	}
	for _, in := range []string{"169.254.169.254", "[fe80::1%25lo]:80", "http://[fd00:ec2::254]/latest", "[::ffff:169.254.169.254]:80"} {
		target, err := ParseTarget(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewForwarder(ForwardOptions{Target: target}); err == nil || !strings.Contains(err.Error(), "--allow-target") {
			t.Errorf("%s: %v", in, err)
		}
		if _, err := NewForwarder(ForwardOptions{Target: target, AllowTarget: true}); err != nil {
			t.Errorf("%s with AllowTarget: %v", in, err)
		}
	}
}

func TestPathPrefix(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"hooks":                          "/hooks",
		"/hooks/":                        "/hooks/",
		"/a%20b/c":                       "/a%20b/c",
		"C:/Program Files/Git/hooks/a":   "/hooks/a",
		`D:/msys64/hooks`:                "/hooks",
		"c:/scoop/apps/git/current/hook": "/hook",
	} {
		if got, err := pathPrefix(in); err != nil || string(got) != want {
			t.Errorf("pathPrefix(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"a b", "/a?b", "/a#b", "/..", "/a/%2e%2e/%2E./b", "C:/Users/me/hooks", `\a`, "/\x00", "/ü"} {
		if got, err := pathPrefix(in); err == nil {
			t.Errorf("pathPrefix(%q) = %q, want an error", in, got)
		}
	}
}

func TestTargetPathKeepsTheSendersBytes(t *testing.T) {
	for _, c := range []struct{ base, raw, want string }{
		{"", "/", "/"},
		{"", "//evil.test/x", "//evil.test/x"},
		{"", "/../..", "/../.."},
		{"/", "/x", "/x"},
		{"/hook", "/", "/hook"},
		{"/hook", "/?a=/../..", "/hook?a=/../.."},
		{"/hook/", "/", "/hook/"},
		{"/hook/", "/x", "/hook/x"},
		{"/hook", "/x/", "/hook/x/"},
		{"/hook", "//x", "/hook//x"},
		{"/hook", "/@evil", "/hook/@evil"},
		{"/hook", "/a/../b", "/hook/a/../b"},
		{"/hook", "/a/..", "/hook/a/.."},
		{"/hook", "/...", "/hook/..."},
		{"/hook", "/a..b/..c", "/hook/a..b/..c"},
		{"/hook", "/%00%zz%", "/hook/%00%zz%"},
		{"/hook", "/x?y=/../../..", "/hook/x?y=/../../.."},
	} {
		got, err := targetPath(c.base).appendTo(nil, c.raw)
		if err != nil || string(got) != c.want {
			t.Errorf("%q and %q make %q, %v; want %q", c.base, c.raw, got, err, c.want)
		}
	}
	for _, raw := range []string{
		"/..", "/../x", "/a/../../x", "/./../x", "/%2e%2e/x", "/%2E./x", "/.%2e/x", "/a%2f..%2f..%2fx", `/a\..\..\x`, "/a/%5c..%5c..%5cx",
		"/%252e%252e/x", "/..;/x", "/..;v=1/x", "//..", "/;/../x", "/a//../../x",
	} {
		if got, err := targetPath("/hook").appendTo(nil, raw); err == nil {
			t.Errorf("%q makes %q: it leads out of /hook", raw, got)
		}
		if got, err := targetPath("").appendTo(nil, raw); err != nil || string(got) != raw {
			t.Errorf("%q without a prefix makes %q, %v", raw, got, err)
		}
	}
}
