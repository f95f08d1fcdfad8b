package bolt

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes what was written to a file of unchanged size durable.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
