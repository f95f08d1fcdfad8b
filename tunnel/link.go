package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// PingInterval is how often each side asks whether the other is there.
	PingInterval = 15 * time.Second
	// DeadAfter is how long a side may stay silent. It is less than two ping
	// intervals and, for the slack of timers and of what was on its way, half a
	// second less than the 25 s within which a frozen peer is to be noticed; and
	// nearly ten seconds more than one interval, so that a slow phone link is
	// not taken for dead.
	DeadAfter = 24*time.Second + 500*time.Millisecond
	// stuckAfter is how long one message may take to leave: the other side
	// pings but does not read.
	stuckAfter = 60 * time.Second
	// closeWithin bounds saying goodbye.
	closeWithin = 2 * time.Second
)

// link is what both ends of a tunnel share: the writer that gathers frames into
// messages, pings, and the watch over silence. One goroutine calls read, one
// calls write; any may send.
type link struct {
	conn   Conn
	ctx    context.Context
	cancel context.CancelCauseFunc

	heard   atomic.Int64 // when a message last came in, as nanoseconds since started
	writing atomic.Int64 // since when a message is being written; 0: none is
	started time.Time
	rtt     atomic.Int64

	mu      sync.Mutex
	full    [][]byte      // whole frames, in order, in buffers of about maxBatch
	out     []byte        // and the last of them
	bulk    []*bulk       // bodies in pieces, in turn
	answers int           // in out, and bulk ones whose last piece is not taken
	inline  int           // of answers: those in out
	pong    *pongFrame    // only the latest: a flood of pings costs nothing
	closing *CloseError   // say it when out is empty, then end
	wake    chan struct{} // there is something to write
	timer   *time.Timer
	ping    int64 // when the next ping is due, as heard; only tick uses it
}

// bulk is a body on its way in pieces.
type bulk struct {
	id   ID
	src  Body
	off  int64
	size int64
	// answer: it belongs to a result, and counts in link.answers.
	answer bool
	// failed is called when src cannot be read; nil when it cannot happen.
	failed func(error)
}

func newLink(ctx context.Context, conn Conn) *link {
	l := &link{conn: conn, wake: make(chan struct{}, 1), started: time.Now(), ping: int64(PingInterval)}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.timer = time.AfterFunc(PingInterval, l.tick)
	return l
}

// now is the monotonic time since the link was made, never 0.
func (l *link) now() int64 { return int64(time.Since(l.started)) + 1 }

// tick runs at each ping interval and when silence may have lasted too long.
func (l *link) tick() {
	if l.ctx.Err() != nil {
		return
	}
	now := l.now()
	silent, since := time.Duration(now-l.heard.Load()), l.writing.Load()
	if silent >= DeadAfter || since > 0 && time.Duration(now-since) >= stuckAfter {
		dead(l.conn)
		l.fail(ErrDead)
		return
	}
	if now >= l.ping {
		l.send(&pingFrame{stamp: uint64(now)})
		l.ping = now + int64(PingInterval)
	}
	next := min(time.Duration(l.ping-now), DeadAfter-silent)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() == nil {
		l.timer.Reset(next)
	}
}

// fail ends the link at once. The first cause stays.
func (l *link) fail(cause error) {
	l.cancel(cause)
	l.mu.Lock()
	l.timer.Stop()
	l.mu.Unlock()
}

// shut says goodbye after what is queued, then ends the link.
func (l *link) shut(code CloseCode, reason string) {
	l.mu.Lock()
	if l.closing == nil {
		l.closing = &CloseError{code, reason}
		l.bulk = nil
	}
	l.mu.Unlock()
	l.poke()
}

func (l *link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// buffers are for what waits to be written and for bodies on their way there:
// an idle tunnel holds none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxKept is the largest buffer that is used again.
const maxKept = 1 << 20

func keepBuffer(b []byte) {
	if cap(b) > 0 && cap(b) <= maxKept {
		b = b[:0]
		buffers.Put(&b)
	}
}

// queue appends a frame to out. Guarded by mu.
func (l *link) queue(f frame) {
	if len(l.out) >= maxBatch { // another one is cheaper than a larger one
		l.full = append(l.full, l.out)
		l.out = nil
	}
	if l.out == nil {
		l.out = *buffers.Get().(*[]byte)
	}
	l.out = appendFrame(l.out, f)
}

// send queues a frame. Frames keep their order; pieces of bodies come after
// whatever small frames are waiting.
func (l *link) send(f frame) {
	l.mu.Lock()
	l.queue(f)
	l.mu.Unlock()
	l.poke()
}

// sendFirst queues a frame before all others. Only before write.
func (l *link) sendFirst(f frame) {
	l.mu.Lock()
	l.full = append([][]byte{appendFrame(nil, f)}, l.full...)
	l.mu.Unlock()
	l.poke()
}

// sendWith queues a frame and the long body that belongs to it.
func (l *link) sendWith(f frame, b *bulk) {
	l.mu.Lock()
	l.queue(f)
	l.bulk = append(l.bulk, b)
	l.mu.Unlock()
	l.poke()
}

// sendAnswer is send or, where b is not nil, sendWith for an answer.
func (l *link) sendAnswer(f frame, b *bulk) {
	l.mu.Lock()
	l.queue(f)
	l.answers++
	if b == nil {
		l.inline++
	} else {
		b.answer = true
		l.bulk = append(l.bulk, b)
	}
	l.mu.Unlock()
	l.poke()
}

// unsent counts the answers that the other side cannot have read yet.
func (l *link) unsent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers
}

// drop takes a body out of the line. It tells whether pieces were left.
func (l *link) drop(id ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, b := range l.bulk {
		if b.id == id {
			l.bulk = append(l.bulk[:i], l.bulk[i+1:]...)
			return true
		}
	}
	return false
}

