//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package inspect

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
)

// checkPrivate is an error if others may look into dir.
func checkPrivate(dir string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return &FolderError{dir, "others may open it (mode " + strconv.FormatUint(uint64(mode), 8) + ")", "chmod 700 " + shellWord(dir)}
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return &FolderError{dir, "it belongs to user " + strconv.Itoa(int(st.Uid)), "give another folder, or: chown " + strconv.Itoa(os.Geteuid()) + " " + shellWord(dir)}
	}
	return nil
}

// hold takes the lock that tells others that the segment is being written.
func hold(f *os.File) { syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// held tells whether a process, ours included, writes to the segment.
func held(f *os.File, _ time.Time) bool {
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return true
	}
	syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	return false
}
