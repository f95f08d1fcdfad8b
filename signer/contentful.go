package signer

import (
	"net/http"
	"net/url"
	"sort"
	"strings"
)

// contentfulHook builds the canonical request of Contentful: method, path, the headers that the message names, body, by newlines.
// The path is tried encoded twice, as the SDK does, once and as it came.
// https://www.contentful.com/developers/docs/webhooks/request-verification/
func contentfulHook() hook {
	return hook{
		covers: []string{"method", "url", "signed headers", "timestamp", "body"},
		contents: func(v *Verifier, c *content) ([][]byte, error) {
			list := c.first("header:X-Contentful-Signed-Headers")
			names := strings.Split(list, ",")
			if list == "" || len(names) > maxItems || len(c.req.Header.Values("X-Contentful-Signed-Headers")) > 1 {
				return nil, errNoValue
			}
			var lines []string
			timestamped := false
			for _, n := range names {
				n = strings.ToLower(strings.TrimSpace(n))
				values := c.req.Header[http.CanonicalHeaderKey(n)]
				if len(values) != 1 {
					return nil, errNoValue
				}
				timestamped = timestamped || n == "x-contentful-timestamp"
				lines = append(lines, n+":"+strings.TrimSpace(values[0]))
			}
			if !timestamped {
				return nil, errNoValue // the time would be anyone's to write
			}
			sort.Strings(lines)
			_, _, path, query, has := splitURL(c.req.URL)
			suffix := func(q string) string {
				if has {
					return "?" + q
				}
				return ""
			}
			var out [][]byte
			for _, p := range []string{
				encodeURI(path + suffix(percentEncode(query))),
				encodeURI(path + suffix(query)),
				path + suffix(query),
			} {
				out = append(out, []byte(strings.Join([]string{c.req.Method, p, strings.Join(lines, ";"), string(c.req.Body)}, "\n")))
			}
			return out, nil
		},
		sign: func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
			b := newBuilder(s, req, opts)
			if err := b.prepare(); err != nil {
				return nil, err
			}
			if err := b.set("header:x-contentful-signed-headers", "x-contentful-signed-headers,x-contentful-timestamp"); err != nil {
				return nil, err
			}
			v, err := NewVerifier(s, nil, Options{})
			if err != nil {
				return nil, err
			}
			sig, err := b.signature(v, &keys[0])
			if err != nil {
				return nil, err
			}
			return b.place([][]byte{sig})
		},
	}
}

// encodeURI is ECMAScript's function of that name: it keeps reserved characters and #.
func encodeURI(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!~*'();/?:@&=+$,#", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(url.QueryEscape(string([]byte{c}))[1:]))
		}
	}
	s = b.String()
	return strings.ReplaceAll(s, "%+", "%20")
}
