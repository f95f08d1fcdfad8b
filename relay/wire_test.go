package relay

import (
	"io"
	"net"
	"testing"
	"time"
)

// exchange sends raw bytes, tells the server that no more will come, and
// returns all that came back.
func exchange(t testing.TB, addr, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).CloseWrite()
	got, _ := io.ReadAll(conn) // a reset after the answer is no fault
	return string(got)
}
