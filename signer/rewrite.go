package signer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// rewrites are the ways that common libraries write one JSON document.
func rewrites(b []byte) map[string][]byte {
	out := map[string][]byte{}
	var compact bytes.Buffer
	if json.Compact(&compact, b) == nil {
		out["without white space"] = compact.Bytes()
		out["with / as \\/"] = []byte(escapeASCII(compact.String(), false))
		out["in the spacing of Python"] = spaced(compact.Bytes())
	}
	for _, indent := range []string{"  ", "    ", "\t"} {
		var pretty bytes.Buffer
		if json.Indent(&pretty, compact.Bytes(), "", indent) == nil {
			out[fmt.Sprintf("indented with %q", indent)] = pretty.Bytes()
		}
	}
	if doc, err := decodeJSON(b); err == nil {
		for _, html := range []bool{true, false} {
			var sorted bytes.Buffer
			enc := json.NewEncoder(&sorted)
			enc.SetEscapeHTML(html)
			if enc.Encode(doc) == nil {
				text := bytes.TrimSuffix(sorted.Bytes(), []byte("\n"))
				out[fmt.Sprintf("with sorted keys (HTML escaped: %v)", html)] = text
				out[fmt.Sprintf("with sorted keys in the spacing of Python (%v)", html)] = spaced(text)
			}
		}
	}
	ascii := asciiJSON(compact.String())
	out["with letters beyond ASCII as \\u"] = []byte(ascii)
	out["with letters beyond ASCII as \\u, in the spacing of Python"] = spaced([]byte(ascii))
	out["with \\u escapes as letters"] = []byte(unescapeJSON(compact.String()))
	out["with \\/ as /"] = bytes.ReplaceAll(compact.Bytes(), []byte(`\/`), []byte("/"))
	return out
}

// spaced puts a space after each comma and colon outside strings.
func spaced(b []byte) []byte {
	var out []byte
	quoted := false
	for i := 0; i < len(b); i++ {
		out = append(out, b[i])
		switch {
		case quoted && b[i] == '\\' && i+1 < len(b):
			i++
			out = append(out, b[i])
		case b[i] == '"':
			quoted = !quoted
		case !quoted && (b[i] == ',' || b[i] == ':'):
			out = append(out, ' ')
		}
	}
	return out
}

func asciiJSON(s string) string {
	return strings.ReplaceAll(escapeASCII(strings.ReplaceAll(s, "/", "\x00"), false), "\x00", "/")
}

// unescapeJSON writes \uXXXX of letters beyond ASCII as the letters.
func unescapeJSON(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '\\' && i+1 < len(s) && s[i+1] == 'u' {
			end := i + 6
			if end+6 <= len(s) && s[end:end+2] == `\u` && strings.HasPrefix(strings.ToLower(s[i+2:]), "d") {
				end += 6
			}
			var text string
			if end <= len(s) && json.Unmarshal([]byte(`"`+s[i:end]+`"`), &text) == nil && text != "" && text[0] >= utf8.RuneSelf {
				b.WriteString(text)
				i = end
				continue
			}
		}
		if s[i] == '\\' && i+1 < len(s) {
			b.WriteString(s[i : i+2])
			i += 2
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

type urlVariant struct{ url, what string }

// urlVariants are what proxies and people make of one URL.
func urlVariants(raw string) []urlVariant {
	var out []urlVariant
	add := func(u, what string) {
		if u != raw && u != "" {
			out = append(out, urlVariant{u, what})
		}
	}
	origin, host, path, query, has := splitURL(raw)
	scheme := strings.TrimSuffix(origin, host)
	tail := path
	if has {
		tail += "?" + query
	}
	for i, u := range portVariants(raw) {
		if i > 0 {
			add(u, "with or without the port")
		}
	}
	other := map[string]string{"https://": "http://", "http://": "https://"}[scheme]
	add(other+host+tail, "with the other scheme")
	bare, _, _ := strings.Cut(host, ":")
	add(other+bare+tail, "with the other scheme and no port")
	if strings.HasSuffix(path, "/") {
		add(origin+strings.TrimSuffix(path, "/")+tail[len(path):], "without the slash at the end")
	} else {
		add(origin+path+"/"+tail[len(path):], "with a slash at the end")
	}
	add(origin+path, "without the query")
	if has {
		if plain, err := url.QueryUnescape(query); err == nil {
			add(origin+path+"?"+plain, "with the query decoded")
		}
		add(origin+path+"?"+sortedQuery(query), "with the query sorted and encoded anew")
	}
	for rest := strings.TrimPrefix(path, "/"); rest != ""; {
		_, after, ok := strings.Cut(rest, "/")
		if !ok {
			break
		}
		add(origin+"/"+after+tail[len(path):], "without the first part of the path")
		rest = after
	}
	if cut, ok := strings.CutPrefix(path, "/h/"); ok {
		if _, after, ok := strings.Cut(cut, "/"); ok {
			add(origin+"/"+after+tail[len(path):], "without the relay's prefix")
		}
	}
	add(strings.ToLower(origin)+tail, "with the host in lower case")
	return out
}
