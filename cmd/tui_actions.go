package cmd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/inspect/tui"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// sampleSecret signs samples where the listener has no secret: the verdict is
// that there is no key, which is what a first webhook looks like too.
const sampleSecret = "sample"

// actions is what the inspector may do. Those of a listener work once it runs.
func (s *screen) actions() tui.Actions {
	redaction := inspect.DefaultRedaction()
	a := tui.Actions{
		Replay: s.replay, Edit: s.edit, Page: s.page, Save: s.save, Render: s.render, Export: s.export, Verify: s.verify,
		Redact: redaction.Flow, Clipboard: s.clipboard(),
	}
	if !s.o.noHistory {
		a.Mark = func(_ context.Context, f *inspect.Flow, on bool) error { return s.history.Mark(f, on) }
		a.Note = func(_ context.Context, f *inspect.Flow, note string) error { return s.history.Annotate(f, note) }
	}
	return a
}

// listening adds what only a listener can do.
func (s *screen) listening(a tui.Actions) tui.Actions {
	whenBegun := func(f func(ctx context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-s.began:
				return f(ctx)
			default:
				return errors.New("there is no link to the relay yet")
			}
		}
	}
	a.Pause = whenBegun(func(context.Context) error { s.listener.client.Pause(); return nil })
	a.Resume = whenBegun(func(context.Context) error { s.listener.client.Resume(); return nil })
	a.Sample = whenBegun(s.sample)
	a.Stop = func(ctx context.Context) error {
		s.stop()
		select {
		case <-s.ended:
		case <-ctx.Done():
		}
		return nil
	}
	return a
}

// hinted is an error with its hint behind it, for one line.
func hinted(err error) error {
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		return fmt.Errorf("%w: %s", err, f.hint)
	}
	return err
}

// replay sends a flow again, straight to the target.
func (s *screen) replay(ctx context.Context, f *inspect.Flow, how tui.ReplayOptions) error {
	ro := replayOptions{listenOptions: *s.o, resign: how.Resign, secrets: s.o.signing.secrets, provider: s.o.signing.provider}
	ro.forward = cmp.Or(how.To, ro.forward)
	r := &replayer{env: s.env, o: &ro, history: s.history, recorder: s.recorder, sink: s}
	to, err := r.target(f)
	if err != nil {
		return hinted(err)
	}
	body, err := f.Body()
	if err != nil {
		return err
	}
	s.mu.Lock()
	r.numbers = s.numbers
	_, err = s.history.Refresh()
	again, err2 := r.again(ctx, f, body)
	s.mu.Unlock()
	if err := errors.Join(err, err2); err != nil {
		return hinted(err)
	}
	again.Provider, again.Event, again.DeliveryID = f.Provider, f.Event, f.DeliveryID
	if how.Edited {
		again = again.Tagged("edited")
	}
	s.Event(inspect.Begin{At: again.At, Flow: again})
	_, err = r.send(ctx, to, again)
	return hinted(err)
}

// edit lets the person change the body of a copy.
func (s *screen) edit(ctx context.Context, f *inspect.Flow, term tui.Terminal) (*inspect.Flow, error) {
	if err := f.Exact(); err != nil {
		return nil, err
	}
	before, err := f.Body()
	if err != nil {
		return nil, err
	}
	env := *s.env
	env.In, env.Out, env.Err = term.In, term.Out, term.Err
	after, err := edit(ctx, &env, before)
	if err != nil {
		return nil, hinted(err)
	}
	if bytes.Equal(before, after) {
		return nil, nil
	}
	d := f.Delivery
	d.Body = after
	g := inspect.NewFlow(&d, f.At)
	g.Provider, g.Event, g.DeliveryID, g.Verdict, g.Attempts, g.Replay = f.Provider, f.Event, f.DeliveryID, f.Verdict, f.Attempts, f.Replay
	return g, nil
}

// bodyOf is one of a flow's bodies.
func bodyOf(f *inspect.Flow, part tui.Part) ([]byte, error) {
	if part == tui.Request {
		return f.Body()
	}
	a := f.Last()
	if a == nil || a.Result == nil {
		return nil, errors.New("there is no answer")
	}
	return f.Answer(a)
}

// page shows a body in $PAGER, as text that cannot drive the terminal.
func (s *screen) page(ctx context.Context, f *inspect.Flow, part tui.Part, term tui.Terminal) error {
	b, err := bodyOf(f, part)
	if err != nil {
		return err
	}
	words := strings.Fields(cmp.Or(s.env.Getenv("PAGER"), "less"))
	if len(words) == 0 {
		return errors.New("PAGER names no program")
	}
	var indented bytes.Buffer
	if json.Indent(&indented, b, "", "  ") == nil {
		b = indented.Bytes()
	}
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(safetext.Text(string(b))), term.Out, term.Err
	return c.Run()
}

// save writes a body to a new file in the working folder, exactly as it came.
// Nothing of its name comes from the webhook.
func (s *screen) save(_ context.Context, f *inspect.Flow, part tui.Part) (string, error) {
	b, err := bodyOf(f, part)
	if err != nil {
		return "", err
	}
	base := f.ID()
	if part == tui.Response {
		base += "-answer"
	}
	return s.write(base, ".body", func(w io.Writer) error { _, err := w.Write(b); return err })
}

