package tunnel

import "net"

// resetter is a Conn that can be told that its link is dead. Its end is then a
// reset: a goodbye would wait behind what the other side does not acknowledge,
// for as long as TCP repeats that, and a side that still hears us (a network
// that drops one way only) would learn of the end much later than we.
type resetter interface{ dead() }

// dead tells conn so, if it cares.
func dead(conn Conn) {
	if r, ok := conn.(resetter); ok {
		r.dead()
	}
}

// resetAtClose makes the close of a connection, below TLS and what else is
// around it, a reset.
func resetAtClose(conn net.Conn) {
	for conn != nil {
		switch c := conn.(type) {
		case interface{ SetLinger(sec int) error }:
			c.SetLinger(0) // where it fails the connection ends as others do
			return
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return
		}
	}
}
