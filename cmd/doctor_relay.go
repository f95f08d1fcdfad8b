package cmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// interceptors are words in the names of authorities by which companies read
// TLS on its way.
func interceptors() []string {
	return []string{"zscaler", "netskope", "fortinet", "fortigate", "palo alto", "blue coat", "bluecoat", "symantec web", "forcepoint", "websense",
		"sophos", "mcafee", "cisco umbrella", "check point", "barracuda", "kaspersky", "avast", "eset ssl", "bitdefender", "mitmproxy", "charles proxy", "fiddler", "burp"}
}

// relay looks at the way to the relay, and whether it takes our keys.
func (d *doctor) relay(ctx context.Context) error {
	address := d.o.relay
	if address == "" {
		d.add("relay", skipped, "", "none is configured: hook listen starts one on this machine")
		if d.o.idle > 0 {
			d.add("idle", skipped, "give --relay https://HOST", "nothing lies between hook and a relay inside it")
		}
		return nil
	}
	base, err := parseRelay(address)
	if err != nil {
		return err
	}
	client := d.env.client()
	if err := trustRelay(client, d.o.relayCA); err != nil {
		return err
	}
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("reading the relay's address: %w", err)
	}
	proxied := d.proxy(client, u)
	if !proxied && !d.dns(ctx, u.Hostname()) {
		return nil
	}
	if !d.reach(ctx, client, base) {
		return nil
	}
	key := d.keys(ctx, client, base)
	through := d.webSocket(ctx, client, base, key)
	switch {
	case d.o.idle == 0:
	case through:
		d.idle(ctx, client, base)
	default:
		d.add("idle", skipped, "", "without a WebSocket there is no idle tunnel: polls end by themselves")
	}
	return nil
}

// proxy tells what stands between here and the relay by configuration.
func (d *doctor) proxy(client *http.Client, u *url.URL) bool {
	ask := http.ProxyFromEnvironment
	if t, ok := client.Transport.(*http.Transport); ok {
		ask = t.Proxy
	}
	if ask == nil {
		d.add("proxy", healthy, "", "none")
		return false
	}
	proxy, err := ask(&http.Request{URL: u})
	switch {
	case err != nil:
		d.add("proxy", broken, "HTTPS_PROXY is a URL like http://proxy.example:3128", "the proxy variables cannot be read: %v", err)
	case proxy != nil:
		d.add("proxy", healthy, "", "the relay is reached through %s; NO_PROXY lists exceptions, and the application is never reached through a proxy", proxy.Redacted())
		return true
	default:
		var set []string
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
			if d.env.Getenv(name) != "" {
				set = append(set, name)
			}
		}
		if len(set) == 0 {
			d.add("proxy", healthy, "", "none")
		} else {
			d.add("proxy", healthy, "", "%s is set and not used for this relay", strings.Join(set, ", "))
		}
	}
	return false
}

func (d *doctor) dns(ctx context.Context, host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || loopbackName(host) {
		d.add("dns", skipped, "", "%s needs no look-up", host)
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, doctorStep)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		d.add("dns", broken, "check the spelling, the network and the VPN", "%s is not found: %v", host, err).code = exitUnreachable
		return false
	}
	d.add("dns", healthy, "", "%s is %s", host, strings.Join(addrs, ", "))
	return true
}

// reach makes a request that every relay refuses in its own words.
func (d *doctor) reach(ctx context.Context, client *http.Client, base string) bool {
	ctx, cancel := context.WithTimeout(ctx, doctorStep)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/v1/tunnel", nil)
	if err != nil {
		d.add("relay", broken, "", "%v", err)
		return false
	}
	began := time.Now()
	resp, err := client.Do(req)
	took := time.Since(began)
	if err != nil {
		d.unreached(base, err)
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		d.unreached(base, err)
		return false
	}
	if resp.TLS != nil {
		d.certificate(resp.TLS)
	}
	var p relay.Problem
	if json.Unmarshal(body, &p) != nil || !strings.HasPrefix(p.Type, "urn:hook:problem:") {
		d.add("relay", broken, "is this the address of a hook relay? A sign-in page or a proxy may stand before it",
			"%s answered %d, and not in the words of a hook relay", base, resp.StatusCode).code = exitUnreachable
		return false
	}
	d.add("relay", healthy, "", "%s answered in %s", base, formatTook(took))
	d.clock(resp.Header.Get("Date"), began, took)
	return true
}

func (d *doctor) unreached(base string, err error) {
	var unknown x509.UnknownAuthorityError
	var checked *tls.CertificateVerificationError
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	switch {
	case errors.As(err, &unknown) && unknown.Cert != nil:
		d.add("tls", broken, "if this is your relay's or your company's own authority, give it with --relay-cacert FILE",
			"the certificate of %s was issued by %q, which this machine does not trust: somebody on the way may read along", base, unknown.Cert.Issuer.String()).code = exitUnreachable
	case errors.As(err, &checked):
		d.add("tls", broken, "", "the certificate of %s is not valid: %v", base, checked.Err).code = exitUnreachable
	default:
		d.add("relay", broken, "is a relay running there? Check --relay, HOOK_RELAY, the proxy variables and the firewall", "%s cannot be reached: %v", base, err).code = exitUnreachable
	}
}

