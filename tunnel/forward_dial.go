package tunnel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// connectLimit bounds one look-up, connect and TLS handshake, also where
	// the attempt has no time-out: a debugger in the application stops its
	// answers, not its kernel's handshakes.
	connectLimit = 10 * time.Second

	// headStart is how long one address is tried before the next one is tried
	// beside it (RFC 8305 §5).
	headStart = 250 * time.Millisecond
)

// targetDialer connects to one target and to nothing else.
type targetDialer struct {
	target      Target
	allow       bool
	tls         *tls.Config // nil for http
	dialNetwork func(ctx context.Context, network, address string) (net.Conn, error)
	resolve     func(ctx context.Context, host string) ([]netip.Addr, error)

	mu     sync.Mutex // guards what follows
	good   netip.Addr // answered last
	pinned []netip.Addr
}

// dial connects, with TLS where the target wants it, until deadline (if it is
// not zero) and for connectLimit at most. conn carries HTTP; raw is the
// connection below it. The error is a *Failure of an unreachable kind, or
// Abandoned when ctx was cancelled.
func (t *targetDialer) dial(ctx context.Context, deadline time.Time) (conn, raw net.Conn, err error) {
	limit := time.Now().Add(connectLimit)
	if !deadline.IsZero() && deadline.Before(limit) {
		limit = deadline
	}
	limited, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	raw, err = t.connect(limited)
	if err == nil && t.tls != nil {
		secured := tls.Client(raw, t.tls)
		if err = secured.HandshakeContext(limited); err == nil {
			return secured, raw, nil
		}
		raw.Close()
		err = t.tlsFailure(err)
	}
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			err = &Failure{Abandoned, "stopped while connecting"}
		}
		return nil, nil, err
	}
	return raw, raw, nil
}

// connect makes a TCP (or Unix) connection to whichever address takes it.
func (t *targetDialer) connect(ctx context.Context) (net.Conn, error) {
	if t.target.socket != "" {
		conn, err := t.dialNetwork(ctx, "unix", t.target.socket)
		if err != nil {
			return nil, connectFailure(tried{{t.target.socket, err}})
		}
		return conn, nil
	}
	addrs, fresh, err := t.addresses(ctx)
	if err != nil {
		return nil, err
	}
	conn, errs := t.race(ctx, addrs)
	if conn == nil && !fresh && ctx.Err() == nil { // the name may have moved
		t.mu.Lock()
		t.pinned = nil
		t.mu.Unlock()
		if addrs, _, err = t.addresses(ctx); err != nil {
			return nil, err
		}
		conn, errs = t.race(ctx, addrs)
	}
	if conn == nil {
		return nil, connectFailure(errs)
	}
	return conn, nil
}

// addresses are those of the target, the one that answered last in front. A
// name is looked up once and its addresses are kept until none of them takes a
// connection; fresh tells that looking again would bring nothing new.
func (t *targetDialer) addresses(ctx context.Context) (addrs []netip.Addr, fresh bool, err error) {
	t.mu.Lock()
	addrs, good := slices.Clone(t.pinned), t.good
	t.mu.Unlock()
	switch literal, perr := netip.ParseAddr(t.target.host); {
	case perr == nil:
		return t.permitted([]netip.Addr{literal})
	case isLocalhost(t.target.host):
		addrs, fresh = []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}, true
	case addrs == nil:
		found, err := t.resolve(ctx, t.target.host)
		if err != nil || len(found) == 0 {
			detail := "it has no address"
			if err != nil {
				detail = lookupCause(err)
			}
			return nil, true, &Failure{NoName, fmt.Sprintf("looking up %q: %s", t.target.host, detail)}
		}
		if addrs, _, err = t.permitted(found); err != nil {
			return nil, true, err
		}
		t.mu.Lock()
		t.pinned = slices.Clone(addrs)
		t.mu.Unlock()
		fresh = true
	}
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int { // the good one first, else as it was
		switch {
		case a == b:
			return 0
		case a == good:
			return -1
		case b == good:
			return 1
		}
		return 0
	})
	return addrs, fresh, nil
}

