package stage

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// RouteTarget is one place that deliveries may go to.
type RouteTarget struct {
	Name    string
	Handler tunnel.Handler
}

// RouteRule sends what a query picks to a target.
type RouteRule struct {
	Query query.Query
	To    RouteTarget
}

// RouteOptions say where deliveries go besides the next handler.
type RouteOptions struct {
	Rules   []RouteRule   // the first that picks a delivery settles it
	Default string        // name of the next handler, which takes the rest
	Copies  []RouteTarget // get a copy of everything; their answers are noted and count for nothing
	Aside   *Aside        // runs the copies
}

// Route picks the target of a delivery.
func Route(o RouteOptions) Stage {
	if len(o.Rules)+len(o.Copies) == 0 {
		return nil
	}
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			for _, to := range o.Copies {
				o.copy(ctx, d, to)
			}
			to := RouteTarget{o.Default, next}
			for i := range o.Rules {
				if matches(ctx, o.Rules[i].Query, d) {
					to = o.Rules[i].To
					break
				}
			}
			if len(o.Rules) > 0 {
				note(ctx, d, Note{Kind: Routed, Target: to.Name})
			}
			return to.Handler.Handle(ctx, d)
		})
	}
}

func (o *RouteOptions) copy(ctx context.Context, d *tunnel.Delivery, to RouteTarget) {
	ok := o.Aside.Go(ctx, d, func(ctx context.Context, d *tunnel.Delivery) {
		began := time.Now()
		r, err := to.Handler.Handle(ctx, d)
		note(ctx, d, Note{Kind: Copied, Target: to.Name, Result: r, Err: err, Took: time.Since(began)})
	})
	if !ok {
		note(ctx, d, Note{Kind: Copied, Target: to.Name, Err: errors.New("left out: too many copies are under way")})
	}
}

// NoRoute is the end of the line for what no rule picks and no target takes:
// the sender is told so, and a queue keeps it as dead.
func NoRoute() tunnel.Handler {
	return tunnel.HandlerFunc(func(context.Context, *tunnel.Delivery) (*tunnel.Result, error) {
		body := []byte("no route\n")
		return &tunnel.Result{
			Status: 404, By: tunnel.ByFilter, Body: body, Size: int64(len(body)),
			Header: tunnel.Header{{Name: "Content-Type", Value: mediaType("", body)}},
		}, nil
	})
}

// AnyReachable is a probe of several targets at once: nil as soon as one of
// them can be reached, else what the first of them says.
func AnyReachable(probes ...func(context.Context) error) func(context.Context) error {
	if len(probes) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		errs := make([]error, len(probes))
		reached := make(chan struct{}, len(probes))
		var all sync.WaitGroup
		for i, probe := range probes {
			all.Go(func() {
				if errs[i] = probe(ctx); errs[i] == nil {
					reached <- struct{}{}
					cancel()
				}
			})
		}
		all.Wait()
		select {
		case <-reached:
			return nil
		default:
			return errs[0]
		}
	}
}

// ParseRoute reads QUERY=TARGET; the target is what follows the last "=".
func ParseRoute(text string) (q query.Query, target string, err error) {
	before, target, ok := splitRule(text, true, func(rest string) bool {
		_, err := tunnel.ParseTarget(rest)
		return err == nil
	})
	if !ok {
		if i := strings.LastIndexByte(text, '='); i >= 0 {
			_, err := tunnel.ParseTarget(text[i+1:])
			return q, "", err
		}
		return q, "", errors.New("there is no target behind a =")
	}
	q, err = ParseFilter(before)
	return q, target, err
}
