package signer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxComponents bounds the covered components of one RFC 9421 signature.
const maxComponents = 64

// messageSignature is one member of Signature-Input with its signature.
type messageSignature struct {
	label      string
	components []component
	raw        string // the member's value as it was sent: it is signed as it stands
	params     map[string]string
	sig        []byte
}

// httpMessageHook verifies and signs RFC 9421 HTTP message signatures, with the content digest of RFC 9530.
func httpMessageHook() hook {
	return hook{
		covers: []string{"the components it lists"},
		verify: verifyHTTPMessage,
		sign:   signHTTPMessage,
	}
}

func verifyHTTPMessage(_ context.Context, v *Verifier, r *reader, at time.Time) Verdict {
	list, reason, err := readMessageSignatures(r.req.Header)
	if err != nil {
		return v.verdict(Invalid, reason, err.Error())
	}
	if label := r.params["label"]; label != "" {
		list = slices.DeleteFunc(list, func(m messageSignature) bool { return m.label != label })
	}
	if len(list) == 0 {
		return v.verdict(Unsigned, MissingSignature, "there is no signature in Signature-Input and Signature")
	}
	worst := v.verdict(Invalid, Mismatch, "no key of yours made a signature over the listed components")
	live := 0
	for i := range v.keys {
		k := &v.keys[i]
		if !k.Live(at) {
			continue
		}
		if errors.Is(k.err, ErrEmptySecret) {
			worst = v.verdict(NoKey, EmptySecret, "the secret is empty")
			continue
		}
		if k.err != nil {
			worst = v.verdict(Invalid, BadKey, k.err.Error())
			continue
		}
		live++
		for j := range list {
			verdict := v.judgeMessage(k, &list[j], r, at)
			if verdict.Authentic() {
				return verdict
			}
			if verdict.Reason != Mismatch {
				worst = verdict
			}
		}
	}
	if live == 0 && worst.Reason == Mismatch {
		return v.verdict(NoKey, NoLiveKey, "there is no key that is good at this time")
	}
	return worst
}

func (v *Verifier) judgeMessage(k *liveKey, m *messageSignature, r *reader, at time.Time) Verdict {
	base, covers, err := m.base(r)
	if err != nil {
		return v.verdict(Invalid, MissingValue, err.Error())
	}
	if !k.verifyMessage(m.params["alg"], m.params["keyid"], base, m.sig) {
		return v.verdict(Invalid, Mismatch, "no key of yours made a signature over the listed components")
	}
	done := v.verdict(Valid, "", "")
	done.KeyID, done.Covers = k.ID, covers
	for _, want := range strings.Fields(r.params["components"]) {
		if !slices.ContainsFunc(m.components, func(c component) bool { return c.name == want }) {
			return v.verdict(Invalid, MissingValue, fmt.Sprintf("the signature does not cover %q", want))
		}
	}
	if slices.ContainsFunc(m.components, func(c component) bool { return c.name == "content-digest" }) {
		if reason, detail := checkDigest(r.req); reason != "" {
			return v.verdict(Invalid, reason, detail)
		}
		done.Covers = append(done.Covers, "body")
	}
	if text, ok := m.params["created"]; ok {
		t := Timestamp{}
		if done.SignedAt, ok = t.parse(text); !ok {
			return v.verdict(Invalid, BadTimestamp, "the parameter created is not a time")
		}
	}
	if text, ok := m.params["expires"]; ok {
		t := Timestamp{}
		expires, ok := t.parse(text)
		if !ok {
			return v.verdict(Invalid, BadTimestamp, "the parameter expires is not a time")
		}
		if at.After(expires) {
			return v.timed(done, Stale, Expired, fmt.Sprintf("the signature ended %d s ago", int(at.Sub(expires).Seconds())))
		}
	}
	return done
}

