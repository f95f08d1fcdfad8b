package signer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	_ "crypto/sha1" // hash for hmac-sha1 and rsa-sha1 schemes
)

// Options are what a verification may be told beside the message and the keys. The zero value is right for most.
type Options struct {
	Window  time.Duration     // instead of the scheme's own window; at most one hour
	Params  map[string]string // values a scheme asks for: webhook_id, audience, public_key ...
	Replay  ReplayCache       // nil: replays are not looked for
	Scope   string            // of the replay cache: the endpoint
	Fetcher Fetcher           // nil: published keys are not fetched
}

// Verify judges one message at the time of its receipt. It tries every live key and names the one that matched.
func Verify(ctx context.Context, s *Scheme, req *Request, keys []Key, at time.Time, opts Options) Verdict {
	v, err := NewVerifier(s, keys, opts)
	if err != nil {
		return Verdict{Status: Invalid, Reason: BadKey, Detail: err.Error(), Scheme: s.ID}
	}
	return v.Verify(ctx, req, at)
}

// Verifier checks many messages against one scheme and one set of keys. It is safe for use by several goroutines.
type Verifier struct {
	scheme    *Scheme
	opts      Options
	keys      []liveKey
	contents  []*template
	from      []place
	timestamp place
	messageID place
	requires  []requirement
	guarded   []place // headers that must not be sent twice
	covers    []string
	hook      hook
}

type requirement struct {
	place place
	value string
}

// NewVerifier compiles the scheme and decodes the keys. A key that cannot be decoded is kept: it makes the verdict say so, unless another
// key matches.
func NewVerifier(s *Scheme, keys []Key, opts Options) (*Verifier, error) {
	v := &Verifier{scheme: s, opts: opts}
	for _, text := range append([]string{cmpOr(s.Content, "{body}")}, s.Also...) {
		t, err := compileTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("scheme %q: %w", s.ID, err)
		}
		v.contents = append(v.contents, t)
	}
	if s.Hook != "" {
		h, ok := findHook(s.Hook)
		if !ok {
			return nil, fmt.Errorf("scheme %q: unknown function %q", s.ID, s.Hook)
		}
		v.hook = h
		if h.timed && s.Timestamp == nil {
			return nil, fmt.Errorf("scheme %q: the function %q needs a timestamp", s.ID, s.Hook)
		}
	}
	if s.Algorithm == JWS && (s.JWT == nil || len(s.JWT.Algorithms) == 0) && v.hook.verify == nil {
		return nil, fmt.Errorf("scheme %q: a token scheme needs its algorithms", s.ID)
	}
	v.from = append(v.from, parsePlace(s.Signature.From))
	for _, m := range s.Signature.More {
		v.from = append(v.from, parsePlace(m))
	}
	if s.Timestamp != nil {
		v.timestamp = parsePlace(s.Timestamp.From)
	}
	v.messageID = parsePlace(s.MessageID)
	for name, value := range s.Require {
		v.requires = append(v.requires, requirement{parsePlace(name), value})
	}
	slices.SortFunc(v.requires, func(a, b requirement) int {
		return strings.Compare(a.place.name+a.place.path, b.place.name+b.place.path)
	})
	v.guard()
	v.covers = coverage(s, v.contents)
	for i := range keys {
		v.keys = append(v.keys, decodeKey(s, &keys[i]))
	}
	return v, nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// guard lists the headers that must come once: those of the signature, the time, the id, and those the content takes in.
func (v *Verifier) guard() {
	add := func(p place) {
		if p.kind == "header" && p.name != "" && !slices.Contains(v.guarded, p) {
			v.guarded = append(v.guarded, p)
		}
	}
	if !v.scheme.Signature.Repeats {
		for _, p := range v.from {
			add(p)
		}
	}
	add(v.timestamp)
	add(v.messageID)
	for _, t := range v.contents {
		for _, p := range t.parts {
			add(p.place)
		}
	}
	for _, r := range v.requires {
		add(r.place)
	}
}

