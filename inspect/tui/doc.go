// Package tui is the terminal inspector: a list of flows and the detail of
// one, on a terminal, with keys to search, compare, copy and replay them.
//
//	feed := tui.NewFeed()
//	model, err := tui.New(tui.Options{Actions: actions, Flows: history.Flows()})
//	if err != nil {
//		return err // the key map, the theme or the filter
//	}
//	go listen(feed) // feed.Send(tui.Seen{Flow: flow}); it never waits
//	return tui.Run(ctx, os.Stdin, os.Stdout, model, feed)
//
// The package reads and writes no file but the bodies of flows, and dials
// nothing: what it can do is what it was handed in Actions. A webhook cannot
// drive the terminal: each byte that is not ours goes through package
// safetext, once where a line is laid out and again where it is painted.
package tui
