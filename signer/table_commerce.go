package signer

// commerceProviders are the rows for shops, orders and shipping.
func commerceProviders() []Provider {
	return []Provider{
		{
			ID: "bigcommerce", Name: "BigCommerce",
			Docs: "https://developer.bigcommerce.com/docs/integrations/webhooks",
			Schemes: []Scheme{{
				ID: "bigcommerce", Algorithm: HMACSHA256,
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:scope"},
				Notes:     []string{"the client secret is used as text, not decoded"},
			}},
		},
		{
			ID: "easypost", Name: "EasyPost",
			Docs: "https://docs.easypost.com/docs/webhooks",
			Schemes: []Scheme{{
				ID: "easypost", Algorithm: HMACSHA256,
				Key:       KeyRule{Transform: "nfkd"},
				Signature: Signature{From: "header:X-Hmac-Signature", Prefix: "hmac-sha256-hex=", Lower: true},
				Event:     []string{"json:description"},
				Delivery:  []string{"json:id"},
				Detect:    &Match{Header: map[string]string{"X-Hmac-Signature": "hmac-sha256-hex=*"}},
				Evidence:  "published, sdk @easypost/api@8.9.0",
			}},
		},
		{
			ID: "saleor", Name: "Saleor",
			Docs: "https://docs.saleor.io/developer/extending/webhooks/payload-signature",
			Schemes: []Scheme{{
				ID: "saleor", Algorithm: JWS,
				Key:       KeyRule{Public: true},
				Signature: Signature{From: "header:Saleor-Signature"},
				JWT:       &JWT{Algorithms: []string{"RS256"}, Detached: "{body}", Unencoded: true},
				Event:     []string{"header:Saleor-Event"},
				Evidence:  "sdk @saleor/app-sdk@1.15.0",
				Notes:     []string{"the keys are at /.well-known/jwks.json of your own instance"},
			}},
		},
		{
			ID: "shopify", Name: "Shopify",
			Docs:     "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
			Deadline: 5,
			Schemes: []Scheme{{
				ID: "shopify", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Shopify-Hmac-Sha256", Encoding: "base64"},
				Body:      "some",
				Event:     []string{"header:X-Shopify-Topic"},
				Delivery:  []string{"header:X-Shopify-Webhook-Id"},
				Evidence:  "sdk @shopify/shopify-api@13.1.0",
			}, {
				ID: "shopify-events", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:shopify-hmac-sha256", Encoding: "base64"},
				Body:      "some",
				Event:     []string{"header:shopify-topic"},
				Delivery:  []string{"header:shopify-webhook-id"},
				Evidence:  "sdk @shopify/shopify-api@13.1.0",
			}},
		},
		{
			ID: "squarespace", Name: "Squarespace",
			Docs: "https://developers.squarespace.com/webhooks/verifying-notifications",
			Schemes: []Scheme{{
				ID: "squarespace", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "hex"},
				Signature: Signature{From: "header:Squarespace-Signature"},
				Event:     []string{"json:topic"},
				Delivery:  []string{"json:id"},
			}},
		},
		{
			ID: "wix", Name: "Wix",
			Docs: "https://dev.wix.com/docs/rest/articles/get-started/webhook-structure",
			Schemes: []Scheme{{
				ID: "wix", Algorithm: JWS,
				Key:       KeyRule{Public: true},
				Signature: Signature{From: "body:"},
				JWT:       &JWT{Algorithms: []string{"RS256"}, InBody: true},
				Evidence:  "sdk @wix/sdk@1.21.16",
				Notes:     []string{"the whole body is the token"},
			}},
		},
		{
			ID: "woocommerce", Name: "WooCommerce",
			Docs: "https://woocommerce.com/document/webhooks/",
			Schemes: []Scheme{{
				ID: "woocommerce", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-WC-Webhook-Signature", Encoding: "base64"},
				Event:     []string{"header:X-WC-Webhook-Topic"},
				Delivery:  []string{"header:X-WC-Webhook-Delivery-ID"},
			}},
		},
	}
}
