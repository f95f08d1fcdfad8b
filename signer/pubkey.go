package signer

import (
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
	"math/big"
	"strings"
)

var errNoPublicKey = errors.New("not a public key: want PEM, a certificate, a JWK, hex or base64")
var errNoPrivateKey = errors.New("not a private key: want PEM, a JWK, whsk_ base64 or a hex seed")

// minRSA is the smallest RSA modulus accepted, in bits: SNS and Adobe use 2048, the old key of one provider 1024.
const minRSA = 1024

// ParsePublicKey reads a public key from a PEM block (PKIX, PKCS #1 or a certificate), a JWK, base64 DER (SubjectPublicKeyInfo) or 32 raw
// Ed25519 bytes in hex or base64, with or without the prefix whpk_. It returns *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "-----BEGIN"):
		return publicPEM([]byte(text))
	case strings.HasPrefix(text, "{"):
		k, err := ParseJWK([]byte(text))
		if err != nil {
			return nil, err
		}
		if k.Public == nil {
			return nil, errNoPublicKey
		}
		return k.Public, nil
	}
	for _, p := range []string{"whpk_", "whpk1_"} {
		text = strings.TrimPrefix(text, p)
	}
	if b, err := hex.DecodeString(text); err == nil && len(b) == ed25519.PublicKeySize {
		return ed25519.PublicKey(b), nil
	}
	b, ok := decodeKeyBase64(strings.Join(strings.Fields(text), ""))
	if !ok {
		return nil, errNoPublicKey
	}
	if len(b) == ed25519.PublicKeySize {
		return ed25519.PublicKey(b), nil
	}
	return publicDER(b)
}

func publicPEM(b []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errNoPublicKey
	}
	if block.Type == "CERTIFICATE" {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errNoPublicKey
		}
		return checkPublic(cert.PublicKey)
	}
	return publicDER(block.Bytes)
}

func publicDER(b []byte) (crypto.PublicKey, error) {
	if k, err := x509.ParsePKIXPublicKey(b); err == nil {
		return checkPublic(k)
	}
	if k, err := x509.ParsePKCS1PublicKey(b); err == nil {
		return checkPublic(k)
	}
	return nil, errNoPublicKey
}

func checkPublic(k crypto.PublicKey) (crypto.PublicKey, error) {
	switch k := k.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return nil, fmt.Errorf("an RSA key of %d bits is too short", k.N.BitLen())
		}
		return k, nil
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return k, nil
	}
	return nil, errNoPublicKey
}

// ParsePrivateKey reads a private key from PEM (PKCS #8, PKCS #1, SEC 1), a JWK, whsk_ base64 (seed and public key) or a 32-byte Ed25519
// seed in hex or base64.
func ParsePrivateKey(secret Secret) (crypto.Signer, error) {
	text := strings.TrimSpace(string(secret))
	if strings.HasPrefix(text, "-----BEGIN") {
		for rest := []byte(text); ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return nil, errNoPrivateKey
			}
			if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
				if s, ok := k.(crypto.Signer); ok {
					return s, nil
				}
			}
			if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
				return k, nil
			}
			if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
				return k, nil
			}
		}
	}
	if strings.HasPrefix(text, "{") {
		k, err := ParseJWK([]byte(text))
		if err != nil || k.Private == nil {
			return nil, errNoPrivateKey
		}
		return k.Private, nil
	}
	for _, p := range []string{"whsk_", "whsk1_"} {
		text = strings.TrimPrefix(text, p)
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		var ok bool
		if b, ok = decodeKeyBase64(text); !ok {
			return nil, errNoPrivateKey
		}
	}
	switch len(b) {
	case ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(b), nil
	case ed25519.PrivateKeySize:
		k := ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])
		if string(k) == string(b) {
			return k, nil
		}
	}
	return nil, errNoPrivateKey
}

// verifyPublic checks a signature over a message. The algorithm and the kind of key must fit each other.
func verifyPublic(algorithm string, key crypto.PublicKey, message, sig []byte) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return algorithm == Ed25519 && len(sig) == ed25519.SignatureSize && ed25519.Verify(k, message, sig)
	case *ecdsa.PublicKey:
		sum := digest(algorithm, message)
		switch algorithm {
		case ECDSASHA256, ECDSASHA384:
			return ecdsa.VerifyASN1(k, sum, sig)
		case ECDSAP1363, "ecdsa-sha384-p1363", "ecdsa-sha512-p1363":
			n := (k.Curve.Params().BitSize + 7) / 8
			if len(sig) != 2*n {
				return false
			}
			return ecdsa.Verify(k, sum, new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:]))
		}
	case *rsa.PublicKey:
		sum := digest(algorithm, message)
		switch algorithm {
		case RSASHA1, RSASHA256, "rsa-sha384", RSASHA512:
			return rsa.VerifyPKCS1v15(k, digestHash(algorithm), sum, sig) == nil
		case RSAPSSSHA256, "rsa-pss-sha384", RSAPSSSHA512:
			return rsa.VerifyPSS(k, digestHash(algorithm), sum, sig, nil) == nil
		}
	}
	return false
}

