package bolt

import (
	"encoding/binary"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// endpointHead is version, revision and epoch in front of an endpoint record:
// what Settle and Update look at without reading the rest.
const (
	endpointVersion = 1
	endpointHead    = 1 + 8 + 8
)

// revision changes with every write of a record.
func recordRevision(b []byte) (rev, epoch uint64, err error) {
	if len(b) < endpointHead || b[0] != endpointVersion {
		return 0, 0, errRecord
	}
	return binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:]), nil
}

func encodeEndpoint(x *relay.Endpoint, rev uint64) []byte {
	e := encoder{make([]byte, 0, 320)}
	e.byte(endpointVersion)
	e.b = binary.BigEndian.AppendUint64(e.b, rev)
	e.b = binary.BigEndian.AppendUint64(e.b, x.Epoch)
	e.uint(uint64(x.ID))
	e.uint(uint64(len(x.IDs)))
	for _, id := range x.IDs {
		e.fixed(id.Hash[:])
		e.time(id.Until)
	}
	e.fixed(x.Owner[:])
	e.string(x.Token)
	e.time(x.CreatedAt)
	e.time(x.ExpiresAt)
	e.int(int64(x.Idle))
	e.int(int64(x.Keep))
	e.time(x.UsedAt)
	e.int(x.MaxUses)
	e.int(x.Uses)
	e.bool(x.Stopped)
	e.time(x.RevokedAt)
	e.fixed(x.Instance[:])
	encodePolicy(&e, &x.Policy)
	return e.b
}

func decodeEndpoint(b []byte) (x relay.Endpoint, rev uint64, err error) {
	if rev, x.Epoch, err = recordRevision(b); err != nil {
		return relay.Endpoint{}, 0, err
	}
	d := decoder{b: b[endpointHead:]}
	x.ID = relay.EndpointID(d.uint())
	if n := d.count(); n > 0 {
		x.IDs = make([]relay.PublicID, n)
	}
	for i := range x.IDs {
		d.fixed(x.IDs[i].Hash[:])
		x.IDs[i].Until = d.time()
	}
	d.fixed(x.Owner[:])
	x.Token = d.string()
	x.CreatedAt = d.time()
	x.ExpiresAt = d.time()
	x.Idle = d.duration()
	x.Keep = d.duration()
	x.UsedAt = d.time()
	x.MaxUses = d.int()
	x.Uses = d.int()
	x.Stopped = d.bool()
	x.RevokedAt = d.time()
	d.fixed(x.Instance[:])
	decodePolicy(&d, &x.Policy)
	return x, rev, d.err()
}

func encodePolicy(e *encoder, p *relay.Policy) {
	e.string(string(p.Respond))
	e.int(int64(p.Budget))
	e.int(int64(p.Accept.Status))
	e.string(p.Accept.ContentType)
	e.string(p.Accept.Body)
	e.bool(p.NeverStore)
	e.bool(p.Ordered)
	e.int(int64(p.RetryFor))
	e.int(int64(p.MaxAttempts))
	e.uint(uint64(len(p.Handshakes)))
	for _, h := range p.Handshakes {
		for _, s := range []string{h.Method, h.Header, h.Query, h.Where, h.Equals, h.Echo, h.Reply.Header, h.Reply.JSON} {
			e.string(s)
		}
		e.int(int64(h.Reply.Status))
	}
}

func decodePolicy(d *decoder, p *relay.Policy) {
	p.Respond = relay.Respond(d.string())
	p.Budget = d.duration()
	p.Accept.Status = int(d.int())
	p.Accept.ContentType = d.string()
	p.Accept.Body = d.string()
	p.NeverStore = d.bool()
	p.Ordered = d.bool()
	p.RetryFor = d.duration()
	p.MaxAttempts = int(d.int())
	if n := d.count(); n > 0 {
		p.Handshakes = make([]relay.Handshake, n)
	}
	for i := range p.Handshakes {
		h := &p.Handshakes[i]
		for _, s := range []*string{&h.Method, &h.Header, &h.Query, &h.Where, &h.Equals, &h.Echo, &h.Reply.Header, &h.Reply.JSON} {
			*s = d.string()
		}
		h.Reply.Status = int(d.int())
	}
}

// counts is what changes of an endpoint with every delivery.
type counts struct {
	seq           uint64 // the last one given
	pending, dead int
	bytes         int64
}

func (c counts) depth() relay.Depth {
	return relay.Depth{Pending: c.pending, Dead: c.dead, Bytes: c.bytes}
}

func (c counts) encode() []byte {
	e := encoder{make([]byte, 0, 16)}
	e.uint(c.seq)
	e.uint(uint64(c.pending))
	e.uint(uint64(c.dead))
	e.uint(uint64(c.bytes))
	return e.b
}

