package cmd

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hookrelay/hook/signer"
)

// signTarget is whose signatures are made or checked.
type signTarget struct {
	id, name string
	schemes  []*signer.Scheme // none: any provider's ("auto")
}

// autoProvider stands for whoever sent the message.
const autoProvider = "auto"

// findTarget finds a provider by its id or a name people use for it, or by the
// id of one of its schemes.
func findTarget(provider, scheme string) (*signTarget, error) {
	var row *signer.Provider
	var rows []signer.Provider // not made for a provider that is found
	if provider != "" {
		row, _ = signer.FindProvider(provider)
	}
	if row == nil {
		rows = signer.Providers()
	}
	for i := range rows {
		for k := range rows[i].Schemes {
			if id := rows[i].Schemes[k].ID; row == nil && (id == provider && provider != "" || provider == "" && id == scheme) {
				row = &rows[i]
				scheme = cmp.Or(scheme, id)
			}
		}
	}
	switch {
	case row == nil && provider == "":
		return nil, usage("\"hook providers\" lists them", "there is no scheme %q", scheme)
	case row == nil:
		return nil, unknownProvider(provider, rows)
	}
	t := &signTarget{id: row.ID, name: row.Name}
	var ids []string
	for k := range row.Schemes {
		s := &row.Schemes[k]
		ids = append(ids, s.ID)
		if scheme == "" || scheme == s.ID {
			t.schemes = append(t.schemes, s)
		}
	}
	if len(t.schemes) == 0 {
		return nil, usage("use "+strings.Join(ids, ", "), "provider %q has no scheme %q", row.ID, scheme)
	}
	return t, nil
}

// errUnknownProvider is what --batch answers on a line instead of failing.
type errUnknownProvider struct{ name string }

func (e *errUnknownProvider) Error() string { return fmt.Sprintf("there is no provider %q", e.name) }

// unknownProvider names the row that was probably meant.
func unknownProvider(name string, rows []signer.Provider) error {
	best, distance := "", 3
	for i := range rows {
		if d := editDistance(name, rows[i].ID); d < distance {
			best, distance = rows[i].ID, d
		}
		if best == "" && len(name) > 2 && strings.HasPrefix(rows[i].ID, name) {
			best = rows[i].ID
		}
	}
	hint := "\"hook providers\" lists them; \"hmac\" is the generic one"
	if best != "" {
		hint = fmt.Sprintf("did you mean %q? \"hook providers\" lists all", best)
	}
	return &failure{exitUsage, &errUnknownProvider{name}, hint}
}

// knobs change a scheme: all that can be said about a plain HMAC, as flags.
type knobs struct {
	algorithm, keyEncoding, content                                string
	signature, sigPrefix, sigEncoding, sigFormat, sigField, sigSep string
	timestamp, timestampUnit, messageID                            string
	file                                                           string
}

// knobFlags adds the flags.
func (k *knobs) flags(f *pflag.FlagSet) {
	f.StringVar(&k.file, "scheme-file", "", "own scheme: a file as \"hook providers show PROVIDER --json\" prints it")
	f.StringVar(&k.algorithm, "algorithm", "", "hmac-sha1, hmac-sha256, hmac-sha384, hmac-sha512")
	f.StringVar(&k.keyEncoding, "key-encoding", "", "of the secret: text, base64, hex")
	f.StringVar(&k.content, "content", "", "template of the signed bytes, such as \"{timestamp}.{body}\"")
	f.StringVar(&k.signature, "signature", "", "place of the signature: a header's name, or header:NAME, query:NAME, json:PATH, form:NAME")
	f.StringVar(&k.sigPrefix, "signature-prefix", "", "text before it, such as \"sha256=\"")
	f.StringVar(&k.sigEncoding, "signature-encoding", "", "hex, base64, base64url")
	f.StringVar(&k.sigFormat, "signature-format", "", "single, pairs (t=1,v1=SIG), list (v1,SIG v1,SIG)")
	f.StringVar(&k.sigField, "signature-field", "", "name of the item that holds it, such as v1")
	f.StringVar(&k.sigSep, "signature-separator", "", "between items")
	f.StringVar(&k.timestamp, "timestamp", "", "place of the signed time: a header's name, or field:NAME of the signature header")
	f.StringVar(&k.timestampUnit, "timestamp-unit", "", "s, ms, us, ns, rfc3339, http")
	f.StringVar(&k.messageID, "message-id", "", "place of the message id: a header's name")
}

// names are the knobs by the names of their flags: what --batch takes as
// params of the generic row.
func (k *knobs) names() map[string]*string {
	return map[string]*string{
		"algorithm": &k.algorithm, "key-encoding": &k.keyEncoding, "content": &k.content,
		"signature": &k.signature, "signature-prefix": &k.sigPrefix, "signature-encoding": &k.sigEncoding,
		"signature-format": &k.sigFormat, "signature-field": &k.sigField, "signature-separator": &k.sigSep,
		"timestamp": &k.timestamp, "timestamp-unit": &k.timestampUnit, "message-id": &k.messageID,
	}
}

// placeOf reads a place; a bare name is a header.
func placeOf(s string) string {
	if s == "" || strings.Contains(s, ":") {
		return s
	}
	return "header:" + s
}

var hmacAlgorithms = []string{signer.HMACSHA1, signer.HMACSHA256, signer.HMACSHA384, signer.HMACSHA512}