// signPublic is the counterpart of verifyPublic. ECDSA and PSS signatures hold randomness; the rest is deterministic.
func signPublic(algorithm string, key crypto.Signer, message []byte) ([]byte, error) {
	switch k := key.(type) {
	case ed25519.PrivateKey:
		if algorithm == Ed25519 {
			return ed25519.Sign(k, message), nil
		}
	case *ecdsa.PrivateKey:
		switch algorithm {
		case ECDSASHA256, ECDSASHA384:
			return ecdsa.SignASN1(rand.Reader, k, digest(algorithm, message))
		case ECDSAP1363, "ecdsa-sha384-p1363", "ecdsa-sha512-p1363":
			r, s, err := ecdsa.Sign(rand.Reader, k, digest(algorithm, message))
			if err != nil {
				return nil, err
			}
			n := (k.Curve.Params().BitSize + 7) / 8
			return append(r.FillBytes(make([]byte, n)), s.FillBytes(make([]byte, n))...), nil
		}
	case *rsa.PrivateKey:
		switch algorithm {
		case RSASHA1, RSASHA256, "rsa-sha384", RSASHA512:
			return rsa.SignPKCS1v15(nil, k, digestHash(algorithm), digest(algorithm, message))
		case RSAPSSSHA256, "rsa-pss-sha384", RSAPSSSHA512:
			return rsa.SignPSS(rand.Reader, k, digestHash(algorithm), digest(algorithm, message), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
	}
	return nil, fmt.Errorf("a private key of this kind cannot sign %q", algorithm)
}

func digestHash(algorithm string) crypto.Hash {
	switch {
	case strings.Contains(algorithm, "sha384"):
		return crypto.SHA384
	case strings.Contains(algorithm, "sha512"):
		return crypto.SHA512
	case strings.Contains(algorithm, "sha1"):
		return crypto.SHA1
	}
	return crypto.SHA256
}

func digest(algorithm string, message []byte) []byte {
	h := digestHash(algorithm).New()
	h.Write(message)
	return h.Sum(nil)
}

// TestKey is a key pair made for tests: the private half signs, the public half goes into the application under test.
type TestKey struct {
	Private Secret // PKCS #8 PEM, whsk_ for Standard Webhooks v1a
	Public  string // in the form the provider shows: hex, base64, PEM
	JWK     []byte // the public half as a JWK
}

// NewTestKey makes a key pair of the kind the scheme verifies with. kid becomes the key id of the JWK.
func NewTestKey(s *Scheme, kid string) (*TestKey, error) {
	algorithm := s.Algorithm
	if s.JWT != nil && len(s.JWT.Algorithms) > 0 {
		algorithm = s.JWT.Algorithms[0]
	}
	var private crypto.Signer
	var err error
	switch {
	case algorithm == Ed25519 || algorithm == "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case strings.Contains(algorithm, "384") && strings.HasPrefix(strings.ToLower(algorithm), "e"):
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case algorithm == "ES512":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case strings.HasPrefix(algorithm, "ecdsa") || algorithm == "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case strings.HasPrefix(algorithm, "rsa") || strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS"):
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return nil, fmt.Errorf("scheme %q signs with a shared secret: it has no key pair", s.ID)
	}
	if err != nil {
		return nil, err
	}
	return formatTestKey(s, private, kid, algorithm)
}

func formatTestKey(s *Scheme, private crypto.Signer, kid, algorithm string) (*TestKey, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	k := &TestKey{
		Private: Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		Public:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})),
	}
	if k.JWK, err = MarshalJWK(private.Public(), kid, algorithm); err != nil {
		return nil, err
	}
	if pub, ok := private.Public().(ed25519.PublicKey); ok {
		switch {
		case len(s.Key.Prefix) > 0 && strings.HasPrefix(s.Key.Prefix[0], "whpk"):
			k.Public = "whpk_" + base64.StdEncoding.EncodeToString(pub)
			k.Private = Secret("whsk_" + base64.StdEncoding.EncodeToString(private.(ed25519.PrivateKey)))
		case s.Key.Encoding == "hex":
			k.Public = hex.EncodeToString(pub)
		case s.Key.Encoding == "base64":
			k.Public = base64.StdEncoding.EncodeToString(pub)
		}
	} else if s.Key.Encoding == "base64" {
		k.Public = base64.StdEncoding.EncodeToString(spki)
	}
	return k, nil
}
