package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// helloWithin is how long a listener may take to say hello.
const helloWithin = 10 * time.Second

// SessionOptions says how a relay treats one tunnel.
type SessionOptions struct {
	Welcome Welcome // what to tell the listener; its Window is the smaller of both sides'

	// Paused and Resumed are told when the listener pauses and resumes. They
	// are called from the reader and must not block. Either may be nil.
	Paused  func(reason string)
	Resumed func()
}

// Outcome is how an attempt ended: with a result, with a failure, or lost with
// its session (both nil).
type Outcome struct {
	Result  *Result
	Failure *Failure
}

// Lost tells that the session ended before the attempt did. The listener may
// still be running it, and name it when it is back.
func (o Outcome) Lost() bool { return o.Result == nil && o.Failure == nil }

// Session is the relay's end of one tunnel, for one life of it.
type Session struct {
	link   *link
	hello  Hello
	opts   SessionOptions
	window window

	mu     sync.Mutex
	open   map[ID]*sent
	ended  bool
	paused bool
	leave  bool        // goaway was sent
	last   *CloseError // say it when nothing is open any more

	// Of pauses and resumptions; only dispatch uses them.
	changes int
	since   time.Time
}

// sent is a delivery under way.
type sent struct {
	attempt int
	size    int64
	done    func(Outcome)
	result  *Result // its body still comes in pieces
	body    pieces
}

// ReadHello reads the listener's first frame.
func ReadHello(ctx context.Context, conn Conn) (Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, helloWithin)
	defer cancel()
	var h Hello
	msg, err := conn.Read(ctx)
	if err != nil {
		return h, err
	}
	t, payload, rest, err := nextFrame(msg)
	if err != nil {
		return h, violation("%v", err)
	}
	if t != typeHello || len(rest) > 0 {
		return h, violation("the first frame is not hello")
	}
	if err := decodeFrame(&h, payload); err != nil {
		return h, violation("%v", err)
	}
	if h.Mode != 0 {
		return h, violation("mode %d is not known", h.Mode)
	}
	if h.Window.Deliveries < 1 {
		return h, violation("window of no deliveries")
	}
	return h, nil
}

// NewSession makes a session over conn for a listener that said h. It sends
// nothing until Run, and then the welcome first.
func NewSession(ctx context.Context, conn Conn, h Hello, opts SessionOptions) *Session {
	s := &Session{link: newLink(ctx, conn), hello: h, opts: opts, open: make(map[ID]*sent), paused: h.Paused}
	s.opts.Welcome.Window.Deliveries = min(opts.Welcome.Window.Deliveries, h.Window.Deliveries)
	s.opts.Welcome.Window.Bytes = min(opts.Welcome.Window.Bytes, h.Window.Bytes)
	s.window.limit = s.opts.Welcome.Window
	return s
}

// Resume takes up an attempt that hello named. Only before Run.
func (s *Session) Resume(id ID, attempt int, size int64, done func(Outcome)) {
	s.window.force(size)
	s.open[id] = &sent{attempt: attempt, size: size, done: done}
	s.opts.Welcome.Resumed = append(s.opts.Welcome.Resumed, id)
}

// Run sends the welcome and serves the tunnel until it ends, and says why: a
// *CloseError when either side closed it, ErrDead, the connection's own error,
// or the cause of ctx. Every open attempt has then been told that it is lost.
func (s *Session) Run() error {
	s.link.sendFirst(&s.opts.Welcome) // deliveries may be waiting already
	written := make(chan struct{})
	go func() { defer close(written); s.link.write() }()
	err := s.link.read(s.dispatch)
	s.link.fail(err)
	<-written
	abort(s.link.conn)
	s.lose()
	return err
}

// ErrPaused is Deliver's answer while the listener is paused or the session
// is on its way out.
var ErrPaused = errors.New("listener is paused")

