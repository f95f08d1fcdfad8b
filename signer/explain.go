package signer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Cause is the machine-readable name of why a signature does not hold.
type Cause string

// The causes that [Explain] tries, in this order.
const (
	CauseNone         Cause = "none" // the message is valid
	CauseUnsigned     Cause = "unsigned"
	CauseClock        Cause = "clock" // stale or in the future
	CauseReplay       Cause = "replay"
	CauseHeader       Cause = "header" // a header is there twice, cannot be read, or is missing
	CauseParam        Cause = "param"  // the scheme needs a value beside the secret
	CauseEmptySecret  Cause = "empty-secret"
	CauseKeyDates     Cause = "key-dates"    // a key matches that is not live
	CauseOtherSecret  Cause = "other-secret" // another secret of the user matches
	CauseSecretSpace  Cause = "secret-space" // newline, space or quotes around the secret
	CauseSecretForm   Cause = "secret-form"  // decoded where it is text, or the reverse, or prefix kept or lost
	CauseNewline      Cause = "newline"      // the body lost or gained a line end
	CauseReserialised Cause = "reserialised" // JSON was parsed and written again
	CauseForm         Cause = "form"         // form body, decoded or wrapped
	CauseCompressed   Cause = "compressed"
	CauseEncoding     Cause = "encoding"       // charset or BOM
	CauseHash         Cause = "hash"           // another hash of the same family
	CauseTextForm     Cause = "signature-form" // the signature is in hex, base64 or base64url where the scheme wants another
	CauseURL          Cause = "url"            // port, scheme, path prefix, slash, query
	CauseMethod       Cause = "method"
	CauseTimestamp    Cause = "timestamp" // the time header was changed or is in another unit
	CauseBodyChanged  Cause = "body-changed"
	CauseProvider     Cause = "provider" // the headers are those of another scheme
	CauseKeyKind      Cause = "key-kind" // the key is of another kind than the scheme verifies with
	CauseAlgorithm    Cause = "algorithm"
	CauseUnknown      Cause = "unknown"
)

// Diagnosis says why a message is not valid: one cause, one sentence with the remedy. When no cause fits, RuledOut says what was tried.
type Diagnosis struct {
	Cause    Cause    `json:"cause"`
	Sentence string   `json:"sentence"`
	KeyID    string   `json:"key_id,omitempty"` // the key that would have matched
	Scheme   string   `json:"scheme,omitempty"` // the scheme that would have matched
	RuledOut []string `json:"ruled_out,omitempty"`
	Verdict  Verdict  `json:"verdict"`
}

// Others are keys that [Explain] tries beside those given to the scheme: the user's other secrets, by name.
type Others []Key

// Explain verifies a message and, when it is not valid, tries a bounded set of known causes. It never changes what a verdict is; others
// are further secrets of the user's that may have been meant.
func Explain(ctx context.Context, s *Scheme, req *Request, keys []Key, at time.Time, opts Options, others ...Key) Diagnosis {
	opts.Replay = nil // a diagnosis must not count as a sighting
	e := &explainer{ctx: ctx, scheme: s, req: req, keys: keys, others: others, at: at, opts: opts}
	verdict := Verify(ctx, s, req, keys, at, opts)
	d := e.explain(verdict)
	d.Verdict = verdict
	return d
}

type explainer struct {
	ctx      context.Context
	scheme   *Scheme
	req      *Request
	keys     []Key
	others   []Key
	at       time.Time
	opts     Options
	ruledOut []string
}

func (e *explainer) explain(v Verdict) Diagnosis {
	if d, ok := e.plain(v); ok {
		return d
	}
	for _, try := range []struct {
		what string
		f    func() (Diagnosis, bool)
	}{
		{"a key outside its dates", e.keyDates},
		{"another of your secrets", e.otherSecret},
		{"space or quotes around the secret", e.secretSpace},
		{"the secret decoded another way", e.secretForm},
		{"a lost or added line end", e.newline},
		{"a JSON body written anew", e.reserialised},
		{"a form body", e.form},
		{"a compressed body", e.compressed},
		{"another charset", e.charset},
		{"another hash", e.otherHash},
		{"another spelling of the signature", e.textForm},
		{"another form of the URL", e.url},
		{"another method", e.method},
		{"a changed time header", e.timestamp},
		{"headers of another provider", e.provider},
		{"an empty body at the sender", e.emptyBody},
	} {
		if d, ok := try.f(); ok {
			return d
		}
		e.ruledOut = append(e.ruledOut, try.what)
	}
	return Diagnosis{
		Cause: CauseUnknown,
		Sentence: "no known cause fits: either the secret is not the one of this endpoint, or the body was changed on the way; " +
			"copy the secret again from the provider's page of exactly this endpoint",
		RuledOut: e.ruledOut,
	}
}

