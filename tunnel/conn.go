package tunnel

import (
	"context"
	"errors"
	"fmt"
)

// Conn carries messages, whole and in order, between a relay and a listener.
// One goroutine reads, one writes. Both return when ctx ends; the Conn is then
// of no more use.
//
// A Conn that can end with a code and a reason is also a Closer.
type Conn interface {
	// Read returns the next message, valid until the next Read. When the other
	// side closed it the error is a *CloseError.
	Read(ctx context.Context) ([]byte, error)
	// Write sends one message. It does not keep p.
	Write(ctx context.Context, p []byte) error
}

// Closer ends a Conn with a code that the other side reads as a *CloseError.
// It does not wait for the other side longer than a few seconds.
type Closer interface {
	Close(code CloseCode, reason string) error
}

// Aborter is a Conn that holds something which only its end gives back. Abort
// ends it at once, without a word. It is safe to call twice, and after Close.
type Aborter interface {
	Abort()
}

// abort ends conn for good, if there is anything to end.
func abort(conn Conn) {
	if a, ok := conn.(Aborter); ok {
		a.Abort()
	}
}

// CloseCode says why a tunnel was closed. Codes below 4000 are WebSocket's own
// (RFC 6455 §7.4.1).
type CloseCode int

const (
	CloseNormal       CloseCode = 1000
	CloseRestart      CloseCode = 1012 // the relay goes down: redial, spread out
	CloseProtocol     CloseCode = 4000 // the other side broke the protocol
	CloseUnauthorised CloseCode = 4001 // the owner key is not this endpoint's
	CloseUnknown      CloseCode = 4002 // no such endpoint
	CloseGone         CloseCode = 4003 // expired, revoked or used up, and its mailbox closed
	CloseTakenOver    CloseCode = 4004 // a newer listener holds the endpoint
	CloseQuota        CloseCode = 4005 // too many tunnels; try later
	CloseVersion      CloseCode = 4006 // no common version of the protocol
)

func (c CloseCode) String() string {
	switch c {
	case CloseNormal:
		return "closed"
	case CloseRestart:
		return "relay restarts"
	case CloseProtocol:
		return "protocol error"
	case CloseUnauthorised:
		return "owner key refused"
	case CloseUnknown:
		return "unknown endpoint"
	case CloseGone:
		return "endpoint gone"
	case CloseTakenOver:
		return "taken over"
	case CloseQuota:
		return "over quota"
	case CloseVersion:
		return "no common protocol version"
	}
	return fmt.Sprintf("code %d", int(c))
}

// CloseError is a tunnel that was closed on purpose, by either side.
type CloseError struct {
	Code   CloseCode
	Reason string // may hold foreign bytes
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Reason
}

// closeCode finds the code in err; 0 where the tunnel just broke.
func closeCode(err error) CloseCode {
	var ce *CloseError
	if errors.As(err, &ce) {
		return ce.Code
	}
	return 0
}

// violation is what the other side did wrong, as the error that closes the
// tunnel.
func violation(format string, args ...any) error {
	return &CloseError{CloseProtocol, fmt.Sprintf(format, args...)}
}

var (
	// ErrDead means that nothing was heard for too long.
	ErrDead = errors.New("link is dead: nothing heard")
	// ErrClosed means that this side has ended the tunnel.
	ErrClosed = errors.New("tunnel closed")
)
