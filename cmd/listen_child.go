package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/cmd/stage"
)

// childGrace is how long a command that was told to end may take.
const childGrace = 10 * time.Second

// errChild ends a listener whose command has ended.
var errChild = errors.New("the command has ended")

// splitChild takes the command behind "--" off the arguments.
func splitChild(c *cobra.Command, given []string) (rest, child []string, err error) {
	if at := c.ArgsLenAtDash(); at >= 0 {
		given, child = given[:at], given[at:]
		if len(child) == 0 {
			return nil, nil, usage("hook listen 3000 -- npm run dev", "no command behind --")
		}
	}
	if len(given) > 1 {
		return nil, nil, usage(meantArgument(given), "%s does not take the argument %q", c.CommandPath(), given[1])
	}
	return given, child, nil
}

// childProcess is the command of a listener.
type childProcess struct {
	stop func()
	done chan struct{} // nil: there is none
	err  error         // set before done is closed
}

// startChild runs the command once the relay has welcomed the listener, passes
// signals on to it, and ends the listener when it ends.
func (l *listener) startChild(ctx context.Context, cancel context.CancelCauseFunc) *childProcess {
	if len(l.o.child) == 0 {
		return &childProcess{stop: func() {}}
	}
	over, stop := context.WithCancel(context.Background())
	p := &childProcess{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		select {
		case <-l.welcomed:
		case <-ctx.Done():
			return
		case <-over.Done():
			return
		}
		p.err = l.runChild(over)
		cancel(errChild)
	}()
	return p
}

// end stops the command, if it still runs, and gives its exit code as an error.
func (p *childProcess) end() error {
	p.stop()
	if p.done == nil {
		return nil
	}
	<-p.done
	return p.err
}

// runChild runs the command until it ends; when over ends, it is told to.
func (l *listener) runChild(over context.Context) error {
	path, err := stage.FindCommand(l.env.Dir, l.o.child[0])
	if err != nil {
		return err
	}
	c := exec.Command(path)
	c.Args, c.Dir = l.o.child, l.env.Dir
	c.Env = append(l.env.Environ[:len(l.env.Environ):len(l.env.Environ)], "HOOK_URL="+l.url, "HOOK_ENDPOINT="+l.k.Name)
	c.Stdin, c.Stdout, c.Stderr = l.env.In, l.env.Out, l.env.Err
	if l.o.json || l.o.output == "json" || l.o.printURL { // standard output is ours
		c.Stdout = l.env.Err
	}
	c.WaitDelay = childGrace
	// Before a terminal the command stays in the group that the terminal speaks
	// to: it may read keys, and gets interrupts without us. Elsewhere it has a
	// group of its own, so that all of it can be told.
	own := !l.env.InTTY
	childGroup(c, own)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, childSignals()...)
	defer signal.Stop(signals)
	if err := c.Start(); err != nil {
		return fail(exitFailed, "", "starting %q: %w", l.o.child[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	ending := over.Done()
	var killer <-chan time.Time
	asked := false // it was told to end
	for {
		select {
		case err := <-ended:
			if own {
				killChild(c, own) // what it has left behind
			}
			return childCode(err)
		case s := <-signals:
			last := s == os.Interrupt || s == terminate
			switch {
			case last && asked:
				killChild(c, own)
			case s == os.Interrupt && !own: // it got it from the terminal
			default:
				tellChild(c, own, s)
			}
			if last {
				asked = true
				killer = time.After(childGrace)
			}
		case <-ending:
			ending = nil
			if !asked {
				asked = true
				tellChild(c, own, terminate)
				killer = time.After(childGrace)
			}
		case <-killer:
			killChild(c, own)
		}
	}
}

// childCode is how a command ended, as an exit code of ours.
func childCode(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil
	case errors.As(err, &exit):
		if code := exit.ExitCode(); code >= 0 {
			return silent{code}
		}
		return silent{exitSignalled + signalNumber(exit.ProcessState)}
	}
	return fmt.Errorf("waiting for the command: %w", err)
}

// exitSignalled is what shells add to the number of a signal.
const exitSignalled = 128
