package signer

// chainProviders are the rows for chains and crypto assets.
func chainProviders() []Provider {
	return []Provider{
		{
			ID: "alchemy", Name: "Alchemy",
			Docs: "https://www.alchemy.com/docs/reference/notify-api-quickstart",
			Schemes: []Scheme{{
				ID: "alchemy", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Alchemy-Signature"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
			}},
		},
		{
			ID: "blockfrost", Name: "Blockfrost",
			Docs: "https://blockfrost.dev/start-building/webhooks/",
			Schemes: []Scheme{{
				ID: "blockfrost", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:Blockfrost-Signature", Format: "pairs", Field: "v1", Lower: true},
				Timestamp: &Timestamp{From: "field:t", Window: 600},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
				Evidence:  "sdk @blockfrost/blockfrost-js@6.2.0",
			}},
		},
		{
			ID: "coinbase", Name: "Coinbase Developer Platform",
			Docs: "https://docs.cdp.coinbase.com/webhooks/verify-signatures",
			Schemes: []Scheme{{
				ID: "coinbase", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Hook0-Signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t"},
				Hook:      "coinbase",
				Event:     []string{"header:X-Event-Type", "json:eventType"},
				Delivery:  []string{"header:X-Hook0-Id", "header:X-Event-Id"},
			}},
		},
		{
			ID: "fireblocks", Name: "Fireblocks",
			Docs: "https://developers.fireblocks.com/reference/validating-webhooks",
			Schemes: []Scheme{{
				ID: "fireblocks", Algorithm: JWS,
				Key:       KeyRule{Public: true, URL: "https://keys.fireblocks.io/.well-known/jwks.json"},
				Signature: Signature{From: "header:Fireblocks-Webhook-Signature"},
				JWT:       &JWT{Algorithms: []string{"RS512"}, Detached: "{body}"},
				Event:     []string{"json:eventType"},
				Delivery:  []string{"json:id"},
			}, {
				ID: "fireblocks-legacy", Algorithm: RSASHA512,
				Key:       KeyRule{Public: true},
				Signature: Signature{From: "header:Fireblocks-Signature", Encoding: "base64"},
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"Fireblocks-Signature": ""}, Absent: []string{"Fireblocks-Webhook-Signature"}},
				Docs:      "https://developers.fireblocks.com/reference/webhooks-gettingstarted-validatingevents",
			}},
		},
		{
			ID: "helius", Name: "Helius",
			Docs:   "https://www.helius.dev/docs/webhooks",
			Redact: []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "helius", Algorithm: Token,
				Signature: Signature{From: "header:Authorization", Encoding: "plain"},
				Event:     []string{"json:[].type"},
				Delivery:  []string{"json:[].signature"},
			}},
		},
		{
			ID: "lightspark", Name: "Lightspark",
			Docs: "https://docs.lightspark.com/lightspark-sdk/webhooks",
			Schemes: []Scheme{{
				ID: "lightspark", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Lightspark-Signature"},
				Event:     []string{"json:event_type"},
				Delivery:  []string{"json:event_id"},
				Evidence:  "sdk @lightsparkdev/lightspark-sdk@1.9.19",
			}},
		},
		{
			ID: "moralis", Name: "Moralis Streams",
			Docs: "https://docs.moralis.com/streams/webhooks/security",
			Schemes: []Scheme{{
				ID: "moralis", Algorithm: Keccak256,
				Content:   "{body}{secret}",
				Signature: Signature{From: "header:x-signature", Prefix: "0x"},
				Event:     []string{"json:tag"},
				Delivery:  []string{"json:block.hash+json:streamId"},
				Detect:    &Match{Header: map[string]string{"x-signature": "0x*"}},
				Evidence:  "published",
			}},
		},
		{
			ID: "opennode", Name: "OpenNode",
			Docs: "https://developers.opennode.com/docs/charge-webhooks",
			Schemes: []Scheme{{
				ID: "opennode", Algorithm: HMACSHA256,
				Content:   "{form:id}",
				Signature: Signature{From: "form:hashed_order"},
				Event:     []string{"form:status"},
				Delivery:  []string{"form:id"},
				Detect:    &Match{Form: map[string]string{"hashed_order": "", "id": ""}},
				Evidence:  "sdk opennode@1.5.0",
				Notes:     []string{"only the id is signed, not the rest"},
			}},
		},
		{
			ID: "quicknode", Name: "QuickNode",
			Docs: "https://www.quicknode.com/sample-app-library/streams-webhook-validate-signature",
			Schemes: []Scheme{{
				ID: "quicknode", Algorithm: HMACSHA256,
				Content:   "{id}{timestamp}{gunzip(body)}",
				Signature: Signature{From: "header:x-qn-signature"},
				Timestamp: &Timestamp{From: "header:x-qn-timestamp"},
				MessageID: "header:x-qn-nonce",
			}},
		},
		{
			ID: "thirdweb", Name: "thirdweb",
			Docs: "https://portal.thirdweb.com/bridge/webhooks",
			Schemes: []Scheme{{
				ID: "thirdweb", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:x-payload-signature", More: []string{"header:x-pay-signature"}, Lower: true},
				Timestamp: &Timestamp{From: "header:x-timestamp"},
				Event:     []string{"json:type"},
				Evidence:  "sdk thirdweb@5.121.6",
			}},
		},
	}
}
