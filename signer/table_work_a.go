package signer

import "slices"

// workProviders are the rows for work: documents, tickets, forms and customers.
func workProviders() []Provider {
	return slices.Concat(workProvidersA(), workProvidersB())
}

// workProvidersA are rows for work: documents, tickets, forms and customers, part 1 of 2 by the alphabet.
func workProvidersA() []Provider {
	return []Provider{
		{
			ID: "airtable", Name: "Airtable",
			Docs: "https://airtable.com/developers/web/api/webhooks-overview#webhook-notification-delivery",
			Schemes: []Scheme{{
				ID: "airtable", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64"},
				Signature: Signature{From: "header:X-Airtable-Content-MAC", Prefix: "hmac-sha256="},
				Delivery:  []string{"json:timestamp"},
				Evidence:  "published",
			}},
		},
		{
			ID: "asana", Name: "Asana",
			Docs:   "https://developers.asana.com/docs/webhooks-guide",
			Redact: []string{"header:X-Hook-Secret"},
			Schemes: []Scheme{{
				ID: "asana", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Hook-Signature"},
				Event:     []string{"json:events[0].action"},
			}},
			Handshakes: []Handshake{{
				Name:   "hook secret",
				Match:  Match{Method: "POST", Header: map[string]string{"X-Hook-Secret": ""}},
				Reply:  Reply{Status: 200, Header: map[string]string{"X-Hook-Secret": "{header:X-Hook-Secret}"}},
				Secret: "header:X-Hook-Secret",
			}},
		},
		{
			ID: "atlassian-connect", Name: "Atlassian Connect",
			Docs: "https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/",
			Schemes: []Scheme{{
				ID: "atlassian-connect", Algorithm: JWS,
				Signature: Signature{From: "header:Authorization"},
				JWT:       &JWT{Algorithms: []string{"HS256"}, Auth: []string{"JWT "}, QueryHash: true, Expires: true},
				Event:     []string{"json:webhookEvent", "json:event"},
				Detect:    &Match{Header: map[string]string{"Authorization": "JWT *"}},
				Evidence:  "sdk atlassian-jwt@2.0.3",
				Notes:     []string{"the token does not cover the body", "params: base_path, the path of the app, is left out of the hash"},
			}},
		},
		{
			ID: "box", Name: "Box",
			Docs: "https://developer.box.com/guides/webhooks/v2/signatures-v2/",
			Schemes: []Scheme{{
				ID: "box", Algorithm: HMACSHA256,
				Content:   "{body}{timestamp}",
				Signature: Signature{From: "header:BOX-SIGNATURE-PRIMARY", More: []string{"header:BOX-SIGNATURE-SECONDARY"}, Encoding: "base64", Unpadded: true},
				Timestamp: &Timestamp{From: "header:BOX-DELIVERY-TIMESTAMP", Unit: "rfc3339", Window: 600},
				Require:   map[string]string{"header:BOX-SIGNATURE-ALGORITHM": "HmacSHA256", "header:BOX-SIGNATURE-VERSION": "1"},
				Hook:      "box",
				Event:     []string{"json:trigger"},
				Delivery:  []string{"header:BOX-DELIVERY-ID"},
				Evidence:  "published, sdk box-node-sdk@10.12.0",
				Notes:     []string{"the first key pairs with the primary header only, the second with the secondary"},
			}},
		},
		{
			ID: "cal-com", Name: "Cal.com",
			Docs: "https://cal.com/docs/developing/guides/automation/webhooks",
			Schemes: []Scheme{{
				ID: "cal-com", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Cal-Signature-256", NoValue: "no-secret-provided"},
				Event:     []string{"json:triggerEvent"},
			}},
		},
		{
			ID: "calendly", Name: "Calendly",
			Docs: "https://developer.calendly.com/api-docs/overview/webhooks/webhook-signatures",
			Schemes: []Scheme{{
				ID: "calendly", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:Calendly-Webhook-Signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t"},
				Event:     []string{"json:event"},
			}},
		},
		{
			ID: "clickup", Name: "ClickUp",
			Docs: "https://developer.clickup.com/docs/webhooksignature",
			Schemes: []Scheme{{
				ID: "clickup", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Signature"},
				Event:     []string{"json:event"},
				Delivery:  []string{"json:webhook_id+json:history_items[0].id"},
				Detect:    &Match{Header: map[string]string{"X-Signature": ""}, JSON: map[string]string{"/event": "", "/webhook_id": ""}},
			}},
		},
		{
			ID: "crisp", Name: "Crisp",
			Docs: "https://docs.crisp.chat/guides/web-hooks/",
			Schemes: []Scheme{{
				ID: "crisp", Algorithm: HMACSHA256,
				Content:   "[{timestamp};{body}]",
				Signature: Signature{From: "header:X-Crisp-Signature"},
				Timestamp: &Timestamp{From: "header:X-Crisp-Request-Timestamp", Unit: "ms"},
				Event:     []string{"json:event"},
				Evidence:  "sdk crisp-api@11.3.0",
			}},
		},
		{
			ID: "cronofy", Name: "Cronofy",
			Docs: "https://docs.cronofy.com/developers/api/push-notifications/",
			Schemes: []Scheme{{
				ID: "cronofy", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Cronofy-HMAC-SHA256", Format: "plain-list", Encoding: "base64"},
				Event:     []string{"json:notification.type"},
				Evidence:  "sdk cronofy@3.8.4",
			}},
		},
		{
			ID: "docuseal", Name: "DocuSeal",
			Docs: "https://www.docuseal.com/docs/webhooks",
			Schemes: []Scheme{{
				ID: "docuseal", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:X-Docuseal-Signature", Format: "positional", Separator: "."},
				Timestamp: &Timestamp{From: "field:t"},
				Event:     []string{"json:event_type"},
			}},
		},
		{
			ID: "docusign", Name: "DocuSign Connect",
			Docs: "https://developers.docusign.com/platform/webhooks/connect/hmac/",
			Schemes: []Scheme{{
				ID: "docusign", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-DocuSign-Signature-1", More: []string{"header:X-DocuSign-Signature-2", "header:X-DocuSign-Signature-3", "header:X-DocuSign-Signature-4", "header:X-DocuSign-Signature-5", "header:X-DocuSign-Signature-6", "header:X-DocuSign-Signature-7", "header:X-DocuSign-Signature-8", "header:X-DocuSign-Signature-9", "header:X-DocuSign-Signature-10"}, Encoding: "base64"},
				Event:     []string{"json:event"},
				Delivery:  []string{"json:data.envelopeId"},
			}},
		},
		{
			ID: "dropbox", Name: "Dropbox",
			Docs:     "https://www.dropbox.com/developers/reference/webhooks",
			Deadline: 10,
			Schemes: []Scheme{{
				ID: "dropbox", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Dropbox-Signature"},
			}},
			Handshakes: []Handshake{{
				Name:  "challenge",
				Match: Match{Method: "GET", Query: map[string]string{"challenge": ""}},
				Reply: Reply{Status: 200, ContentType: "text/plain", Body: "{query:challenge}"},
			}},
		},
		{
			ID: "dropbox-sign", Name: "Dropbox Sign",
			Docs:   "https://developers.hellosign.com/docs/events/overview/",
			Accept: &Reply{Status: 200, ContentType: "text/plain", Body: "Hello API Event Received"},
			Schemes: []Scheme{{
				ID: "dropbox-sign", Algorithm: HMACSHA256,
				Content:   "{form:json#event.event_time}{form:json#event.event_type}",
				Signature: Signature{From: "form:json#event.event_hash"},
				Timestamp: &Timestamp{From: "form:json#event.event_time"},
				Event:     []string{"form:json#event.event_type"},
				Delivery:  []string{"form:json#event.event_hash"},
				Detect:    &Match{Header: map[string]string{"User-Agent": "HelloSign*"}, Form: map[string]string{"json": "{\"*"}},
				Evidence:  "published, sdk @dropbox/sign@1.11.0",
				Notes:     []string{"only time and kind of the event are signed, not the rest"},
			}},
		},
		{
			ID: "figma", Name: "Figma",
			Docs:   "https://developers.figma.com/docs/rest-api/webhooks-security/",
			Redact: []string{"json:passcode"},
			Schemes: []Scheme{{
				ID: "figma", Algorithm: Token,
				Signature: Signature{From: "json:passcode", Encoding: "plain"},
				Event:     []string{"json:event_type"},
				Detect:    &Match{JSON: map[string]string{"/passcode": "", "/webhook_id": ""}},
			}},
		},
		{
			ID: "front", Name: "Front",
			Docs: "https://dev.frontapp.com/docs/application-webhooks",
			Schemes: []Scheme{{
				ID: "front-app", Algorithm: HMACSHA256,
				Content:   "{timestamp}:{body}",
				Signature: Signature{From: "header:X-Front-Signature", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:X-Front-Request-Timestamp", Unit: "ms"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:payload.id"},
			}, {
				ID: "front-rule", Algorithm: HMACSHA1,
				Signature: Signature{From: "header:X-Front-Signature", Encoding: "base64"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
				Detect:    &Match{Header: map[string]string{"X-Front-Signature": ""}, Absent: []string{"X-Front-Request-Timestamp"}},
				Docs:      "https://dev.frontapp.com/docs/rule-webhooks",
			}},
			Handshakes: []Handshake{{
				Name:  "challenge",
				Match: Match{Method: "POST", Header: map[string]string{"X-Front-Challenge": ""}},
				Reply: Reply{Status: 200, ContentType: "application/json", Body: "{\"challenge\":\"{header:X-Front-Challenge}\"}"},
			}},
		},
		{
			ID: "hocuspocus", Name: "Hocuspocus",
			Docs: "https://tiptap.dev/docs/hocuspocus/server/extensions/webhook",
			Schemes: []Scheme{{
				ID: "hocuspocus", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Hocuspocus-Signature-256", Prefix: "sha256="},
				Event:     []string{"json:event"},
				Evidence:  "sdk @hocuspocus/extension-webhook@4.1.0",
			}},
		},
		{
			ID: "hubspot", Name: "HubSpot",
			Docs: "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
			Schemes: []Scheme{{
				ID: "hubspot-v3", Algorithm: HMACSHA256,
				Content:   "{method}{url}{body}{timestamp}",
				Also:      []string{"{method}{url_decoded}{body}{timestamp}"},
				Signature: Signature{From: "header:X-HubSpot-Signature-v3", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:X-HubSpot-Request-Timestamp", Unit: "ms"},
				Event:     []string{"json:[].subscriptionType"},
				Delivery:  []string{"json:[].eventId"},
				Evidence:  "published, sdk @hubspot/api-client@13.5.0",
			}, {
				ID: "hubspot-v1", Algorithm: SHA256,
				Content:   "{secret}{body}",
				Signature: Signature{From: "header:X-HubSpot-Signature", Lower: true},
				Require:   map[string]string{"header:X-HubSpot-Signature-Version": "v1"},
				Event:     []string{"json:[].subscriptionType"},
				Detect:    &Match{Header: map[string]string{"X-HubSpot-Signature": "", "X-HubSpot-Signature-Version": "v1"}, Absent: []string{"X-HubSpot-Signature-v3"}},
				Docs:      "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests",
				Evidence:  "published, sdk @hubspot/api-client@13.5.0",
			}, {
				ID: "hubspot-v2", Algorithm: SHA256,
				Content:   "{secret}{method}{url}{body}",
				Signature: Signature{From: "header:X-HubSpot-Signature", Lower: true},
				Require:   map[string]string{"header:X-HubSpot-Signature-Version": "v2"},
				Detect:    &Match{Header: map[string]string{"X-HubSpot-Signature": "", "X-HubSpot-Signature-Version": "v2"}, Absent: []string{"X-HubSpot-Signature-v3"}},
				Docs:      "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests",
				Evidence:  "published, sdk @hubspot/api-client@13.5.0",
			}},
		},
		{
			ID: "inngest", Name: "Inngest",
			Docs: "https://www.inngest.com/docs/platform/signing-keys",
			Schemes: []Scheme{{
				ID: "inngest", Algorithm: HMACSHA256,
				Key:       KeyRule{Prefix: []string{"signkey-prod-", "signkey-test-", "signkey-branch-"}},
				Content:   "{body}{timestamp}",
				Signature: Signature{From: "header:X-Inngest-Signature", Format: "pairs", Separator: "&", Field: "s"},
				Timestamp: &Timestamp{From: "field:t"},
				Evidence:  "sdk inngest@4.24.0",
				Notes:     []string{"the beginning signkey-prod- is no part of the key"},
			}},
		},
	}
}
