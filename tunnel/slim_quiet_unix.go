//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package tunnel

import (
	"errors"
	"net"
	"syscall"
)

// quiet tells whether an idle connection is open and silent: it looks, without
// waiting and without taking anything, for data, an end or an error. Whatever
// arrives on an idle connection means that it is of no more use (a 408, a
// close_notify, a FIN).
func quiet(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, peeked = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err == nil && (errors.Is(peeked, syscall.EAGAIN) || errors.Is(peeked, syscall.EINTR))
}
