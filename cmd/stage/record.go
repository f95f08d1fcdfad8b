package stage

import (
	"context"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// Recorder is told of every attempt: when it begins, before the application
// sees it, and how it ended. It must be safe for concurrent use. One that is a
// Noter too hears what the stages did meanwhile.
type Recorder interface {
	Begin(d *tunnel.Delivery)
	End(d *tunnel.Delivery, r *tunnel.Result, err error, took time.Duration)
}

// Record tells a Recorder of every attempt.
func Record(to Recorder) Stage {
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			began := time.Now()
			to.Begin(d)
			r, err := next.Handle(withNoter(ctx, to), d)
			to.End(d, r, err, time.Since(began))
			return r, err
		})
	}
}
