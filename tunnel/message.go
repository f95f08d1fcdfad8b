package tunnel

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Subprotocol is the WebSocket subprotocol of this version. A change that an
// older side would misread gets another name.
const Subprotocol = "hook.v1"

// frameType is the first byte of a frame. The values are part of the protocol.
type frameType byte

const (
	typeHello   frameType = 0x01 // up, first and once
	typeResult  frameType = 0x02 // up
	typeFailed  frameType = 0x03 // up
	typePause   frameType = 0x04 // up
	typeResume  frameType = 0x05 // up
	typeWelcome frameType = 0x11 // down, first and once
	typeDeliver frameType = 0x12 // down
	typeSettled frameType = 0x13 // down
	typeCancel  frameType = 0x14 // down
	typeGap     frameType = 0x15 // down
	typeNotice  frameType = 0x16 // down
	typeGoAway  frameType = 0x17 // down
	typePiece   frameType = 0x21 // both ways
	typePing    frameType = 0x22 // both ways
	typePong    frameType = 0x23 // both ways
)

// frame is a message of the protocol: encode appends its payload, decode reads
// one. Byte fields of a decoded frame are parts of the message it came in.
type frame interface {
	kind() frameType
	encode(b []byte) []byte
	decode(d *decoder)
}

// bodied is a frame that holds most of a body.
type bodied interface{ bodySize() int }

// appendFrame appends a whole frame. The room for its length, a varint, is
// guessed: where the guess is wrong, the payload is moved.
func appendFrame(b []byte, f frame) []byte {
	guess := 512
	if s, ok := f.(bodied); ok {
		guess += s.bodySize()
	}
	b = append(b, byte(f.kind()))
	at := len(b)
	b = binary.AppendUvarint(b, uint64(guess))
	start := len(b)
	b = f.encode(b)
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(b)-start))
	if room := start - at; n != room {
		b = slices.Replace(b, at, start, length[:n]...)
		return b
	}
	copy(b[at:], length[:n])
	return b
}

// nextFrame cuts the first frame off a message.
func nextFrame(msg []byte) (t frameType, payload, rest []byte, err error) {
	if len(msg) == 0 {
		return 0, nil, nil, fmt.Errorf("empty message")
	}
	size, n := binary.Uvarint(msg[1:])
	if n <= 0 || n > 1 && msg[n] == 0 {
		return 0, nil, nil, fmt.Errorf("bad frame length")
	}
	if size > maxFrame {
		return 0, nil, nil, fmt.Errorf("frame of %d bytes is over %d", size, maxFrame)
	}
	body := msg[1+n:]
	if uint64(len(body)) < size {
		return 0, nil, nil, fmt.Errorf("frame is cut off")
	}
	return frameType(msg[0]), body[:size:size], body[size:], nil
}

// decodeFrame reads a payload as f.
func decodeFrame(f frame, payload []byte) error {
	d := decoder{p: payload}
	f.decode(&d)
	if err := d.end(); err != nil {
		return fmt.Errorf("frame 0x%02x: %w", byte(f.kind()), err)
	}
	return nil
}

// Hello is the listener's first frame. The relay answers with Welcome or
// closes with a code.
type Hello struct {
	Client   string   // program and version, for logs: "hook/1.2.0"
	Instance [16]byte // random, for the life of the listener's process
	Epoch    uint64   // the last Welcome's, for a redial; 0 for a fresh start, which takes over
	Endpoint string   // public id
	Mode     byte     // 0: the only listener; other values are reserved
	Paused   bool     // the target is known to be unreachable: deliver nothing yet
	Window   Window   // how much may be under way
	Open     []OpenAttempt
}

// Window bounds what is under way in one tunnel: deliveries sent and not
// answered. One delivery larger than Bytes passes when nothing else is under way.
type Window struct {
	Deliveries int
	Bytes      int64
}

// OpenAttempt names an attempt that the listener still runs or has answered
// without hearing Settled.
type OpenAttempt struct {
	ID       ID
	Attempt  int
	Answered bool
}

func (*Hello) kind() frameType { return typeHello }

func (h *Hello) encode(b []byte) []byte {
	b = appendString(b, h.Client)
	b = append(b, h.Instance[:]...)
	b = binary.AppendUvarint(b, h.Epoch)
	b = appendString(b, h.Endpoint)
	b = append(b, h.Mode)
	b = appendBool(b, h.Paused)
	b = h.Window.encode(b)
	b = binary.AppendUvarint(b, uint64(len(h.Open)))
	for _, o := range h.Open {
		b = append(b, o.ID[:]...)
		b = binary.AppendUvarint(b, uint64(o.Attempt))
		b = appendBool(b, o.Answered)
	}
	return b
}

