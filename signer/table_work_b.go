package signer

// workProvidersB are rows for work: documents, tickets, forms and customers, part 2 of 2 by the alphabet.
func workProvidersB() []Provider {
	return []Provider{
		{
			ID: "inngest", Name: "Inngest",
			Docs: "https://www.inngest.com/docs/platform/signing-keys",
			Schemes: []Scheme{{
				ID: "inngest", Algorithm: HMACSHA256,
				Key:       KeyRule{Prefix: []string{"signkey-prod-", "signkey-test-", "signkey-branch-"}},
				Content:   "{body}{timestamp}",
				Signature: Signature{From: "header:X-Inngest-Signature", Format: "pairs", Separator: "&", Field: "s"},
				Timestamp: &Timestamp{From: "field:t"},
				Notes:     []string{"the beginning signkey-prod- is no part of the key"},
			}},
		},
		{
			ID: "intercom", Name: "Intercom",
			Docs:     "https://developers.intercom.com/docs/webhooks/webhook-notifications#signed-notifications",
			Deadline: 5,
			Schemes: []Scheme{{
				ID: "intercom", Algorithm: HMACSHA1,
				Signature: Signature{From: "header:X-Hub-Signature", Prefix: "sha1="},
				Event:     []string{"json:topic"},
				Delivery:  []string{"json:id"},
				Detect:    &Match{Header: map[string]string{"X-Hub-Signature": "sha1=*"}, Absent: []string{"X-Hub-Signature-256", "X-Event-Key", "X-Atlassian-Webhook-Identifier", "X-GitHub-Event"}},
			}},
		},
		{
			ID: "jira", Name: "Jira Cloud",
			Docs: "https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks",
			Schemes: []Scheme{{
				ID: "jira-cloud", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Hub-Signature", Prefix: "sha256="},
				Event:     []string{"json:webhookEvent"},
				Delivery:  []string{"header:X-Atlassian-Webhook-Identifier"},
				Detect:    &Match{Header: map[string]string{"X-Atlassian-Webhook-Identifier": "", "X-Hub-Signature": ""}},
			}},
		},
		{
			ID: "linear", Name: "Linear",
			Docs:     "https://linear.app/developers/webhooks#securing-webhooks",
			Deadline: 5,
			Schemes: []Scheme{{
				ID: "linear", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Linear-Signature"},
				Timestamp: &Timestamp{From: "json:webhookTimestamp", Unit: "ms", Window: 60},
				Event:     []string{"header:Linear-Event+json:action"},
				Delivery:  []string{"header:Linear-Delivery"},
				Notes:     []string{"the signed time stands in the body: re-signing edits the body"},
			}},
		},
		{
			ID: "liveblocks", Name: "Liveblocks",
			Docs: "https://liveblocks.io/docs/platform/webhooks",
			Schemes: []Scheme{{
				ID: "liveblocks", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:type"},
			}},
		},
		{
			ID: "monday", Name: "monday.com",
			Docs: "https://developer.monday.com/apps/docs/advanced-concepts",
			Schemes: []Scheme{{
				ID: "monday", Algorithm: JWS,
				Signature: Signature{From: "header:Authorization"},
				JWT:       &JWT{Algorithms: []string{"HS256"}, Audience: "url"},
				Event:     []string{"json:event.type"},
				Delivery:  []string{"json:event.triggerUuid"},
				Detect:    &Match{JSON: map[string]string{"/event/pulseId": ""}},
				Notes:     []string{"the token does not cover the body"},
			}},
			Handshakes: []Handshake{{
				Name:  "challenge",
				Match: Match{Method: "POST", JSON: map[string]string{"/challenge": ""}},
				Reply: Reply{Status: 200, ContentType: "application/json", Body: "{\"challenge\":\"{json:/challenge}\"}"},
			}},
		},
		{
			ID: "nango", Name: "Nango",
			Docs: "https://docs.nango.dev/implementation-guides/platform/webhooks-from-nango",
			Schemes: []Scheme{{
				ID: "nango", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Nango-Hmac-Sha256"},
				Event:     []string{"json:type"},
			}},
		},
		{
			ID: "notion", Name: "Notion",
			Docs: "https://developers.notion.com/reference/webhooks",
			Schemes: []Scheme{{
				ID: "notion", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Notion-Signature", Prefix: "sha256="},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
			}},
			Handshakes: []Handshake{{
				Name:   "verification token",
				Match:  Match{Method: "POST", JSON: map[string]string{"/verification_token": ""}},
				Reply:  Reply{Status: 200},
				Secret: "json:verification_token",
			}},
		},
		{
			ID: "plain", Name: "Plain",
			Docs: "https://www.plain.com/docs/api-reference/request-signing",
			Schemes: []Scheme{{
				ID: "plain", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Plain-Request-Signature"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
			}},
		},
		{
			ID: "quirrel", Name: "Quirrel",
			Docs: "https://docs.quirrel.dev/deployment",
			Schemes: []Scheme{{
				ID: "quirrel", Algorithm: HMACSHA256,
				Content:   "{body}{timestamp}",
				Signature: Signature{From: "header:X-Quirrel-Signature", Format: "pairs", Field: "d"},
				Timestamp: &Timestamp{From: "field:v", Unit: "ms"},
			}},
		},
		{
			ID: "salesforce-marketing-cloud", Name: "Salesforce Marketing Cloud",
			Docs: "https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/ens-notification-signing.html",
			Schemes: []Scheme{{
				ID: "salesforce-marketing-cloud", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:x-sfmc-ens-signature", Encoding: "base64"},
				Event:     []string{"json:[].eventCategoryType"},
			}},
		},
		{
			ID: "seam", Name: "Seam",
			Docs: "https://docs.seam.co/latest/developer-tools/webhooks",
			Schemes: []Scheme{{
				ID: "seam", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:svix-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:svix-timestamp"},
				MessageID: "header:svix-id",
				Event:     []string{"json:event_type"},
				Delivery:  []string{"json:event_id"},
			}},
		},
		{
			ID: "smartcar", Name: "Smartcar",
			Docs: "https://smartcar.com/docs/integrations/webhooks/payload-verification",
			Schemes: []Scheme{{
				ID: "smartcar", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:SC-Signature"},
				Body:      "json",
				Event:     []string{"json:eventName", "json:eventType"},
				Delivery:  []string{"json:webhookId"},
			}},
			Handshakes: []Handshake{{
				Name:     "verify",
				Match:    Match{Method: "POST", JSON: map[string]string{"/eventName": "verify", "/payload/challenge": ""}},
				Reply:    Reply{Status: 200, ContentType: "application/json", Body: "{\"challenge\":\"{answer}\"}"},
				Keyed:    "hmac-hex",
				Token:    "json:payload.challenge",
				Alphabet: "A-Za-z0-9-", Longest: 64,
				Scheme: "smartcar",
			}},
		},
		{
			ID: "trello", Name: "Trello",
			Docs: "https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/#webhook-signatures",
			Schemes: []Scheme{{
				ID: "trello", Algorithm: HMACSHA1,
				Content:   "{body}{url}",
				Signature: Signature{From: "header:X-Trello-Webhook", Encoding: "base64"},
				Event:     []string{"json:action.type"},
				Delivery:  []string{"json:action.id"},
			}},
			Handshakes: []Handshake{{
				Name:  "callback check",
				Match: Match{Method: "HEAD"},
				Reply: Reply{Status: 200},
			}},
		},
		{
			ID: "trigger-dev", Name: "Trigger.dev",
			Docs: "https://trigger.dev/docs/management/runs/webhooks",
			Schemes: []Scheme{{
				ID: "trigger-dev", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:x-trigger-signature-hmacsha256"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
			}},
		},
		{
			ID: "typeform", Name: "Typeform",
			Docs: "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
			Schemes: []Scheme{{
				ID: "typeform", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Typeform-Signature", Prefix: "sha256=", Encoding: "base64"},
				Event:     []string{"json:event_type"},
				Delivery:  []string{"json:event_id"},
			}},
		},
		{
			ID: "zendesk", Name: "Zendesk",
			Docs:     "https://developer.zendesk.com/documentation/webhooks/verifying/",
			Deadline: 12,
			Schemes: []Scheme{{
				ID: "zendesk", Algorithm: HMACSHA256,
				Content:   "{timestamp}{body}",
				Signature: Signature{From: "header:X-Zendesk-Webhook-Signature", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:X-Zendesk-Webhook-Signature-Timestamp", Unit: "rfc3339"},
				Event:     []string{"json:type"},
				Delivery:  []string{"header:X-Zendesk-Webhook-Invocation-Id"},
			}},
		},
	}
}
