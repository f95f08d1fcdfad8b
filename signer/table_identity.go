package signer

// identityProviders are the rows for identity, checks of people and access.
func identityProviders() []Provider {
	return []Provider{
		{
			ID: "auth0", Name: "Auth0 log streams",
			Docs:   "https://auth0.com/docs/customize/log-streams/custom-log-streams",
			Redact: []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "auth0-log-streams", Algorithm: Token,
				Signature: Signature{From: "header:Authorization", Encoding: "plain"},
				Event:     []string{"json:[].data.type"},
				Delivery:  []string{"json:[].log_id"},
			}},
		},
		{
			ID: "clerk", Name: "Clerk",
			Docs: "https://clerk.com/docs/webhooks/overview",
			Schemes: []Scheme{{
				ID: "clerk", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:svix-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:svix-timestamp"},
				MessageID: "header:svix-id",
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"svix-signature": ""}, JSON: map[string]string{"/instance_id": "", "/object": "event", "/type": ""}},
			}},
		},
		{
			ID: "neon", Name: "Neon Auth",
			Docs:     "https://neon.com/docs/auth/guides/webhooks",
			Blocking: true,
			Schemes: []Scheme{{
				ID: "neon-auth", Algorithm: JWS,
				Key:       KeyRule{Public: true},
				Signature: Signature{From: "header:X-Neon-Signature"},
				Timestamp: &Timestamp{From: "header:X-Neon-Timestamp", Unit: "ms"},
				JWT:       &JWT{Algorithms: []string{"EdDSA"}, Detached: "{timestamp}.{base64url(body)}"},
				Event:     []string{"header:X-Neon-Event-Type"},
				Delivery:  []string{"header:X-Neon-Event-Id"},
			}},
		},
		{
			ID: "okta", Name: "Okta",
			Docs:     "https://developer.okta.com/docs/concepts/event-hooks/",
			Deadline: 3,
			Redact:   []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "okta", Algorithm: Token,
				Signature: Signature{From: "header:Authorization", Encoding: "plain"},
				Event:     []string{"json:data.events[0].eventType"},
				Delivery:  []string{"json:eventId"},
				Detect:    &Match{JSON: map[string]string{"/eventType": "com.okta.*"}},
			}},
			Handshakes: []Handshake{{
				Name:  "verification",
				Match: Match{Method: "GET", Header: map[string]string{"x-okta-verification-challenge": ""}},
				Reply: Reply{Status: 200, ContentType: "application/json", Body: "{\"verification\":\"{header:x-okta-verification-challenge}\"}"},
			}},
		},
		{
			ID: "onfido", Name: "Onfido",
			Docs: "https://documentation.identity.entrust.com/api/manual-webhook-signature-verification/",
			Schemes: []Scheme{{
				ID: "onfido", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-SHA2-Signature"},
				Event:     []string{"json:payload.action"},
				Delivery:  []string{"json:payload.object.id+json:payload.action"},
			}},
		},
		{
			ID: "ory", Name: "Ory",
			Docs:   "https://www.ory.sh/docs/polis/directory-sync/webhooks",
			Redact: []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "ory-polis", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:Ory-Signature", More: []string{"header:BoxyHQ-Signature"}, Format: "pairs", Field: "s"},
				Timestamp: &Timestamp{From: "field:t", Unit: "ms"},
				Event:     []string{"json:event"},
			}, {
				ID: "ory-network", Algorithm: Token,
				Signature: Signature{From: "header:Authorization", Encoding: "plain"},
				Detect:    &Match{Header: map[string]string{"Authorization": "", "X-Ory-Webhook-Id": ""}},
				Docs:      "https://www.ory.sh/docs/guides/integrate-with-ory-cloud-through-webhooks",
			}},
		},
		{
			ID: "persona", Name: "Persona",
			Docs: "https://docs.withpersona.com/webhooks-best-practices",
			Schemes: []Scheme{{
				ID: "persona", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:Persona-Signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t"},
				Event:     []string{"json:data.attributes.name"},
				Delivery:  []string{"json:data.id"},
			}},
		},
		{
			ID: "supabase", Name: "Supabase auth hooks",
			Docs:     "https://supabase.com/docs/guides/auth/auth-hooks",
			Deadline: 5,
			Blocking: true,
			Schemes: []Scheme{{
				ID: "supabase-auth-hooks", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"v1,whsec_", "whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Separator: ", ", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Notes:     []string{"a retry gets a new webhook-id"},
			}},
		},
		{
			ID: "veriff", Name: "Veriff",
			Docs: "https://devdocs.veriff.com/docs/hmac-authentication-and-endpoint-security",
			Schemes: []Scheme{{
				ID: "veriff", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:x-hmac-signature"},
				Event:     []string{"json:action", "json:verification.status"},
				Delivery:  []string{"json:id", "json:verification.id"},
				Detect:    &Match{Header: map[string]string{"x-auth-client": "", "x-hmac-signature": ""}},
			}},
		},
		{
			ID: "workos", Name: "WorkOS",
			Docs: "https://workos.com/docs/events/data-syncing/webhooks",
			Schemes: []Scheme{{
				ID: "workos", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:WorkOS-Signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t", Unit: "ms", Window: 180},
				Event:     []string{"json:event"},
				Delivery:  []string{"json:id"},
			}},
		},
	}
}
