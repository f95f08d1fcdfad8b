package signer

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// hygraphHook signs a JSON text that holds the body as a string, the name of the environment and the time. The parameter env names the
// environment when signing.
// https://hygraph.com/docs/api-reference/basics/webhooks
func hygraphHook() hook {
	return hook{
		covers: []string{"body", "timestamp", "environment"},
		contents: func(_ *Verifier, c *content) ([][]byte, error) {
			env := ""
			for _, f := range c.fields {
				if f.Name == "env" {
					env = f.Value
				}
			}
			if !utf8.Valid(c.req.Body) {
				return nil, errNoValue // as text, different bytes would become one
			}
			return [][]byte{hygraphContent(c.req.Body, env, c.timestamp)}, nil
		},
		sign: func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error) {
			b := newBuilder(s, req, opts)
			if err := b.prepare(); err != nil {
				return nil, err
			}
			secret, err := s.Key.decode(keys[0].Secret)
			if err != nil {
				return nil, err
			}
			if !utf8.Valid(req.Body) {
				return nil, errors.New("the body is not UTF-8: it cannot be signed inside a JSON text")
			}
			env := cmpOr(opts.Params["env"], "master")
			sig := encodeText("base64", hmacSum(HMACSHA256, secret, hygraphContent(req.Body, env, b.stamp)))
			if err := b.set(s.Signature.From, "sign="+sig+", env="+env+", t="+b.stamp); err != nil {
				return nil, err
			}
			return &b.out, nil
		},
	}
}

func hygraphContent(body []byte, env, stamp string) []byte {
	return []byte(`{"Body":` + jsString(string(body)) + `,"EnvironmentName":` + jsString(env) + `,"TimeStamp":` + stamp + `}`)
}

// jsString writes a string as ECMAScript's JSON.stringify does: only quotes, backslashes and control characters are escaped.
func jsString(s string) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return `""`
	}
	text := strings.TrimSuffix(out.String(), "\n")
	return strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(text)
}