func coverage(s *Scheme, contents []*template) []string {
	switch s.Algorithm {
	case Token, Basic:
		return nil
	}
	if h, ok := findHook(s.Hook); ok && h.covers != nil {
		return h.covers
	}
	if s.Algorithm == JWS {
		return s.JWT.covers()
	}
	out := contents[0].covers()
	if s.Timestamp != nil && strings.HasPrefix(s.Timestamp.From, "json:") && !slices.Contains(out, "timestamp") {
		out = append(out, "timestamp")
	}
	if s.BodyHash != nil && !slices.Contains(out, "body") {
		out = append(out, "body")
	}
	return out
}

// Covers names the parts of a message that a valid signature of this scheme binds.
func (s *Scheme) Covers() []string {
	v, err := NewVerifier(s, nil, Options{})
	if err != nil {
		return nil
	}
	return v.covers
}

// verdict starts one with what is known before the keys are tried.
func (v *Verifier) verdict(status Status, reason Reason, detail string) Verdict {
	return Verdict{Status: status, Reason: reason, Detail: detail, Scheme: v.scheme.ID, Covers: v.covers}
}

// Verify judges one message.
func (v *Verifier) Verify(ctx context.Context, req *Request, at time.Time) Verdict {
	for i := range v.guarded {
		if len(req.Header[v.guarded[i].name]) > 1 {
			return v.verdict(Invalid, Duplicated, fmt.Sprintf("header %q is there more than once", v.guarded[i].name))
		}
	}
	for _, p := range v.scheme.Params {
		if v.opts.Params[p] == "" {
			return v.verdict(NoKey, MissingParam, fmt.Sprintf("the scheme needs the value %q", p))
		}
	}
	r := &reader{req: req, params: v.opts.Params}
	if v.scheme.Algorithm == JWS && v.hook.verify == nil {
		return v.finish(v.verifyJWT(ctx, r, at), r, at)
	}
	if v.hook.verify != nil {
		return v.finish(v.hook.verify(ctx, v, r, at), r, at)
	}
	return v.finish(v.verifySigned(ctx, r, at), r, at)
}

// collect reads the signatures of the message.
func (v *Verifier) collect(r *reader) (sigParse, Reason) {
	var parsed sigParse
	var bad Reason
	seen := false
	for _, p := range v.from {
		for i, value := range r.values(p) {
			if i >= maxSignatures {
				return parsed, TooMany
			}
			if value == "" {
				continue
			}
			seen = true
			if reason := v.scheme.Signature.parse(&parsed, value); reason != "" {
				bad = reason
			}
			if bad == TooMany || bad == TooLong {
				return parsed, bad
			}
		}
	}
	r.fields = parsed.fields
	if len(parsed.sigs) > 0 {
		return parsed, ""
	}
	if !seen {
		return parsed, MissingSignature
	}
	return parsed, bad
}

