package tunnel

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// The end of a dead link is a reset, which does not wait for what the other
// side has not acknowledged; any other end says goodbye in order.
func TestADeadLinkEndsInAReset(t *testing.T) {
	for _, who := range []string{"listener", "relay"} {
		for _, isDead := range []bool{true, false} {
			ends := make(chan Conn, 1)
			done := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, err := AcceptWebSocket(w, r)
				if err != nil {
					t.Error(err)
				}
				ends <- conn
				<-done
			}))
			near, err := DialWebSocket(t.Context(), srv.Client(), srv.URL, "hk_example")
			if err != nil {
				t.Fatal(err)
			}
			far := <-ends
			if who == "relay" {
				near, far = far, near
			}
			if isDead {
				dead(&watchedConn{Conn: near})
			}
			abort(near)
			if _, err := far.Read(t.Context()); err == nil || errors.Is(err, io.EOF) == isDead {
				t.Errorf("the %s, dead %v: the other read %v", who, isDead, err)
			}
			abort(far)
			close(done)
			srv.Close()
		}
	}
}

// lingering is a TCP connection that tells how it is to end.
type lingering struct {
	net.Conn
	linger int
}

func (l *lingering) SetLinger(sec int) error { l.linger = sec; return nil }

func TestAResetReachesTheConnectionBelowTLS(t *testing.T) {
	below := &lingering{linger: -1}
	resetAtClose(tls.Server(below, new(tls.Config)))
	if below.linger != 0 {
		t.Error("not told")
	}
	resetAtClose(nil)
	a, b := net.Pipe() // has no such thing
	defer b.Close()
	resetAtClose(a)
	a.Close()
}
