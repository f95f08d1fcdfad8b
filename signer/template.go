package signer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// maxTemplate bounds the length of a content template; the longest of the table has under 200 characters.
const maxTemplate = 1024

// maxInflated bounds a body that a scheme wants decompressed before hashing.
const maxInflated = 64 << 20

var errNoValue = errors.New("the signed content needs a value that the message does not have")

// template is a compiled content template. Tokens stand in braces; {{ is a brace.
//
//	{body} {timestamp} {id} {method} {url} {secret} {key_id} {header:X} {json:PATH} {form:X} {query:X} {param:X} {field:X}
//	{sha256(body)} {sha256_hex(body)} {crc32(body)} {base64url(body)} {gunzip(body)} {trim(body)} {sha256_base64(body)}
//	{url_no_query} {url_decoded} {url_host} {path} {path_query} {raw_query} {sorted_form} {sorted_form_first} {sorted_query}
//
// A token that ends in ? gives nothing where the message has nothing.
type template struct {
	source string
	parts  []part
}

type part struct {
	literal  string
	token    string
	place    place
	optional bool
}

func compileTemplate(s string) (*template, error) {
	if len(s) > maxTemplate {
		return nil, fmt.Errorf("content template has %d characters, at most %d are allowed", len(s), maxTemplate)
	}
	t := &template{source: s}
	for s != "" {
		open := strings.IndexAny(s, "{}")
		if open < 0 {
			t.parts = append(t.parts, part{literal: s})
			break
		}
		if open > 0 {
			t.parts = append(t.parts, part{literal: s[:open]})
		}
		s = s[open:]
		if len(s) > 1 && s[0] == s[1] {
			t.parts = append(t.parts, part{literal: s[:1]})
			s = s[2:]
			continue
		}
		end := strings.IndexByte(s, '}')
		if s[0] == '}' || end < 0 {
			return nil, fmt.Errorf("content template %q has an unmatched brace", t.source)
		}
		p, err := compileToken(s[1:end])
		if err != nil {
			return nil, fmt.Errorf("content template %q: %w", t.source, err)
		}
		t.parts = append(t.parts, p)
		s = s[end+1:]
	}
	return t, nil
}

func compileToken(tok string) (part, error) {
	tok, optional := strings.CutSuffix(tok, "?")
	p := part{token: tok, optional: optional}
	if kind, name, ok := strings.Cut(tok, ":"); ok {
		switch kind {
		case "header", "json", "form", "query", "param", "field":
			if name == "" {
				return p, fmt.Errorf("token %q names nothing", tok)
			}
			p.token, p.place = "place", parsePlace(tok)
			return p, nil
		}
		return p, fmt.Errorf("unknown token %q", tok)
	}
	if !slices.Contains(tokens(), tok) {
		return p, fmt.Errorf("unknown token %q", tok)
	}
	return p, nil
}

func tokens() []string {
	return []string{
		"body", "timestamp", "id", "method", "url", "secret", "key_id",
		"sha256(body)", "sha256_hex(body)", "sha256_base64(body)", "crc32(body)", "base64url(body)", "gunzip(body)", "trim(body)",
		"url_no_query", "url_decoded", "url_host", "path", "path_query", "raw_query", "sorted_form", "sorted_form_first", "sorted_query",
	}
}

// covers names the parts of a message that the template binds.
func (t *template) covers() []string {
	var out []string
	add := func(s string) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, p := range t.parts {
		switch {
		case p.token == "place" && p.place.kind == "header":
			add("header " + strings.ToLower(p.place.name))
		case p.token == "place" && (p.place.kind == "json" || p.place.kind == "form"):
			add("field " + strings.TrimPrefix(p.place.name+"."+p.place.path, "."))
		case p.token == "place" && p.place.kind == "query":
			add("query " + p.place.name)
		case strings.Contains(p.token, "body"):
			add("body")
		case p.token == "sorted_form" || p.token == "sorted_form_first":
			add("body")
		case p.token == "method", p.token == "timestamp", p.token == "id":
			add(p.token)
		case strings.HasPrefix(p.token, "url"), strings.HasPrefix(p.token, "path"):
			add("url")
		case p.token == "raw_query", p.token == "sorted_query":
			add("query")
		}
	}
	return out
}

