package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
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
	loose := *s
	loose.Body = "" // what was signed may be what this sender never sends
	v := Verify(e.ctx, &loose, req, keys, e.at, opts)
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
	loose := *e.scheme
	loose.Signature.Lower, loose.Signature.Unpadded = false, true
	if v, ok := e.holds(&loose, e.req, e.keys, e.opts); ok {
		return e.found(CauseTextForm, v, "the signature is right, but written in capitals or without its padding: the provider's own SDK refuses it so")
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
	all := table()
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
	likely := Detect(e.req)
	if len(likely) == 0 || likely[0].Provider == providerOf(e.scheme.ID, all) {
		return Diagnosis{}, false
	}
	return Diagnosis{
		Cause: CauseProvider, Scheme: likely[0].Scheme,
		Sentence: fmt.Sprintf("the headers look like those of %q, not of the scheme %q: choose that provider for this endpoint", likely[0].Provider, e.scheme.ID),
	}, true
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
