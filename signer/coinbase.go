package signer

import (
	"net/http"
	"strings"
)

// coinbaseHook expands the header list that the signature header carries: time, list, the values of the listed headers, body, by dots.
// https://docs.cdp.coinbase.com/webhooks/verify-signatures
func coinbaseHook() hook {
	return hook{
		covers: []string{"timestamp", "listed headers", "body"},
		contents: func(v *Verifier, c *content) ([][]byte, error) {
			list := ""
			for _, f := range c.fields {
				if f.Name == "h" {
					list = f.Value
				}
			}
			names := strings.Fields(list)
			if len(names) > maxItems {
				return nil, errNoValue
			}
			parts := []string{c.timestamp, list}
			var values []string
			for _, n := range names {
				vs := c.req.Header[http.CanonicalHeaderKey(n)]
				if len(vs) != 1 {
					return nil, errNoValue
				}
				values = append(values, vs[0])
			}
			parts = append(parts, strings.Join(values, "."), string(c.req.Body))
			return [][]byte{[]byte(strings.Join(parts, "."))}, nil
		},
		sign: func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
			b := newBuilder(s, req, opts)
			if err := b.prepare(); err != nil {
				return nil, err
			}
			var names []string
			for _, n := range []string{"content-type", "x-hook0-id", "x-event-id", "x-event-type"} {
				if len(b.req.Header.Values(n)) == 1 {
					names = append(names, n)
				}
			}
			list := strings.Join(names, " ")
			v, err := NewVerifier(s, nil, Options{})
			if err != nil {
				return nil, err
			}
			var items []string
			for i := range keys {
				secret, err := s.Key.decode(keys[i].Secret)
				if err != nil {
					return nil, err
				}
				c := &content{reader: &reader{req: &b.req, fields: []Field{{"h", list}}}, timestamp: b.stamp, secret: secret}
				all, err := v.hook.contents(v, c)
				if err != nil {
					return nil, err
				}
				items = append(items, "v1="+encodeText("hex", hmacSum(HMACSHA256, secret, all[0])))
			}
			if err := b.set(s.Signature.From, "t="+b.stamp+",h="+list+","+strings.Join(items, ",")); err != nil {
				return nil, err
			}
			return &b.out, nil
		},
	}
}
