package cmd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

const (
	waitMargin  = time.Minute      // the endpoint outlives the wait, should its end be late
	waitForever = 24 * time.Hour   // ttl under --timeout 0
	revokeIn    = 5 * time.Second  // revoking is tried so long
	commandEnds = 10 * time.Second // COMMAND has so long to end when it is told to
)

// waiter is one run of hook wait.
type waiter struct {
	*waiting
	env   *Env
	api   *relayAPI
	k     *knownEndpoint
	token string
	flows *flows

	ready   chan string // the URL, once
	enough, // closed when all have come
	gone chan struct{} // closed when the relay was away too long
	lost   *time.Timer     // runs while the link is down; nil: --exit-on-disconnect 0
	mu     sync.Mutex      // guards what follows, and standard output
	came   []*inspect.Flow // that count
	others []*inspect.Flow // that do not, the first few
	wrong  []string        // per flow that came: the query it does not fit, ""
	began  time.Time
}

// maxOthers bounds those that are listed when the wait is over in vain.
const maxOthers = 20

func runWait(ctx context.Context, env *Env, o *waitOptions) (err error) {
	parsed, err := o.parse(env)
	if err != nil {
		return err
	}
	w := &waiter{
		waiting: parsed, env: env, api: &relayAPI{http: env.client()}, began: time.Now(),
		k:     &knownEndpoint{Name: o.endpoint, Folder: env.project(), Relay: embedded},
		ready: make(chan string, 1), enough: make(chan struct{}), gone: make(chan struct{}),
	}
	w.flows = newFlows(inspect.SinkFunc(w.event), nil, o.signing.provider, "")
	closeRelay, err := w.findRelay()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeRelay()) }()
	place := "wait-" + strings.ToLower(rand.Text())
	signatures, err := o.signing.newVerification(ctx, env, place, w.flows.verdict, w.note)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, signatures.Close())
		os.Remove(filepath.Join(env.stateDir(), "replay", place)) // of this run alone; there is none without --verify
	}()
	if err := w.open(ctx); err != nil {
		return err
	}
	defer w.revoke(ctx)
	client := tunnel.NewClient(tunnel.ClientOptions{
		Dial: func(ctx context.Context) (tunnel.Conn, error) {
			return tunnel.DialWebSocket(ctx, w.api.http, w.api.base+"/v1/tunnel", w.k.OwnerKey)
		},
		Endpoint: w.k.ID, Name: "hook/" + stamp().Version,
		Handler: stage.Chain(w, stage.Record(w.flows), signatures.verify, signatures.filter, signatures.handshake, signatures.block), Events: w.tunnelEvent,
	})
	return w.wait(ctx, client)
}

// findRelay finds or starts the relay. An embedded one that is for this wait
// alone lives in a folder that goes with it.
func (w *waiter) findRelay() (func() error, error) {
	nothing := func() error { return nil }
	if w.o.relay != "" {
		var err error
		if w.api.base, err = parseRelay(w.o.relay); err != nil {
			return nothing, err
		}
		w.k.Relay, w.token = w.api.base, w.env.Getenv("HOOK_TOKEN")
		return nothing, trustRelay(w.api.http, w.o.relayCA)
	}
	env, remove := *w.env, nothing
	if w.o.endpoint == "" {
		dir, err := os.MkdirTemp("", "hook-wait-") // 0700
		if err != nil {
			return nothing, fmt.Errorf("making a folder for the relay: %w", err)
		}
		remove = func() error { return os.RemoveAll(dir) }
		outer := w.env.Getenv
		env.Getenv = func(name string) string {
			if name == "HOOK_STATE_DIR" {
				return dir
			}
			return outer(name)
		}
	}
	local, err := startEmbedded(&env, w.k)
	if err != nil {
		return nothing, errors.Join(err, remove())
	}
	w.api.base, w.token = local.url, local.token
	w.api.http.Transport = &http.Transport{Proxy: nil}
	return func() error { return errors.Join(local.Close(), remove()) }, nil
}

