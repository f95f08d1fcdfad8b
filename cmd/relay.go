package cmd

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/bolt"
)

// relayOptions are the flags of hook relay.
type relayOptions struct {
	addr, adminAddr   string
	publicURL, domain string
	data              string
	tokenFile         string
	open              bool
	cert, key         string
	trustedProxies    []string
	maxStore, minFree string
	logLevel          string
}

const defaultRelayAddr = "127.0.0.1:8080"

func newRelay(env *Env) *cobra.Command {
	var o relayOptions
	c := &cobra.Command{
		Use:   "relay",
		Short: "Run a relay: the public server that receives webhooks",
		Long: `Run a relay. It hands out short-lived URLs, takes webhooks in, and brings them to
"hook listen --relay URL", or keeps them on disk until a listener comes.

On an address that others reach, creating endpoints needs a token:
  hook relay token alice --file tokens      makes one
  hook relay --addr :443 --auth-token-file tokens …
--open lets anyone create endpoints.`,
		Example: `  hook relay
  hook relay --addr :443 --public-url https://hooks.example --tls-cert cert.pem --tls-key key.pem --auth-token-file tokens --data /var/lib/hook
  hook relay --addr 127.0.0.1:8080 --public-url https://hooks.example --trusted-proxy 127.0.0.1/32 --auth-token-file tokens`,
		Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runRelay(c.Context(), env, &o) },
	}
	f := c.Flags()
	f.StringVar(&o.addr, "addr", defaultRelayAddr, "address to listen on")
	f.StringVar(&o.publicURL, "public-url", "", "how senders reach this relay, https://HOST; needed unless on loopback")
	f.StringVar(&o.domain, "domain", "", "hand out https://ID.DOMAIN/ (needs a wildcard name and certificate)")
	f.StringVar(&o.data, "data", "", relayDataHelp)
	f.StringVar(&o.tokenFile, "auth-token-file", "", "file of creation tokens: NAME and SHA-256 a line; read again when it changes")
	f.BoolVar(&o.open, "open", false, "let anyone create endpoints")
	f.StringVar(&o.cert, "tls-cert", "", "certificate chain, PEM; read again when it changes")
	f.StringVar(&o.key, "tls-key", "", "private key, PEM")
	f.StringSliceVar(&o.trustedProxies, "trusted-proxy", nil, "address or CIDR whose X-Forwarded-* headers are believed; repeatable")
	f.StringVar(&o.adminAddr, "admin-addr", "127.0.0.1:8081", "address of /livez, /readyz and /metrics; \"off\" for none")
	f.StringVar(&o.maxStore, "max-store", "", "bound of the data folder: intake stops at 90 % of it, like 20GiB")
	f.StringVar(&o.minFree, "min-free", "1GiB", "free space of the disk below which intake stops; 0 for no such watermark")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	aliases(f, map[string]string{"address": "addr", "cert": "tls-cert", "key": "tls-key"})
	c.AddCommand(newRelayToken(env), newRelayRotateKey(env))
	return c
}

func runRelay(ctx context.Context, env *Env, o *relayOptions) (err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return usage("use debug, info, warn or error", "log level %q is not known", o.logLevel)
	}
	log := slog.New(slog.NewJSONHandler(env.Err, &slog.HandlerOptions{Level: level}))
	opts := relay.Options{
		PublicURL: o.publicURL, Domain: o.domain, Open: o.open, TrustedProxies: o.trustedProxies, Log: log, Version: stamp().Version,
	}
	if err := addressed(o); err != nil {
		return err
	}
	if err := admission(&opts, o); err != nil {
		return err
	}
	if opts.TLS, err = relayTLS(o, log); err != nil {
		return err
	}
	stored := bolt.Options{Logger: log}
	if stored.MaxBytes, err = parseSize("--max-store", o.maxStore); err != nil {
		return err
	}
	if stored.MinFree, err = parseSize("--min-free", o.minFree); err != nil {
		return err
	}
	if stored.MinFree == 0 {
		stored.MinFree = -1
	}
	data := relayData(env, o.data)
	if o.data == "" {
		if err := privateDir(env.stateDir()); err != nil {
			return err
		}
	}
	if err := privateDir(data); err != nil {
		return err
	}
	if opts.Keys, err = relay.LoadKeys(relayKey(data)); err != nil {
		return fail(exitFailed, "", "relay: %w", err)
	}
	store, err := bolt.Open(data, stored)
	if err != nil {
		return fail(exitFailed, "", "relay: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	opts.Store = store
	server, err := relay.New(opts)
	if err != nil {
		return usage("see \"hook relay --help\"", "relay: %w", err)
	}
	defer server.Close()
	ln, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fail(exitFailed, "is the port taken? choose another with --addr", "relay: %w", err)
	}
	admin, err := serveAdmin(o.adminAddr, server)
	if err != nil {
		ln.Close()
		return err
	}
	defer admin.Close()
	log.Info("relay ready", "addr", ln.Addr().String(), "admin", admin.addr, "tls", opts.TLS != nil, "open", opts.Open, "data", data)
	if err := server.Serve(ctx, ln); err != nil {
		return fail(exitFailed, "", "relay: %w", err)
	}
	log.Info("relay stopped")
	return nil
}

