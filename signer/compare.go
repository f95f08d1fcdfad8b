package signer

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"

	"golang.org/x/crypto/sha3"
)

// matches says whether one key made one of the signatures over one of the contents. Every combination is computed.
func (v *Verifier) matches(k *liveKey, c *content, parsed sigParse) (bool, error) {
	switch v.scheme.Algorithm {
	case Token, Basic:
		return v.tokenMatches(k, parsed), nil
	}
	c.secret, c.keyID = k.bytes, k.ID
	hit := false
	var firstErr error
	tried := 0
	try := func(render func(w writer) error) error {
		ok, err := v.compare(k, parsed, render)
		if err != nil {
			if firstErr == nil {
				firstErr = err
			}
			return err
		}
		tried++
		hit = hit || ok
		return nil
	}
	if v.hook.contents != nil {
		all, err := v.hook.contents(v, c)
		if err != nil {
			return false, err
		}
		for _, b := range all {
			try(func(w writer) error { _, err := w.Write(b); return err })
		}
	} else {
		for _, t := range v.contents {
			try(func(w writer) error { return t.render(w, c) })
		}
	}
	if tried == 0 {
		return false, firstErr
	}
	return hit, nil
}

type writer interface{ Write([]byte) (int, error) }

func (v *Verifier) compare(k *liveKey, parsed sigParse, render func(writer) error) (bool, error) {
	hit := false
	switch {
	case k.macs != nil:
		mac := k.macs.Get().(hash.Hash)
		defer k.macs.Put(mac)
		mac.Reset()
		if err := render(mac); err != nil {
			return false, err
		}
		var buf [64]byte
		sum := mac.Sum(buf[:0])
		for _, sig := range parsed.sigs {
			hit = hmac.Equal(sum, sig) || hit
		}
	case v.scheme.Algorithm == SHA256 || v.scheme.Algorithm == SHA1 || v.scheme.Algorithm == Keccak256:
		h := plainHash(v.scheme.Algorithm)
		if err := render(h); err != nil {
			return false, err
		}
		sum := h.Sum(nil)
		for _, sig := range parsed.sigs {
			hit = hmac.Equal(sum, sig) || hit
		}
	default:
		var message bytes.Buffer
		if err := render(&message); err != nil {
			return false, err
		}
		for _, sig := range parsed.sigs {
			if k.public != nil && verifyPublic(v.scheme.Algorithm, k.public, message.Bytes(), sig) {
				hit = true
			}
			for i := range k.set {
				if k.set[i].Public != nil && verifyPublic(v.scheme.Algorithm, k.set[i].Public, message.Bytes(), sig) {
					hit = true
				}
			}
		}
	}
	return hit, nil
}

func plainHash(algorithm string) hash.Hash {
	if algorithm == Keccak256 {
		return sha3.NewLegacyKeccak256()
	}
	return hashOf(algorithm).New()
}

// tokenMatches compares digests, so that not even the length of the secret shows in the time. All values must match: a batch with one
// foreign item is not ours.
func (v *Verifier) tokenMatches(k *liveKey, parsed sigParse) bool {
	want := sha256.Sum256(k.bytes)
	all := true
	for _, sig := range parsed.sigs {
		if v.scheme.Algorithm == Basic {
			decoded, err := base64.StdEncoding.DecodeString(string(sig))
			if err != nil {
				return false
			}
			sig = decoded
		}
		got := sha256.Sum256(sig)
		all = hmac.Equal(want[:], got[:]) && all
	}
	return all && len(parsed.sigs) > 0
}

func (v *Verifier) bodyHashHolds(r *reader) bool {
	values := r.values(parsePlace(v.scheme.BodyHash.From))
	if len(values) != 1 {
		return false
	}
	want, ok := decodeText(v.scheme.BodyHash.Encoding, values[0])
	if !ok {
		return false
	}
	return hmac.Equal(want, bodyDigest(v.scheme.BodyHash.Algorithm, r.req.Body))
}

func bodyDigest(algorithm string, body []byte) []byte {
	switch algorithm {
	case "md5":
		sum := md5.Sum(body)
		return sum[:]
	case "sha512":
		sum := sha512.Sum512(body)
		return sum[:]
	}
	sum := sha256.Sum256(body)
	return sum[:]
}
