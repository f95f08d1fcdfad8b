package signer

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

func (e *explainer) keyDates() (Diagnosis, bool) {
	for _, k := range e.keys {
		if k.Live(e.at) {
			continue
		}
		free := k
		free.NotBefore, free.NotAfter = time.Time{}, time.Time{}
		if v, ok := e.holds(e.scheme, e.req, []Key{free}, e.opts); ok {
			if e.at.Before(k.NotBefore) {
				return e.found(CauseKeyDates, v, "key %q made it, and is good only from %s: the provider has changed over already, or a clock is wrong", k.ID, k.NotBefore.UTC().Format(time.RFC3339))
			}
			return e.found(CauseKeyDates, v, "key %q made it, and ended at %s: the provider still signs with the old secret; finish the rotation there or keep the key longer", k.ID, k.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if len(e.keys) == 0 {
		if d, ok := e.otherSecret(); ok {
			return d, true
		}
		return Diagnosis{Cause: CauseEmptySecret, Sentence: "there is no key for this scheme: give one", Scheme: e.scheme.ID}, true
	}
	return Diagnosis{}, false
}

func (e *explainer) otherSecret() (Diagnosis, bool) {
	for _, k := range e.others {
		if v, ok := e.holds(e.scheme, e.req, []Key{k}, e.opts); ok {
			return e.found(CauseOtherSecret, v, "the secret %q matches: it belongs to this endpoint, the one in use to another", k.ID)
		}
	}
	return Diagnosis{}, false
}

func (e *explainer) secretSpace() (Diagnosis, bool) {
	for _, k := range e.keys {
		text := string(k.Secret)
		for _, variant := range []struct{ text, what string }{
			{strings.TrimSpace(text), "has space or a line end around it"},
			{strings.Trim(strings.TrimSpace(text), `"'`), "has quotes around it"},
			{text + "\n", "was set at the provider with a line end"},
			{strings.TrimPrefix(text, "\ufeff"), "has a byte order mark in front"},
			{fromUTF16(text), "is UTF-16, as the > of PowerShell 5 writes it"},
			{afterAssignment(text), "has a name and an equals sign in front, as a line of an .env file"},
		} {
			if variant.text == text || variant.text == "" {
				continue
			}
			c := k
			c.Secret = Secret(variant.text)
			if v, ok := e.holds(e.scheme, e.req, []Key{c}, e.opts); ok {
				return e.found(CauseSecretSpace, v, "the secret %s: store it without (printf, not echo)", variant.what)
			}
		}
	}
	return Diagnosis{}, false
}

// fromUTF16 is the text of a file that begins with UTF-16's byte order mark,
// "" for any other.
func fromUTF16(s string) string {
	order := binary.ByteOrder(binary.LittleEndian)
	switch {
	case strings.HasPrefix(s, "\xff\xfe"):
	case strings.HasPrefix(s, "\xfe\xff"):
		order = binary.BigEndian
	default:
		return ""
	}
	var units []uint16
	for b := []byte(s[2:]); len(b) > 1; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return strings.TrimSpace(string(utf16.Decode(units)))
}

// afterAssignment is the value of a line like NAME=value or export NAME="value",
// "" for any other text.
func afterAssignment(s string) string {
	name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(s), "export "), "=")
	if !ok || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return ""
	}
	return strings.Trim(value, `"'`)
}

// secretForm tries the secret as text, base64 and hex, with and without its prefix.
func (e *explainer) secretForm() (Diagnosis, bool) {
	if e.scheme.Key.Public || e.scheme.Algorithm == Token || e.scheme.Algorithm == Basic {
		return Diagnosis{}, false
	}
	for _, k := range e.keys {
		text := strings.TrimSpace(string(k.Secret))
		if text == "" {
			continue
		}
		bare := text
		if i := strings.LastIndexByte(text, '_'); i >= 0 && i < len(text)-1 {
			bare = text[i+1:]
		}
		prefix := text[:len(text)-len(bare)]
		for _, variant := range []struct {
			text, how string
			rule      KeyRule
		}{
			{text, "used as plain text, whole", KeyRule{}},
			{bare, fmt.Sprintf("used as plain text without %q", prefix), KeyRule{}},
			{text, "decoded from base64", KeyRule{Encoding: "base64"}},
			{bare, fmt.Sprintf("decoded from base64 after %q", prefix), KeyRule{Encoding: "base64"}},
			{text, "decoded from hexadecimal", KeyRule{Encoding: "hex"}},
			{bare, fmt.Sprintf("decoded from hexadecimal after %q", prefix), KeyRule{Encoding: "hex"}},
			{base64.StdEncoding.EncodeToString([]byte(text)), "encoded in base64 first", KeyRule{}},
			{hex.EncodeToString([]byte(text)), "encoded in hexadecimal first", KeyRule{}},
		} {
			s := *e.scheme
			s.Key = variant.rule
			c := k
			c.Secret = Secret(variant.text)
			if v, ok := e.holds(&s, e.req, []Key{c}, e.opts); ok {
				return e.found(CauseSecretForm, v, "it matches with the secret %s, where this scheme wants it %s: the sender (or the value you were given) treats the secret otherwise", variant.how, e.scheme.Key.how())
			}
		}
		// Users also lose the prefix that a scheme keeps in the key.
		for _, p := range []string{"whsec_", "pdl_ntfset_", "sk_", "secret_"} {
			c := k
			c.Secret = Secret(p + text)
			if v, ok := e.holds(e.scheme, e.req, []Key{c}, e.opts); ok {
				return e.found(CauseSecretForm, v, "it matches with %q in front of the secret: the beginning is part of the key, copy it whole", p)
			}
		}
	}
	return Diagnosis{}, false
}

func (r *KeyRule) how() string {
	switch r.Encoding {
	case "base64", "base64-if-prefixed":
		return "decoded from base64"
	case "hex":
		return "decoded from hexadecimal"
	}
	return "as plain text, whole"
}