// admission decides who may create endpoints, and refuses a relay that would
// admit everybody without having been told to.
func admission(opts *relay.Options, o *relayOptions) error {
	host, _, err := net.SplitHostPort(o.addr)
	if err != nil {
		return usage("give it as HOST:PORT or :PORT", "address %q: %w", o.addr, err)
	}
	if o.tokenFile != "" {
		if opts.Tokens, err = relay.LoadTokens(o.tokenFile); err != nil {
			return fail(exitUsage, "\"hook relay token NAME --file "+o.tokenFile+"\" makes one", "creation tokens: %w", err)
		}
		return nil
	}
	exposed := !loopbackName(host) || !loopbackURL(o.publicURL) || o.domain != "" || len(o.trustedProxies) > 0
	if !exposed {
		opts.Open = true
		return nil
	}
	if !o.open {
		return usage("\"hook relay token NAME --file tokens\" and --auth-token-file tokens; or --open to let anyone in",
			"anyone who reaches %q could create endpoints on this relay", cmp.Or(o.publicURL, o.addr))
	}
	return nil
}

// loopbackURL tells whether a URL, if there is one, leads to this machine only.
func loopbackURL(s string) bool {
	u, err := url.Parse(s)
	return s == "" || err == nil && loopbackName(u.Hostname())
}

// addressed refuses a relay that would have to believe what senders say its
// own name is.
func addressed(o *relayOptions) error {
	host, _, err := net.SplitHostPort(o.addr)
	if err != nil {
		return usage("give it as HOST:PORT or :PORT", "address %q: %w", o.addr, err)
	}
	if !loopbackName(host) && o.publicURL == "" {
		return usage("--public-url https://HOST, as senders will use it", "a relay on %q has to know its own name", o.addr)
	}
	return nil
}

// adminServer serves the operator's address.
type adminServer struct {
	addr string
	srv  *http.Server
	done chan struct{}
}

func serveAdmin(addr string, server *relay.Server) (*adminServer, error) {
	if addr == "off" || addr == "" {
		return &adminServer{addr: "off"}, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fail(exitFailed, "choose another with --admin-addr, or --admin-addr off", "relay's admin address: %w", err)
	}
	a := &adminServer{addr: ln.Addr().String(), srv: &http.Server{Handler: server.Admin(), ReadHeaderTimeout: 5 * time.Second}, done: make(chan struct{})}
	go func() { defer close(a.done); a.srv.Serve(ln) }()
	return a, nil
}

// Close ends the admin server. Readiness could be asked for until now.
func (a *adminServer) Close() error {
	if a.srv == nil {
		return nil
	}
	err := a.srv.Close()
	<-a.done
	return err
}

// relayTLS reads the certificate; nil without one.
func relayTLS(o *relayOptions, log *slog.Logger) (*tls.Config, error) {
	if o.cert == "" && o.key == "" {
		return nil, nil
	}
	if o.cert == "" || o.key == "" {
		return nil, usage("give both --tls-cert and --tls-key", "a certificate needs its key")
	}
	r := &certificate{cert: o.cert, key: o.key, log: log}
	if err := r.read(); err != nil {
		return nil, fail(exitFailed, "", "certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: r.get}, nil
}

// certificate is a key pair on disk, read again when it changes.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	stamp   [2]time.Time
	checked time.Time
}

// certificateCheck is how often the files are looked at, at most.
const certificateCheck = time.Second

func (r *certificate) times() (t [2]time.Time, err error) {
	for i, path := range []string{r.cert, r.key} {
		info, err := os.Stat(path)
		if err != nil {
			return t, err
		}
		t[i] = info.ModTime()
	}
	return t, nil
}

func (r *certificate) read() error {
	stamp, err := r.times()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(r.cert, r.key)
	if err != nil {
		return err
	}
	r.pair, r.stamp = &pair, stamp
	return nil
}

// get is the current pair. One that cannot be read, as in the middle of a
// renewal, leaves the last good one in force.
func (r *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.checked) >= certificateCheck {
		r.checked = now
		if stamp, err := r.times(); err != nil || stamp != r.stamp {
			if err := r.read(); err != nil {
				r.log.Warn("certificate not read again", "err", err)
			} else {
				r.log.Info("certificate read again")
			}
		}
	}
	return r.pair, nil
}

// newRelayToken is hook relay token.
func newRelayToken(env *Env) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "token NAME",
		Short: "Make a creation token for a relay",
		Long: `Make a creation token. It is printed once; the relay's file gets its name and
hash. Give it to the one who listens, as HOOK_TOKEN. Several names may stand in the
file; to rotate, add the new one and later remove the old line.`,
		Example: "  hook relay token alice --file tokens\n  hook relay token ci --file tokens > ci.token\n  HOOK_TOKEN=… hook listen 3000 --relay https://hooks.example",
		Args:    args(1, 1),
		RunE: func(_ *cobra.Command, given []string) error {
			if name := given[0]; name == "" || len(name) > 64 || !plainName(name) {
				return usage("use letters, digits, - and _", "token name %q", name)
			}
			token := "hrt_" + rand.Text()
			line := relay.TokenLine(given[0], token)
			if file == "" {
				fmt.Fprintf(env.Err, "add this line to the relay's token file:\n%s\n", line)
			} else if err := appendLine(file, line); err != nil {
				return fail(exitFailed, "", "token file: %w", err)
			}
			_, err := fmt.Fprintln(env.Out, token)
			return err
		},
	}
	c.Flags().StringVar(&file, "file", "", "file to add the token's name and hash to")
	return c
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

// plainName tells whether a name can stand in files, hosts and logs as it is.
func plainName(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != ""
}