func (h *Hello) decode(d *decoder) {
	h.Client = d.string(256)
	copy(h.Instance[:], d.take(len(h.Instance)))
	h.Epoch = d.uint()
	h.Endpoint = d.string(256)
	h.Mode = d.byte()
	h.Paused = d.bool()
	h.Window.decode(d)
	for range d.count("open attempts", maxList) {
		o := OpenAttempt{ID: d.id(), Attempt: d.count("attempt", 1<<30), Answered: d.bool()}
		if d.err != nil {
			return
		}
		h.Open = append(h.Open, o)
	}
}

func (w *Window) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(max(w.Deliveries, 0)))
	return binary.AppendUvarint(b, uint64(max(w.Bytes, 0)))
}

func (w *Window) decode(d *decoder) {
	w.Deliveries = d.count("window", 1<<20)
	w.Bytes = d.size()
}

// Welcome is the relay's first frame: the listener is attached. Only now does
// it say that it is ready.
type Welcome struct {
	Relay     string // program and version
	Session   uint64 // for logs of both sides
	Epoch     uint64 // stays through redials; every result carries it
	URL       string // the endpoint's public URL
	Backlog   int    // deliveries waiting
	ExpiresAt time.Time
	Window    Window // the smaller of both sides'
	MaxBody   int64  // of a delivery
	MaxAnswer int64  // of an answer's body: over it send the status and no body
	Clock     time.Time
	Resumed   []ID // which of Hello's open attempts go on; the others are forgotten
}

func (*Welcome) kind() frameType { return typeWelcome }

func (w *Welcome) encode(b []byte) []byte {
	b = appendString(b, w.Relay)
	b = binary.AppendUvarint(b, w.Session)
	b = binary.AppendUvarint(b, w.Epoch)
	b = appendString(b, w.URL)
	b = binary.AppendUvarint(b, uint64(w.Backlog))
	b = appendTime(b, w.ExpiresAt)
	b = w.Window.encode(b)
	b = binary.AppendUvarint(b, uint64(w.MaxBody))
	b = binary.AppendUvarint(b, uint64(w.MaxAnswer))
	b = appendTime(b, w.Clock)
	b = binary.AppendUvarint(b, uint64(len(w.Resumed)))
	for _, id := range w.Resumed {
		b = append(b, id[:]...)
	}
	return b
}

func (w *Welcome) decode(d *decoder) {
	w.Relay = d.string(256)
	w.Session = d.uint()
	w.Epoch = d.uint()
	w.URL = d.string(maxString)
	w.Backlog = d.count("backlog", 1<<40)
	w.ExpiresAt = d.time()
	w.Window.decode(d)
	w.MaxBody = d.size()
	w.MaxAnswer = d.size()
	w.Clock = d.time()
	for range d.count("resumed", maxList) {
		id := d.id()
		if d.err != nil {
			return
		}
		w.Resumed = append(w.Resumed, id)
	}
}

// MaxMethod and MaxHost bound the bytes of a delivery's method and host. A
// relay refuses what is longer: no listener would take it.
const (
	MaxMethod = 64
	MaxHost   = 1024
)

// deliverFrame hands a webhook to the listener, which answers with result or
// failed. A body of at most maxInline bytes is in it, a longer one follows in
// pieces.
type deliverFrame struct {
	d    *Delivery
	size int64  // of the whole body
	body []byte // all of it, or nothing
}

func (*deliverFrame) kind() frameType { return typeDeliver }

func (f *deliverFrame) bodySize() int { return len(f.body) }

func (f *deliverFrame) encode(b []byte) []byte {
	d := f.d
	b = append(b, d.ID[:]...)
	b = binary.AppendUvarint(b, d.Seq)
	b = binary.AppendUvarint(b, uint64(d.Attempt))
	b = appendTime(b, d.ReceivedAt)
	b = appendDuration(b, d.Budget)
	b = appendString(b, d.Method)
	b = appendString(b, d.Target)
	b = appendString(b, d.Prefix)
	b = appendString(b, d.URL)
	b = appendString(b, d.Host)
	b = appendString(b, d.Remote)
	b = appendHeader(b, d.Header)
	b = binary.AppendUvarint(b, uint64(f.size))
	return appendBytes(b, f.body)
}

func (f *deliverFrame) decode(d *decoder) {
	f.d = &Delivery{
		ID:         d.id(),
		Seq:        d.uint(),
		Attempt:    d.count("attempt", 1<<30),
		ReceivedAt: d.time(),
		Budget:     d.duration(),
		Method:     d.string(MaxMethod),
		Target:     d.string(maxString),
		Prefix:     d.string(1024),
		URL:        d.string(maxString + 4096),
		Host:       d.string(MaxHost),
		Remote:     d.string(256),
		Header:     d.header(),
	}
	f.size = d.size()
	f.body = d.bytes(maxInline)
	checkInline(d, f.size, f.body)
	if d.err == nil && !ValidFieldName(f.d.Method) {
		d.fail("bad method %q", f.d.Method)
	}
}

