//go:build !linux

package bolt

import "os"

// datasync makes what was written to a file of unchanged size durable.
func datasync(f *os.File) error { return f.Sync() }
