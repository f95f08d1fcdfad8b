package tunnel

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// script is a connection without a network: it answers every request with ok200
// and keeps what was written.
type script struct {
	net.Conn // nil: no other method may be called

	wrote   strings.Builder
	pending strings.Reader
}

func (s *script) Write(p []byte) (int, error) {
	s.pending.Reset(ok200)
	return s.wrote.Write(p)
}
func (s *script) Read(p []byte) (int, error)     { return s.pending.Read(p) }
func (*script) Close() error                     { return nil }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// tripwire dials scripts and fails the test if anything but want is dialled.
func tripwire(t testing.TB, want string, last **script) func(*ForwardOptions) {
	return func(o *ForwardOptions) {
		o.MaxIdle = -1
		o.Dial = func(_ context.Context, network, address string) (net.Conn, error) {
			if network != "tcp" || address != want {
				t.Errorf("dialled %s %s, the target is %s", network, address, want)
			}
			*last = new(script)
			return *last, nil
		}
		o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			t.Errorf("looked up %q", host)
			return nil, errors.New("tripwire")
		}
	}
}

func TestNoDeliveryChoosesWhereItGoes(t *testing.T) {
	for raw, reaches := range map[string]bool{
		"//evil.test/x":                     true,
		"///evil.test":                      true,
		"/@evil.test/":                      true,
		"/:80@evil.test/":                   true,
		"/a%2Fb%2f..%2F":                    true,
		"/..":                               true,
		"/../../etc/passwd":                 true,
		"/%00":                              true,
		"/%0d%0aHost:%20evil.test":          true,
		"/\\evil.test\\x":                   true,
		"/#@evil.test":                      true,
		"/?http://evil.test/":               true,
		"/x?":                               true,
		"/??#":                              true,
		"/[::1]:22/":                        true,
		"/%":                                true,
		"/\xff\xfe":                         true,
		"/é":                                true,
		"":                                  false,
		"*":                                 false,
		"@evil.test/":                       false,
		":80/":                              false,
		"evil.test:80":                      false,
		"http://evil.test/":                 false,
		".evil.test/":                       false,
		"?x":                                false,
		"\\\\evil.test":                     false,
		" /":                                false,
		"/ HTTP/1.1\r\nHost: evil.test":     false,
		"/x HTTP/1.0":                       false,
		"/\r\n\r\nGET /second HTTP/1.1":     false,
		"/\n":                               false,
		"/\x00":                             false,
		"/\t":                               false,
		"/\x7f":                             false,
		"/\x1b[31m":                         false,
		"/" + strings.Repeat("a", 1<<16):    true,
		"/?" + strings.Repeat("../", 1<<10): true,
	} {
		var conn *script
		f := forwarder(t, "127.0.0.1:3000", tripwire(t, "127.0.0.1:3000", &conn))
		d := delivery("GET", raw, "")
		if !reaches {
			fails(t, f, d, Unfit, "request target")
			if conn != nil {
				t.Errorf("%q: connected for a request that cannot be sent", raw)
			}
			continue
		}
		forward(t, f, d)
		if want := "GET " + raw + " HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n"; !strings.HasPrefix(conn.wrote.String(), want) {
			t.Errorf("%q became %.80q", raw, conn.wrote.String())
		}
	}
}

func TestNothingForeignSplitsARequest(t *testing.T) {
	f := forwarder(t, "127.0.0.1:3000", func(o *ForwardOptions) {
		o.HostHeader = "preserve"
		o.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Error("connected for a request that cannot be sent")
			return nil, errors.New("tripwire")
		}
	})
	for name, change := range map[string]func(*Delivery){
		"method":         func(d *Delivery) { d.Method = "GET / HTTP/1.1\r\nX:" },
		"no method":      func(d *Delivery) { d.Method = "" },
		"connect":        func(d *Delivery) { d.Method = "CONNECT" },
		"header name":    func(d *Delivery) { d.Header = Header{{"X: y\r\nZ", "1"}} },
		"empty name":     func(d *Delivery) { d.Header = Header{{"", "1"}} },
		"header value":   func(d *Delivery) { d.Header = Header{{"X", "1\r\nY: 2"}} },
		"nul":            func(d *Delivery) { d.Header = Header{{"X", "\x00"}} },
		"forwarded for":  func(d *Delivery) { d.Header = Header{{"X-Forwarded-For", "a\nb"}} },
		"forwarded":      func(d *Delivery) { d.Header = Header{{"Forwarded", "a\rb"}} },
		"host":           func(d *Delivery) { d.Host = "a\r\nX: y" },
		"host with path": func(d *Delivery) { d.Host = "a/b" },
		"quoted host":    func(d *Delivery) { d.Host = `a";for=b` },
		"prefix":         func(d *Delivery) { d.Prefix = "/h\r\nX: y" },
	} {
		t.Run(name, func(t *testing.T) {
			d := delivery("POST", "/", "")
			change(d)
			fails(t, f, d, Unfit, "cannot be sent")
		})
	}
}