// permitted is found less the addresses that are off limits; it is an error if
// none is left.
func (t *targetDialer) permitted(found []netip.Addr) (addrs []netip.Addr, fresh bool, err error) {
	for _, addr := range found {
		if addr = addr.Unmap(); t.allow || !offLimits(addr) {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return nil, true, &Failure{NoRoute, refusedAddress(t.target.host, found[0]).Error()}
	}
	return addrs, true, nil
}

func refusedAddress(host string, addr netip.Addr) error {
	return fmt.Errorf("%s is %s, a link-local or cloud metadata address; it takes --allow-target to send webhooks there", host, addr)
}

// tried are the addresses that took no connection, each with the reason.
type tried []struct {
	address string
	err     error
}

// race connects to one of addrs: in order, the next one as soon as one fails
// and after headStart at the latest. It returns when every try has ended.
func (t *targetDialer) race(ctx context.Context, addrs []netip.Addr) (net.Conn, tried) {
	type outcome struct {
		index int
		conn  net.Conn
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome)
	start := func(i int) {
		go func() {
			conn, err := t.dialNetwork(ctx, "tcp", joinPort(addrs[i], t.target.port))
			outcomes <- outcome{i, conn, err}
		}()
	}
	errs := make(tried, 0, len(addrs))
	var winner net.Conn
	start(0)
	for running, next := 1, 1; running > 0; {
		var later <-chan time.Time
		if next < len(addrs) && winner == nil {
			timer := time.NewTimer(headStart)
			later = timer.C
			defer timer.Stop()
		}
		select {
		case o := <-outcomes:
			running--
			switch {
			case o.err != nil:
				errs = append(errs, tried{{joinPort(addrs[o.index], t.target.port), o.err}}...)
			case winner != nil:
				o.conn.Close()
			default:
				winner = o.conn
				t.mu.Lock()
				t.good = addrs[o.index]
				t.mu.Unlock()
				cancel()
			}
			if o.err == nil || next == len(addrs) || winner != nil {
				continue
			}
		case <-later:
		}
		start(next)
		running, next = running+1, next+1
	}
	return winner, errs
}

// connectFailure is why none of the addresses took a connection.
func connectFailure(errs tried) *Failure {
	kind := NoRoute
	var text []string
	for _, e := range errs {
		if isRefused(e.err) {
			kind = Refused
			text = append(text, e.address)
			continue
		}
		text = append(text, e.address+" ("+cause(e.err)+")")
	}
	if kind == Refused {
		return &Failure{kind, "nothing listens on " + strings.Join(text, " or ")}
	}
	return &Failure{kind, "cannot connect to " + strings.Join(text, " or ")}
}

// wsaRefused is WSAECONNREFUSED; no other system has an error of that number.
const wsaRefused = syscall.Errno(10061)

// isRefused tells that nothing listens there, or that there is no such socket.
func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaRefused) || errors.Is(err, syscall.ENOENT)
}

// cause is err less the words of package net around it.
func cause(err error) string {
	var network net.Error
	var errno syscall.Errno
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaRefused):
		return "connection refused"
	case errors.As(err, &network) && network.Timeout() || errors.Is(err, context.DeadlineExceeded):
		return "no reply"
	case errors.As(err, &errno):
		return errno.Error()
	}
	return err.Error()
}

func lookupCause(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	return err.Error()
}

// tlsFailure is why the handshake failed, with the flag that helps.
func (t *targetDialer) tlsFailure(err error) *Failure {
	var (
		record    tls.RecordHeaderError
		unchecked *tls.CertificateVerificationError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		unknown   x509.UnknownAuthorityError
	)
	const flags = "; trust it with --cacert FILE (its certificate or its CA's), or skip the check with -k"
	switch {
	case errors.As(err, &record):
		return &Failure{NoTLS, fmt.Sprintf("what listens at %s does not speak TLS; write http:// for it", t.target.hostHeader())}
	case errors.As(err, &unknown):
		return &Failure{NoTLS, "the target's certificate is signed by an unknown authority" + flags}
	case errors.As(err, &name):
		return &Failure{NoTLS, "the target's certificate is for another name: " + name.Error() + "; use that name in the target, or skip the check with -k (--cacert FILE does not help here)"}
	case errors.As(err, &invalid):
		return &Failure{NoTLS, "the target's certificate is not valid: " + invalid.Error() + "; renew it, or skip the check with -k (--cacert FILE does not help here)"}
	case errors.As(err, &unchecked):
		return &Failure{NoTLS, "the target's certificate: " + unchecked.Err.Error() + flags}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{NoTLS, "the handshake did not end in time"}
	}
	return &Failure{NoTLS, err.Error()}
}
