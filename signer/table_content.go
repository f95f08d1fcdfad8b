package signer

// contentProviders are the rows for content, media and search.
func contentProviders() []Provider {
	return []Provider{
		{
			ID: "contentful", Name: "Contentful",
			Docs: "https://www.contentful.com/developers/docs/webhooks/request-verification/",
			Schemes: []Scheme{{
				ID: "contentful", Algorithm: HMACSHA256,
				Content:   "{method}{path}{body}",
				Signature: Signature{From: "header:x-contentful-signature"},
				Timestamp: &Timestamp{From: "header:x-contentful-timestamp", Unit: "ms", Window: 30},
				Hook:      "contentful",
				Event:     []string{"header:X-Contentful-Topic"},
			}},
		},
		{
			ID: "sanity", Name: "Sanity",
			Docs: "https://www.sanity.io/docs/webhooks#bfa1758643b5",
			Schemes: []Scheme{{
				ID: "sanity", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:sanity-webhook-signature", Format: "pairs", Field: "v1", Encoding: "base64url"},
				Timestamp: &Timestamp{From: "field:t", Unit: "ms"},
				Event:     []string{"header:sanity-operation"},
				Delivery:  []string{"header:idempotency-key"},
			}},
		},
		{
			ID: "webflow", Name: "Webflow",
			Docs: "https://developers.webflow.com/data/docs/working-with-webhooks",
			Schemes: []Scheme{{
				ID: "webflow", Algorithm: HMACSHA256,
				Content:   "{timestamp}:{body}",
				Signature: Signature{From: "header:x-webflow-signature"},
				Timestamp: &Timestamp{From: "header:x-webflow-timestamp", Unit: "ms"},
				Event:     []string{"json:triggerType"},
			}},
		},
	}
}
