package signer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// signToken makes a compact JWS over the claims.
func signToken(alg, kid string, claims []byte, key *Key, rule *KeyRule) (string, error) {
	header := map[string]string{"alg": alg, "typ": "JWT"}
	if kid != "" {
		header["kid"] = kid
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sig, err := signJOSE(alg, []byte(signed), key, rule)
	if err != nil {
		return "", err
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

func signJOSE(alg string, signed []byte, key *Key, rule *KeyRule) ([]byte, error) {
	if h := map[string]string{"HS256": HMACSHA256, "HS384": HMACSHA384, "HS512": HMACSHA512}[alg]; h != "" {
		b, err := rule.decode(key.Secret)
		if err != nil {
			return nil, err
		}
		mac := hmac.New(hashOf(h).New, b)
		mac.Write(signed)
		return mac.Sum(nil), nil
	}
	private, err := ParsePrivateKey(key.Secret)
	if err != nil {
		return nil, err
	}
	ours := publicAlgorithm(alg, private.Public())
	if ours == "" {
		return nil, fmt.Errorf("the private key is not of the kind that %q needs", alg)
	}
	return signPublic(ours, private, signed)
}

// signJWT makes the token of a JWT scheme with the claims that its own rule asks for.
func signJWT(s *Scheme, req *Request, key *Key, opts SignOptions) (*Signed, error) {
	j := s.JWT
	b := newBuilder(s, req, opts)
	alg := cmpOr(opts.Params["alg"], algorithmFor(j, key))
	kid := cmpOr(opts.Params["kid"], key.ID)
	if j.Detached != "" {
		if err := b.prepare(); err != nil {
			return nil, err
		}
		return b.signDetached(alg, kid, key)
	}
	claims := map[string]any{"iat": opts.At.Unix()}
	if j.Expires || opts.Params["exp"] != "" {
		claims["exp"] = opts.At.Unix() + 300
	}
	if len(j.Issuer) > 0 {
		if name, ok := strings.CutPrefix(j.Issuer[0], "param:"); !ok {
			claims["iss"] = j.Issuer[0]
		} else if opts.Params[name] != "" {
			claims["iss"] = opts.Params[name]
		}
	}
	for name, value := range j.Claims {
		claims[name] = strings.TrimSuffix(value, "*")
	}
	if j.Subject == "url" {
		claims["sub"] = req.URL
	}
	if j.Audience == "url" {
		claims["aud"] = req.URL
	} else if name, ok := strings.CutPrefix(j.Audience, "param:"); ok && opts.Params[name] != "" {
		claims["aud"] = opts.Params[name]
	}
	if t := s.Timestamp; t != nil {
		claims[strings.TrimPrefix(t.From, "claim:")] = opts.At.Unix()
	}
	sum := sha256.Sum256(req.Body)
	if j.BodyHash != "" && !(j.HashOptional && len(req.Body) == 0) {
		claims[j.BodyHash] = encodeText(cmpOr(j.HashForm, "hex"), sum[:])
	}
	if j.URLHash != "" {
		sum := sha256.Sum256([]byte(req.URL))
		claims[j.URLHash] = hex.EncodeToString(sum[:])
	}
	if j.QueryHash {
		sum := sha256.Sum256([]byte(canonicalQuery(&reader{req: req, params: opts.Params})))
		claims["qsh"] = hex.EncodeToString(sum[:])
	}
	if opts.ID != "" {
		claims["jti"] = opts.ID
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	if j.InBody {
		payload = mergeClaims(req.Body, claims, payload)
	}
	text, err := signToken(alg, kid, payload, key, &s.Key)
	if err != nil {
		return nil, err
	}
	if j.InBody {
		return &Signed{Body: []byte(text)}, nil
	}
	if len(j.Auth) > 0 {
		text = j.Auth[0] + text
	}
	if err := b.set(s.Signature.From, text); err != nil {
		return nil, err
	}
	return &b.out, nil
}

// algorithmFor is the first allowed algorithm that the key can do.
func algorithmFor(j *JWT, key *Key) string {
	if private, err := ParsePrivateKey(key.Secret); err == nil {
		for _, alg := range j.Algorithms {
			if publicAlgorithm(alg, private.Public()) != "" {
				return alg
			}
		}
	}
	return j.Algorithms[0]
}

// mergeClaims makes the claims of a token that is the whole body out of a JSON body.
func mergeClaims(body []byte, claims map[string]any, fallback []byte) []byte {
	doc, err := decodeJSON(body)
	own, ok := doc.(map[string]any)
	if err != nil || !ok {
		return fallback
	}
	for k, v := range claims {
		if _, has := own[k]; !has {
			own[k] = v
		}
	}
	out, err := json.Marshal(own)
	if err != nil {
		return fallback
	}
	return out
}

func (b *builder) signDetached(alg, kid string, key *Key) (*Signed, error) {
	v, err := NewVerifier(b.scheme, nil, Options{Params: b.opts.Params})
	if err != nil {
		return nil, err
	}
	payload, err := v.detachedPayload(&reader{req: &b.req, params: b.opts.Params})
	if err != nil {
		return nil, err
	}
	header := map[string]any{"alg": alg}
	if kid != "" {
		header["kid"] = kid
	}
	if b.scheme.JWT.Unencoded {
		header["b64"], header["crit"] = false, []string{"b64"}
	}
	raw, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	head := base64.RawURLEncoding.EncodeToString(raw)
	sig, err := signJOSE(alg, detachedInput(head, payload, b.scheme.JWT.Unencoded), key, &b.scheme.Key)
	if err != nil {
		return nil, err
	}
	if err := b.set(b.scheme.Signature.From, head+".."+base64.RawURLEncoding.EncodeToString(sig)); err != nil {
		return nil, err
	}
	return &b.out, nil
}
