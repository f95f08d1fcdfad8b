package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/bolt"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

func newDemo(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "See it work: a relay, a listener, an application and signed webhooks on this machine",
		Long: `Run a relay, a listener and a sample application on loopback, and send signed
webhooks of several providers through them: one has a bad signature, one comes while
the application is down. Nothing is left behind.`,
		Example: "  hook demo\n  NO_COLOR=1 hook demo > demo.txt",
		Args:    args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runDemo(c.Context(), env) },
	}
}

// sample is a webhook of the demo.
type sample struct {
	provider string
	what     string
	header   http.Header
	body     string
	tamper   bool // change the body after signing
}

// demoSecret signs all of the demo's webhooks.
const demoSecret = "demo-secret-not-a-real-one"

func samples() []sample {
	return []sample{
		{provider: "github", what: "a push to GitHub", header: http.Header{"X-Github-Event": {"push"}},
			body: `{"ref":"refs/heads/main","repository":{"full_name":"octo/hello"},"commits":[]}`},
		{provider: "stripe", what: "a paid invoice at Stripe",
			body: `{"id":"evt_demo","type":"invoice.paid","data":{"object":{"amount_paid":1.0e3}}}`},
		{provider: "shopify", what: "an order at Shopify", header: http.Header{"X-Shopify-Topic": {"orders/create"}},
			body: "{ \"id\": 1,\r\n \"note\":\"caf\\u00e9 \\/ exact bytes\" }"},
		{provider: "github", what: "one that was changed after it was signed", header: http.Header{"X-Github-Event": {"push"}}, tamper: true,
			body: `{"ref":"refs/heads/main"}`},
	}
}

