package relay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// minHeadBuffer is what a connection takes, in bytes, when a head comes in
// pieces. Most come in one, straight into net/http's own buffer.
const minHeadBuffer = 4 << 10

// wireError is a fault in a body, where the request is with the handler
// already. Read returns it inside a *net.OpError, at which net/http closes
// the connection without a word of its own.
type wireError struct{ fault fault }

func (e *wireError) Error() string { return faults[e.fault].detail }

// wireConn is a plain HTTP/1 connection, or one inside TLS, that hands to
// net/http only what its framer has found to be in order. Instead of a head
// that is not, net/http gets one whose target names the fault: so the answer
// keeps its place after those before it, and the strict handler writes it.
//
// After a hijack it is the bare connection.
type wireConn struct {
	net.Conn
	o *wireOptions

	// For the one goroutine that reads.
	frame  framer
	base   []byte // buf's memory
	buf    []byte // read and not passed on; empty as a rule
	given  int    // bytes of buf that net/http has
	ready  int    // bytes of buf that are in order
	err    error  // for all reads after ready
	headBy time.Time
	pace   pace  // of the present body
	paid   int64 // bytes of it that pace knows of

	hijacked atomic.Bool

	mu         sync.Mutex // guards the deadlines
	outer, own time.Time  // of reading: net/http's, ours
	outerWrite time.Time
}

func newWireConn(c net.Conn, o *wireOptions) *wireConn {
	return &wireConn{
		Conn:   c,
		o:      o,
		frame:  framer{maxLines: o.MaxLines, maxBytes: o.MaxHead},
		headBy: time.Now().Add(o.HeadTimeout),
	}
}

// Read reads as net/http expects it. A read of one byte between requests is
// net/http looking for the end of the connection while a handler runs: it gets
// the byte, whatever it is, since the connection may be hijacked next. One
// byte does no harm; the rest of the head is held back until it is in order.
func (c *wireConn) Read(p []byte) (int, error) {
	if c.hijacked.Load() {
		return c.readBare(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if c.ready > c.given {
			return c.pass(p), nil
		}
		if c.err != nil {
			return 0, c.err
		}
		if len(c.buf) > 0 {
			if len(p) == 1 && c.given == 0 && c.frame.state == inHead {
				p[0], c.given = c.buf[0], 1
				return 1, nil
			}
			var f fault
			if c.ready, f = c.accept(c.buf); c.ready == 0 && f != faultNone {
				if c.frame.within {
					c.stop(f)
				} else {
					c.refuse(f)
				}
				continue
			}
			if c.ready > 0 {
				continue
			}
		}
		if n, err := c.more(p); n > 0 || err != nil {
			return n, err
		}
	}
}

// pass hands on what is ready.
func (c *wireConn) pass(p []byte) int {
	n := copy(p, c.buf[c.given:c.ready])
	c.given += n
	if c.given == c.ready {
		c.buf = c.buf[c.ready:]
		c.given, c.ready = 0, 0
		if len(c.buf) == 0 && cap(c.base) > minHeadBuffer {
			c.base, c.buf = nil, nil
		}
	}
	return n
}

// more reads from the connection: straight into p where nothing waits, else
// behind what waits, which is a head that is not complete. It returns 0, nil
// when there is something new to look at.
func (c *wireConn) more(p []byte) (int, error) {
	if len(c.buf) > 0 {
		c.makeRoom()
		n, err := c.readTimed(c.buf[len(c.buf):cap(c.buf)])
		c.buf = c.buf[:len(c.buf)+n]
		if n > 0 {
			return 0, nil
		}
		return 0, c.failed(err)
	}
	n, err := c.readTimed(p)
	if n == 0 {
		return 0, c.failed(err)
	}
	if len(p) == 1 && c.frame.state == inHead {
		c.keep(p[:1])
		c.given = 1
		return 1, nil
	}
	good, _ := c.accept(p[:n]) // the fault shows again when the rest is looked at
	if good < n {
		c.keep(p[good:n])
	}
	return good, nil
}

// accept is the framer's, and ends the deadlines of a request that is all in.
func (c *wireConn) accept(b []byte) (int, fault) {
	n, f := c.frame.accept(b)
	if n > 0 && f == faultNone {
		c.headBy = time.Time{}
		if c.frame.state == inHead {
			c.pace, c.paid = pace{}, 0
			c.setOwn(time.Time{})
		}
	}
	return n, f
}

// keep copies b into the empty buffer.
func (c *wireConn) keep(b []byte) {
	c.buf = append(c.base[:0], b...)
	c.base = c.buf[:0]
}

// makeRoom makes room behind buf. A head over the limit is refused when it
// has grown to it, so that this ends.
func (c *wireConn) makeRoom() {
	if cap(c.buf)-len(c.buf) >= 512 {
		return
	}
	grown := make([]byte, len(c.buf), max(minHeadBuffer, 2*len(c.buf)))
	copy(grown, c.buf)
	c.base, c.buf = grown[:0], grown
}

// failed is what a read that brought nothing means.
func (c *wireConn) failed(err error) error {
	inside := c.frame.state != inHead
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && c.ownPassed():
		if inside {
			c.stop(faultSlowBody)
		} else {
			c.refuse(faultSlowHead)
		}
		return nil
	case err == io.EOF && !inside && len(c.buf) > c.given:
		c.refuse(faultMalformed) // the sender may still read
		return nil
	}
	return err
}

