package signer

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// twilioHook tries the forms of a URL that Twilio's senders sign, each with either reading of repeated parameters.
// https://www.twilio.com/docs/usage/security#validating-requests
func twilioHook() hook {
	return hook{covers: []string{"url", "body"}, contents: func(v *Verifier, c *content) ([][]byte, error) {
		form := ""
		first := ""
		if v.scheme.BodyHash == nil {
			form, first = sortedForm(c.formValues(), false), sortedForm(c.formValues(), true)
		}
		var out [][]byte
		for _, u := range twilioURLs(c.req.URL) {
			out = append(out, []byte(u+form))
			if first != form {
				out = append(out, []byte(u+first))
			}
		}
		return out, nil
	}}
}

// twilioURLs is the URL as it came, then without and with its port, then both with the host in lower case and every other character
// that a browser would escape escaped, and last with its query decoded and encoded again: senders differ there.
func twilioURLs(raw string) []string {
	out := portVariants(raw)
	if clean, ok := browserURL(raw); ok {
		variants := portVariants(clean)
		out = append(out, variants...)
		for _, u := range variants {
			if base, query, ok := strings.Cut(u, "?"); ok && query != "" {
				out = append(out, base+"?"+reencodeQuery(query))
			}
		}
	}
	var distinct []string
	for _, u := range out {
		if !slices.Contains(distinct, u) {
			distinct = append(distinct, u)
		}
	}
	return distinct
}

// portVariants is the URL as it came, without a port, and with the port that its scheme implies where it has none.
func portVariants(raw string) []string {
	out := []string{raw}
	origin, authority, _, _, _ := splitURL(raw)
	if origin == "" {
		return out
	}
	rest := raw[len(origin):]
	scheme := strings.TrimSuffix(origin, authority)
	host := authority[strings.LastIndexByte(authority, '@')+1:]
	user := strings.TrimSuffix(authority, host)
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		return append(out, scheme+user+host[:colon]+rest)
	}
	port := ":80"
	if strings.EqualFold(scheme, "https://") {
		port = ":443"
	}
	return append(out, scheme+user+host+port+rest)
}

// browserURL writes a URL as the URL standard of browsers does: scheme and host in lower case, no default port, a path at least, and
// what is no character of a URL escaped. ok is false when it is no URL.
func browserURL(raw string) (clean string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", false
	}
	scheme := strings.ToLower(u.Scheme)
	host := strings.TrimSuffix(strings.ToLower(u.Host), map[string]string{"https": ":443", "http": ":80"}[scheme])
	user := ""
	if u.User != nil {
		user = u.User.String() + "@"
	}
	_, _, path, query, has := splitURL(raw)
	clean = scheme + "://" + user + host + escapeBytes(cmpOr(path, "/"), "\"<>`{}")
	if has {
		clean += "?" + escapeBytes(query, "\"<>'")
	}
	return clean, true
}

// escapeBytes escapes spaces, controls, bytes beyond ASCII and those of a set; escapes that are there stay.
func escapeBytes(s, set string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(set, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// reencodeQuery decodes a query and encodes it again with %20 for a space and the marks !'()*~ as they are.
func reencodeQuery(raw string) string {
	var items []string
	for item := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(item, "=")
		items = append(items, marksKept(name)+"="+marksKept(value))
	}
	return strings.Join(items, "&")
}

func marksKept(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s
	}
	return strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%7E", "~").Replace(url.QueryEscape(plain))
}
