package tui

import (
	"context"
	"io"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect"
)

// absent is why an action cannot be done that nobody handed in.
func absent(missing bool) string {
	if missing {
		return "not here"
	}
	return ""
}

// done is the end of an action.
type done struct {
	what string // for the last line; "" says nothing
	err  error
	flow *inspect.Flow // in place of the one shown
	copy string        // to be put into the clipboard
	quit bool
}

// do runs an action outside of the event loop.
func (m *Model) do(f func(ctx context.Context) done) tea.Cmd {
	m.busy++
	ctx := m.ctx
	return func() tea.Msg { return f(ctx) }
}

func (m *Model) done(d done) tea.Cmd {
	m.busy--
	if d.flow != nil {
		m.put(d.flow)
		m.rearrange()
	}
	switch {
	case d.quit:
		return tea.Quit
	case d.err != nil:
		m.say(true, "%s", d.err)
	case d.what != "":
		m.say(false, "%s", d.what)
	}
	if d.copy != "" && d.err == nil {
		return m.clip(d.copy)
	}
	return nil
}

// either needs a flow and the action.
func (m *Model) either(missing bool) string {
	if missing {
		return absent(true)
	}
	return m.needFlow()
}

func (m *Model) canReplay() string { return m.either(m.opts.Actions.Replay == nil) }
func (m *Model) canEdit() string {
	return m.either(m.opts.Actions.Edit == nil || m.opts.Actions.Replay == nil)
}
func (m *Model) canVerify() string { return m.either(m.opts.Actions.Verify == nil) }
func (m *Model) canExport() string { return m.either(m.opts.Actions.Export == nil) }
func (m *Model) canSave() string   { return m.either(m.opts.Actions.Save == nil) }
func (m *Model) canPage() string   { return m.either(m.opts.Actions.Page == nil) }

func (m *Model) send(f *inspect.Flow, how ReplayOptions) tea.Cmd {
	words := "replayed"
	switch {
	case how.Resign:
		words = "replayed, signed anew"
	case how.Edited:
		words = "sent as edited"
	}
	replay := m.opts.Actions.Replay
	return m.do(func(ctx context.Context) done { return done{what: words, err: replay(ctx, f, how)} })
}

func (m *Model) replay() tea.Cmd { return m.send(m.current(), ReplayOptions{}) }
func (m *Model) resign() tea.Cmd { return m.send(m.current(), ReplayOptions{Resign: true}) }

func (m *Model) retarget() tea.Cmd {
	f := m.current()
	m.over = &prompt{label: "replay to", in: newInput(m.head.ready.Target), hint: "a port, HOST:PORT/PATH or a URL", accept: func(m *Model, s string) tea.Cmd {
		if s == "" {
			return nil
		}
		return m.send(f, ReplayOptions{To: s})
	}}
	return nil
}

// edited is what came back from the editor.
type edited struct {
	flow *inspect.Flow
	err  error
}

// session runs f while the program is away from the terminal.
type session struct {
	f    func(Terminal) error
	term Terminal
}

func (s *session) Run() error            { return s.f(s.term) }
func (s *session) SetStdin(r io.Reader)  { s.term.In = r }
func (s *session) SetStdout(w io.Writer) { s.term.Out = w }
func (s *session) SetStderr(w io.Writer) { s.term.Err = w }

func (m *Model) edit() tea.Cmd {
	f, ctx, edit := m.current(), m.ctx, m.opts.Actions.Edit
	var out *inspect.Flow
	return tea.Exec(&session{f: func(t Terminal) (err error) {
		out, err = edit(ctx, f, t)
		return err
	}}, func(err error) tea.Msg { return edited{out, err} })
}

// edited asks how to send what was edited.
func (m *Model) edited(e edited) tea.Cmd {
	switch {
	case e.err != nil:
		m.say(true, "edit: %s", e.err)
		return nil
	case e.flow == nil:
		m.say(false, "nothing was changed")
		return nil
	}
	m.over = &menu{title: "Send the edited webhook", choices: []choice{
		{"r", "signed anew", func(m *Model) tea.Cmd { return m.send(e.flow, ReplayOptions{Resign: true, Edited: true}) }},
		{"s", "as it is: its old signature will not match", func(m *Model) tea.Cmd { return m.send(e.flow, ReplayOptions{Edited: true}) }},
	}}
	return nil
}

// part is the body that the open tab is about.
func (m *Model) part() Part {
	if m.opened && m.detail.tab == response {
		return Response
	}
	return Request
}

func (m *Model) pageBody() tea.Cmd {
	f, ctx, page, part := m.current(), m.ctx, m.opts.Actions.Page, m.part()
	return tea.Exec(&session{f: func(t Terminal) error { return page(ctx, f, part, t) }}, func(err error) tea.Msg {
		m := done{err: err}
		return m
	})
}

func (m *Model) save() tea.Cmd {
	f, part, save := m.current(), m.part(), m.opts.Actions.Save
	return m.do(func(ctx context.Context) done {
		name, err := save(ctx, f, part)
		return done{what: "saved to " + name, err: err}
	})
}

func (m *Model) verify() tea.Cmd {
	f, verify := m.current(), m.opts.Actions.Verify
	m.over = &prompt{label: "secret", hint: "env:NAME, file:PATH, keychain:NAME, cmd:COMMAND or a stored secret's name", accept: func(m *Model, s string) tea.Cmd {
		if s == "" {
			return nil
		}
		return m.do(func(ctx context.Context) done {
			g, err := verify(ctx, f, s)
			d := done{err: err, flow: g}
			if err == nil && g != nil {
				d.what = "with " + s + ": " + g.Verdict.State
			}
			return d
		})
	}}
	return nil
}

func (m *Model) mark() tea.Cmd {
	r := m.sel // none is selected after it, where only marked ones are shown and this was the last
	g := *m.current()
	g.Marked = !g.Marked
	m.set(r, &g)
	m.rearrange()
	mark := m.opts.Actions.Mark
	if mark == nil {
		return m.matchFilter([]*row{r})
	}
	return tea.Batch(m.matchFilter([]*row{r}), m.do(func(ctx context.Context) done { return done{err: mark(ctx, &g, g.Marked)} }))
}

func (m *Model) note() tea.Cmd {
	r := m.sel
	m.over = &prompt{label: "note", in: newInput(r.flow.Note), accept: func(m *Model, s string) tea.Cmd {
		g := *r.flow
		g.Note = s
		m.set(r, &g)
		if keep := m.opts.Actions.Note; keep != nil {
			return m.do(func(ctx context.Context) done { return done{err: keep(ctx, &g, s)} })
		}
		return nil
	}}
	return nil
}

func (m *Model) canPause() string {
	return absent(m.opts.Actions.Pause == nil || m.opts.Actions.Resume == nil)
}

func (m *Model) pause() tea.Cmd {
	f, what := m.opts.Actions.Pause, "paused: webhooks wait at the relay"
	if m.head.mode.Paused {
		f, what = m.opts.Actions.Resume, "resumed"
	}
	return m.do(func(ctx context.Context) done { return done{what: what, err: f(ctx)} })
}

func (m *Model) canSample() string { return absent(m.opts.Actions.Sample == nil) }

func (m *Model) sample() tea.Cmd {
	sample := m.opts.Actions.Sample
	return m.do(func(ctx context.Context) done { return done{what: "sample sent", err: sample(ctx)} })
}
