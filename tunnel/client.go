package tunnel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// DefaultDeliveries and DefaultBytes are the window of a listener.
	DefaultDeliveries = 64
	DefaultBytes      = 64 << 20
	// DefaultMaxBody is the largest webhook, as relays take it by default.
	DefaultMaxBody = 25 << 20
	// DefaultDrain is how long a listener that is told to stop waits for what
	// is under way.
	DefaultDrain = 5 * time.Second

	// keepAnswers and keepBytes bound the answers that wait for the relay's
	// word; the oldest go first.
	keepAnswers = 1024
	keepBytes   = 16 << 20

	welcomeWithin = 10 * time.Second
	probeEvery    = 2 * time.Second
)

// ClientOptions says what a listener does. Dial, Endpoint and Handler are
// needed.
type ClientOptions struct {
	Dial     func(ctx context.Context) (Conn, error)
	Endpoint string  // public id
	Name     string  // program and version, for the relay's logs
	Handler  Handler // called once for each delivery, up to Window.Deliveries at a time
	Window   Window  // default DefaultDeliveries, DefaultBytes
	MaxBody  int64   // what is taken of one delivery at least; more where the relay says so, up to Window.Bytes; default DefaultMaxBody
	Drain    time.Duration

	// Probe tells whether the target can be reached now. When it is set and an
	// attempt finds the target unreachable, the tunnel pauses; the port is
	// probed every two seconds, and the tunnel goes on when it opens.
	Probe func(ctx context.Context) error

	// Spared is asked before such a pause where there are several targets: true
	// means that another of them can be reached, and that the tunnel goes on.
	Spared func(ctx context.Context) bool

	// Events is told what happens, one event at a time and in order. It must
	// not call the Client.
	Events func(Event)

	NoRetry bool // return the first error instead of redialling

	wall func() time.Time // the clock on the wall; tests move it
}

// Client is the listener's end of a tunnel: it dials, hands deliveries to its
// Handler, sends back the answers, and redials for ever.
type Client struct {
	opts     ClientOptions
	instance [16]byte

	events sync.Mutex // held while Events runs; taken before mu, never inside it

	mu      sync.Mutex
	epoch   uint64
	maxBody int64 // of a delivery
	link    *link // nil while there is no welcome
	open    map[ID]*taken
	said    Window // in the last hello
	used    Window // by deliveries that are coming in or running
	orphans Window // by those that still run and that the relay has forgotten
	answers int64  // largest body of an answer that the relay takes
	order   []ID   // answered and not settled, oldest first
	kept    int64  // bytes of their answers
	running sync.WaitGroup
	idle    chan struct{} // replaced when open changes; see drain
	byUser  bool          // Pause was called
	closed  bool          // the target is unreachable
	goAway  time.Duration
}

// taken is a delivery that the client has and the relay has not settled.
type taken struct {
	d       *Delivery
	attempt int
	size    int64
	body    pieces
	whole   bool
	orphan  bool  // counted in orphans
	answer  frame // nil while it runs
	payload []byte
	kept    int64
}

// NewClient makes a Client; Run starts it.
func NewClient(opts ClientOptions) *Client {
	opts.Window.Deliveries = cmp.Or(opts.Window.Deliveries, DefaultDeliveries)
	opts.Window.Bytes = cmp.Or(opts.Window.Bytes, DefaultBytes)
	opts.MaxBody = cmp.Or(opts.MaxBody, DefaultMaxBody)
	opts.Drain = cmp.Or(opts.Drain, DefaultDrain)
	if opts.wall == nil {
		opts.wall = time.Now
	}
	c := &Client{opts: opts, open: make(map[ID]*taken), idle: make(chan struct{})}
	rand.Read(c.instance[:])
	return c
}

// Final tells whether err means that redialling is of no use: the relay
// refused this listener for good.
func Final(err error) bool {
	switch closeCode(err) {
	case CloseUnauthorised, CloseUnknown, CloseGone, CloseTakenOver, CloseVersion:
		return true
	}
	var de *DialError
	return errors.As(err, &de) && de.final()
}

