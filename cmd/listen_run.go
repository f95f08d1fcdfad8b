package cmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// runListen brings a listener up and keeps it until ctx ends.
func runListen(ctx context.Context, env *Env, o *listenOptions) (err error) {
	if o.concurrency < 1 || o.concurrency > tunnel.DefaultDeliveries {
		return usage(fmt.Sprintf("hook listen 3000 --concurrency 1, up to %d", tunnel.DefaultDeliveries), "--concurrency %d", o.concurrency)
	}
	line, err := o.line(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, line.Close()) }()
	if len(o.child) > 0 {
		if _, err := stage.FindCommand(env.Dir, o.child[0]); err != nil {
			return usage("give a program behind --: hook listen 3000 -- npm run dev", "%w", err)
		}
	}
	k := &knownEndpoint{Name: o.endpoint, Folder: env.project(), Relay: embedded}
	if !plainName(o.endpoint) {
		return usage("use letters, digits, - and _", "endpoint name %q", o.endpoint)
	}
	api := &relayAPI{http: env.client()}
	token := env.Getenv("HOOK_TOKEN")
	if o.relay == "" {
		local, err := startEmbedded(env, k)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, local.Close()) }()
		api.base, token = local.url, local.token
		api.http.Transport = &http.Transport{Proxy: nil}
	} else {
		if api.base, err = parseRelay(o.relay); err != nil {
			return err
		}
		k.Relay = api.base
		if err := trustRelay(api.http, o.relayCA); err != nil {
			return err
		}
	}
	l := &listener{env: env, o: o, api: api, k: k, line: line, welcomed: make(chan struct{})}
	l.flows = newFlows(o.newSink(env), nil, o.signing.provider, line.name)
	l.flows.brief = o.quiet()
	l.flows.live = o.respond == string(relay.Live)
	if !o.noHistory {
		rec, err := record(env, o.redact, l.notice)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rec.Close()) }()
		l.recorder = rec.Recorder
	}
	signatures, err := o.signing.newVerification(ctx, env, k.place(), l.verdict, l.notice)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, signatures.Close()) }()
	l.judge = signatures.judge
	if err := l.open(ctx, token); err != nil {
		return err
	}
	dialer := &tunnel.Dialer{
		Client: api.http, Relay: api.base, Key: k.OwnerKey, Transport: tunnel.Transport(o.transport),
		FellBack: func(why error) {
			l.notice("WebSockets do not get through (" + plainCause(why) + "): polling instead")
		},
	}
	l.client = tunnel.NewClient(tunnel.ClientOptions{
		Dial:     dialer.Dial,
		Endpoint: k.ID, Name: "hook/" + stamp().Version,
		Handler: stage.Chain(line.last, stage.Record(l.flows), stage.Identify(o.signing.provider), signatures.verify, signatures.filter, line.filter,
			signatures.handshake, signatures.block, line.mock, line.exec, line.chaos, line.route),
		Window: tunnel.Window{Deliveries: o.concurrency},
		Probe:  line.probe, Spared: line.spared, Events: l.event, NoRetry: o.noRetry,
	})
	return l.run(ctx)
}

// trustRelay adds a certificate authority to those of the system for the link
// to the relay.
func trustRelay(c *http.Client, path string) error {
	if path == "" {
		return nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return usage("", "relay's certificate authority: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return usage("", "relay's certificate authority: %q holds no PEM certificate", path)
	}
	base, ok := c.Transport.(*http.Transport)
	if !ok {
		base = http.DefaultTransport.(*http.Transport)
	}
	t := base.Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool}
	c.Transport = t
	return nil
}

// quiet tells whether flows are not shown.
func (o *listenOptions) quiet() bool {
	return o.screen == nil && !o.json && o.output != "json" && (o.output == "quiet" || o.printURL)
}

// newSink is what shows the events.
func (o *listenOptions) newSink(env *Env) inspect.Sink {
	colour := env.colour(env.OutTTY && env.ErrTTY)
	switch {
	case o.screen != nil:
		return o.screen
	case o.json || o.output == "json":
		return inspect.NewJSON(env.Out)
	case o.quiet():
		lines := inspect.NewLines(env.Err, colour)
		lines.Quiet = true
		return lines
	}
	return plainSink(inspect.NewLines(env.Out, colour), inspect.NewLines(env.Err, colour))
}

// listener is one run of hook listen.
type listener struct {
	env    *Env
	o      *listenOptions
	api    *relayAPI
	k      *knownEndpoint
	client *tunnel.Client
	*flows
	line  *line
	judge *stage.Judge // nil: signatures are not checked

	connected bool
	url       string        // set before welcomed is closed
	welcomed  chan struct{} // closed at the first welcome
	giveUp    context.CancelCauseFunc
	timer     *time.Timer
}

// open takes up the remembered endpoint, or makes one.
func (l *listener) open(ctx context.Context, token string) error {
	const what = "opening the endpoint"
	if !l.o.fresh {
		ok, err := l.env.recall(l.k)
		if err != nil {
			return err
		}
		if ok {
			again, err := l.takeUp(ctx)
			if err != nil || again {
				return err
			}
		}
	}
	var v relay.EndpointView
	if err := l.persist(ctx, what, func() error {
		_, err := l.api.call(ctx, "POST", "/v1/endpoints", token, l.o.request(nil), &v)
		return err
	}); err != nil {
		return err
	}
	l.k.made(&v, l.o.ttl)
	return l.env.remember(l.k)
}

