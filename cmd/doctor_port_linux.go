package cmd

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hookrelay/hook/inspect/safetext"
)

// tcpListen is TCP_LISTEN in the tables of /proc.
const tcpListen = "0A"

// portOwner names the process that listens on a port of an address, as far as
// this user may see it; "" if not.
func portOwner(ip string, port int) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	inodes := listeningInodes("/proc/net/tcp6", port, addr)
	if addr.Is4() {
		inodes = append(listeningInodes("/proc/net/tcp", port, addr), inodes...)
	}
	for _, inode := range inodes {
		if owner := inodeOwner(inode); owner != "" {
			return owner
		}
	}
	return ""
}

// listeningInodes reads a table of sockets (proc_pid_net(5)).
func listeningInodes(table string, port int, addr netip.Addr) []string {
	data, err := os.ReadFile(table)
	if err != nil {
		return nil
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != tcpListen {
			continue
		}
		local, at, ok := strings.Cut(f[1], ":")
		if n, err := strconv.ParseUint(at, 16, 16); !ok || err != nil || int(n) != port {
			continue
		}
		if bound, ok := procAddr(local); ok && (bound.IsUnspecified() || bound.Unmap() == addr) {
			list = append(list, f[9])
		}
	}
	return list
}

// procAddr reads an address of the tables: words in the machine's byte order.
func procAddr(s string) (netip.Addr, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	return netip.AddrFromSlice(b)
}

func inodeOwner(inode string) string {
	want := "socket:[" + inode + "]"
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != want {
			continue
		}
		pid := strings.Split(link, "/")[2]
		name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if err != nil {
			return "process " + pid
		}
		return fmt.Sprintf("%s (process %s)", safetext.String(strings.TrimSpace(string(name))), pid)
	}
	return ""
}
