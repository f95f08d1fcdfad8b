package tui

import (
	"context"
	"errors"
	"io"
	"sync"

	tea "charm.land/bubbletea/v2"
)

// Run shows m on a terminal until the person quits or ctx ends; either is no
// error. One goroutine carries events from the feed to the screen, and Run
// waits for it. The feed may be nil.
func Run(ctx context.Context, in io.Reader, out io.Writer, m *Model, feed *Feed) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m.ctx = ctx
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler(), tea.WithFPS(30))
	var pumping sync.WaitGroup
	if feed != nil {
		pumping.Go(func() { feed.pump(ctx, func(b batch) { p.Send(b) }) })
	}
	_, err := p.Run()
	stop()
	pumping.Wait()
	if ctx.Err() != nil && errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrProgramPanic) {
		return nil
	}
	return err
}
