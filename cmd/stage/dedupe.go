package stage

import (
	"context"

	"github.com/hookrelay/hook/tunnel"
)

// DropDuplicates answers 200 to what was answered before: the same signed
// message, whose signature holds, in another delivery, that the application
// answered with a 2xx. What is not verified, and what the application has not
// answered yet, goes on.
func DropDuplicates() Stage {
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			if j := JudgementOf(ctx); j == nil || !j.Duplicate || !j.Verdict.Authentic() {
				return next.Handle(ctx, d)
			}
			return &tunnel.Result{Status: 200, By: tunnel.ByFilter}, nil
		})
	}
}
