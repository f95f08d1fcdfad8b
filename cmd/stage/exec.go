package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/tunnel"
)

// The bounds of commands.
const (
	execAtOnce  = 8         // processes: a burst must not fork without end
	execErrors  = 64 << 10  // bytes of standard error that are shown
	execValue   = 100 << 10 // bytes of a variable: Linux takes 128 KiB of one
	execGoodbye = 2 * time.Second
)

// ExecOptions say which command answers deliveries.
type ExecOptions struct {
	Command string // words as a shell would cut them; no shell runs it
	Dir     string // working folder; relative commands are looked for in it
	Environ []string
	Timeout time.Duration // for one run, 0: none
}

// Exec answers every delivery by running a command: the body on its standard
// input, what else there is in its environment (docs/listen.md). Exit code 0 is
// an answer of 200, any other one of 500, with what it wrote on standard output
// as the body.
type Exec struct {
	path    string
	argv    []string
	dir     string
	environ []string
	timeout time.Duration
	slots   chan struct{}
}

// NewExec finds the command.
func NewExec(o ExecOptions) (*Exec, error) {
	argv, err := splitCommand(o.Command)
	if err != nil {
		return nil, err
	}
	e := &Exec{argv: argv, dir: o.Dir, timeout: o.Timeout, slots: make(chan struct{}, execAtOnce)}
	for _, v := range o.Environ { // what is ours is not inherited
		if !strings.HasPrefix(strings.ToUpper(v), "HOOK_") {
			e.environ = append(e.environ, v)
		}
	}
	if e.path, err = FindCommand(o.Dir, argv[0]); err != nil {
		return nil, err
	}
	return e, nil
}

// Stage answers deliveries with the command.
func (e *Exec) Stage() Stage {
	if e == nil {
		return nil
	}
	return func(tunnel.Handler) tunnel.Handler { return tunnel.HandlerFunc(e.handle) }
}

// Probe tells whether the command is still there.
func (e *Exec) Probe(context.Context) error {
	_, err := FindCommand(e.dir, e.argv[0])
	return err
}

func (e *Exec) handle(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
	began := time.Now()
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return nil, &tunnel.Failure{Kind: tunnel.Abandoned, Detail: "stopped before the command ran"}
	}
	limited := ctx
	if e.timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, e.timeout)
		defer cancel()
	}
	c := exec.CommandContext(limited, e.path)
	c.Args, c.Dir = e.argv, e.dir
	c.Env = append(e.environ[:len(e.environ):len(e.environ)], execEnviron(ctx, d)...)
	c.Stdin = bytes.NewReader(d.Body)
	out, errs := &capped{limit: tunnel.ForwardAnswerLimit}, &capped{limit: execErrors}
	c.Stdout, c.Stderr = out, errs
	c.WaitDelay = execGoodbye // for a child of the command that keeps our pipes
	ownGroup(c)
	err := c.Run()
	took := time.Since(began)
	if errs.size > 0 {
		note(ctx, d, Note{Kind: Ran, Text: strings.TrimRight(string(errs.kept), "\r\n"), Took: took})
	}
	var exit *exec.ExitError
	status := 200
	switch {
	case limited.Err() != nil && ctx.Err() != nil:
		return nil, &tunnel.Failure{Kind: tunnel.Abandoned, Detail: "the command was stopped with the listener"}
	case limited.Err() != nil && err != nil:
		return nil, &tunnel.Failure{Kind: tunnel.TimedOut, Detail: fmt.Sprintf("the command did not end within %s", e.timeout)}
	case errors.As(err, &exit):
		status = 500
		note(ctx, d, Note{Kind: Ran, Text: "the command ended with " + exit.ProcessState.String(), Took: took})
	case errors.Is(err, syscall.E2BIG):
		return nil, &tunnel.Failure{Kind: tunnel.Unfit, Detail: "its header lines are too long for an environment"}
	case c.Process == nil: // nothing ran
		return nil, &tunnel.Failure{Kind: tunnel.Refused, Detail: fmt.Sprintf("the command cannot be started: %v", err)}
	case errors.Is(err, exec.ErrWaitDelay): // it ended well; a child of it went on
	case err != nil:
		return nil, &tunnel.Failure{Kind: tunnel.Internal, Detail: err.Error()}
	}
	r := &tunnel.Result{Status: status, By: tunnel.ByExec, Size: out.size, Timing: tunnel.Timing{FirstByte: took, Done: took}}
	if out.size == int64(len(out.kept)) {
		r.Body = out.kept
	}
	if kind := mediaType("", r.Body); kind != "" {
		r.Header = tunnel.Header{{Name: "Content-Type", Value: kind}}
	}
	return r, nil
}