// Run keeps the tunnel up until ctx ends; then it drains: it asks for no more,
// waits up to Drain for what runs, and returns nil. It returns an error only
// where Final says so, or at the first failure under NoRetry.
func (c *Client) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer c.running.Wait()
	defer stop()
	woke := c.watchSleep(work)
	var back backoff
	for {
		began := time.Now()
		welcomed, err := c.connect(ctx, work, woke)
		if ctx.Err() != nil {
			return nil
		}
		if Final(err) || c.opts.NoRetry {
			return err
		}
		if welcomed && time.Since(began) > healthyAfter {
			back = backoff{}
		}
		wait := back.next()
		c.mu.Lock()
		if c.goAway > 0 {
			wait = jitterBelow(c.goAway)
			c.goAway = 0
		}
		c.mu.Unlock()
		if errors.Is(err, errWoke) {
			wait = 0
		}
		c.emit(Lost{Err: err, Was: welcomed, Retry: wait})
		select {
		case <-time.After(wait):
		case <-woke:
		case <-ctx.Done():
			return nil
		}
	}
}

// errWoke ends a link that slept with the machine: TCP would look alive for
// minutes.
var errWoke = errors.New("machine was asleep")

// connect runs one life of the link.
func (c *Client) connect(ctx, work context.Context, woke <-chan struct{}) (welcomed bool, err error) {
	c.emit(Dialing{})
	conn, err := c.opts.Dial(ctx)
	if err != nil {
		return false, err
	}
	l := newLink(context.WithoutCancel(ctx), conn)
	hello := c.hello()
	l.send(&hello)
	written := make(chan struct{})
	go func() { defer close(written); l.write() }()
	late := time.AfterFunc(welcomeWithin, func() { l.fail(fmt.Errorf("no welcome within %s", welcomeWithin)) })
	over := make(chan struct{})
	minded := make(chan struct{})
	go func() {
		defer close(minded)
		select {
		case <-ctx.Done():
			c.drain(l, over)
		case <-woke:
			l.fail(errWoke)
		case <-over:
		}
	}()
	err = l.read(func(t frameType, payload []byte) error {
		if !welcomed {
			if t != typeWelcome {
				return violation("the first frame is not welcome")
			}
			var w Welcome
			if err := decodeFrame(&w, payload); err != nil {
				return err
			}
			late.Stop()
			welcomed = true
			c.attach(l, &w)
			return nil
		}
		return c.dispatch(work, l, t, payload)
	})
	late.Stop()
	c.mu.Lock()
	if c.link == l {
		c.link = nil
	}
	// What was coming in will come again.
	for id, t := range c.open {
		if !t.whole {
			c.forget(id, t)
			c.free(t)
		}
	}
	c.mu.Unlock()
	l.fail(err)
	close(over)
	<-written
	<-minded
	abort(conn)
	return welcomed, err
}

func (c *Client) hello() Hello {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = Window{max(c.opts.Window.Deliveries-c.orphans.Deliveries, 1), max(c.opts.Window.Bytes-c.orphans.Bytes, 0)}
	h := Hello{
		Client: c.opts.Name, Instance: c.instance, Epoch: c.epoch, Endpoint: c.opts.Endpoint,
		Paused: c.byUser || c.closed, Window: c.said,
	}
	for id, t := range c.open {
		if len(h.Open) == maxList {
			break
		}
		h.Open = append(h.Open, OpenAttempt{id, t.attempt, t.answer != nil})
	}
	return h
}

// attach makes l the link that answers go to and sends those that wait.
func (c *Client) attach(l *link, w *Welcome) {
	c.mu.Lock()
	c.epoch = w.Epoch
	c.answers = w.MaxAnswer
	c.maxBody = max(c.opts.MaxBody, min(w.MaxBody, c.opts.Window.Bytes)) // a relay may take more, within our own window
	c.link = l
	known := make(map[ID]bool, len(w.Resumed))
	for _, id := range w.Resumed {
		known[id] = true
	}
	for id, t := range c.open {
		switch {
		case known[id] && t.answer != nil:
			c.sendAnswer(t)
		case !known[id]:
			c.forget(id, t)
			if t.answer == nil { // it runs on; the relay has given its room to others
				c.free(t)
				t.orphan = true
				c.orphans.Deliveries++
				c.orphans.Bytes += t.size
			}
		}
	}
	c.mu.Unlock()
	c.emit(Connected{Welcome: *w})
}

// forget takes a delivery off the books. Guarded by mu.
func (c *Client) forget(id ID, t *taken) {
	delete(c.open, id)
	c.kept -= t.kept
	close(c.idle)
	c.idle = make(chan struct{})
}

// free gives back the room of a delivery. Guarded by mu.
func (c *Client) free(t *taken) {
	w := &c.used
	if t.orphan {
		w = &c.orphans
	}
	w.Deliveries--
	w.Bytes -= t.size
}

