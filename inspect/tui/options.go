package tui

import (
	"context"
	"io"
	"time"

	"github.com/hookrelay/hook/inspect"
)

// Options say what an inspector shows and what it can do. All may be left out.
type Options struct {
	Title   string // what runs: "hook listen"; default "hook"
	Actions Actions
	Keys    map[string][]string // action id → its keys, instead of those in Bindings
	Theme   string              // one of Themes; default "auto"
	Now     func() time.Time    // default time.Now
	Zone    *time.Location      // of the times shown; default time.Local
	Flows   []*inspect.Flow     // what is there at the start, oldest first
	Filter  string              // in the query language, at the start
}

// Actions are what the inspector can do beside looking. Each runs outside of
// the event loop and may take its time; the context ends with the inspector. A
// nil one greys its key out.
type Actions struct {
	// Replay sends a recorded flow, or an edited one, to the target again. What
	// becomes of it is to come as an event.
	Replay func(ctx context.Context, f *inspect.Flow, how ReplayOptions) error

	// Edit lets the person change a copy of f in an editor, on the terminal,
	// which is theirs meanwhile. A nil flow means that nothing was changed.
	Edit func(ctx context.Context, f *inspect.Flow, term Terminal) (*inspect.Flow, error)

	// Suspend gives the terminal back to the shell, and returns when the shell
	// has given it back.
	Suspend func() error

	// Page shows a body in the person's pager.
	Page func(ctx context.Context, f *inspect.Flow, part Part, term Terminal) error

	// Save writes a body to a new file and returns its name.
	Save func(ctx context.Context, f *inspect.Flow, part Part) (string, error)

	// Render is f as text to be copied, in one of the Forms.
	Render func(ctx context.Context, f *inspect.Flow, as Form) (string, error)

	// Export writes flows to a new file, in one of the Forms, and returns its
	// name.
	Export func(ctx context.Context, list []*inspect.Flow, as Form) (string, error)

	// Clipboard puts text into the system's clipboard. The terminal is always
	// asked to do so too (OSC 52), which works through SSH.
	Clipboard func(ctx context.Context, text string) error

	// Verify checks the signature again, with the secret that ref names.
	Verify func(ctx context.Context, f *inspect.Flow, ref string) (*inspect.Flow, error)

	Mark   func(ctx context.Context, f *inspect.Flow, on bool) error
	Note   func(ctx context.Context, f *inspect.Flow, note string) error
	Redact func(f *inspect.Flow) *inspect.Flow // f without its secrets, for the screen

	Pause  func(ctx context.Context) error // deliveries wait at the relay
	Resume func(ctx context.Context) error
	Sample func(ctx context.Context) error // send a signed sample through the endpoint

	// Stop ends the listener and returns when what was under way is done. The
	// inspector quits then.
	Stop func(ctx context.Context) error
}

// ReplayOptions say how a flow is sent again.
type ReplayOptions struct {
	Resign bool   // sign it anew, now
	To     string // another target; "" is the usual one
	Edited bool   // it is not what was recorded any more
}

// Part is one of the two bodies of a flow.
type Part byte

// The parts.
const (
	Request Part = iota
	Response
)

// Form is a way to write flows down.
type Form string

// The forms; the comments say where they are offered.
const (
	FormCurl     Form = "curl"     // copy, export
	FormBody     Form = "body"     // copy
	FormHeaders  Form = "headers"  // copy
	FormURL      Form = "url"      // copy
	FormID       Form = "id"       // copy
	FormJSON     Form = "json"     // copy
	FormSend     Form = "send"     // copy: a command line of hook's
	FormHAR      Form = "har"      // export
	FormCassette Form = "cassette" // export: JSON Lines
	FormRaw      Form = "raw"      // export
)

// Terminal is the terminal while it belongs to another program.
type Terminal struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}
