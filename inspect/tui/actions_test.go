package tui

import (
	"context"
	"fmt"

	"github.com/hookrelay/hook/inspect"
)

// fakeActions tell called what they were asked to do.
func fakeActions(called func(string), noSecret error) Actions {
	say := func(format string, args ...any) { called(fmt.Sprintf(format, args...)) }
	return Actions{
		Replay: func(_ context.Context, f *inspect.Flow, how ReplayOptions) error {
			say("replay %s %+v", f.Event, how)
			return nil
		},
		Edit: func(_ context.Context, f *inspect.Flow, _ Terminal) (*inspect.Flow, error) { return f, nil },
		Page: func(_ context.Context, f *inspect.Flow, part Part, _ Terminal) error {
			say("page %s %d", f.Event, part)
			return nil
		},
		Save: func(_ context.Context, f *inspect.Flow, part Part) (string, error) {
			say("save %s %d", f.Event, part)
			return "body.json", nil
		},
		Render: func(_ context.Context, f *inspect.Flow, as Form) (string, error) {
			say("render %s %s", f.Event, as)
			return string(as) + " of " + f.Delivery.Target, nil
		},
		Export: func(_ context.Context, list []*inspect.Flow, as Form) (string, error) {
			say("export %d %s", len(list), as)
			return "flows." + string(as), nil
		},
		Clipboard: func(_ context.Context, s string) error {
			say("clipboard %s", s)
			return nil
		},
		Verify: func(_ context.Context, f *inspect.Flow, ref string) (*inspect.Flow, error) {
			if ref != "env:RIGHT" {
				return nil, noSecret
			}
			g := *f
			g.Verdict = inspect.Verdict{State: "valid", KeyID: "env:RIGHT"}
			return &g, nil
		},
		Mark: func(_ context.Context, f *inspect.Flow, on bool) error {
			say("mark %s %t", f.Event, on)
			return nil
		},
		Note: func(_ context.Context, f *inspect.Flow, s string) error {
			say("note %s %s", f.Event, s)
			return nil
		},
		Redact: func(f *inspect.Flow) *inspect.Flow {
			return inspect.RedactHeaders("User-Agent").Flow(f)
		},
		Pause:  func(context.Context) error { say("pause"); return nil },
		Resume: func(context.Context) error { say("resume"); return nil },
		Sample: func(context.Context) error { say("sample"); return nil },
		Stop:   func(context.Context) error { say("stop"); return nil },
	}
}
