//go:build unix

package relay

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file to the owner of the one it replaces: an operator
// may rotate as root the key of a relay that runs as somebody else.
func keepOwner(f *os.File, old fs.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}
