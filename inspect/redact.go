package inspect

import (
	"net/url"
	"slices"
	"strings"

	"github.com/hookrelay/hook/tunnel"
)

// Redaction says what is secret in a flow and must not leave it: in an export,
// a cassette, the clipboard. The zero value takes nothing out.
type Redaction struct {
	// Headers are names; "*-token" is all that end so.
	Headers []string
	// Fields are names of values in JSON and form bodies, at any depth, and of
	// query parameters. Case, "-" and "_" do not matter.
	Fields []string
	// Query are names of query parameters only.
	Query []string
	// Cards takes out what looks like the number of a payment card.
	Cards bool
	// UserInfo takes out name and password before the host of a URL.
	UserInfo bool
	// Providers are further places by the provider of a flow: "header:X-Token",
	// "json:passcode", "form:token", "query:code".
	Providers map[string][]string
}

// Hidden stands where something was taken out.
const Hidden = "[redacted]"

// DefaultRedaction is made once and used often: it reads the table of
// providers. It is what is taken out unless a user says otherwise. What
// signs a webhook is no secret and stays: it can be verified by nobody else.
func DefaultRedaction() Redaction {
	return Redaction{
		Headers: []string{
			"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Gitlab-Token", "X-Buildkite-Token",
			"X-Telegram-Bot-Api-Secret-Token", "X-Hook-Secret", "X-Api-Key", "Api-Key", "Apikey",
			"*-token", "*-secret", "*-password", "*-api-key", "*-auth-key", "*-access-key",
		},
		Fields: []string{
			"passcode", "verification_token", "token", "password", "passwd", "passphrase", "secret", "client_secret", "webhook_secret",
			"access_token", "refresh_token", "id_token", "auth_token", "bot_token", "api_token", "session_token", "authorization",
			"api_key", "private_key", "secret_key", "access_key", "card_number", "cvc", "cvv",
		},
		Query:     []string{"key", "auth", "pass", "pwd", "jwt", "sig"},
		Cards:     true,
		UserInfo:  true,
		Providers: secretPlaces(),
	}
}

// RedactHeaders is the redaction of these headers alone.
func RedactHeaders(names ...string) Redaction { return Redaction{Headers: names} }

func (r *Redaction) empty() bool {
	return len(r.Headers) == 0 && len(r.Fields) == 0 && len(r.Query) == 0 && !r.Cards && !r.UserInfo && len(r.Providers) == 0
}

// Flow is f without what is secret, marked as such: Flow.Exact names what is
// missing. Bodies in files are read for it; one that cannot be read is left
// out. It is f itself if there is nothing to take out.
func (r Redaction) Flow(f *Flow) *Flow {
	if r.empty() {
		return f
	}
	r = r.with(r.Providers[f.Provider])
	c := cut{Redaction: r, f: f.clone(), fields: plainSet(r.Fields), params: plainSet(r.Fields, r.Query)}
	d := &c.f.Delivery
	d.Target = c.query(d.Target)
	d.URL = c.url(d.URL)
	d.Header = c.header(d.Header)
	body, err := f.Body()
	if err != nil {
		c.took("body that could not be read")
		body = []byte(Hidden)
	}
	if out := c.body(body, d.Header.Get("Content-Type")); string(out) != string(body) || err != nil {
		d.Body, c.f.BodySize, c.f.BodyHash = out, int64(len(out)), hashOf(out)
	}
	c.prefix = "answer "
	for i := range c.f.Attempts {
		a := &c.f.Attempts[i]
		a.Target = c.url(a.Target)
		if a.Result == nil {
			continue
		}
		res := *a.Result
		res.Header = c.header(res.Header)
		if answer, err := f.Answer(a); err == nil {
			if out := c.body(answer, res.Header.Get("Content-Type")); string(out) != string(answer) {
				res.Body, res.Size, a.answerHash = out, int64(len(out)), ""
			}
		}
		a.Result = &res
	}
	if len(c.f.Redacted) == len(f.Redacted) {
		return f
	}
	return c.f
}

