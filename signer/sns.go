package signer

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// snsHook checks an SNS message with the certificate its SigningCertURL names. That address must be an SNS host of AWS, https, and end in
// .pem; it is only ever handed to the Fetcher. A key given by the user (PEM of the certificate) is tried instead of fetching.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
func snsHook() hook {
	return hook{
		covers: []string{"body"},
		timed:  true,
		verify: func(ctx context.Context, v *Verifier, r *reader, at time.Time) Verdict {
			text := r.first("json:Signature")
			if text == "" {
				return v.verdict(Unsigned, MissingSignature, "there is no JSON field \"Signature\"")
			}
			if len(text) > maxSignatureHeader {
				return v.verdict(Invalid, TooLong, "the signature is too long")
			}
			algorithm := snsAlgorithm(r.first("json:SignatureVersion"))
			if algorithm == "" {
				return v.verdict(Invalid, BadAlgorithm, fmt.Sprintf("unknown signature version %.20q", r.first("json:SignatureVersion")))
			}
			sig, ok := decodeText("base64", text)
			if !ok {
				return v.verdict(Invalid, Malformed, "the signature is not base64")
			}
			signedAt, ok := v.scheme.Timestamp.parse(r.first("json:Timestamp"))
			if !ok {
				return v.verdict(Invalid, BadTimestamp, "the field Timestamp cannot be read")
			}
			message := []byte(snsContent(r))
			keys := v.keys
			if len(keys) == 0 {
				address := cmpOr(r.first("json:SigningCertURL"), r.first("json:SigningCertUrl"))
				if !strings.HasSuffix(address, ".pem") {
					return v.verdict(Invalid, WrongValue, fmt.Sprintf("the certificate address %.120q does not end in .pem", address))
				}
				k, verdict, ok := v.certificateKey(ctx, r, address, at)
				if !ok {
					return verdict
				}
				keys = []liveKey{k}
			}
			return v.tryPublic(keys, algorithm, message, sig, signedAt, at)
		},
		sign: func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
			b := newBuilder(s, req, opts)
			if err := b.set("json:Timestamp", opts.At.UTC().Format("2006-01-02T15:04:05.000Z")); err != nil {
				return nil, err
			}
			if err := b.set("json:SignatureVersion", "2"); err != nil {
				return nil, err
			}
			private, err := ParsePrivateKey(keys[0].Secret)
			if err != nil {
				return nil, err
			}
			sig, err := signPublic(RSASHA256, private, []byte(snsContent(&reader{req: &b.req})))
			if err != nil {
				return nil, err
			}
			if err := b.set("json:Signature", base64.StdEncoding.EncodeToString(sig)); err != nil {
				return nil, err
			}
			return &b.out, nil
		},
	}
}

func snsAlgorithm(version string) string {
	return map[string]string{"1": RSASHA1, "2": RSASHA256}[version]
}

// snsContent is name and value of the signed fields that are there, a line each, in the order of the alphabet.
func snsContent(r *reader) string {
	var b strings.Builder
	for _, name := range []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		vs := r.values(place{kind: "json", path: name})
		if len(vs) == 0 && name == "SubscribeURL" {
			vs = r.values(place{kind: "json", path: "SubscribeUrl"})
		}
		if len(vs) == 1 {
			b.WriteString(name + "\n" + vs[0] + "\n")
		}
	}
	return b.String()
}

// certificateKey gets the certificate that a message names, if its address fits the row's pattern and its name and dates fit.
func (v *Verifier) certificateKey(ctx context.Context, _ *reader, address string, at time.Time) (liveKey, Verdict, bool) {
	none := liveKey{}
	if v.opts.Fetcher == nil {
		return none, v.verdict(NoKey, KeyUnavailable, "the certificate is published, and fetching is off"), false
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || !MatchHost(v.scheme.Key.Host, u.Hostname()) {
		return none, v.verdict(Invalid, WrongValue, fmt.Sprintf("the certificate address %.120q is not one of the provider's", address)), false
	}
	b, err := v.opts.Fetcher.Certificate(ctx, address, v.scheme.Key.Host)
	if err != nil {
		return none, v.verdict(NoKey, KeyUnavailable, fmt.Sprintf("getting the certificate: %v", err)), false
	}
	cert, err := firstCertificate(b)
	if err != nil {
		return none, v.verdict(NoKey, KeyUnavailable, err.Error()), false
	}
	if at.Before(cert.NotBefore) || at.After(cert.NotAfter) {
		return none, v.verdict(Invalid, Expired, "the certificate is not good at this time"), false
	}
	return liveKey{Key: Key{ID: address}, public: cert.PublicKey}, Verdict{}, true
}

func firstCertificate(b []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("the fetched document is not a PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// MatchHost says whether a host fits a pattern: labels by dots, * for one label of letters, digits and hyphens, ** in front for any number.
// Several patterns are separated by spaces. Trailing dots and IP addresses fit nothing.
func MatchHost(patterns, host string) bool {
	for pattern := range strings.FieldsSeq(patterns) {
		if matchHost(strings.ToLower(pattern), strings.ToLower(host)) {
			return true
		}
	}
	return false
}

func matchHost(pattern, host string) bool {
	ps, hs := strings.Split(pattern, "."), strings.Split(host, ".")
	if ps[0] == "**" {
		if len(hs) < len(ps) {
			return false
		}
		for _, l := range hs[:len(hs)-len(ps)+1] {
			if !isLabel(l) {
				return false
			}
		}
		ps, hs = ps[1:], hs[len(hs)-len(ps)+1:]
	}
	if len(ps) != len(hs) {
		return false
	}
	for i := range ps {
		if !isLabel(hs[i]) || (ps[i] != "*" && ps[i] != hs[i]) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return s != ""
}

// tryPublic checks one signature with several keys.
func (v *Verifier) tryPublic(keys []liveKey, algorithm string, message, sig []byte, signedAt, at time.Time) Verdict {
	live := 0
	for i := range keys {
		if !keys[i].Live(at) {
			continue
		}
		if keys[i].err != nil {
			return v.verdict(Invalid, BadKey, keys[i].err.Error())
		}
		live++
		if verifyPublic(algorithm, keys[i].public, message, sig) {
			done := v.verdict(Valid, "", "")
			done.KeyID, done.SignedAt = keys[i].ID, signedAt
			return done
		}
	}
	if live == 0 {
		return v.verdict(NoKey, NoLiveKey, "there is no key that is good at this time")
	}
	return v.verdict(Invalid, Mismatch, "the signature is not by this key over these bytes")
}
