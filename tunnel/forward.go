package tunnel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// ForwardTimeout is the usual time-out of an attempt: long enough for slow
	// applications, and all that a waiting sender would ever wait for.
	ForwardTimeout = 30 * time.Second

	// ForwardAnswerLimit is the usual limit of an answer's body, 1 MiB: providers read
	// a few kilobytes of it at most.
	ForwardAnswerLimit = 1 << 20

	// idleConns is how many idle connections to the target are kept: the
	// deliveries that a tunnel has under way at most.
	idleConns = 64
)

// ForwardOptions say how deliveries are replayed. Only Target is needed.
type ForwardOptions struct {
	Target Target

	// AllowTarget permits link-local and cloud metadata addresses, which are
	// refused else, whether typed or found by a look-up.
	AllowTarget bool

	// PathPrefix stands before the path of every delivery, behind the path of
	// the target: "hooks" or "/hooks".
	PathPrefix string

	// HostHeader is the Host that the application sees: "rewrite" (or "", the
	// default) for the target's own, "preserve" for the one the sender used, or
	// the value itself.
	HostHeader string

	// SetHeader are lines to add; they replace what the sender and the
	// Forwarder itself would say under these names. Host is permitted, what
	// frames a message (Content-Length, Connection …) is not.
	SetHeader Header

	// RemoveHeader are names of lines to leave out, whether the sender or the
	// Forwarder itself would say them. SetHeader is stronger.
	RemoveHeader []string

	// Timeout bounds an attempt from its start to the last byte of the answer.
	// 0 is none, for debuggers; see ForwardTimeout.
	Timeout time.Duration

	// AnswerLimit bounds the body of an answer in bytes. Over it the status
	// stands and the body is left out (Result.Omitted). 0: 1 MiB.
	AnswerLimit int64

	// Insecure skips every check of the target's certificate.
	Insecure bool

	// RootCAs sign the target's certificate. nil: the system's. See CACert.
	RootCAs *x509.CertPool

	// MaxIdle is how many idle connections are kept. 0: 64; negative: none.
	MaxIdle int

	// Dial connects instead of a net.Dialer. It is only ever given an IP address
	// and a port of the target ("tcp"), or its socket ("unix").
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Resolve looks a name up instead of net.DefaultResolver. It is not asked
	// for localhost.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Forwarder is the Handler that replays deliveries to the target, as they came:
// method, path, query, every value of every header and the body are the
// sender's bytes. It changes what speaks of a connection (hop-by-hop headers,
// Content-Length, Expect), sets Host by policy, names the sender in
// X-Forwarded-* and Forwarded (RFC 7239), and says which delivery and attempt
// this is in Hook-Delivery-Id and Hook-Attempt. Lines of the sender under these
// names, and all others of his that begin with Hook-, are left out.
//
// Redirects are answers; nothing is followed, decompressed or remembered, and
// proxy variables have no meaning. Where it connects is decided by the Target
// alone: nothing in a delivery has a part in it.
//
// Errors are *Failure. A delivery that cannot be written as one HTTP request is
// refused as Unfit: a path that does not begin with "/" or leads out of the
// path prefix, control bytes in method, path or header. No byte of it was sent,
// and it will not fare better the next time.
type Forwarder struct {
	client   slimClient
	base     targetPath
	host     string // Host to send; "" for the sender's
	ownHost  string // of the target
	set      Header
	without  []string
	requests sync.Pool // of *[]byte
}

// NewForwarder makes a Forwarder. It connects to nothing yet.
func NewForwarder(o ForwardOptions) (*Forwarder, error) {
	if o.Target == (Target{}) {
		return nil, errors.New("forwarder: no target")
	}
	if addr, err := netip.ParseAddr(o.Target.host); err == nil && offLimits(addr) && !o.AllowTarget {
		return nil, fmt.Errorf("target %q: %w", o.Target, refusedAddress(o.Target.host, addr))
	}
	prefix, err := pathPrefix(o.PathPrefix)
	if err != nil {
		return nil, err
	}
	f := &Forwarder{base: targetPath(o.Target.path).join(prefix), ownHost: o.Target.hostHeader()}
	switch o.HostHeader {
	case "", "rewrite":
		f.host = f.ownHost
	case "preserve":
	default:
		f.host = o.HostHeader
	}
	for _, line := range o.SetHeader {
		switch {
		case !ValidFieldName(line.Name) || !ValidFieldValue(line.Value):
			return nil, fmt.Errorf("header %q: %q is no header line", line.Name, line.Value)
		case strings.EqualFold(line.Name, "Host"):
			f.host = line.Value
		case framing(line.Name):
			return nil, fmt.Errorf("header %q: it belongs to the connection and cannot be set", line.Name)
		default:
			f.set = append(f.set, line)
		}
	}
	for _, name := range o.RemoveHeader {
		if !ValidFieldName(name) || strings.EqualFold(name, "Host") || framing(name) {
			return nil, fmt.Errorf("header %q: it belongs to the connection and cannot be left out", name)
		}
		f.without = append(f.without, name)
	}
	if f.host != "" && !validHost(f.host) {
		return nil, fmt.Errorf("host header %q: it is no host name", f.host)
	}
	if o.Timeout < 0 || o.AnswerLimit < 0 {
		return nil, fmt.Errorf("forwarder: time-out %s and answer limit %d must not be negative", o.Timeout, o.AnswerLimit)
	}

	dialer := &targetDialer{target: o.Target, allow: o.AllowTarget, dialNetwork: o.Dial, resolve: o.Resolve}
	if dialer.dialNetwork == nil {
		dialer.dialNetwork = new(net.Dialer).DialContext
	}
	if dialer.resolve == nil {
		dialer.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Target.scheme == "https" {
		name, _, _ := strings.Cut(o.Target.host, "%")
		dialer.tls = &tls.Config{
			ServerName:         name,
			RootCAs:            o.RootCAs,
			InsecureSkipVerify: o.Insecure, // asked for with -k
			NextProtos:         []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(2),
		}
	}
	f.client = slimClient{dialer: dialer, timeout: o.Timeout, limit: o.AnswerLimit, maxIdle: o.MaxIdle}
	if f.client.limit == 0 {
		f.client.limit = ForwardAnswerLimit
	}
	if f.client.maxIdle == 0 {
		f.client.maxIdle = idleConns
	}
	return f, nil
}

// CACert are the system's certificate authorities and those of a PEM file.
func CACert(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no PEM certificate in it")
	}
	return pool, nil
}

// Handle replays d and returns the application's answer.
func (f *Forwarder) Handle(ctx context.Context, d *Delivery) (*Result, error) {
	start := time.Now()
	buffer, _ := f.requests.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	head, err := f.appendRequest((*buffer)[:0], d)
	if err != nil {
		return nil, &Failure{Unfit, err.Error()}
	}
	req := slimRequest{head: head, bodyless: d.Method == http.MethodHead, start: start}
	if len(d.Body) <= inlineBody {
		req.head = append(req.head, d.Body...)
	} else {
		req.body = d.Body
	}
	res, err := f.client.do(ctx, &req)
	if cap(req.head) <= 4*inlineBody { // nothing writes it any more
		*buffer = req.head
		f.requests.Put(buffer)
	}
	return res, err
}

// Probe tells whether the target takes connections now: nil, or a *Failure. It
// sends nothing.
func (f *Forwarder) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := f.client.dialer.connect(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Close closes the idle connections. Attempts under way end by themselves, and
// their connections with them. It may be called again.
func (f *Forwarder) Close() error {
	f.client.close()
	return nil
}
