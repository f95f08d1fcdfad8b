package cmd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/hookrelay/hook/inspect/safetext"
)

// waitCommand is COMMAND of hook wait. What it prints goes to standard error:
// standard output is for the webhooks.
type waitCommand struct {
	w    *waiter
	cmd  *exec.Cmd
	halt context.CancelFunc
	done chan int // its exit code, once; nil: it was looked at
	over chan struct{}
}

func newWaitCommand(w *waiter) *waitCommand { return &waitCommand{w: w} }

// start runs it, once the URL is known.
func (c *waitCommand) start(ctx context.Context, url string) error {
	if len(c.w.o.command) == 0 || c.cmd != nil {
		return nil
	}
	argv := c.w.o.command
	ctx, c.halt = context.WithCancel(ctx)
	c.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.cmd.Dir = c.w.env.Dir
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = c.w.env.In, c.w.env.Err, c.w.env.Err
	c.cmd.Env = append(os.Environ(), c.w.o.env+"="+url)
	if c.w.o.env != "HOOK_URL" {
		c.cmd.Env = append(c.cmd.Env, "HOOK_URL="+url)
	}
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(os.Interrupt) }
	c.cmd.WaitDelay = commandEnds
	if err := c.cmd.Start(); err != nil {
		c.cmd = nil
		code := 126
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			code = 127
		}
		return fail(code, "", "starting %q: %w", argv[0], err)
	}
	done, over, cmd := make(chan int, 1), make(chan struct{}), c.cmd
	c.done, c.over = done, over
	go func() {
		defer close(over)
		done <- commandCode(cmd.Wait())
	}()
	return nil
}

// commandCode is a command's exit code as shells count: 128 + N for a signal.
func commandCode(err error) int {
	var ee *exec.ExitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &ee) && ee.ExitCode() >= 0:
		return ee.ExitCode()
	case errors.As(err, &ee):
		return 128 + signalOf(ee.ProcessState)
	}
	return exitFailed
}

// wait gives it the rest of the time to end by itself, and its exit code.
func (c *waitCommand) wait(late <-chan time.Time) int {
	if c.cmd == nil || c.done == nil {
		return exitDone
	}
	select {
	case code := <-c.done:
		return code
	case <-late:
		c.w.note(safetext.String(c.w.o.command[0]) + " still ran when the time was over")
		c.halt()
		return <-c.done
	}
}

// stop ends it if it still runs.
func (c *waitCommand) stop() {
	if c.cmd == nil {
		return
	}
	c.halt()
	<-c.over
}
