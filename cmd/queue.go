package cmd

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/relay"
)

func newQueue(env *Env) *cobra.Command {
	c := group(&cobra.Command{
		Use: "queue", Short: "Look at what waits at the relay, and at dead letters",
		Long: `The relay keeps what it accepted until the application has answered it. A delivery
that the application refused, or that was tried long enough, becomes a dead letter.
A delivery is named by its id or the beginning of it.`,
		Example: "  hook queue ls\n  hook queue retry dlv_0678",
	})
	c.AddCommand(queueLs(env), queueShow(env), queueRetry(env), queueSkip(env), queueRm(env))
	return c
}

// queued lists a whole queue.
func queued(ctx context.Context, api *relayAPI, k *knownEndpoint, dead bool) ([]relay.ItemView, error) {
	var list []relay.ItemView
	for after := uint64(0); ; {
		var page relay.QueueView
		path := fmt.Sprintf("/queue?dead=%v&after=%d&limit=1000", dead, after)
		if err := apiCall(ctx, api, k, "reading the queue", "GET", path, nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Items...)
		if after = page.Next; after == 0 {
			return list, nil
		}
	}
}

// findQueued finds the one delivery whose id begins with prefix.
func findQueued(ctx context.Context, api *relayAPI, k *knownEndpoint, prefix string) (*relay.ItemView, error) {
	if !strings.HasPrefix(prefix, "dlv_") {
		prefix = "dlv_" + prefix
	}
	var found []relay.ItemView
	for _, dead := range []bool{false, true} {
		list, err := queued(ctx, api, k, dead)
		if err != nil {
			return nil, err
		}
		for _, it := range list {
			if strings.HasPrefix(it.ID.String(), prefix) {
				found = append(found, it)
			}
		}
	}
	switch len(found) {
	case 1:
		return &found[0], nil
	case 0:
		return nil, fail(exitFailed, "\"hook queue ls\" and \"hook queue ls --dead\" list what is there", "no delivery in the queue begins with %q", prefix)
	}
	return nil, usage("give more of the id", "%d deliveries begin with %q", len(found), prefix)
}

func queueLs(env *Env) *cobra.Command {
	var o ownedFlags
	var dead bool
	c := &cobra.Command{
		Use: "ls", Short: "List what waits, or dead letters", Args: args(0, 0),
		Example: "  hook queue ls\n  hook queue ls --dead --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
				list, err := queued(c.Context(), api, k, dead)
				if err != nil {
					return err
				}
				if o.json {
					return printJSON(env, append([]relay.ItemView{}, list...))
				}
				return printQueue(env, list)
			})
		},
	}
	o.add(c)
	c.Flags().BoolVar(&dead, "dead", false, "dead letters instead of what waits")
	return c
}

func printQueue(env *Env, list []relay.ItemView) error {
	if len(list) == 0 {
		fmt.Fprintln(env.Err, "nothing there")
		return nil
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tRECEIVED\tATTEMPTS\tNEXT\tSIZE\tREQUEST\tREASON")
	for _, it := range list {
		next := "-"
		if d := time.Until(it.NextAt); it.State == "pending" && d > 0 {
			next = "in " + formatAge(d)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s %s\t%s\n", it.ID, it.State, it.ReceivedAt.Local().Format("01-02 15:04:05"), it.Attempts, next,
			formatBytes(it.Size), safetext.String(it.Method), safetext.Limit(safetext.String(it.Target), 60), safetext.String(it.Reason))
	}
	return w.Flush()
}

func queueShow(env *Env) *cobra.Command {
	var o ownedFlags
	var body bool
	c := &cobra.Command{
		Use: "show ID", Short: "Show one delivery", Args: args(1, 1),
		Example: "  hook queue show dlv_0678\n  hook queue show dlv_0678 --body > body.json",
		RunE: func(c *cobra.Command, given []string) error {
			return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
				it, err := findQueued(c.Context(), api, k, given[0])
				if err != nil {
					return err
				}
				if body {
					return copyBody(c.Context(), env, api, k, it)
				}
				if err := apiCall(c.Context(), api, k, "showing the delivery", "GET", "/queue/"+it.ID.String(), nil, it); err != nil {
					return err
				}
				if o.json {
					return printJSON(env, it)
				}
				fmt.Fprintf(env.Out, "%s  %s\n%s %s\n", it.ID, safetext.String(it.State), safetext.String(it.Method), safetext.String(it.URL))
				fmt.Fprintf(env.Out, "received %s from %s, %s, %d attempts\n", it.ReceivedAt.Local().Format(time.DateTime), safetext.String(it.Remote), formatBytes(it.Size), it.Attempts)
				if it.Reason != "" {
					fmt.Fprintf(env.Out, "reason: %s\n", safetext.String(it.Reason))
				}
				fmt.Fprintln(env.Out)
				for _, h := range it.Header {
					fmt.Fprintf(env.Out, "%s: %s\n", safetext.String(h[0]), safetext.String(h[1]))
				}
				return nil
			})
		},
	}
	o.add(c)
	c.Flags().BoolVar(&body, "body", false, "write the body's bytes to standard output instead")
	return c
}

