// Package inspect is about flows: what a listener saw of each webhook. It
// records them on disk, finds them, writes them in other forms (curl, HTTPie,
// raw HTTP, HAR, cassettes), compares them, and prints them as they come.
//
//	history, err := inspect.OpenHistory(dir, inspect.HistoryOptions{})
//	recorder := inspect.NewRecorder(history, inspect.RecorderOptions{Trouble: say})
//	go recorder.Run(ctx)
//
//	flow := inspect.NewFlow(delivery, time.Now())
//	recorder.Begin(flow) // on disk before the handler runs
//	result, err := handler.Handle(ctx, delivery)
//	flow = flow.Ended(target, result, err, time.Since(began))
//	recorder.End(flow)
//
//	flow, err = history.Find("@last")
//	err = inspect.Export(os.Stdout, inspect.FormatCurl, inspect.ExportOptions{}, flow)
//
// A flow on disk is exact, byte for byte; what is secret in it is taken out
// where it leaves ([Redaction]). A flow that was redacted says so, and cannot
// be replayed or verified.
//
// The package dials nothing, runs no command, writes only below the folder it
// was given, and prints no foreign byte that package safetext has not seen.
package inspect