// write is the writer's loop: it takes all that waits and sends it as one
// message, without a timer. It returns why the link ended.
func (l *link) write() error {
	for {
		select {
		case <-l.wake:
		case <-l.ctx.Done():
			return context.Cause(l.ctx)
		}
		for {
			runtime.Gosched() // others may be about to add to this message
			full, batch, piece, closing := l.take()
			if len(full) == 0 && len(batch) == 0 && piece == nil {
				if closing == nil {
					break
				}
				l.goodbye(closing)
				return closing
			}
			if piece != nil {
				var err error
				if batch, err = appendPiece(batch, piece); err != nil {
					l.drop(piece.id)
					piece.failed(err)
				}
			}
			for _, b := range append(full, batch) {
				if err := l.flush(b); err != nil {
					l.fail(err)
					return context.Cause(l.ctx)
				}
				keepBuffer(b)
			}
		}
	}
}

// take empties the queue of frames and picks the body whose turn it is.
func (l *link) take() (full [][]byte, batch []byte, piece *bulk, closing *CloseError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full, batch, l.full, l.out = l.full, l.out, nil, nil
	l.answers -= l.inline
	l.inline = 0
	if l.pong != nil {
		batch = appendFrame(batch, l.pong)
		l.pong = nil
	}
	if len(l.bulk) > 0 {
		piece = l.bulk[0]
		if batch == nil {
			batch = *buffers.Get().(*[]byte)
		}
		copy(l.bulk, l.bulk[1:])
		l.bulk = l.bulk[:len(l.bulk)-1]
		if piece.off+pieceSize < piece.size {
			l.bulk = append(l.bulk, piece)
		} else if piece.answer {
			l.answers--
		}
	}
	return full, batch, piece, l.closing
}

// appendPiece appends the next piece of a body as a frame, read to where it
// belongs.
func appendPiece(batch []byte, p *bulk) ([]byte, error) {
	size := int(min(pieceSize, p.size-p.off))
	frame := append(batch, byte(typePiece))
	var count [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(count[:], uint64(size))
	frame = binary.AppendUvarint(frame, uint64(len(p.id)+n+size))
	frame = append(append(frame, p.id[:]...), count[:n]...)
	start := len(frame)
	frame = slices.Grow(frame, size)[:start+size]
	if n, err := p.src.ReadAt(frame[start:], p.off); n < size {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return frame[:len(batch)], err
	}
	p.off += int64(size)
	return frame, nil
}

// flush writes a batch in messages of about maxBatch bytes, cut between frames.
func (l *link) flush(batch []byte) error {
	defer l.writing.Store(0)
	for len(batch) > 0 {
		n := 0
		for n < len(batch) {
			_, _, rest, err := nextFrame(batch[n:])
			if err != nil {
				return err
			}
			size := len(batch) - n - len(rest)
			if n > 0 && n+size > maxBatch {
				break
			}
			n += size
		}
		l.writing.Store(l.now())
		if err := l.conn.Write(l.ctx, batch[:n]); err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// goodbye closes the connection with a code, as far as it can.
func (l *link) goodbye(ce *CloseError) {
	if c, ok := l.conn.(Closer); ok {
		done := make(chan struct{})
		stop := time.AfterFunc(closeWithin, func() { l.fail(ce) })
		go func() { defer close(done); c.Close(ce.Code, ce.Reason) }()
		select {
		case <-done:
		case <-l.ctx.Done():
		}
		stop.Stop()
	}
	l.fail(ce)
}

// read is the reader's loop: it cuts messages into frames and hands them to
// dispatch, which must not block. It returns why the link ended.
func (l *link) read(dispatch func(t frameType, payload []byte) error) error {
	for {
		msg, err := l.conn.Read(l.ctx)
		if err != nil {
			if cause := context.Cause(l.ctx); cause != nil {
				return cause
			}
			if closeCode(err) == CloseProtocol {
				return l.refuse(err)
			}
			l.fail(err)
			return err
		}
		l.heard.Store(l.now())
		for len(msg) > 0 {
			t, payload, rest, err := nextFrame(msg)
			if err == nil {
				err = l.control(t, payload, dispatch)
			}
			if err != nil {
				return l.refuse(err)
			}
			msg = rest
		}
	}
}

// refuse tells the other side that it broke the protocol, and ends the link.
func (l *link) refuse(err error) error {
	var ce *CloseError
	if !errors.As(err, &ce) {
		ce = &CloseError{CloseProtocol, err.Error()}
	}
	l.shut(ce.Code, ce.Reason)
	select { // the writer says it and ends the link, unless it is stuck
	case <-l.ctx.Done():
	case <-time.After(2 * closeWithin):
		l.fail(ce)
	}
	return ce
}

// control handles the frames that both sides treat alike.
func (l *link) control(t frameType, payload []byte, dispatch func(frameType, []byte) error) error {
	switch t {
	case typePing:
		var f pingFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		l.mu.Lock()
		l.pong = &pongFrame{f.stamp, time.Now()}
		l.mu.Unlock()
		l.poke()
		return nil
	case typePong:
		var f pongFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		if now := l.now(); f.stamp > 0 && f.stamp <= uint64(now) {
			l.rtt.Store(now - int64(f.stamp))
		}
		return nil
	}
	return dispatch(t, payload)
}

// pieces collects the pieces of one body.
type pieces struct {
	buf  []byte
	size int64
}

// add takes the next piece and tells whether the body is whole.
func (p *pieces) add(data []byte) (whole bool, err error) {
	if int64(len(p.buf))+int64(len(data)) > p.size {
		return false, violation("pieces exceed the %d bytes announced", p.size)
	}
	p.buf = append(p.buf, data...)
	return int64(len(p.buf)) == p.size, nil
}
