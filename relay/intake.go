package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// inMemory is the largest body that is held in memory; a larger one is spooled
// to the file that the store would keep.
const inMemory = 256 << 10

// place is where in the public space a request went.
type place struct {
	id     string
	prefix string // before target in the request line
	target string // raw path and query below the endpoint
}

// pathPlace reads "/h/ID", "/h/ID/…" and "/h/ID?…".
func pathPlace(uri string) (place, bool) {
	rest, ok := strings.CutPrefix(uri, "/h/")
	if !ok {
		return place{}, false
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	p := place{id: rest[:end], prefix: uri[:len("/h/")+end], target: rest[end:]}
	if !strings.HasPrefix(p.target, "/") {
		p.target = "/" + p.target
	}
	return p, p.id != ""
}

// hostPlace reads a host "ID.DOMAIN", in any case, with or without port and
// final dot.
func hostPlace(host, domain, uri string) (place, bool) {
	if domain == "" {
		return place{}, false
	}
	host = strings.ToLower(host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	id, ok := strings.CutSuffix(strings.TrimSuffix(host, "."), "."+domain)
	return place{id: id, target: uri}, ok && id != "" && !strings.Contains(id, ".")
}

// intake receives a webhook.
func (s *Server) intake(w http.ResponseWriter, r *http.Request, p place) {
	began := time.Now()
	ans := s.receive(w, r, p, began)
	s.metrics.intake(ans.by, time.Since(began))
	if ans.Refusal != nil {
		ans.Refusal.write(w)
		return
	}
	if ans.by == bySenderLeft {
		return
	}
	s.send(w, ans)
}

// receive admits a webhook, reads it and has it answered.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, p place, began time.Time) Answer {
	ctx := r.Context()
	c := s.proxies.Client(r)
	if len(r.Method) > tunnel.MaxMethod || len(r.Host) > tunnel.MaxHost {
		return refuse(problemBadRequest("The method or the host is longer than any that exists.").closing())
	}
	h, refusal := s.find(ctx, c, p.id)
	if refusal != nil {
		return refuse(*refusal)
	}
	body, err := limitBody(w, r, s.opts.MaxBody, s.budget)
	if err != nil {
		s.metrics.limited("body")
		return refuse(problemForRead(err, s.opts.MaxBody))
	}
	defer body.release()
	held, err := s.hold(ctx, body, r.ContentLength)
	if err != nil {
		return s.unread(h, err)
	}
	defer held.release()
	d := &tunnel.Delivery{
		ReceivedAt: time.Now(), Method: r.Method, Target: p.target, Prefix: p.prefix,
		Host: r.Host, Remote: c.Remote(), Header: tunnel.FromHTTP(r.Header),
	}
	d.ID = tunnel.NewID(d.ReceivedAt)
	d.URL = s.requestURL(c, r.RequestURI)
	ep := h.record()
	h.touch(d.ReceivedAt)
	if ans, ok := s.handshake(&ep, d, held); ok {
		return ans
	}
	holder := s.bus.Holder(h.id)
	if holder == nil {
		holder = h
	}
	use := r.Method != http.MethodHead && r.Method != http.MethodOptions
	return holder.Deliver(ctx, Webhook{Delivery: d, Use: use, Body: held, Hold: held.hold, Release: held.release})
}

// find looks up the endpoint and says why it cannot receive.
func (s *Server) find(ctx context.Context, c client, id string) (*hub, *problem) {
	if s.draining() {
		p := problemShutdown(retrySoon)
		return nil, &p
	}
	if !s.keys.Valid(id) { // without touching the store
		return nil, s.miss(c)
	}
	h, err := s.hub(ctx, HashOf(id))
	if errors.Is(err, ErrNotFound) {
		if p := s.missed(c); p != nil {
			return nil, p
		}
		p := problemGone("") // the tag says that it was ours
		return nil, &p
	}
	var p problem
	if err != nil {
		s.log.Error("endpoint not read", "err", err)
		p = problemStorage(retrySoon)
		return nil, &p
	}
	ep, err := h.fresh(ctx)
	now := time.Now()
	if s.bus.Holder(h.id) != nil {
		ep.UsedAt = now // a listener elsewhere keeps it from idling too
	}
	_, why, closed := ep.Closed(now)
	if why == UsedUp { // a use may have been given back since
		h.mu.Lock()
		h.stale = true
		h.mu.Unlock()
		ep, err = h.fresh(ctx)
		_, why, closed = ep.Closed(now)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		p = problemGone("")
	case err != nil:
		p = problemStorage(retrySoon)
	case closed:
		p = problemGone(why)
	case !ep.receives(HashOf(id), now):
		p = problemGone(Expired)
	case ep.Stopped:
		p = problemStopped(time.Minute)
	default:
		ok, after := s.rates.Intake(h.id)
		if ok {
			return h, nil
		}
		s.metrics.limited("endpoint")
		p = problemRate(after)
	}
	return nil, &p
}

// receives tells whether a public id is in force, or in the overlap after a
// rotation.
func (e *Endpoint) receives(id Hash, now time.Time) bool {
	for _, p := range e.IDs {
		if p.Hash == id {
			return p.Until.IsZero() || p.Until.After(now)
		}
	}
	return false
}

// miss is the answer to an id that never was, or that is asked for too often.
func (s *Server) miss(c client) *problem {
	if p := s.missed(c); p != nil {
		return p
	}
	p := problemNotFound()
	return &p
}

func (s *Server) missed(c client) *problem {
	if ok, after := s.rates.Miss(c.Addr); !ok {
		s.metrics.limited("miss")
		p := problemRate(after)
		return &p
	}
	return nil
}

// counted makes the known record be read again: what several requests heard of
// the uses left may come here in another order than the store counted.
func (h *hub) counted() {
	h.s.changes.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stale = true
}

// unread is the answer when a body could not be read or spooled.
func (s *Server) unread(h *hub, err error) Answer {
	var spool *spoolError
	if errors.As(err, &spool) {
		s.log.Error("body not spooled", "endpoint", h.label(), "err", err)
		s.metrics.limited("storage")
		return refuse(problemStorage(retrySoon))
	}
	s.metrics.limited("body")
	return refuse(problemForRead(err, s.opts.MaxBody))
}

// heldBody is a body that several may hold: the sender's handler, and an
// attempt that goes on when the sender has been answered.
type heldBody struct {
	tunnel.Body
	all  []byte // of a body in memory
	refs atomic.Int32
	free func()
}

// Bytes is the whole of a body in memory (tunnel.Body).
func (b *heldBody) Bytes() []byte { return b.all }

func (b *heldBody) hold() { b.refs.Add(1) }

func (b *heldBody) release() {
	if b.refs.Add(-1) == 0 && b.free != nil {
		b.free()
	}
}

// maxKeptBody is the largest buffer for a body that is used again. It is no
// larger than what a tunnel sends in one frame: a longer body may still be read
// for its next piece when its attempt has ended.
const maxKeptBody = 128 << 10

// bodyBuffers are for bodies in memory.
var bodyBuffers = sync.Pool{New: func() any { return new([]byte) }}

// spoolError is a fault of our disk, not of the sender.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }

// hold reads a body into memory, or into the store's spool when it is large.
func (s *Server) hold(ctx context.Context, src *bodyReader, announced int64) (*heldBody, error) {
	held := new(heldBody)
	held.refs.Store(1)
	// What is only announced gets neither memory nor a file: a sender can
	// announce 25 MiB on ten thousand connections.
	room := bodyBuffers.Get().(*[]byte)
	buf := *bytes.NewBuffer((*room)[:0])
	buf.Grow(int(min(max(announced, 0), firstStep)) + bytes.MinRead)
	_, err := buf.ReadFrom(io.LimitReader(src, inMemory+1))
	if err != nil {
		return nil, err
	}
	if buf.Len() <= inMemory {
		held.all = buf.Bytes()
		held.Body = bytes.NewReader(held.all)
		if buf.Cap() <= maxKeptBody {
			held.free = func() {
				*room = held.all[:0]
				bodyBuffers.Put(room)
			}
		}
		return held, nil
	}
	spool, err := s.store.Spool(ctx)
	if err != nil {
		return nil, &spoolError{err}
	}
	if err := fill(spool, &buf, src); err != nil {
		spool.Discard()
		return nil, err
	}
	src.keep(0)
	held.Body = spool
	held.free = func() { spool.Discard() }
	return held, nil
}

// fill writes what was read and the rest of the body to the spool.
func fill(spool Spool, read *bytes.Buffer, src *bodyReader) error {
	if _, err := spool.Write(read.Bytes()); err != nil {
		return &spoolError{err}
	}
	*read = bytes.Buffer{} // the rest may take long
	src.keep(0)
	chunk := make([]byte, 64<<10)
	for {
		n, err := src.Read(chunk)
		if n > 0 {
			if _, err := spool.Write(chunk[:n]); err != nil {
				return &spoolError{err}
			}
			src.keep(0)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
