package signer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"
)

// judgeClaims checks what a true token says.
func (v *Verifier) judgeClaims(verdict Verdict, r *reader, t *token, at time.Time) Verdict {
	j := v.scheme.JWT
	refuse := func(reason Reason, format string, args ...any) Verdict {
		return v.verdict(Invalid, reason, fmt.Sprintf(format, args...))
	}
	leeway := time.Duration(max(j.Leeway, 0)) * time.Second
	if j.Leeway == 0 {
		leeway = defaultLeeway * time.Second
	}
	exp, hasExp, ok := claimTime(t.claims, "exp")
	if !ok || (j.Expires && !hasExp) {
		return refuse(BadTimestamp, "claim %q is missing or not a time", "exp")
	}
	nbf, hasNbf, ok := claimTime(t.claims, "nbf")
	if !ok {
		return refuse(BadTimestamp, "claim %q is not a time", "nbf")
	}
	if tm := v.scheme.Timestamp; tm != nil {
		name := strings.TrimPrefix(tm.From, "claim:")
		signed, has, ok := claimTime(t.claims, name)
		if !ok || (!has && !tm.Optional) {
			return refuse(MissingTimestamp, "claim %q is missing or not a time", name)
		}
		if has {
			verdict.SignedAt = signed
		}
	}
	if issuers := v.issuers(); len(issuers) > 0 && !slices.Contains(issuers, claimText(t.claims, "iss")) {
		return refuse(WrongValue, "the issuer is %.80q", claimText(t.claims, "iss"))
	}
	for name, want := range j.Claims {
		if !matchText(claimText(t.claims, name), want) {
			return refuse(WrongValue, "claim %q is not %q", name, want)
		}
	}
	if j.Audience != "" {
		want := r.req.URL
		if name, ok := strings.CutPrefix(j.Audience, "param:"); ok {
			want = v.opts.Params[name]
		}
		if want != "" && !claimHas(t.claims, "aud", want) {
			return refuse(WrongValue, "the audience of the token is not %q", want)
		}
	}
	if j.Subject == "url" && claimText(t.claims, "sub") != r.req.URL {
		return refuse(WrongValue, "the subject of the token is %.120q, not the URL of the request", claimText(t.claims, "sub"))
	}
	if r, detail := v.judgeHashes(r, t); r != "" {
		return refuse(r, "%s", detail)
	}
	if hasNbf && at.Add(leeway).Before(nbf) {
		return v.timed(verdict, Future, NotYetValid, fmt.Sprintf("the token is good from %d s from now", int(nbf.Sub(at).Seconds())))
	}
	if hasExp && !at.Before(exp.Add(leeway)) {
		return v.timed(verdict, Stale, Expired, fmt.Sprintf("the token ended %d s ago", int(at.Sub(exp).Seconds())))
	}
	return verdict
}

// issuers are the names the row allows; "param:NAME" stands for a value of the user's, and asks nothing when there is none.
func (v *Verifier) issuers() []string {
	var out []string
	for _, iss := range v.scheme.JWT.Issuer {
		if name, ok := strings.CutPrefix(iss, "param:"); ok {
			if iss = v.opts.Params[name]; iss == "" {
				continue
			}
		}
		out = append(out, iss)
	}
	return out
}

func (v *Verifier) timed(verdict Verdict, status Status, reason Reason, detail string) Verdict {
	verdict.Status, verdict.Reason, verdict.Detail = status, reason, detail
	return verdict
}

func (v *Verifier) judgeHashes(r *reader, t *token) (Reason, string) {
	j := v.scheme.JWT
	if j.BodyHash != "" {
		text := claimText(t.claims, j.BodyHash)
		sum := sha256.Sum256(r.req.Body)
		got, ok := decodeText(j.HashForm, text)
		switch {
		case text == "" && j.HashOptional && len(r.req.Body) == 0:
		case j.HashOptional && text != "" && len(r.req.Body) == 0:
			return BodyMismatch, "the token names a digest of a body, and there is no body"
		case !ok || !hmac.Equal(got, sum[:]):
			return BodyMismatch, "the body is not the one whose digest is in the token"
		}
	}
	if j.URLHash != "" {
		sum := sha256.Sum256([]byte(r.req.URL))
		if got, err := hex.DecodeString(claimText(t.claims, j.URLHash)); err != nil || !hmac.Equal(got, sum[:]) {
			return WrongValue, "the token was made for another URL than " + fmt.Sprintf("%q", r.req.URL)
		}
	}
	if j.QueryHash {
		claim := claimText(t.claims, "qsh")
		if claim == "context-qsh" {
			return WrongValue, "the token is a context token: it binds no URL"
		}
		got, err := hex.DecodeString(claim)
		want := sha256.Sum256([]byte(canonicalQuery(r)))
		if err != nil || !hmac.Equal(got, want[:]) {
			return WrongValue, "the token was made for another method, path or query"
		}
	}
	return "", ""
}

// canonicalQuery is the canonical request that Atlassian hashes into qsh.
// https://developer.atlassian.com/cloud/bitbucket/query-string-hash/
func canonicalQuery(r *reader) string {
	_, _, path, _, _ := splitURL(r.req.URL)
	path = strings.TrimSuffix(path, "/")
	if base := strings.TrimSuffix(r.params["base_path"], "/"); base != "" {
		path = strings.TrimPrefix(path, base)
	}
	if path == "" {
		path = "/"
	}
	path = strings.ReplaceAll(path, "&", "%26")
	query := r.queryValues()
	var names []string
	for n := range query {
		if n != "jwt" {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	var parts []string
	for _, n := range names {
		values := slices.Clone(query[n])
		sort.Strings(values)
		for i := range values {
			values[i] = percentEncode(values[i])
		}
		parts = append(parts, percentEncode(n)+"="+strings.Join(values, ","))
	}
	return strings.ToUpper(r.req.Method) + "&" + path + "&" + strings.Join(parts, "&")
}

// percentEncode escapes all but the unreserved characters of RFC 3986.
func percentEncode(s string) string {
	return strings.NewReplacer("+", "%20", "%7E", "~", "*", "%2A").Replace(url.QueryEscape(s))
}

// claimTime reads a NumericDate. ok is false when it is there and is no plausible time.
func claimTime(claims map[string]any, name string) (at time.Time, has, ok bool) {
	raw, has := claims[name]
	if !has {
		return time.Time{}, false, true
	}
	n, isNumber := raw.(json.Number)
	if !isNumber {
		return time.Time{}, true, false
	}
	f, err := n.Float64()
	if err != nil || math.IsNaN(f) || f < 0 || f >= 1e12 {
		return time.Time{}, true, false
	}
	return time.Unix(int64(f), 0), true, true
}

// claimText is the text of a claim, by its name, which may hold dots, or by a path.
func claimText(claims map[string]any, name string) string {
	if text, ok := claims[name].(string); ok {
		return text
	}
	if vs := jsonValues(claims, name); len(vs) > 0 {
		return vs[0]
	}
	return ""
}

func claimHas(claims map[string]any, name, want string) bool {
	return claimText(claims, name) == want || slices.Contains(jsonValues(claims, name+"[*]"), want)
}