// takeUp asks the relay about the remembered endpoint and brings its policy up
// to date; false when it is gone and a new one is wanted.
func (l *listener) takeUp(ctx context.Context) (bool, error) {
	var v relay.EndpointView
	ask := l.o.request(l.k)
	err := l.persist(ctx, "taking up the endpoint", func() error {
		_, err := l.api.call(ctx, "PATCH", "/v1/endpoints/"+l.k.ID, l.k.OwnerKey, ask, &v)
		return err
	})
	var e *apiError
	if errors.As(err, &e) && e.status == http.StatusGone {
		fmt.Fprintf(l.env.Err, "the endpoint of last time is gone; making a new one\n")
		return false, nil
	}
	if errors.As(err, &e) && e.status == http.StatusUnauthorized {
		return false, fail(exitAuth, "hook listen --new makes a new endpoint", "the relay does not take the owner key of the remembered endpoint %q", l.k.Name)
	}
	if err != nil {
		return false, err
	}
	if v.State == "closed" && v.Queue.Pending == 0 {
		fmt.Fprintf(l.env.Err, "the endpoint of last time is closed (%s); making a new one\n", v.Closed)
		return false, nil
	}
	l.k.URL, l.k.ExpiresAt = v.URL, v.ExpiresAt
	if ask.TTL != nil {
		if !l.o.typed("ttl") && l.k.TTL > 0 {
			l.notice(fmt.Sprintf("ttl is %s now, and was %s when it was last asked for: it counts from now", formatDuration(l.o.ttl), formatDuration(time.Duration(l.k.TTL)*time.Second)))
		}
		l.k.TTL = *ask.TTL
	}
	return true, l.env.remember(l.k)
}

// persist repeats a call while the relay cannot be reached, as the tunnel does.
func (l *listener) persist(ctx context.Context, what string, call func() error) error {
	began := time.Now()
	wait := 250 * time.Millisecond
	for {
		err := call()
		var e *apiError
		if err == nil {
			return nil
		}
		refused := errors.As(err, &e) && e.status != http.StatusServiceUnavailable && e.status != http.StatusTooManyRequests && e.status != http.StatusBadGateway
		late := l.o.exitOn > 0 && time.Since(began) > l.o.exitOn
		if refused || l.o.noRetry || late || ctx.Err() != nil {
			return l.api.failed(what, err)
		}
		l.tunnelEvent(tunnel.Lost{Err: err, Retry: wait})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// errTooLong ends a listener under --exit-on-disconnect.
var errTooLong = errors.New("relay not reached for too long")

// run serves until ctx ends or the relay refuses for good.
func (l *listener) run(ctx context.Context) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.giveUp = cancel
	if l.o.exitOn > 0 {
		l.timer = time.AfterFunc(l.o.exitOn, func() { cancel(errTooLong) })
		defer l.timer.Stop()
	}
	if l.o.screen != nil {
		defer l.o.screen.attach(within, l)()
	}
	child := l.startChild(within, cancel)
	err := l.client.Run(within)
	code := child.end()
	err = errors.Join(err, l.line.aside.Close()) // what still runs is told of before the summary
	l.summary()
	if errors.Is(context.Cause(within), errTooLong) {
		return fail(exitUnreachable, "", "relay %s was not reached for %s", l.api.base, l.o.exitOn)
	}
	if err != nil {
		return tunnelFailure(err, l.api.base)
	}
	return code
}

// clockNotice warns of a clock here that is more than skewNoted off the
// relay's, "" where it is not. Webhooks are judged by the relay's; what is
// signed here, such as a replay, is not.
func clockNotice(relay, here time.Time) string {
	skew := here.Sub(relay).Round(time.Second)
	if relay.IsZero() || skew.Abs() <= skewNoted {
		return ""
	}
	word := "ahead of"
	if skew < 0 {
		word = "behind"
	}
	return fmt.Sprintf("this machine's clock is %s %s the relay's: webhooks are judged by the relay's, but what is signed here may be refused; set the clock by NTP", skew.Abs(), word)
}

// event is told by the tunnel, one event at a time.
func (l *listener) event(e tunnel.Event) {
	switch e := e.(type) {
	case tunnel.Connected:
		if l.timer != nil {
			l.timer.Stop()
		}
		w := e.Welcome
		l.tell(inspect.Ready{At: time.Now(), URL: w.URL, Target: l.target, Relay: w.Relay, Backlog: w.Backlog, Expires: w.ExpiresAt})
		if s := clockNotice(w.Clock, time.Now()); s != "" && !l.connected {
			l.notice(s)
		}
		if w.Backlog > 0 {
			l.notice(fmt.Sprintf("%d arrived while you were away", w.Backlog))
		}
		if l.line.disturbs != "" && !l.connected {
			l.notice("chaos, on purpose: " + l.line.disturbs)
		}
		if l.k.Relay == embedded && !l.connected {
			l.notice("this URL is reachable from this machine only; for a public one run \"hook relay\" on a server and listen with --relay https://HOST")
		}
		if l.o.printURL && !l.connected {
			fmt.Fprintln(l.env.Out, w.URL)
		}
		if !l.connected {
			l.url = w.URL
			close(l.welcomed)
		}
		l.connected = true
		return
	case tunnel.Lost:
		if l.timer != nil && e.Was {
			l.timer.Reset(l.o.exitOn)
		}
	}
	l.tunnelEvent(e)
}
