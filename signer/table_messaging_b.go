package signer

// messagingProvidersB are rows for chat, voice, video and social networks, part 2 of 2 by the alphabet.
func messagingProvidersB() []Provider {
	return []Provider{
		{
			ID: "ringcentral", Name: "RingCentral",
			Docs:   "https://developers.ringcentral.com/guide/notifications/webhooks/receiving",
			Redact: []string{"header:Verification-Token"},
			Schemes: []Scheme{{
				ID: "ringcentral", Algorithm: Token,
				Signature: Signature{From: "header:Verification-Token", Encoding: "plain"},
				Event:     []string{"json:event"},
				Delivery:  []string{"json:uuid"},
			}},
			Handshakes: []Handshake{{
				Name:  "validation token",
				Match: Match{Method: "POST", Header: map[string]string{"Validation-Token": ""}},
				Reply: Reply{Status: 200, Header: map[string]string{"Validation-Token": "{header:Validation-Token}"}},
			}},
		},
		{
			ID: "sendbird", Name: "Sendbird",
			Docs: "https://sendbird.com/docs/chat/platform-api/v3/webhook/webhook-overview",
			Schemes: []Scheme{{
				ID: "sendbird", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:x-sendbird-signature"},
				Event:     []string{"json:category"},
			}},
		},
		{
			ID: "slack", Name: "Slack",
			Docs:     "https://docs.slack.dev/authentication/verifying-requests-from-slack",
			Deadline: 3,
			Schemes: []Scheme{{
				ID: "slack", Algorithm: HMACSHA256,
				Content:   "v0:{timestamp}:{body}",
				Signature: Signature{From: "header:X-Slack-Signature", Prefix: "v0="},
				Timestamp: &Timestamp{From: "header:X-Slack-Request-Timestamp"},
				Event:     []string{"json:event.type", "json:type", "form:command", "form:payload#type"},
				Delivery:  []string{"json:event_id"},
			}},
			Handshakes: []Handshake{{
				Name:  "url verification",
				Match: Match{Method: "POST", JSON: map[string]string{"/challenge": "", "/type": "url_verification"}},
				Reply: Reply{Status: 200, ContentType: "application/json", Body: "{\"challenge\":\"{json:/challenge}\"}"},
			}},
		},
		{
			ID: "telegram", Name: "Telegram",
			Docs:   "https://core.telegram.org/bots/api#setwebhook",
			Redact: []string{"header:X-Telegram-Bot-Api-Secret-Token"},
			Schemes: []Scheme{{
				ID: "telegram", Algorithm: Token,
				Signature: Signature{From: "header:X-Telegram-Bot-Api-Secret-Token", Encoding: "plain"},
				Delivery:  []string{"json:update_id"},
			}},
		},
		{
			ID: "telnyx", Name: "Telnyx",
			Docs:     "https://developers.telnyx.com/docs/development/api-fundamentals/webhooks",
			Deadline: 2,
			Schemes: []Scheme{{
				ID: "telnyx", Algorithm: Ed25519,
				Key:       KeyRule{Encoding: "base64", Public: true},
				Content:   "{timestamp}|{body}",
				Signature: Signature{From: "header:telnyx-signature-ed25519", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:telnyx-timestamp"},
				Event:     []string{"json:data.event_type"},
				Delivery:  []string{"json:data.id"},
			}},
		},
		{
			ID: "twilio", Name: "Twilio",
			Docs:     "https://www.twilio.com/docs/usage/security#validating-requests",
			Deadline: 15,
			Accept:   &Reply{Status: 204},
			Schemes: []Scheme{{
				ID: "twilio-form", Algorithm: HMACSHA1,
				Content:   "{url}{sorted_form}",
				Signature: Signature{From: "header:X-Twilio-Signature", Encoding: "base64"},
				Hook:      "twilio",
				Event:     []string{"form:EventType", "form:MessageStatus", "form:CallStatus", "form:SmsStatus"},
				Delivery:  []string{"header:I-Twilio-Idempotency-Token", "form:MessageSid", "form:CallSid"},
				Notes:     []string{"the public URL is signed, not the local one"},
			}, {
				ID: "twilio-json", Algorithm: HMACSHA1,
				Content:   "{url}",
				Signature: Signature{From: "header:X-Twilio-Signature", Encoding: "base64"},
				BodyHash:  &BodyHash{From: "query:bodySHA256", Algorithm: "sha256", Encoding: "hex"},
				Hook:      "twilio",
				Event:     []string{"json:type"},
				Delivery:  []string{"header:I-Twilio-Idempotency-Token"},
				Detect:    &Match{Header: map[string]string{"X-Twilio-Signature": ""}, Query: map[string]string{"bodySHA256": ""}},
			}},
		},
		{
			ID: "twitch", Name: "Twitch",
			Docs:     "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/",
			Deadline: 10,
			Schemes: []Scheme{{
				ID: "twitch", Algorithm: HMACSHA256,
				Content:   "{id}{timestamp}{body}",
				Signature: Signature{From: "header:Twitch-Eventsub-Message-Signature", Prefix: "sha256="},
				Timestamp: &Timestamp{From: "header:Twitch-Eventsub-Message-Timestamp", Unit: "rfc3339", Window: 600},
				MessageID: "header:Twitch-Eventsub-Message-Id",
				Event:     []string{"header:Twitch-Eventsub-Subscription-Type"},
			}},
			Handshakes: []Handshake{{
				Name:  "callback verification",
				Match: Match{Method: "POST", Header: map[string]string{"Twitch-Eventsub-Message-Type": "webhook_callback_verification"}, JSON: map[string]string{"/challenge": ""}},
				Reply: Reply{Status: 200, ContentType: "text/plain", Body: "{json:/challenge}"},
			}},
		},
		{
			ID: "viber", Name: "Viber",
			Docs: "https://developers.viber.com/docs/api/rest-bot-api/#callbacks",
			Schemes: []Scheme{{
				ID: "viber", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Viber-Content-Signature"},
				Event:     []string{"json:event"},
				Delivery:  []string{"json:message_token"},
			}},
		},
		{
			ID: "vonage", Name: "Vonage",
			Docs: "https://developer.vonage.com/en/getting-started/concepts/webhooks",
			Schemes: []Scheme{{
				ID: "vonage", Algorithm: JWS,
				Signature: Signature{From: "header:Authorization"},
				Timestamp: &Timestamp{From: "claim:iat"},
				JWT:       &JWT{Algorithms: []string{"HS256"}, Auth: []string{"Bearer "}, BodyHash: "payload_hash"},
				Event:     []string{"json:status", "json:message_type"},
				Delivery:  []string{"json:message_uuid"},
			}},
		},
		{
			ID: "webex", Name: "Webex",
			Docs: "https://developer.webex.com/docs/api/guides/webhooks",
			Schemes: []Scheme{{
				ID: "webex", Algorithm: HMACSHA1,
				Signature: Signature{From: "header:X-Spark-Signature"},
				Event:     []string{"json:resource+json:event"},
				Delivery:  []string{"json:id"},
			}},
		},
		{
			ID: "x", Name: "X",
			Docs: "https://docs.x.com/x-api/webhooks/quickstart",
			Schemes: []Scheme{{
				ID: "x", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:x-twitter-webhooks-signature", Prefix: "sha256=", Encoding: "base64"},
				Body:      "json",
			}},
			Handshakes: []Handshake{{
				Name:     "challenge response check",
				Match:    Match{Method: "GET", Query: map[string]string{"crc_token": ""}},
				Reply:    Reply{Status: 200, ContentType: "application/json", Body: "{\"response_token\":\"sha256={answer}\"}"},
				Keyed:    "hmac-base64",
				Token:    "query:crc_token",
				Alphabet: "A-Za-z0-9_=+/-", Longest: 128,
				Scheme: "x",
			}},
		},
		{
			ID: "zoom", Name: "Zoom",
			Docs:     "https://developers.zoom.us/docs/api/webhooks/",
			Deadline: 3,
			Schemes: []Scheme{{
				ID: "zoom", Algorithm: HMACSHA256,
				Content:   "v0:{timestamp}:{body}",
				Signature: Signature{From: "header:x-zm-signature", Prefix: "v0="},
				Timestamp: &Timestamp{From: "header:x-zm-request-timestamp"},
				Event:     []string{"json:event"},
			}},
			Handshakes: []Handshake{{
				Name:     "url validation",
				Match:    Match{Method: "POST", JSON: map[string]string{"/event": "endpoint.url_validation", "/payload/plainToken": ""}},
				Reply:    Reply{Status: 200, ContentType: "application/json", Body: "{\"plainToken\":\"{json:/payload/plainToken}\",\"encryptedToken\":\"{answer}\"}"},
				Keyed:    "hmac-hex",
				Token:    "json:payload.plainToken",
				Alphabet: "A-Za-z0-9_-", Longest: 64,
				Signed: true,
				Scheme: "zoom",
			}},
		},
	}
}
