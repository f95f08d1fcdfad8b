package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// handshakeTimeout is how long a TLS handshake may take.
const handshakeTimeout = 10 * time.Second

// wireOptions are the limits of the HTTP front. A zero field has its default,
// so that the zero value is what stands on the internet.
type wireOptions struct {
	HeadTimeout  time.Duration // for a whole head, from its first byte: 10 s
	IdleTimeout  time.Duration // between requests: 60 s
	Grace        time.Duration // before MinRate counts, and the longest pause in a body: 10 s
	MinRate      int           // bytes a second of a body: 1 KiB
	WriteTimeout time.Duration // for one write of an answer, plus its size at MinRate: 30 s
	MaxLines     int           // header lines of a request: 100
	MaxHead      int           // bytes of a head: 64 KiB. net/http has the same limit for HTTP/2
	MaxClient    int           // connections of one client address (/32, /64): 100; negative: no limit
	MaxConns     int           // connections in all: 16,384; negative: no limit

	// Exempt says which addresses MaxClient does not hold for: trusted
	// proxies, behind which are many clients. nil: none.
	Exempt func(netip.Addr) bool
	// TLS makes the listener speak TLS; HTTP/2 is on unless its NextProtos
	// says otherwise. nil: plain HTTP/1.
	TLS *tls.Config
	// Refused is told of connections over MaxClient or MaxConns, of failed
	// handshakes and of requests that are not proper, for counting: reason is
	// one of about twenty words. It is called by several goroutines. nil: nobody.
	Refused func(reason string)
	// Log takes what net/http has to say. nil: it is dropped, since it may
	// hold a sender's bytes.
	Log *slog.Logger
}

func (o wireOptions) withDefaults() wireOptions {
	set(&o.HeadTimeout, 10*time.Second)
	set(&o.IdleTimeout, 60*time.Second)
	set(&o.Grace, 10*time.Second)
	set(&o.MinRate, 1<<10)
	set(&o.WriteTimeout, 30*time.Second)
	set(&o.MaxLines, 100)
	set(&o.MaxHead, 64<<10)
	set(&o.MaxClient, 100)
	set(&o.MaxConns, 16<<10)
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	if o.TLS != nil {
		o.TLS = o.TLS.Clone()
		if o.TLS.NextProtos == nil {
			o.TLS.NextProtos = []string{"h2", "http/1.1"}
		}
		o.TLS.MinVersion = max(o.TLS.MinVersion, tls.VersionTLS12)
	}
	return o
}

// set gives v the default d.
func set[T comparable](v *T, d T) {
	if *v == *new(T) {
		*v = d
	}
}

// newFront makes the pair that serves HTTP to the internet: srv.Serve(ln) is
// all there is to call. Neither works without the other: the listener refuses
// what is not proper HTTP by requests that only the server's handler knows to
// answer. srv.Close and srv.Shutdown close ln too.
func newFront(l net.Listener, o wireOptions, next http.Handler) (ln net.Listener, srv *http.Server) {
	o = o.withDefaults()
	wl := &wireListener{Listener: l, o: o, clients: make(map[netip.Prefix]int)}
	srv = &http.Server{
		Handler:                      strict(o, next),
		ReadHeaderTimeout:            o.HeadTimeout,
		IdleTimeout:                  o.IdleTimeout,
		MaxHeaderBytes:               o.MaxHead,
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100,
			WriteByteTimeout:     o.WriteTimeout,
			SendPingTimeout:      o.IdleTimeout,
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ConnState: func(c net.Conn, s http.ConnState) {
			if w, ok := c.(interface{ release() }); ok && s == http.StateHijacked {
				w.release()
			}
		},
	}
	if o.Log != nil {
		srv.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	}
	return wl, srv
}