func (t *template) uses(token string) bool {
	for _, p := range t.parts {
		if p.token == token {
			return true
		}
	}
	return false
}

// content is what the tokens of a template stand for in one message.
type content struct {
	*reader
	timestamp, id, keyID string
	url                  string // the variant that is tried
	secret               []byte
}

// render writes the signed bytes to w, body unchanged and uncopied.
func (t *template) render(w io.Writer, c *content) error {
	for i := range t.parts {
		p := &t.parts[i]
		if p.token == "" {
			io.WriteString(w, p.literal)
			continue
		}
		if p.token == "body" {
			w.Write(c.req.Body)
			continue
		}
		s, err := c.value(p)
		if err != nil {
			return err
		}
		io.WriteString(w, s)
	}
	return nil
}

func (c *content) value(p *part) (string, error) {
	switch p.token {
	case "place":
		vs := c.values(p.place)
		if len(vs) == 0 {
			if p.optional {
				return "", nil
			}
			return "", errNoValue
		}
		return vs[0], nil
	case "timestamp":
		return c.timestamp, nil
	case "id":
		return c.id, nil
	case "method":
		return c.req.Method, nil
	case "url":
		return c.url, nil
	case "secret":
		return string(c.secret), nil
	case "key_id":
		return c.keyID, nil
	case "sha256(body)":
		sum := sha256.Sum256(c.req.Body)
		return string(sum[:]), nil
	case "sha256_hex(body)":
		sum := sha256.Sum256(c.req.Body)
		return hex.EncodeToString(sum[:]), nil
	case "sha256_base64(body)":
		sum := sha256.Sum256(c.req.Body)
		return base64.StdEncoding.EncodeToString(sum[:]), nil
	case "crc32(body)":
		return strconv.FormatUint(uint64(crc32.ChecksumIEEE(c.req.Body)), 10), nil
	case "base64url(body)":
		return base64.RawURLEncoding.EncodeToString(c.req.Body), nil
	case "gunzip(body)":
		return gunzipped(c.req)
	case "trim(body)":
		return string(bytes.TrimSpace(c.req.Body)), nil
	case "url_decoded":
		return hubspotDecode(c.url), nil
	}
	origin, host, path, query, has := splitURL(c.url)
	switch p.token {
	case "url_no_query":
		return origin + path, nil
	case "url_host":
		return host, nil
	case "path":
		return path, nil
	case "path_query":
		if has {
			return path + "?" + query, nil
		}
		return path, nil
	case "raw_query":
		return query, nil
	case "sorted_query":
		return sortedQuery(query), nil
	case "sorted_form":
		return sortedForm(c.formValues(), false), nil
	case "sorted_form_first":
		return sortedForm(c.formValues(), true), nil
	}
	return "", fmt.Errorf("unknown token %q", p.token)
}

// gunzipped is the body with a gzip content coding taken off; other bodies are returned as they are.
func gunzipped(req *Request) (string, error) {
	if req.Header.Get("Content-Encoding") != "gzip" {
		return string(req.Body), nil
	}
	z, err := gzip.NewReader(bytes.NewReader(req.Body))
	if err != nil {
		return "", errNoValue
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxInflated))
	if err != nil {
		return "", errNoValue
	}
	return string(plain), nil
}

// hubspotDecode undoes the twelve escapes of HubSpot's table and no other.
// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
func hubspotDecode(u string) string {
	return strings.NewReplacer(
		"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")", "%2A", "*",
		"%2C", ",", "%3B", ";",
		"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";",
	).Replace(u)
}

// sortedForm joins name and value of each field, sorted by name, without separators. A repeated name gives its distinct values sorted,
// or only the first: senders of one provider do either.
func sortedForm(form url.Values, firstOnly bool) string {
	names := make([]string, 0, len(form))
	for n := range form {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, n := range names {
		vs := form[n]
		if firstOnly {
			vs = vs[:1]
		} else if len(vs) > 1 {
			vs = slices.Clone(vs)
			sort.Strings(vs)
			vs = slices.Compact(vs)
		}
		for _, v := range vs {
			b.WriteString(n)
			b.WriteString(v)
		}
	}
	return b.String()
}

func sortedQuery(raw string) string { return parseForm(raw).Encode() }
