package signer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// paypalHook checks id|time|webhook id|crc32 with the certificate that PAYPAL-CERT-URL names, which must be on a PayPal host. The body is
// bound by a CRC-32 only. A key given by the user (PEM of the certificate) is tried instead of fetching.
// https://developer.paypal.com/api/rest/webhooks/rest/
func paypalHook() hook {
	return hook{
		covers: []string{"id", "timestamp", "body (CRC-32)"},
		timed:  true,
		verify: func(ctx context.Context, v *Verifier, r *reader, at time.Time) Verdict {
			text := r.first("header:Paypal-Transmission-Sig")
			if text == "" {
				return v.verdict(Unsigned, MissingSignature, "there is no header \"Paypal-Transmission-Sig\"")
			}
			if len(text) > maxSignatureHeader {
				return v.verdict(Invalid, TooLong, "the signature is too long")
			}
			algorithm := map[string]string{"SHA256withRSA": RSASHA256, "": RSASHA256}[r.first("header:Paypal-Auth-Algo")]
			if algorithm == "" {
				return v.verdict(Invalid, BadAlgorithm, fmt.Sprintf("unknown algorithm %.40q", r.first("header:Paypal-Auth-Algo")))
			}
			sig, ok := decodeText("base64", text)
			if !ok {
				return v.verdict(Invalid, Malformed, "the signature is not base64")
			}
			stamp := r.first(v.scheme.Timestamp.From)
			signedAt, ok := v.scheme.Timestamp.parse(stamp)
			if !ok {
				return v.verdict(Invalid, BadTimestamp, fmt.Sprintf("the time %.40q cannot be read", stamp))
			}
			keys := v.keys
			if len(keys) == 0 {
				k, verdict, ok := v.certificateKey(ctx, r, r.first("header:Paypal-Cert-Url"), at)
				if !ok {
					return verdict
				}
				keys = []liveKey{k}
			}
			return v.tryPublic(keys, algorithm, paypalContent(r.req, v.opts.Params["webhook_id"]), sig, signedAt, at)
		},
		sign: func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
			b := newBuilder(s, req, opts)
			if err := b.prepare(); err != nil {
				return nil, err
			}
			private, err := ParsePrivateKey(keys[0].Secret)
			if err != nil {
				return nil, errors.New("signing as PayPal needs a private key of your own")
			}
			sig, err := signPublic(RSASHA256, private, paypalContent(&b.req, opts.Params["webhook_id"]))
			if err != nil {
				return nil, err
			}
			b.set("header:Paypal-Auth-Algo", "SHA256withRSA")
			b.set(s.Signature.From, base64.StdEncoding.EncodeToString(sig))
			return &b.out, nil
		},
	}
}

func paypalContent(req *Request, webhookID string) []byte {
	return fmt.Appendf(nil, "%s|%s|%s|%d", req.Header.Get("Paypal-Transmission-Id"), req.Header.Get("Paypal-Transmission-Time"), webhookID, crc32.ChecksumIEEE(req.Body))
}
