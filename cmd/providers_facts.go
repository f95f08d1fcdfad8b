package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hookrelay/hook/signer"
)

// A fact is a line that hook providers show and the provider's page have in
// common.
type fact struct{ name, text string }

type facts []fact

func (f *facts) add(name, format string, args ...any) {
	*f = append(*f, fact{name, fmt.Sprintf(format, args...)})
}

// providerFacts are what holds for all schemes of a provider.
func providerFacts(p *signer.Provider) (f facts) {
	f.add("provider", "%s (%s)", p.Name, p.ID)
	f.add("docs", "%s", p.Docs)
	if p.Deadline > 0 {
		f.add("waits", "%d s for an answer", p.Deadline)
	}
	if p.Blocking {
		f.add("never stored", "its answer decides something")
	}
	if p.Accept != nil {
		f.add("stored", "what the relay keeps for later is answered %d: 202 will not do", p.Accept.Status)
	}
	for _, h := range p.Handshakes {
		who := "answered by the relay"
		if h.Keyed != "" {
			who = "answered by the listener, with the secret"
		} else if _, ok := relayHandshake(&h); !ok {
			who = "answered by the listener"
		}
		f.add("handshake", "%s: %s", h.Name, who)
	}
	return f
}

// schemeFacts are how one scheme signs.
func schemeFacts(s *signer.Scheme) (f facts) {
	f.add("scheme", "%s", s.ID)
	f.add("algorithm", "%s", s.Algorithm)
	if s.Signature.From != "" {
		f.add("signature", "%s", signatureWords(s))
	}
	for _, from := range s.Signature.More {
		f.add("or in", "%s", placeWords(from))
	}
	switch {
	case s.Content != "":
		f.add("signs", "%s", strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(s.Content))
	case s.Hook == "" && s.JWT == nil && s.Algorithm != signer.Token && s.Algorithm != signer.Basic:
		f.add("signs", "{body}")
	}
	if where := tokenWords(s); where != "" {
		f.add("where", "%s", where)
	}
	if c := s.Covers(); len(c) > 0 {
		f.add("covers", "%s", strings.Join(c, ", "))
	} else {
		f.add("covers", "nothing of the message: who reads one can send any")
	}
	f.add("key", "%s", keyWords(s))
	if s.Key.URL != "" {
		f.add("keys at", "%s", s.Key.URL)
	}
	if len(s.Params) > 0 {
		f.add("needs", "--param %s=…", strings.Join(s.Params, "=… --param "))
	}
	f.add("time", "%s", timeWords(s))
	if s.Signature.Repeats || slices.Contains([]string{"pairs", "list", "plain-list"}, s.Signature.Format) && s.Algorithm != signer.Token {
		f.add("rotation", "a message may have several signatures, as while its secret is changed: one that matches is enough")
	}
	for from, value := range sorted(s.Require) {
		f.add("must have", "%s: %s", placeWords(from), value)
	}
	if len(s.Event) > 0 {
		f.add("event", "%s", placesWords(s.Event))
	}
	if len(s.Delivery) > 0 {
		f.add("delivery", "%s", placesWords(s.Delivery))
	}
	for _, n := range s.Notes {
		f.add("note", "%s", n)
	}
	f.add("evidence", "%s", cmp.Or(s.Evidence, "none yet"))
	return f
}

