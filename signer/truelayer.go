package signer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// truelayerHook checks a detached ES512 token over method, path, the headers its own header lists, and the body.
// https://github.com/TrueLayer/truelayer-signing
func truelayerHook() hook {
	return hook{
		covers: []string{"method", "url", "signed headers", "body"},
		verify: func(ctx context.Context, v *Verifier, r *reader, at time.Time) Verdict {
			text := r.first(v.scheme.Signature.From)
			if text == "" {
				return v.verdict(Unsigned, MissingSignature, "there is no header \"Tl-Signature\"")
			}
			head, _, ok := strings.Cut(text, "..")
			if !ok || len(text) > maxToken {
				return v.verdict(Invalid, Malformed, "the signature is not a detached JWS")
			}
			var header struct {
				Alg, Kid string
				Version  string `json:"tl_version"`
				Headers  string `json:"tl_headers"`
			}
			raw, err := base64.RawURLEncoding.Strict().DecodeString(head)
			if err != nil || json.Unmarshal(raw, &header) != nil {
				return v.verdict(Invalid, Malformed, "the signature is not a detached JWS")
			}
			if header.Alg != "ES512" || header.Version != "2" {
				return v.verdict(Invalid, BadAlgorithm, fmt.Sprintf("algorithm %.20q version %.20q; the scheme wants ES512, 2", header.Alg, header.Version))
			}
			best := v.verdict(Invalid, Mismatch, "no key of yours made this signature over these bytes")
			for _, p := range truelayerPaths(r.req.URL) {
				payload, err := truelayerPayload(r.req, p, header.Headers)
				if err != nil {
					return v.verdict(Invalid, MissingValue, err.Error())
				}
				t, reason, err := parseToken(text, maxToken, false)
				if err != nil {
					return v.verdict(Invalid, reason, err.Error())
				}
				t.signed = detachedInput(head, payload, false)
				one := *v
				rule := *v.scheme
				rule.JWT = &JWT{Algorithms: []string{"ES512"}}
				one.scheme = &rule
				if best = one.tokenKeys(ctx, r, t, at); best.Status == Valid {
					return best
				}
			}
			return best
		},
		sign: func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
			b := newBuilder(s, req, opts)
			if err := b.set("header:X-Tl-Webhook-Timestamp", opts.At.UTC().Format("2006-01-02T15:04:05Z")); err != nil {
				return nil, err
			}
			names := "X-Tl-Webhook-Timestamp"
			payload, err := truelayerPayload(&b.req, truelayerPaths(req.URL)[0], names)
			if err != nil {
				return nil, err
			}
			head, err := json.Marshal(map[string]string{"alg": "ES512", "kid": keys[0].ID, "tl_version": "2", "tl_headers": names})
			if err != nil {
				return nil, err
			}
			signed := base64.RawURLEncoding.EncodeToString(head)
			sig, err := signJOSE("ES512", []byte(signed+"."+base64.RawURLEncoding.EncodeToString(payload)), &keys[0], &s.Key)
			if err != nil {
				return nil, err
			}
			b.set(s.Signature.From, signed+".."+base64.RawURLEncoding.EncodeToString(sig))
			return &b.out, nil
		},
	}
}

// truelayerPaths is the path as it came, and with or without its trailing slash: senders differ there.
func truelayerPaths(raw string) []string {
	_, _, path, _, _ := splitURL(raw)
	if strings.HasSuffix(path, "/") {
		return []string{path, strings.TrimSuffix(path, "/")}
	}
	return []string{path, path + "/"}
}

func truelayerPayload(req *Request, path, names string) ([]byte, error) {
	if _, err := url.ParseRequestURI(path); err != nil {
		return nil, fmt.Errorf("the path %q cannot be signed", path)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", strings.ToUpper(req.Method), path)
	if names != "" {
		list := strings.Split(names, ",")
		if len(list) > maxItems {
			return nil, fmt.Errorf("%d signed headers are too many", len(list))
		}
		for _, n := range list {
			n = strings.TrimSpace(n)
			values := req.Header[http.CanonicalHeaderKey(n)]
			if len(values) != 1 {
				return nil, fmt.Errorf("header %.80q is signed and not there exactly once", n)
			}
			fmt.Fprintf(&b, "%s: %s\n", n, strings.TrimSpace(values[0]))
		}
	}
	b.Write(req.Body)
	return b.Bytes(), nil
}