// checkInline refuses a body that is neither whole nor left to pieces.
func checkInline(d *decoder, size int64, body []byte) {
	if d.err == nil && int64(len(body)) != size && (len(body) != 0 || size <= maxInline) {
		d.fail("%d of %d body bytes in one frame", len(body), size)
	}
}

// pieceFrame carries the next bytes of the body of a delivery (down) or of an
// answer (up) whose deliver or result frame has gone before.
type pieceFrame struct {
	id   ID
	data []byte
}

func (*pieceFrame) kind() frameType { return typePiece }

func (f *pieceFrame) bodySize() int { return len(f.data) }

func (f *pieceFrame) encode(b []byte) []byte {
	b = append(b, f.id[:]...)
	return appendBytes(b, f.data)
}

func (f *pieceFrame) decode(d *decoder) {
	f.id = d.id()
	f.data = d.bytes(pieceSize)
	if d.err == nil && len(f.data) == 0 {
		d.fail("empty piece")
	}
}

// resultFrame is the listener's answer to a delivery; a long body follows in
// pieces. The relay answers with settled.
type resultFrame struct {
	epoch   uint64
	id      ID
	attempt int
	status  int
	by      Origin
	verdict byte
	timing  Timing
	header  Header
	sent    int64 // size of the body that follows
	size    int64 // of the body as the application sent it
	body    []byte
}

func (*resultFrame) kind() frameType { return typeResult }

func (f *resultFrame) bodySize() int { return len(f.body) }

func (f *resultFrame) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, f.epoch)
	b = append(b, f.id[:]...)
	b = binary.AppendUvarint(b, uint64(f.attempt))
	b = binary.AppendUvarint(b, uint64(f.status))
	b = append(b, byte(f.by), f.verdict)
	b = appendDuration(b, f.timing.Connected)
	b = appendDuration(b, f.timing.FirstByte)
	b = appendDuration(b, f.timing.Done)
	b = appendHeader(b, f.header)
	b = binary.AppendUvarint(b, uint64(f.size))
	b = binary.AppendUvarint(b, uint64(f.sent))
	return appendBytes(b, f.body)
}

func (f *resultFrame) decode(d *decoder) {
	f.epoch = d.uint()
	f.id = d.id()
	f.attempt = d.count("attempt", 1<<30)
	f.status = d.count("status", 599)
	f.by = Origin(d.byte())
	f.verdict = d.byte()
	f.timing = Timing{Connected: d.duration(), FirstByte: d.duration(), Done: d.duration()}
	f.header = d.header()
	f.size = d.size()
	f.sent = d.size()
	f.body = d.bytes(maxInline)
	checkInline(d, f.sent, f.body)
	if d.err == nil && f.status < 200 {
		d.fail("status %d", f.status)
	}
	if d.err == nil && f.sent > f.size {
		d.fail("%d body bytes of %d", f.sent, f.size)
	}
}

// failedFrame says that an attempt has no result, or that the body of one
// cannot be completed.
type failedFrame struct {
	epoch   uint64
	id      ID
	attempt int
	kindOf  FailureKind
	detail  string
}

func (*failedFrame) kind() frameType { return typeFailed }

func (f *failedFrame) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, f.epoch)
	b = append(b, f.id[:]...)
	b = binary.AppendUvarint(b, uint64(f.attempt))
	b = append(b, byte(f.kindOf))
	return appendString(b, f.detail)
}

func (f *failedFrame) decode(d *decoder) {
	f.epoch = d.uint()
	f.id = d.id()
	f.attempt = d.count("attempt", 1<<30)
	f.kindOf = FailureKind(d.byte())
	f.detail = d.string(maxDetail)
	if d.err == nil && (f.kindOf < Refused || f.kindOf > Unfit) {
		d.fail("failure kind %d", f.kindOf)
	}
}

// maxDetail bounds texts for people.
const maxDetail = 1024

// pauseFrame asks the relay to send nothing more until resume: the target
// cannot be reached, or the user paused. The reason is for people.
type pauseFrame struct{ reason string }

func (*pauseFrame) kind() frameType          { return typePause }
func (f *pauseFrame) encode(b []byte) []byte { return appendString(b, f.reason) }
func (f *pauseFrame) decode(d *decoder)      { f.reason = d.string(maxDetail) }

// resumeFrame ends a pause.
type resumeFrame struct{}

func (resumeFrame) kind() frameType        { return typeResume }
func (resumeFrame) encode(b []byte) []byte { return b }
func (resumeFrame) decode(*decoder)        {}