// sorted goes through a map by its keys.
func sorted(m map[string]string) func(func(string, string) bool) {
	return func(yield func(string, string) bool) {
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// placeWords says a place of the table as people do.
func placeWords(from string) string {
	kind, name, _ := strings.Cut(from, ":")
	switch kind {
	case "header":
		return "header " + name
	case "query":
		return "query parameter " + name
	case "form":
		if field, path, ok := strings.Cut(name, "#"); ok {
			return path + " in the JSON of form field " + field
		}
		return "form field " + name
	case "json":
		return "JSON field " + name
	case "field":
		return name + "= of the signature header"
	case "claim":
		return "claim " + name
	case "param":
		return "--param " + name
	}
	return from
}

// placesWords says the first place that is there; "+" joins two.
func placesWords(list []string) string {
	var out []string
	for _, from := range list {
		parts := strings.Split(from, "+")
		for i := range parts {
			parts[i] = placeWords(parts[i])
		}
		out = append(out, strings.Join(parts, " with "))
	}
	return strings.Join(out, ", or ")
}

func signatureWords(s *signer.Scheme) string {
	sig := &s.Signature
	where := placeWords(sig.From)
	switch {
	case s.Algorithm == signer.Token || s.Algorithm == signer.Basic || s.Algorithm == signer.JWS || s.Algorithm == signer.HTTPMessage:
		return where
	}
	encoding := cmp.Or(sig.Encoding, "hex")
	separator := sig.Separator
	switch sig.Format {
	case "pairs":
		if sig.Field == "" {
			return where + ", pairs of key id and " + encoding
		}
		return fmt.Sprintf("%s, pairs with %s=%s", where, sig.Field, encoding)
	case "list":
		return fmt.Sprintf("%s, %s,%s, several with %q between", where, sig.Field, encoding, cmp.Or(separator, " "))
	case "plain-list":
		return fmt.Sprintf("%s, %s, several with %q between", where, encoding, cmp.Or(separator, ","))
	case "positional":
		return fmt.Sprintf("%s, the time and %s with %q between", where, encoding, cmp.Or(separator, ","))
	}
	if sig.Prefix != "" {
		return fmt.Sprintf("%s, %s and %s", where, sig.Prefix, encoding)
	}
	return where + ", " + encoding
}

// tokenWords says where the parts of the signed content are that have a place
// of their own.
func tokenWords(s *signer.Scheme) string {
	var out []string
	if s.Timestamp != nil && strings.Contains(s.Content, "{timestamp}") {
		unit := map[string]string{"": "Unix seconds", "s": "Unix seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "s-or-ms": "Unix seconds or milliseconds",
			"rfc3339": "RFC 3339", "http": "an HTTP date"}[s.Timestamp.Unit]
		out = append(out, "{timestamp} is "+placeWords(s.Timestamp.From)+", "+unit)
	}
	if s.MessageID != "" && strings.Contains(s.Content, "{id}") {
		out = append(out, "{id} is "+placeWords(s.MessageID))
	}
	for token, words := range map[string]string{
		"{url}": "the public URL, exactly as the provider has it", "{sorted_form}": "every form field, by name: name and value",
		"{raw_query}": "the query as it was sent", "{path}": "the path of the public URL", "{path_query}": "path and query of the public URL",
		"{url_decoded}": "the public URL with its escapes decoded", "{gunzip(body)}": "the body, unpacked if it is gzip", "{trim(body)}": "the body without white space around it",
	} {
		if strings.Contains(s.Content, token) {
			out = append(out, token+" is "+words)
		}
	}
	slices.Sort(out)
	if h := s.BodyHash; h != nil {
		out = append(out, fmt.Sprintf("the %s of the body is %s", h.Algorithm, placeWords(h.From)))
	}
	return strings.Join(out, "; ")
}

// keyWords says what form the secret has.
func keyWords(s *signer.Scheme) string {
	if kind := keyKind(s); kind != "" {
		return "a key pair (" + kind + "); for tests: hook keys new --provider " + s.ID
	}
	if s.Hook == "braintree" {
		return "a shared secret, written public_key|private_key"
	}
	switch s.Algorithm {
	case signer.Basic:
		return "a shared secret, written user:password"
	case signer.Token:
		return "a shared secret, sent as it is"
	}
	words := "a shared secret"
	prefix := strings.Join(s.Key.Prefix, " or ")
	switch s.Key.Encoding {
	case "base64":
		words += ", base64"
		if prefix != "" {
			words += " behind " + prefix
		}
		words += ": its decoded bytes are the key"
	case "base64-if-prefixed":
		words += fmt.Sprintf(": base64 where it begins with %s, else as it is", prefix)
	case "hex":
		words += ", in hexadecimal: its decoded bytes are the key"
	default:
		if prefix != "" {
			words += ", without " + prefix
		}
	}
	switch s.Key.Transform {
	case "after-colon":
		words += "; the key is what stands behind its colon"
	case "sha1", "sha256", "sha256-hex":
		words += "; the key is its " + s.Key.Transform
	case "nfkd":
		words += "; normalised (NFKD)"
	}
	return words
}

// timeWords says how old a message may be.
func timeWords(s *signer.Scheme) string {
	switch {
	case s.Algorithm == signer.HTTPMessage:
		return "300 s to both sides of created, and until expires, where the signature has them"
	case s.Timestamp != nil:
		window := fmt.Sprintf("%d s to both sides", cmp.Or(s.Timestamp.Window, 300))
		if s.Timestamp.Optional {
			window += ", where it is given"
		}
		return window
	case s.JWT != nil && s.JWT.Expires:
		return "until the token expires"
	case s.JWT != nil:
		return "until the token expires, where it says when"
	}
	return "not signed: an old message is as good as a new one (--dedupe drop)"
}