// FindCommand is the file of a command: looked for in the search path, and in
// dir where it is named with a slash. What only the current folder makes
// found is not taken (CVE-2022-24753 was such a one).
func FindCommand(dir, name string) (string, error) {
	file := name
	if strings.ContainsAny(name, `/\`) {
		file = inFolder(dir, name)
	}
	path, err := exec.LookPath(file)
	if err != nil {
		return "", fmt.Errorf("command %q: %w", safetext.String(name), unwrapped(err))
	}
	return path, nil
}

func unwrapped(err error) error {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// capped keeps the beginning of what is written and counts the rest.
type capped struct {
	limit int
	kept  []byte
	size  int64
}

func (c *capped) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	c.kept = append(c.kept, p[:min(len(p), c.limit-len(c.kept))]...)
	return len(p), nil
}

// execEnviron is what a command is told of a delivery. The names are fixed;
// whatever the sender says is only ever a value.
func execEnviron(ctx context.Context, d *tunnel.Delivery) []string {
	path, rawQuery, _ := strings.Cut(d.Target, "?")
	f := FlowOf(ctx, d)
	headers, cut := headersJSON(d.Header), "0"
	if len(headers) > execValue {
		headers, cut = "{}", "1"
	}
	values := []struct{ name, value string }{
		{"HOOK_DELIVERY_ID", d.ID.String()},
		{"HOOK_ATTEMPT", strconv.Itoa(d.Attempt)},
		{"HOOK_SEQ", strconv.FormatUint(d.Seq, 10)},
		{"HOOK_RECEIVED_AT", d.ReceivedAt.UTC().Format(time.RFC3339Nano)},
		{"HOOK_METHOD", d.Method},
		{"HOOK_PATH", path},
		{"HOOK_QUERY", rawQuery},
		{"HOOK_REQUEST_URL", d.URL},
		{"HOOK_HOST", d.Host},
		{"HOOK_REMOTE", d.Remote},
		{"HOOK_CONTENT_TYPE", d.Header.Get("Content-Type")},
		{"HOOK_BODY_SIZE", strconv.Itoa(len(d.Body))},
		{"HOOK_PROVIDER", f.Provider},
		{"HOOK_EVENT", f.Event},
		{"HOOK_PROVIDER_ID", f.DeliveryID},
		{"HOOK_VERDICT", f.Verdict.State},
		{"HOOK_HEADERS", headers},
		{"HOOK_HEADERS_CUT", cut},
	}
	list := make([]string, 0, len(values))
	for _, v := range values {
		value := strings.ReplaceAll(v.value, "\x00", "")
		list = append(list, v.name+"="+value[:min(len(value), execValue)])
	}
	return list
}

// headersJSON is an object of lists of values by lower-case name.
func headersJSON(h tunnel.Header) string {
	byName := make(map[string][]string, len(h))
	for _, line := range h {
		name := strings.ToLower(line.Name)
		byName[name] = append(byName[name], line.Value)
	}
	b, err := json.Marshal(byName)
	if err != nil { // strings always encode
		return "{}"
	}
	return string(b)
}
