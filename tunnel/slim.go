package tunnel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// inlineBody is the largest body that is written together with the head, by
	// the goroutine that then reads the answer. It is less than any system's
	// default send buffer, so that the write cannot wait for an application
	// that answers before it reads.
	inlineBody = 16 << 10

	// idleLimit is how long a connection waits for its next request. Servers
	// close idle connections after 2 s (gunicorn), 5 s (Node.js, uvicorn) or
	// later; a request sent at that moment is lost, and a webhook must not be
	// sent again on suspicion. Connecting anew costs a local target 0.1 ms.
	idleLimit = time.Second

	// writeGrace is how long the rest of a request is still written after its
	// answer is in: applications may answer first and read then.
	writeGrace = time.Second
)

// slimClient is an HTTP/1.1 client for one target: it writes a request that was
// made for it and reads the answer, on the calling goroutine where it can. It
// follows nothing, decodes nothing and adds nothing.
//
// A request is sent a second time only if not one byte of it was written: a
// kept connection that the application had closed. Every other break is
// reported, because the application may have acted.
type slimClient struct {
	dialer  *targetDialer
	timeout time.Duration // of an attempt; 0: none
	limit   int64         // of an answer's body
	maxIdle int

	mu       sync.Mutex  // guards what follows
	idle     []*slimConn // oldest first
	sweep    *time.Timer // runs sweepIdle; nil until something waits
	sweeping bool        // sweep is set
	closed   bool
}

// slimRequest is a request ready to be written.
type slimRequest struct {
	head     []byte // with the body behind it if that is at most inlineBody
	body     []byte // if it is not in head
	bodyless bool   // the answer has no body: the method is HEAD
	start    time.Time
}

// slimConn is a connection to the target. One goroutine at a time has it.
type slimConn struct {
	net.Conn          // carries HTTP
	raw      net.Conn // below TLS, or the same
	prompt   *promptReader
	reader   *bufio.Reader // of prompt
	scratch  []byte
	reused   bool
	since    time.Time // idle since
}

// do sends req and returns the answer. The error is a *Failure.
func (c *slimClient) do(ctx context.Context, req *slimRequest) (*Result, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	var deadline time.Time
	if c.timeout > 0 {
		deadline = req.start.Add(c.timeout)
	}
	if conn := c.take(); conn != nil {
		res, untouched, err := c.exchange(ctx, conn, req, deadline)
		if !untouched || ctx.Err() != nil {
			return res, err
		}
	}
	carrier, raw, err := c.dialer.dial(ctx, deadline)
	if err != nil {
		return nil, err
	}
	prompt := newPromptReader(carrier, raw)
	conn := &slimConn{Conn: carrier, raw: raw, prompt: prompt, reader: bufio.NewReader(prompt)}
	res, _, err := c.exchange(ctx, conn, req, deadline)
	return res, err
}

// exchange writes req to conn and reads the answer. untouched tells that conn
// was a kept connection and that no byte of req was written to it.
func (c *slimClient) exchange(ctx context.Context, conn *slimConn, req *slimRequest, deadline time.Time) (res *Result, untouched bool, err error) {
	connected := time.Since(req.start)
	conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })

	conn.prompt.reads = 0
	sending := conn.send(req)
	reader := answerReader{in: conn.reader, scratch: conn.scratch, limit: c.limit, bodyless: req.bodyless}
	err = reader.read()
	conn.scratch = reader.scratch
	done := time.Since(req.start)
	if err == nil {
		sending.wait(ctx, writeGrace)
	}
	undisturbed := stop() // else the deadline of conn is not ours any more
	if err != nil || !sending.finished || sending.err != nil || !reader.keep || !undisturbed {
		conn.Close()
		sending.wait(context.Background(), 0)
	} else {
		c.put(conn)
	}
	if err != nil {
		untouched = conn.reused && sending.err != nil && sending.n == 0 && reader.begun.IsZero()
		return nil, untouched, c.failure(ctx, err, sending.err, !reader.begun.IsZero())
	}
	res = reader.result()
	res.Timing = Timing{Connected: connected, FirstByte: reader.begun.Sub(req.start), Done: done}
	return res, false, nil
}

