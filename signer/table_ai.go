package signer

// aiProviders are the rows for models, agents and media.
func aiProviders() []Provider {
	return []Provider{
		{
			ID: "anthropic", Name: "Anthropic",
			Docs: "https://docs.claude.com/en/api/webhooks",
			Schemes: []Scheme{{
				ID: "anthropic", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Evidence:  "sdk @anthropic-ai/sdk@1.12.0",
			}},
		},
		{
			ID: "composio", Name: "Composio",
			Docs: "https://docs.composio.dev/docs/using-triggers",
			Schemes: []Scheme{{
				ID: "composio", Algorithm: HMACSHA256,
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Evidence:  "sdk @composio/core@0.17.0",
				Notes:     []string{"the secret is used as text, not decoded"},
			}},
		},
		{
			ID: "elevenlabs", Name: "ElevenLabs",
			Docs: "https://elevenlabs.io/docs/product-guides/administration/webhooks",
			Schemes: []Scheme{{
				ID: "elevenlabs", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:ElevenLabs-Signature", Format: "pairs", Field: "v0", Lower: true},
				Timestamp: &Timestamp{From: "field:t", Window: 1800},
				Event:     []string{"json:type"},
				Evidence:  "sdk @elevenlabs/elevenlabs-js@2.73.0",
			}},
		},
		{
			ID: "openai", Name: "OpenAI",
			Docs: "https://platform.openai.com/docs/guides/webhooks",
			Schemes: []Scheme{{
				ID: "openai", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64-if-prefixed", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64", Unpadded: true},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"webhook-signature": ""}, JSON: map[string]string{"/id": "evt_*", "/object": "event"}},
				Evidence:  "sdk openai@6.49.0",
			}},
		},
		{
			ID: "replicate", Name: "Replicate",
			Docs: "https://replicate.com/docs/topics/webhooks/verify-webhook",
			Schemes: []Scheme{{
				ID: "replicate", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Body:      "some",
				Event:     []string{"json:status"},
				Delivery:  []string{"json:id"},
				Evidence:  "sdk replicate@1.4.0",
			}},
		},
		{
			ID: "retell", Name: "Retell",
			Docs: "https://docs.retellai.com/features/secure-webhook",
			Schemes: []Scheme{{
				ID: "retell", Algorithm: HMACSHA256,
				Content:   "{body}{timestamp}",
				Signature: Signature{From: "header:X-Retell-Signature", Format: "pairs", Field: "d"},
				Timestamp: &Timestamp{From: "field:v", Unit: "ms"},
				Event:     []string{"json:event"},
				Evidence:  "sdk retell-sdk@5.66.1",
			}},
		},
	}
}
