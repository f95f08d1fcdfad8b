package tunnel

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ID names a delivery: a UUIDv7 (RFC 9562 §5.7), so ids sort by the time they
// were made. It is made at intake, without the store.
type ID [16]byte

// idEncoding is base32hex (RFC 4648 §7) in lower case: unlike plain base32 its
// alphabet keeps the byte order, so that ids sort as text too.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

const idPrefix = "dlv_"

// NewID makes the id of a delivery received at now.
func NewID(now time.Time) ID {
	var id ID
	rand.Read(id[:]) // never fails (crypto/rand)
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint16(id[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(id[2:], uint32(ms))
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// String is "dlv_" and 26 characters of lower-case base32hex.
func (id ID) String() string { return idPrefix + idEncoding.EncodeToString(id[:]) }

// Time is the moment the id was made, in milliseconds.
func (id ID) Time() time.Time {
	ms := uint64(binary.BigEndian.Uint16(id[0:]))<<32 | uint64(binary.BigEndian.Uint32(id[2:]))
	return time.UnixMilli(int64(ms))
}

// MarshalText and UnmarshalText use the form of String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID reads what String wrote.
func ParseID(s string) (ID, error) {
	var id ID
	rest, ok := strings.CutPrefix(s, idPrefix)
	if !ok || len(rest) != 26 {
		return id, fmt.Errorf("delivery id %q is not dlv_ and 26 characters", s)
	}
	if _, err := idEncoding.Decode(id[:], []byte(rest)); err != nil || id.String() != s {
		return ID{}, fmt.Errorf("delivery id %q is not lower-case base32", s)
	}
	return id, nil
}

// Delivery is one received webhook, as the sender sent it. It is never
// modified: a handler that wants something else forwards a copy.
type Delivery struct {
	ID      ID
	Seq     uint64 // place in the endpoint's queue; 0 while it was never queued
	Attempt int    // which try this is, from 1

	// ReceivedAt is the relay's clock when the request's last byte was in
	// (microseconds on the wire). Signature ages are judged against it.
	ReceivedAt time.Time

	// Budget is how long the sender waits for the answer, from ReceivedAt; 0
	// when nobody waits (a queued delivery).
	Budget time.Duration

	Method string
	Target string // raw path and query below the endpoint, begins with "/"
	Prefix string // what stood before Target in the request line: "/h/ID", or ""
	URL    string // exact public URL as the sender used it
	Host   string // Host header as received
	Remote string // the sender's address, "192.0.2.1:4711", as far as the relay trusts it
	Header Header // every value of every header, in order per name
	Body   []byte
}

// Result is the answer of the owner's side to a delivery. A 500 is a result.
type Result struct {
	Status int // 200–599
	Header Header
	Body   []byte
	Size   int64 // of the body as the application sent it; more than len(Body) when it was over the limit and left out

	By      Origin
	Verdict byte // of the signature check, as the listener's verify stage encodes it; 0: not checked
	Timing  Timing
}

// Omitted tells that the answer's body was over the limit: the status stands,
// the body was left out.
func (r *Result) Omitted() bool { return r.Size > int64(len(r.Body)) }

// Origin says which part of the owner's side answered.
type Origin byte

// The values are part of the wire protocol: append only.
const (
	ByApplication Origin = iota + 1
	ByMock
	ByFilter
	ByHandshake
	ByBlock
	ByExec
)

func (o Origin) String() string {
	switch o {
	case ByApplication:
		return "application"
	case ByMock:
		return "mock"
	case ByFilter:
		return "filter"
	case ByHandshake:
		return "handshake"
	case ByBlock:
		return "block"
	case ByExec:
		return "exec"
	}
	return "unknown"
}

// Timing says where an attempt's time went, each measured from its start.
type Timing struct {
	Connected time.Duration // a connection to the target was at hand
	FirstByte time.Duration // first byte of the answer
	Done      time.Duration // last byte of the answer
}

// Failure is why an attempt has no result.
type Failure struct {
	Kind   FailureKind
	Detail string // for people; may hold foreign bytes
}

func (f *Failure) Error() string {
	if f.Detail == "" {
		return f.Kind.String()
	}
	return f.Kind.String() + ": " + f.Detail
}

// FailureKind sorts failures by what they mean for the delivery.
type FailureKind byte

// The values are part of the wire protocol: append only.
const (
	// Unreachable kinds: no byte of the request was written, the application
	// cannot have acted. The attempt is void.
	Refused FailureKind = iota + 1 // nothing listens there
	NoName                         // DNS
	NoRoute                        // network or host unreachable, connect timed out
	NoTLS                          // the TLS handshake with the target failed

	// No-answer kinds: the application may have acted. The attempt counts.
	TimedOut  // --timeout
	Reset     // the connection broke
	Garbage   // what came back is not HTTP
	Abandoned // the listener stopped, or dropped the delivery unfinished
	Internal  // a handler of ours failed
	Unfit     // it can never be handed on as it is; nothing was sent
)

func (k FailureKind) String() string {
	switch k {
	case Refused:
		return "connection refused"
	case NoName:
		return "name not found"
	case NoRoute:
		return "no route"
	case NoTLS:
		return "tls handshake failed"
	case TimedOut:
		return "timed out"
	case Reset:
		return "connection broken"
	case Garbage:
		return "not an http answer"
	case Abandoned:
		return "abandoned"
	case Internal:
		return "internal error"
	case Unfit:
		return "cannot be forwarded"
	}
	return "failed"
}

// Unreachable tells that no byte of the request was written: the attempt is
// void and the delivery may be offered again as if it had not been.
func (k FailureKind) Unreachable() bool { return k >= Refused && k <= NoTLS }

// AsFailure finds the Failure in err; any other error is an Internal one.
// It returns nil for nil.
func AsFailure(err error) *Failure {
	if err == nil {
		return nil
	}
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Kind: Internal, Detail: err.Error()}
}

// Handler does something with a delivery and answers it: as http.Handler, but
// with the answer as a value. The error is a *Failure where the attempt has no
// result. A handler must not change d or its parts, which nobody else changes
// either: it may keep them. It obeys ctx.
type Handler interface {
	Handle(ctx context.Context, d *Delivery) (*Result, error)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, d *Delivery) (*Result, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, d *Delivery) (*Result, error) { return f(ctx, d) }

// Body is the bytes of a delivery where they may be too many to hold:
// *bytes.Reader and *io.SectionReader are Bodies. One with a method
// Bytes() []byte that gives all of them spares a copy.
type Body interface {
	io.ReaderAt
	Size() int64
}
