package stage

import (
	"context"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// Note is something that a stage did with a delivery and that its answer does
// not show.
type Note struct {
	Kind   NoteKind
	Text   string         // what was done; may hold foreign bytes
	Target string         // of a route or a copy
	Result *tunnel.Result // of a copy; nil: Err says why
	Err    error
	Took   time.Duration // of a copy
}

// NoteKind sorts notes.
type NoteKind string

// The kinds of notes are part of the JSON output: append only.
const (
	Disturbed NoteKind = "chaos" // by Chaos, on purpose
	Routed    NoteKind = "route" // which target it goes to, where there are several
	Copied    NoteKind = "copy"  // how a copy for another target ended
	Ran       NoteKind = "exec"  // what a command wrote on standard error
)

// Noter is a Recorder that wants to hear of notes too. Those about copies may
// come after the End of their delivery. It must not keep d.
type Noter interface {
	Note(d *tunnel.Delivery, n Note)
}

// noting is the context's key of the function that takes notes.
type noting struct{}

func withNoter(ctx context.Context, to Recorder) context.Context {
	if noter, ok := to.(Noter); ok {
		return context.WithValue(ctx, noting{}, noter)
	}
	return ctx
}

// note tells the Recorder of the Record stage, if there is one.
func note(ctx context.Context, d *tunnel.Delivery, n Note) {
	if noter, ok := ctx.Value(noting{}).(Noter); ok {
		noter.Note(d, n)
	}
}