// turned is a copy of a scheme with the knobs applied.
func (k *knobs) turned(s *signer.Scheme) (*signer.Scheme, error) {
	c := *s
	set := func(to *string, v string) {
		if v != "" {
			*to = v
		}
	}
	own := *k
	own.file = ""
	if own == (knobs{}) {
		return s, nil
	}
	if s.Hook != "" || !slices.Contains(hmacAlgorithms, s.Algorithm) {
		return nil, usage("leave out --algorithm, --content, --signature… and --timestamp…; they are for HMAC schemes, such as \"hmac\"", "scheme %q cannot be changed by flags", s.ID)
	}
	if k.algorithm != "" && !slices.Contains(hmacAlgorithms, k.algorithm) {
		return nil, usage("use "+strings.Join(hmacAlgorithms, ", "), "algorithm %q", k.algorithm)
	}
	set(&c.Algorithm, k.algorithm)
	set(&c.Key.Encoding, k.keyEncoding)
	set(&c.Content, k.content)
	if k.content != "" {
		c.Also = nil
	}
	if k.signature != "" {
		c.Signature.From, c.Signature.More, c.Detect = placeOf(k.signature), nil, nil
		if s.ID == "hmac" {
			c.Signature.Prefix, c.Signature.Optional = "", false
		}
	}
	if k.sigPrefix != "" {
		c.Signature.Prefix, c.Signature.Optional = k.sigPrefix, false
	}
	set(&c.Signature.Encoding, k.sigEncoding)
	set(&c.Signature.Format, k.sigFormat)
	set(&c.Signature.Field, k.sigField)
	set(&c.Signature.Separator, k.sigSep)
	if f := k.sigFormat; f != "" && f != "single" {
		c.Signature.Prefix = ""
	}
	if k.timestamp != "" {
		c.Timestamp = &signer.Timestamp{From: placeOf(k.timestamp)}
	}
	if k.timestampUnit != "" {
		t := signer.Timestamp{}
		if c.Timestamp != nil {
			t = *c.Timestamp
		}
		t.Unit = k.timestampUnit
		c.Timestamp = &t
	}
	set(&c.MessageID, placeOf(k.messageID))
	if err := c.Check(); err != nil {
		return nil, usage("placeholders are like {timestamp}, {id}, {body}, {url}, {method}, {header:NAME}", "%w", err)
	}
	return &c, nil
}

// projectScheme finds an own scheme of the settings files; nil: there is none.
func (e *Env) projectScheme(id string) (*signTarget, error) {
	own, err := e.projectSchemes()
	return ownTarget(own, id), err
}

// projectSchemes are the own schemes of the settings files.
func (e *Env) projectSchemes() ([]*signer.Scheme, error) {
	own, err := e.configure(pflag.NewFlagSet("", pflag.ContinueOnError), "schemes")
	return own.schemes, err
}

// ownTarget is the scheme with this id; nil: there is none.
func ownTarget(schemes []*signer.Scheme, id string) *signTarget {
	for _, s := range schemes {
		if s.ID == id {
			return &signTarget{id: s.ID, name: cmp.Or(s.Name, s.ID), schemes: []*signer.Scheme{s}}
		}
	}
	return nil
}

// target finds what PROVIDER, --scheme, --scheme-file and the knobs say.
func (k *knobs) target(env *Env, provider, scheme string) (*signTarget, error) {
	var t *signTarget
	var err error
	if k.file != "" {
		t, err = ownScheme(env, k.file, scheme)
	} else {
		t, err = findTarget(provider, scheme)
		if unknown := (*errUnknownProvider)(nil); errors.As(err, &unknown) {
			if found, bad := env.projectScheme(provider); bad != nil || found != nil {
				t, err = found, bad
			}
		}
	}
	if err != nil {
		return nil, err
	}
	for i, s := range t.schemes {
		if t.schemes[i], err = k.turned(s); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// ownScheme reads a user's scheme, or row.
func ownScheme(env *Env, path, scheme string) (*signTarget, error) {
	b, err := readBounded(env.path(path), 1<<20)
	if err != nil {
		return nil, usage("", "scheme file %q: %w", path, err)
	}
	t, err := parseScheme(b, scheme)
	if err != nil {
		return nil, usage("\"hook providers show PROVIDER --json\" prints one to begin with", "scheme file %q: %w", path, err)
	}
	return t, nil
}

// parseScheme reads the JSON of a scheme or of a row with schemes.
func parseScheme(b []byte, scheme string) (*signTarget, error) {
	var row signer.Provider
	strict := func(v any) error {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		return d.Decode(v)
	}
	if err := strict(&row); err != nil || len(row.Schemes) == 0 {
		var s signer.Scheme
		if serr := strict(&s); serr != nil {
			if bytes.Contains(b, []byte(`"schemes"`)) && err != nil {
				serr = err
			}
			return nil, serr
		}
		row = signer.Provider{ID: s.ID, Name: s.ID, Schemes: []signer.Scheme{s}}
	}
	t := &signTarget{id: row.ID, name: row.Name}
	for i := range row.Schemes {
		s := &row.Schemes[i]
		if scheme != "" && scheme != s.ID {
			continue
		}
		if err := s.Check(); err != nil {
			return nil, err
		}
		t.schemes = append(t.schemes, s)
	}
	if len(t.schemes) == 0 {
		return nil, fmt.Errorf("it has no scheme %q", scheme)
	}
	return t, nil
}

// parseParams reads --param NAME=VALUE.
func parseParams(list []string) (map[string]string, error) {
	params := map[string]string{}
	for _, p := range list {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, usage("write it as --param webhook_id=WH-1", "a parameter has no name")
		}
		params[name] = value
	}
	return params, nil
}