func decodeCounts(b []byte) (counts, error) {
	d := decoder{b: b}
	c := counts{seq: d.uint(), pending: int(d.uint()), dead: int(d.uint()), bytes: int64(d.uint())}
	return c, d.err()
}

const itemVersion = 1

// itemState is the part of an item that attempts change. In the record the
// delivery follows it, which nothing changes: it is copied as bytes.
type itemState struct {
	id       tunnel.ID
	attempt  int // the open one; 0: none
	attempts int
	size     int64
	queuedAt time.Time
	nextAt   time.Time
	reason   string
	deadAt   time.Time
}

func (s *itemState) encode(delivery []byte) []byte {
	e := encoder{make([]byte, 0, 64+len(s.reason)+len(delivery))}
	e.byte(itemVersion)
	e.fixed(s.id[:])
	e.int(int64(s.attempt))
	e.int(int64(s.attempts))
	e.int(s.size)
	e.time(s.queuedAt)
	e.time(s.nextAt)
	e.string(s.reason)
	e.time(s.deadAt)
	e.fixed(delivery)
	return e.b
}

func decodeState(b []byte) (s itemState, delivery []byte, err error) {
	d := decoder{b: b}
	if d.byte() != itemVersion {
		return s, nil, errRecord
	}
	d.fixed(s.id[:])
	s.attempt = int(d.int())
	s.attempts = int(d.int())
	s.size = d.int()
	s.queuedAt = d.time()
	s.nextAt = d.time()
	s.reason = d.string()
	s.deadAt = d.time()
	return s, d.b, d.err()
}

func encodeDelivery(x *tunnel.Delivery) []byte {
	e := encoder{make([]byte, 0, 96+len(x.Target)+len(x.URL)+x.Header.Size())}
	e.time(x.ReceivedAt)
	e.int(int64(x.Budget))
	for _, s := range []string{x.Method, x.Target, x.Prefix, x.URL, x.Host, x.Remote} {
		e.string(s)
	}
	e.uint(uint64(len(x.Header)))
	for _, f := range x.Header {
		e.string(f.Name)
		e.string(f.Value)
	}
	return e.b
}

// decodeItem reads a whole item; seq and dead come from where it was found.
func decodeItem(b []byte, seq uint64, dead bool) (relay.Item, error) {
	s, rest, err := decodeState(b)
	if err != nil {
		return relay.Item{}, err
	}
	d := decoder{b: rest}
	x := tunnel.Delivery{ID: s.id, Seq: seq, Attempt: s.attempt}
	x.ReceivedAt = d.time()
	x.Budget = d.duration()
	for _, p := range []*string{&x.Method, &x.Target, &x.Prefix, &x.URL, &x.Host, &x.Remote} {
		*p = d.string()
	}
	if n := d.count(); n > 0 {
		x.Header = make(tunnel.Header, n)
	}
	for i := range x.Header {
		x.Header[i] = tunnel.Field{Name: d.string(), Value: d.string()}
	}
	return relay.Item{
		Delivery: x, Size: s.size, QueuedAt: s.queuedAt, Attempts: s.attempts,
		NextAt: s.nextAt, Dead: dead, Reason: s.reason, DeadAt: s.deadAt,
	}, d.err()
}

// place says where the item of a delivery id is and where its body is.
type place struct {
	kind relay.Kind
	seq  uint64
	file string // name of the body file; "": the body is inline
	body []byte // inline, part of the record
}

// placeHead is the most that a place takes in front of its body.
const placeHead = 1 + binary.MaxVarintLen64 + 1

const (
	bodyInline = 0
	bodyFile   = 1
)

func (p *place) encode() []byte {
	e := encoder{make([]byte, 0, 12+len(p.file)+len(p.body))}
	e.byte(byte(p.kind))
	e.uint(p.seq)
	if p.file != "" {
		e.byte(bodyFile)
		e.fixed([]byte(p.file))
	} else {
		e.byte(bodyInline)
		e.fixed(p.body)
	}
	return e.b
}

// encodeBefore is encode where body stands in room with placeHead bytes before
// it: the body is not copied, and only the encoded place may be used from then on.
func (p *place) encodeBefore(room []byte) []byte {
	e := encoder{make([]byte, 0, placeHead)}
	e.byte(byte(p.kind))
	e.uint(p.seq)
	e.byte(bodyInline)
	at := placeHead - len(e.b)
	copy(room[at:], e.b)
	return room[at:]
}

func decodePlace(b []byte) (p place, err error) {
	d := decoder{b: b}
	p.kind = relay.Kind(d.byte())
	p.seq = d.uint()
	switch d.byte() {
	case bodyInline:
		p.body = d.b
	case bodyFile:
		p.file = string(d.b)
	default:
		return place{}, errRecord
	}
	return p, d.err()
}