// write makes a new file in the working folder; it replaces none.
func (s *screen) write(base, ext string, fill func(io.Writer) error) (name string, err error) {
	for i := 1; i < 1000; i++ {
		if name = base + ext; i > 1 {
			name = fmt.Sprintf("%s-%d%s", base, i, ext)
		}
		file, err := os.OpenFile(filepath.Join(s.env.Dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return name, errors.Join(fill(file), file.Close())
	}
	return "", fmt.Errorf("%s exists", name)
}

// render is a flow as text to be copied, without what is secret in it.
func (s *screen) render(_ context.Context, f *inspect.Flow, as tui.Form) (string, error) {
	var b bytes.Buffer
	switch as {
	case tui.FormCurl:
		err := inspect.Export(&b, inspect.FormatCurl, inspect.ExportOptions{}, f)
		return b.String(), err
	case tui.FormSend:
		return "hook replay " + f.ID() + " --to localhost:3000", nil
	}
	clean := inspect.DefaultRedaction().Flow(f)
	if as == tui.FormHeaders {
		fmt.Fprintf(&b, "Host: %s\n", safetext.String(clean.Delivery.Host))
		for _, h := range clean.Delivery.Header {
			fmt.Fprintf(&b, "%s: %s\n", safetext.String(h.Name), safetext.String(h.Value))
		}
		return b.String(), nil
	}
	whole, err := clean.Whole()
	if err != nil {
		return "", err
	}
	out, err := whole.MarshalJSON()
	return string(out), err
}

// export writes flows to a new file, without what is secret in them.
func (s *screen) export(_ context.Context, list []*inspect.Flow, as tui.Form) (string, error) {
	formats := map[tui.Form]struct {
		format inspect.Format
		ext    string
	}{
		tui.FormHAR: {inspect.FormatHAR, ".har"}, tui.FormCassette: {inspect.FormatCassette, ".jsonl"},
		tui.FormCurl: {inspect.FormatCurl, ".sh"}, tui.FormRaw: {inspect.FormatRaw, ".http"},
	}
	f, ok := formats[as]
	if !ok {
		return "", fmt.Errorf("there is no format %q yet", as)
	}
	base := "hook-" + time.Now().Format("20060102-150405")
	return s.write(base, f.ext, func(w io.Writer) error {
		return inspect.Export(w, f.format, inspect.ExportOptions{Creator: [2]string{"hook", stamp().Version}}, list...)
	})
}

// verify checks a flow's signature with another secret.
func (s *screen) verify(ctx context.Context, f *inspect.Flow, ref string) (*inspect.Flow, error) {
	keys, err := s.env.secrets(ctx, []string{ref})
	if err != nil {
		return nil, hinted(err)
	}
	req, err := f.Request()
	if err != nil {
		return nil, err
	}
	o := stage.JudgeOptions{Keys: keys, Others: s.env.otherSecrets()}
	if f.Provider != "" {
		if t, err := findTarget(f.Provider, ""); err == nil {
			o.Provider, o.Schemes = t.id, t.schemes
		}
	}
	at := f.Delivery.ReceivedAt
	if at.IsZero() {
		at = f.At
	}
	judge := stage.NewJudge(o)
	got := judge.Judge(ctx, req, at)
	if got.Unknown() {
		return nil, errors.New("no provider's scheme fits this webhook")
	}
	judge.Explain(ctx, &got, req, at)
	return f.Verified(got.Verdict, got.Diagnosis), nil
}

// sample sends a signed webhook to the endpoint, as a provider would.
func (s *screen) sample(ctx context.Context) error {
	v := &s.o.signing
	who, keys := cmp.Or(v.provider, v.verify, "github"), []signer.Key{{ID: "sample", Secret: sampleSecret}}
	if who == autoProvider || who == "off" || len(v.secrets) == 0 {
		who = "github"
	}
	if len(v.secrets) > 0 {
		own, err := s.env.secrets(ctx, v.secrets)
		if err != nil {
			return hinted(err)
		}
		keys = own
	}
	t, err := findTarget(who, "")
	if err != nil {
		return hinted(err)
	}
	body := []byte(`{"type":"hook.sample","zen":"Approachable is better than simple.","message":"sent by T in the inspector"}`)
	req := &signer.Request{Method: http.MethodPost, URL: s.listener.url, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
	if who == "github" {
		req.Header.Set("X-GitHub-Event", "ping")
	}
	signed, req, err := signRequest(schemeFor(t.schemes, body), req, keys, signer.SignOptions{At: time.Now()})
	if err != nil {
		return hinted(err)
	}
	req = signed.Apply(req)
	out, err := http.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(req.Body))
	if err != nil {
		return err
	}
	out.Header = req.Header
	answer, err := s.listener.api.http.Do(out)
	if err != nil {
		return fmt.Errorf("sending the sample: %s", plainCause(err))
	}
	return answer.Body.Close()
}

// clipboard is the system's own, nil where there is none: a program that is
// there only with its display.
func (s *screen) clipboard() func(context.Context, string) error {
	for _, c := range []struct {
		there bool
		words []string
	}{
		{runtime.GOOS == "darwin", []string{"pbcopy"}},
		{runtime.GOOS == "windows", []string{"clip.exe"}},
		{s.env.Getenv("WAYLAND_DISPLAY") != "", []string{"wl-copy"}},
		{s.env.Getenv("DISPLAY") != "", []string{"xclip", "-selection", "clipboard"}},
	} {
		if !c.there {
			continue
		}
		path, err := exec.LookPath(c.words[0])
		if err != nil {
			continue
		}
		return func(ctx context.Context, text string) error {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, path, c.words[1:]...)
			cmd.Stdin = strings.NewReader(text)
			return cmd.Run()
		}
	}
	return nil
}

var _ inspect.Sink = (*screen)(nil)

// replayDefaults is how hook inspect speaks to targets.
func replayDefaults() *listenOptions {
	return &listenOptions{timeout: tunnel.ForwardTimeout, hostHeader: "rewrite"}
}