// wireListener counts connections and wraps those that speak HTTP/1. With TLS
// it also does the handshakes: only after one is known what is spoken inside.
// A connection that speaks HTTP/2 goes to net/http as the *tls.Conn that it
// asks for; its framing is net/http's, and strict checks the rest.
type wireListener struct {
	net.Listener
	o wireOptions

	mu      sync.Mutex // guards the counts
	open    int
	clients map[netip.Prefix]int

	start      sync.Once // of the goroutines of TLS, at the first Accept
	handshakes sync.WaitGroup
	accepted   chan accepted
	ctx        context.Context // ends with Close
	stop       context.CancelFunc
}

type accepted struct {
	conn net.Conn
	err  error
}

// Accept returns a connection that is within the limits, and after its
// handshake.
func (l *wireListener) Accept() (net.Conn, error) {
	if l.o.TLS == nil {
		c, err := l.admitted()
		if err != nil {
			return nil, err
		}
		return newWireConn(c, &l.o), nil
	}
	l.start.Do(l.startTLS)
	if l.ctx == nil {
		return nil, net.ErrClosed
	}
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// admitted is the next connection within the limits. Those over them are told
// so, in a way that does not wait for them, and closed.
func (l *wireListener) admitted() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		done, reason := l.admit(c.RemoteAddr())
		if reason == "" {
			return &countedConn{Conn: c, done: done}, nil
		}
		l.o.Refused(reason)
		if l.o.TLS == nil {
			c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)) // an empty socket buffer takes it at once
			io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"+
				"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\ntoo many connections\n")
		}
		c.Close()
	}
}

// admit counts a connection; done counts it out. A reason is why it may not be.
func (l *wireListener) admit(remote net.Addr) (done func(), reason string) {
	var from netip.Prefix
	limited := false
	if tcp, ok := remote.(*net.TCPAddr); ok && l.o.MaxClient > 0 {
		addr := tcp.AddrPort().Addr()
		from = network(addr)
		limited = l.o.Exempt == nil || !l.o.Exempt(addr.Unmap().WithZone(""))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.o.MaxConns > 0 && l.open >= l.o.MaxConns {
		return nil, "connections"
	}
	if limited && l.clients[from] >= l.o.MaxClient {
		return nil, "connections of one client"
	}
	l.open++
	if limited {
		l.clients[from]++
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if limited {
			if l.clients[from]--; l.clients[from] == 0 {
				delete(l.clients, from)
			}
		}
	}, ""
}

// startTLS begins to accept. MaxConns bounds the goroutines.
func (l *wireListener) startTLS() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil { // closed before
		return
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.accepted = make(chan accepted)
	l.handshakes.Go(func() {
		for l.ctx.Err() == nil {
			c, err := l.admitted()
			if err == nil {
				l.handshakes.Go(func() { l.handshake(c) })
			} else if !l.deliver(accepted{err: err}) || errors.Is(err, net.ErrClosed) {
				return
			}
		}
	})
}

func (l *wireListener) deliver(a accepted) bool {
	select {
	case l.accepted <- a:
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *wireListener) handshake(c net.Conn) {
	ctx, cancel := context.WithTimeout(l.ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Server(c, l.o.TLS)
	if err := conn.HandshakeContext(ctx); err != nil {
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil {
			plain.Conn.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
			io.WriteString(plain.Conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"+
				"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 26\r\n\r\nthis port speaks TLS only\n")
		}
		l.o.Refused("tls handshake")
		c.Close()
		return
	}
	state := conn.ConnectionState()
	var out net.Conn = conn
	if state.NegotiatedProtocol != "h2" {
		out = &tlsWireConn{newWireConn(conn, &l.o), state}
	}
	if !l.deliver(accepted{conn: out}) {
		out.Close()
	}
}

// Close stops accepting and waits until handshakes are given up.
func (l *wireListener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	if l.stop == nil {
		l.stop = func() {}
	}
	stop := l.stop
	l.mu.Unlock()
	stop()
	l.handshakes.Wait()
	return err
}

// countedConn counts itself out when it is closed.
type countedConn struct {
	net.Conn
	done func()
	once sync.Once
}

// Close closes the connection.
func (c *countedConn) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}

// NetConn is the connection below.
func (c *countedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite closes the sending half.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
