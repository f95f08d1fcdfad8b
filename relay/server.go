// Package relay is the public server: it hands out short-lived endpoints,
// takes webhooks in and brings them to the listener that holds the endpoint's
// tunnel, or stores them until one comes.
//
//	store, err := bolt.Open(dir, bolt.Options{})
//	keys, err := relay.LoadKeys(filepath.Join(dir, "relay.key"))
//	server, err := relay.New(relay.Options{Store: store, Keys: keys, PublicURL: "https://hooks.example"})
//	err = server.Serve(ctx, listener)
//
// A relay knows no provider and holds no provider's secret: how it answers is
// data that an endpoint's owner sets. It never dials an address that anyone
// names.
package relay

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// Options says how a relay is to be. Store and Keys are needed; the rest has
// defaults that can stand on the internet.
type Options struct {
	Store Store
	Bus   Bus // default: NewBus, this relay alone
	Keys  *Keys

	// PublicURL is how senders reach the relay: "https://hooks.example". When
	// it is empty, the Host header is believed, which only a relay on loopback
	// should do.
	PublicURL string
	// Domain makes endpoints reachable as https://ID.DOMAIN/ too, and makes
	// that form the one handed out.
	Domain string
	// Tokens admit to creation. With none, creation is open to all: set Open.
	Tokens *Tokens
	Open   bool
	// Loopback is a relay inside a developer's own process: it answers the API
	// only under a loopback Host and without an Origin, passes the
	// application's answers on unfiltered, and sets no rate limits.
	Loopback bool
	// TrustedProxies are the addresses (CIDR) whose X-Forwarded-* and Forwarded
	// headers are believed.
	TrustedProxies []string
	TLS            *tls.Config // default: plain HTTP

	MaxBody       int64         // of a webhook; default 25 MiB
	MaxAnswer     int64         // of an application's answer; default 1 MiB
	MaxInFlight   int64         // bytes of bodies in hand; default 512 MiB
	MaxItems      int           // queued and dead deliveries of one endpoint; default 1,000
	MaxQueueBytes int64         // bytes of their bodies; default 256 MiB
	MaxPerClient  int           // connections of one client address; default 100, negative: no limit
	MaxTTL        time.Duration // default 30 days
	Drain         time.Duration // how long a stop waits for what is under way; default 20 s

	Log     *slog.Logger // default: none
	Version string

	wall func() time.Time // the clock that stepWatch looks at; time.Now but in tests
}

// Server is a relay.
type Server struct {
	opts    Options
	store   Store
	bus     Bus
	keys    *Keys
	proxies proxies
	rates   *rates
	budget  *byteBudget
	metrics *metrics
	log     *slog.Logger
	api     http.Handler

	ctx      context.Context // of the server's own work; ends last
	cancel   context.CancelFunc
	starting sync.Mutex // taken last of all
	work     sync.WaitGroup
	attached sync.WaitGroup // tunnels
	changes  atomic.Uint64  // of records that were told of
	unwatch  func()
	sweep    chan struct{} // look for what is due
	polls    *polls
	stopping atomic.Bool

	mu      sync.Mutex
	hubs    map[EndpointID]*hub
	byHash  map[Hash]*hub
	tunnels map[*tunnel.Session]func() // release of the bus claim
	closed  bool
}

