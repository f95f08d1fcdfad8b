//go:build unix

package cmd

import (
	"errors"
	"os"
	"syscall"
)

// lockedByOther tells whether another process holds the lock of a store. It
// waits for nothing, and holds a free lock for no longer than the look.
func lockedByOther(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
