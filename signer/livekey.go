package signer

import (
	"context"
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// liveKey is a key with its bytes decoded once.
type liveKey struct {
	Key
	bytes  []byte
	public crypto.PublicKey
	set    []JWK
	macs   *sync.Pool // of hash.Hash keyed with bytes
	err    error
}

func decodeKey(s *Scheme, k *Key) liveKey {
	lk := liveKey{Key: *k}
	text := strings.TrimSpace(string(k.Secret))
	if text == "" {
		lk.err = ErrEmptySecret
		return lk
	}
	if s.Algorithm == JWS || s.Algorithm == HTTPMessage {
		lk.decodeAny(s)
		return lk
	}
	if s.Key.Public {
		if strings.HasPrefix(text, "{") && strings.Contains(text, `"keys"`) {
			lk.set, lk.err = ParseJWKS([]byte(text))
			return lk
		}
		lk.public, lk.err = ParsePublicKey(text)
		if lk.err != nil {
			// A private key verifies too: whoever signs test webhooks has it at hand.
			if private, err := ParsePrivateKey(k.Secret); err == nil {
				lk.public, lk.err = private.Public(), nil
			}
		}
		return lk
	}
	lk.bytes, lk.err = s.Key.decode(k.Secret)
	if lk.err == nil && strings.HasPrefix(s.Algorithm, "hmac-") {
		b, newHash := lk.bytes, hashOf(s.Algorithm).New
		lk.macs = &sync.Pool{New: func() any { return hmac.New(newHash, b) }}
	}
	return lk
}

// decodeAny reads a key for the token families: a JWKS, a JWK, PEM, or else a shared secret.
func (lk *liveKey) decodeAny(s *Scheme) {
	text := strings.TrimSpace(string(lk.Secret))
	switch {
	case strings.HasPrefix(text, "{") && strings.Contains(text, `"keys"`):
		lk.set, lk.err = ParseJWKS([]byte(text))
	case strings.HasPrefix(text, "{") && strings.Contains(text, `"kty"`):
		var k *JWK
		if k, lk.err = ParseJWK([]byte(text)); lk.err == nil {
			lk.set = []JWK{*k}
		}
	case strings.HasPrefix(text, "-----BEGIN"):
		if lk.public, lk.err = ParsePublicKey(text); lk.err != nil {
			if private, err := ParsePrivateKey(lk.Secret); err == nil {
				lk.public, lk.err = private.Public(), nil
			}
		}
	case s.Key.Public:
		lk.public, lk.err = ParsePublicKey(text)
	default:
		lk.bytes, lk.err = s.Key.decode(lk.Secret)
	}
}

// tryKeys computes every live key over every content and compares with every signature.
func (v *Verifier) tryKeys(ctx context.Context, c *content, parsed sigParse, at time.Time) Verdict {
	keys, verdict, ok := v.liveKeys(ctx, c.reader, at)
	if !ok {
		return verdict
	}
	fail := v.verdict(Invalid, Mismatch, "no key of yours made this signature over these bytes")
	matched := -1
	var keyErr error
	for i := range keys {
		if keys[i].err != nil {
			keyErr = keys[i].err
			continue
		}
		ok, err := v.matches(&keys[i], c, parsed)
		if errors.Is(err, errNoValue) {
			return v.verdict(Invalid, MissingValue, err.Error())
		}
		if err != nil {
			keyErr = err
			continue
		}
		if ok && matched < 0 {
			matched = i // the rest is computed all the same
		}
	}
	if matched >= 0 {
		done := v.verdict(Valid, "", "")
		done.KeyID = keys[matched].ID
		return done
	}
	if errors.Is(keyErr, ErrEmptySecret) {
		return v.verdict(NoKey, EmptySecret, "the secret is empty")
	}
	if keyErr != nil {
		return v.verdict(Invalid, BadKey, keyErr.Error())
	}
	return fail
}

// liveKeys are the keys good at that time, the published ones included.
func (v *Verifier) liveKeys(ctx context.Context, r *reader, at time.Time) ([]liveKey, Verdict, bool) {
	var live []liveKey
	for i := range v.keys {
		if v.keys[i].Live(at) {
			live = append(live, v.keys[i])
		}
	}
	if len(live) == len(v.keys) && len(live) > 0 {
		return v.keys, Verdict{}, true
	}
	if len(live) == 0 && v.scheme.Key.URL != "" && v.opts.Fetcher != nil {
		set, err := v.opts.Fetcher.Keys(ctx, v.scheme.Key.URL, "")
		if err != nil {
			return nil, v.verdict(NoKey, KeyUnavailable, fmt.Sprintf("getting the published keys: %v", err)), false
		}
		return []liveKey{{Key: Key{ID: v.scheme.Key.URL}, set: set}}, Verdict{}, true
	}
	if len(live) == 0 {
		return nil, v.verdict(NoKey, NoLiveKey, "there is no key that is good at this time"), false
	}
	return live, Verdict{}, true
}
