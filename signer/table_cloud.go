package signer

// cloudProviders are the rows for clouds, databases and message buses.
func cloudProviders() []Provider {
	return []Provider{
		{
			ID: "adobe-io", Name: "Adobe I/O Events",
			Docs: "https://developer.adobe.com/events/docs/guides/",
			Schemes: []Scheme{{
				ID: "adobe-io", Algorithm: RSASHA256,
				Key:       KeyRule{Public: true, Host: "static.adobeioevents.com"},
				Signature: Signature{From: "header:x-adobe-digital-signature-1", More: []string{"header:x-adobe-digital-signature-2"}, Encoding: "base64"},
				Event:     []string{"header:x-adobe-event-code"},
				Delivery:  []string{"header:x-adobe-event-id", "header:x-adobe-delivery-id"},
				Notes:     []string{"check recipientclientid in the body as well"},
			}},
			Handshakes: []Handshake{{
				Name:  "challenge",
				Match: Match{Method: "GET", Query: map[string]string{"challenge": ""}},
				Reply: Reply{Status: 200, ContentType: "text/plain", Body: "{query:challenge}"},
			}},
		},
		{
			ID: "aws-sns", Name: "Amazon SNS",
			Docs:     "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
			Deadline: 15,
			Schemes: []Scheme{{
				ID: "aws-sns", Algorithm: RSASHA256,
				Key:       KeyRule{Public: true, Host: "sns.*.amazonaws.com sns.*.amazonaws.com.cn"},
				Signature: Signature{From: "json:Signature", Encoding: "base64"},
				Timestamp: &Timestamp{From: "json:Timestamp", Unit: "rfc3339", Window: 3600},
				Hook:      "sns",
				Event:     []string{"header:x-amz-sns-message-type", "json:Type"},
				Delivery:  []string{"json:MessageId"},
				Detect:    &Match{Header: map[string]string{"x-amz-sns-message-type": ""}},
				Notes:     []string{"retries of a message keep its time: the window is wide"},
			}},
			Handshakes: []Handshake{{
				Name:  "subscription confirmation",
				Match: Match{Method: "POST", Header: map[string]string{"x-amz-sns-message-type": "SubscriptionConfirmation"}},
				Reply: Reply{Status: 200},
				Show:  "json:SubscribeURL",
			}},
		},
		{
			ID: "azure-event-grid", Name: "Azure Event Grid",
			Docs:     "https://learn.microsoft.com/en-us/azure/event-grid/webhook-event-delivery",
			Deadline: 30,
			Accept:   &Reply{Status: 200},
			Redact:   []string{"query:code"},
			Schemes: []Scheme{{
				ID: "azure-event-grid", Algorithm: Token,
				Signature: Signature{From: "query:code", Encoding: "plain"},
				Event:     []string{"json:[].eventType"},
				Delivery:  []string{"json:[].id"},
				Detect:    &Match{Header: map[string]string{"aeg-event-type": ""}},
				Notes:     []string{"nothing is signed: the secret stands in the URL"},
			}},
			Handshakes: []Handshake{{
				Name:  "subscription validation",
				Match: Match{Method: "POST", Header: map[string]string{"aeg-event-type": "SubscriptionValidation"}, JSON: map[string]string{"/0/data/validationCode": ""}},
				Reply: Reply{Status: 200, ContentType: "application/json", Body: "{\"validationResponse\":\"{json:/0/data/validationCode}\"}"},
				Show:  "json:[0].data.validationUrl",
			}},
		},
		{
			ID: "cloudevents", Name: "CloudEvents",
			Docs:   "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md",
			Redact: []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "cloudevents", Algorithm: Token,
				Signature: Signature{From: "header:Authorization", Prefix: "Bearer ", Encoding: "plain"},
				Event:     []string{"header:ce-type", "json:type"},
				Delivery:  []string{"header:ce-source+header:ce-id", "json:source+json:id"},
				Detect:    &Match{Header: map[string]string{"ce-id": "", "ce-type": ""}},
			}},
			Handshakes: []Handshake{{
				Name:  "validation",
				Match: Match{Method: "OPTIONS", Header: map[string]string{"WebHook-Request-Origin": ""}},
				Reply: Reply{Status: 200, Header: map[string]string{"Allow": "POST", "WebHook-Allowed-Origin": "{header:WebHook-Request-Origin}", "WebHook-Allowed-Rate": "*"}},
			}},
		},
		{
			ID: "cloudflare", Name: "Cloudflare",
			Docs:   "https://developers.cloudflare.com/stream/manage-video-library/using-webhooks/",
			Redact: []string{"header:cf-webhook-auth"},
			Schemes: []Scheme{{
				ID: "cloudflare-stream", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:Webhook-Signature", Format: "pairs", Field: "sig1"},
				Timestamp: &Timestamp{From: "field:time"},
				Event:     []string{"json:status.state"},
				Delivery:  []string{"json:uid"},
				Detect:    &Match{Header: map[string]string{"Webhook-Signature": "time=*"}},
			}, {
				ID: "cloudflare-notifications", Algorithm: Token,
				Signature: Signature{From: "header:cf-webhook-auth", Encoding: "plain"},
				Event:     []string{"json:alert_type"},
				Docs:      "https://developers.cloudflare.com/notifications/get-started/configure-webhooks/",
			}},
		},
		{
			ID: "google-channels", Name: "Google push channels",
			Docs:   "https://developers.google.com/workspace/calendar/api/guides/push",
			Redact: []string{"header:X-Goog-Channel-Token"},
			Schemes: []Scheme{{
				ID: "google-channels", Algorithm: Token,
				Signature: Signature{From: "header:X-Goog-Channel-Token", Encoding: "plain"},
				Event:     []string{"header:X-Goog-Resource-State"},
				Delivery:  []string{"header:X-Goog-Channel-ID+header:X-Goog-Message-Number"},
				Detect:    &Match{Header: map[string]string{"X-Goog-Channel-ID": ""}},
			}},
		},
		{
			ID: "google-pubsub", Name: "Google Pub/Sub push",
			Docs:     "https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
			Deadline: 10,
			Schemes: []Scheme{{
				ID: "google-pubsub", Algorithm: JWS,
				Key:       KeyRule{Public: true, URL: "https://www.googleapis.com/oauth2/v3/certs"},
				Signature: Signature{From: "header:Authorization"},
				JWT:       &JWT{Algorithms: []string{"RS256"}, Auth: []string{"Bearer "}, Issuer: []string{"https://accounts.google.com", "accounts.google.com"}, Audience: "param:audience", Expires: true, Claims: map[string]string{"email_verified": "true"}},
				Params:    []string{"audience"},
				Delivery:  []string{"json:message.messageId"},
				Detect:    &Match{JSON: map[string]string{"/message/messageId": "", "/subscription": ""}},
				Notes:     []string{"the token does not cover the body", "check the e-mail claim of the service account as well"},
			}},
		},
		{
			ID: "microsoft-graph", Name: "Microsoft Graph",
			Docs:     "https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks",
			Deadline: 3,
			Redact:   []string{"json:value[*].clientState"},
			Schemes: []Scheme{{
				ID: "microsoft-graph", Algorithm: Token,
				Signature: Signature{From: "json:value[*].clientState", Encoding: "plain"},
				Event:     []string{"json:value[0].changeType"},
				Delivery:  []string{"json:value[0].id", "json:value[0].subscriptionId"},
				Detect:    &Match{JSON: map[string]string{"/value/0/clientState": "", "/value/0/subscriptionId": ""}},
			}},
			Handshakes: []Handshake{{
				Name:  "validation token",
				Match: Match{Method: "POST", Query: map[string]string{"validationToken": ""}},
				Reply: Reply{Status: 200, ContentType: "text/plain", Body: "{query:validationToken}"},
			}},
		},
		{
			ID: "mongodb-atlas", Name: "MongoDB Atlas",
			Docs: "https://www.mongodb.com/docs/atlas/tutorial/webhook-integration/",
			Schemes: []Scheme{{
				ID: "mongodb-atlas", Algorithm: HMACSHA1,
				Signature: Signature{From: "header:X-MMS-Signature", Encoding: "base64"},
				Event:     []string{"header:X-MMS-Event"},
				Delivery:  []string{"json:id"},
			}},
		},
		{
			ID: "planetscale", Name: "PlanetScale",
			Docs:     "https://planetscale.com/docs/concepts/webhooks",
			Deadline: 2,
			Schemes: []Scheme{{
				ID: "planetscale", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-PlanetScale-Signature"},
				Event:     []string{"json:event"},
			}},
		},
		{
			ID: "upstash-qstash", Name: "Upstash QStash",
			Docs: "https://upstash.com/docs/qstash/howto/signature",
			Schemes: []Scheme{{
				ID: "upstash-qstash", Algorithm: JWS,
				Signature: Signature{From: "header:Upstash-Signature"},
				JWT:       &JWT{Algorithms: []string{"HS256"}, Issuer: []string{"Upstash"}, BodyHash: "body", HashForm: "base64url", Subject: "url", Expires: true},
				Delivery:  []string{"header:Upstash-Message-Id"},
			}},
		},
	}
}
