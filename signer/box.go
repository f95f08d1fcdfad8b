package signer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// boxHook pairs keys with headers: the first key signs the primary header, the second the secondary one. Besides the raw body it tries the
// escaped forms that the senders of Box are known to sign.
// https://developer.box.com/guides/webhooks/v2/signatures-v2/
func boxHook() hook {
	return hook{
		covers: []string{"body", "timestamp"},
		timed:  true,
		verify: func(ctx context.Context, v *Verifier, r *reader, at time.Time) Verdict {
			if verdict, ok := v.requirements(r); !ok {
				return verdict
			}
			stamp := r.first(v.scheme.Timestamp.From)
			signedAt, ok := v.scheme.Timestamp.parse(stamp)
			if !ok {
				return v.verdict(Invalid, BadTimestamp, fmt.Sprintf("the time %.40q is not RFC 3339", stamp))
			}
			best := v.verdict(Unsigned, MissingSignature, "there is no signature header")
			tried := 0
			for i, from := range v.from {
				if len(r.values(from)) == 0 || i >= len(v.keys) || !v.keys[i].Live(at) {
					continue
				}
				tried++
				one := *v
				one.from = []place{from}
				one.keys = v.keys[i : i+1]
				parsed, reason := one.collect(r)
				if reason != "" && reason != MissingSignature {
					best = v.verdict(Invalid, reason, "the signature cannot be read")
					continue
				}
				if len(parsed.sigs) == 0 {
					continue
				}
				one.hook = hook{contents: boxContents}
				c := &content{reader: r, url: r.req.URL, timestamp: stamp}
				verdict := one.tryKeys(ctx, c, parsed, at)
				verdict.SignedAt = signedAt
				if verdict.Status == Valid {
					return verdict
				}
				best = verdict
			}
			if tried == 0 && slices.ContainsFunc(v.from, func(p place) bool { return len(r.values(p)) > 0 }) {
				best = v.verdict(NoKey, NoLiveKey, "there is no key for the signature headers that were sent: give the primary key, then the secondary")
			}
			return best
		},
		sign: func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
			b := newBuilder(s, req, opts)
			if err := b.prepare(); err != nil {
				return nil, err
			}
			v, err := NewVerifier(s, nil, Options{})
			if err != nil {
				return nil, err
			}
			v.hook = hook{}
			for i, from := range append([]string{s.Signature.From}, s.Signature.More...) {
				if i >= len(keys) {
					break
				}
				sig, err := b.signature(v, &keys[i])
				if err != nil {
					return nil, err
				}
				if err := b.set(from, s.Signature.format("", "", [][]byte{sig})); err != nil {
					return nil, err
				}
			}
			return &b.out, nil
		},
	}
}

func boxContents(_ *Verifier, c *content) ([][]byte, error) {
	body := string(c.req.Body)
	if !utf8.Valid(c.req.Body) {
		return [][]byte{[]byte(body + c.timestamp)}, nil // escaped, different bytes would become one
	}
	return [][]byte{
		[]byte(body + c.timestamp),
		[]byte(escapeASCII(body, true) + c.timestamp),
		[]byte(escapeASCII(body, false) + c.timestamp),
	}, nil
}

// escapeASCII writes what is not printable ASCII as \uxxxx and an unescaped / as \/. full also escapes control characters and doubles
// backslashes that do not stand before a slash.
func escapeASCII(s string, full bool) string {
	var b strings.Builder
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case r == '\\' && full && !(i+1 < len(rs) && rs[i+1] == '/'):
			b.WriteString(`\\`)
		case r == '/' && (i == 0 || rs[i-1] != '\\'):
			b.WriteString(`\/`)
		case r > 0x7e || (full && r < 0x20 && r != '\r' && r != '\n' && r != '\t'):
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, u)
			}
		case full && (r == '\r' || r == '\n' || r == '\t'):
			b.WriteString(map[rune]string{'\r': `\r`, '\n': `\n`, '\t': `\t`}[r])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
