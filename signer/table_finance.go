package signer

// financeProviders are the rows for banks, accounts and cards.
func financeProviders() []Provider {
	return []Provider{
		{
			ID: "finch", Name: "Finch",
			Docs: "https://developer.tryfinch.com/api-reference/development-guides/Webhooks",
			Schemes: []Scheme{{
				ID: "finch", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64"},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:Finch-Signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:Finch-Timestamp"},
				MessageID: "header:Finch-Event-Id",
				Event:     []string{"json:event_type"},
				Evidence:  "sdk @tryfinch/finch-api@10.7.0",
			}},
		},
		{
			ID: "intuit", Name: "Intuit QuickBooks",
			Docs: "https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks",
			Schemes: []Scheme{{
				ID: "intuit", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:intuit-signature", Encoding: "base64"},
				Event:     []string{"json:eventNotifications[0].dataChangeEvent.entities[0].name"},
			}},
		},
		{
			ID: "lithic", Name: "Lithic",
			Docs: "https://docs.lithic.com/docs/events-api",
			Schemes: []Scheme{{
				ID: "lithic", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:event_type"},
				Evidence:  "sdk lithic@0.145.0",
			}},
		},
		{
			ID: "modern-treasury", Name: "Modern Treasury",
			Docs: "https://docs.moderntreasury.com/platform/reference/webhook-signatures",
			Schemes: []Scheme{{
				ID: "modern-treasury", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Signature"},
				Event:     []string{"header:X-Topic", "json:event"},
				Delivery:  []string{"header:X-Event-ID"},
				Detect:    &Match{Header: map[string]string{"X-Signature": "", "X-Topic": ""}},
				Evidence:  "sdk modern-treasury@3.3.0",
			}},
		},
		{
			ID: "plaid", Name: "Plaid",
			Docs: "https://plaid.com/docs/api/webhooks/webhook-verification/",
			Schemes: []Scheme{{
				ID: "plaid", Algorithm: JWS,
				Key:       KeyRule{Public: true},
				Signature: Signature{From: "header:Plaid-Verification"},
				Timestamp: &Timestamp{From: "claim:iat"},
				JWT:       &JWT{Algorithms: []string{"ES256"}, BodyHash: "request_body_sha256"},
				Event:     []string{"json:webhook_type+json:webhook_code"},
				Evidence:  "published",
				Notes:     []string{"the key comes from an API call with credentials: give it as a JWK"},
			}},
		},
		{
			ID: "terra", Name: "Terra",
			Docs: "https://docs.tryterra.co/health-and-fitness-api/integration-setup/setting-up-data-destinations/webhooks",
			Schemes: []Scheme{{
				ID: "terra", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:terra-signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t"},
				Body:      "some",
				Event:     []string{"json:type"},
				Evidence:  "sdk terra-api@2.1.0",
			}},
		},
		{
			ID: "truelayer", Name: "TrueLayer",
			Docs: "https://docs.truelayer.com/docs/configure-webhooks-for-your-integration",
			Schemes: []Scheme{{
				ID: "truelayer", Algorithm: JWS,
				Key:       KeyRule{Public: true, URL: "https://webhooks.truelayer.com/.well-known/jwks"},
				Signature: Signature{From: "header:Tl-Signature"},
				JWT:       &JWT{Algorithms: []string{"ES512"}, Detached: "{body}"},
				Hook:      "truelayer",
				Event:     []string{"json:type"},
				Delivery:  []string{"json:event_id"},
				Evidence:  "sdk truelayer-signing@0.2.3",
			}},
		},
		{
			ID: "unit", Name: "Unit",
			Docs: "https://www.unit.co/docs/api/webhooks/",
			Schemes: []Scheme{{
				ID: "unit", Algorithm: HMACSHA1,
				Signature: Signature{From: "header:X-Unit-Signature", Encoding: "base64"},
				Event:     []string{"json:data[0].type"},
				Delivery:  []string{"json:data[0].id"},
				Evidence:  "sdk @unit-finance/unit-node-sdk@0.41.0",
			}},
		},
		{
			ID: "wise", Name: "Wise",
			Docs: "https://docs.wise.com/guides/developer/webhooks",
			Schemes: []Scheme{{
				ID: "wise", Algorithm: RSASHA256,
				Key:       KeyRule{Public: true},
				Signature: Signature{From: "header:X-Signature-SHA256", Encoding: "base64"},
				Event:     []string{"json:event_type"},
				Delivery:  []string{"header:X-Delivery-Id"},
				Detect:    &Match{Header: map[string]string{"X-Delivery-Id": "", "X-Signature-SHA256": ""}},
				Evidence:  "published",
			}},
		},
		{
			ID: "xero", Name: "Xero",
			Docs:     "https://developer.xero.com/documentation/webhooks/configuring-your-server",
			Deadline: 5,
			Accept:   &Reply{Status: 200},
			Schemes: []Scheme{{
				ID: "xero", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:x-xero-signature", Encoding: "base64"},
				Event:     []string{"json:events[0].eventCategory+json:events[0].eventType"},
			}},
			Handshakes: []Handshake{{
				Name:   "intent to receive",
				Match:  Match{Method: "POST", Header: map[string]string{"x-xero-signature": ""}, JSON: map[string]string{"/entropy": "", "/events": "", "/firstEventSequence": "0", "/lastEventSequence": "0"}},
				Reply:  Reply{Status: 200},
				Keyed:  "verify",
				Signed: true,
				Scheme: "xero",
			}},
		},
	}
}
