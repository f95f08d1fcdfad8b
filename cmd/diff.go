package cmd

import (
	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect"
)

func newDiff(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "diff A B", Short: "Compare two recorded flows: headers, bodies by path, answers",
		Args:    args(2, 2),
		Example: "  hook diff @2 @last\n  hook diff dlv_0678 dlv_0678.1",
		RunE: func(_ *cobra.Command, given []string) error {
			return withHistory(env, func(h *inspect.History) error {
				list, err := flowsOf(h, given)
				if err != nil {
					return err
				}
				d, err := inspect.Diff(list[0], list[1])
				if err != nil {
					return fail(exitFailed, "", "diff: %w", err)
				}
				if asJSON {
					return printJSON(env, d)
				}
				return d.Write(env.Out, env.colour(env.OutTTY))
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}