// New makes a relay. Serve starts it; Close ends it, and the store is the
// caller's to close after it.
func New(opts Options) (*Server, error) {
	if opts.Store == nil || opts.Keys == nil {
		return nil, errors.New("relay needs a store and keys")
	}
	opts.MaxBody = cmp.Or(opts.MaxBody, defaultMaxBody)
	opts.MaxAnswer = cmp.Or(opts.MaxAnswer, 1<<20)
	opts.MaxItems = cmp.Or(opts.MaxItems, 1000)
	opts.MaxQueueBytes = cmp.Or(opts.MaxQueueBytes, 256<<20)
	opts.MaxTTL = cmp.Or(opts.MaxTTL, 30*24*time.Hour)
	opts.Drain = cmp.Or(opts.Drain, 20*time.Second)
	opts.Version = cmp.Or(opts.Version, "devel")
	opts.Domain = strings.TrimSuffix(strings.ToLower(opts.Domain), ".")
	if opts.Bus == nil {
		opts.Bus = NewBus()
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.wall == nil {
		opts.wall = time.Now
	}
	if opts.PublicURL != "" {
		u, err := url.Parse(opts.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return nil, fmt.Errorf("public URL %q is not like https://hooks.example", opts.PublicURL)
		}
		opts.PublicURL = u.Scheme + "://" + u.Host
	}
	trusted, err := parseProxies(opts.TrustedProxies)
	if err != nil {
		return nil, err
	}
	limits := rateLimits{}
	if opts.Loopback {
		off := perSecond{Rate: -1}
		limits = rateLimits{off, off, off, off, off, off, off, off}
	}
	s := &Server{
		opts: opts, store: opts.Store, bus: opts.Bus, keys: opts.Keys, proxies: trusted, log: opts.Log,
		rates: newRates(limits), budget: newByteBudget(opts.MaxInFlight, 0),
		sweep: make(chan struct{}, 1), polls: newPolls(), hubs: make(map[EndpointID]*hub), byHash: make(map[Hash]*hub),
		tunnels: make(map[*tunnel.Session]func()),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.metrics = newMetrics(s)
	s.api = s.routes()
	s.unwatch = s.bus.Watch(s.changed)
	return s, nil
}

// Serve takes requests from ln until ctx ends, then drains: it refuses new
// webhooks, sends listeners away, waits for what is under way, and returns
// nil.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	o := wireOptions{MaxClient: s.opts.MaxPerClient, TLS: s.opts.TLS, Exempt: s.proxies.Trusts, Refused: s.metrics.limited, Log: s.log}
	if s.opts.Loopback {
		o.MaxClient, o.Exempt = -1, nil
	}
	front, srv := newFront(ln, o, s)
	s.spawn(s.sweepUntil)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(front) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	s.drain(srv)
	<-failed
	return nil
}

// goAwayAfter is how far apart listeners redial a relay that restarts.
const goAwayAfter = 2 * time.Second

// drain ends service without losing what was accepted.
func (s *Server) drain(srv *http.Server) {
	s.stopping.Store(true)
	s.log.Info("draining")
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Drain)
	defer cancel()
	for _, ses := range s.sessions() {
		ses.GoAway(goAwayAfter)
	}
	s.polls.leave(ctx)
	// Answers that are under way go out; tunnels are not the server's concern.
	if err := srv.Shutdown(ctx); err != nil {
		srv.Close()
	}
	for _, ses := range s.sessions() {
		ses.CloseWhenIdle(tunnel.CloseRestart, "the relay restarts")
	}
	left := make(chan struct{})
	go func() { defer close(left); s.attached.Wait() }()
	select {
	case <-left:
	case <-ctx.Done():
		for _, ses := range s.sessions() {
			ses.Abort()
		}
		<-left
	}
}

// Close ends all of the server's work. Safe to call twice.
func (s *Server) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.stopping.Store(true)
	for _, ses := range s.sessions() {
		ses.Abort()
	}
	s.unwatch()
	s.starting.Lock()
	s.cancel()
	s.starting.Unlock()
	s.work.Wait()
	return nil
}

// spawn runs fn beside the rest, unless the server is closed. Close waits for
// it.
func (s *Server) spawn(fn func()) bool {
	s.starting.Lock()
	defer s.starting.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.work.Go(fn)
	return true
}

func (s *Server) draining() bool { return s.stopping.Load() }

func (s *Server) sessions() []*tunnel.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*tunnel.Session, 0, len(s.tunnels))
	for ses := range s.tunnels {
		list = append(list, ses)
	}
	return list
}

// noteTunnel keeps the list of sessions: release is called when it ends.
func (s *Server) noteTunnel(ses *tunnel.Session, release func(), change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change > 0 {
		s.attached.Add(1)
		s.tunnels[ses] = release
		return
	}
	defer s.attached.Done()
	if release = s.tunnels[ses]; release != nil {
		release()
	}
	delete(s.tunnels, ses)
}

// later runs fn after d, unless the server is closed first.
func (s *Server) later(d time.Duration, fn func()) {
	time.AfterFunc(d, func() {
		if s.ctx.Err() == nil {
			fn()
		}
	})
}

// ServeHTTP routes: endpoints by host, endpoints by path, the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p, ok := hostPlace(r.Host, s.opts.Domain, r.RequestURI); ok {
		s.intake(w, r, p)
		return
	}
	if p, ok := pathPlace(r.RequestURI); ok {
		s.intake(w, r, p)
		return
	}
	s.api.ServeHTTP(w, r)
}

// base is the relay's own URL, without a path.
func (s *Server) base(c client) string {
	return cmp.Or(s.opts.PublicURL, c.Scheme+"://"+c.Host)
}

// requestURL is the exact URL that a sender used.
func (s *Server) requestURL(c client, uri string) string {
	base := s.base(c)
	if s.opts.Domain != "" {
		if _, ok := hostPlace(c.Host, s.opts.Domain, uri); ok {
			scheme, _, _ := strings.Cut(base, "://")
			base = scheme + "://" + c.Host
		}
	}
	return base + uri
}

// publicURL is what to give to a provider.
func (s *Server) publicURL(base, id string) string {
	if s.opts.Domain != "" {
		scheme, rest, _ := strings.Cut(base, "://")
		port := ""
		if _, p, err := net.SplitHostPort(rest); err == nil {
			port = ":" + p
		}
		return scheme + "://" + id + "." + s.opts.Domain + port
	}
	return base + "/h/" + id
}

// bearer is the key that a request carries.
func bearer(r *http.Request) (key string, ok bool) {
	scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(key), ok && strings.EqualFold(scheme, "Bearer") && strings.TrimSpace(key) != ""
}

var errDraining = errors.New("the relay is stopping")
