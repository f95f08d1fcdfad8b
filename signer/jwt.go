package signer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxToken bounds a token; those of the table are under 2 KiB. A token that is the whole body may be larger.
const maxToken = 8 << 10

// defaultLeeway is granted to exp and nbf where a scheme does not say.
const defaultLeeway = 60

// jwtHeader is what is read of a JOSE header; jku, x5u, jwk and x5c are not even decoded.
type jwtHeader struct {
	Alg  string   `json:"alg"`
	Kid  string   `json:"kid"`
	Crit []string `json:"crit"`
	B64  *bool    `json:"b64"`
}

// token is a parsed compact JWS (RFC 7515).
type token struct {
	header  jwtHeader
	signed  []byte // header.payload as signed
	payload []byte
	sig     []byte
	claims  map[string]any
}

var errToken = errors.New("not a compact JWS of three parts")

func parseToken(text string, limit int, unencoded bool) (*token, Reason, error) {
	if len(text) > limit {
		return nil, TooLong, fmt.Errorf("the token has %d bytes, at most %d are read", len(text), limit)
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, Malformed, errToken
	}
	t := &token{}
	header, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	if err != nil || json.Unmarshal(header, &t.header) != nil {
		return nil, Malformed, errToken
	}
	if len(t.header.Kid) > maxKeyID || !printable(t.header.Kid) {
		return nil, Malformed, fmt.Errorf("the key id has %d bytes: at most %d printable characters", len(t.header.Kid), maxKeyID)
	}
	for _, name := range t.header.Crit {
		if name != "b64" || !unencoded {
			return nil, Malformed, fmt.Errorf("the token asks for the extension %.40q", name)
		}
	}
	if t.payload, err = base64.RawURLEncoding.Strict().DecodeString(parts[1]); err != nil {
		return nil, Malformed, errToken
	}
	if t.sig, err = base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return nil, Malformed, errToken
	}
	t.signed = []byte(parts[0] + "." + parts[1])
	return t, "", nil
}

func (t *token) readClaims() error {
	doc, err := decodeJSON(t.payload)
	if err != nil {
		return errors.New("the claims are not JSON")
	}
	claims, ok := doc.(map[string]any)
	if !ok {
		return errors.New("the claims are not a JSON object")
	}
	t.claims = claims
	return nil
}

// verifyWith checks the token's signature with one key. The key decides which algorithms can be meant; a token that names another is
// refused, so an RSA public key is never an HMAC secret.
func (t *token) verifyWith(k *liveKey, allowed []string) (bool, Reason) {
	alg := t.header.Alg
	if !slices.Contains(allowed, alg) {
		return false, BadAlgorithm
	}
	if k.bytes != nil {
		return t.hmacWith(k.bytes)
	}
	candidates := k.set
	if k.public != nil {
		candidates = []JWK{{Public: k.public}}
	}
	reason := BadAlgorithm
	for _, jwk := range candidates {
		if t.header.Kid != "" && jwk.KeyID != "" && jwk.KeyID != t.header.Kid {
			continue
		}
		if jwk.Algorithm != "" && jwk.Algorithm != alg {
			continue
		}
		if jwk.Symmetric != "" {
			if ok, r := t.hmacWith([]byte(jwk.Symmetric)); ok || r == Mismatch {
				if ok {
					return true, ""
				}
				reason = r
			}
			continue
		}
		ours := publicAlgorithm(alg, jwk.Public)
		if ours == "" {
			continue
		}
		reason = Mismatch
		if verifyPublic(ours, jwk.Public, t.signed, t.sig) {
			return true, ""
		}
	}
	return false, reason
}

func (t *token) hmacWith(key []byte) (bool, Reason) {
	h := map[string]string{"HS256": HMACSHA256, "HS384": HMACSHA384, "HS512": HMACSHA512}[t.header.Alg]
	if h == "" {
		return false, BadAlgorithm
	}
	mac := hmac.New(hashOf(h).New, key)
	mac.Write(t.signed)
	if hmac.Equal(mac.Sum(nil), t.sig) {
		return true, ""
	}
	return false, Mismatch
}

// publicAlgorithm maps a JOSE algorithm to ours if the key is of its kind, curve included; "" otherwise.
func publicAlgorithm(alg string, key any) string {
	switch k := key.(type) {
	case ed25519.PublicKey:
		if alg == "EdDSA" || alg == "Ed25519" {
			return Ed25519
		}
	case *ecdsa.PublicKey:
		switch bits := k.Curve.Params().BitSize; {
		case alg == "ES256" && bits == 256:
			return ECDSAP1363
		case alg == "ES384" && bits == 384:
			return "ecdsa-sha384-p1363"
		case alg == "ES512" && bits == 521:
			return "ecdsa-sha512-p1363"
		}
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return ""
		}
		return map[string]string{"RS256": RSASHA256, "RS384": "rsa-sha384", "RS512": RSASHA512,
			"PS256": RSAPSSSHA256, "PS384": "rsa-pss-sha384", "PS512": RSAPSSSHA512}[alg]
	}
	return ""
}

func (j *JWT) covers() []string {
	if j == nil {
		return nil
	}
	out := []string{"claims"}
	if j.BodyHash != "" || j.InBody || j.Detached != "" {
		out = append(out, "body")
	}
	if j.URLHash != "" || j.Audience == "url" || j.Subject == "url" {
		out = append(out, "url")
	}
	if j.QueryHash {
		out = append(out, "method", "url")
	}
	return out
}

