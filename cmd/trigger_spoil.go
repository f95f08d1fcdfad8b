package cmd

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/hookrelay/hook/signer"
)

// noticeable refuses a negative test that nobody could notice.
func (t *triggering) noticeable() error {
	s := t.scheme
	covers := strings.Join(s.Covers(), " ")
	blind := s.Algorithm == signer.Token || s.Algorithm == signer.Basic || s.Hook == "" && covers != "" && !strings.Contains(covers, "body") && !strings.Contains(covers, "form")
	dated := s.Timestamp != nil || s.JWT != nil && s.JWT.Expires
	switch {
	case t.o.tamper && blind:
		return usage("--wrong-secret is refused by everybody", "--tamper: the signature of %q does not cover the body: nobody could notice", s.ID)
	case t.o.stale > 0 && !dated:
		return usage("--wrong-secret is refused by everybody", "--stale: the signature of %q has no time: nobody could notice", s.ID)
	}
	return nil
}

// maxTampering bounds the places that are tried for a change that shows.
const maxTampering = 400

// tampered changes one letter or digit of the body so that the signature does
// not hold any more and the body stays what it was: JSON, or a form.
func (t *triggering) tampered(req *signer.Request, at time.Time) ([]byte, error) {
	tried := 0
	for i := len(req.Body) - 1; i >= 0 && tried < maxTampering; i-- {
		to := otherLetter(req.Body[i])
		if to == req.Body[i] || i > 0 && req.Body[i-1] == '\\' || inWord(req.Body, i) {
			continue
		}
		tried++
		copied := *req
		copied.Body = bytes.Clone(req.Body)
		copied.Body[i] = to
		v := signer.Verify(context.Background(), t.scheme, &copied, t.keys, at, signer.Options{Params: t.params})
		if v.Status != signer.Valid {
			return copied.Body, nil
		}
	}
	return nil, usage("--wrong-secret is refused by everybody", "--tamper: no change of this body breaks the signature of %q", t.scheme.ID)
}

// inWord tells whether a letter is part of a bare true, false or null.
func inWord(b []byte, i int) bool {
	if b[i] >= '0' && b[i] <= '9' {
		return false
	}
	for _, word := range []string{"true", "false", "null"} {
		for from := max(0, i-len(word)+1); from <= i; from++ {
			if bytes.HasPrefix(b[from:], []byte(word)) {
				return true
			}
		}
	}
	return false
}

func otherLetter(c byte) byte {
	switch {
	case c >= '1' && c < '9', c >= 'b' && c < 'f', c >= 'A' && c < 'F':
		return c + 1
	case c == '9':
		return '1'
	}
	return c
}

// wrongKeys are keys of the same form that are not the right ones.
func wrongKeys(s *signer.Scheme, keys []signer.Key) ([]signer.Key, error) {
	var out []signer.Key
	for _, k := range keys {
		if kind := keyKind(s); kind != "" {
			private, err := makeKey(kind)
			if err != nil {
				return nil, fmt.Errorf("making a key pair: %w", err)
			}
			der, err := x509.MarshalPKCS8PrivateKey(private)
			if err != nil {
				return nil, fmt.Errorf("encoding the private key: %w", err)
			}
			k.Secret = signer.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		} else {
			k.Secret = wrongSecret(k.Secret)
		}
		out = append(out, k)
	}
	return out, nil
}

// wrongSecret changes a character in the middle: the text stays hex, base64 or
// whatever it was.
func wrongSecret(s signer.Secret) signer.Secret {
	b := []byte(s)
	for d := range len(b) {
		i := (len(b)/2 + d) % len(b)
		if c := b[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			if b[i] = '1'; c == '1' {
				b[i] = '2'
			}
			return signer.Secret(b)
		}
	}
	return signer.Secret("1" + string(b))
}
