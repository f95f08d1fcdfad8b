package tunnel

import "syscall"

// acknowledge sends the acknowledgement that the kernel holds back (tcp(7),
// TCP_QUICKACK).
func acknowledge(fd uintptr) {
	syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
}
