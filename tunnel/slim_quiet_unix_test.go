//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package tunnel

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

func TestConnectionClosedByTheTargetIsNotUsedAgain(t *testing.T) {
	r := record(t, ok200+"<close>", ok200)
	f := forwarder(t, r.port())
	forward(t, f, delivery("POST", "/", "1"))
	if len(f.client.idle) != 1 {
		t.Fatal("the connection was not kept")
	}
	if n, err := f.client.idle[0].raw.Read(make([]byte, 1)); err != io.EOF { // waits for the end
		t.Fatalf("read %d, %v", n, err)
	}
	forward(t, f, delivery("POST", "/", "2"))
	if n, conns := r.counts(); n != 2 || conns != 2 {
		t.Errorf("%d requests on %d connections, want 2 on 2", n, conns)
	}
}

func TestUnaskedAnswerIsNotTakenForTheNext(t *testing.T) {
	r := record(t, ok200)
	f := forwarder(t, r.port())
	forward(t, f, delivery("POST", "/", "1"))
	poison(t, f.client.idle[0].raw)
	forward(t, f, delivery("POST", "/", "2"))
	if n, conns := r.counts(); n != 3 || conns != 2 {
		t.Errorf("%d requests on %d connections, want 3 on 2: the poisoned connection was used", n, conns)
	}
}

// poison makes the target send an answer on conn that the Forwarder knows
// nothing of, and waits until it is there.
func poison(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.WriteString(conn, "GET /poison HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	socket, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return !errors.Is(err, syscall.EAGAIN)
	}); err != nil {
		t.Fatal(err)
	}
}
