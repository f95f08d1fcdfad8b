package signer

// aiProviders are the rows for models, agents and media.
func aiProviders() []Provider {
	return []Provider{
		{
			ID: "openai", Name: "OpenAI",
			Docs: "https://platform.openai.com/docs/guides/webhooks",
			Schemes: []Scheme{{
				ID: "openai", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64-if-prefixed", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"webhook-signature": ""}, JSON: map[string]string{"/id": "evt_*", "/object": "event"}},
			}},
		},
	}
}