// with is r with more places.
func (r Redaction) with(places []string) Redaction {
	for _, place := range places {
		kind, name, _ := strings.Cut(place, ":")
		switch kind {
		case "header":
			r.Headers = append(slices.Clip(r.Headers), name)
		case "json", "form":
			name, _, _ = strings.Cut(name, "#")
			r.Fields = append(slices.Clip(r.Fields), name[strings.LastIndexByte(name, '.')+1:])
		case "query":
			r.Query = append(slices.Clip(r.Query), name)
		}
	}
	return r
}

// cut is one redaction at work.
type cut struct {
	Redaction
	f      *Flow
	prefix string
	fields map[string]bool // by their plain names
	params map[string]bool
}

func (c *cut) took(what string) {
	if what = readable(c.prefix + what); !slices.Contains(c.f.Redacted, what) {
		c.f.Redacted = append(slices.Clip(c.f.Redacted), what)
	}
}

func (c *cut) header(h tunnel.Header) tunnel.Header {
	out := slices.Clone(h)
	for i, line := range out {
		if c.hidesHeader(line.Name) && line.Value != "" && line.Value != Hidden {
			out[i].Value = Hidden
			c.took("header " + line.Name)
		}
	}
	return out
}

func (c *cut) hidesHeader(name string) bool {
	return slices.ContainsFunc(c.Headers, func(pattern string) bool {
		if end, ok := strings.CutPrefix(pattern, "*"); ok {
			return len(name) >= len(end) && strings.EqualFold(name[len(name)-len(end):], end)
		}
		return strings.EqualFold(pattern, name)
	})
}

// plain is a name as names are compared: without case, "-" and "_".
func plain(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), "-", ""), "_", "")
}

func plainSet(lists ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, name := range slices.Concat(lists...) {
		set[plain(name)] = true
	}
	return set
}

// maxName is more than the longest name of a secret has.
const maxName = 64

func hides(set map[string]bool, name string) bool { return len(name) <= maxName && set[plain(name)] }

// query is a raw target or URL with the secret parameters of its query hidden.
// All other bytes stay as they are.
func (c *cut) query(raw string) string {
	before, query, ok := strings.Cut(raw, "?")
	if !ok {
		return raw
	}
	if out, changed := c.form(query, "url ", c.params); changed {
		return before + "?" + out
	}
	return raw
}

// form hides values of a=b&c=d.
func (c *cut) form(raw, kind string, secret map[string]bool) (string, bool) {
	parts := strings.Split(raw, "&")
	changed := false
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		key, err := url.QueryUnescape(name)
		if err != nil {
			key = name
		}
		if value == "" || value == url.QueryEscape(Hidden) {
			continue
		}
		if hides(secret, key) {
			parts[i], changed = name+"="+url.QueryEscape(Hidden), true
			c.took(kind + key)
			continue
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			continue
		}
		if out := c.text([]byte(text)); string(out) != text { // payload={"token":…}
			parts[i], changed = name+"="+url.QueryEscape(string(out)), true
		}
	}
	return strings.Join(parts, "&"), changed
}

// url hides user information too.
func (c *cut) url(raw string) string {
	if scheme, rest, ok := strings.Cut(raw, "://"); ok && c.UserInfo {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 && rest[:at] != Hidden {
			raw = scheme + "://" + Hidden + rest[at:]
			c.took("url user")
		}
	}
	return c.query(raw)
}

// body hides what is secret in a body of a kind that is known.
func (c *cut) body(b []byte, contentType string) []byte {
	if len(b) == 0 || len(c.Fields) == 0 && !c.Cards {
		return b
	}
	if mediaType(contentType) == "application/x-www-form-urlencoded" {
		if out, changed := c.form(string(b), "form ", c.fields); changed {
			return []byte(out)
		}
		return b
	}
	return c.text(b)
}
