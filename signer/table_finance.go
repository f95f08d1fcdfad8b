package signer

// financeProviders are the rows for banks, accounts and cards.
func financeProviders() []Provider {
	return []Provider{
		{
			ID: "intuit", Name: "Intuit QuickBooks",
			Docs:     "https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks",
			Deadline: 3,
			Schemes: []Scheme{{
				ID: "intuit", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:intuit-signature", Encoding: "base64"},
				Event:     []string{"json:eventNotifications[0].dataChangeEvent.entities[0].name"},
			}},
		},
		{
			ID: "plaid", Name: "Plaid",
			Docs:     "https://plaid.com/docs/api/webhooks/webhook-verification/",
			Deadline: 10,
			Schemes: []Scheme{{
				ID: "plaid", Algorithm: JWS,
				Key:       KeyRule{Public: true},
				Signature: Signature{From: "header:Plaid-Verification"},
				Timestamp: &Timestamp{From: "claim:iat"},
				JWT:       &JWT{Algorithms: []string{"ES256"}, BodyHash: "request_body_sha256"},
				Event:     []string{"json:webhook_type+json:webhook_code"},
				Notes:     []string{"the key comes from an API call with credentials: give it as a JWK"},
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
				Match:  Match{Method: "POST", Header: map[string]string{"x-xero-signature": ""}, JSON: map[string]string{"/entropy": "", "/events": ""}},
				Reply:  Reply{Status: 200},
				Keyed:  "verify",
				Signed: true,
				Scheme: "xero",
			}},
		},
	}
}
