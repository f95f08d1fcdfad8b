package signer

// mailProviders are the rows for e-mail and notifications.
func mailProviders() []Provider {
	return []Provider{
		{
			ID: "klaviyo", Name: "Klaviyo",
			Docs: "https://developers.klaviyo.com/en/docs/system-webhooks",
			Schemes: []Scheme{{
				ID: "klaviyo", Algorithm: HMACSHA256,
				Content:   "{body}{timestamp}",
				Signature: Signature{From: "header:Klaviyo-Signature"},
				Timestamp: &Timestamp{From: "header:Klaviyo-Timestamp", Unit: "rfc3339"},
				Event:     []string{"json:data[0].topic"},
				Delivery:  []string{"json:data[0].external_id"},
			}},
		},
		{
			ID: "lettermint", Name: "Lettermint",
			Docs: "https://docs.lettermint.co/platform/webhooks/introduction",
			Schemes: []Scheme{{
				ID: "lettermint", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:X-Lettermint-Signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t"},
				Event:     []string{"header:X-Lettermint-Event", "json:event"},
				Delivery:  []string{"json:id"},
			}},
		},
		{
			ID: "mailchimp", Name: "Mailchimp Transactional",
			Docs: "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/#authenticating-webhook-requests",
			Schemes: []Scheme{{
				ID: "mandrill", Algorithm: HMACSHA1,
				Content:   "{url}{sorted_form}",
				Signature: Signature{From: "header:X-Mandrill-Signature", Encoding: "base64"},
				Event:     []string{"form:mandrill_events#[0].event"},
				Delivery:  []string{"form:mandrill_events#[0]._id"},
			}},
			Handshakes: []Handshake{{
				Name:  "check",
				Match: Match{Method: "HEAD"},
				Reply: Reply{Status: 200},
			}},
		},
		{
			ID: "mailersend", Name: "MailerSend",
			Docs: "https://developers.mailersend.com/api/v1/webhooks.html#security",
			Schemes: []Scheme{{
				ID: "mailersend", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Signature"},
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"Signature": ""}, JSON: map[string]string{"/data/object": "", "/webhook_id": ""}},
			}},
		},
		{
			ID: "mailgun", Name: "Mailgun",
			Docs: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
			Schemes: []Scheme{{
				ID: "mailgun", Algorithm: HMACSHA256,
				Content:   "{timestamp}{id}",
				Signature: Signature{From: "json:signature.signature"},
				Timestamp: &Timestamp{From: "json:signature.timestamp"},
				MessageID: "json:signature.token",
				Event:     []string{"json:event-data.event"},
				Delivery:  []string{"json:event-data.id", "json:signature.token"},
				Detect:    &Match{JSON: map[string]string{"/signature/timestamp": "", "/signature/token": ""}},
				Notes:     []string{"only time and token are signed: the event is not covered"},
			}, {
				ID: "mailgun-form", Algorithm: HMACSHA256,
				Content:   "{timestamp}{id}",
				Signature: Signature{From: "form:signature"},
				Timestamp: &Timestamp{From: "form:timestamp"},
				MessageID: "form:token",
				Event:     []string{"form:event"},
				Detect:    &Match{Form: map[string]string{"signature": "", "timestamp": "", "token": ""}},
			}},
		},
		{
			ID: "mailtrap", Name: "Mailtrap",
			Docs: "https://docs.mailtrap.io/email-api-smtp/advanced/webhooks",
			Schemes: []Scheme{{
				ID: "mailtrap", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Mailtrap-Signature"},
				Event:     []string{"json:events[0].event"},
				Delivery:  []string{"json:events[0].event_id"},
			}},
		},
		{
			ID: "novu", Name: "Novu",
			Docs: "https://docs.novu.co/framework/endpoint",
			Schemes: []Scheme{{
				ID: "novu", Algorithm: HMACSHA256,
				Content:   "{timestamp}.{body}",
				Signature: Signature{From: "header:Novu-Signature", Format: "pairs", Field: "v1"},
				Timestamp: &Timestamp{From: "field:t", Unit: "ms"},
			}},
		},
		{
			ID: "postmark", Name: "Postmark",
			Docs:   "https://postmarkapp.com/developer/webhooks/webhooks-overview#protecting-your-webhook",
			Redact: []string{"header:Authorization"},
			Schemes: []Scheme{{
				ID: "postmark", Algorithm: Basic,
				Signature: Signature{From: "header:Authorization", Prefix: "Basic ", Encoding: "plain"},
				Event:     []string{"json:RecordType"},
				Delivery:  []string{"json:MessageID"},
				Detect:    &Match{JSON: map[string]string{"/MessageID": "", "/RecordType": ""}},
			}},
		},
		{
			ID: "resend", Name: "Resend",
			Docs: "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
			Schemes: []Scheme{{
				ID: "resend", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:svix-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:svix-timestamp"},
				MessageID: "header:svix-id",
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"svix-signature": ""}, JSON: map[string]string{"/type": "email.*"}},
			}},
		},
		{
			ID: "segment", Name: "Segment",
			Docs: "https://segment.com/docs/connections/destinations/catalog/actions-webhook/",
			Schemes: []Scheme{{
				ID: "segment", Algorithm: HMACSHA1,
				Signature: Signature{From: "header:X-Signature"},
				Event:     []string{"json:type"},
				Delivery:  []string{"json:messageId"},
				Detect:    &Match{Header: map[string]string{"X-Signature": ""}, JSON: map[string]string{"/messageId": "", "/type": ""}},
				Notes:     []string{"with batching on, only the first event of a batch is signed"},
			}},
		},
		{
			ID: "sendgrid", Name: "SendGrid",
			Docs: "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
			Schemes: []Scheme{{
				ID: "sendgrid", Algorithm: ECDSASHA256,
				Key:       KeyRule{Encoding: "base64", Public: true},
				Content:   "{timestamp}{body}",
				Signature: Signature{From: "header:X-Twilio-Email-Event-Webhook-Signature", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:X-Twilio-Email-Event-Webhook-Timestamp", Window: 600},
				Event:     []string{"json:[].event"},
				Delivery:  []string{"json:[].sg_event_id"},
			}},
		},
		{
			ID: "svix", Name: "Svix",
			Docs: "https://docs.svix.com/receiving/verifying-payloads/how-manual",
			Schemes: []Scheme{{
				ID: "svix", Algorithm: HMACSHA256,
				Key:       KeyRule{Encoding: "base64", Prefix: []string{"whsec_"}},
				Content:   "{id}.{timestamp}.{body}",
				Signature: Signature{From: "header:svix-signature", Format: "list", Field: "v1", Encoding: "base64"},
				Timestamp: &Timestamp{From: "header:svix-timestamp"},
				MessageID: "header:svix-id",
				Event:     []string{"json:type"},
				Detect:    &Match{Header: map[string]string{"svix-signature": ""}},
			}},
		},
	}
}
