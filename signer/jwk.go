package signer

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// maxKeySet bounds the keys read from one JWKS document.
const maxKeySet = 50

// maxKeyID bounds a kid: it is only ever a map key.
const maxKeyID = 128

// maxRSABits bounds the modulus of a key from a document: a larger one only costs time.
const maxRSABits = 8192

// JWK is one key of a JWKS document (RFC 7517). Exactly one of Public and Symmetric is set; Private besides Public when the JWK holds it.
type JWK struct {
	KeyID     string
	Algorithm string // "alg" of the document, "" when it says nothing
	Public    crypto.PublicKey
	Private   crypto.Signer
	Symmetric Secret
}

// A Fetcher gets the keys that a URL publishes. The implementation in signer/fetch guards where it dials; kid is a hint of which key is
// wanted, so that it can decide to refresh.
type Fetcher interface {
	// Keys returns the keys of a JWKS document.
	Keys(ctx context.Context, url, kid string) ([]JWK, error)
	// Certificate returns a PEM document whose address a message named; host is the pattern that the address must match.
	Certificate(ctx context.Context, url, host string) ([]byte, error)
}

type rawJWK struct {
	Kty string `json:"kty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	Kid string `json:"kid,omitempty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	D   string `json:"d,omitempty"`
	P   string `json:"p,omitempty"`
	Q   string `json:"q,omitempty"`
	K   string `json:"k,omitempty"`
}

var errBadJWK = errors.New("not a usable JWK")

func b64int(s string) (*big.Int, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 || len(b) > maxRSABits/8+1 {
		return nil, false
	}
	return new(big.Int).SetBytes(b), true
}

// ParseJWK reads one key: RSA, EC (P-256, P-384, P-521), OKP (Ed25519) or oct.
func ParseJWK(b []byte) (*JWK, error) {
	var r rawJWK
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, errBadJWK
	}
	if len(r.Kid) > maxKeyID || !printable(r.Kid) {
		return nil, fmt.Errorf("key id of %d bytes: at most %d printable characters", len(r.Kid), maxKeyID)
	}
	k := &JWK{KeyID: r.Kid, Algorithm: r.Alg}
	switch r.Kty {
	case "RSA":
		return k, k.readRSA(&r)
	case "EC":
		return k, k.readEC(&r)
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(r.X)
		if r.Crv != "Ed25519" || err != nil || len(x) != ed25519.PublicKeySize {
			return nil, errBadJWK
		}
		k.Public = ed25519.PublicKey(x)
		if d, err := base64.RawURLEncoding.DecodeString(r.D); err == nil && len(d) == ed25519.SeedSize {
			k.Private = ed25519.NewKeyFromSeed(d)
		}
		return k, nil
	case "oct":
		b, err := base64.RawURLEncoding.DecodeString(r.K)
		if err != nil || len(b) == 0 {
			return nil, errBadJWK
		}
		k.Symmetric = Secret(b)
		return k, nil
	}
	return nil, errBadJWK
}

func (k *JWK) readRSA(r *rawJWK) error {
	n, ok1 := b64int(r.N)
	e, ok2 := b64int(r.E)
	if !ok1 || !ok2 || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 || n.BitLen() < minRSA || n.BitLen() > maxRSABits {
		return errBadJWK
	}
	pub := &rsa.PublicKey{N: n, E: int(e.Int64())}
	k.Public = pub
	d, ok1 := b64int(r.D)
	p, ok2 := b64int(r.P)
	q, ok3 := b64int(r.Q)
	if ok1 && ok2 && ok3 {
		private := &rsa.PrivateKey{PublicKey: *pub, D: d, Primes: []*big.Int{p, q}}
		if private.Validate() != nil {
			return errBadJWK
		}
		private.Precompute()
		k.Private = private
	}
	return nil
}

func (k *JWK) readEC(r *rawJWK) error {
	var curve elliptic.Curve
	var check ecdh.Curve
	switch r.Crv {
	case "P-256":
		curve, check = elliptic.P256(), ecdh.P256()
	case "P-384":
		curve, check = elliptic.P384(), ecdh.P384()
	case "P-521":
		curve, check = elliptic.P521(), ecdh.P521()
	default:
		return errBadJWK
	}
	x, ok1 := b64int(r.X)
	y, ok2 := b64int(r.Y)
	size := (curve.Params().BitSize + 7) / 8
	if !ok1 || !ok2 || x.BitLen() > size*8 || y.BitLen() > size*8 {
		return errBadJWK
	}
	point := append([]byte{4}, append(x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size))...)...)
	if _, err := check.NewPublicKey(point); err != nil {
		return errBadJWK // not on the curve
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return errBadJWK
	}
	k.Public = pub
	if d, ok := b64int(r.D); ok {
		if d.BitLen() > size*8 {
			return errBadJWK
		}
		private, err := ecdsa.ParseRawPrivateKey(curve, d.FillBytes(make([]byte, size)))
		if err != nil || !private.PublicKey.Equal(pub) {
			return errBadJWK
		}
		k.Private = private
	}
	return nil
}

// ParseJWKS reads a JWKS document. Keys of kinds it does not know are skipped; a document of more than 50 keys is refused.
func ParseJWKS(b []byte) ([]JWK, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, errors.New("not a JWKS document")
	}
	if len(doc.Keys) > maxKeySet {
		return nil, fmt.Errorf("the JWKS document has %d keys, at most %d are read", len(doc.Keys), maxKeySet)
	}
	var keys []JWK
	for _, raw := range doc.Keys {
		if k, err := ParseJWK(raw); err == nil {
			keys = append(keys, *k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the JWKS document has no usable key")
	}
	return keys, nil
}

// MarshalJWK writes a public key as a JWK.
func MarshalJWK(pub crypto.PublicKey, kid, algorithm string) ([]byte, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	r := rawJWK{Kid: kid, Use: "sig", Alg: joseName(algorithm)}
	switch k := pub.(type) {
	case ed25519.PublicKey:
		r.Kty, r.Crv, r.X, r.Alg = "OKP", "Ed25519", b64(k), "EdDSA"
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, X, Y (SEC 1 §2.3.3)
		if err != nil {
			return nil, fmt.Errorf("writing a key: %w", err)
		}
		size := len(point) / 2
		r.Kty, r.Crv = "EC", k.Curve.Params().Name
		r.X, r.Y = b64(point[1:1+size]), b64(point[1+size:])
	case *rsa.PublicKey:
		r.Kty, r.N, r.E = "RSA", b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes())
	default:
		return nil, errNoPublicKey
	}
	return json.Marshal(r)
}

// MarshalJWKS writes a JWKS document from the JWKs of test keys.
func MarshalJWKS(jwks ...[]byte) ([]byte, error) {
	doc := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	for _, k := range jwks {
		doc.Keys = append(doc.Keys, k)
	}
	return json.MarshalIndent(doc, "", "  ")
}

// joseName is the JOSE name of one of our algorithms; JOSE names map to themselves.
func joseName(algorithm string) string {
	switch algorithm {
	case Ed25519:
		return "EdDSA"
	case ECDSASHA256, ECDSAP1363:
		return "ES256"
	case ECDSASHA384:
		return "ES384"
	case RSASHA256:
		return "RS256"
	case RSASHA512:
		return "RS512"
	case RSAPSSSHA256:
		return "PS256"
	case RSAPSSSHA512:
		return "PS512"
	case RSASHA1:
		return ""
	}
	return algorithm
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
