package signer

import (
	"fmt"
	"strings"
)

// describe names a place in words.
func describe(from string) string {
	p := parsePlace(from)
	switch p.kind {
	case "header":
		return fmt.Sprintf("header %q", p.name)
	case "json":
		return fmt.Sprintf("JSON field %q", p.path)
	case "query":
		return fmt.Sprintf("query parameter %q", p.name)
	case "form":
		return fmt.Sprintf("form field %q", strings.TrimSuffix(p.name+"#"+p.path, "#"))
	case "field":
		return fmt.Sprintf("item %q of the signature header", p.name)
	}
	return fmt.Sprintf("%q", from)
}

// String gives the place back as it was written.
func (p place) String() string {
	switch p.kind {
	case "json":
		return "json:" + p.path
	case "form":
		return strings.TrimSuffix("form:"+p.name+"#"+p.path, "#")
	}
	return p.kind + ":" + p.name
}

// shape is how a signature looks, in words.
func (s *Signature) shape() string {
	enc := cmpOr(s.Encoding, "hex")
	switch s.Format {
	case "pairs", "list":
		return fmt.Sprintf("a list with %s%s%s", s.Field, map[bool]string{true: "=", false: ","}[s.Format == "pairs"], enc)
	case "positional":
		return "time and " + enc
	}
	return s.Prefix + enc
}