// plain handles what the verdict alone explains.
func (e *explainer) plain(v Verdict) (Diagnosis, bool) {
	say := func(c Cause, format string, args ...any) (Diagnosis, bool) {
		return Diagnosis{Cause: c, Sentence: fmt.Sprintf(format, args...), KeyID: v.KeyID, Scheme: e.scheme.ID}, true
	}
	switch v.Status {
	case Valid:
		return say(CauseNone, "the signature holds")
	case Replayed:
		return say(CauseReplay, "the signature holds, but the same message was here before")
	case Stale:
		return say(CauseClock, "the signature holds, but it is %s: re-sign it for a replay, or check the clock of this machine", staleness(v))
	case Future:
		return say(CauseClock, "the signature holds, but its time is ahead of ours (%s): check the clock of this machine", v.Detail)
	}
	switch v.Reason {
	case MissingSignature:
		if d, ok := e.provider(); ok {
			return d, true
		}
		return say(CauseUnsigned, "%s: set a secret at the provider, or check that nothing on the way drops the header", v.Detail)
	case Duplicated, TooMany, TooLong, MissingTimestamp, BadTimestamp, MissingValue, WrongValue:
		if d, ok := e.timestampUnit(v); ok {
			return d, true
		}
		if v.Reason == MissingValue || v.Reason == WrongValue {
			if d, ok := e.provider(); ok {
				return d, true
			}
			if e.scheme.Algorithm == JWS {
				if d, ok := e.url(); ok {
					return d, true
				}
			}
		}
		return say(CauseHeader, "%s: look at what a proxy on the way adds or drops", v.Detail)
	case Malformed:
		if d, ok := e.textForm(); ok {
			return d, true
		}
		if d, ok := e.provider(); ok {
			return d, true
		}
		return say(CauseHeader, "%s: is this the right provider for this endpoint?", v.Detail)
	case EmptySecret:
		return say(CauseEmptySecret, "the secret is empty: the reference that should give it (environment variable, file) gives nothing")
	case MissingParam:
		return say(CauseParam, "%s: give it beside the secret", v.Detail)
	case BadAlgorithm:
		return say(CauseAlgorithm, "%s: the key must be of the kind the provider signs with", v.Detail)
	case BadKey:
		if d, ok := e.secretForm(); ok {
			return d, true
		}
		if d, ok := e.otherSecret(); ok {
			return d, true
		}
		return say(CauseKeyKind, "the key cannot be used with this scheme (%s): copy it again, whole", v.Detail)
	case BodyMismatch:
		if d, ok := e.newline(); ok {
			return d, true
		}
		if d, ok := e.reserialised(); ok {
			return d, true
		}
		return say(CauseBodyChanged, "%s: something on the way changed the body", v.Detail)
	case KeyUnavailable:
		return say(CauseKeyKind, "%s", v.Detail)
	case NoLiveKey:
		return e.keyDates()
	}
	return Diagnosis{}, false
}

func staleness(v Verdict) string {
	if v.Reason == Expired {
		return "expired: " + v.Detail
	}
	return fmt.Sprintf("stale by %d s (%s)", int(v.Age.Seconds()), v.Detail)
}

// holds says whether a variation makes the signature right, whatever the clock says.
func (e *explainer) holds(s *Scheme, req *Request, keys []Key, opts Options) (Verdict, bool) {
	opts.Replay, opts.Fetcher = nil, nil
	v := Verify(e.ctx, s, req, keys, e.at, opts)
	return v, v.Authentic()
}

func (e *explainer) body(b []byte) (Verdict, bool) {
	req := *e.req
	req.Body = b
	return e.holds(e.scheme, &req, e.keys, e.opts)
}

func (e *explainer) found(c Cause, v Verdict, format string, args ...any) (Diagnosis, bool) {
	return Diagnosis{Cause: c, Sentence: fmt.Sprintf(format, args...), KeyID: v.KeyID, Scheme: v.Scheme}, true
}

