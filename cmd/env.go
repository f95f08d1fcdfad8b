// Package cmd is the command tree of hook: one file for each command, flags,
// wiring and exit codes. It knows all the other packages, and none knows it.
//
//	env := cmd.Env{Out: &out, Err: &errs, …}
//	code := cmd.Run(ctx, env, []string{"version", "--json"})
//
// A command is three pieces: an options struct, newX(env) that fills it from
// flags, and runX(ctx, env, opts) that works and never sees the flags.
package cmd

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/mattn/go-isatty"
)

// Env is everything that a command takes from the world around it.
type Env struct {
	In      io.Reader
	Out     io.Writer // data
	Err     io.Writer // talk
	Dir     string    // working folder
	Getenv  func(string) string
	Environ []string     // what commands inherit that hook runs
	HTTP    *http.Client // for relays; nil: one that obeys the proxy variables

	Keychain Keychain // nil: that of the operating system

	InTTY, OutTTY, ErrTTY bool

	profile string // --profile: which part of the settings files is put over the rest
}

// Main runs hook as a program and returns its exit code. The first interrupt
// ends what runs in an orderly way, the second at once.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	env := Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Dir: dir, Getenv: os.Getenv, Environ: os.Environ(),
		InTTY: terminal(os.Stdin), OutTTY: terminal(os.Stdout), ErrTTY: terminal(os.Stderr),
	}
	return Run(ctx, env, os.Args[1:])
}

func terminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}

// colour tells whether lines to w may be coloured (no-color.org).
func (e *Env) colour(tty bool) bool {
	return tty && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
}

// stateDir is where hook keeps what it must remember: endpoints with their
// owner keys, the embedded relays, history (XDG Base Directory).
func (e *Env) stateDir() string {
	if d := e.Getenv("HOOK_STATE_DIR"); d != "" {
		return d
	}
	if d := e.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "hook")
	}
	if runtime.GOOS == "windows" {
		if d := e.Getenv("LocalAppData"); d != "" {
			return filepath.Join(d, "hook")
		}
	}
	return filepath.Join(e.home(), ".local", "state", "hook")
}

func (e *Env) home() string {
	name := "HOME"
	if runtime.GOOS == "windows" {
		name = "USERPROFILE"
	}
	if d := e.Getenv(name); d != "" {
		return d
	}
	return e.Dir
}

// client is the HTTP client for relays. It follows no redirect: keys would
// travel with it.
func (e *Env) client() *http.Client {
	c := http.Client{}
	if e.HTTP != nil {
		c = *e.HTTP
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}
