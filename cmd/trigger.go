package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/signer/payloads"
)

// Bounds of hook trigger.
const (
	maxTriggers    = 1_000_000
	maxTriggerRate = 10_000 // a second
)

// triggerOptions are the flags of hook trigger.
type triggerOptions struct {
	provider, event string
	joined          bool // typed as one word: PROVIDER.EVENT, or an event alone

	ownedFlags                // relay, endpoint, --json
	to, path, url, scheme, at string
	secrets, params, headers  []string
	set                       []string
	body                      string
	edit, print, list         bool
	seed                      uint64
	count                     int
	rate                      float64
	timeout                   time.Duration
	insecure                  bool
	expect                    string

	tamper, wrongSecret   bool
	duplicate, outOfOrder bool
	stale                 time.Duration
	changed               func(flag string) bool
}

func newTrigger(env *Env) *cobra.Command {
	var o triggerOptions
	c := &cobra.Command{
		Use:   "trigger PROVIDER EVENT",
		Short: "Send a sample webhook, signed as its provider would",
		Long: `Make a sample of an event, sign it and send it: to a URL, or to this folder's endpoint.
No account and no network but the target's are needed. The data is made up and fits
together; --seed gives the same again, --set and --edit change it.

What has no samples, such as an own scheme of hook.yaml, is signed and sent with a body
of yours: --body FILE, or --set PATH=VALUE for each value of a JSON object.

One line an answer is printed. An answer that is not 2xx, or not what --expect says,
is a failure. "hook trigger --list" shows what there is.`,
		Example: `  hook trigger stripe invoice.paid --to localhost:3000/webhooks --secret env:STRIPE_WEBHOOK_SECRET
  hook trigger github.push --set ref=refs/heads/next --secret file:secret.txt
  hook trigger shopify orders/create --to 3000 --secret env:SHOPIFY --tamper --expect 401
  hook trigger acme order.paid --body order.json --to 3000 --secret env:ACME
  hook trigger --list invoice`,
		Args: args(0, 2),
		RunE: func(c *cobra.Command, given []string) error {
			o.changed = c.Flags().Changed
			if o.list {
				return runTriggerList(env, strings.Join(given, " "), o.json)
			}
			if len(given) == 1 {
				given, o.joined = strings.SplitN(given[0], ".", 2), true
			}
			if len(given) != 2 {
				hint := "hook trigger stripe invoice.paid; \"hook trigger --list\" shows what there is"
				if len(given) == 1 {
					hint = cmp.Or(meantEvent(given[0]), fmt.Sprintf("\"hook trigger --list %s\" shows its events", given[0]))
				}
				return usage(hint, "which event?")
			}
			o.provider, o.event = given[0], given[1]
			return runTrigger(c.Context(), env, &o)
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "where to: PORT, HOST:PORT[/PATH] or URL (default: this folder's endpoint)")
	f.StringVar(&o.path, "path", "", "path to put behind the endpoint's URL")
	f.StringVar(&o.url, "url", "", "public URL to sign where the provider signs it (default: where it is sent)")
	secretFlags(f, &o.secrets)
	f.StringVar(&o.scheme, "scheme", "", "scheme of the provider, where it has several")
	f.StringArrayVar(&o.params, "param", nil, "NAME=VALUE that the scheme asks for besides the secret; repeatable")
	f.StringArrayVar(&o.set, "set", nil, "PATH=VALUE to put into the body, a.b[0].c; the value is JSON, or else a text; repeatable")
	f.StringVar(&o.body, "body", "", "file with a body to send instead, - for standard input")
	f.BoolVar(&o.edit, "edit", false, "edit the body in $EDITOR first")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "\"Name: value\" to set; repeatable")
	f.IntVar(&o.count, "count", 1, "how many, each with ids of its own")
	f.Float64Var(&o.rate, "rate", 0, "… and how many a second; 0: each after the answer to the one before")
	f.Uint64Var(&o.seed, "seed", 0, "what the made-up values depend on (default: another one each time)")
	f.StringVar(&o.at, "at", "", "time of sending, Unix seconds or RFC 3339 (default: now)")
	f.BoolVar(&o.print, "print", false, "print the raw HTTP request and send nothing")
	f.BoolVar(&o.tamper, "tamper", false, "change the body after it was signed")
	durationVar(f, &o.stale, "stale", 0, "sign with a time so long ago")
	f.BoolVar(&o.wrongSecret, "wrong-secret", false, "sign with another secret")
	f.BoolVar(&o.duplicate, "duplicate", false, "send each one twice, the same bytes")
	f.BoolVar(&o.outOfOrder, "out-of-order", false, "send the later events first (with --count, default 2)")
	f.StringVar(&o.expect, "expect", "", "status the answers must have: 200, 2xx, 401 or a list with commas; else exit code 3")
	durationVar(f, &o.timeout, "timeout", 30*time.Second, "how long an answer may take")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "do not check the target's TLS certificate")
	f.BoolVar(&o.list, "list", false, "list providers and events, those that match the words given")
	aliases(f, map[string]string{"forward-to": "to", "target": "to", "add": "set", "override": "set", "data": "body", "skip-verify": "insecure", "headers": "header"})
	return c
}