// sending is the writing of a request.
type sending struct {
	n        int64
	err      error
	finished bool
	outcome  chan written // nil if it was finished at once
}

type written struct {
	n   int64
	err error
}

// send writes req: at once if it is small, else beside the reader, since an
// application may answer before it has read everything (413).
func (c *slimConn) send(req *slimRequest) *sending {
	if req.body == nil {
		n, err := c.Write(req.head)
		return &sending{n: int64(n), err: err, finished: true}
	}
	s := &sending{outcome: make(chan written, 1)}
	go func() {
		parts := net.Buffers{req.head, req.body}
		n, err := parts.WriteTo(c.Conn)
		s.outcome <- written{n, err}
	}()
	return s
}

// wait waits until the request is written, or for grace or until ctx ends; a
// grace of 0 waits for ever.
func (s *sending) wait(ctx context.Context, grace time.Duration) {
	if s.finished {
		return
	}
	var over <-chan time.Time
	if grace > 0 {
		select {
		case w := <-s.outcome:
			s.n, s.err, s.finished = w.n, w.err, true
			return
		default:
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case w := <-s.outcome:
		s.n, s.err, s.finished = w.n, w.err, true
	case <-over:
	case <-ctx.Done():
	}
}

// failure sorts the end of an exchange that has no result.
func (c *slimClient) failure(ctx context.Context, err, writeErr error, begun bool) *Failure {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	var f *Failure
	where := "before it answered"
	if begun {
		where = "in the middle of its answer"
	}
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, os.ErrDeadlineExceeded):
		if begun {
			return &Failure{TimedOut, fmt.Sprintf("the answer was not complete after %s", c.timeout)}
		}
		return &Failure{TimedOut, fmt.Sprintf("no answer within %s", c.timeout)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Failure{Reset, "the application closed it " + where}
	case writeErr != nil && !begun:
		err = writeErr
	}
	return &Failure{Reset, where + ": " + cause(err)}
}

// ended is what an attempt comes to when ctx ends it.
func ended(ctx context.Context) *Failure {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Failure{TimedOut, "the time for this attempt was over"}
	}
	return &Failure{Abandoned, "stopped before the application had answered"}
}

// take returns a kept connection that is still open as far as can be seen, or
// nil.
func (c *slimClient) take() *slimConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.idle) > 0 {
		last := len(c.idle) - 1
		conn := c.idle[last]
		c.idle[last] = nil
		c.idle = c.idle[:last]
		if time.Since(conn.since) < idleLimit && quiet(conn.raw) {
			conn.reused = true
			return conn
		}
		conn.Close()
	}
	return nil
}

// put keeps conn for another request.
func (c *slimClient) put(conn *slimConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= c.maxIdle {
		conn.Close()
		return
	}
	conn.since = time.Now()
	c.idle = append(c.idle, conn)
	switch {
	case c.sweep == nil:
		c.sweep = time.AfterFunc(idleLimit, c.sweepIdle)
	case !c.sweeping:
		c.sweep.Reset(idleLimit)
	}
	c.sweeping = true
}

// sweepIdle closes the connections that waited longer than idleLimit.
func (c *slimClient) sweepIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.idle[:0]
	for _, conn := range c.idle {
		if time.Since(conn.since) >= idleLimit {
			conn.Close()
		} else {
			kept = append(kept, conn)
		}
	}
	clear(c.idle[len(kept):])
	c.idle = kept
	if c.sweeping = len(kept) > 0; c.sweeping {
		c.sweep.Reset(idleLimit - time.Since(kept[0].since))
	}
}

// close closes the kept connections and keeps none from now on.
func (c *slimClient) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.idle {
		conn.Close()
	}
	c.idle = nil
	if c.sweep != nil {
		c.sweep.Stop()
	}
}