func (c *Client) dispatch(work context.Context, l *link, t frameType, payload []byte) error {
	switch t {
	case typeDeliver:
		var f deliverFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		return c.deliver(work, l, &f)
	case typePiece:
		var f pieceFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		return c.piece(work, &f)
	case typeCancel:
		var f cancelFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		c.cancelled(l, &f)
		return nil
	case typeSettled:
		var f settledFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		for _, s := range f.list {
			c.settled(s)
		}
		return nil
	case typeGap:
		var f Gap
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		c.emit(f)
		return nil
	case typeNotice:
		var f Notice
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		c.emit(f)
		return nil
	case typeGoAway:
		var f goAwayFrame
		if err := decodeFrame(&f, payload); err != nil {
			return err
		}
		c.mu.Lock()
		c.goAway = min(max(f.after, time.Millisecond), maxBackoff)
		c.mu.Unlock()
		c.emit(GoingAway{f.after})
		return nil
	}
	return violation("frame 0x%02x is not for a listener", byte(t))
}

// deliver takes a delivery in. The window is the listener's own protection: a
// relay that exceeds it is cut off. Answers that have not left yet count: a
// relay that sends and does not read would fill the memory with them.
func (c *Client) deliver(work context.Context, l *link, f *deliverFrame) error {
	t := &taken{d: f.d, attempt: f.d.Attempt, size: f.size, body: pieces{size: f.size}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.size > c.maxBody {
		return violation("body of %d bytes is over %d", f.size, c.maxBody)
	}
	if c.open[f.d.ID] != nil {
		return violation("%s is under way already", f.d.ID)
	}
	waiting := l.unsent()
	if w := c.said; c.used.Deliveries+waiting > 0 && (c.used.Deliveries+waiting >= w.Deliveries || c.used.Bytes+f.size > w.Bytes) {
		return violation("window of %d deliveries and %d bytes exceeded", w.Deliveries, w.Bytes)
	}
	// What a relay forgets must not let it fill the memory with every new link.
	if n := c.orphans.Bytes; n > 0 && n+c.used.Bytes+f.size > c.opts.Window.Bytes {
		return violation("%d bytes of earlier deliveries are still in hand", n)
	}
	c.used.Deliveries++
	c.used.Bytes += f.size
	c.open[f.d.ID] = t
	if int64(len(f.body)) == f.size {
		t.d.Body = bytes.Clone(f.body)
		c.start(work, t)
		return nil
	}
	t.body.buf = make([]byte, 0, f.size) // bounded by the window
	return nil
}

func (c *Client) piece(work context.Context, f *pieceFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.open[f.id]
	if t == nil || t.whole {
		return violation("piece of %s, which wants none", f.id)
	}
	whole, err := t.body.add(f.data)
	if whole {
		t.d.Body, t.body.buf = t.body.buf, nil
		c.start(work, t)
	}
	return err
}

// start runs the handler. Guarded by mu.
func (c *Client) start(work context.Context, t *taken) {
	t.whole = true
	c.running.Go(func() {
		result, err := c.handle(work, t.d)
		c.answer(work, t, result, AsFailure(err))
	})
}

// handle keeps a panic of a handler from ending the program.
func (c *Client) handle(ctx context.Context, d *Delivery) (r *Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, &Failure{Internal, fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return c.opts.Handler.Handle(ctx, d)
}

// answer books what the handler said and sends it, now or after a redial.
func (c *Client) answer(work context.Context, t *taken, r *Result, failure *Failure) {
	if r == nil && failure == nil {
		failure = &Failure{Kind: Internal, Detail: "handler gave no answer"}
	}
	if failure == nil && (r.Status < 200 || r.Status > 599) {
		failure = &Failure{Garbage, fmt.Sprintf("status %d", r.Status)}
	}
	if failure != nil && failure.Kind.Unreachable() {
		c.unreachable(work, failure)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free(t)
	id := t.d.ID
	if failure != nil {
		detail := failure.Detail
		t.answer = &failedFrame{id: id, attempt: t.attempt, kindOf: failure.Kind, detail: detail[:min(len(detail), maxDetail)]}
	} else {
		f := &resultFrame{
			id: id, attempt: t.attempt, status: r.Status, by: cmp.Or(r.By, ByApplication), verdict: r.Verdict,
			timing: r.Timing, header: validFields(r.Header), sent: int64(len(r.Body)), size: max(r.Size, int64(len(r.Body))),
		}
		if len(r.Body) <= maxInline {
			f.body = r.Body
		} else {
			t.payload = r.Body
		}
		t.answer = f
		t.kept = int64(len(r.Body)) + int64(r.Header.Size())
	}
	t.d = &Delivery{ID: id} // the answer is all that is needed from here
	if c.open[id] != t {
		return // forgotten meanwhile
	}
	c.kept += t.kept
	c.order = append(c.order, id)
	c.trim()
	if c.link != nil {
		c.sendAnswer(t)
	}
}

// trim forgets the oldest answers when a relay never settles. Guarded by mu.
func (c *Client) trim() {
	for len(c.order) > 0 {
		t := c.open[c.order[0]]
		if t != nil && t.answer != nil {
			if len(c.order) <= keepAnswers && c.kept <= keepBytes {
				return
			}
			c.forget(c.order[0], t)
		}
		c.order = c.order[1:]
	}
}

// sendAnswer sends what was booked. Guarded by mu; link is set.
func (c *Client) sendAnswer(t *taken) {
	switch f := t.answer.(type) {
	case *failedFrame:
		f.epoch = c.epoch
		c.link.sendAnswer(f, nil)
	case *resultFrame:
		f.epoch = c.epoch
		if f.sent > c.answers { // its size still says that there was one
			f.sent, f.body, t.payload = 0, nil, nil
		}
		if t.payload == nil {
			c.link.sendAnswer(f, nil)
			return
		}
		c.link.sendAnswer(f, &bulk{id: f.id, src: bytes.NewReader(t.payload), size: f.sent, failed: func(error) {}})
	}
}

// validFields leaves out what the relay would refuse to decode.
func validFields(h Header) Header {
	out := make(Header, 0, len(h))
	room := maxHeaderBytes
	for _, f := range h {
		if size := len(f.Name) + len(f.Value); len(out) < maxFields && size <= room && ValidFieldName(f.Name) && ValidFieldValue(f.Value) {
			out = append(out, f)
			room -= size
		}
	}
	return out
}

// cancelled handles a sender that went away.
func (c *Client) cancelled(l *link, f *cancelFrame) {
	c.mu.Lock()
	t := c.open[f.id]
	if t != nil && !t.whole {
		c.forget(f.id, t)
		c.free(t)
		l.send(&failedFrame{epoch: c.epoch, id: f.id, attempt: t.attempt, kindOf: Abandoned, detail: "the sender left"})
	}
	c.mu.Unlock()
	if t != nil {
		c.emit(SenderGone{f.id, f.after})
	}
}

func (c *Client) settled(s Settlement) {
	c.mu.Lock()
	if t := c.open[s.ID]; t != nil && t.answer != nil && t.attempt == s.Attempt {
		c.forget(s.ID, t)
		c.trim()
	}
	c.mu.Unlock()
	c.emit(s)
}

// errStopped ends a link whose relay does not read even the goodbye.
var errStopped = errors.New("listener stopped")

// drain lets what runs finish, sends what it answered and says goodbye.
func (c *Client) drain(l *link, over <-chan struct{}) {
	l.send(&pauseFrame{"listener stops"})
	deadline := time.NewTimer(c.opts.Drain)
	defer deadline.Stop()
	last := time.AfterFunc(c.opts.Drain+2*closeWithin, func() { l.fail(errStopped) }) // the writer may be stuck
	defer last.Stop()
	for {
		c.mu.Lock()
		busy, changed := len(c.open), c.idle
		attached := c.link == l
		c.mu.Unlock()
		if busy == 0 || !attached {
			break
		}
		select {
		case <-changed:
			continue
		case <-over:
			return
		case <-deadline.C:
		}
		c.mu.Lock()
		for id, t := range c.open {
			if t.answer == nil {
				l.send(&failedFrame{epoch: c.epoch, id: id, attempt: t.attempt, kindOf: Abandoned, detail: "the listener stopped"})
				c.forget(id, t)
			}
		}
		c.mu.Unlock()
		break
	}
	l.shut(CloseNormal, "listener stopped")
	<-over
}

// RTT is the last measured round trip to the relay; 0: none yet.
func (c *Client) RTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return 0
	}
	return time.Duration(c.link.rtt.Load())
}

func (c *Client) emit(e Event) {
	if c.opts.Events == nil {
		return
	}
	c.events.Lock()
	defer c.events.Unlock()
	c.opts.Events(e)
}
