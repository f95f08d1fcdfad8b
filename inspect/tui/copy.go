package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
)

// maxCopy bounds what is put into the clipboard: terminals refuse long OSC 52
// sequences, and nobody pastes more.
const maxCopy = 1 << 20

var errTooLong = errors.New("too long to copy: w saves the body to a file")

func (m *Model) needURL() string {
	if m.head.ready.URL == "" {
		return "there is no endpoint"
	}
	return ""
}

func (m *Model) copyURL() tea.Cmd {
	m.say(false, "the URL is in the clipboard")
	return m.clip(m.head.ready.URL)
}

// clip puts text into the clipboard by OSC 52 and by the system's own way. No
// control character goes there: one could run a command in a shell that it is
// pasted into.
func (m *Model) clip(s string) tea.Cmd {
	s = strings.TrimRight(safetext.Text(s), "\n")
	cmds := []tea.Cmd{tea.SetClipboard(s)}
	if system := m.opts.Actions.Clipboard; system != nil {
		cmds = append(cmds, m.do(func(ctx context.Context) done { return done{err: system(ctx, s)} }))
	}
	return tea.Batch(cmds...)
}

// copyMenu offers what can be copied of a flow.
func (m *Model) copyMenu() tea.Cmd {
	f := m.current()
	u := &menu{title: "Copy"}
	add := func(k, name string, form Form) {
		if m.opts.Actions.Render == nil && !simple(form) {
			return
		}
		u.choices = append(u.choices, choice{k, name, func(m *Model) tea.Cmd { return m.copyAs(f, form, name) }})
	}
	add("c", "curl command", FormCurl)
	add("b", "body", FormBody)
	add("h", "headers", FormHeaders)
	add("u", "URL", FormURL)
	add("i", "id", FormID)
	add("j", "JSON of the flow", FormJSON)
	add("s", "hook command that sends it", FormSend)
	m.over = u
	return nil
}

// simple forms need nobody's help.
func simple(form Form) bool {
	return form == FormBody || form == FormHeaders || form == FormURL || form == FormID
}

func (m *Model) copyAs(f *inspect.Flow, form Form, name string) tea.Cmd {
	render, part := m.opts.Actions.Render, m.part()
	return m.do(func(ctx context.Context) done {
		var s string
		var err error
		switch {
		case form == FormBody:
			s, err = bodyText(f, part)
		case form == FormHeaders && render == nil:
			s = headerText(f)
		case form == FormURL:
			s = f.Delivery.URL
		case form == FormID:
			s = f.ID()
		default:
			s, err = render(ctx, f, form)
		}
		if err == nil && len(s) > maxCopy {
			err = errTooLong
		}
		what := name + " copied, " + bytesize(int64(len(s)))
		if strings.TrimRight(safetext.Text(s), "\n") != strings.TrimRight(s, "\n") {
			what += "; control characters are shown as escapes, w saves the exact bytes"
		}
		return done{what: what, err: err, copy: s}
	})
}

func bodyText(f *inspect.Flow, part Part) (string, error) {
	if part == Response {
		a := f.Last()
		if a == nil {
			return "", errors.New("there is no answer")
		}
		b, err := f.Answer(a)
		return string(b), err
	}
	if f.BodySize > maxCopy {
		return "", errTooLong
	}
	b, err := f.Body()
	return string(b), err
}

func headerText(f *inspect.Flow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Host: %s\n", safetext.String(f.Delivery.Host))
	for _, h := range f.Delivery.Header {
		fmt.Fprintf(&b, "%s: %s\n", safetext.String(h.Name), safetext.String(h.Value))
	}
	return b.String()
}

// exportMenu offers the forms of a file. The marked webhooks are exported, or
// the selected one if none is marked.
func (m *Model) exportMenu() tea.Cmd {
	var list []*inspect.Flow
	for _, r := range m.rows {
		if r.flow.Marked {
			list = append(list, r.flow)
		}
	}
	what := count(len(list), "marked webhook")
	if len(list) == 0 {
		list, what = []*inspect.Flow{m.current()}, "this webhook; mark several to export them together"
	}
	u := &menu{title: "Export " + what}
	add := func(k, name string, form Form) {
		u.choices = append(u.choices, choice{k, name, func(m *Model) tea.Cmd {
			export := m.opts.Actions.Export
			return m.do(func(ctx context.Context) done {
				file, err := export(ctx, list, form)
				return done{what: name + " written to " + file, err: err}
			})
		}})
	}
	add("h", "HAR, for a browser's network panel", FormHAR)
	add("j", "cassette, to be replayed", FormCassette)
	add("c", "script of curl commands", FormCurl)
	if len(list) == 1 {
		add("r", "raw HTTP", FormRaw)
	}
	m.over = u
	return nil
}
