package tunnel

import (
	"net"
	"syscall"
)

// promptReads is how many reads of one answer are acknowledged at once. What
// is longer fills segments, and those are acknowledged anyway.
const promptReads = 8

// promptReader reads answers. Many applications write head and body in two
// parts and leave Nagle's algorithm on: the second part then waits until the
// first is acknowledged, which a kernel delays by 40 ms on a connection that is
// used again (RFC 9293 §3.7.4, §3.8.6.3). When the first read was not the whole
// answer, what came is acknowledged before the next one waits.
type promptReader struct {
	net.Conn
	raw   syscall.RawConn // nil: not TCP
	reads int             // of this answer
}

func newPromptReader(carrier, raw net.Conn) *promptReader {
	r := &promptReader{Conn: carrier}
	if tcp, ok := raw.(*net.TCPConn); ok {
		r.raw, _ = tcp.SyscallConn()
	}
	return r
}

func (r *promptReader) Read(b []byte) (int, error) {
	if r.reads > 0 && r.reads < promptReads && r.raw != nil {
		r.raw.Control(acknowledge) // if it cannot be done, the answer is only slower
	}
	r.reads++
	return r.Conn.Read(b)
}
