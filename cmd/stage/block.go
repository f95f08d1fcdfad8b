package stage

import (
	"context"
	"net/http"

	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// Block answers 401 to what is not signed by a key of the user's: the
// application does not see it. A replayed message is signed, and goes on. When
// the provider's published keys could not be got nothing is known yet: 503, and
// the sender or the queue tries again.
func Block() Stage {
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			j := JudgementOf(ctx)
			switch {
			case j == nil || j.Verdict.Status == signer.Valid || j.Verdict.Status == signer.Replayed:
				return next.Handle(ctx, d)
			case j.Verdict.Reason == signer.KeyUnavailable:
				// By the filter: a queue takes a block as its last word.
				return text(http.StatusServiceUnavailable, "the keys of the sender are not at hand\n", tunnel.ByFilter), nil
			}
			return text(http.StatusUnauthorized, "signature refused\n", tunnel.ByBlock), nil
		})
	}
}

// text is a short answer of our own. It tells a sender nothing about why.
func text(status int, body string, by tunnel.Origin) *tunnel.Result {
	return &tunnel.Result{
		Status: status, By: by, Body: []byte(body), Size: int64(len(body)),
		Header: tunnel.Header{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "X-Content-Type-Options", Value: "nosniff"}},
	}
}
