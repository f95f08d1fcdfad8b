package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// maxAwaited bounds --count: what matched is kept in memory until the end.
const maxAwaited = 100_000

// waitOptions are the flags of hook wait.
type waitOptions struct {
	relay, relayCA string
	endpoint       string // "": one of its own
	filter         string
	expect         []string
	count          int
	respond        string
	timeout        time.Duration
	exitOn         time.Duration
	json, body     bool
	urlFile        string
	env            string
	junit          string
	signing        verifyFlags
	command        []string
}

func newWait(env *Env) *cobra.Command {
	var o waitOptions
	c := &cobra.Command{
		Use:   "wait [-- COMMAND…]",
		Short: "Wait for webhooks in a script: a URL, an answer, an exit code",
		Long: `Open an endpoint for this once, print its URL, and wait until a webhook has come that
fits. COMMAND is started when the endpoint is ready and finds the URL in $HOOK_URL; what
it prints goes to standard error. The endpoint is revoked at the end.

Standard output: the URL (without COMMAND), then the webhooks. Exit codes: 0 they came,
3 they came and were not as --expect says, 124 they did not come in time, 5 the relay
cannot be reached; a COMMAND that fails ends the wait with its exit code.`,
		Example: `  hook wait --filter event:invoice.paid --env WEBHOOK_URL -- ./create-invoice.sh
  hook wait --relay https://hooks.example --count 2 --json --timeout 5m -- npm run e2e
  hook wait --provider stripe --secret env:STRIPE_WEBHOOK_SECRET --expect verdict:valid --url-file url.txt`,
		Args: func(c *cobra.Command, given []string) error {
			if at := c.ArgsLenAtDash(); len(given) > 0 && at != 0 {
				return usage("hook wait -- "+strings.Join(given, " "), "%s does not take the argument %q", c.CommandPath(), given[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, given []string) error {
			o.command = given
			own, err := env.configure(c.Flags(), "relay", "relay_cacert", "schemes")
			if err != nil {
				return err
			}
			o.signing.own = own.schemes
			return runWait(c.Context(), env, &o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.relay, "relay", "", "relay to use, https://HOST (HOOK_RELAY); without one, an embedded relay on loopback")
	f.StringVar(&o.relayCA, "relay-cacert", "", "certificate authority of the relay, PEM file")
	f.StringVar(&o.endpoint, "endpoint", "", "use this endpoint of the folder and keep it (default: one that is revoked at the end)")
	f.StringVar(&o.filter, "filter", "", "only webhooks that this query picks count")
	f.StringArrayVar(&o.expect, "expect", nil, "query that each of them must fit, or the exit code is 3; repeatable")
	f.IntVar(&o.count, "count", 1, "how many to wait for")
	f.StringVar(&o.respond, "respond", "200", "answer to the senders: STATUS, STATUS:BODY or STATUS@FILE")
	durationVar(f, &o.timeout, "timeout", time.Minute, "how long to wait; 0 for no limit")
	durationVar(f, &o.exitOn, "exit-on-disconnect", 10*time.Second, "exit with 5 when the relay was not reached for so long; 0 for never")
	f.BoolVar(&o.json, "json", false, "print webhooks as JSON, one a line")
	f.BoolVar(&o.body, "body", false, "print the bytes of the bodies only")
	f.StringVar(&o.urlFile, "url-file", "", "write the URL to this file instead of standard output")
	f.StringVar(&o.env, "env", "HOOK_URL", "name of the variable in which COMMAND finds the URL")
	f.StringVar(&o.junit, "junit", "", "write a JUnit report to this file")
	o.signing.flags(c)
	o.signing.terms(c)
	aliases(f, map[string]string{"match": "filter", "assert": "expect"})
	return c
}

// waiting is what the flags mean.
type waiting struct {
	o      *waitOptions
	filter query.Query
	expect []query.Query
	answer tunnel.Result
}

// variable is a name that a shell takes.
var variable = pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (o *waitOptions) parse(env *Env) (*waiting, error) {
	w := &waiting{o: o}
	switch {
	case o.count < 1 || o.count > maxAwaited:
		return nil, usage("", "--count %d is not in 1 to %d", o.count, maxAwaited)
	case o.json && o.body:
		return nil, usage("leave one of them out", "--json and --body both say how to print")
	case !variable().MatchString(o.env):
		return nil, usage("--env HOOK_URL", "--env %q is no name of a variable", o.env)
	case o.endpoint != "" && !plainName(o.endpoint):
		return nil, usage("use letters, digits, - and _", "endpoint name %q", o.endpoint)
	}
	var err error
	if w.filter, err = parseQuery(o.filter); err != nil {
		return nil, err
	}
	for _, text := range o.expect {
		q, err := parseQuery(text)
		if err != nil {
			return nil, err
		}
		w.expect = append(w.expect, q)
	}
	w.answer, err = parseRespond(env, o.respond)
	return w, err
}

// maxRespond is the largest answer that a relay takes.
const maxRespond = 1 << 20

// parseRespond reads STATUS, STATUS:BODY and STATUS@FILE.
func parseRespond(env *Env, s string) (tunnel.Result, error) {
	r := tunnel.Result{By: tunnel.ByMock}
	digits := strings.IndexFunc(s, func(c rune) bool { return c < '0' || c > '9' })
	if digits < 0 {
		digits = len(s)
	}
	status, err := strconv.Atoi(s[:digits])
	rest := s[digits:]
	if err != nil || status < 200 || status > 599 || rest != "" && rest[0] != ':' && rest[0] != '@' {
		return r, usage("give it like 200, 200:ok, 500 or 200@answer.json", "--respond %q is no answer", s)
	}
	r.Status = status
	if file, ok := strings.CutPrefix(strings.TrimPrefix(rest, ":"), "@"); ok {
		if r.Body, err = readBounded(env.path(file), maxRespond); err != nil {
			return r, usage("", "--respond: reading %q: %w", file, err)
		}
	} else {
		r.Body = []byte(strings.TrimPrefix(rest, ":"))
	}
	r.Size = int64(len(r.Body))
	kind := "application/octet-stream"
	switch {
	case len(r.Body) == 0:
		return r, nil
	case json.Valid(r.Body) && bytes.IndexAny(r.Body, "{[") == 0:
		kind = "application/json"
	case utf8.Valid(r.Body):
		kind = "text/plain; charset=utf-8"
	}
	r.Header = tunnel.Header{{Name: "Content-Type", Value: kind}}
	return r, nil
}

// Handle answers every webhook alike.
func (w *waiting) Handle(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
	r := w.answer
	return &r, nil
}

// tellURL gives the URL to whoever wants to send.
func (w *waiting) tellURL(env *Env, url string) error {
	switch {
	case w.o.urlFile != "":
		path := env.path(w.o.urlFile)
		// In one step: who watches for the file never reads half of it.
		if err := os.WriteFile(path+".new", []byte(url+"\n"), 0o600); err != nil {
			return fail(exitFailed, "", "writing the URL: %w", err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			return fail(exitFailed, "", "writing the URL: %w", err)
		}
	case len(w.o.command) > 0:
	case w.o.json:
		return writeLine(env, awaitedReady{V: 1, Type: "ready", URL: url})
	default:
		_, err := fmt.Fprintln(env.Out, url)
		return err
	}
	return nil
}