func (d *doctor) certificate(state *tls.ConnectionState) {
	leaf := state.PeerCertificates[0]
	issuer := leaf.Issuer.String()
	left := time.Until(leaf.NotAfter)
	for _, word := range interceptors() {
		if strings.Contains(strings.ToLower(issuer), word) {
			d.add("tls", doubtful, "ask who runs the network; keys and webhooks can be read there", "issued by %q: something on the way reads this connection", issuer)
			return
		}
	}
	if left < 7*24*time.Hour {
		d.add("tls", doubtful, "renew the relay's certificate", "%s, issued by %q, expires in %s", tls.VersionName(state.Version), issuer, formatAge(left))
		return
	}
	d.add("tls", healthy, "", "%s, issued by %q, until %s", tls.VersionName(state.Version), issuer, leaf.NotAfter.Format(time.DateOnly))
}

// The clocks may differ by what signatures forgive, which for most providers
// is five minutes.
const (
	skewNoted  = 30 * time.Second
	skewBroken = 5 * time.Minute
)

func (d *doctor) clock(date string, began time.Time, took time.Duration) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		d.add("clock", skipped, "", "the relay does not say what time it is")
		return
	}
	skew := began.Add(took / 2).Sub(theirs.Add(500 * time.Millisecond)).Round(time.Second) // Date is cut to seconds
	const hint = "set this machine's clock by NTP; signatures with a time in them fail otherwise"
	switch size := skew.Abs(); {
	case size > skewBroken:
		d.add("clock", broken, hint, "this machine's clock is off by %s from the relay's", skew)
	case size > skewNoted:
		d.add("clock", doubtful, hint, "this machine's clock is off by %s from the relay's", skew)
	default:
		d.add("clock", healthy, "", "within a second or two of the relay's")
	}
}

// keys asks whether the relay takes the owner key of this folder's endpoint,
// or else the creation token. It returns the owner key, if there is one.
func (d *doctor) keys(ctx context.Context, client *http.Client, base string) string {
	ctx, cancel := context.WithTimeout(ctx, doctorStep)
	defer cancel()
	api := &relayAPI{base: base, http: client}
	k := &knownEndpoint{Name: d.o.endpoint, Folder: d.env.project(), Relay: base}
	known := false
	if _, err := os.Stat(d.env.stateDir()); err == nil {
		if known, err = d.env.recall(k); err != nil {
			d.add("endpoint", broken, "", "%v", err)
			return ""
		}
	}
	var status int
	var err error
	if known {
		status, err = api.call(ctx, "GET", "/v1/endpoints/"+k.ID, k.OwnerKey, nil, nil)
		switch {
		case err == nil:
			d.add("endpoint", healthy, "", "%q is there, and the relay takes its key", k.Name)
			return k.OwnerKey
		case status == http.StatusGone:
			d.add("endpoint", doubtful, "hook listen makes a new one", "%q of last time is gone", k.Name)
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			d.add("endpoint", broken, "hook listen --new makes a new endpoint", "the relay does not take the owner key of %q", k.Name).code = exitAuth
		default:
			d.add("endpoint", doubtful, "", "asking for %q: %v", k.Name, err)
		}
		return k.OwnerKey
	}
	// A request that can never be granted: the token is judged before it.
	status, err = api.call(ctx, "POST", "/v1/endpoints", d.env.Getenv("HOOK_TOKEN"), map[string]int{"ttl": -1}, nil)
	switch status {
	case http.StatusBadRequest:
		d.add("token", healthy, "", "this relay lets you make endpoints")
	case http.StatusUnauthorized, http.StatusForbidden:
		d.add("token", broken, "set HOOK_TOKEN to a creation token; the relay's operator hands them out", "the relay does not let you make endpoints").code = exitAuth
	default:
		d.add("token", doubtful, "", "asking whether endpoints may be made: %v", err)
	}
	return ""
}

// webSocket tries the upgrade, and what is used where it does not get through.
// The relay judges the key only after a hello, which is never said.
func (d *doctor) webSocket(ctx context.Context, client *http.Client, base, key string) (through bool) {
	ctx, cancel := context.WithTimeout(ctx, doctorStep)
	defer cancel()
	if key == "" {
		key = "none"
	}
	conn, err := tunnel.DialWebSocket(ctx, client, base+"/v1/tunnel", key)
	if err == nil {
		leave(conn)
		d.add("websocket", healthy, "", "upgrades get through")
		return true
	}
	conn, perr := tunnel.DialPoll(ctx, client, base+"/v1/poll", key)
	if perr == nil {
		leave(conn)
		d.add("websocket", doubtful, "--transport poll saves the try at every start", "upgrades do not get through (%v); hook listen polls instead", err)
		return false
	}
	d.add("websocket", broken, "", "upgrades do not get through (%v), nor do polls (%v)", err, perr).code = exitUnreachable
	return false
}

func leave(conn tunnel.Conn) {
	if c, ok := conn.(tunnel.Closer); ok {
		c.Close(tunnel.CloseNormal, "")
	}
}
