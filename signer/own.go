package signer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// ParseScheme reads a scheme of a user's own from JSON, the shape in which a row of the table prints. Unknown fields and words are errors.
func ParseScheme(b []byte) (*Scheme, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var s Scheme
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("reading a scheme: %w", err)
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	return &s, nil
}

// Check says whether a scheme can work: known words, a place for the signature, a content that compiles.
func (s *Scheme) Check() error {
	wrong := func(what, value string) error {
		return fmt.Errorf("scheme %q: unknown %s %q", s.ID, what, value)
	}
	if s.ID == "" {
		return fmt.Errorf("a scheme needs an id")
	}
	if hashOf(s.Algorithm) == 0 && !slices.Contains([]string{Keccak256, Token, Basic, Ed25519, JWS, HTTPMessage}, s.Algorithm) {
		return wrong("algorithm", s.Algorithm)
	}
	inBody := s.JWT != nil && s.JWT.InBody
	if s.Signature.From == "" {
		return fmt.Errorf("scheme %q does not say where the signature is", s.ID)
	}
	if kind := parsePlace(s.Signature.From).kind; !inBody && !slices.Contains([]string{"header", "query", "form", "json"}, kind) {
		return wrong("place", s.Signature.From)
	}
	if !slices.Contains([]string{"", "single", "pairs", "list", "positional", "plain-list"}, s.Signature.Format) {
		return wrong("signature format", s.Signature.Format)
	}
	if !slices.Contains([]string{"", "hex", "base64", "base64url", "plain"}, s.Signature.Encoding) {
		return wrong("signature encoding", s.Signature.Encoding)
	}
	if f := s.Signature.Format; (f == "pairs" || f == "list") && s.Signature.Field == "" {
		return fmt.Errorf("scheme %q: a list of signatures needs a field", s.ID)
	}
	if !slices.Contains([]string{"", "text", "base64", "base64-if-prefixed", "hex"}, s.Key.Encoding) {
		return wrong("key encoding", s.Key.Encoding)
	}
	if !slices.Contains([]string{"", "sha1", "sha256", "sha256-hex", "after-colon", "nfkd"}, s.Key.Transform) {
		return wrong("key transform", s.Key.Transform)
	}
	if t := s.Timestamp; t != nil {
		if !slices.Contains([]string{"", "s", "ms", "us", "ns", "s-or-ms", "rfc3339", "http"}, t.Unit) {
			return wrong("unit of time", t.Unit)
		}
		if !slices.Contains([]string{"header", "field", "json", "form", "query", "claim"}, parsePlace(t.From).kind) {
			return wrong("place", t.From)
		}
	}
	if !slices.Contains([]string{"", "json", "some"}, s.Body) {
		return wrong("kind of body", s.Body)
	}
	_, err := NewVerifier(s, nil, Options{})
	return err
}
