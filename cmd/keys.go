package cmd

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/signer"
)

func newKeys(env *Env) *cobra.Command {
	c := group(&cobra.Command{
		Use: "keys", Short: "Make test key pairs for providers that sign with a private key",
		Long: `Providers such as Discord, SendGrid or Plaid sign with a private key that only they
hold. With a key pair of your own, hook signs in their place, and the application
under test is given the public half. The private keys stay in the state folder.`,
		Example: "  hook keys new --provider discord\n  hook sign discord body.json\n  hook keys jwks --serve 127.0.0.1:8089",
	})
	c.AddCommand(keysNew(env), keysShow(env), keysJWKS(env))
	return c
}

// testKeyName is the file name of a test key: its scheme's id.
func (e *Env) testKeyFile(scheme string) string {
	return filepath.Join(e.stateDir(), "keys", scheme+".pem")
}

func keysNew(env *Env) *cobra.Command {
	var o struct {
		provider, scheme, format string
		force                    bool
	}
	c := &cobra.Command{
		Use: "new --provider PROVIDER", Short: "Make a key pair and print the public key", Args: args(0, 1),
		Example: "  hook keys new --provider discord\n  hook keys new --provider sendgrid --force",
		RunE: func(_ *cobra.Command, given []string) error {
			if len(given) == 1 && o.provider == "" {
				o.provider = given[0]
			}
			return runKeysNew(env, o.provider, o.scheme, o.format, o.force)
		},
	}
	f := c.Flags()
	f.StringVar(&o.provider, "provider", "", "provider to sign for")
	f.StringVar(&o.scheme, "scheme", "", "scheme of the provider, where it has several")
	keyFormat(c, &o.format)
	f.BoolVar(&o.force, "force", false, "replace the key pair that is there")
	return c
}

func keyFormat(c *cobra.Command, v *string) {
	choiceVar(c, v, "format", "", "auto", "of the public key: pem, jwk, hex, base64, or as the provider shows it", "auto", "pem", "jwk", "hex", "base64")
}

// keyScheme finds a scheme that a private key signs.
func keyScheme(provider, scheme string) (*signer.Scheme, error) {
	if provider == "" && scheme == "" {
		return nil, usage("hook keys new --provider discord", "which provider?")
	}
	t, err := findTarget(provider, scheme)
	if err != nil {
		return nil, err
	}
	for _, s := range t.schemes {
		if keyKind(s) != "" {
			return s, nil
		}
	}
	return nil, usage("hook secret set NAME keeps its secret", "%s signs with a shared secret, not with a key pair", t.name)
}

// keyKind is the algorithm of the key pair of a scheme, "" when it signs with
// a shared secret.
func keyKind(s *signer.Scheme) string {
	switch {
	case s.Algorithm == signer.HTTPMessage:
		return signer.Ed25519
	case s.Algorithm == signer.JWS && s.JWT != nil:
		for _, a := range s.JWT.Algorithms {
			if !strings.HasPrefix(a, "HS") {
				return a
			}
		}
		return ""
	case s.Hook == "truelayer":
		return "ES512"
	case s.Key.Public:
		return s.Algorithm
	}
	return ""
}

// makeKey makes a private key for an algorithm of ours or of JOSE.
func makeKey(kind string) (crypto.Signer, error) {
	switch kind {
	case signer.Ed25519, "EdDSA":
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return k, err
	case signer.ECDSASHA256, signer.ECDSAP1363, "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case signer.ECDSASHA384, "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}

func runKeysNew(env *Env, provider, scheme, format string, force bool) error {
	s, err := keyScheme(provider, scheme)
	if err != nil {
		return err
	}
	path := env.testKeyFile(s.ID)
	if _, err := os.Lstat(path); err == nil && !force {
		return fail(exitFailed, "hook keys show "+s.ID+" prints its public key; --force replaces it", "there is a test key of %q already", s.ID)
	}
	for _, d := range []string{env.stateDir(), filepath.Dir(path)} {
		if err := privateDir(d); err != nil {
			return err
		}
	}
	private, err := makeKey(keyKind(s))
	if err != nil {
		return fmt.Errorf("making a key pair: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("encoding the private key: %w", err)
	}
	if err := writePrivate(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return err
	}
	fmt.Fprintf(env.Err, "made a test key pair of %q; give the application this public key\n", s.ID)
	return printPublic(env, s, private.Public(), format)
}

// readTestKey reads the private key of a scheme.
func (e *Env) readTestKey(scheme string) (signer.Secret, error) {
	path := e.testKeyFile(scheme)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fail(exitUsage, "hook keys new --provider "+scheme+" makes one", "there is no test key of %q", scheme)
	}
	if err != nil {
		return "", fmt.Errorf("test key of %q: %w", scheme, plainPathError(err))
	}
	if err := onlyMine(path, info); err != nil {
		return "", err
	}
	b, err := readBounded(path, maxSecret)
	return signer.Secret(b), err
}

// testKey is "key:PROVIDER" as a secret: signing takes the private half,
// verifying the public one.
func (e *Env) testKey(provider string) ([]signer.Key, error) {
	s, err := keyScheme(provider, "")
	if err != nil {
		return nil, err
	}
	secret, err := e.readTestKey(s.ID)
	if err != nil {
		return nil, err
	}
	return []signer.Key{{ID: "key:" + s.ID, Secret: secret}}, nil
}

// publicOf is the public half of a test key.
func (e *Env) publicOf(scheme string) (crypto.PublicKey, error) {
	secret, err := e.readTestKey(scheme)
	if err != nil {
		return nil, err
	}
	private, err := signer.ParsePrivateKey(secret)
	if err != nil {
		return nil, fail(exitFailed, "hook keys new --force --provider "+scheme, "the test key of %q is damaged", scheme)
	}
	return private.Public(), nil
}

func keysShow(env *Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "show [PROVIDER]", Short: "Print a public test key, or list what there is", Args: args(0, 1),
		Example: "  hook keys show\n  hook keys show discord\n  hook keys show sendgrid --format pem",
		RunE: func(_ *cobra.Command, given []string) error {
			if len(given) == 0 {
				return listKeys(env)
			}
			s, err := keyScheme(given[0], "")
			if err != nil {
				return err
			}
			public, err := env.publicOf(s.ID)
			if err != nil {
				return err
			}
			return printPublic(env, s, public, format)
		},
	}
	keyFormat(c, &format)
	return c
}

