package cmd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/inspect/tui"
)

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
