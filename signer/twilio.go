package signer

import (
	"net/url"
	"strings"
)

// twilioHook tries the URL as it came, without its port and with the default port, each with either reading of repeated parameters.
// https://www.twilio.com/docs/usage/security#validating-requests
func twilioHook() hook {
	return hook{covers: []string{"url", "body"}, contents: func(v *Verifier, c *content) ([][]byte, error) {
		form := ""
		first := ""
		if v.scheme.BodyHash == nil {
			form, first = sortedForm(c.formValues(), false), sortedForm(c.formValues(), true)
		}
		var out [][]byte
		for _, u := range portVariants(c.req.URL) {
			out = append(out, []byte(u+form))
			if first != form {
				out = append(out, []byte(u+first))
			}
		}
		return out, nil
	}}
}

// portVariants is the URL as it came, without a port, and with the port that its scheme implies.
func portVariants(raw string) []string {
	out := []string{raw}
	u, err := url.Parse(raw)
	if err != nil {
		return out
	}
	origin, host, _, _, _ := splitURL(raw)
	rest := raw[len(origin):]
	scheme := strings.TrimSuffix(origin, host)
	bare := u.Hostname()
	if strings.Contains(bare, ":") {
		bare = "[" + bare + "]"
	}
	port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
	for _, h := range []string{bare, bare + port} {
		if h != host {
			out = append(out, scheme+h+rest)
		}
	}
	return out
}
