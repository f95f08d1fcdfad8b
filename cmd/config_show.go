package cmd

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect/safetext"
)

func configShow(env *Env) *cobra.Command {
	var origin, asJSON bool
	c := &cobra.Command{
		Use: "show [-- ARGUMENTS OF hook listen]", Short: "Show the settings that hold, and where each comes from", Args: cobra.ArbitraryArgs,
		Long: `Show every setting with the value that holds here. Arguments behind -- are those of a
hook listen that is not run: the settings are as it would see them.`,
		Example: "  hook config show --origin\n  hook config show --json --profile ci -- 4000 --respond queue",
		RunE: func(c *cobra.Command, given []string) error {
			if at := c.ArgsLenAtDash(); len(given) > 0 && at != 0 {
				return usage("put what belongs to hook listen behind --", "%s does not take the argument %q", c.CommandPath(), given[0])
			}
			return runConfigShow(env, given, origin, asJSON)
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "tell where each value comes from")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// shownSetting is a line of hook config show --json.
type shownSetting struct {
	Key     string   `json:"key"`
	Values  []string `json:"values"`
	Origin  string   `json:"origin"` // flag, environment, project, user, default
	Name    string   `json:"name,omitempty"`
	Line    int      `json:"line,omitempty"`
	Profile string   `json:"profile,omitempty"`
	Refused string   `json:"refused,omitempty"` // why it needs trust that the file does not have
}

func runConfigShow(env *Env, listen []string, origin, asJSON bool) error {
	c, err := env.configuration()
	if err != nil {
		return err
	}
	as := newListen(env)
	as.InitDefaultHelpFlag()
	if err := as.ParseFlags(listen); err != nil {
		return flagError(as, err)
	}
	if rest := as.Flags().Args(); len(rest) > 0 && as.ArgsLenAtDash() != 0 {
		if err := as.Flags().Set("forward", rest[0]); err != nil {
			return usage("hook config show -- 3000", "target %q: %w", rest[0], err)
		}
	}
	list := c.resolve(as.Flags(), env.Getenv)
	if asJSON {
		out := make([]shownSetting, len(list))
		for i := range list {
			out[i] = c.shown(&list[i])
		}
		return printJSON(env, map[string]any{"v": 1, "profile": c.profile, "trusted": c.trusted, "settings": out})
	}
	w := tabwriter.NewWriter(env.Out, 0, 0, 2, ' ', 0)
	for i := range list {
		r := &list[i]
		line := r.row.path + "\t" + dash(safetext.Text(strings.Join(r.texts, ", ")))
		if origin {
			line += "\t" + safetext.Text(c.origin(r))
		}
		if r.risk != "" {
			line += "\t(no effect before \"hook config trust\")"
		}
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

// shown is a setting for programs.
func (c *configuration) shown(r *resolved) shownSetting {
	s := shownSetting{Key: r.row.path, Values: r.texts, Origin: "default", Refused: r.risk}
	if s.Values == nil {
		s.Values = []string{}
	}
	switch {
	case r.level == fromFlag:
		s.Origin, s.Name = "flag", "--"+r.row.flag
	case r.level == fromEnv:
		s.Origin, s.Name = "environment", r.row.env
	case r.level.project():
		s.Origin, s.Name = "project", c.projectPath
	case r.level.user():
		s.Origin, s.Name = "user", c.userPath
	}
	if r.value != nil {
		s.Line, s.Profile = r.value.line, r.value.profile
	}
	return s
}
