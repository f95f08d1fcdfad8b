package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// listenOptions are the flags of hook listen.
type listenOptions struct {
	forward  string
	relay    string
	relayCA  string
	endpoint string
	fresh    bool

	ttl, idle, keep time.Duration
	maxUses         int64
	respond         string
	budget          time.Duration
	retryFor        time.Duration
	maxAttempts     int
	ordered         bool
	changed         func(flag string) bool // by whatever means
	typed           func(flag string) bool // on the command line

	timeout     time.Duration
	concurrency int
	headers     []string
	hostHeader  string
	path        string
	insecure    bool
	cacert      string
	allowTarget bool

	noHistory bool
	redact    []string
	signing   verifyFlags
	stages    stageOptions
	child     []string // command to run once ready

	keys      map[string][]string // bindings of the inspector, of the settings files
	transport string
	output    string
	json      bool
	printURL  bool
	noRetry   bool
	exitOn    time.Duration
	screen    *screen // nil: lines
}

func newListen(env *Env) *cobra.Command {
	var o listenOptions
	c := &cobra.Command{
		Use:   "listen [PORT|URL] [-- COMMAND…]",
		Short: "Receive webhooks on a public URL and replay them to a local application",
		Long: `Receive webhooks on a URL and replay them to a local application. The sender gets
the application's own answer. What arrives while the application is down, or while
this listener is away, waits at the relay and is delivered later, in order.

Without --relay, hook starts a relay of its own inside this process: its URL is
reachable from this machine only. The endpoint belongs to the project folder: the
same URL comes back next time.

Without a target, what comes is shown and answered 200. A command behind -- is
run once the URL is there, with it in HOOK_URL, and both end together.`,
		Example: `  hook listen 3000
  hook listen 3000 -- npm run dev
  hook listen localhost:3000/webhooks --relay https://hooks.example
  hook listen --route 'provider:stripe=3000/stripe' --route 'provider:github=4000'
  hook listen 3000 --mock 'path:/health=200' --chaos duplicate=0.2,delay=2s
  hook listen 3000 --json | jq 'select(.type == "end")'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, given []string) error {
			var err error
			if given, o.child, err = splitChild(c, given); err != nil {
				return err
			}
			if len(given) == 1 {
				if o.forward != "" {
					return usage("give the target once: hook listen "+given[0], "two targets: %q and %q", given[0], o.forward)
				}
				must(c.Flags().Set("forward", given[0]))
			}
			o.typed = typed(c.Flags())
			own, err := env.configure(c.Flags())
			if err != nil {
				return err
			}
			o.signing.own, o.keys = own.schemes, own.keys
			o.changed = c.Flags().Changed
			if on, err := o.wantsScreen(env); err != nil {
				return err
			} else if on {
				return listenOnScreen(c.Context(), env, &o)
			}
			return runListen(c.Context(), env, &o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.forward, "forward", "f", "", "target: PORT, HOST:PORT[/PATH] or URL")
	f.StringVar(&o.relay, "relay", "", "relay to use, https://HOST (HOOK_RELAY); without one, an embedded relay on loopback")
	f.StringVar(&o.relayCA, "relay-cacert", "", "certificate authority of the relay, PEM file, besides the system's")
	f.StringVar(&o.endpoint, "endpoint", defaultEndpoint, "name of the endpoint in this project folder")
	f.BoolVar(&o.fresh, "new", false, "make a new endpoint instead of the remembered one")
	o.terms(c)
	durationVar(f, &o.timeout, "timeout", tunnel.ForwardTimeout, "how long the application may take; 0 for no limit")
	f.IntVar(&o.concurrency, "concurrency", tunnel.DefaultDeliveries, "how many webhooks the application gets at once; 1 for a server that takes one at a time")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "\"Name: value\" to set on the way to the application, \"Name:\" to leave out; repeatable")
	f.StringVar(&o.hostHeader, "host-header", "rewrite", "Host the application sees: rewrite (the target's), preserve (the public one) or a value")
	f.StringVar(&o.path, "path", "", "prefix to put before the path of every webhook")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "do not check the target's TLS certificate")
	f.StringVar(&o.cacert, "cacert", "", "certificate authority of the target, PEM file, besides the system's")
	f.BoolVar(&o.allowTarget, "allow-target", false, "permit link-local and cloud metadata addresses as target")
	o.signing.flags(c)
	o.stages.flags(f)
	choiceVar(c, &o.transport, "transport", "", string(tunnel.Auto), "what carries the tunnel: a websocket, ordinary requests (poll), or whichever gets through (auto)", string(tunnel.Auto), string(tunnel.WebSocket), string(tunnel.Poll))
	choiceVar(c, &o.output, "output", "o", "auto", "the inspector (tui), lines (plain), json or quiet; auto is the inspector in a terminal, else lines", "auto", "tui", "plain", "json", "quiet")
	f.Lookup("output").Value = outputFlag{f.Lookup("output").Value}
	f.BoolVar(&o.json, "json", false, "same as --output json")
	f.BoolVar(&o.printURL, "print-url", false, "print the URL on standard output once ready, and nothing else there")
	f.BoolVar(&o.noHistory, "no-history", false, "record nothing on disk")
	f.StringArrayVar(&o.redact, "redact", nil, "header to take out before recording; such flows cannot be replayed exactly; repeatable")
	f.BoolVar(&o.noRetry, "no-retry", false, "exit at the first lost link instead of dialling again")
	durationVar(f, &o.exitOn, "exit-on-disconnect", 0, "exit with 5 when the relay was not reached for so long; 0 for never")
	aliases(f, map[string]string{
		"forward-to": "forward", "target": "forward", "headers": "header",
		"skip-verify": "insecure", "insecure-skip-tls-verify": "insecure", "disable-tls-verification": "insecure",
		"print-json": "json", "format": "output", "cli-path": "path",
	})
	return c
}

// outputFlag also knows the words of hookdeck's --output.
type outputFlag struct{ pflag.Value }

func (f outputFlag) Set(s string) error {
	switch strings.ToLower(s) {
	case "compact":
		s = "plain"
	case "interactive":
		s = "tui"
	}
	return f.Value.Set(s)
}

// terms adds the flags that say what is asked of the relay about an endpoint.
func (o *listenOptions) terms(c *cobra.Command) {
	f := c.Flags()
	durationVar(f, &o.ttl, "ttl", 7*24*time.Hour, "the endpoint expires after this time")
	durationVar(f, &o.idle, "idle", 72*time.Hour, "… or after so long with no request and no listener; 0 for never")
	durationVar(f, &o.keep, "keep", 72*time.Hour, "how long undelivered webhooks are kept after it closed")
	f.Int64Var(&o.maxUses, "max-uses", 0, "… or after so many requests; 0 for no limit")
	choiceVar(c, &o.respond, "respond", "", string(relay.Auto), "what the sender gets: the application's answer or, when it is late or away, an acknowledgement (auto); always an acknowledgement (queue); always the answer (live)", string(relay.Auto), string(relay.Queue), string(relay.Live))
	durationVar(f, &o.budget, "budget", 8*time.Second, "how long a sender waits for the application")
	durationVar(f, &o.retryFor, "retry-for", 24*time.Hour, "how long a queued delivery is tried again")
	f.IntVar(&o.maxAttempts, "max-attempts", 0, "… and how often; 0 for no limit")
	f.BoolVar(&o.ordered, "ordered", false, "one delivery at a time, in the order received; one that fails holds up the rest")
	o.signing.terms(c)
}

// headerLines reads -H flags. Commas are part of a value.
func headerLines(list []string) (tunnel.Header, error) {
	var h tunnel.Header
	for _, s := range list {
		name, value, ok := strings.Cut(s, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !tunnel.ValidFieldName(name) || !tunnel.ValidFieldValue(value) {
			return nil, usage("write it as -H \"Name: value\"", "header %q", s)
		}
		h = append(h, tunnel.Field{Name: name, Value: value})
	}
	return h, nil
}

// request is what the flags ask of the relay about a new endpoint or, where
// again is one, about that: then only what was set is changed. A ttl counts
// from the moment it is asked for. One that stands in a file or in the
// environment is therefore asked for once, and again when it has changed:
// every start would renew it otherwise, and open again what has expired.
func (o *listenOptions) request(again *knownEndpoint) relay.EndpointRequest {
	var r relay.EndpointRequest
	var p relay.PolicyRequest
	take := func(flag string) bool { return again == nil || o.changed(flag) }
	seconds := func(d time.Duration) *int64 { n := int64(d / time.Second); return &n }
	if take("ttl") && (again == nil || o.typed("ttl") || o.ttl != time.Duration(again.TTL)*time.Second) {
		r.TTL = seconds(o.ttl)
	}
	if take("idle") {
		r.Idle = seconds(o.idle)
	}
	if take("keep") {
		r.Keep = seconds(o.keep)
	}
	if take("max-uses") {
		r.MaxUses = &o.maxUses
	}
	// The policy is this listener's: it always says all of it.
	respond, budget := relay.Respond(o.respond), o.budget.Milliseconds()
	p.Respond, p.BudgetMS, p.RetryFor = &respond, &budget, seconds(o.retryFor)
	p.MaxAttempts, p.Ordered = &o.maxAttempts, &o.ordered
	o.signing.policy(&p, o.changed != nil && o.changed("budget"))
	r.Policy = &p
	return r
}

// describe is the target as people read it.
func (o *listenOptions) describe(t tunnel.Target) string {
	if o.path == "" {
		return t.String()
	}
	return fmt.Sprintf("%s/%s", strings.TrimSuffix(t.String(), "/"), strings.TrimPrefix(o.path, "/"))
}
