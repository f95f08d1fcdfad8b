//go:build unix

package cmd

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// suspendPatience is how long the stop may take to come. It also ends the wait
// where it never comes.
const suspendPatience = 500 * time.Millisecond

// suspend stops this process and those started with it, as Ctrl-Z does, and
// returns when a shell has continued them. Where no shell is above (ssh -t HOST
// hook, docker run, a window that began with hook) the kernel passes over the
// signal.
func suspend() error {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return err
	}
	select {
	case <-continued:
		return nil
	case <-time.After(suspendPatience):
	}
	select {
	case <-continued: // both were ready: the clock went on meanwhile
		return nil
	default:
		return errors.New("no shell started this, to go back to")
	}
}
