package signer

import (
	"net/url"
	"slices"
	"sort"
	"strings"
)

// plivoHook builds the content of Plivo's third version: base URL, sorted query, sorted parameters, nonce, with its odd marks between.
// https://www.plivo.com/docs/voice/concepts/signature-validation
func plivoHook() hook {
	return hook{covers: []string{"url", "body", "id"}, contents: func(_ *Verifier, c *content) ([][]byte, error) {
		origin, _, path, rawQuery, _ := splitURL(c.req.URL)
		query := parseForm(rawQuery)
		form := c.formValues()
		base := origin + path
		if strings.EqualFold(c.req.Method, "GET") {
			all := url.Values{}
			for k, vs := range query {
				all[k] = append(all[k], vs...)
			}
			for k, vs := range form {
				all[k] = append(all[k], vs...)
			}
			if len(all) > 0 {
				base += "?" + plivoPairs(all, "=", "&")
			}
			return [][]byte{[]byte(base + "." + c.id)}, nil
		}
		if len(query) > 0 || len(form) > 0 {
			base += "?" + plivoPairs(query, "=", "&")
		}
		if len(query) > 0 && len(form) > 0 {
			base += "."
		}
		return [][]byte{[]byte(base + plivoPairs(form, "", "") + "." + c.id)}, nil
	}}
}

func plivoPairs(values url.Values, assign, between string) string {
	var names []string
	for n := range values {
		names = append(names, n)
	}
	sort.Strings(names)
	var items []string
	for _, n := range names {
		vs := slices.Clone(values[n])
		sort.Strings(vs)
		for _, v := range vs {
			items = append(items, n+assign+v)
		}
	}
	return strings.Join(items, between)
}
