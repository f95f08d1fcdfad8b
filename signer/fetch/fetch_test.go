package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

func TestGuardRefusesEveryAddressThatIsNotPublic(t *testing.T) {
	g := &guard{refused: refused()}
	for _, ip := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.127.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.168.1.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
		"255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"2001::1", "2001:0:4136:e378::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
		"ff02::1", "100::1", "5f00::1",
	} {
		if g.public(netip.MustParseAddr(ip)) {
			t.Errorf("%s is taken for public", ip)
		}
		address := fmt.Sprintf("%s:443", ip)
		if strings.Contains(ip, ":") {
			address = fmt.Sprintf("[%s]:443", ip)
		}
		var refused *RefusedError
		if err := g.control("tcp4", address, nil); !errors.As(err, &refused) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, ip := range []string{"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"} {
		if !g.public(netip.MustParseAddr(ip)) {
			t.Errorf("%s is refused", ip)
		}
	}
	if g.control("tcp4", "8.8.8.8:80", nil) == nil {
		t.Error("port 80 is allowed")
	}
	if g.control("udp4", "8.8.8.8:443", nil) == nil {
		t.Error("another network than TCP is allowed")
	}
	if g.control("tcp6", "[fe80::1%eth0]:443", nil) == nil {
		t.Error("a zone is allowed")
	}
}

func TestURLsThatAreNotFetched(t *testing.T) {
	f := New(Options{})
	for _, address := range []string{
		"http://example.com/keys", "https://example.com:8443/keys", "https://user:x@example.com/", "file:///etc/passwd", "ftp://example.com/",
		"https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://2130706433/", "https://0x7f.1/", "https://[::ffff:127.0.0.1]/", "//x", "",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if _, err := f.Keys(ctx, address, ""); err == nil {
			t.Errorf("%q is fetched", address)
		}
		cancel()
	}
	for _, address := range []string{"https://sns.us-east-1.amazonaws.com.evil.test/x.pem", "https://evil.test/x.pem", "http://sns.us-east-1.amazonaws.com/x.pem",
		"https://sns.us-east-1.amazonaws.com:8443/x.pem", "https://a@sns.us-east-1.amazonaws.com/x.pem", "https://sns.us-east-1.amazonaws.com./x.pem"} {
		if _, err := f.Certificate(t.Context(), address, "sns.*.amazonaws.com"); err == nil || !strings.Contains(err.Error(), "not an address of the provider") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// issuer serves a key set that a test may change.
type issuer struct {
	*httptest.Server
	hits atomic.Int64
	mu   sync.Mutex // guards body and status
	body string
	code int
}

func newIssuer(t *testing.T, kids ...string) *issuer {
	i := &issuer{}
	i.set(t, kids...)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.hits.Add(1)
		i.mu.Lock()
		defer i.mu.Unlock()
		w.WriteHeader(i.code)
		fmt.Fprint(w, i.body)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) set(t *testing.T, kids ...string) {
	t.Helper()
	var jwks [][]byte
	for _, kid := range kids {
		k, err := signer.NewTestKey(&signer.Scheme{Algorithm: signer.Ed25519}, kid)
		if err != nil {
			t.Fatal(err)
		}
		jwks = append(jwks, k.JWK)
	}
	doc, err := signer.MarshalJWKS(jwks...)
	if err != nil {
		t.Fatal(err)
	}
	i.answer(http.StatusOK, string(doc))
}

func (i *issuer) answer(code int, body string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.code, i.body = code, body
}

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func typed(string) bool { return true }

func kids(keys []signer.JWK) string {
	var out []string
	for _, k := range keys {
		out = append(out, k.KeyID)
	}
	return strings.Join(out, " ")
}

func TestManyUnknownKeyIDsMakeOneFetchAMinute(t *testing.T) {
	i := newIssuer(t, "a")
	c := &clock{time.Unix(1_800_000_000, 0)}
	f := New(Options{Typed: typed, Now: c.now})
	for n := range 10_000 {
		if _, err := f.Keys(t.Context(), i.URL, fmt.Sprint("unknown", n)); err != nil {
			t.Fatal(err)
		}
	}
	if got := i.hits.Load(); got != 1 {
		t.Errorf("%d fetches", got)
	}
	c.at = c.at.Add(61 * time.Second)
	for range 100 {
		f.Keys(t.Context(), i.URL, "unknown5000")
	}
	if got := i.hits.Load(); got > 2 {
		t.Errorf("%d fetches after a minute", got)
	}
}

func TestConcurrentCallersShareOneFetch(t *testing.T) {
	i := newIssuer(t, "a")
	f := New(Options{Typed: typed})
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if keys, err := f.Keys(t.Context(), i.URL, "a"); err != nil || kids(keys) != "a" {
				t.Errorf("%v %v", keys, err)
			}
		})
	}
	wait.Wait()
	if got := i.hits.Load(); got != 1 {
		t.Errorf("%d fetches", got)
	}
}

func TestRemovedKeyIsGoneAfterRefresh(t *testing.T) {
	i := newIssuer(t, "a", "b")
	c := &clock{time.Unix(1_800_000_000, 0)}
	f := New(Options{Typed: typed, Now: c.now})
	if keys, err := f.Keys(t.Context(), i.URL, "a"); err != nil || kids(keys) != "a b" {
		t.Fatalf("%v %v", keys, err)
	}
	i.set(t, "b")
	c.at = c.at.Add(fresh + time.Second)
	if keys, err := f.Keys(t.Context(), i.URL, "a"); err != nil || kids(keys) != "b" {
		t.Errorf("%v %v", kids(keys), err)
	}
}

func TestIssuerThatFails(t *testing.T) {
	i := newIssuer(t, "a")
	c := &clock{time.Unix(1_800_000_000, 0)}
	f := New(Options{Typed: typed, Now: c.now})
	if _, err := f.Keys(t.Context(), i.URL, "a"); err != nil {
		t.Fatal(err)
	}
	i.answer(http.StatusInternalServerError, "")
	c.at = c.at.Add(fresh + time.Minute)
	if keys, err := f.Keys(t.Context(), i.URL, "a"); err != nil || kids(keys) != "a" {
		t.Errorf("within the hour: %v %v", keys, err)
	}
	c.at = c.at.Add(staleFor)
	if _, err := f.Keys(t.Context(), i.URL, "a"); err == nil {
		t.Error("past the hour the old keys are still used")
	}
	for name, body := range map[string]string{"too large": strings.Repeat(" ", maxBody+1), "not a key set": "<html>", "too many keys": `{"keys":[` + strings.Repeat(`{},`, 60) + `{}]}`} {
		i.answer(http.StatusOK, body)
		if _, err := New(Options{Typed: typed}).Keys(t.Context(), i.URL, ""); err == nil {
			t.Error(name, "is taken")
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	target := newIssuer(t, "a")
	from := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusFound))
	defer from.Close()
	if _, err := New(Options{Typed: typed}).Keys(t.Context(), from.URL, ""); err == nil || target.hits.Load() != 0 {
		t.Errorf("%v, %d hits", err, target.hits.Load())
	}
}

func TestProxyVariablesAreIgnored(t *testing.T) {
	i := newIssuer(t, "a")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	if _, err := New(Options{Typed: typed}).Keys(t.Context(), i.URL, ""); err != nil {
		t.Error(err)
	}
}