// Settlement tells the listener what became of an attempt that it answered:
// it may forget the result.
type Settlement struct {
	ID      ID
	Attempt int
	Fate    Fate
	Status  int       // what the sender saw: Answered, Stored
	NextAt  time.Time // Retried
	Reason  string    // for people: Retried, Dead
	Removed []string  // names of answer headers that the relay kept from the sender
}

// Fate is what became of an attempt.
type Fate byte

// The values are part of the wire protocol: append only.
const (
	Answered   Fate = iota + 1 // its result went to the waiting sender
	SenderLeft                 // the sender had gone; nothing was promised
	Completed                  // it settled a queued delivery
	Retried                    // a queued delivery stays and is tried again
	Dead                       // a queued delivery became a dead letter
	Forgotten                  // the relay did not know the attempt
	TooLate                    // the sender had been answered by the relay: live, budget over
)

func (f Fate) String() string {
	switch f {
	case Answered:
		return "answered"
	case SenderLeft:
		return "sender left"
	case Completed:
		return "completed"
	case Retried:
		return "will be retried"
	case Dead:
		return "dead"
	case Forgotten:
		return "forgotten"
	case TooLate:
		return "too late"
	}
	return "unknown"
}

// settledFrame is a batch of settlements, the relay's answer to results and
// failures.
type settledFrame struct{ list []Settlement }

func (*settledFrame) kind() frameType { return typeSettled }

func (f *settledFrame) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(f.list)))
	for _, s := range f.list {
		b = append(b, s.ID[:]...)
		b = binary.AppendUvarint(b, uint64(s.Attempt))
		b = append(b, byte(s.Fate))
		b = binary.AppendUvarint(b, uint64(s.Status))
		b = appendTime(b, s.NextAt)
		b = appendString(b, s.Reason)
		b = appendStrings(b, s.Removed)
	}
	return b
}

func (f *settledFrame) decode(d *decoder) {
	for range d.count("settlements", maxList) {
		s := Settlement{
			ID: d.id(), Attempt: d.count("attempt", 1<<30), Fate: Fate(d.byte()), Status: d.count("status", 599),
			NextAt: d.time(), Reason: d.string(maxDetail), Removed: d.strings(maxFields),
		}
		if d.err != nil {
			return
		}
		f.list = append(f.list, s)
	}
}

// cancelFrame says that the sender went away. A running request is not
// aborted; a delivery whose body is not complete yet is dropped and answered
// with failed.
type cancelFrame struct {
	id    ID
	after time.Duration // since ReceivedAt
}

func (*cancelFrame) kind() frameType { return typeCancel }

func (f *cancelFrame) encode(b []byte) []byte {
	b = append(b, f.id[:]...)
	return appendDuration(b, f.after)
}

func (f *cancelFrame) decode(d *decoder) {
	f.id = d.id()
	f.after = d.duration()
}

// Gap says that deliveries were deleted without having been answered.
type Gap struct {
	Count  int
	Reason string // for people
}

func (*Gap) kind() frameType { return typeGap }

func (f *Gap) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(f.Count))
	return appendString(b, f.Reason)
}

func (f *Gap) decode(d *decoder) {
	f.Count = d.count("gap", 1<<40)
	f.Reason = d.string(maxDetail)
}

// Notice is a word from the relay to the person at the listener.
type Notice struct{ Text string }

func (*Notice) kind() frameType          { return typeNotice }
func (f *Notice) encode(b []byte) []byte { return appendString(b, f.Text) }
func (f *Notice) decode(d *decoder)      { f.Text = d.string(maxDetail) }

// goAwayFrame announces that the relay stops: it sends nothing more, waits for
// what is under way and closes with CloseRestart. The listener redials that
// much later, less a random part.
type goAwayFrame struct{ after time.Duration }

func (*goAwayFrame) kind() frameType          { return typeGoAway }
func (f *goAwayFrame) encode(b []byte) []byte { return appendDuration(b, f.after) }
func (f *goAwayFrame) decode(d *decoder)      { f.after = d.duration() }

// pingFrame asks for a pong with the same stamp. Both sides send one every
// PingInterval.
type pingFrame struct{ stamp uint64 }

func (*pingFrame) kind() frameType          { return typePing }
func (f *pingFrame) encode(b []byte) []byte { return binary.AppendUvarint(b, f.stamp) }
func (f *pingFrame) decode(d *decoder)      { f.stamp = d.uint() }

// pongFrame answers ping, with the clock of the side that answers.
type pongFrame struct {
	stamp uint64
	clock time.Time
}

func (*pongFrame) kind() frameType { return typePong }

func (f *pongFrame) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, f.stamp)
	return appendTime(b, f.clock)
}

func (f *pongFrame) decode(d *decoder) {
	f.stamp = d.uint()
	f.clock = d.time()
}