// verifyMessage picks the algorithm from the key; a parameter alg must name the same.
func (k *liveKey) verifyMessage(alg, keyid string, base, sig []byte) bool {
	if k.bytes != nil {
		return (alg == "" || alg == "hmac-sha256") && hmac.Equal(hmacSum(HMACSHA256, k.bytes, base), sig)
	}
	candidates := k.set
	if k.public != nil {
		candidates = []JWK{{Public: k.public}}
	}
	for _, jwk := range candidates {
		if jwk.KeyID != "" && keyid != "" && jwk.KeyID != keyid {
			continue
		}
		if jwk.Symmetric != "" {
			if (alg == "" || alg == "hmac-sha256") && hmac.Equal(hmacSum(HMACSHA256, []byte(jwk.Symmetric), base), sig) {
				return true
			}
			continue
		}
		for name, ours := range messageAlgorithms(jwk.Public) {
			if (alg == "" || alg == name) && verifyPublic(ours, jwk.Public, base, sig) {
				return true
			}
		}
	}
	return false
}

// messageAlgorithms are the names of RFC 9421 section 3.3 that fit a key.
func messageAlgorithms(key crypto.PublicKey) map[string]string {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return map[string]string{"ed25519": Ed25519}
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return map[string]string{"ecdsa-p256-sha256": ECDSAP1363}
		case 384:
			return map[string]string{"ecdsa-p384-sha384": "ecdsa-sha384-p1363"}
		}
	case *rsa.PublicKey:
		return map[string]string{"rsa-pss-sha512": RSAPSSSHA512, "rsa-v1_5-sha256": RSASHA256}
	}
	return nil
}

