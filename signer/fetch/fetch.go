package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/signer"
)

// Limits of one fetch and of the cache; each is the answer to a threat, not a matter of taste.
const (
	timeout    = 5 * time.Second  // of a whole fetch: a verification waits for it
	maxBody    = 256 << 10        // bytes read of an answer
	minRefresh = 60 * time.Second // between two tries of one URL: unknown key ids cannot make us storm an issuer
	fresh      = 10 * time.Minute // after this a use asks again
	maxAge     = 24 * time.Hour   // a key set older than this is never used: revoked keys die
	staleFor   = time.Hour        // how long a set is used past fresh while the issuer does not answer
	maxEntries = 200              // URLs remembered
	maxMissing = 1000             // unknown key ids remembered for a URL
)

// Options of a [Fetcher]. The zero value is right for a program that fetches from public addresses only.
type Options struct {
	// Typed says whether a person typed this URL (a flag, a trusted configuration). Such an address may be loopback or private, on any
	// port; http is allowed on loopback only. Default: no URL is typed.
	Typed func(url string) bool
	// Now is the clock; default time.Now.
	Now func() time.Time
	// UserAgent is sent; default "hook".
	UserAgent string
}

// Fetcher implements [signer.Fetcher]. It is safe for use by several goroutines and starts none that outlives a call.
type Fetcher struct {
	opts    Options
	refused []netip.Prefix
	mu      sync.Mutex // guards entries
	entries map[string]*entry
}

// entry is what is known of one URL.
type entry struct {
	mu      sync.Mutex // held during a fetch: one flight a URL
	tried   time.Time
	got     time.Time
	err     error
	keys    []signer.JWK
	body    []byte
	missing map[string]bool // key ids that the last answer did not have
}

// New makes a Fetcher.
func New(opts Options) *Fetcher {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Typed == nil {
		opts.Typed = func(string) bool { return false }
	}
	if opts.UserAgent == "" {
		opts.UserAgent = "hook"
	}
	return &Fetcher{opts: opts, refused: refused(), entries: map[string]*entry{}}
}

var errTooManyURLs = errors.New("too many different addresses of keys")

func (f *Fetcher) entry(address string) (*entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.entries[address]
	if !ok {
		if len(f.entries) >= maxEntries {
			return nil, errTooManyURLs
		}
		e = &entry{}
		f.entries[address] = e
	}
	return e, nil
}

// Keys returns the key set at a URL, from the cache while it is fresh. A key id that the set does not have makes it ask again, once a
// minute at most.
func (f *Fetcher) Keys(ctx context.Context, address, kid string) ([]signer.JWK, error) {
	e, err := f.entry(address)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := f.opts.Now()
	if e.usable(now) && (now.Sub(e.got) < fresh) && (kid == "" || e.has(kid) || e.missing[kid]) {
		return e.keys, nil
	}
	if e.tried.IsZero() || now.Sub(e.tried) >= minRefresh || now.Before(e.tried) {
		f.refresh(ctx, e, address, now, func(body []byte) error {
			keys, err := signer.ParseJWKS(body)
			if err == nil {
				e.keys, e.missing = keys, map[string]bool{} // full replacement: a removed key is gone
			}
			return err
		})
	}
	if !e.usable(now) || now.Sub(e.got) >= fresh+staleFor {
		if e.err == nil {
			e.err = errors.New("the key set is too old")
		}
		return nil, e.err
	}
	if kid != "" && !e.has(kid) && len(e.missing) < maxMissing {
		e.missing[kid] = true
	}
	return e.keys, nil
}

func (e *entry) usable(now time.Time) bool {
	return len(e.keys) > 0 && now.Sub(e.got) < maxAge && !now.Before(e.got)
}

func (e *entry) has(kid string) bool {
	for i := range e.keys {
		if e.keys[i].KeyID == kid {
			return true
		}
	}
	return false
}

// Certificate returns a PEM document whose address a message named. The host must fit the pattern of the provider's row.
func (f *Fetcher) Certificate(ctx context.Context, address, host string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || (u.Port() != "" && u.Port() != "443") || !signer.MatchHost(host, u.Hostname()) {
		return nil, fmt.Errorf("%.200q is not an address of the provider", address)
	}
	e, err := f.entry(address)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := f.opts.Now()
	if len(e.body) > 0 && now.Sub(e.got) < maxAge {
		return e.body, nil
	}
	if e.tried.IsZero() || now.Sub(e.tried) >= minRefresh {
		e.body = nil
		f.refresh(ctx, e, address, now, func(body []byte) error {
			e.body = body
			return nil
		})
	}
	if len(e.body) == 0 {
		return nil, e.err
	}
	return e.body, nil
}

// refresh fetches once and lets keep store what came. The caller holds e.mu.
func (f *Fetcher) refresh(ctx context.Context, e *entry, address string, now time.Time, keep func([]byte) error) {
	e.tried = now
	body, err := f.get(ctx, address)
	if err == nil {
		err = keep(body)
	}
	if err != nil {
		if ctx.Err() != nil {
			e.tried = time.Time{} // the caller gave up, the issuer did not fail
		}
		e.err = fmt.Errorf("fetching %q: %w", address, err)
		return
	}
	e.got, e.err = now, nil
}

// get makes one guarded request.
func (f *Fetcher) get(ctx context.Context, address string) ([]byte, error) {
	typed := f.opts.Typed(address)
	if err := checkURL(address, typed); err != nil {
		return nil, err
	}
	g := &guard{refused: f.refused, private: typed}
	dialer := &net.Dialer{Timeout: timeout, Control: g.control, KeepAlive: -1}
	client := &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would dial for us, past the guard
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true,
			TLSHandshakeTimeout:    timeout,
			ResponseHeaderTimeout:  timeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", f.opts.UserAgent)
	req.Header.Set("Accept", "application/json, application/x-pem-file, */*")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxBody)
	}
	return body, nil
}

// checkURL refuses what no resolver needs to see.
func checkURL(address string, typed bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return errors.New("not a URL")
	}
	if u.User != nil {
		return errors.New("a URL with credentials is not fetched")
	}
	switch {
	case u.Scheme == "https" && (typed || u.Port() == "" || u.Port() == "443"):
	case u.Scheme == "http" && typed && isLoopback(u.Hostname()):
	default:
		return fmt.Errorf("only https on port 443 is fetched, not %q", u.Scheme+"://"+u.Host)
	}
	return nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
