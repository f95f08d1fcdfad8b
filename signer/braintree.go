package signer

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// braintreeHook reads the form field bt_signature, a list public_key|hex joined by &, over bt_payload, base64 of XML. The key is written
// public_key|private_key, or the private key alone. A payload that is not XML is refused, so that no answer to a challenge is a webhook.
// https://developer.paypal.com/braintree/docs/guides/webhooks/parse/
func braintreeHook() hook {
	return hook{
		covers: []string{"field bt_payload"},
		verify: func(_ context.Context, v *Verifier, r *reader, at time.Time) Verdict {
			list, payload := r.first("form:bt_signature"), r.first("form:bt_payload")
			if list == "" || payload == "" {
				return v.verdict(Unsigned, MissingSignature, "there is no form field bt_signature with bt_payload")
			}
			if len(list) > maxSignatureHeader {
				return v.verdict(Invalid, TooLong, "the list of signatures is too long")
			}
			xml, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(payload), ""))
			if err != nil || !bytes.HasPrefix(bytes.TrimSpace(xml), []byte("<")) {
				return v.verdict(Invalid, Malformed, "bt_payload is not base64 of XML")
			}
			pairs := strings.Split(list, "&")
			if len(pairs) > maxSignatures {
				return v.verdict(Invalid, TooMany, "more than 20 signatures")
			}
			live := 0
			for i := range v.keys {
				k := &v.keys[i]
				if !k.Live(at) || k.err != nil {
					continue
				}
				live++
				public, private := braintreeKey(k.Secret)
				for _, pair := range pairs {
					who, text, _ := strings.Cut(strings.TrimSpace(pair), "|")
					sig, err := hex.DecodeString(text)
					if err != nil || len(sig) == 0 || (public != "" && who != public) {
						continue
					}
					for _, message := range []string{payload, payload + "\n"} {
						if hmac.Equal(braintreeMAC(private, message), sig) {
							done := v.verdict(Valid, "", "")
							done.KeyID = k.ID
							return done
						}
					}
				}
			}
			if live == 0 {
				return v.verdict(NoKey, NoLiveKey, "there is no key that is good at this time")
			}
			return v.verdict(Invalid, Mismatch, "no key of yours made a signature of the list")
		},
		sign: func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
			payload := parseForm(string(req.Body)).Get("bt_payload")
			if payload == "" {
				payload = base64.StdEncoding.EncodeToString(req.Body) + "\n"
			}
			var pairs []string
			for i := range keys {
				public, private := braintreeKey(keys[i].Secret)
				if private == "" {
					return nil, ErrEmptySecret
				}
				pairs = append(pairs, cmpOr(public, keys[i].ID)+"|"+hex.EncodeToString(braintreeMAC(private, payload)))
			}
			form := url.Values{"bt_payload": {payload}, "bt_signature": {strings.Join(pairs, "&")}}
			return &Signed{
				Headers: []Field{{"Content-Type", "application/x-www-form-urlencoded"}},
				Body:    []byte(form.Encode()),
			}, nil
		},
	}
}

func braintreeKey(secret Secret) (public, private string) {
	if p, rest, ok := strings.Cut(string(secret), "|"); ok {
		return p, rest
	}
	return "", string(secret)
}

func braintreeMAC(private, message string) []byte {
	key := KeyRule{Transform: "sha1"}
	b, err := key.decode(Secret(private))
	if err != nil {
		return nil
	}
	mac := hmac.New(hashOf(HMACSHA1).New, b)
	fmt.Fprint(mac, message)
	return mac.Sum(nil)
}
