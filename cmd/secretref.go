package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookrelay/hook/signer"
)

// Bounds of a secret and of the command that prints it.
const (
	maxSecret      = 256 << 10 // bytes: a JWKS document is the longest that anybody has
	secretPatience = 60 * time.Second
)

// secretHint says how to give a secret.
const secretHint = "give it as env:NAME, file:PATH, keychain:NAME, cmd:COMMAND, - for standard input, or a name set with \"hook secret set\""

// refFlag appends to a list of secret references. Its aliases put their word
// in front, so that the order typed is the order tried.
type refFlag struct {
	list *[]string
	word string
}

func (f refFlag) String() string { return "" } // a default in the help would be somebody's secret
func (f refFlag) Type() string   { return "REF" }

func (f refFlag) Set(s string) error {
	*f.list = append(*f.list, f.word+s)
	return nil
}

// secretFlags adds --secret and its aliases.
func secretFlags(f *pflag.FlagSet, list *[]string) {
	f.Var(refFlag{list, ""}, "secret", "secret reference: env:NAME, file:PATH, keychain:NAME, cmd:COMMAND, - for standard input, or a name set with \"hook secret\"; repeatable, tried in order")
	f.Var(refFlag{list, "env:"}, "secret-env", "same as --secret env:NAME")
	f.Var(refFlag{list, "file:"}, "secret-file", "same as --secret file:PATH")
	f.Var(refFlag{list, "-"}, "secret-stdin", "same as --secret -")
	f.Lookup("secret-stdin").NoOptDefVal = " "
	for _, name := range []string{"secret-env", "secret-file", "secret-stdin"} {
		f.Lookup(name).Hidden = true
	}
}

// fromStdin tells whether one of the references reads standard input.
func fromStdin(refs []string) bool {
	for _, r := range refs {
		if strings.TrimSpace(r) == "-" {
			return true
		}
	}
	return false
}

// secrets resolves references, in order. The id of a key is its reference, so
// that a verdict can name the one that matched; a secret that was typed, and a
// command, are named by their number. Nothing here puts a secret into an error.
func (e *Env) secrets(ctx context.Context, refs []string) ([]signer.Key, error) {
	if err := oneStdin(refs); err != nil {
		return nil, err
	}
	var keys []signer.Key
	for i, ref := range refs {
		got, err := e.secret(ctx, i, ref)
		if err != nil {
			return nil, err
		}
		keys = append(keys, got...)
	}
	return keys, nil
}

// oneStdin refuses a second reference to standard input.
func oneStdin(refs []string) error {
	n := 0
	for _, r := range refs {
		if strings.TrimSpace(r) == "-" {
			n++
		}
	}
	if n > 1 {
		return usage("", "two secrets are to come from standard input: there is only one")
	}
	return nil
}

// secret resolves the i-th reference.
func (e *Env) secret(ctx context.Context, i int, ref string) ([]signer.Key, error) {
	word, rest, _ := strings.Cut(ref, ":")
	typed := ref
	var got []signer.Key
	var err error
	switch {
	case strings.TrimSpace(ref) == "-":
		var b []byte
		b, err = io.ReadAll(io.LimitReader(e.In, maxSecret+1))
		got, err = one("stdin", b, err)
	case word == "env" && rest != "":
		got, err = one(ref, []byte(e.Getenv(rest)), nil)
	case word == "file" && rest != "":
		var b []byte
		b, err = readBounded(e.path(rest), maxSecret)
		got, err = one(ref, b, err)
	case word == "keychain" && rest != "":
		got, err = e.fromKeychain(rest)
	case word == "cmd" && rest != "":
		ref = fmt.Sprintf("cmd %d", i+1)
		var b []byte
		b, err = e.secretFrom(ctx, rest)
		got, err = one(ref, b, err)
	case word == "key" && rest != "":
		got, err = e.testKey(rest)
	default:
		got, err = e.storedSecret(ref)
		ref = fmt.Sprintf("secret %d", i+1) // what was typed may be the secret itself: no error may repeat it
		if errors.Is(err, errNoSecret) {
			fmt.Fprintf(e.Err, "warning: --secret %d is taken as the secret itself: what is typed can be read by others on this machine, and stays in the shell's history\nhint: %s\n", i+1, secretHint)
			got, err = one(ref, []byte(typed), nil)
		}
	}
	if err != nil {
		return nil, secretError(ref, err)
	}
	return got, nil
}

var errEmpty = errors.New("it is empty")

// one makes a key of what a reference gave: without the line end that editors
// and commands put after it, and nothing else changed.
func one(id string, b []byte, err error) ([]signer.Key, error) {
	if err != nil {
		return nil, err
	}
	if len(b) > maxSecret {
		return nil, fmt.Errorf("it has more than %d bytes", maxSecret)
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errEmpty
	}
	return []signer.Key{{ID: id, Secret: signer.Secret(b)}}, nil
}

// secretError names the reference, never what it gave.
func secretError(ref string, err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	hint := secretHint
	if name, ok := strings.CutPrefix(ref, "env:"); ok && errors.Is(err, errEmpty) {
		return usage(fmt.Sprintf("export %s=… first", name), "secret %q: the variable is not set, or empty", ref)
	}
	if errors.Is(err, errEmpty) {
		hint = "an empty secret signs nothing and makes nothing valid"
	}
	return usage(hint, "secret %q: %w", ref, err)
}

// path makes a path that was typed absolute.
func (e *Env) path(p string) string {
	if rest, ok := strings.CutPrefix(p, "~/"); ok {
		p = filepath.Join(e.home(), rest)
	}
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(e.Dir, p)
}

// readBounded reads a file that must not be longer than limit.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, plainPathError(err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("it has more than %s", formatBytes(limit))
	}
	return b, nil
}

// plainPathError leaves the path out: whoever typed it knows it, and the
// message names the reference.
func plainPathError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// secretFrom runs a command that prints a secret. It may talk on the terminal
// (password managers ask for a passphrase), but is asked nothing without one.
func (e *Env) secretFrom(ctx context.Context, command string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, secretPatience)
	defer cancel()
	shell := []string{"sh", "-c", command}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C", command}
	}
	c := exec.CommandContext(ctx, shell[0], shell[1:]...)
	c.Dir = e.Dir
	c.WaitDelay = time.Second
	if e.InTTY {
		c.Stdin = e.In
	}
	if e.ErrTTY {
		c.Stderr = e.Err
	}
	var out limitedBuffer
	c.Stdout = &out
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the command took longer than %s", formatDuration(secretPatience))
		}
		var ee *exec.ExitError
		if errors.As(err, &ee) {
			return nil, fmt.Errorf("the command ended with %s", ee.ProcessState)
		}
		return nil, errors.New("the command could not be started")
	}
	return out.b, nil
}

// limitedBuffer keeps one byte more than a secret may have.
type limitedBuffer struct{ b []byte }

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if room := maxSecret + 1 - len(l.b); room > 0 {
		l.b = append(l.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