// FuzzTarget proves that whatever path a delivery names, it is refused or sent
// as it is behind the prefix, in one request, to the target.
func FuzzTarget(f *testing.F) {
	for _, raw := range []string{"/", "//evil.test", "/@evil", "/..", "/%2e%2e/", "/a b", "/x?y#z", "http://evil.test/", "/\r\nX: y", "/..;/", "/%00"} {
		for _, prefix := range []string{"", "/hook", "hook/", "/a/b"} {
			f.Add("POST", raw, prefix, "relay.test", "X-A", "1")
		}
	}
	f.Fuzz(func(t *testing.T, method, raw, prefix, host, name, value string) {
		target, err := ParseTarget("127.0.0.1:3000")
		if err != nil {
			t.Fatal(err)
		}
		o := ForwardOptions{Target: target, PathPrefix: prefix, HostHeader: "preserve"}
		var conn *script
		tripwire(t, "127.0.0.1:3000", &conn)(&o)
		forwarder, err := NewForwarder(o)
		if err != nil {
			return
		}
		d := delivery(method, raw, "body", Field{name, value})
		d.Host = host
		if _, err := forwarder.Handle(t.Context(), d); err != nil {
			if conn != nil || AsFailure(err).Kind != Unfit {
				t.Errorf("%v after connecting", err)
			}
			return
		}
		base := string(forwarder.base)
		want := strings.TrimSuffix(base, "/") + raw
		if path, _, _ := strings.Cut(raw, "?"); path == "/" && base != "" {
			want = base + raw[1:]
		}
		line, _, _ := strings.Cut(conn.wrote.String(), "\r\n")
		if line != method+" "+want+" HTTP/1.1" {
			t.Errorf("%q behind %q became %q", raw, base, line)
		}
		in := bufio.NewReader(strings.NewReader(conn.wrote.String()))
		if one, err := readRequest(in); err != nil || !strings.HasSuffix(one, "\r\n\r\nbody") {
			t.Errorf("the wire holds another request than one: %q", conn.wrote.String())
		}
		if rest, _ := io.ReadAll(in); len(rest) > 0 {
			t.Errorf("the wire holds %q behind the request", rest)
		}
	})
}

func TestLocalhostIsEitherFamily(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			r := recordAt(t, address, ok200)
			f := forwarder(t, "localhost"+r.port(), func(o *ForwardOptions) { o.MaxIdle = -1 })
			for range 2 {
				forward(t, f, delivery("POST", "/", ""))
			}
			if good := f.client.dialer.good; netip.MustParseAddrPort(r.Addr().String()).Addr() != good {
				t.Errorf("%s answered, remembered is %s", r.Addr(), good)
			}
			if err := f.Probe(t.Context()); err != nil {
				t.Error(err)
			}
			r.Close()
			_, port, _ := strings.Cut(r.port(), ":")
			fails(t, f, delivery("POST", "/", ""), Refused, "nothing listens on ", "[::1]:"+port, "127.0.0.1:"+port)
			err := f.Probe(t.Context())
			checkFailure(t, nil, err, Refused, "nothing listens on ")
		})
	}
}

// dialTable answers dials from a table of errors; nil connects to a script.
func dialTable(table map[string]error, dialled *[]string) func(*ForwardOptions) {
	var mu sync.Mutex
	return func(o *ForwardOptions) {
		o.MaxIdle = -1
		o.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
			mu.Lock()
			*dialled = append(*dialled, address)
			err, known := table[address]
			mu.Unlock()
			if !known {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			return new(script), nil
		}
	}
}

