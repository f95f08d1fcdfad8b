package signer

import (
	"context"
	"time"
)

// hook is a built-in function for what a row cannot say as data. Any of its parts may be nil.
type hook struct {
	// contents returns every byte string that the sender may have signed, the usual one first.
	contents func(v *Verifier, c *content) ([][]byte, error)
	// verify replaces the whole check of the signature; freshness and replay are judged after it.
	verify func(ctx context.Context, v *Verifier, r *reader, at time.Time) Verdict
	// sign replaces the whole of signing.
	sign func(s *Scheme, req *Request, keys []Key, opts SignOptions) (*Signed, error)
	// covers overrides what the content template says.
	covers []string
	// timed functions read the scheme's timestamp themselves.
	timed bool
}

// findHook returns the function of that name. A scheme of a user's own may name one too.
func findHook(name string) (hook, bool) {
	switch name {
	case "adyen":
		return adyenHook(), true
	case "box":
		return boxHook(), true
	case "braintree":
		return braintreeHook(), true
	case "coinbase":
		return coinbaseHook(), true
	case "contentful":
		return contentfulHook(), true
	case "http-message":
		return httpMessageHook(), true
	case "hygraph":
		return hygraphHook(), true
	case "mercado-pago":
		return mercadoPagoHook(), true
	case "paypal":
		return paypalHook(), true
	case "payos":
		return payosHook(), true
	case "php-json":
		return phpJSONHook(), true
	case "plivo-v3":
		return plivoHook(), true
	case "sns":
		return snsHook(), true
	case "truelayer":
		return truelayerHook(), true
	case "twilio":
		return twilioHook(), true
	}
	return hook{}, false
}
