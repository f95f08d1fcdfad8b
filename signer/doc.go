// Package signer makes and checks the signatures of webhooks, and says why one does not match.
//
// A provider is a row of data ([Provider]) with one or more ways to sign ([Scheme]). The same row verifies, signs, explains and detects:
//
//	scheme, _ := signer.FindScheme("stripe")
//	keys := []signer.Key{{ID: "current", Secret: "whsec_example"}}
//	verdict := signer.Verify(ctx, scheme, req, keys, receivedAt, signer.Options{})
//	if verdict.Status != signer.Valid {
//		fmt.Println(signer.Explain(ctx, scheme, req, keys, receivedAt, signer.Options{}).Sentence)
//	}
//
// It refuses: to dial anything (a caller hands in a [Fetcher]), to re-serialise a body before hashing it, to call anything valid by an
// empty secret or an empty signature, to choose a secret by what a message says about itself, to follow the jku, x5u or jwk of a token,
// to let a token choose its algorithm, and to print a secret.
//
// Where the providers' own SDKs differ from each other it keeps to one rule. It takes spaces around the items of a list and the items in any
// order. It refuses what some of them take: a header or a time given twice, base64 with its end cut off or with more behind it, an unknown
// version, a time that is no plain integer, more than 20 signatures, and times too far in the future.
package signer