// open makes the endpoint, or takes the named one up.
func (w *waiter) open(ctx context.Context) error {
	if w.o.endpoint != "" {
		ok, err := w.env.recall(w.k)
		if err != nil {
			return err
		}
		if !ok {
			return fail(exitFailed, "hook endpoint new --endpoint "+w.k.Name+" makes it; without --endpoint, hook wait makes one for itself",
				"no endpoint %q is known in %q at relay %s", w.k.Name, w.k.Folder, w.k.Relay)
		}
		var v relay.EndpointView
		if err := apiCall(ctx, w.api, w.k, "taking up the endpoint", "GET", "", nil, &v); err != nil {
			return err
		}
		if v.Listening {
			return fail(exitFailed, "stop it, or leave out --endpoint", "somebody listens on the endpoint %q", w.k.Name)
		}
		return nil
	}
	seconds := func(d time.Duration) *int64 { n := int64((d + time.Second - 1) / time.Second); return &n }
	ttl := waitForever
	if w.o.timeout > 0 {
		ttl = w.o.timeout + waitMargin
	}
	uses, respond, idle := int64(0), relay.Auto, int64(0)
	if w.filter.Empty() && w.o.signing.provider == "" && w.o.signing.verify == "" && len(w.o.signing.secrets) == 0 {
		uses = int64(w.o.count) // nothing but the awaited can come through
	}
	p := relay.PolicyRequest{Respond: &respond}
	w.o.signing.policy(&p, false)
	r := relay.EndpointRequest{TTL: seconds(ttl), Idle: &idle, Keep: seconds(waitMargin), MaxUses: &uses, Policy: &p}
	var v relay.EndpointView
	if _, err := w.api.call(ctx, "POST", "/v1/endpoints", w.token, r, &v); err != nil {
		return w.api.failed("making an endpoint", err)
	}
	w.k.ID, w.k.OwnerKey, w.k.URL = v.ID, v.OwnerKey, v.URL
	return nil
}

// revoke ends the endpoint that was made, whatever happened.
func (w *waiter) revoke(ctx context.Context) {
	if w.o.endpoint != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeIn)
	defer cancel()
	if _, err := w.api.call(ctx, "DELETE", "/v1/endpoints/"+w.k.ID+"?force=true", w.k.OwnerKey, nil, nil); err != nil {
		var e *apiError
		if !errors.As(err, &e) || e.status != http.StatusGone {
			w.note("the endpoint was not revoked, it expires by itself: " + err.Error())
		}
	}
}

// wait holds the tunnel until all is there, or there is no hope.
func (w *waiter) wait(ctx context.Context, client *tunnel.Client) error {
	if w.o.exitOn > 0 {
		w.lost = time.AfterFunc(w.o.exitOn, sync.OnceFunc(func() { close(w.gone) }))
		defer w.lost.Stop()
	}
	var late <-chan time.Time
	if w.o.timeout > 0 {
		timer := time.NewTimer(w.o.timeout)
		defer timer.Stop()
		late = timer.C
	}
	within, stop := context.WithCancel(ctx)
	tunnelEnd := make(chan error, 1)
	go func() { tunnelEnd <- client.Run(within) }()
	ended := false
	finish := func() { // lets the answers out before the endpoint goes
		stop()
		if !ended {
			<-tunnelEnd
			ended = true
		}
	}
	defer finish()
	command := newWaitCommand(w)
	defer command.stop()
	for {
		select {
		case url := <-w.ready:
			if err := w.tellURL(w.env, url); err != nil {
				return err
			}
			if err := command.start(ctx, url); err != nil {
				return err
			}
		case <-w.enough:
			finish()
			return w.result(command.wait(late))
		case err := <-tunnelEnd:
			ended = true
			if w.complete() { // its uses are up
				return w.result(command.wait(late))
			}
			if ctx.Err() != nil {
				return w.inVain(silent{exitInterrupted})
			}
			return w.inVain(tunnelFailure(err, w.api.base))
		case code := <-command.done:
			if code != exitDone {
				w.note(fmt.Sprintf("%s failed with exit code %d before the webhooks came", safetext.String(w.o.command[0]), code))
				return w.inVain(silent{code})
			}
			command.done = nil // it has sent what it had to send
		case <-late:
			return w.inVain(fail(exitTimeout, "", "%d of %d webhooks came within %s", w.number(), w.o.count, formatDuration(w.o.timeout)))
		case <-w.gone:
			return w.inVain(fail(exitUnreachable, "", "relay %s was not reached for %s", w.api.base, formatDuration(w.o.exitOn)))
		case <-ctx.Done():
			return w.inVain(silent{exitInterrupted})
		}
	}
}

// tunnelEvent is told by the tunnel, one event at a time.
func (w *waiter) tunnelEvent(e tunnel.Event) {
	switch e := e.(type) {
	case tunnel.Connected:
		if w.lost != nil {
			w.lost.Stop()
		}
		select {
		case w.ready <- e.Welcome.URL:
		default: // connected again: the URL was told
		}
		w.k.URL = e.Welcome.URL
	case tunnel.Lost:
		if w.lost != nil && e.Was {
			w.lost.Reset(w.o.exitOn)
		}
		w.note(fmt.Sprintf("link to the relay lost: %s; trying again in %s", plainCause(e.Err), formatTook(e.Retry)))
	}
}

// event takes what the stages tell.
func (w *waiter) event(e inspect.Event) {
	switch e := e.(type) {
	case inspect.End:
		w.take(e.Flow)
	case inspect.Notice:
		w.note(e.Text)
	}
}

func (w *waiter) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(w.env.Err, safetext.Line(text))
}