func listKeys(env *Env) error {
	names, err := env.testKeyNames()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		fmt.Fprintln(env.Err, "there are no test keys; \"hook keys new --provider PROVIDER\" makes one")
	}
	for _, n := range names {
		fmt.Fprintln(env.Out, n)
	}
	return nil
}

// testKeyNames lists the schemes that have a test key.
func (e *Env) testKeyNames() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(e.stateDir(), "keys"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing test keys: %w", err)
	}
	var names []string
	for _, f := range entries {
		if name, ok := strings.CutSuffix(f.Name(), ".pem"); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// printPublic writes a public key as an application wants it.
func printPublic(env *Env, s *signer.Scheme, public crypto.PublicKey, format string) error {
	raw, isEd := public.(ed25519.PublicKey)
	if format == "auto" {
		switch {
		case s.Algorithm == signer.JWS:
			format = "jwk"
		case slices.Contains(s.Key.Prefix, "whpk_"):
			_, err := fmt.Fprintf(env.Out, "whpk_%s\n", base64.StdEncoding.EncodeToString(raw))
			return err
		case isEd:
			format = "hex"
		default:
			format = "pem"
		}
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fmt.Errorf("encoding the public key: %w", err)
	}
	switch format {
	case "jwk":
		b, err := signer.MarshalJWK(public, s.ID, keyKind(s))
		if err != nil {
			return fmt.Errorf("encoding the public key: %w", err)
		}
		_, err = fmt.Fprintf(env.Out, "%s\n", b)
		return err
	case "hex":
		if !isEd {
			return usage("use pem, jwk or base64", "the key of %q has no form in hexadecimal", s.ID)
		}
		_, err = fmt.Fprintln(env.Out, hex.EncodeToString(raw))
	case "base64":
		_, err = fmt.Fprintln(env.Out, base64.StdEncoding.EncodeToString(der))
	default:
		_, err = env.Out.Write(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	return err
}

func keysJWKS(env *Env) *cobra.Command {
	var serve string
	c := &cobra.Command{
		Use: "jwks [PROVIDER…]", Short: "Print the public test keys as a JWKS document, or serve it", Args: args(0, -1),
		Example: "  hook keys jwks > jwks.json\n  hook keys jwks --serve 127.0.0.1:8089",
		RunE: func(c *cobra.Command, given []string) error {
			return runKeysJWKS(c.Context(), env, given, serve)
		},
	}
	c.Flags().StringVar(&serve, "serve", "", "serve it at http://ADDR/.well-known/jwks.json until interrupted; ADDR is on loopback")
	c.Flags().Lookup("serve").NoOptDefVal = "127.0.0.1:0"
	return c
}

func runKeysJWKS(ctx context.Context, env *Env, providers []string, serve string) error {
	names, err := env.testKeyNames()
	if err != nil {
		return err
	}
	if len(providers) > 0 {
		names = nil
		for _, p := range providers {
			s, err := keyScheme(p, "")
			if err != nil {
				return err
			}
			names = append(names, s.ID)
		}
	}
	var jwks [][]byte
	for _, name := range names {
		public, err := env.publicOf(name)
		if err != nil {
			return err
		}
		kind := ""
		if s, ok := signer.FindScheme(name); ok {
			kind = keyKind(s)
		}
		b, err := signer.MarshalJWK(public, name, kind)
		if err != nil {
			return fmt.Errorf("encoding the test key of %q: %w", name, err)
		}
		jwks = append(jwks, b)
	}
	doc, err := signer.MarshalJWKS(jwks...)
	if err != nil {
		return fmt.Errorf("encoding the key set: %w", err)
	}
	doc = append(doc, '\n')
	if serve == "" {
		_, err = env.Out.Write(doc)
		return err
	}
	return serveJWKS(ctx, env, serve, doc)
}

// serveJWKS serves the document on loopback until ctx ends.
func serveJWKS(ctx context.Context, env *Env, addr string, doc []byte) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !loopbackName(host) {
		return usage("use --serve=127.0.0.1:8089", "%q is not an address on loopback", addr)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("serving the key set: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(doc) // a reader that is gone needs no answer
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	fmt.Fprintf(env.Out, "http://%s/.well-known/jwks.json\n", ln.Addr())
	select {
	case <-ctx.Done():
	case err := <-done:
		return fmt.Errorf("serving the key set: %w", err)
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err = server.Shutdown(within)
	<-done
	return err
}
