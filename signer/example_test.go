package signer_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hookrelay/hook/signer"
)

func Example() {
	scheme, _ := signer.FindScheme("stripe")
	keys := []signer.Key{{ID: "current", Secret: "whsec_example"}}
	at := time.Unix(1_800_000_000, 0)

	req := &signer.Request{Method: "POST", URL: "https://example.test/hook", Header: http.Header{}, Body: []byte(`{"type":"invoice.paid"}`)}
	signed, err := signer.Sign(scheme, req, keys, signer.SignOptions{At: at})
	if err != nil {
		fmt.Println(err)
		return
	}
	req = signed.Apply(req)
	verdict := signer.Verify(context.Background(), scheme, req, keys, at, signer.Options{})
	fmt.Println(verdict.Status, verdict.KeyID, verdict.Covers)

	req.Body = append(req.Body, '\n')
	fmt.Println(signer.Explain(context.Background(), scheme, req, keys, at, signer.Options{}).Cause)
	// Output:
	// valid current [timestamp body]
	// newline
}
