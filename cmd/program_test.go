package cmd

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for a program.
const patience = time.Minute

// output is what a program has written so far.
type output struct {
	mu      sync.Mutex
	text    []byte
	read    int // bytes that lines have been taken from
	written chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	o.text = append(o.text, b...)
	o.mu.Unlock()
	select {
	case o.written <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// await takes lines until one matches, and returns what the parentheses caught.
func (o *output) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.After(patience); ; {
		o.mu.Lock()
		line, _, whole := bytes.Cut(o.text[o.read:], []byte("\n"))
		if whole {
			o.read += len(line) + 1
		}
		m := re.FindSubmatch(line)
		o.mu.Unlock()
		switch {
		case whole && m != nil:
			return string(m[len(m)-1])
		case whole:
			continue
		}
		select {
		case <-o.written:
		case <-deadline:
			t.Fatalf("no line matches %q:\n%s", pattern, o.String())
		}
	}
}

// program is one that runs until the test ends.
type program struct {
	out, err output
	done     chan struct{}
}

func start(t *testing.T, dir, name string, args ...string) *program {
	t.Helper()
	return startWith(t, dir, func(*exec.Cmd, *program) {}, name, args...)
}

// startWith lets change alter the command before it starts.
func startWith(t *testing.T, dir string, change func(*exec.Cmd, *program), name string, args ...string) *program {
	t.Helper()
	p := &program{done: make(chan struct{})}
	p.out.written, p.err.written = make(chan struct{}, 1), make(chan struct{}, 1)
	c := exec.Command(name, args...)
	c.Dir, c.Stdout, c.Stderr, c.Env = dir, &p.out, &p.err, clean(dir)
	change(c, p)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.done); c.Wait() }()
	t.Cleanup(func() {
		c.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s said:\n%.4000s", filepath.Base(name), p.err.String())
		}
	})
	return p
}

func runHook(t *testing.T, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "hook", args...)
	c.Dir, c.Env = dir, clean(dir)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("hook %q: %v", args, err)
	}
	return string(out)
}

// clean is an environment in which a folder is the home. Its token is the one
// of the file that hook relay token has printed.
func clean(dir string) []string {
	token, _ := os.ReadFile(filepath.Join(dir, "token"))
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_STATE_HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir,
		"NO_COLOR=1", "TWILIO_AUTH_TOKEN=twilio-auth-token-example-only", "HOOK_TOKEN=" + string(token), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// localAuthority makes a certificate authority, in ca.pem, and with it a
// certificate for localhost, in cert.pem and key.pem.
func localAuthority(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	now := time.Now()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	if ca, err = x509.ParseCertificate(caDER); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		DNSNames: []string{"localhost", "*.localhost"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: caDER}, "cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool
}