func hmacSum(algorithm string, key, message []byte) []byte {
	mac := hmac.New(hashOf(algorithm).New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

// base builds the signature base (RFC 9421 section 2.5) and names what it covers.
func (m *messageSignature) base(r *reader) ([]byte, []string, error) {
	var b bytes.Buffer
	var covers []string
	seen := map[string]bool{}
	for i := range m.components {
		c := &m.components[i]
		id := c.identifier()
		if seen[id] {
			return nil, nil, fmt.Errorf("component %s is listed twice", id)
		}
		seen[id] = true
		value, err := c.value(r)
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(&b, "%s: %s\n", id, value)
		covers = append(covers, coverName(c.name))
	}
	fmt.Fprintf(&b, "\"@signature-params\": %s", m.raw)
	if _, ok := m.params["created"]; ok {
		covers = append(covers, "timestamp")
	}
	return b.Bytes(), covers, nil
}

// readMessageSignatures reads Signature-Input and Signature (RFC 9421 section 4).
func readMessageSignatures(h http.Header) ([]messageSignature, Reason, error) {
	inputs, sigs := strings.Join(h.Values("Signature-Input"), ", "), strings.Join(h.Values("Signature"), ", ")
	if len(inputs) > maxSignatureHeader || len(sigs) > maxSignatureHeader {
		return nil, TooLong, errors.New("the signature headers are too long")
	}
	im, err := splitMembers(inputs)
	if err != nil {
		return nil, Malformed, err
	}
	sm, err := splitMembers(sigs)
	if err != nil {
		return nil, Malformed, err
	}
	if len(im) > maxSignatures {
		return nil, TooMany, errors.New("more than 20 signatures")
	}
	var out []messageSignature
	for _, in := range im {
		m := messageSignature{label: in.Name, raw: in.Value}
		if m.components, m.params, err = parseInput(in.Value); err != nil {
			return nil, Malformed, err
		}
		found := 0
		for _, s := range sm {
			if s.Name == in.Name {
				found++
				text, ok := strings.CutPrefix(s.Value, ":")
				text, ok2 := strings.CutSuffix(text, ":")
				if m.sig, err = base64.StdEncoding.Strict().DecodeString(text); err != nil || !ok || !ok2 || len(m.sig) == 0 {
					return nil, Malformed, fmt.Errorf("signature %.40q is not a byte sequence", in.Name)
				}
			}
		}
		if found > 1 {
			return nil, Duplicated, fmt.Errorf("signature %.40q is there more than once", in.Name)
		}
		if found == 1 {
			out = append(out, m)
		}
	}
	return out, "", nil
}

// checkDigest compares Content-Digest (RFC 9530) with the body. One known algorithm must be there and all known ones must hold.
func checkDigest(req *Request) (Reason, string) {
	members, err := splitMembers(strings.Join(req.Header.Values("Content-Digest"), ", "))
	if err != nil {
		return Malformed, "the header Content-Digest cannot be read"
	}
	known := 0
	for _, m := range members {
		var sum []byte
		switch m.Name {
		case "sha-256":
			s := sha256.Sum256(req.Body)
			sum = s[:]
		case "sha-512":
			s := sha512.Sum512(req.Body)
			sum = s[:]
		default:
			continue
		}
		known++
		if m.Value != ":"+base64.StdEncoding.EncodeToString(sum)+":" {
			return BodyMismatch, fmt.Sprintf("the body does not have the digest that %q says", m.Name)
		}
	}
	if known == 0 {
		return MissingValue, "the header Content-Digest names no digest that is known"
	}
	return "", ""
}

// ContentDigest is the value of a Content-Digest header for a body (RFC 9530), with SHA-256.
func ContentDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// signHTTPMessage signs method, target URI and digest of the body, or the components that the parameter of that name lists.
func signHTTPMessage(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
	b := newBuilder(s, req, opts)
	names := strings.Fields(cmpOr(opts.Params["components"], "@method @target-uri content-digest"))
	if slices.Contains(names, "content-digest") {
		if err := b.set("header:Content-Digest", ContentDigest(req.Body)); err != nil {
			return nil, err
		}
	}
	m := messageSignature{label: cmpOr(opts.Params["label"], "sig1")}
	var ids []string
	for _, n := range names {
		c := component{name: strings.ToLower(n)}
		m.components = append(m.components, c)
		ids = append(ids, c.identifier())
	}
	m.raw = fmt.Sprintf("(%s);created=%d", strings.Join(ids, " "), opts.At.Unix())
	if keys[0].ID != "" {
		if !printable(keys[0].ID) {
			return nil, fmt.Errorf("the key id %q is not printable", keys[0].ID)
		}
		m.raw += ";keyid=" + strconv.Quote(keys[0].ID)
	}
	if opts.ID != "" && printable(opts.ID) {
		m.raw += ";nonce=" + strconv.Quote(opts.ID)
	}
	if opts.Params["alg"] != "" {
		m.raw += ";alg=" + strconv.Quote(opts.Params["alg"])
	}
	base, _, err := m.base(&reader{req: &b.req, params: opts.Params})
	if err != nil {
		return nil, err
	}
	sig, err := signBase(s, &keys[0], opts.Params["alg"], base)
	if err != nil {
		return nil, err
	}
	b.set("header:Signature-Input", m.label+"="+m.raw)
	b.set("header:Signature", m.label+"=:"+base64.StdEncoding.EncodeToString(sig)+":")
	return &b.out, nil
}

func signBase(s *Scheme, key *Key, alg string, base []byte) ([]byte, error) {
	private, err := ParsePrivateKey(key.Secret)
	looksPrivate := strings.HasPrefix(strings.TrimSpace(string(key.Secret)), "-----BEGIN") || strings.HasPrefix(strings.TrimSpace(string(key.Secret)), "{")
	if !looksPrivate {
		secret, err := s.Key.decode(key.Secret)
		if err != nil {
			return nil, err
		}
		return hmacSum(HMACSHA256, secret, base), nil
	}
	if err != nil {
		return nil, err
	}
	fits := messageAlgorithms(private.Public())
	ours := fits[alg]
	for _, name := range []string{"ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512"} {
		if ours == "" && alg == "" {
			ours = fits[name]
		}
	}
	if ours == "" {
		return nil, fmt.Errorf("the private key is not of the kind that %q needs", alg)
	}
	return signPublic(ours, private, base)
}
