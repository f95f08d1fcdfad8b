package signer

import "slices"

// messagingProviders are the rows for chat, voice, video and social networks.
func messagingProviders() []Provider {
	return slices.Concat(messagingProvidersA(), messagingProvidersB())
}

// messagingProvidersA are rows for chat, voice, video and social networks, part 1 of 2 by the alphabet.
func messagingProvidersA() []Provider {
	return []Provider{
		{
			ID: "ably", Name: "Ably",
			Docs: "https://ably.com/docs/platform/integrations/webhooks",
			Schemes: []Scheme{{
				ID: "ably", Algorithm: HMACSHA256,
				Key:       KeyRule{Transform: "after-colon"},
				Signature: Signature{From: "header:X-Ably-Signature", Encoding: "base64"},
				Event:     []string{"json:source"},
				Delivery:  []string{"json:items[0].webhookId"},
			}},
		},
		{
			ID: "bird", Name: "Bird",
			Docs: "https://docs.bird.com/api/notifications-api/api-reference/webhooks/verifying-a-webhook",
			Schemes: []Scheme{{
				ID: "bird", Algorithm: HMACSHA256,
				Content:   "{timestamp}\n{url}\n{sha256(body)}",
				Signature: Signature{From: "header:MessageBird-Signature", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:MessageBird-Request-Timestamp"},
				Event:     []string{"json:service+json:event"},
			}},
		},
		{
			ID: "discord", Name: "Discord",
			Docs:     "https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint",
			Deadline: 3,
			Schemes: []Scheme{{
				ID: "discord-interactions", Algorithm: Ed25519,
				Key:       KeyRule{Encoding: "hex", Public: true},
				Content:   "{timestamp}{body}",
				Signature: Signature{From: "header:X-Signature-Ed25519"},
				Timestamp: &Timestamp{From: "header:X-Signature-Timestamp"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:id"},
				Evidence:  "sdk discord-interactions@4.4.0",
			}, {
				ID: "discord-events", Algorithm: Ed25519,
				Key:       KeyRule{Encoding: "hex", Public: true},
				Content:   "{timestamp}{body}",
				Signature: Signature{From: "header:X-Signature-Ed25519"},
				Timestamp: &Timestamp{From: "header:X-Signature-Timestamp"},
				Event:     []string{"json:event.type"},
				Detect:    &Match{Header: map[string]string{"X-Signature-Ed25519": "", "X-Signature-Timestamp": ""}, JSON: map[string]string{"/application_id": "", "/event/type": "", "/version": ""}},
				Docs:      "https://discord.com/developers/docs/events/webhook-events",
				Evidence:  "sdk discord-interactions@4.4.0",
			}},
			Handshakes: []Handshake{{
				Name:   "interaction ping",
				Match:  Match{Method: "POST", Header: map[string]string{"X-Signature-Ed25519": ""}, JSON: map[string]string{"/application_id": "", "/token": "", "/type": "1"}},
				Reply:  Reply{Status: 200, ContentType: "application/json", Body: "{\"type\":1}"},
				Keyed:  "verify",
				Signed: true,
				Scheme: "discord-interactions",
			}, {
				Name:   "event ping",
				Match:  Match{Method: "POST", Header: map[string]string{"X-Signature-Ed25519": ""}, JSON: map[string]string{"/type": "0", "/version": ""}},
				Reply:  Reply{Status: 204, ContentType: "application/json"},
				Keyed:  "verify",
				Signed: true,
				Scheme: "discord-events",
			}},
		},
		{
			ID: "getstream", Name: "Stream",
			Docs: "https://getstream.io/chat/docs/node/webhooks_overview/",
			Schemes: []Scheme{{
				ID: "getstream", Algorithm: HMACSHA256,
				Content:   "{gunzip(body)}",
				Signature: Signature{From: "header:X-Signature", Lower: true},
				Event:     []string{"json:type"},
				Delivery:  []string{"header:X-Webhook-Id"},
				Detect:    &Match{Header: map[string]string{"X-Signature": "", "X-Webhook-Id": ""}},
				Evidence:  "sdk stream-chat@9.53.0",
			}},
		},
		{
			ID: "lark", Name: "Lark",
			Docs:     "https://open.larksuite.com/document/server-docs/event-subscription-guide/event-subscription-configure-/encrypt-key-encryption-configuration-case",
			Deadline: 3,
			Schemes: []Scheme{{
				ID: "lark", Algorithm: SHA256,
				Content:   "{timestamp}{id}{secret}{body}",
				Signature: Signature{From: "header:X-Lark-Signature"},
				Timestamp: &Timestamp{From: "header:X-Lark-Request-Timestamp"},
				MessageID: "header:X-Lark-Request-Nonce",
				Event:     []string{"json:header.event_type"},
				Delivery:  []string{"json:header.event_id"},
				Evidence:  "sdk @larksuiteoapi/node-sdk@1.74.0",
			}, {
				ID: "lark-card", Algorithm: SHA1,
				Content:   "{timestamp}{id}{secret}{body}",
				Signature: Signature{From: "header:X-Lark-Signature"},
				Timestamp: &Timestamp{From: "header:X-Lark-Request-Timestamp"},
				MessageID: "header:X-Lark-Request-Nonce",
				Event:     []string{"json:action.tag"},
				Detect:    &Match{Header: map[string]string{"X-Lark-Signature": ""}, JSON: map[string]string{"/open_message_id": ""}},
				Evidence:  "sdk @larksuiteoapi/node-sdk@1.74.0",
				Notes:     []string{"the secret is the verification token"},
			}},
			Handshakes: []Handshake{{
				Name:  "url verification",
				Match: Match{Method: "POST", JSON: map[string]string{"/challenge": "", "/type": "url_verification"}},
				Reply: Reply{Status: 200, ContentType: "application/json", Body: "{\"challenge\":\"{json:/challenge}\"}"},
			}},
		},
		{
			ID: "line", Name: "LINE",
			Docs: "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/",
			Schemes: []Scheme{{
				ID: "line", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Line-Signature", Encoding: "base64", Unpadded: true},
				Event:     []string{"json:events[0].type"},
				Delivery:  []string{"json:events[0].webhookEventId"},
				Evidence:  "published, sdk @line/bot-sdk@11.0.0",
			}},
		},
		{
			ID: "linkedin", Name: "LinkedIn",
			Docs:     "https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation",
			Deadline: 3,
			Schemes: []Scheme{{
				ID: "linkedin", Algorithm: HMACSHA256,
				Content:   "hmacsha256={body}",
				Signature: Signature{From: "header:X-LI-Signature"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:notificationId"},
			}},
			Handshakes: []Handshake{{
				Name:     "challenge",
				Match:    Match{Method: "GET", Query: map[string]string{"challengeCode": ""}},
				Reply:    Reply{Status: 200, ContentType: "application/json", Body: "{\"challengeCode\":\"{query:challengeCode}\",\"challengeResponse\":\"{answer}\"}"},
				Keyed:    "hmac-hex",
				Token:    "query:challengeCode",
				Alphabet: "A-Za-z0-9-", Longest: 64,
				Scheme: "linkedin",
			}},
		},
		{
			ID: "linq", Name: "Linq",
			Docs: "https://docs.linqapp.com/",
			Schemes: []Scheme{{
				ID: "linq", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:webhook-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:webhook-timestamp"},
				MessageID: "header:webhook-id",
				Event:     []string{"json:event_type"},
				Evidence:  "sdk @linqapp/sdk@0.28.2",
			}},
		},
		{
			ID: "livekit", Name: "LiveKit",
			Docs: "https://docs.livekit.io/home/server/webhooks/",
			Schemes: []Scheme{{
				ID: "livekit", Algorithm: JWS,
				Signature: Signature{From: "header:Authorization"},
				JWT:       &JWT{Algorithms: []string{"HS256"}, Auth: []string{"", "Bearer "}, Issuer: []string{"param:api_key"}, BodyHash: "sha256", HashForm: "base64", Expires: true, Leeway: 10},
				Event:     []string{"json:event"},
				Delivery:  []string{"json:id"},
				Detect:    &Match{Header: map[string]string{"Authorization": "eyJ*"}, JSON: map[string]string{"/createdAt": "", "/event": ""}},
				Evidence:  "sdk livekit-server-sdk@2.19.2",
			}},
		},
		{
			ID: "messagebird", Name: "MessageBird",
			Docs: "https://developers.messagebird.com/api/#verifying-http-requests",
			Schemes: []Scheme{{
				ID: "messagebird-jwt", Algorithm: JWS,
				Signature: Signature{From: "header:MessageBird-Signature-JWT"},
				JWT:       &JWT{Algorithms: []string{"HS256", "HS384", "HS512"}, Issuer: []string{"MessageBird"}, BodyHash: "payload_hash", HashOptional: true, URLHash: "url_hash", Expires: true, Leeway: 5},
				Evidence:  "published",
			}, {
				ID: "messagebird-legacy", Algorithm: HMACSHA256,
				Content:   "{timestamp}\n{sorted_query}\n{sha256(body)}",
				Signature: Signature{From: "header:MessageBird-Signature", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:MessageBird-Request-Timestamp", Window: 100},
				Docs:      "https://developers.messagebird.com/api/",
				Evidence:  "published",
			}},
		},
		{
			ID: "meta", Name: "Meta",
			Docs: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
			Schemes: []Scheme{{
				ID: "meta", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Hub-Signature-256", Prefix: "sha256="},
				Event:     []string{"json:object+json:entry[0].changes[0].field", "json:object"},
				Delivery:  []string{"json:entry[0].changes[0].value.messages[0].id", "json:entry[0].messaging[0].message.mid"},
				Detect:    &Match{Header: map[string]string{"X-Hub-Signature-256": ""}, JSON: map[string]string{"/entry": "", "/object": ""}, Absent: []string{"X-GitHub-Event"}},
			}},
			Handshakes: []Handshake{{
				Name:  "subscription",
				Match: Match{Method: "GET", Query: map[string]string{"hub.challenge": "", "hub.mode": "subscribe"}},
				Reply: Reply{Status: 200, ContentType: "text/plain", Body: "{query:hub.challenge}"},
				Keyed: "equal",
				Token: "query:hub.verify_token",
			}},
		},
		{
			ID: "plivo", Name: "Plivo",
			Docs: "https://www.plivo.com/docs/voice/concepts/signature-validation",
			Schemes: []Scheme{{
				ID: "plivo-v3", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Plivo-Signature-V3", More: []string{"header:X-Plivo-Signature-Ma-V3"}, Format: "plain-list", Encoding: "base64"},
				MessageID: "header:X-Plivo-Signature-V3-Nonce",
				Hook:      "plivo-v3",
				Event:     []string{"form:Event", "form:CallStatus"},
				Delivery:  []string{"form:CallUUID"},
				Evidence:  "published, sdk plivo@4.79.0",
			}, {
				ID: "plivo-v2", Algorithm: HMACSHA256,
				Content:   "{url_no_query}{id}",
				Signature: Signature{From: "header:X-Plivo-Signature-V2", More: []string{"header:X-Plivo-Signature-Ma-V2"}, Format: "plain-list", Encoding: "base64"},
				MessageID: "header:X-Plivo-Signature-V2-Nonce",
				Delivery:  []string{"form:MessageUUID"},
				Docs:      "https://www.plivo.com/docs/messaging/concepts/signature-validation",
				Evidence:  "published, sdk plivo@4.79.0",
				Notes:     []string{"the body is not covered"},
			}, {
				ID: "plivo-v1", Algorithm: HMACSHA1,
				Content:   "{url}{sorted_form}",
				Signature: Signature{From: "header:X-Plivo-Signature", Encoding: "base64"},
				Delivery:  []string{"form:CallUUID"},
				Evidence:  "published",
				Notes:     []string{"legacy"},
			}},
		},
	}
}