func (e *explainer) keyDates() (Diagnosis, bool) {
	for _, k := range e.keys {
		if k.Live(e.at) {
			continue
		}
		free := k
		free.NotBefore, free.NotAfter = time.Time{}, time.Time{}
		if v, ok := e.holds(e.scheme, e.req, []Key{free}, e.opts); ok {
			if e.at.Before(k.NotBefore) {
				return e.found(CauseKeyDates, v, "key %q made it, and is good only from %s: the provider has changed over already, or a clock is wrong", k.ID, k.NotBefore.UTC().Format(time.RFC3339))
			}
			return e.found(CauseKeyDates, v, "key %q made it, and ended at %s: the provider still signs with the old secret; finish the rotation there or keep the key longer", k.ID, k.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if len(e.keys) == 0 {
		if d, ok := e.otherSecret(); ok {
			return d, true
		}
		return Diagnosis{Cause: CauseEmptySecret, Sentence: "there is no key for this scheme: give one", Scheme: e.scheme.ID}, true
	}
	return Diagnosis{}, false
}

func (e *explainer) otherSecret() (Diagnosis, bool) {
	for _, k := range e.others {
		if v, ok := e.holds(e.scheme, e.req, []Key{k}, e.opts); ok {
			return e.found(CauseOtherSecret, v, "the secret %q matches: it belongs to this endpoint, the one in use to another", k.ID)
		}
	}
	return Diagnosis{}, false
}

func (e *explainer) secretSpace() (Diagnosis, bool) {
	for _, k := range e.keys {
		text := string(k.Secret)
		for _, variant := range []struct{ text, what string }{
			{strings.TrimSpace(text), "has space or a line end around it"},
			{strings.Trim(strings.TrimSpace(text), `"'`), "has quotes around it"},
			{text + "\n", "was set at the provider with a line end"},
			{strings.TrimPrefix(strings.TrimPrefix(text, "\ufeff"), "export "), "has a byte order mark in front"},
		} {
			if variant.text == text || variant.text == "" {
				continue
			}
			c := k
			c.Secret = Secret(variant.text)
			if v, ok := e.holds(e.scheme, e.req, []Key{c}, e.opts); ok {
				return e.found(CauseSecretSpace, v, "the secret %s: store it without (printf, not echo)", variant.what)
			}
		}
	}
	return Diagnosis{}, false
}

// secretForm tries the secret as text, base64 and hex, with and without its prefix.
func (e *explainer) secretForm() (Diagnosis, bool) {
	if e.scheme.Key.Public || e.scheme.Algorithm == Token || e.scheme.Algorithm == Basic {
		return Diagnosis{}, false
	}
	for _, k := range e.keys {
		text := strings.TrimSpace(string(k.Secret))
		if text == "" {
			continue
		}
		bare := text
		if i := strings.LastIndexByte(text, '_'); i >= 0 && i < len(text)-1 {
			bare = text[i+1:]
		}
		prefix := text[:len(text)-len(bare)]
		for _, variant := range []struct {
			text, how string
			rule      KeyRule
		}{
			{text, "used as plain text, whole", KeyRule{}},
			{bare, fmt.Sprintf("used as plain text without %q", prefix), KeyRule{}},
			{text, "decoded from base64", KeyRule{Encoding: "base64"}},
			{bare, fmt.Sprintf("decoded from base64 after %q", prefix), KeyRule{Encoding: "base64"}},
			{text, "decoded from hexadecimal", KeyRule{Encoding: "hex"}},
			{bare, fmt.Sprintf("decoded from hexadecimal after %q", prefix), KeyRule{Encoding: "hex"}},
			{base64.StdEncoding.EncodeToString([]byte(text)), "encoded in base64 first", KeyRule{}},
			{hex.EncodeToString([]byte(text)), "encoded in hexadecimal first", KeyRule{}},
		} {
			s := *e.scheme
			s.Key = variant.rule
			c := k
			c.Secret = Secret(variant.text)
			if v, ok := e.holds(&s, e.req, []Key{c}, e.opts); ok {
				return e.found(CauseSecretForm, v, "it matches with the secret %s, where this scheme wants it %s: the sender (or the value you were given) treats the secret otherwise", variant.how, e.scheme.Key.how())
			}
		}
		// Users also lose the prefix that a scheme keeps in the key.
		for _, p := range []string{"whsec_", "pdl_ntfset_", "sk_", "secret_"} {
			c := k
			c.Secret = Secret(p + text)
			if v, ok := e.holds(e.scheme, e.req, []Key{c}, e.opts); ok {
				return e.found(CauseSecretForm, v, "it matches with %q in front of the secret: the beginning is part of the key, copy it whole", p)
			}
		}
	}
	return Diagnosis{}, false
}

func (r *KeyRule) how() string {
	switch r.Encoding {
	case "base64", "base64-if-prefixed":
		return "decoded from base64"
	case "hex":
		return "decoded from hexadecimal"
	}
	return "as plain text, whole"
}

func (e *explainer) newline() (Diagnosis, bool) {
	b := e.req.Body
	for _, variant := range []struct {
		body []byte
		what string
	}{
		{append(slices.Clone(b), '\n'), "the sender signed a line end after the body that is missing here"},
		{append(slices.Clone(b), '\r', '\n'), "the sender signed a CRLF after the body that is missing here"},
		{bytes.TrimSuffix(b, []byte("\n")), "the body has a line end that the sender did not sign"},
		{bytes.TrimSuffix(b, []byte("\r\n")), "the body has a CRLF that the sender did not sign"},
		{bytes.TrimSpace(b), "the body has space around it that the sender did not sign"},
		{bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), "line ends were changed from LF to CRLF"},
		{bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")), "line ends were changed from CRLF to LF"},
	} {
		if bytes.Equal(variant.body, b) {
			continue
		}
		if v, ok := e.body(variant.body); ok {
			return e.found(CauseNewline, v, "%s: hash the raw bytes, as received (an editor or a shell's $(...) adds and drops line ends)", variant.what)
		}
	}
	return Diagnosis{}, false
}

// maxRewrite bounds the JSON that is written anew to look for a cause.
const maxRewrite = 4 << 20

func (e *explainer) reserialised() (Diagnosis, bool) {
	if len(e.req.Body) > maxRewrite || !json.Valid(e.req.Body) {
		return Diagnosis{}, false
	}
	for what, b := range rewrites(e.req.Body) {
		if bytes.Equal(b, e.req.Body) {
			continue
		}
		if v, ok := e.body(b); ok {
			return e.found(CauseReserialised, v, "it matches the same JSON %s: something on the way parsed the body and wrote it again; hash the raw bytes", what)
		}
	}
	return Diagnosis{}, false
}

// rewrites are the ways that common libraries write one JSON document.
func rewrites(b []byte) map[string][]byte {
	out := map[string][]byte{}
	var compact bytes.Buffer
	if json.Compact(&compact, b) == nil {
		out["without white space"] = compact.Bytes()
		out["with / as \\/"] = []byte(escapeASCII(compact.String(), false))
		out["in the spacing of Python"] = spaced(compact.Bytes())
	}
	for _, indent := range []string{"  ", "    ", "\t"} {
		var pretty bytes.Buffer
		if json.Indent(&pretty, compact.Bytes(), "", indent) == nil {
			out[fmt.Sprintf("indented with %q", indent)] = pretty.Bytes()
		}
	}
	if doc, err := decodeJSON(b); err == nil {
		for _, html := range []bool{true, false} {
			var sorted bytes.Buffer
			enc := json.NewEncoder(&sorted)
			enc.SetEscapeHTML(html)
			if enc.Encode(doc) == nil {
				text := bytes.TrimSuffix(sorted.Bytes(), []byte("\n"))
				out[fmt.Sprintf("with sorted keys (HTML escaped: %v)", html)] = text
				out[fmt.Sprintf("with sorted keys in the spacing of Python (%v)", html)] = spaced(text)
			}
		}
	}
	ascii := asciiJSON(compact.String())
	out["with letters beyond ASCII as \\u"] = []byte(ascii)
	out["with letters beyond ASCII as \\u, in the spacing of Python"] = spaced([]byte(ascii))
	out["with \\u escapes as letters"] = []byte(unescapeJSON(compact.String()))
	out["with \\/ as /"] = bytes.ReplaceAll(compact.Bytes(), []byte(`\/`), []byte("/"))
	return out
}

// spaced puts a space after each comma and colon outside strings.
func spaced(b []byte) []byte {
	var out []byte
	quoted := false
	for i := 0; i < len(b); i++ {
		out = append(out, b[i])
		switch {
		case quoted && b[i] == '\\' && i+1 < len(b):
			i++
			out = append(out, b[i])
		case b[i] == '"':
			quoted = !quoted
		case !quoted && (b[i] == ',' || b[i] == ':'):
			out = append(out, ' ')
		}
	}
	return out
}

func asciiJSON(s string) string {
	return strings.ReplaceAll(escapeASCII(strings.ReplaceAll(s, "/", "\x00"), false), "\x00", "/")
}

// unescapeJSON writes \uXXXX of letters beyond ASCII as the letters.
func unescapeJSON(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '\\' && i+1 < len(s) && s[i+1] == 'u' {
			end := i + 6
			if end+6 <= len(s) && s[end:end+2] == `\u` && strings.HasPrefix(strings.ToLower(s[i+2:]), "d") {
				end += 6
			}
			var text string
			if end <= len(s) && json.Unmarshal([]byte(`"`+s[i:end]+`"`), &text) == nil && text != "" && text[0] >= utf8.RuneSelf {
				b.WriteString(text)
				i = end
				continue
			}
		}
		if s[i] == '\\' && i+1 < len(s) {
			b.WriteString(s[i : i+2])
			i += 2
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

func (e *explainer) form() (Diagnosis, bool) {
	body := string(e.req.Body)
	values := parseForm(body)
	for name, vs := range values {
		if len(vs) != 1 || vs[0] == "" || len(values) > maxItems {
			continue
		}
		if v, ok := e.body([]byte(vs[0])); ok {
			return e.found(CauseForm, v, "the sender signed what is inside the form field %q, before form encoding: choose JSON as the content type there", name)
		}
	}
	if json.Valid(e.req.Body) {
		for _, name := range []string{"payload", "data", "json"} {
			if v, ok := e.body([]byte(url.Values{name: {body}}.Encode())); ok {
				return e.found(CauseForm, v, "the sender signed a form with the JSON in field %q: something on the way took it out; hash the raw bytes", name)
			}
		}
	}
	for _, variant := range []string{strings.ReplaceAll(body, "%20", "+"), strings.ReplaceAll(body, "+", "%20"), values.Encode()} {
		if variant == body {
			continue
		}
		if v, ok := e.body([]byte(variant)); ok {
			return e.found(CauseForm, v, "it matches the same form encoded otherwise: something on the way parsed the form and wrote it again; hash the raw bytes")
		}
	}
	if unescaped, err := url.QueryUnescape(body); err == nil && unescaped != body {
		if v, ok := e.body([]byte(unescaped)); ok {
			return e.found(CauseForm, v, "the sender signed the decoded form text: the body was escaped on the way")
		}
	}
	return Diagnosis{}, false
}

func (e *explainer) compressed() (Diagnosis, bool) {
	if len(e.req.Body) < 2 || e.req.Body[0] != 0x1f || e.req.Body[1] != 0x8b {
		return Diagnosis{}, false
	}
	req := *e.req
	req.Header = http.Header{"Content-Encoding": {"gzip"}}
	plain, err := gunzipped(&req)
	if err != nil {
		return Diagnosis{}, false
	}
	if v, ok := e.body([]byte(plain)); ok {
		return e.found(CauseCompressed, v, "the sender signed the body before compressing it: decompress before hashing, forward as received")
	}
	return Diagnosis{}, false
}

func (e *explainer) charset() (Diagnosis, bool) {
	b := e.req.Body
	bom := []byte("\xef\xbb\xbf")
	if v, ok := e.body(bytes.TrimPrefix(b, bom)); ok && bytes.HasPrefix(b, bom) {
		return e.found(CauseEncoding, v, "the body has a byte order mark that the sender did not sign: an editor added it")
	}
	if !utf8.Valid(b) {
		return Diagnosis{}, false
	}
	var latin, twice []byte
	for _, r := range string(b) {
		if r > 0xff {
			latin = nil
			break
		}
		latin = append(latin, byte(r))
	}
	for _, c := range b {
		twice = utf8.AppendRune(twice, rune(c))
	}
	for _, variant := range [][]byte{latin, twice} {
		if variant == nil || bytes.Equal(variant, b) {
			continue
		}
		if v, ok := e.body(variant); ok {
			return e.found(CauseEncoding, v, "it matches the body in another charset (Latin-1 against UTF-8): something on the way decoded the bytes to text; hash the raw bytes")
		}
	}
	return Diagnosis{}, false
}

func (e *explainer) otherHash() (Diagnosis, bool) {
	if !strings.HasPrefix(e.scheme.Algorithm, "hmac-") {
		return Diagnosis{}, false
	}
	for _, algorithm := range []string{HMACSHA1, HMACSHA256, HMACSHA384, HMACSHA512} {
		if algorithm == e.scheme.Algorithm {
			continue
		}
		s := *e.scheme
		s.Algorithm = algorithm
		if v, ok := e.holds(&s, e.req, e.keys, e.opts); ok {
			return e.found(CauseHash, v, "it matches with %s where the scheme has %s: the sender is set to another hash", strings.TrimPrefix(algorithm, "hmac-"), strings.TrimPrefix(e.scheme.Algorithm, "hmac-"))
		}
	}
	for _, algorithm := range []string{SHA256, SHA1} {
		s := *e.scheme
		s.Algorithm, s.Content = algorithm, "{secret}"+cmpOr(s.Content, "{body}")
		if v, ok := e.holds(&s, e.req, e.keys, e.opts); ok {
			return e.found(CauseHash, v, "it matches a plain %s of secret and body: the sender does not use an HMAC", algorithm)
		}
	}
	return Diagnosis{}, false
}

func (e *explainer) textForm() (Diagnosis, bool) {
	if e.scheme.Signature.Encoding == "plain" || e.scheme.Signature.From == "" {
		return Diagnosis{}, false
	}
	for _, enc := range []string{"hex", "base64", "base64url"} {
		for _, prefix := range []string{e.scheme.Signature.Prefix, "", "sha256=", "sha1=", "v1="} {
			if enc == cmpOr(e.scheme.Signature.Encoding, "hex") && prefix == e.scheme.Signature.Prefix {
				continue
			}
			s := *e.scheme
			s.Signature.Encoding, s.Signature.Prefix = enc, prefix
			if v, ok := e.holds(&s, e.req, e.keys, e.opts); ok {
				return e.found(CauseTextForm, v, "the signature is right, but written in %s with prefix %q where the scheme wants %s", enc, prefix, e.scheme.Signature.shape())
			}
		}
	}
	return Diagnosis{}, false
}

func (e *explainer) url() (Diagnosis, bool) {
	for _, variant := range urlVariants(e.req.URL) {
		req := *e.req
		req.URL = variant.url
		if v, ok := e.holds(e.scheme, &req, e.keys, e.opts); ok {
			return e.found(CauseURL, v, "the sender signed %q, %s: give the public URL exactly as it is set at the provider", variant.url, variant.what)
		}
	}
	return Diagnosis{}, false
}

type urlVariant struct{ url, what string }

// urlVariants are what proxies and people make of one URL.
func urlVariants(raw string) []urlVariant {
	var out []urlVariant
	add := func(u, what string) {
		if u != raw && u != "" {
			out = append(out, urlVariant{u, what})
		}
	}
	origin, host, path, query, has := splitURL(raw)
	scheme := strings.TrimSuffix(origin, host)
	tail := path
	if has {
		tail += "?" + query
	}
	for i, u := range portVariants(raw) {
		if i > 0 {
			add(u, "with or without the port")
		}
	}
	other := map[string]string{"https://": "http://", "http://": "https://"}[scheme]
	add(other+host+tail, "with the other scheme")
	bare, _, _ := strings.Cut(host, ":")
	add(other+bare+tail, "with the other scheme and no port")
	if strings.HasSuffix(path, "/") {
		add(origin+strings.TrimSuffix(path, "/")+tail[len(path):], "without the slash at the end")
	} else {
		add(origin+path+"/"+tail[len(path):], "with a slash at the end")
	}
	add(origin+path, "without the query")
	if has {
		if plain, err := url.QueryUnescape(query); err == nil {
			add(origin+path+"?"+plain, "with the query decoded")
		}
		add(origin+path+"?"+sortedQuery(query), "with the query sorted and encoded anew")
	}
	for rest := strings.TrimPrefix(path, "/"); rest != ""; {
		_, after, ok := strings.Cut(rest, "/")
		if !ok {
			break
		}
		add(origin+"/"+after+tail[len(path):], "without the first part of the path")
		rest = after
	}
	if cut, ok := strings.CutPrefix(path, "/h/"); ok {
		if _, after, ok := strings.Cut(cut, "/"); ok {
			add(origin+"/"+after+tail[len(path):], "without the relay's prefix")
		}
	}
	add(strings.ToLower(origin)+tail, "with the host in lower case")
	return out
}

func (e *explainer) method() (Diagnosis, bool) {
	for _, m := range []string{"POST", "GET", "PUT", "PATCH", "DELETE", strings.ToUpper(e.req.Method), strings.ToLower(e.req.Method)} {
		if m == e.req.Method {
			continue
		}
		req := *e.req
		req.Method = m
		if v, ok := e.holds(e.scheme, &req, e.keys, e.opts); ok && (v.Covered("method") || e.scheme.Algorithm == JWS) {
			return e.found(CauseMethod, v, "the sender signed the method %s: something on the way changed it to %s", m, e.req.Method)
		}
	}
	return Diagnosis{}, false
}

// timestamp looks for a time header in another unit than the one that was signed.
func (e *explainer) timestamp() (Diagnosis, bool) {
	t := e.scheme.Timestamp
	name, ok := "", false
	if t != nil {
		name, ok = strings.CutPrefix(t.From, "header:")
	}
	if !ok {
		return Diagnosis{}, false
	}
	sent := e.req.Header.Get(name)
	for _, read := range []string{"s", "ms", "rfc3339"} {
		at, ok := (&Timestamp{Unit: read}).parse(sent)
		if !ok {
			continue
		}
		for _, unit := range []string{"s", "ms", "rfc3339"} {
			text := (&Timestamp{Unit: unit}).format(at)
			if text == sent {
				continue
			}
			req := *e.req
			req.Header = req.Header.Clone()
			req.Header.Set(name, text)
			s := *e.scheme
			stamp := *t
			stamp.Unit = unit
			s.Timestamp = &stamp
			if v, ok := e.holds(&s, &req, e.keys, e.opts); ok {
				return e.found(CauseTimestamp, v, "the sender signed the time as %q: header %q was rewritten on the way", text, name)
			}
		}
	}
	return Diagnosis{}, false
}

// timestampUnit explains a time that cannot be read: the sender uses another unit.
func (e *explainer) timestampUnit(v Verdict) (Diagnosis, bool) {
	if e.scheme.Timestamp == nil || v.Reason != BadTimestamp {
		return Diagnosis{}, false
	}
	for _, unit := range []string{"s", "ms", "rfc3339"} {
		s := *e.scheme
		t := *e.scheme.Timestamp
		t.Unit = unit
		s.Timestamp = &t
		if verdict, ok := e.holds(&s, e.req, e.keys, e.opts); ok {
			return e.found(CauseTimestamp, verdict, "the signature holds, but the time is written in %q where the scheme wants %q", unit, cmpOr(e.scheme.Timestamp.Unit, "s"))
		}
	}
	return Diagnosis{}, false
}

// provider looks whether the message is right by the rule of another scheme, or at least looks like one.
func (e *explainer) provider() (Diagnosis, bool) {
	keys := slices.Concat(e.keys, e.others)
	all := Providers()
	for i := range all {
		for j := range all[i].Schemes {
			s := &all[i].Schemes[j]
			if s.ID == e.scheme.ID || s.Algorithm == Token || s.Algorithm == Basic || len(s.Params) > 0 || len(keys) == 0 {
				continue
			}
			if s.Algorithm == HTTPMessage && e.req.Header.Get("Signature-Input") == "" {
				continue
			}
			if v, ok := e.holds(s, e.req, keys, e.opts); ok {
				return e.found(CauseProvider, v, "it is a valid signature of %s (scheme %q): choose that scheme for this endpoint", all[i].Name, s.ID)
			}
		}
	}
	for _, d := range Detect(e.req) {
		if d.Provider == providerOf(e.scheme.ID, all) {
			return Diagnosis{}, false
		}
		return Diagnosis{
			Cause: CauseProvider, Scheme: d.Scheme,
			Sentence: fmt.Sprintf("the headers look like those of %q, not of the scheme %q: choose that provider for this endpoint", d.Provider, e.scheme.ID),
		}, true
	}
	return Diagnosis{}, false
}

func providerOf(scheme string, all []Provider) string {
	for _, p := range all {
		for i := range p.Schemes {
			if p.Schemes[i].ID == scheme {
				return p.ID
			}
		}
	}
	return ""
}

func (e *explainer) emptyBody() (Diagnosis, bool) {
	if len(e.req.Body) == 0 {
		return Diagnosis{}, false
	}
	if v, ok := e.body(nil); ok {
		return e.found(CauseBodyChanged, v, "the sender signed an empty body: the body was added on the way, or the sender signs before it writes the body")
	}
	return Diagnosis{}, false
}