// Deliver hands d to the listener as soon as the window has room. done is
// called once, from the session's goroutine, and must not block. body is the
// delivery's body where d.Body is not; it must stay readable until done.
// Errors: ErrPaused, ErrClosed, the cause of ctx; done is then not called.
func (s *Session) Deliver(ctx context.Context, d *Delivery, body Body, done func(Outcome)) error {
	if body == nil {
		body = bytes.NewReader(d.Body)
	}
	size := body.Size()
	if err := s.ready(); err != nil {
		return err
	}
	if err := s.acquire(ctx, size); err != nil {
		return err
	}
	f := &deliverFrame{d: d, size: size}
	if size > 0 && size <= maxInline {
		f.body = d.Body
		if whole, ok := body.(interface{ Bytes() []byte }); ok && int64(len(f.body)) != size {
			f.body = whole.Bytes()
		}
		if int64(len(f.body)) != size {
			buf := *buffers.Get().(*[]byte)
			if int64(cap(buf)) < size {
				buf = make([]byte, maxInline) // for any of them
			}
			defer keepBuffer(buf) // send copies it
			f.body = buf[:size]
			if _, err := body.ReadAt(f.body, 0); err != nil && size > 0 {
				s.window.release(size)
				return fmt.Errorf("reading the body of %s: %w", d.ID, err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.readyLocked(); err != nil {
		s.window.release(size)
		return err
	}
	if s.open[d.ID] != nil {
		s.window.release(size)
		return fmt.Errorf("delivery %s is under way already", d.ID)
	}
	s.open[d.ID] = &sent{attempt: d.Attempt, size: size, done: done}
	if size <= maxInline {
		s.link.send(f)
		return nil
	}
	s.link.sendWith(f, &bulk{id: d.ID, src: body, size: size, failed: func(error) { s.link.send(&cancelFrame{id: d.ID}) }})
	return nil
}

func (s *Session) acquire(ctx context.Context, size int64) error {
	if s.window.try(size) {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(s.link.ctx, func() { cancel(ErrClosed) })
	defer stop()
	return s.window.acquire(ctx, size)
}

func (s *Session) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readyLocked()
}

func (s *Session) readyLocked() error {
	switch {
	case s.ended || s.link.ctx.Err() != nil:
		return ErrClosed
	case s.paused || s.leave:
		return ErrPaused
	}
	return nil
}

// Paused tells whether the listener has asked for a pause.
func (s *Session) Paused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

// Open counts the attempts under way.
func (s *Session) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Settled tells the listener what became of its attempts.
func (s *Session) Settled(list ...Settlement) {
	for i := range list {
		list[i].Reason = list[i].Reason[:min(len(list[i].Reason), maxDetail)]
	}
	for len(list) > 0 {
		n := min(len(list), 256)
		s.link.send(&settledFrame{list[:n]})
		list = list[n:]
	}
}

// Cancel tells the listener that the sender of a delivery under way has gone.
func (s *Session) Cancel(id ID, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[id] != nil {
		s.link.drop(id)
		s.link.send(&cancelFrame{id, after})
	}
}

// Notice sends a word to the person at the listener.
func (s *Session) Notice(text string) { s.link.send(&Notice{text[:min(len(text), maxDetail)]}) }

// Gap tells the listener that deliveries were deleted unanswered.
func (s *Session) Gap(g Gap) {
	g.Reason = g.Reason[:min(len(g.Reason), maxDetail)]
	s.link.send(&g)
}

// GoAway tells the listener that the relay stops and when to redial; nothing
// more is delivered. Close ends the session when what is under way is done.
func (s *Session) GoAway(after time.Duration) {
	s.mu.Lock()
	s.leave = true
	s.mu.Unlock()
	s.link.send(&goAwayFrame{after})
}

// CloseWhenIdle ends the session with a code once nothing is under way.
func (s *Session) CloseWhenIdle(code CloseCode, reason string) {
	s.mu.Lock()
	s.leave = true
	s.last = &CloseError{code, reason}
	idle := len(s.open) == 0
	s.mu.Unlock()
	if idle {
		s.link.shut(code, reason)
	}
}

// Close ends the session with a code, after what is queued for the listener.
// It does not wait: Run returns when it is done.
func (s *Session) Close(code CloseCode, reason string) { s.link.shut(code, reason) }

// Displace ends the session in favour of a newer one: what it still says is
// ignored from now on, its attempts are lost, and the listener is told why.
// When it returns no callback of this session runs any more or ever will.
func (s *Session) Displace(code CloseCode, reason string) {
	s.lose()
	s.link.shut(code, reason)
}

// Abort ends the session at once, without a word: its connection is taken for
// dead.
func (s *Session) Abort() {
	s.lose()
	s.link.fail(ErrClosed)
}

// lose ends all attempts as lost.
func (s *Session) lose() {
	s.mu.Lock()
	s.ended = true
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for id, o := range open {
		s.link.drop(id)
		s.window.release(o.size)
		o.done(Outcome{})
	}
}

// Epoch is the session's epoch.
func (s *Session) Epoch() uint64 { return s.opts.Welcome.Epoch }

// RTT is the last measured round trip; 0: none yet.
func (s *Session) RTT() time.Duration { return time.Duration(s.link.rtt.Load()) }

func (s *Session) dispatch(t frameType, payload []byte) error {
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended {
		return nil
	}
	switch t {
	case typeResult:
		var f resultFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		return s.result(&f)
	case typePiece:
		var f pieceFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		return s.piece(&f)
	case typeFailed:
		var f failedFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		return s.failed(&f)
	case typePause:
		var f pauseFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		return s.setPaused(true, f.reason)
	case typeResume:
		if err := decodeFrame(resumeFrame{}, payload); err != nil {
			return err
		}
		return s.setPaused(false, "")
	}
	return violation("frame 0x%02x is not for a relay", byte(t))
}

// maxChanges is how often a listener may pause or resume within ten seconds:
// each time the relay looks through its queue.
const maxChanges = 64

func (s *Session) setPaused(paused bool, reason string) error {
	if now := time.Now(); now.Sub(s.since) > 10*time.Second {
		s.since, s.changes = now, 0
	}
	if s.changes++; s.changes > maxChanges {
		return violation("more than %d pauses in ten seconds", maxChanges)
	}
	s.mu.Lock()
	s.paused = paused
	s.mu.Unlock()
	if paused && s.opts.Paused != nil {
		s.opts.Paused(reason)
	}
	if !paused && s.opts.Resumed != nil {
		s.opts.Resumed()
	}
	return nil
}

// find is the open attempt that a frame speaks of: only what this session was
// given can be answered in it, once.
func (s *Session) find(epoch uint64, id ID, attempt int) (*sent, error) {
	if epoch != s.opts.Welcome.Epoch {
		return nil, violation("epoch %d is not this session's %d", epoch, s.opts.Welcome.Epoch)
	}
	o := s.open[id]
	if o == nil || o.attempt != attempt {
		if s.ended { // displaced while this frame was being read
			return nil, ErrClosed
		}
		return nil, violation("no attempt %d of %s is open in this session", attempt, id)
	}
	return o, nil
}

func (s *Session) result(f *resultFrame) error {
	if f.sent > s.opts.Welcome.MaxAnswer {
		return violation("answer of %d bytes is over %d", f.sent, s.opts.Welcome.MaxAnswer)
	}
	r := &Result{
		Status: f.status, Header: f.header, Size: f.size,
		By: f.by, Verdict: f.verdict, Timing: f.timing,
	}
	s.mu.Lock()
	o, err := s.find(f.epoch, f.id, f.attempt)
	if err == nil && o.result != nil {
		err = violation("second result for %s", f.id)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	if f.sent > int64(len(f.body)) {
		o.result = r
		o.body = pieces{size: f.sent}
		s.mu.Unlock()
		return nil
	}
	r.Body = bytes.Clone(f.body)
	delete(s.open, f.id)
	s.mu.Unlock()
	s.end(f.id, o, Outcome{Result: r})
	return nil
}

func (s *Session) piece(f *pieceFrame) error {
	s.mu.Lock()
	o := s.open[f.id]
	if o == nil || o.result == nil {
		s.mu.Unlock()
		return violation("piece of %s, which has no result", f.id)
	}
	whole, err := o.body.add(f.data)
	if whole {
		o.result.Body = o.body.buf
		delete(s.open, f.id)
	}
	s.mu.Unlock()
	if whole {
		s.end(f.id, o, Outcome{Result: o.result})
	}
	return err
}

func (s *Session) failed(f *failedFrame) error {
	s.mu.Lock()
	o, err := s.find(f.epoch, f.id, f.attempt)
	if err == nil {
		delete(s.open, f.id)
	}
	s.mu.Unlock()
	if err == nil {
		s.end(f.id, o, Outcome{Failure: &Failure{f.kindOf, f.detail}})
	}
	return err
}

// end gives the room back and tells the one who waits.
func (s *Session) end(id ID, o *sent, out Outcome) {
	s.link.drop(id) // an answer may come before the whole body was sent
	s.window.release(o.size)
	o.done(out)
	s.mu.Lock()
	last := s.last
	if len(s.open) > 0 {
		last = nil
	}
	s.mu.Unlock()
	if last != nil {
		s.link.shut(last.Code, last.Reason)
	}
}
