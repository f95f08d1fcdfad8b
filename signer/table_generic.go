package signer

// genericProviders are the rows for schemes that belong to no provider.
func genericProviders() []Provider {
	return []Provider{
		{
			ID: "basic", Name: "HTTP Basic",
			Docs:   "https://www.rfc-editor.org/rfc/rfc7617",
			Redact: []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "basic", Algorithm: Basic,
				Signature: Signature{From: "header:Authorization", Prefix: "Basic ", Encoding: "plain"},
				Detect:    &Match{Header: map[string]string{"Authorization": "Basic *"}},
				Evidence:  "published",
			}},
		},
		{
			ID: "bearer", Name: "Bearer token",
			Docs:   "https://www.rfc-editor.org/rfc/rfc6750",
			Redact: []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "bearer", Algorithm: Token,
				Signature: Signature{From: "header:Authorization", Prefix: "Bearer ", Encoding: "plain"},
				Detect:    &Match{Header: map[string]string{"Authorization": "Bearer *"}},
				Evidence:  "published",
			}},
		},
		{
			ID: "convoy", Name: "Convoy",
			Docs: "https://docs.getconvoy.io/product-manual/signatures",
			Schemes: []Scheme{{
				ID: "convoy-advanced", Algorithm: HMACSHA256,
				Content:   "{timestamp},{body}",
				Signature: Signature{From: "header:X-Convoy-Signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t"},
				Delivery:  []string{"header:X-Convoy-Idempotency-Key"},
				Detect:    &Match{Header: map[string]string{"X-Convoy-Signature": "t=*"}},
				Evidence:  "published",
			}, {
				ID: "convoy-simple", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Convoy-Signature"},
				Delivery:  []string{"header:X-Convoy-Idempotency-Key"},
				Evidence:  "published",
			}},
		},
		{
			ID: "hmac", Name: "Generic HMAC",
			Docs: "https://www.rfc-editor.org/rfc/rfc2104",
			Schemes: []Scheme{{
				ID: "hmac", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Signature", Prefix: "sha256=", Optional: true},
				Evidence:  "published",
				Notes:     []string{"set every part of the row as you need it"},
			}},
		},
		{
			ID: "hook0", Name: "Hook0",
			Docs: "https://documentation.hook0.com/docs/verifying-webhook-signatures",
			Schemes: []Scheme{{
				ID: "hook0", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Hook0-Signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t"},
				Hook:      "coinbase",
				Event:     []string{"header:X-Event-Type"},
				Delivery:  []string{"header:X-Event-Id"},
				Detect:    &Match{Header: map[string]string{"User-Agent": "Hook0*", "X-Hook0-Signature": ""}},
				Evidence:  "sdk hook0-client@1.1.0",
			}},
		},
		{
			ID: "hookdeck", Name: "Hookdeck",
			Docs: "https://hookdeck.com/docs/authentication",
			Schemes: []Scheme{{
				ID: "hookdeck", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:x-hookdeck-signature", More: []string{"header:x-hookdeck-signature-2"}, Encoding: "base64"},
				Delivery:  []string{"header:x-hookdeck-eventid"},
				Evidence:  "sdk @hookdeck/sdk@0.4.0",
			}},
		},
		{
			ID: "http-message-signatures", Name: "HTTP Message Signatures",
			Docs: "https://www.rfc-editor.org/rfc/rfc9421",
			Schemes: []Scheme{{
				ID: "http-message-signatures", Algorithm: HTTPMessage,
				Signature: Signature{From: "header:Signature", Repeats: true},
				Hook:      "http-message",
				Detect:    &Match{Header: map[string]string{"Signature": "", "Signature-Input": ""}},
				Evidence:  "published",
			}},
		},
		{
			ID: "jwt", Name: "Generic JWT",
			Docs:   "https://www.rfc-editor.org/rfc/rfc7519",
			Redact: []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "jwt", Algorithm: JWS,
				Signature: Signature{From: "header:Authorization"},
				JWT:       &JWT{Algorithms: []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}, Auth: []string{"Bearer "}, Audience: "param:audience"},
				Detect:    &Match{Header: map[string]string{"Authorization": "Bearer eyJ*"}},
				Evidence:  "published",
			}},
		},
		{
			ID: "standard-webhooks", Name: "Standard Webhooks",
			Docs: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
			Schemes: []Scheme{{
				ID: "standard-webhooks", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"webhook-id": "", "webhook-signature": "", "webhook-timestamp": ""}},
				Evidence:  "published, sdk standardwebhooks@1.1.1",
			}, {
				ID: "standard-webhooks-v1a", Algorithm: Ed25519,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whpk_", "whpk1_"}, Public: true},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1a", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"webhook-signature": "v1a,*"}},
				Evidence:  "published",
			}},
		},
	}
}
