package signer

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// payosHook signs the fields of the JSON object data as name=value joined by &, sorted by name; null is empty. Data with objects or
// lists inside is not known to be sent, and is refused.
// https://payos.vn/docs/du-lieu-tra-ve/webhook/
func payosHook() hook {
	return hook{covers: []string{"field data"}, contents: func(_ *Verifier, c *content) ([][]byte, error) {
		root, _ := c.document().(map[string]any)
		data, ok := root["data"].(map[string]any)
		if !ok {
			return nil, errNoValue
		}
		var pairs []string
		for name, value := range data {
			text := ""
			switch v := value.(type) {
			case nil:
			case string:
				if text = v; v == "null" || v == "undefined" {
					text = ""
				}
			case json.Number:
				text = v.String()
			case bool:
				text = strconv.FormatBool(v)
			default:
				return nil, errNoValue
			}
			pairs = append(pairs, name+"="+text)
		}
		slices.SortFunc(pairs, func(a, b string) int {
			x, _, _ := strings.Cut(a, "=")
			y, _, _ := strings.Cut(b, "=")
			return strings.Compare(x, y)
		})
		return [][]byte{[]byte(strings.Join(pairs, "&"))}, nil
	}}
}
