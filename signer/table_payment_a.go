package signer

import "slices"

// paymentProviders are the rows for payments and billing.
func paymentProviders() []Provider {
	return slices.Concat(paymentProvidersA(), paymentProvidersB())
}

// paymentProvidersA are rows for payments and billing, part 1 of 2 by the alphabet.
func paymentProvidersA() []Provider {
	return []Provider{
		{
			ID: "adyen", Name: "Adyen",
			Docs:     "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
			Deadline: 10,
			Schemes: []Scheme{{
				ID: "adyen", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "hex"},
				Signature: Signature{From: "json:notificationItems[0].NotificationRequestItem.additionalData.hmacSignature", Encoding: "base64"},
				Hook:      "adyen",
				Event:     []string{"json:notificationItems[0].NotificationRequestItem.eventCode"},
				Delivery:  []string{"json:notificationItems[0].NotificationRequestItem.pspReference+json:notificationItems[0].NotificationRequestItem.eventCode"},
				Detect:    &Match{JSON: map[string]string{"/notificationItems": ""}},
				Evidence:  "published, sdk @adyen/api-library@32.1.0",
			}, {
				ID: "adyen-platforms", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "hex"},
				Signature: Signature{From: "header:HmacSignature", Encoding: "base64", Unpadded: true},
				Event:     []string{"json:type"},
				Evidence:  "published, sdk @adyen/api-library@32.1.0",
			}},
		},
		{
			ID: "braintree", Name: "Braintree",
			Docs: "https://developer.paypal.com/braintree/docs/guides/webhooks/parse/",
			Schemes: []Scheme{{
				ID: "braintree", Algorithm: HMACSHA1,
				Content:   "{form:bt_payload}",
				Signature: Signature{From: "form:bt_signature"},
				Hook:      "braintree",
				Detect:    &Match{Form: map[string]string{"bt_payload": "", "bt_signature": ""}},
				Evidence:  "sdk braintree@3.40.0",
				Notes:     []string{"the key is written public_key|private_key"},
			}},
			Handshakes: []Handshake{{
				Name:     "challenge",
				Match:    Match{Method: "GET", Query: map[string]string{"bt_challenge": ""}},
				Reply:    Reply{Status: 200, ContentType: "text/plain", Body: "{key_id}|{answer}"},
				Keyed:    "braintree",
				Token:    "query:bt_challenge",
				Alphabet: "a-f0-9", Longest: 32,
				Scheme: "braintree",
			}},
		},
		{
			ID: "cashfree", Name: "Cashfree",
			Docs: "https://www.cashfree.com/docs/payments/online/webhooks/signature-verification",
			Schemes: []Scheme{{
				ID: "cashfree", Algorithm: HMACSHA256,
				Content:   "{timestamp}{body}",
				Signature: Signature{From: "header:x-webhook-signature", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:x-webhook-timestamp", Unit: "ms"},
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"x-webhook-signature": "", "x-webhook-timestamp": ""}},
				Evidence:  "sdk cashfree-pg@6.0.6",
			}},
		},
		{
			ID: "chargily", Name: "Chargily Pay",
			Docs: "https://dev.chargily.com/pay-v2/webhooks",
			Schemes: []Scheme{{
				ID: "chargily", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:signature"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
				Detect:    &Match{Header: map[string]string{"Signature": ""}, JSON: map[string]string{"/entity": "event", "/type": "checkout.*"}},
				Evidence:  "sdk @chargily/chargily-pay@2.1.0",
			}},
		},
		{
			ID: "checkout-com", Name: "Checkout.com",
			Docs: "https://www.checkout.com/docs/workflows",
			Schemes: []Scheme{{
				ID: "checkout-com", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Cko-Signature"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
			}},
		},
		{
			ID: "coinbase-commerce", Name: "Coinbase Commerce",
			Docs: "https://docs.cdp.coinbase.com/commerce/api-arcitecture/webhooks-security",
			Schemes: []Scheme{{
				ID: "coinbase-commerce", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-CC-Webhook-Signature", Lower: true},
				Event:     []string{"json:event.type"},
				Delivery:  []string{"json:event.id"},
				Evidence:  "published, sdk coinbase-commerce-node@1.0.4",
			}},
		},
		{
			ID: "creem", Name: "Creem",
			Docs: "https://docs.creem.io/code/webhooks",
			Schemes: []Scheme{{
				ID: "creem", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Evidence:  "sdk creem@1.13.0",
			}, {
				ID: "creem-legacy", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:creem-signature", Prefix: "sha256=", Optional: true},
				Event:     []string{"json:eventType"},
				Delivery:  []string{"json:id"},
				Evidence:  "sdk creem@1.13.0",
			}},
		},
		{
			ID: "dodo-payments", Name: "Dodo Payments",
			Docs: "https://docs.dodopayments.com/developer-resources/webhooks",
			Schemes: []Scheme{{
				ID: "dodo-payments", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Evidence:  "sdk dodopayments@2.52.0",
			}},
		},
		{
			ID: "fastspring", Name: "FastSpring",
			Docs: "https://developer.fastspring.com/docs/message-security",
			Schemes: []Scheme{{
				ID: "fastspring", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-FS-Signature", Encoding: "base64"},
				Event:     []string{"json:events[0].type"},
				Delivery:  []string{"json:events[0].id"},
			}},
		},
		{
			ID: "flowglad", Name: "Flowglad",
			Docs: "https://docs.flowglad.com/features/webhooks",
			Schemes: []Scheme{{
				ID: "flowglad", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:svix-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:svix-timestamp"},
				MessageID: "header:svix-id",
				Event:     []string{"json:type"},
				Evidence:  "sdk @flowglad/server@0.18.0",
			}},
		},
		{
			ID: "gocardless", Name: "GoCardless",
			Docs: "https://developer.gocardless.com/api-reference/#webhooks-signing-webhooks",
			Schemes: []Scheme{{
				ID: "gocardless", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Webhook-Signature"},
				Event:     []string{"json:events[0].resource_type+json:events[0].action"},
				Delivery:  []string{"json:meta.webhook_id", "json:events[0].id"},
				Detect:    &Match{Header: map[string]string{"Webhook-Signature": ""}, JSON: map[string]string{"/events": "", "/meta/webhook_id": ""}},
				Evidence:  "published, sdk gocardless-nodejs@10.1.2",
			}},
		},
		{
			ID: "gr4vy", Name: "Gr4vy",
			Docs: "https://docs.gr4vy.com/guides/features/webhooks/overview",
			Schemes: []Scheme{{
				ID: "gr4vy", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:X-Gr4vy-Webhook-Signatures", Format: "plain-list", Lower: true},
				Timestamp: &Timestamp{From: "header:X-Gr4vy-Webhook-Timestamp"},
				Event:     []string{"json:type"},
				Delivery:  []string{"header:X-Gr4vy-Webhook-ID", "json:id"},
				Evidence:  "sdk @gr4vy/sdk@1.10.18",
			}},
		},
		{
			ID: "klarna", Name: "Klarna",
			Docs: "https://docs.klarna.com/acquirer/klarna-network/setup-your-integration/connection-configuration/setup-your-webhooks/",
			Schemes: []Scheme{{
				ID: "klarna", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Klarna-Signature"},
				Event:     []string{"json:metadata.event_type"},
				Delivery:  []string{"json:metadata.event_id"},
			}},
		},
		{
			ID: "lemon-squeezy", Name: "Lemon Squeezy",
			Docs: "https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
			Schemes: []Scheme{{
				ID: "lemon-squeezy", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Signature"},
				Event:     []string{"header:X-Event-Name", "json:meta.event_name"},
				Detect:    &Match{Header: map[string]string{"X-Event-Name": "", "X-Signature": ""}},
			}},
		},
		{
			ID: "mercado-pago", Name: "Mercado Pago",
			Docs: "https://www.mercadopago.com/developers/en/docs/your-integrations/notifications/webhooks",
			Schemes: []Scheme{{
				ID: "mercado-pago", Algorithm: HMACSHA256,
				Content:   "id:{query:data.id};request-id:{header:x-request-id};ts:{timestamp};",
				Signature: Signature{From: "header:x-signature", Format: "pairs", Field: "v1", Lower: true},
				Timestamp: &Timestamp{From: "field:ts", Unit: "s-or-ms"},
				Hook:      "mercado-pago",
				Event:     []string{"json:action", "json:type"},
				Delivery:  []string{"json:id"},
				Detect:    &Match{Header: map[string]string{"x-request-id": "", "x-signature": "ts=*"}},
				Evidence:  "sdk mercadopago@3.6.1",
				Notes:     []string{"the body is not covered", "the id is signed in lower case", "its SDK reads the time in seconds, its senders also write milliseconds"},
			}},
		},
		{
			ID: "metronome", Name: "Metronome",
			Docs: "https://docs.metronome.com/developer-resources/webhooks/",
			Schemes: []Scheme{{
				ID: "metronome", Algorithm: HMACSHA256,
				Content:   "{timestamp}\n{body}",
				Signature: Signature{From: "header:Metronome-Webhook-Signature", Lower: true},
				Timestamp: &Timestamp{From: "header:X-Metronome-Date", Unit: "http"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
				Evidence:  "sdk @metronome/sdk@3.10.0",
			}},
		},
		{
			ID: "mollie", Name: "Mollie",
			Docs:     "https://docs.mollie.com/reference/webhooks-new",
			Deadline: 15,
			Schemes: []Scheme{{
				ID: "mollie", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Mollie-Signature", Prefix: "sha256=", Optional: true, Repeats: true},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
				Evidence:  "sdk mollie-api-typescript@1.12.28",
			}},
		},
		{
			ID: "orb", Name: "Orb",
			Docs: "https://docs.withorb.com/integrations-and-exports/webhooks",
			Schemes: []Scheme{{
				ID: "orb", Algorithm: HMACSHA256,
				Content:   "v1:{timestamp}:{body}",
				Signature: Signature{From: "header:X-Orb-Signature", Format: "pairs", Separator: " ", Field: "v1", Lower: true},
				Timestamp: &Timestamp{From: "header:X-Orb-Timestamp", Unit: "rfc3339"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
				Evidence:  "sdk orb-billing@6.11.0",
			}},
		},
	}
}