// refuse ends the connection's requests with one in place of a head, which the
// strict handler answers. It announces a body that never comes, so that
// net/http closes its side, waits a moment and closes the rest: a reset would
// take the answer from the sender's hands.
func (c *wireConn) refuse(f fault) {
	c.stop(f)
	c.buf = []byte("POST " + refusedScheme + ":/" + strconv.Itoa(int(f)) +
		" HTTP/1.1\r\nHost: relay.invalid\r\nContent-Length: 1048576\r\n\r\n")
	c.given, c.ready = 0, len(c.buf)
}

// stop makes f the answer to all reads to come: of a fault within a body.
func (c *wireConn) stop(f fault) {
	c.frame.fail(f)
	c.err = &net.OpError{Op: "read", Net: "tcp", Err: &wireError{f}}
	c.buf, c.base, c.given, c.ready = nil, nil, 0, 0
	c.setOwn(time.Time{})
}

// readTimed reads with our deadline: for a head that has begun, the time it
// may take as a whole; for a body, as long as it stays above the least rate
// after the grace, and no pause is longer than the grace. Only the time
// spent waiting here counts, not what a handler takes between two reads.
func (c *wireConn) readTimed(p []byte) (int, error) {
	if c.frame.state == inHead {
		if len(c.buf) > 0 {
			if c.headBy.IsZero() {
				c.headBy = time.Now().Add(c.o.HeadTimeout)
			}
			c.setOwn(c.headBy)
		}
		return c.Conn.Read(p)
	}
	c.pace.came(c.frame.body-c.paid, c.o)
	c.paid = c.frame.body
	start := time.Now()
	c.setOwn(start.Add(c.pace.patience(c.o)))
	n, err := c.Conn.Read(p)
	c.pace.waited(time.Since(start))
	return n, err
}

// maxCredit is how much time a sender can gain by having been fast. Without a
// bound 24 MiB, sent at once, would hold their place on the disk for seven
// hours more at a byte every ten seconds.
const maxCredit = time.Minute

// pace tells whether a body keeps up with the least rate: what comes earns the
// time that it takes at that rate, waiting costs it.
type pace struct{ credit time.Duration }

func (p *pace) came(n int64, o *wireOptions) {
	p.credit = min(p.credit+time.Duration(float64(n)/float64(o.MinRate)*float64(time.Second)), maxCredit)
}

func (p *pace) waited(d time.Duration) { p.credit -= d }

// patience is how long to wait for the next bytes.
func (p *pace) patience(o *wireOptions) time.Duration { return min(o.Grace, o.Grace+p.credit) }

// readBare reads after a hijack: what waits first.
func (c *wireConn) readBare(p []byte) (int, error) {
	if len(c.buf) > c.given {
		n := copy(p, c.buf[c.given:])
		if c.given += n; c.given == len(c.buf) {
			c.buf, c.base, c.given = nil, nil, 0
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// Write writes within a time that grows with p: a sender that does not read
// its answer is cut off.
func (c *wireConn) Write(p []byte) (int, error) {
	if !c.hijacked.Load() {
		c.mu.Lock()
		by := time.Now().Add(c.o.WriteTimeout + time.Duration(len(p)/c.o.MinRate)*time.Second)
		err := c.Conn.SetWriteDeadline(earlier(c.outerWrite, by))
		c.mu.Unlock()
		if err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// release makes c the bare connection: called when it was hijacked, by the
// goroutine that then reads it.
func (c *wireConn) release() {
	c.hijacked.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own, c.outer, c.outerWrite = time.Time{}, time.Time{}, time.Time{}
	c.Conn.SetDeadline(time.Time{}) // fails on a closed connection only
}

// SetDeadline, SetReadDeadline and SetWriteDeadline set net/http's deadlines;
// of those and ours the earlier counts.
func (c *wireConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *wireConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outer = t
	return c.Conn.SetReadDeadline(earlier(t, c.own))
}

func (c *wireConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outerWrite = t
	return c.Conn.SetWriteDeadline(t)
}

func (c *wireConn) setOwn(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own.Equal(t) {
		return
	}
	c.own = t
	c.Conn.SetReadDeadline(earlier(c.outer, t)) // fails on a closed connection only
}

func (c *wireConn) ownPassed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.own.IsZero() && !time.Now().Before(c.own)
}

// earlier is the earlier of two deadlines, where zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// NetConn is the connection below.
func (c *wireConn) NetConn() net.Conn { return c.Conn }

// CloseWrite closes the sending half, as net/http does before it drops a
// request that it has not read to its end.
func (c *wireConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return fmt.Errorf("closing one half: %w", errors.ErrUnsupported)
}

// tlsWireConn is a wireConn inside TLS. net/http asks it for Request.TLS.
type tlsWireConn struct {
	*wireConn
	state tls.ConnectionState
}

// ConnectionState is the state after the handshake.
func (c *tlsWireConn) ConnectionState() tls.ConnectionState { return c.state }
