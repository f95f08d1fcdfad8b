package signer

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Key is one secret, public key or key set with the time it is good for. Its ID is what a verdict names.
type Key struct {
	ID        string
	Secret    Secret    // shared secret, public key (PEM, JWK, hex, base64), JWKS document, or user:password
	NotBefore time.Time // zero: always
	NotAfter  time.Time // zero: for ever
}

// Live says whether the key may be used at that time.
func (k *Key) Live(at time.Time) bool {
	return !at.Before(k.NotBefore) && (k.NotAfter.IsZero() || !at.After(k.NotAfter))
}

// ErrEmptySecret is returned for a key without bytes.
var ErrEmptySecret = errors.New("the secret is empty")

// decode turns the text of a shared secret into key bytes. Its errors never hold the text.
func (r *KeyRule) decode(secret Secret) ([]byte, error) {
	s := string(secret)
	stripped := false
	for _, p := range r.Prefix {
		if rest, ok := strings.CutPrefix(s, p); ok {
			s, stripped = rest, true
			break
		}
	}
	var b []byte
	switch r.Encoding {
	case "", "text":
		b = []byte(s)
	case "base64":
		var ok bool
		if b, ok = decodeKeyBase64(s); !ok {
			return nil, errors.New("the secret is not base64")
		}
	case "base64-if-prefixed":
		b = []byte(s)
		if stripped {
			var ok bool
			if b, ok = decodeKeyBase64(s); !ok {
				return nil, errors.New("the secret is not base64 after its prefix")
			}
		}
	case "hex":
		var err error
		if b, err = hex.DecodeString(strings.TrimSpace(s)); err != nil {
			return nil, errors.New("the secret is not hexadecimal")
		}
	default:
		return nil, fmt.Errorf("unknown key encoding %q", r.Encoding)
	}
	if len(b) == 0 {
		return nil, ErrEmptySecret
	}
	switch r.Transform {
	case "":
	case "sha1":
		sum := sha1.Sum(b)
		b = sum[:]
	case "sha256":
		sum := sha256.Sum256(b)
		b = sum[:]
	case "sha256-hex":
		sum := sha256.Sum256(b)
		b = []byte(hex.EncodeToString(sum[:]))
	case "after-colon":
		if _, rest, ok := strings.Cut(string(b), ":"); ok {
			b = []byte(rest)
		}
	case "nfkd":
		b = decompose(b)
	default:
		return nil, fmt.Errorf("unknown key transform %q", r.Transform)
	}
	if len(b) == 0 {
		return nil, ErrEmptySecret
	}
	return b, nil
}

// decodeKeyBase64 reads either alphabet, with or without padding: people paste all four.
func decodeKeyBase64(s string) ([]byte, bool) {
	s = strings.TrimRight(strings.TrimSpace(s), "=")
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	b, err := base64.RawStdEncoding.DecodeString(s)
	return b, err == nil
}

// decompose is Unicode NFKD for the accented letters of Latin-1, which is what a typed secret may hold; other characters are kept.
func decompose(b []byte) []byte {
	const letters = "AÀÁÂÃÄÅ CÇ EÈÉÊË IÌÍÎÏ NÑ OÒÓÔÕÖ UÙÚÛÜ YÝ aàáâãäå cç eèéêë iìíîï nñ oòóôõö uùúûü yýÿ"
	marks := map[rune]rune{}
	base := map[rune]rune{}
	accents := map[string]string{
		"A": "\u0300\u0301\u0302\u0303\u0308\u030a", "C": "\u0327", "E": "\u0300\u0301\u0302\u0308", "I": "\u0300\u0301\u0302\u0308",
		"N": "\u0303", "O": "\u0300\u0301\u0302\u0303\u0308", "U": "\u0300\u0301\u0302\u0308", "Y": "\u0301\u0308",
	}
	for group := range strings.SplitSeq(letters, " ") {
		rs := []rune(group)
		as := []rune(accents[strings.ToUpper(string(rs[0]))])
		for i, r := range rs[1:] {
			base[r], marks[r] = rs[0], as[i]
		}
	}
	var out strings.Builder
	for _, r := range string(b) {
		if m, ok := marks[r]; ok {
			out.WriteRune(base[r])
			r = m
		}
		out.WriteRune(r)
	}
	return []byte(out.String())
}

// hashOf maps an algorithm to its hash, 0 when it has none.
func hashOf(algorithm string) crypto.Hash {
	switch algorithm {
	case HMACSHA1, SHA1, RSASHA1:
		return crypto.SHA1
	case HMACSHA256, SHA256, ECDSASHA256, ECDSAP1363, RSASHA256, RSAPSSSHA256:
		return crypto.SHA256
	case HMACSHA384, ECDSASHA384:
		return crypto.SHA384
	case HMACSHA512, RSASHA512, RSAPSSSHA512:
		return crypto.SHA512
	}
	return 0
}