func runDemo(ctx context.Context, env *Env) (err error) {
	dir, err := os.MkdirTemp("", "hook-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{env: env, paint: newPainter(env.colour(env.OutTTY))}
	if err := d.start(ctx, dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	for _, s := range samples() {
		if err := d.send(ctx, s); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	if err := d.away(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	fmt.Fprintf(env.Out, "\nThat was a relay, a listener and an application on this machine. Now with yours:\n\n  hook listen 3000\n")
	return nil
}

// demo is the whole product in one process, over real sockets.
type demo struct {
	env    *Env
	paint  painter
	store  *bolt.Store
	server *relay.Server
	ep     relay.EndpointView
	app    *http.Server
	addr   string
	seen   chan *tunnel.Delivery // by the application, in the end
	ends   []func() error
}

// start brings everything up; the listener is attached when it returns.
func (d *demo) start(ctx context.Context, dir string) error {
	d.seen = make(chan *tunnel.Delivery, 64)
	keys, err := relay.LoadKeys(filepath.Join(dir, "relay.key"))
	if err != nil {
		return err
	}
	if d.store, err = bolt.Open(dir, bolt.Options{MinFree: -1, Journal: embeddedJournal}); err != nil {
		return err
	}
	d.ends = append(d.ends, d.store.Close)
	if d.server, err = relay.New(relay.Options{Store: d.store, Keys: keys, Open: true, Loopback: true, Drain: time.Second}); err != nil {
		return err
	}
	d.ends = append(d.ends, d.server.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(serving, ln) }()
	d.ends = append(d.ends, func() error { stopServing(); return <-served })
	api := &relayAPI{base: "http://" + ln.Addr().String(), http: d.env.client()}
	api.http.Transport = &http.Transport{Proxy: nil}
	if _, err := api.call(ctx, "POST", "/v1/endpoints", "", nil, &d.ep); err != nil {
		return err
	}
	if err := d.startApp("127.0.0.1:0"); err != nil {
		return err
	}
	target, err := tunnel.ParseTarget(d.addr)
	if err != nil {
		return err
	}
	forwarder, err := tunnel.NewForwarder(tunnel.ForwardOptions{Target: target, Timeout: 5 * time.Second})
	if err != nil {
		return err
	}
	ready := make(chan struct{}, 8)
	client := tunnel.NewClient(tunnel.ClientOptions{
		Dial: func(ctx context.Context) (tunnel.Conn, error) {
			return tunnel.DialWebSocket(ctx, api.http, api.base+"/v1/tunnel", d.ep.OwnerKey)
		},
		Endpoint: d.ep.ID, Handler: stage.Chain(forwarder, stage.Record(d)), Probe: forwarder.Probe, Drain: time.Second,
		Events: func(e tunnel.Event) {
			if _, ok := e.(tunnel.Connected); ok {
				ready <- struct{}{}
			}
		},
	})
	listening, stopListening := context.WithCancel(context.WithoutCancel(ctx))
	listened := make(chan error, 1)
	go func() { listened <- client.Run(listening) }()
	d.ends = append(d.ends, func() error { stopListening(); return errors.Join(<-listened, forwarder.Close()) })
	select {
	case <-ready:
	case err := <-listened:
		listened <- err
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	fmt.Fprintf(d.env.Out, "relay        %s\nendpoint     %s\napplication  http://%s\n", api.base, d.ep.URL, d.addr)
	return nil
}

// startApp starts the sample application.
func (d *demo) startApp(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	d.addr = ln.Addr().String()
	d.app = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "the application read %d bytes\n", n)
	})}
	go d.app.Serve(ln)
	return nil
}

// stop ends everything, the last started first.
func (d *demo) stop() (err error) {
	if d.app != nil {
		err = d.app.Close()
	}
	for i := len(d.ends) - 1; i >= 0; i-- {
		err = errors.Join(err, d.ends[i]())
	}
	return err
}

// Begin implements stage.Recorder.
func (d *demo) Begin(*tunnel.Delivery) {}

// End implements stage.Recorder.
func (d *demo) End(w *tunnel.Delivery, r *tunnel.Result, _ error, _ time.Duration) {
	if r != nil {
		d.seen <- w
	}
}

// send signs a sample as its provider does, posts it, and shows what each side
// saw.
func (d *demo) send(ctx context.Context, s sample) error {
	scheme, ok := signer.FindScheme(s.provider)
	if !ok {
		return fmt.Errorf("no provider %q", s.provider)
	}
	req := &signer.Request{Method: "POST", URL: d.ep.URL + "/" + s.provider, Header: s.header, Body: []byte(s.body)}
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	keys := []signer.Key{{ID: "demo", Secret: demoSecret}}
	signed, err := signer.Sign(scheme, req, keys, signer.SignOptions{At: time.Now()})
	if err != nil {
		return err
	}
	req = signed.Apply(req)
	if s.tamper {
		req.Body = bytes.Replace(req.Body, []byte("main"), []byte("evil"), 1)
	}
	answer, err := d.post(ctx, req)
	if err != nil {
		return err
	}
	w := <-d.seen
	got := &signer.Request{Method: w.Method, URL: w.URL, Header: w.Header.HTTP(), Body: w.Body}
	verdict := signer.Verify(ctx, scheme, got, keys, w.ReceivedAt, signer.Options{})
	badge := d.paint.good.Sprint("signature valid")
	if verdict.Status != signer.Valid {
		why := signer.Explain(ctx, scheme, got, keys, w.ReceivedAt, signer.Options{})
		badge = d.paint.bad.Sprintf("signature %s: %s", verdict.Status, safetext.Line(why.Sentence))
	}
	same := "the same bytes"
	if !bytes.Equal(w.Body, req.Body) {
		same = "OTHER BYTES"
	}
	fmt.Fprintf(d.env.Out, "\n%s\n  sender       %s\n  application  %s %s, %s, %s\n", s.what, answer, w.Method, safetext.String(w.Target), same, badge)
	return nil
}

func (d *demo) post(ctx context.Context, req *signer.Request) (string, error) {
	r, err := http.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(req.Body))
	if err != nil {
		return "", err
	}
	r.Header = req.Header
	resp, err := (&http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	return "got " + strconv.Itoa(resp.StatusCode) + " " + safetext.Line(string(bytes.TrimSpace(body))), nil
}

// away sends a webhook while the application is down, and shows that it
// arrives when the application is back.
func (d *demo) away(ctx context.Context) error {
	if err := d.app.Close(); err != nil {
		return err
	}
	began := time.Now()
	answer, err := d.post(ctx, &signer.Request{Method: "POST", URL: d.ep.URL + "/while-down", Header: http.Header{}, Body: []byte("kept")})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.env.Out, "\none that comes while the application is down\n  sender       %s\n", answer)
	if err := d.startApp(d.addr); err != nil {
		return err
	}
	select {
	case w := <-d.seen:
		fmt.Fprintf(d.env.Out, "  application  %s %s, %s after it was sent, as soon as the application was back\n", w.Method, safetext.String(w.Target), formatTook(time.Since(began)))
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
