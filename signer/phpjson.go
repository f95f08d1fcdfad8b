package signer

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// phpJSONHook signs the JSON field object_payload the way PHP's json_encode writes it: compact, / as \/, other than ASCII as \uxxxx.
// The field is cut from the raw body, so order and numbers stay as they were.
// https://docs.treezor.com/guide/webhooks/integrity-checks.html
func phpJSONHook() hook {
	return hook{covers: []string{"field object_payload"}, contents: func(_ *Verifier, c *content) ([][]byte, error) {
		var doc map[string]json.RawMessage
		if !utf8.Valid(c.req.Body) || json.Unmarshal(c.req.Body, &doc) != nil || len(doc["object_payload"]) == 0 {
			return nil, errNoValue
		}
		var compact bytes.Buffer
		if json.Compact(&compact, doc["object_payload"]) != nil {
			return nil, errNoValue
		}
		// Escapes that are there already keep their backslash: only slashes and foreign letters are touched.
		return [][]byte{[]byte(escapeASCII(compact.String(), false)), []byte(strings.ReplaceAll(compact.String(), `\/`, "/"))}, nil
	}}
}
