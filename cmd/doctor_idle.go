package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// longestIdle bounds --idle: what cuts a connection after an hour costs a
// listener one redial.
const longestIdle = time.Hour

// idle holds a tunnel open on which nothing is said but the pings of both
// sides, and tells whether it is still there after so long. More silence than
// between two pings cannot be had: a relay ends a connection that says no
// hello within 10 s, or nothing for two pings (docs/protocol.md). It is also
// all that a listener needs.
//
// The tunnel has an endpoint of its own: attaching to one that is known would
// take it from its listener.
func (d *doctor) idle(ctx context.Context, client *http.Client, base string) {
	api := &relayAPI{base: base, http: client}
	seconds := int64((d.o.idle + doctorLimit) / time.Second)
	var ep relay.EndpointView
	if _, err := api.call(ctx, "POST", "/v1/endpoints", d.env.Getenv("HOOK_TOKEN"), relay.EndpointRequest{TTL: &seconds, Keep: &seconds}, &ep); err != nil {
		d.add("idle", skipped, "", "an endpoint to hold a tunnel open for cannot be made: %v", err)
		return
	}
	defer func() {
		// Should this fail, the endpoint expires soon.
		_, _ = api.call(context.WithoutCancel(ctx), "DELETE", "/v1/endpoints/"+ep.ID+"?force=true", ep.OwnerKey, nil, nil)
	}()

	welcome := make(chan struct{})
	c := tunnel.NewClient(tunnel.ClientOptions{
		Endpoint: ep.ID, Name: "hook/" + stamp().Version + " (doctor)", NoRetry: true,
		Dial: func(ctx context.Context) (tunnel.Conn, error) {
			return tunnel.DialWebSocket(ctx, client, base+"/v1/tunnel", ep.OwnerKey)
		},
		Handler: tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
			return &tunnel.Result{Status: http.StatusGone}, nil // nobody was told the URL
		}),
		Events: func(e tunnel.Event) {
			if _, ok := e.(tunnel.Connected); ok {
				close(welcome)
			}
		},
	})
	held, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(held) }()
	select {
	case err := <-ended:
		stop()
		d.add("idle", broken, "", "the tunnel did not come to be: %v", err).code = exitUnreachable
		return
	case <-welcome:
	}
	began := time.Now()
	fmt.Fprintf(d.env.Err, "holding an idle tunnel open for %s …\n", formatDuration(d.o.idle))
	var err error
	cut := false
	select {
	case err = <-ended:
		cut = ctx.Err() == nil
		ended <- nil
	case <-time.After(d.o.idle):
	case <-ctx.Done():
	}
	took := time.Since(began)
	stop()
	<-ended
	every := formatDuration(tunnel.PingInterval)
	switch {
	case cut:
		status, what, hint := cutBy(err)
		d.add("idle", status, hint, "the tunnel was gone after %s: %s", formatTook(took), what)
	case ctx.Err() != nil:
		d.add("idle", skipped, "", "interrupted after %s, and the tunnel was still there", formatTook(took))
	case d.o.idle <= tunnel.PingInterval:
		d.add("idle", healthy, "", "a silent tunnel lasted %s; pings come every %s: --idle 1m looks at what follows them", formatDuration(d.o.idle), every)
	default:
		d.add("idle", healthy, "", "a tunnel that carries nothing but pings, one every %s, lasted %s", every, formatDuration(d.o.idle))
	}
}

// cutBy tells what ended a tunnel, as far as this end of it can know.
func cutBy(err error) (status health, what, hint string) {
	const raise = "let what stands before the relay (proxy, load balancer, firewall) keep silent connections for longer than the 15 s between pings, like proxy_read_timeout 60s in nginx; until then hook listen redials each time, or use --transport poll"
	var said *tunnel.CloseError
	var timeout net.Error
	switch {
	case errors.As(err, &said) && said.Code == tunnel.CloseRestart:
		return doubtful, "the relay stops or restarts", "try again"
	case errors.As(err, &said) && said.Code >= tunnel.CloseProtocol:
		return broken, "the relay ended it: " + said.Error(), ""
	case errors.As(err, &said):
		return broken, fmt.Sprintf("it was closed with the WebSocket code %d, which is none of a relay's: by a proxy", int(said.Code)), raise
	case errors.Is(err, tunnel.ErrDead), errors.As(err, &timeout) && timeout.Timeout():
		return broken, "nothing came through any more, and nobody said so: a firewall or NAT has forgotten the connection", raise
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return broken, "it was reset by something on the way, or by the relay's end", raise
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return broken, "it was closed without a WebSocket close: a relay does not do that, so something on the way did", raise
	}
	return broken, err.Error(), raise
}
