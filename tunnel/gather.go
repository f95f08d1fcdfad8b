package tunnel

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// wsBuffer is for the head of a WebSocket frame. A larger buffer saves nothing
// with gather, and every idle tunnel has one.
const wsBuffer = 512

// gather makes one system call of a WebSocket message. The library writes
// through a buffer: of a message that is longer it writes first what fits, then
// the rest, which wakes the listener twice. gather keeps the first part until
// the rest comes.
type gather struct {
	conn net.Conn

	mu   sync.Mutex // guards what follows: the library's own frames come from other goroutines
	left int        // of the payload that was announced
	held []byte
}

// expect announces a message of n bytes.
func (g *gather) expect(n int) {
	g.mu.Lock()
	g.left = n
	g.mu.Unlock()
}

// Write writes p, or keeps it where more was announced.
func (g *gather) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left -= len(p)
	if g.left > 0 && len(g.held) == 0 {
		g.held = append(*buffers.Get().(*[]byte), p...)
		return len(p), nil
	}
	return len(p), g.flush(p)
}

// done writes what is still held, if the message did not come to its end.
func (g *gather) done() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = 0
	return g.flush(nil)
}

// flush writes what is held, and p. Guarded by mu.
func (g *gather) flush(p []byte) error {
	if len(g.held) == 0 {
		if len(p) == 0 {
			return nil
		}
		_, err := g.conn.Write(p)
		return err
	}
	parts := net.Buffers{g.held, p}
	_, err := parts.WriteTo(g.conn)
	keepBuffer(g.held)
	g.held = nil
	return err
}

// gathering hijacks a connection so that what is written to it passes a
// gather.
type gathering struct {
	http.ResponseWriter
	gather *gather
}

// Hijack implements http.Hijacker.
func (w *gathering) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.gather.conn = bare(conn)
	return conn, bufio.NewReadWriter(buffered.Reader, bufio.NewWriterSize(w.gather, wsBuffer)), nil
}

// bare is the connection that conn passes writes on to, which can write several
// buffers at once.
func bare(conn net.Conn) net.Conn {
	for {
		if _, ok := conn.(*tls.Conn); ok { // what is below it is not for us
			return conn
		}
		wrapped, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = wrapped.NetConn()
	}
}
