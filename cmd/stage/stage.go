// Package stage is what a listener does with a delivery before it is
// forwarded: one file a stage, each a func(tunnel.Handler) tunnel.Handler, in
// one written order:
//
//	record, verify, filter, handshake, block, mock, exec, chaos, route → forward
//
// A stage answers a delivery itself or hands it to the next; it never changes
// it.
package stage

import "github.com/hookrelay/hook/tunnel"

// Stage wraps the handler that comes after it.
type Stage func(next tunnel.Handler) tunnel.Handler

// Chain puts stages before a handler; the first of them sees a delivery first.
func Chain(last tunnel.Handler, stages ...Stage) tunnel.Handler {
	for i := len(stages) - 1; i >= 0; i-- {
		if stages[i] != nil {
			last = stages[i](last)
		}
	}
	return last
}
