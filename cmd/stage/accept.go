package stage

import (
	"context"

	"github.com/hookrelay/hook/tunnel"
)

// Accept is the end of the line where there is no target: what comes is
// recorded and answered 200.
func Accept() tunnel.Handler {
	return tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
		return &tunnel.Result{Status: 200, By: tunnel.ByMock}, nil
	})
}