// onEach does something with each named delivery.
func onEach(env *Env, o *ownedFlags, given []string, do func(api *relayAPI, k *knownEndpoint, it *relay.ItemView) error) error {
	return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
		for _, prefix := range given {
			it, err := findQueued(context.Background(), api, k, prefix)
			if err != nil {
				return err
			}
			if err := do(api, k, it); err != nil {
				return err
			}
		}
		return nil
	})
}

func queueRetry(env *Env) *cobra.Command {
	var o ownedFlags
	var all bool
	c := &cobra.Command{
		Use: "retry [ID…]", Short: "Try deliveries again: to the end of the queue, due at once", Args: args(0, -1),
		Example: "  hook queue retry dlv_0678\n  hook queue retry --dead",
		RunE: func(c *cobra.Command, given []string) error {
			retry := func(api *relayAPI, k *knownEndpoint, it *relay.ItemView) error {
				if err := apiCall(c.Context(), api, k, "retrying "+it.ID.String(), "POST", "/queue/"+it.ID.String()+"/retry", nil, it); err != nil {
					return err
				}
				if o.json {
					return printJSON(env, it)
				}
				_, err := fmt.Fprintf(env.Out, "%s waits again\n", it.ID)
				return err
			}
			switch {
			case all && len(given) > 0, !all && len(given) == 0:
				return usage("hook queue retry ID, or hook queue retry --dead for all dead letters", "retry what?")
			case all:
				return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
					list, err := queued(c.Context(), api, k, true)
					if err != nil {
						return err
					}
					for i := range list {
						if err := retry(api, k, &list[i]); err != nil {
							return err
						}
					}
					return nil
				})
			}
			return onEach(env, &o, given, retry)
		},
	}
	o.add(c)
	c.Flags().BoolVar(&all, "dead", false, "all dead letters")
	return c
}

func queueSkip(env *Env) *cobra.Command {
	var o ownedFlags
	c := &cobra.Command{
		Use: "skip ID…", Short: "Make waiting deliveries dead letters, so that the queue goes on", Args: args(1, -1),
		Example: "  hook queue skip dlv_0678\n  hook queue skip dlv_0678 dlv_0679",
		RunE: func(c *cobra.Command, given []string) error {
			return onEach(env, &o, given, func(api *relayAPI, k *knownEndpoint, it *relay.ItemView) error {
				if err := apiCall(c.Context(), api, k, "skipping "+it.ID.String(), "POST", "/queue/"+it.ID.String()+"/skip", nil, it); err != nil {
					return err
				}
				_, err := fmt.Fprintf(env.Out, "%s is a dead letter now\n", it.ID)
				return err
			})
		},
	}
	o.add(c)
	return c
}

func queueRm(env *Env) *cobra.Command {
	var o ownedFlags
	var dead, all bool
	c := &cobra.Command{
		Use: "rm [ID…]", Short: "Delete deliveries for good", Args: args(0, -1),
		Example: "  hook queue rm dlv_0678\n  hook queue rm --dead",
		RunE: func(c *cobra.Command, given []string) error {
			if len(given) > 0 {
				if dead || all {
					return usage("give ids, or --dead, or --all", "delete what?")
				}
				return onEach(env, &o, given, func(api *relayAPI, k *knownEndpoint, it *relay.ItemView) error {
					return apiCall(c.Context(), api, k, "deleting "+it.ID.String(), "DELETE", "/queue/"+it.ID.String(), nil, nil)
				})
			}
			if dead == all {
				return usage("give ids, --dead for all dead letters, or --all for all that waits", "delete what?")
			}
			return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
				var n struct{ Removed int }
				q := url.Values{"dead": {fmt.Sprint(dead)}}
				if err := apiCall(c.Context(), api, k, "clearing the queue", "DELETE", "/queue?"+q.Encode(), nil, &n); err != nil {
					return err
				}
				_, err := fmt.Fprintf(env.Out, "%d deleted\n", n.Removed)
				return err
			})
		},
	}
	o.add(c)
	c.Flags().BoolVar(&dead, "dead", false, "all dead letters")
	c.Flags().BoolVar(&all, "all", false, "all that waits")
	return c
}
