package signer

import (
	"sort"
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

// Providers returns the whole table, sorted by id. The caller owns the copy.
func Providers() []Provider {
	var all []Provider
	for _, family := range []func() []Provider{
		codeProviders, opsProviders, paymentProviders, commerceProviders, messagingProviders, mailProviders,
		workProviders, identityProviders, cloudProviders, aiProviders, chainProviders, financeProviders, contentProviders, genericProviders,
	} {
		all = append(all, family()...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}

// FindProvider returns the row of that id.
func FindProvider(id string) (*Provider, bool) {
	for _, p := range Providers() {
		if p.ID == id {
			return &p, true
		}
	}
	return nil, false
}

// FindScheme returns a scheme by its id, or the first scheme of the provider with that id.
func FindScheme(id string) (*Scheme, bool) {
	all := Providers()
	for _, p := range all {
		for i := range p.Schemes {
			if p.Schemes[i].ID == id {
				return &p.Schemes[i], true
			}
		}
	}
	for _, p := range all {
		if p.ID == id && len(p.Schemes) > 0 {
			return &p.Schemes[0], true
		}
	}
	return nil, false
}
