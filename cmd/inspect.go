package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/inspect/tui"
)

func newInspect(env *Env) *cobra.Command {
	o := replayDefaults()
	c := &cobra.Command{
		Use:   "inspect [QUERY]",
		Short: "Look through recorded webhooks in the terminal inspector",
		Long: `Look through the history of this machine in the terminal inspector: search, compare,
copy, export, replay. What a listener in another terminal records appears at once.`,
		Example: "  hook inspect\n  hook inspect 'provider:stripe is:error since:1h'\n  hook inspect --to localhost:3000",
		Args:    args(0, 1),
		RunE: func(c *cobra.Command, given []string) error {
			own, err := env.configure(c.Flags(), "keys")
			if err != nil {
				return err
			}
			o.keys = own.keys
			filter := ""
			if len(given) == 1 {
				filter = given[0]
			}
			return runInspect(c.Context(), env, o, filter)
		},
	}
	c.Flags().StringVar(&o.forward, "to", "", "where replays go: PORT, HOST:PORT[/PATH] or URL (default: where the flow went)")
	return c
}

func runInspect(ctx context.Context, env *Env, o *listenOptions, filter string) (err error) {
	if !env.InTTY || !env.OutTTY || env.Getenv("TERM") == "dumb" {
		return usage("\"hook history ls\" prints lines", "the inspector needs a terminal")
	}
	if _, err := parseQuery(filter); err != nil {
		return err
	}
	s, err := newScreen(env, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.history.Close()) }()
	rec, err := record(env, nil, func(text string) { s.feed.Send(tui.Said{Bad: true, Text: safetext.Line(text)}) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rec.Close()) }()
	s.recorder = rec.Recorder
	if _, err := s.history.Refresh(); err != nil {
		return fail(exitFailed, "", "reading the history: %w", err)
	}
	m, err := tui.New(tui.Options{Title: "hook inspect", Actions: s.actions(), Theme: s.theme(), Flows: s.history.Flows(), Filter: filter, Keys: s.o.keys})
	if err != nil {
		return usage("\"hook help queries\" explains the language", "%w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	followed := make(chan error, 1)
	go func() {
		followed <- s.history.Follow(ctx, func(c inspect.Changes) {
			for _, f := range c.Flows {
				s.feed.Send(tui.Seen{Flow: f})
			}
			s.feed.Send(tui.Gone{IDs: c.Gone})
		})
	}()
	err = tui.Run(ctx, env.In, env.Out, m, s.feed)
	cancel()
	if ferr := <-followed; ferr != nil && !errors.Is(ferr, context.Canceled) {
		err = errors.Join(err, fmt.Errorf("reading the history: %w", ferr))
	}
	return err
}