func TestUnreachableKinds(t *testing.T) {
	cases := map[string]struct {
		err  error
		kind FailureKind
		part string
	}{
		"refused":     {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Refused, "nothing listens on 10.0.0.1:3000"},
		"windows":     {&net.OpError{Op: "dial", Err: wsaRefused}, Refused, "nothing listens on 10.0.0.1:3000"},
		"no host":     {&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, NoRoute, "cannot connect to 10.0.0.1:3000"},
		"no network":  {&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, NoRoute, "unreachable"},
		"not allowed": {&net.OpError{Op: "dial", Err: syscall.EACCES}, NoRoute, "permission denied"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var dialled []string
			f := forwarder(t, "10.0.0.1:3000", dialTable(map[string]error{"10.0.0.1:3000": c.err}, &dialled))
			fails(t, f, delivery("POST", "/", ""), c.kind, c.part)
			if !c.kind.Unreachable() {
				t.Errorf("%s is no unreachable kind", c.kind)
			}
		})
	}
	t.Run("connect times out", func(t *testing.T) {
		var dialled []string
		f := forwarder(t, "10.0.0.1:3000", dialTable(nil, &dialled), func(o *ForwardOptions) { o.Timeout = time.Millisecond })
		fails(t, f, delivery("POST", "/", ""), NoRoute, "no reply")
	})
	t.Run("stopped while connecting", func(t *testing.T) {
		var dialled []string
		f := forwarder(t, "10.0.0.1:3000", dialTable(nil, &dialled))
		ctx, cancel := context.WithCancel(t.Context())
		f.client.dialer.dialNetwork = func(ctx context.Context, _, _ string) (net.Conn, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		res, err := f.Handle(ctx, delivery("POST", "/", ""))
		checkFailure(t, res, err, Abandoned)
		res, err = f.Handle(ctx, delivery("POST", "/", ""))
		checkFailure(t, res, err, Abandoned)
	})
	t.Run("unix socket", func(t *testing.T) {
		f := forwarder(t, "unix:"+t.TempDir()+"/none.sock")
		fails(t, f, delivery("POST", "/", ""), Refused, "none.sock")
	})
}

func TestNamesAreLookedUpOnceAndPinned(t *testing.T) {
	first, second := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	metadata := netip.MustParseAddr("169.254.169.254")
	answers := [][]netip.Addr{{metadata, first}, {second}, {metadata}}
	lookups := 0
	var dialled []string
	table := map[string]error{"10.0.0.1:3000": nil, "10.0.0.2:3000": syscall.ECONNREFUSED}
	f := forwarder(t, "http://app.test:3000", dialTable(table, &dialled), func(o *ForwardOptions) {
		o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "app.test" {
				t.Errorf("looked up %q", host)
			}
			if lookups++; lookups > len(answers) {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			return answers[lookups-1], nil
		}
	})
	d := delivery("POST", "/", "")
	forward(t, f, d)
	forward(t, f, d)
	if lookups != 1 {
		t.Errorf("%d look-ups for two attempts, want 1", lookups)
	}
	table["10.0.0.1:3000"] = syscall.ECONNREFUSED
	fails(t, f, d, Refused, "10.0.0.2:3000")
	if lookups != 2 {
		t.Errorf("%d look-ups after the address failed, want 2", lookups)
	}
	fails(t, f, d, NoRoute, "app.test is 169.254.169.254", "--allow-target")
	fails(t, f, d, NoName, `"app.test"`, "no such host")
	if got := strings.Join(dialled, " "); strings.Contains(got, "169.254") {
		t.Errorf("dialled %s", got)
	}
}

func TestASlowAddressDoesNotHoldUpTheNext(t *testing.T) {
	var dialled []string
	f := forwarder(t, "http://app.test:3000", dialTable(map[string]error{"10.0.0.2:3000": nil}, &dialled), func(o *ForwardOptions) {
		o.Resolve = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}, nil
		}
	})
	forward(t, f, delivery("POST", "/", ""))
	forward(t, f, delivery("POST", "/", ""))
	if got := strings.Join(dialled, " "); got != "10.0.0.1:3000 10.0.0.2:3000 10.0.0.2:3000" {
		t.Errorf("dialled %s", got)
	}
}

func TestUnixSocket(t *testing.T) {
	path := t.TempDir() + "/app.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	done := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err.Error()
			return
		}
		defer conn.Close()
		raw, _ := readRequest(bufio.NewReader(conn))
		io.WriteString(conn, ok200)
		done <- raw
	}()
	forward(t, forwarder(t, "unix:"+path), delivery("GET", "/x", ""))
	if raw := <-done; !strings.HasPrefix(raw, "GET /x HTTP/1.1\r\nHost: localhost\r\n") {
		t.Errorf("received %q", raw)
	}
}