func (v *Verifier) verifySigned(ctx context.Context, r *reader, at time.Time) Verdict {
	parsed, reason := v.collect(r)
	switch {
	case reason == MissingSignature:
		return v.verdict(Unsigned, MissingSignature, fmt.Sprintf("there is no %s", describe(v.scheme.Signature.From)))
	case reason != "":
		return v.verdict(Invalid, reason, fmt.Sprintf("the signature in %s cannot be read as %s", describe(v.scheme.Signature.From), v.scheme.Signature.shape()))
	case len(parsed.sigs) == 0:
		if v.scheme.Signature.Format == "" || v.scheme.Signature.Format == "single" {
			return v.verdict(Unsigned, MissingSignature, fmt.Sprintf("%s is empty: the sender has no secret", describe(v.scheme.Signature.From)))
		}
		return v.verdict(Invalid, MissingSignature, fmt.Sprintf("%s has no %q signature", describe(v.scheme.Signature.From), v.scheme.Signature.Field))
	}
	if verdict, ok := v.requirements(r); !ok {
		return verdict
	}
	c := &content{reader: r, url: r.req.URL}
	var signedAt time.Time
	if t := v.scheme.Timestamp; t != nil {
		values := r.values(v.timestamp)
		if len(values) == 0 {
			if !t.Optional {
				return v.verdict(Invalid, MissingTimestamp, fmt.Sprintf("there is no time in %s", describe(t.From)))
			}
		} else {
			if len(values) > 1 && v.timestamp.kind == "field" {
				return v.verdict(Invalid, Duplicated, "the signature header gives the time more than once")
			}
			c.timestamp = values[0]
			var ok bool
			if signedAt, ok = t.parse(c.timestamp); !ok {
				return v.verdict(Invalid, BadTimestamp, fmt.Sprintf("the time %.40q is not in the form the scheme uses", c.timestamp))
			}
		}
	}
	if v.messageID.name != "" || v.messageID.path != "" {
		if vs := r.values(v.messageID); len(vs) > 0 {
			c.id = vs[0]
		} else if v.contents[0].uses("id") {
			return v.verdict(Invalid, MissingValue, fmt.Sprintf("there is no id in %s", describe(v.scheme.MessageID)))
		}
	}
	verdict := v.tryKeys(ctx, c, parsed, at)
	if verdict.Status == Valid && v.scheme.BodyHash != nil && !v.bodyHashHolds(r) {
		verdict = v.verdict(Invalid, BodyMismatch, "the body is not the one whose digest was signed")
	}
	verdict.SignedAt = signedAt
	return verdict
}

// requirements checks headers and fields that must have one value, and the kind of body.
func (v *Verifier) requirements(r *reader) (Verdict, bool) {
	for _, q := range v.requires {
		vs := r.values(q.place)
		if len(vs) == 0 || !matchText(vs[0], q.value) {
			return v.verdict(Invalid, WrongValue, fmt.Sprintf("%s is not %q", describe(q.place.String()), q.value)), false
		}
	}
	if wrong := v.scheme.wrongBody(r.req.Body); wrong != "" {
		return v.verdict(Invalid, WrongValue, wrong), false
	}
	return Verdict{}, true
}

// wrongBody says what a body lacks that the scheme wants of it, "" when nothing.
func (s *Scheme) wrongBody(body []byte) string {
	switch s.Body {
	case "some":
		if len(body) == 0 {
			return "the body is empty, and this sender sends none that is"
		}
	case "json":
		body = bytes.TrimSpace(body)
		if len(body) == 0 || (body[0] != '{' && body[0] != '[') {
			return "the body is not a JSON object or array"
		}
	}
	return ""
}

// finish judges freshness and replay of a message whose signature holds.
func (v *Verifier) finish(verdict Verdict, r *reader, at time.Time) Verdict {
	if !verdict.SignedAt.IsZero() {
		verdict.Age = at.Sub(verdict.SignedAt)
	}
	if verdict.Status != Valid {
		return verdict
	}
	window := v.scheme.Timestamp.window(v.opts.Window)
	if !verdict.SignedAt.IsZero() {
		switch {
		case verdict.Age > window:
			verdict.Status, verdict.Reason = Stale, TooOld
			verdict.Detail = fmt.Sprintf("signed %d s ago, %d s are allowed", int(verdict.Age.Seconds()), int(window.Seconds()))
			return verdict
		case -verdict.Age > window:
			verdict.Status, verdict.Reason = Future, TooNew
			verdict.Detail = fmt.Sprintf("signed %d s in the future, %d s are allowed", int(-verdict.Age.Seconds()), int(window.Seconds()))
			return verdict
		}
	}
	if v.opts.Replay != nil {
		key := ReplayKey(v.opts.Scope, v.scheme, r.req)
		first, err := v.opts.Replay.First(key, at, 2*window)
		if err == nil && !first {
			verdict.Status, verdict.Reason, verdict.Detail = Replayed, SeenBefore, "the same signed message was here before"
		}
		if err != nil {
			verdict.Detail = "whether it was here before could not be checked"
		}
	}
	return verdict
}