// runTrigger makes, signs and sends.
func runTrigger(ctx context.Context, env *Env, o *triggerOptions) error {
	if err := o.check(env); err != nil {
		return err
	}
	expect, err := parseExpect(o.expect)
	if err != nil {
		return err
	}
	t, err := newTriggering(env, o) // a mistyped event is said before a target or a secret is asked for
	if err != nil {
		return err
	}
	target, err := o.target(env)
	if err != nil {
		return err
	}
	if err := t.ready(ctx, env, target); err != nil {
		return err
	}
	if o.print {
		for i := range o.count {
			req, err := t.message(i)
			if err != nil {
				return err
			}
			if _, err := env.Out.Write(rawRequest(req)); err != nil {
				return err
			}
		}
		return nil
	}
	s, err := newSending(env, o, expect)
	if err != nil {
		return err
	}
	return s.run(ctx, t)
}

// check refuses flags that contradict each other.
func (o *triggerOptions) check(env *Env) error {
	switch {
	case o.count < 1 || o.count > maxTriggers:
		return usage("", "--count %d is not in 1 to %d", o.count, maxTriggers)
	case !(o.rate >= 0 && o.rate <= maxTriggerRate):
		return usage("", "--rate %v is not in 0 to %d", o.rate, maxTriggerRate)
	case o.to != "" && (o.changed("endpoint") || o.path != ""):
		return usage("give --to alone: it is a whole URL", "--to and --endpoint or --path name two targets")
	case o.body == "-" && fromStdin(o.secrets):
		return usage("give the body as a file", "both the secret and the body are to come from standard input")
	case o.body != "" && len(o.set) > 0:
		return usage("change the file, or leave out --body", "--set changes a sample, and --body replaces it")
	case o.edit && o.count > 1:
		return usage("leave out --count", "--edit is for one webhook")
	case o.edit && (!env.InTTY || !env.OutTTY):
		return usage("--set changes a value, --body sends a file", "there is no terminal to edit in")
	}
	if o.outOfOrder && !o.changed("count") {
		o.count = 2
	}
	if o.outOfOrder && o.count < 2 {
		return usage("--count 3", "one webhook has no order")
	}
	if !o.changed("seed") {
		o.seed = rand.Uint64N(1_000_000) // short, for it is printed to be typed again
	}
	return nil
}

// target is the URL to send to, "" for --print without one.
func (o *triggerOptions) target(env *Env) (string, error) {
	if o.to != "" {
		return parseTo(o.to)
	}
	k, err := o.place(env)
	if err != nil {
		return "", err
	}
	ok, err := env.recall(k)
	if err != nil {
		return "", err
	}
	if ok {
		return joinPath(k.URL, o.path), nil
	}
	if o.print {
		return "", nil
	}
	return "", usage("give --to localhost:3000/path, or run \"hook listen 3000\" first", "where to? This folder has no endpoint %q", k.Name)
}

// parseTo reads PORT, HOST:PORT[/PATH] or a URL.
func parseTo(s string) (string, error) {
	raw := s
	if _, err := strconv.ParseUint(s, 10, 16); err == nil {
		raw = "localhost:" + s
	}
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	r, err := http.NewRequest(http.MethodPost, raw, nil)
	if err != nil || r.URL.Host == "" || r.URL.User != nil || r.URL.Fragment != "" || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return "", usage("give it like 3000, localhost:3000/hooks or https://app.example/hooks", "--to %q is no target", s)
	}
	return raw, nil
}

// joinPath puts a path behind a URL, as text: nothing in it is interpreted.
func joinPath(base, path string) string {
	if path == "" {
		return base
	}
	return strings.TrimSuffix(base, "/") + "/" + strings.TrimPrefix(path, "/")
}

// unknownSample says what there is instead.
func unknownSample(provider, event string, err error) error {
	if !errors.Is(err, payloads.ErrUnknown) {
		return fail(exitUsage, "\"hook trigger --list "+provider+"\" shows its events", "%w", err)
	}
	events := payloads.Events(provider)
	hint := fmt.Sprintf("\"hook trigger --list %s\" shows its events", provider)
	best := max(len(event)/2, 3)
	for _, e := range events {
		if d := editDistance(event, e.Name); d < best || strings.HasPrefix(e.Name, event) && event != "" && best > 0 {
			hint = fmt.Sprintf("did you mean \"hook trigger %s %s\"?", provider, e.Name)
			best = min(d, best)
			if strings.HasPrefix(e.Name, event) {
				best = 0
			}
		}
	}
	return usage(hint, "there is no sample of the event %q of %q", event, provider)
}

// openBody reads what replaces a sample's body.
func (o *triggerOptions) openBody(env *Env) ([]byte, error) {
	if o.body == "" {
		return nil, nil
	}
	b, err := env.readInput(o.body)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("", "--body %q: no such file", o.body)
	}
	if b == nil {
		b = []byte{}
	}
	return b, err
}
