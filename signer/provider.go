package signer

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// A Provider is one row of the table: a sender of webhooks and how it signs.
type Provider struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	Docs       string      `json:"docs"`
	Schemes    []Scheme    `json:"schemes"`
	Deadline   int         `json:"deadline,omitempty"` // seconds it waits for an answer; 0: not published
	Handshakes []Handshake `json:"handshakes,omitempty"`
	Accept     *Reply      `json:"accept,omitempty"`   // answer for a stored delivery, where 202 will not do
	Blocking   bool        `json:"blocking,omitempty"` // its answer decides something: never store and answer later
	Redact     []string    `json:"redact,omitempty"`   // places that hold a secret in clear
}

// DeadlineDuration is the time the provider waits for an answer, 0 when it does not say.
func (p *Provider) DeadlineDuration() time.Duration { return time.Duration(p.Deadline) * time.Second }

// families are the rows by what they are for, each made when it is first needed: all of them cost a third of a millisecond at a cold start,
// which a program that asks for one provider by its id does not spend. What developers ask for most stands first. No row is ever changed;
// what leaves the package is a copy.
var families = sync.OnceValue(func() []func() []Provider {
	list := []func() []Provider{
		codeProviders, paymentProvidersA, paymentProvidersB, commerceProviders, genericProviders, messagingProvidersA, messagingProvidersB,
		mailProviders, workProvidersA, workProvidersB, identityProviders, cloudProviders, aiProviders, opsProviders, chainProviders,
		financeProviders, contentProviders,
	}
	for i, family := range list {
		list[i] = sync.OnceValue(family)
	}
	return list
})

// table is all rows, sorted by id.
var table = sync.OnceValue(func() []Provider {
	var all []Provider
	for _, family := range families() {
		all = append(all, family()...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
})

// Providers returns the whole table, sorted by id. The rows are copies; the lists and maps in them are shared, and must not be changed.
func Providers() []Provider { return slices.Clone(table()) }

// FindProvider returns the row of a provider by its id, or by a name people use for it: case, spaces, dots and hyphens do not count.
func FindProvider(name string) (*Provider, bool) {
	for _, family := range families() {
		for i, rows := 0, family(); i < len(rows); i++ {
			if rows[i].ID == name {
				row := rows[i]
				return &row, true
			}
		}
	}
	all := table()
	folded := fold(name)
	if id := alias(folded); id != "" {
		folded = fold(id)
	}
	for i := range all {
		if folded != "" && (fold(all[i].ID) == folded || fold(all[i].Name) == folded) {
			row := all[i]
			return &row, true
		}
	}
	return nil, false
}

// FindScheme returns a scheme by its id, or the first scheme of the provider with that name.
func FindScheme(name string) (*Scheme, bool) {
	all := table()
	for i := range all {
		for j := range all[i].Schemes {
			if all[i].Schemes[j].ID == name {
				row := all[i].Schemes[j]
				return &row, true
			}
		}
	}
	if p, ok := FindProvider(name); ok && len(p.Schemes) > 0 {
		row := p.Schemes[0]
		return &row, true
	}
	return nil, false
}

// SchemeFor picks among the schemes of one provider the one that a message is made by: the first whose detection fits, else the first
// whose signature is there, else the first of the row. Which secret is tried is not its business.
func (p *Provider) SchemeFor(req *Request) *Scheme {
	r := &reader{req: req}
	best, weight := -1, -1
	for i := range p.Schemes {
		if m := p.Schemes[i].detection(); m != nil && m.matches(r) && m.weight() > weight {
			best, weight = i, m.weight()
		}
	}
	for i := 0; best < 0 && i < len(p.Schemes); i++ {
		if r.first(p.Schemes[i].Signature.From) != "" {
			best = i
		}
	}
	return &p.Schemes[max(best, 0)]
}

// fold leaves the lower-case letters and digits of a name.
func fold(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// alias is the id behind another name of a provider, folded; "" when there is none.
func alias(folded string) string {
	switch folded {
	case "twitter", "xtwitter":
		return "x"
	case "facebook", "instagram", "whatsapp", "messenger", "threads":
		return "meta"
	case "sns", "aws":
		return "aws-sns"
	case "qstash", "upstash":
		return "upstash-qstash"
	case "mandrill", "mailchimptransactional":
		return "mailchimp"
	case "travis":
		return "travis-ci"
	case "svixstandard", "standardwebhook":
		return "standard-webhooks"
	case "hellosign":
		return "dropbox-sign"
	case "atlassian":
		return "jira"
	case "quickbooks", "intuitquickbooks":
		return "intuit"
	case "graph", "msgraph":
		return "microsoft-graph"
	case "eventgrid":
		return "azure-event-grid"
	case "pubsub", "googlepubsubpush":
		return "google-pubsub"
	case "cdp", "coinbasecdp", "coinbasedeveloperplatform":
		return "coinbase"
	case "stream", "streamchat":
		return "getstream"
	case "feishu":
		return "lark"
	case "atlas":
		return "mongodb-atlas"
	case "httpsig", "rfc9421", "httpsignatures":
		return "http-message-signatures"
	}
	return ""
}
