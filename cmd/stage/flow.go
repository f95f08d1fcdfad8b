package stage

import (
	"context"
	"sync"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// identity is what is known of a delivery, worked out when it is first asked
// for.
type identity struct {
	provider string
	once     sync.Once
	flow     *inspect.Flow
}

// identified is the context's key of an identity.
type identified struct{}

// Identify lets the stages after it share what they find out about a delivery:
// its provider, unless one is named, and its event.
func Identify(provider string) Stage {
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			return next.Handle(context.WithValue(ctx, identified{}, &identity{provider: provider}), d)
		})
	}
}

// FlowOf is a delivery as queries look at it. It shares the delivery's bytes:
// it must not be kept.
func FlowOf(ctx context.Context, d *tunnel.Delivery) *inspect.Flow {
	id, ok := ctx.Value(identified{}).(*identity)
	if !ok {
		id = new(identity)
	}
	id.once.Do(func() {
		f := inspect.Flow{
			At: d.ReceivedAt, Delivery: *d, BodySize: int64(len(d.Body)),
			Attempts: []inspect.Attempt{{Number: max(d.Attempt, 1), StartedAt: d.ReceivedAt}},
		}
		id.flow = f.Identified(id.provider)
	})
	if j := JudgementOf(ctx); j != nil { // the verify stage comes first
		return id.judged(j)
	}
	return id.flow
}

// judged is the flow with what the verify stage found.
func (id *identity) judged(j *Judgement) *inspect.Flow {
	f := id.flow
	if j.Provider != "" && f.Provider != j.Provider {
		f = f.Identified(j.Provider)
	}
	f = f.Verified(j.Verdict, j.Diagnosis)
	if j.Duplicate {
		f = f.Tagged(inspect.Duplicate)
	}
	return f
}

// matches tells whether a query picks a delivery.
func matches(ctx context.Context, q query.Query, d *tunnel.Delivery) bool {
	return q.Empty() || q.Match(FlowOf(ctx, d))
}
