//go:build !unix

package cmd

import "os"

// signalOf is the signal that ended a process; there are none here.
func signalOf(*os.ProcessState) int { return 0 }
