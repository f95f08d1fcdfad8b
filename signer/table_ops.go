package signer

// opsProviders are the rows for monitoring, alerts and feature flags.
func opsProviders() []Provider {
	return []Provider{
		{
			ID: "grafana", Name: "Grafana Alerting",
			Docs: "https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/",
			Schemes: []Scheme{{
				ID: "grafana", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-Grafana-Alerting-Signature"},
				Event:     []string{"json:status"},
				Evidence:  "sdk github.com/grafana/alerting@783ce041445f",
			}, {
				ID: "grafana-timestamped", Algorithm: HMACSHA256,
				Content:   "{timestamp}:{body}",
				Signature: Signature{From: "header:X-Grafana-Alerting-Signature"},
				Timestamp: &Timestamp{From: "header:X-Grafana-Alerting-Timestamp"},
				Event:     []string{"json:status"},
				Evidence:  "sdk github.com/grafana/alerting@783ce041445f",
				Notes:     []string{"the name of the time header is the user's choice: copy this row and set it"},
			}},
		},
		{
			ID: "pagerduty", Name: "PagerDuty",
			Docs: "https://developer.pagerduty.com/docs/verifying-webhook-signatures",
			Schemes: []Scheme{{
				ID: "pagerduty", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:X-PagerDuty-Signature", Format: "pairs", Field: "v1"},
				Event:     []string{"json:event.event_type"},
				Delivery:  []string{"json:event.id"},
				Evidence:  "published",
			}},
		},
		{
			ID: "sentry", Name: "Sentry",
			Docs:     "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
			Deadline: 1,
			Schemes: []Scheme{{
				ID: "sentry", Algorithm: HMACSHA256,
				Signature: Signature{From: "header:Sentry-Hook-Signature"},
				Event:     []string{"header:Sentry-Hook-Resource+json:action"},
				Delivery:  []string{"header:Request-ID"},
				Notes:     []string{"Sentry-Hook-Timestamp is not signed"},
			}},
		},
	}
}
