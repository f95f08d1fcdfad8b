package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/tunnel"
)

// Exit codes, as published.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3 // a signature or an assertion
	exitAuth        = 4
	exitUnreachable = 5
	exitGone        = 6
	exitTimeout     = 124
	exitInterrupted = 130
)

// failure is an error with an exit code and, for people, the next thing to do.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail makes an error with a code and a hint ("": none).
func fail(code int, hint, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...), hint}
}

// usage is a mistake in what was typed.
func usage(hint, format string, args ...any) error {
	return fail(exitUsage, hint, format, args...)
}

// errSilent is a failure that has been told already.
type silent struct{ code int }

func (s silent) Error() string { return fmt.Sprintf("exit code %d", s.code) }

// exitCode is the code for what a command returned.
func exitCode(ctx context.Context, err error) int {
	var f *failure
	var s silent
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &s):
		return s.code
	case errors.As(err, &f):
		return f.code
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

// report prints an error as people read it: what failed and why, then what to
// type next. Foreign bytes in it cannot reach the terminal.
func report(w io.Writer, err error) {
	var s silent
	if err == nil || errors.As(err, &s) {
		return
	}
	fmt.Fprintf(w, "hook: %s\n", safetext.Text(err.Error()))
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		fmt.Fprintf(w, "hint: %s\n", safetext.Text(f.hint))
	}
}

// tunnelFailure gives a tunnel's end its exit code and hint.
func tunnelFailure(err error, relay string) error {
	var ce *tunnel.CloseError
	var de *tunnel.DialError
	switch {
	case errors.As(err, &ce):
		switch ce.Code {
		case tunnel.CloseUnauthorised:
			return fail(exitAuth, "the endpoint belongs to another key; \"hook listen --new\" makes one of your own", "relay %s: %w", relay, err)
		case tunnel.CloseUnknown, tunnel.CloseGone:
			return fail(exitGone, "\"hook listen --new\" makes a new endpoint", "relay %s: %w", relay, err)
		case tunnel.CloseTakenOver:
			return fail(exitGone, "only one listener holds an endpoint; start this one again to take it back, or give it a name of its own with --endpoint", "relay %s: %w", relay, err)
		case tunnel.CloseVersion:
			return fail(exitFailed, "the relay and this hook are too far apart: update the older one", "relay %s: %w", relay, err)
		}
	case errors.As(err, &de):
		if de.Status == 401 || de.Status == 403 {
			return fail(exitAuth, "check the owner key and what stands before the relay", "relay %s: %w", relay, err)
		}
	}
	return fail(exitUnreachable, fmt.Sprintf("is a relay running at %s? Without --relay, hook starts one on this machine", relay), "relay %s: %w", relay, err)
}
