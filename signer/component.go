package signer

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// component is one covered component: a field name or a derived component, with its parameters (RFC 9421 section 2).
type component struct {
	name   string
	params []Field
}

func (c *component) param(name string) (string, bool) {
	for _, p := range c.params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

func coverName(name string) string {
	switch name {
	case "@method":
		return "method"
	case "@target-uri":
		return "url"
	}
	if strings.HasPrefix(name, "@") {
		return name[1:]
	}
	return "header " + name
}

func (c *component) identifier() string {
	var b strings.Builder
	b.WriteString(strconv.Quote(c.name))
	for _, p := range c.params {
		b.WriteString(";" + p.Name)
		if p.Value != "" {
			b.WriteString("=" + strconv.Quote(p.Value))
		}
	}
	return b.String()
}

// value is what a component stands for in the request.
func (c *component) value(r *reader) (string, error) {
	if !strings.HasPrefix(c.name, "@") {
		return c.fieldValue(r)
	}
	origin, host, path, query, has := splitURL(r.req.URL)
	if path == "" {
		path = "/"
	}
	scheme, _, _ := strings.Cut(origin, ":")
	scheme = strings.ToLower(scheme)
	switch c.name {
	case "@method":
		return r.req.Method, nil
	case "@target-uri":
		return r.req.URL, nil
	case "@authority":
		host = strings.ToLower(host)
		host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[scheme])
		return host, nil
	case "@scheme":
		return scheme, nil
	case "@request-target":
		if has {
			return path + "?" + query, nil
		}
		return path, nil
	case "@path":
		return path, nil
	case "@query":
		return "?" + query, nil
	case "@status":
		if s := r.params["status"]; s != "" {
			return s, nil
		}
	case "@query-param":
		name, _ := c.param("name")
		vs := r.queryValues()[strings.NewReplacer("%20", " ").Replace(name)]
		if len(vs) == 1 {
			return percentEncode(vs[0]), nil
		}
		return "", fmt.Errorf("query parameter %q is not there exactly once", name)
	}
	return "", fmt.Errorf("component %q is not known or not in the message", c.name)
}

func (c *component) fieldValue(r *reader) (string, error) {
	values := r.req.Header[http.CanonicalHeaderKey(c.name)]
	if len(values) == 0 && c.name == "host" {
		_, host, _, _, _ := splitURL(r.req.URL)
		values = []string{host}
	}
	if len(values) == 0 {
		return "", fmt.Errorf("header %q is signed and not there", c.name)
	}
	if _, ok := c.param("bs"); ok {
		var items []string
		for _, v := range values {
			items = append(items, ":"+base64.StdEncoding.EncodeToString([]byte(strings.TrimSpace(v)))+":")
		}
		return strings.Join(items, ", "), nil
	}
	var trimmed []string
	for _, v := range values {
		trimmed = append(trimmed, strings.TrimSpace(v))
	}
	joined := strings.Join(trimmed, ", ")
	if key, ok := c.param("key"); ok {
		members, err := splitMembers(joined)
		if err != nil {
			return "", err
		}
		for i := len(members) - 1; i >= 0; i-- {
			if members[i].Name == key {
				return members[i].Value, nil
			}
		}
		return "", fmt.Errorf("header %q has no member %q", c.name, key)
	}
	for _, p := range c.params {
		if p.Name != "sf" {
			return "", fmt.Errorf("component parameter %q is not supported", p.Name)
		}
	}
	return joined, nil
}
