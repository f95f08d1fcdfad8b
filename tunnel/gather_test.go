package tunnel

import (
	"bytes"
	"net"
	"testing"
)

// writes is a connection that remembers what was written at once.
type writes struct {
	net.Conn
	list [][]byte
}

func (w *writes) Write(p []byte) (int, error) {
	w.list = append(w.list, bytes.Clone(p))
	return len(p), nil
}

func TestGather(t *testing.T) {
	head, rest := bytes.Repeat([]byte("h"), 4096), bytes.Repeat([]byte("r"), 60<<10)
	control := []byte("control")
	for _, c := range []struct {
		name     string
		announce int
		parts    [][]byte
		early    int // how many bytes are out before done
	}{
		{"a short message", 100, [][]byte{head[:104]}, 104},
		{"a long one", 4096 - 4 + len(rest), [][]byte{head, rest}, 4096 + len(rest)},
		{"cut off", 4096 - 4 + len(rest), [][]byte{head}, 0},
		{"in many parts", 3 * 4096, [][]byte{head, head, head}, 3 * 4096},
		{"a control frame before", 8192, [][]byte{control, head, head}, len(control) + 8192},
		{"a control frame after", 100, [][]byte{head[:104], control}, 104 + len(control)},
		{"nothing", 100, nil, 0},
	} {
		conn := &writes{}
		g := &gather{conn: conn}
		g.expect(c.announce)
		for _, p := range c.parts {
			if n, err := g.Write(bytes.Clone(p)); n != len(p) || err != nil {
				t.Errorf("%s: wrote %d of %d, %v", c.name, n, len(p), err)
			}
		}
		if got := len(bytes.Join(conn.list, nil)); got != c.early {
			t.Errorf("%s: %d bytes are out, not %d", c.name, got, c.early)
		}
		if err := g.done(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got, want := bytes.Join(conn.list, nil), bytes.Join(c.parts, nil); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes written, not the %d given", c.name, len(got), len(want))
		}
		if g.held != nil {
			t.Errorf("%s: an idle tunnel holds a buffer", c.name)
		}
	}
}

// What can write several buffers at once is found below what wraps it.
func TestBareConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	wrapped := &netConn{&netConn{a}}
	if got := bare(wrapped); got != a {
		t.Errorf("the connection below is %T, which cannot write several buffers at once", got)
	}
}

type netConn struct{ net.Conn }

func (c *netConn) NetConn() net.Conn { return c.Conn }
