package signer

// contentProviders are the rows for content, media and search.
func contentProviders() []Provider {
	return []Provider{
		{
			ID: "cloudinary", Name: "Cloudinary",
			Docs: "https://cloudinary.com/documentation/notifications#verifying_notification_signatures",
			Schemes: []Scheme{{
				ID: "cloudinary", Algorithm: SHA1,
				Content:   "{body}{timestamp}{secret}",
				Signature: Signature{From: "header:X-Cld-Signature", Lower: true},
				Timestamp: &Timestamp{From: "header:X-Cld-Timestamp", Window: 3600},
				Event:     []string{"json:notification_type"},
				Delivery:  []string{"json:request_id"},
				Evidence:  "sdk cloudinary@2.11.0",
			}},
		},
		{
			ID: "contentful", Name: "Contentful",
			Docs: "https://www.contentful.com/developers/docs/webhooks/request-verification/",
			Schemes: []Scheme{{
				ID: "contentful", Algorithm: HMACSHA256,
				Content:   "{method}{path}{body}",
				Signature: Signature{From: "header:x-contentful-signature", Lower: true},
				Timestamp: &Timestamp{From: "header:x-contentful-timestamp", Unit: "ms", Window: 30},
				Hook:      "contentful",
				Event:     []string{"header:X-Contentful-Topic"},
				Evidence:  "sdk @contentful/node-apps-toolkit@3.16.1",
			}},
		},
		{
			ID: "hygraph", Name: "Hygraph",
			Docs: "https://hygraph.com/docs/api-reference/basics/webhooks",
			Schemes: []Scheme{{
				ID: "hygraph", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:gcms-signature", Format: "pairs", Field: "sign", Encoding: "base64"},
				Timestamp: &Timestamp{From: "field:t", Unit: "ms"},
				Hook:      "hygraph",
				Event:     []string{"json:operation"},
				Evidence:  "sdk @hygraph/utils@1.2.1",
			}},
		},
		{
			ID: "imagekit", Name: "ImageKit",
			Docs: "https://imagekit.io/docs/webhooks",
			Schemes: []Scheme{{
				ID: "imagekit", Algorithm: HMACSHA256,
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
				Evidence:  "sdk @imagekit/nodejs@7.11.0",
				Notes:     []string{"the secret is used as text, not decoded"},
			}},
		},
		{
			ID: "kontent-ai", Name: "Kontent.ai",
			Docs: "https://kontent.ai/learn/docs/webhooks/webhooks/javascript",
			Schemes: []Scheme{{
				ID: "kontent-ai", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Kontent-ai-Signature", More: []string{"header:X-KC-Signature"}, Encoding: "base64"},
				Event:     []string{"json:notifications[0].message.action"},
				Evidence:  "sdk @kontent-ai/webhook-helper@3.0.3",
			}},
		},
		{
			ID: "mux", Name: "Mux",
			Docs: "https://www.mux.com/docs/core/verify-webhook-signatures",
			Schemes: []Scheme{{
				ID: "mux", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:Mux-Signature", Format: "pairs", Field: "v1", Lower: true},
				Timestamp: &Timestamp{From: "field:t"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
				Evidence:  "sdk @mux/mux-node@15.3.0",
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
				Body:      "some",
				Event:     []string{"header:sanity-operation"},
				Delivery:  []string{"header:idempotency-key"},
				Evidence:  "published, sdk @sanity/webhook@4.0.4",
			}},
		},
		{
			ID: "uploadthing", Name: "UploadThing",
			Docs: "https://docs.uploadthing.com/file-routes",
			Schemes: []Scheme{{
				ID: "uploadthing", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:x-uploadthing-signature", Prefix: "hmac-sha256="},
				Event:     []string{"header:uploadthing-hook"},
				Evidence:  "sdk uploadthing@7.7.4",
			}},
		},
		{
			ID: "webflow", Name: "Webflow",
			Docs: "https://developers.webflow.com/data/docs/working-with-webhooks",
			Schemes: []Scheme{{
				ID: "webflow", Algorithm: HMACSHA256,
				Content:   "{timestamp}:{body}",
				Signature: Signature{From: "header:x-webflow-signature", Lower: true},
				Timestamp: &Timestamp{From: "header:x-webflow-timestamp", Unit: "ms"},
				Event:     []string{"json:triggerType"},
				Evidence:  "sdk webflow-api@3.3.4",
			}},
		},
	}
}
