package signer

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// maxSignatureHeader bounds what is parsed of a signature header: 20 RSA-4096 signatures in base64 fit.
const maxSignatureHeader = 16 << 10

// maxSignatures bounds how many signatures of one message are tried.
const maxSignatures = 20

// maxItems bounds how many items of a list header are read, unknown versions included.
const maxItems = 100

// sigParse is the outcome of reading a signature header.
type sigParse struct {
	sigs   [][]byte
	fields []Field
}

// parseSignatures reads one value by the scheme's rule and appends what it finds. Items it does not know are skipped; a known item that
// does not decode is remembered as bad.
func (s *Signature) parse(out *sigParse, value string) (bad Reason) {
	if len(value) > maxSignatureHeader {
		return TooLong
	}
	switch s.Format {
	case "pairs":
		for i, item := range splitItems(value, s.separator()) {
			if i >= maxItems {
				return TooMany
			}
			name, v, ok := strings.Cut(strings.TrimSpace(item), "=")
			if !ok {
				continue
			}
			name, v = strings.TrimSpace(name), strings.TrimSpace(v)
			out.fields = append(out.fields, Field{name, v})
			if name == s.Field {
				if r := s.add(out, v); r != "" {
					bad = r
				}
			}
		}
	case "list":
		for i, item := range splitItems(value, s.separator()) {
			if i >= maxItems {
				return TooMany
			}
			version, v, ok := strings.Cut(strings.TrimSpace(item), ",")
			if ok && version == s.Field {
				if r := s.add(out, v); r != "" {
					bad = r
				}
			}
		}
	case "plain-list":
		for i, item := range splitItems(value, s.separator()) {
			if i >= maxItems {
				return TooMany
			}
			if r := s.add(out, strings.TrimSpace(item)); r != "" {
				bad = r
			}
		}
	case "positional":
		stamp, rest, ok := strings.Cut(value, s.separator())
		if !ok {
			return Malformed
		}
		out.fields = append(out.fields, Field{"t", strings.TrimSpace(stamp)})
		for i, v := range splitItems(rest, s.separator()) {
			if i >= maxItems {
				return TooMany
			}
			if r := s.add(out, strings.TrimSpace(v)); r != "" {
				bad = r
			}
		}
	default:
		return s.add(out, strings.TrimSpace(value))
	}
	return bad
}

func (s *Signature) separator() string {
	switch {
	case s.Separator != "":
		return s.Separator
	case s.Format == "list":
		return " "
	}
	return ","
}

// splitItems splits at a separator. A list whose separator is ", " (comma and space) has commas inside its items too, so the items are
// found by the space.
func splitItems(value, sep string) []string {
	if sep == ", " || sep == " " {
		items := strings.Fields(value)
		for i := range items {
			items[i] = strings.TrimSuffix(items[i], ",")
		}
		return items
	}
	return strings.SplitN(value, sep, maxItems+1)
}

func (s *Signature) add(out *sigParse, v string) Reason {
	if s.Prefix != "" {
		rest, ok := cutPrefix(v, s.Prefix)
		if !ok && !s.Optional {
			return Malformed
		}
		v = rest
	}
	if v == "" || (s.NoValue != "" && v == s.NoValue) {
		return ""
	}
	if len(out.sigs) >= maxSignatures {
		return TooMany
	}
	if s.Unpadded {
		v = pad(v)
	}
	if s.Lower && (s.Encoding == "" || s.Encoding == "hex") && strings.ContainsFunc(v, func(r rune) bool { return 'A' <= r && r <= 'F' }) {
		return Malformed
	}
	b, ok := decodeText(s.Encoding, v)
	if !ok || len(b) == 0 {
		return Malformed
	}
	out.sigs = append(out.sigs, b)
	return ""
}

// cutPrefix takes off a prefix. The words of HTTP authentication, which end in a space, are read in either case (RFC 9110 section 11.1);
// versions and names of hashes are not.
func cutPrefix(s, prefix string) (string, bool) {
	if !strings.HasSuffix(prefix, " ") {
		rest, ok := strings.CutPrefix(s, prefix)
		return rest, ok
	}
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

// decodeText decodes hex (default), base64, base64url, or plain text. Base64 is strict in its padding and trailing bits and base64url in
// the latter: a signature with its end cut off is no signature.
func decodeText(encoding, v string) ([]byte, bool) {
	var b []byte
	var err error
	switch encoding {
	case "", "hex":
		b, err = hex.DecodeString(v)
	case "base64":
		if strings.ContainsAny(v, "\r\n") {
			return nil, false // the decoder would skip them
		}
		b, err = base64.StdEncoding.Strict().DecodeString(v)
	case "base64url":
		b, err = base64.RawURLEncoding.Strict().DecodeString(trimPad(v))
	case "plain":
		return []byte(v), true
	default:
		return nil, false
	}
	return b, err == nil
}

func trimPad(v string) string {
	if len(v)%4 == 0 {
		v = strings.TrimSuffix(v, "=")
		v = strings.TrimSuffix(v, "=")
	}
	return v
}

// pad gives base64 the padding that it lacks.
func pad(v string) string {
	if n := len(v) % 4; n > 1 {
		v += "=="[:4-n]
	}
	return v
}

func encodeText(encoding string, b []byte) string {
	switch encoding {
	case "base64":
		return base64.StdEncoding.EncodeToString(b)
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(b)
	case "plain":
		return string(b)
	}
	return hex.EncodeToString(b)
}

// format writes a signature the way parse reads it.
func (s *Signature) format(stamp string, stampField string, sigs [][]byte) string {
	one := func(b []byte) string { return s.Prefix + encodeText(s.Encoding, b) }
	var items []string
	switch s.Format {
	case "pairs":
		if stampField != "" {
			items = append(items, stampField+"="+stamp)
		}
		for _, b := range sigs {
			items = append(items, s.Field+"="+one(b))
		}
	case "list":
		for _, b := range sigs {
			items = append(items, s.Field+","+one(b))
		}
	case "positional":
		items = append(items, stamp)
		for _, b := range sigs {
			items = append(items, one(b))
		}
	case "plain-list":
		for _, b := range sigs {
			items = append(items, one(b))
		}
	default:
		return one(sigs[0])
	}
	return strings.Join(items, s.separator())
}
