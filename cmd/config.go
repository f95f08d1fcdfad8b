package cmd

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect/safetext"
)

func newConfig(env *Env) *cobra.Command {
	c := group(&cobra.Command{
		Use: "config", Short: "Check, show and trust hook.yaml, the settings of a project",
		Long: `Settings come from flags, then the environment (HOOK_…), then hook.yaml in the project
folder, then ~/.config/hook/config.yaml; what is nearer wins. docs/config.md has all keys.

  version: 1
  forward: 3000
  verify:
    provider: stripe
    secret: keychain:stripe
  profiles:
    ci:
      output: json

--profile NAME, or HOOK_PROFILE, puts a profile over the rest. No secret stands in these
files: references only.`,
		Example: "  hook config show --origin\n  hook config check",
	})
	c.AddCommand(configCheck(env), configShow(env), configTrust(env), configSchema(env))
	return c
}

func configCheck(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "check [FILE]", Short: "Read settings files and report every mistake", Args: args(0, 1),
		Long: `Read this project's hook.yaml and your own config.yaml, or FILE, and report every
mistake with its line and column. Exit code 2 when there is one.`,
		Example: "  hook config check\n  hook config check ci/hook.yaml",
		RunE:    func(_ *cobra.Command, given []string) error { return runConfigCheck(env, given) },
	}
}

func runConfigCheck(env *Env, given []string) error {
	project := filepath.Join(env.project(), projectFile)
	paths := []string{project, env.userConfigPath()}
	if len(given) > 0 {
		paths = []string{env.path(given[0])}
	}
	var all []error
	found := 0
	for _, path := range paths {
		b, err := readSettings(path)
		if err != nil {
			all = append(all, err)
			found++
			continue
		}
		if b == nil {
			continue
		}
		found++
		file, errs := parseConfig(env.shownPath(path), b, env.knownSecret)
		all = append(all, errs...)
		if len(errs) > 0 {
			continue
		}
		fmt.Fprintf(env.Out, "%s: ok\n", safetext.Text(file.name))
		if dangers := file.dangers(); path == project && len(dangers) > 0 && !env.trusts(path, digest(b)) {
			for _, line := range dangers {
				fmt.Fprintln(env.Err, line)
			}
			fmt.Fprintln(env.Err, "not trusted yet: these have no effect before \"hook config trust\"")
		}
	}
	switch {
	case len(all) > 0:
		return reportAll(env, all)
	case found == 0 && len(given) > 0:
		return usage("\"hook config check\" without a name reads the files that count", "there is no file %q", given[0])
	case found == 0:
		fmt.Fprintf(env.Err, "there is no settings file: neither %q nor %q\n", paths[0], paths[1])
	}
	return nil
}

// reportAll prints every mistake.
func reportAll(env *Env, errs []error) error {
	for _, err := range errs {
		report(env.Err, err)
	}
	return silent{exitUsage}
}

// dangers lists what takes effect only in a trusted file, a line each.
func (f *configFile) dangers() []string {
	type danger struct {
		line int
		text string
	}
	var list []danger
	rows := settings()
	add := func(values map[string]*configValue) {
		for i := range rows {
			v := values[rows[i].path]
			if v == nil {
				continue
			}
			if why := rows[i].danger(v.texts); why != "" {
				text := fmt.Sprintf("%s:%d: %s: %q: %s", f.name, v.line, rows[i].path, short(strings.Join(v.texts, ", ")), why)
				list = append(list, danger{v.line, safetext.Text(text)})
			}
		}
	}
	add(f.values)
	for _, name := range slices.Sorted(maps.Keys(f.profiles)) {
		add(f.profiles[name])
	}
	slices.SortStableFunc(list, func(a, b danger) int { return a.line - b.line })
	lines := make([]string, len(list))
	for i, d := range list {
		lines[i] = d.text
	}
	return lines
}
