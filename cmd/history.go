package cmd

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/inspect/safetext"
)

func newHistory(env *Env) *cobra.Command {
	c := group(&cobra.Command{
		Use: "history", Short: "Look at recorded webhooks, export and delete them",
		Long: `What "hook listen" received is recorded in the state folder, byte for byte, as JSON
Lines: 10,000 flows, 256 MiB or 7 days. A flow is named by its id or the beginning of
it, @last, or @2 for the second last. "hook help queries" tells how to pick flows.`,
		Example: "  hook history ls 'provider:stripe status:>=500 since:1h'\n  hook history export @last --format curl",
	})
	c.AddCommand(historyLs(env), historyShow(env), historyExport(env), historyRm(env), historyPurge(env))
	return c
}

// withHistory opens the history, reads it and calls fn.
func withHistory(env *Env, fn func(h *inspect.History) error) (err error) {
	h, err := openHistory(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if _, err := h.Refresh(); err != nil {
		return fail(exitFailed, "", "reading the history: %w", err)
	}
	return fn(h)
}

// parseQuery reads a query that was typed.
func parseQuery(text string) (query.Query, error) {
	q, err := query.Parse(text)
	if err != nil {
		return q, usage("\"hook help queries\" tells what can be asked", "query %q: %w", text, err)
	}
	return q, nil
}

// flowsOf finds the flows that refs name.
func flowsOf(h *inspect.History, refs []string) ([]*inspect.Flow, error) {
	var list []*inspect.Flow
	for _, ref := range refs {
		f, err := h.Find(ref)
		if err != nil {
			return nil, fail(exitFailed, "\"hook history ls\" lists what is recorded", "flow %w", err)
		}
		list = append(list, f)
	}
	return list, nil
}

func historyLs(env *Env) *cobra.Command {
	var asJSON bool
	var limit int
	c := &cobra.Command{
		Use: "ls [QUERY]", Short: "List recorded flows, the latest last", Args: args(0, -1),
		Example: "  hook history ls\n  hook history ls 'event:invoice.* -status:200' --json",
		RunE: func(_ *cobra.Command, given []string) error {
			q, err := parseQuery(strings.Join(given, " "))
			if err != nil {
				return err
			}
			return withHistory(env, func(h *inspect.History) error {
				list := h.Select(q)
				if limit > 0 && len(list) > limit {
					list = list[len(list)-limit:]
				}
				if asJSON {
					return inspect.Export(env.Out, inspect.FormatCassette, inspect.ExportOptions{}, list...)
				}
				return listFlows(env, list)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print each flow as a line of JSON, secrets taken out")
	c.Flags().IntVarP(&limit, "limit", "n", 0, "the last N only")
	return c
}

func listFlows(env *Env, list []*inspect.Flow) error {
	if len(list) == 0 {
		fmt.Fprintln(env.Err, "nothing there")
		return nil
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTIME\tREQUEST\tSTATUS\tTOOK\tSIZE\tPROVIDER\tEVENT\tSIG")
	for _, f := range list {
		status, took := string(f.State()), "-"
		if n := f.Status(); n > 0 {
			status = fmt.Sprint(n)
		}
		if a := f.Last(); a != nil {
			took = formatTook(a.Took)
		}
		mark := ""
		if f.Marked {
			mark = " *"
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s %s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.ID(), mark, f.At.Local().Format("01-02 15:04:05"),
			safetext.String(f.Delivery.Method), safetext.Limit(f.Delivery.Target, 60), status, took, formatBytes(f.BodySize),
			dash(safetext.String(f.Provider)), dash(safetext.Limit(f.Event, 40)), dash(inspect.Badge(f.Verdict.State)))
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func historyShow(env *Env) *cobra.Command {
	var body, answer bool
	c := &cobra.Command{
		Use: "show FLOW", Short: "Show one recorded flow", Args: args(1, 1),
		Example: "  hook history show @last\n  hook history show dlv_0678 --body > body.json",
		RunE: func(_ *cobra.Command, given []string) error {
			return withHistory(env, func(h *inspect.History) error {
				list, err := flowsOf(h, given)
				if err != nil {
					return err
				}
				f := list[0]
				switch {
				case body && answer:
					return usage("give one of the two", "--body and --answer")
				case body:
					b, err := f.Body()
					return writeBytes(env, b, err)
				case answer:
					last := f.Last()
					if last == nil || last.Result == nil {
						return fail(exitFailed, "", "flow %s has no answer", f.ID())
					}
					b, err := f.Answer(last)
					return writeBytes(env, b, err)
				}
				return showFlow(env, f)
			})
		},
	}
	c.Flags().BoolVar(&body, "body", false, "write the request's body to standard output, byte for byte")
	c.Flags().BoolVar(&answer, "answer", false, "write the answer's body")
	return c
}

func writeBytes(env *Env, b []byte, err error) error {
	if err == nil {
		_, err = env.Out.Write(b)
	}
	return err
}

// showFlow prints a flow for a person.
func showFlow(env *Env, f *inspect.Flow) error {
	out := &strings.Builder{}
	line := func(format string, args ...any) {
		fmt.Fprintf(out, "%s\n", safetext.String(fmt.Sprintf(format, args...)))
	}
	d := &f.Delivery
	line("%s  received %s from %s", f.ID(), d.ReceivedAt.Local().Format(time.DateTime), dash(d.Remote))
	line("%s %s", d.Method, d.URL)
	for _, h := range d.Header {
		line("%s: %s", h.Name, h.Value)
	}
	if b, err := f.Body(); err != nil {
		line("(%v)", err)
	} else if len(b) > 0 {
		fmt.Fprintf(out, "\n%s\n", safetext.Limit(safetext.Text(string(b)), 64<<10))
	}
	if v := f.Verdict; v.State != "" {
		line("\nsignature: %s %s %s", v.State, v.Scheme, v.Detail)
		if v.Diagnosis != "" {
			line("  %s", v.Diagnosis)
		}
	}
	for _, a := range f.Attempts {
		fmt.Fprintln(out)
		switch {
		case a.Result != nil:
			line("attempt %d: %d from %s in %s", a.Number, a.Result.Status, dash(a.Target), formatTook(a.Took))
			for _, h := range a.Result.Header {
				line("%s: %s", h.Name, h.Value)
			}
			if len(a.Result.Body) > 0 {
				fmt.Fprintf(out, "\n%s\n", safetext.Limit(safetext.Text(string(a.Result.Body)), 64<<10))
			}
		case a.Failure != nil:
			line("attempt %d: %s after %s", a.Number, a.Failure.Error(), formatTook(a.Took))
		default:
			line("attempt %d: no end was recorded", a.Number)
		}
		if s := a.Settled; s != nil {
			line("relay: %s %s", s.Fate, s.Reason)
			if len(s.Removed) > 0 {
				line("kept from the sender: %s", strings.Join(s.Removed, ", "))
			}
		}
	}
	if f.Note != "" {
		line("\nnote: %s", f.Note)
	}
	_, err := fmt.Fprint(env.Out, out.String())
	return err
}

func historyExport(env *Env) *cobra.Command {
	var format, out, base, where string
	var plain bool
	names := make([]string, 0, len(inspect.Formats()))
	for _, f := range inspect.Formats() {
		names = append(names, string(f))
	}
	c := &cobra.Command{
		Use: "export [FLOW…]", Short: "Write flows as curl, HTTPie, raw HTTP, HAR or a cassette",
		Long: `Write flows in another form. Secrets are taken out, unless --secrets is given. A
cassette is JSON Lines that "hook replay FILE --to URL" sends again, with no network
but to that URL.`,
		Args:    args(0, -1),
		Example: "  hook history export @last --format curl\n  hook history export --where 'provider:stripe since:1d' --format har --out stripe.har",
		RunE: func(_ *cobra.Command, given []string) error {
			return withHistory(env, func(h *inspect.History) (err error) {
				var list []*inspect.Flow
				if len(given) > 0 {
					list, err = flowsOf(h, given)
				} else {
					var q query.Query
					if q, err = parseQuery(where); err == nil {
						list = h.Select(q)
					}
				}
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return fail(exitFailed, "\"hook history ls\" lists what is recorded", "nothing to export")
				}
				opts := inspect.ExportOptions{URL: base, Creator: [2]string{"hook", stamp().Version}}
				if plain {
					opts.Redaction = &inspect.Redaction{}
				}
				w := env.Out
				if out != "" {
					file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
					if err != nil {
						return fail(exitFailed, "", "export: %w", err)
					}
					defer func() { err = errors.Join(err, file.Close()) }()
					w = file
				}
				if err := inspect.Export(w, inspect.Format(format), opts, list...); err != nil {
					return fail(exitFailed, "", "export: %w", err)
				}
				return nil
			})
		},
	}
	choiceVar(c, &format, "format", "f", string(inspect.FormatCassette), strings.Join(names, ", "), names...)
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	c.Flags().StringVar(&base, "url", "", "where command lines send to instead of the public URL")
	c.Flags().StringVar(&where, "where", "", "query that picks the flows, where none is named")
	c.Flags().BoolVar(&plain, "secrets", false, "leave secrets in")
	return c
}

func historyRm(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "rm FLOW…", Short: "Take flows out of the history", Args: args(1, -1),
		Example: "  hook history rm @last\n  hook history rm dlv_0678 dlv_0679",
		RunE: func(_ *cobra.Command, given []string) error {
			return withHistory(env, func(h *inspect.History) error {
				list, err := flowsOf(h, given)
				if err != nil {
					return err
				}
				return h.Hide(list...)
			})
		},
	}
}

func historyPurge(env *Env) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "purge", Short: "Delete the whole history from disk", Args: args(0, 0),
		Example: "  hook history purge --yes\n  HOOK_STATE_DIR=/tmp/ci hook history purge --yes",
		RunE: func(*cobra.Command, []string) error {
			if !yes {
				return usage("hook history purge --yes", "this deletes all recorded flows")
			}
			return withHistory(env, func(h *inspect.History) error {
				p, err := h.Purge()
				if err == nil {
					fmt.Fprintf(env.Err, "%d segments and %d bodies deleted\n", p.Segments, p.Bodies)
				}
				return err
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "really")
	return c
}
