package tunnel

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// tlsServer answers with what it received. Its certificate, signed by itself,
// is for localhost and the loopback addresses, until the given time.
func tlsServer(t *testing.T, until time.Time) (server *httptest.Server, certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Proto", r.Proto)
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestTLSTargets(t *testing.T) {
	now := time.Now()
	server, certificate := tlsServer(t, now.Add(time.Hour))
	expired, expiredCertificate := tlsServer(t, now.Add(-time.Hour))
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	insecure := func(o *ForwardOptions) { o.Insecure = true }
	trust := func(certificate []byte) func(*ForwardOptions) {
		return func(o *ForwardOptions) {
			pool, err := CACert(certificate)
			if err != nil {
				t.Fatal(err)
			}
			o.RootCAs = pool
		}
	}
	elsewhere := func(o *ForwardOptions) {
		o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}
	}
	works := func(name, target string, change ...func(*ForwardOptions)) {
		t.Run(name, func(t *testing.T) {
			f := forwarder(t, target, change...)
			for _, size := range []int{3, 100 << 10} {
				body := strings.Repeat("x", size)
				res := forward(t, f, delivery("POST", "/", body))
				if string(res.Body) != body || res.Header.Get("X-Proto") != "HTTP/1.1" {
					t.Errorf("%d bytes came back over %s", len(res.Body), res.Header.Get("X-Proto"))
				}
			}
			if len(f.client.idle) != 1 {
				t.Errorf("%d connections are kept, want 1", len(f.client.idle))
			}
		})
	}
	works("insecure", server.URL, insecure)
	works("cacert", server.URL, trust(certificate))
	works("cacert by name", "https://localhost:"+port, trust(certificate))
	works("insecure and expired", expired.URL, insecure)

	for name, c := range map[string]struct {
		target string
		change []func(*ForwardOptions)
		parts  []string
	}{
		"self-signed":  {server.URL, nil, []string{"unknown authority", "-k", "--cacert FILE"}},
		"wrong cacert": {server.URL, []func(*ForwardOptions){trust(expiredCertificate)}, []string{"-k", "--cacert FILE"}},
		"expired":      {expired.URL, []func(*ForwardOptions){trust(expiredCertificate)}, []string{"expired", "-k", "--cacert"}},
		"other name":   {"https://10.0.0.1:443", []func(*ForwardOptions){trust(certificate), elsewhere}, []string{"10.0.0.1", "-k", "--cacert"}},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, forwarder(t, c.target, c.change...), delivery("POST", "/", "x"), NoTLS, c.parts...)
		})
	}
	t.Run("target without TLS", func(t *testing.T) {
		plain := httptest.NewServer(http.NotFoundHandler())
		defer plain.Close()
		fails(t, forwarder(t, strings.Replace(plain.URL, "http:", "https:", 1)), delivery("POST", "/", "x"), NoTLS, "write http://")
	})
	t.Run("target that closes", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conn.Close()
			}
		}()
		fails(t, forwarder(t, "https://"+l.Addr().String()), delivery("POST", "/", "x"), NoTLS)
	})
	t.Run("target that hangs", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f := forwarder(t, "https://"+l.Addr().String(), func(o *ForwardOptions) { o.Timeout = 50 * time.Millisecond })
		fails(t, f, delivery("POST", "/", "x"), NoTLS, "in time")
		if err := f.Probe(t.Context()); err != nil {
			t.Errorf("the port is open, but: %v", err)
		}
	})
	if _, err := CACert(bytes.Repeat([]byte("x"), 10)); err == nil {
		t.Error("a file without a certificate is taken for one")
	}
}
