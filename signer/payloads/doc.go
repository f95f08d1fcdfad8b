// Package payloads makes sample webhooks: what a provider would send for an
// event, with made-up ids, names, times and amounts that fit together.
//
//	sample, err := payloads.Build("stripe", "invoice.paid", payloads.Options{Seed: 1, At: time.Now()})
//	if err != nil {
//		return err
//	}
//	req := sample.Request("https://hooks.example/h/abc") // not signed yet: signer.Sign does that
//
// The samples are data: one file a provider, embedded. The same seed and time
// give the same bytes. An event that names a Source is checked: a test compares
// it with the fields and types of that schema or SDK type. The others are
// written after the provider's field names and may lack some.
//
// It signs nothing, sends nothing and reads no file.
package payloads