// tokenText finds the token of a message.
func (v *Verifier) tokenText(r *reader) string {
	if v.scheme.JWT.InBody {
		return string(bytes.TrimSpace(r.req.Body))
	}
	value := strings.TrimSpace(r.first(v.scheme.Signature.From))
	if len(v.scheme.JWT.Auth) == 0 {
		return value
	}
	found, longest := "", -1
	for _, word := range v.scheme.JWT.Auth {
		if rest, ok := cutPrefix(value, word); ok && len(word) > longest {
			found, longest = strings.TrimSpace(rest), len(word)
		}
	}
	return found
}

func (v *Verifier) verifyJWT(ctx context.Context, r *reader, at time.Time) Verdict {
	j := v.scheme.JWT
	text := v.tokenText(r)
	if text == "" {
		return v.verdict(Unsigned, MissingSignature, fmt.Sprintf("there is no token in %s", describe(v.scheme.Signature.From)))
	}
	limit := maxToken
	if j.InBody {
		limit = maxFormField
	}
	if j.Detached != "" {
		return v.verifyDetached(ctx, r, text, at)
	}
	t, reason, err := parseToken(text, limit, false)
	if err != nil {
		return v.verdict(Invalid, reason, err.Error())
	}
	if !slices.Contains(j.Algorithms, t.header.Alg) {
		return v.verdict(Invalid, BadAlgorithm, fmt.Sprintf("the token says algorithm %q; the scheme allows %s", t.header.Alg, strings.Join(j.Algorithms, ", ")))
	}
	verdict := v.tokenKeys(ctx, r, t, at)
	if verdict.Status != Valid {
		return verdict
	}
	if err := t.readClaims(); err != nil {
		return v.verdict(Invalid, Malformed, err.Error())
	}
	r.claims = t.claims
	return v.judgeClaims(verdict, r, t, at)
}

func (v *Verifier) tokenKeys(ctx context.Context, r *reader, t *token, at time.Time) Verdict {
	keys, verdict, ok := v.liveKeys(ctx, r, at)
	if !ok && v.scheme.Key.URL != "" && v.opts.Fetcher != nil {
		set, err := v.opts.Fetcher.Keys(ctx, v.scheme.Key.URL, t.header.Kid)
		if err != nil {
			return v.verdict(NoKey, KeyUnavailable, fmt.Sprintf("getting the published keys: %v", err))
		}
		keys, ok = []liveKey{{Key: Key{ID: t.header.Kid}, set: set}}, true
	}
	if !ok {
		return verdict
	}
	worst := Mismatch
	var matched *liveKey
	for i := range keys {
		if keys[i].err != nil {
			if errors.Is(keys[i].err, ErrEmptySecret) {
				return v.verdict(NoKey, EmptySecret, "the secret is empty")
			}
			worst = BadKey
			continue
		}
		ok, reason := t.verifyWith(&keys[i], v.scheme.JWT.Algorithms)
		if ok && matched == nil {
			matched = &keys[i]
		}
		if reason == BadAlgorithm && worst == Mismatch {
			worst = BadAlgorithm
		}
	}
	if matched == nil {
		detail := "no key of yours made this token"
		if worst == BadAlgorithm {
			detail = fmt.Sprintf("no key of yours is of the kind that algorithm %q needs, or has the key id the token names", t.header.Alg)
		}
		return v.verdict(Invalid, worst, detail)
	}
	done := v.verdict(Valid, "", "")
	done.KeyID = matched.ID
	return done
}

// verifyDetached checks a token whose payload is the message itself (RFC 7515 appendix F, RFC 7797).
func (v *Verifier) verifyDetached(ctx context.Context, r *reader, text string, at time.Time) Verdict {
	j := v.scheme.JWT
	head, sig, ok := strings.Cut(text, "..")
	if !ok {
		return v.verdict(Invalid, Malformed, "the token is not a detached JWS")
	}
	t, reason, err := parseToken(head+"."+"."+sig, maxToken, j.Unencoded)
	if err != nil {
		return v.verdict(Invalid, reason, err.Error())
	}
	if !slices.Contains(j.Algorithms, t.header.Alg) {
		return v.verdict(Invalid, BadAlgorithm, fmt.Sprintf("the token says algorithm %.20q; the scheme allows %s", t.header.Alg, strings.Join(j.Algorithms, ", ")))
	}
	payload, err := v.detachedPayload(r)
	if err != nil {
		return v.verdict(Invalid, MissingValue, err.Error())
	}
	t.signed = detachedInput(head, payload, j.Unencoded)
	verdict := v.tokenKeys(ctx, r, t, at)
	if verdict.Status != Valid {
		return verdict
	}
	return v.stamp(verdict, r)
}

func (v *Verifier) detachedPayload(r *reader) ([]byte, error) {
	t, err := compileTemplate(v.scheme.JWT.Detached)
	if err != nil {
		return nil, err
	}
	c := &content{reader: r, url: r.req.URL, id: r.first(v.scheme.MessageID)}
	if v.scheme.Timestamp != nil {
		c.timestamp = r.first(v.scheme.Timestamp.From)
	}
	var payload bytes.Buffer
	err = t.render(&payload, c)
	return payload.Bytes(), err
}

// detachedInput is the JWS signing input over a detached payload.
func detachedInput(head string, payload []byte, unencoded bool) []byte {
	if unencoded {
		return append([]byte(head+"."), payload...)
	}
	return []byte(head + "." + base64.RawURLEncoding.EncodeToString(payload))
}

// stamp reads the signed time of a scheme that puts it beside the token.
func (v *Verifier) stamp(verdict Verdict, r *reader) Verdict {
	if t := v.scheme.Timestamp; t != nil {
		at, ok := t.parse(r.first(t.From))
		if !ok {
			return v.verdict(Invalid, BadTimestamp, fmt.Sprintf("the time in %s cannot be read", describe(t.From)))
		}
		verdict.SignedAt = at
	}
	return verdict
}
