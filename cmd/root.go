package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

const long = `hook brings webhooks to localhost.

  hook listen 3000        give me a URL; what is posted to it reaches localhost:3000
  hook relay              run a relay of your own
  hook demo               see it work on this machine
  hook doctor             look for what keeps webhooks from arriving

Every command tells more with --help.`

// Run runs one command and returns its exit code. Errors have been printed to
// env.Err.
func Run(ctx context.Context, env Env, args []string) int {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	root := newRoot(&env, name)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		addOffers(&env, root)
	}
	if name != "" && name[0] != '-' {
		// The root has but few flags: those of a command that is not there
		// must not be complained of before it.
		root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
			if c == root {
				return unknownCommand(c, args)
			}
			return flagError(c, err)
		})
	}
	root.SetArgs(args)
	root.SetIn(env.In)
	help := &outlet{w: env.Out}
	root.SetOut(help)
	root.SetErr(env.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = help.err
	}
	report(env.Err, err)
	return exitCode(ctx, err)
}

// outlet is what help is written to. Cobra looks at no error of it, and a
// script must not take a full disk for success.
type outlet struct {
	w   io.Writer
	err error // the first
}

func (o *outlet) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.err = cmp.Or(o.err, err)
	return n, err
}

// commands makes each command of the root, by its name.
func commands() map[string]func(*Env) *cobra.Command {
	return map[string]func(*Env) *cobra.Command{
		"listen": newListen, "relay": newRelay, "endpoint": newEndpoint, "queue": newQueue,
		"inspect": newInspect, "history": newHistory, "replay": newReplay, "diff": newDiff, "demo": newDemo, "doctor": newDoctor, "version": newVersion,
		"sign": newSign, "verify": newVerify, "providers": newProviders, "keys": newKeys, "secret": newSecret,
		"trigger": newTrigger, "wait": newWait, "config": newConfig, "completion": newCompletion,
	}
}

// newRoot makes the tree, or with the name of a command the root with this
// branch alone: the flags of sixty commands would cost a script that calls
// hook sign in a loop a tenth of its time.
func newRoot(env *Env, only string) *cobra.Command {
	var asked bool
	root := &cobra.Command{
		Use: "hook", Short: "Bring webhooks to localhost", Long: long,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if asked {
				_, err := fmt.Fprintf(env.Out, "hook %s\n", stamp().Version)
				return err
			}
			if len(args) > 0 {
				return unknownCommand(c, args)
			}
			return c.Help()
		},
	}
	// Not cobra's own flag: its template is what would link text/template,
	// whose look-up of methods by name keeps every exported method of the
	// program alive (2 MB).
	root.Flags().BoolVarP(&asked, "version", "v", false, "version for hook")
	root.SetFlagErrorFunc(flagError)
	all := commands()
	if newIt := all[only]; newIt != nil {
		root.AddCommand(newIt(env))
	} else {
		for _, newIt := range all {
			root.AddCommand(newIt(env))
		}
		root.AddCommand(newTopics()...)
	}
	root.PersistentFlags().StringVar(&env.profile, "profile", "", "profile of hook.yaml to put over the rest (HOOK_PROFILE)")
	return root
}

// unknownCommand names the command that was probably meant by these words,
// what is behind it included.
func unknownCommand(c *cobra.Command, words []string) error {
	path := ""
	if c.HasParent() {
		path = strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ") + " "
	}
	hint := meantCommand(append(strings.Fields(path), words...))
	if best := nearestCommand(c, words[0]); hint == "" && best != "" {
		hint = fmt.Sprintf("did you mean \"%s %s\"?", c.CommandPath(), best)
	} else if hint == "" {
		hint = fmt.Sprintf("\"%s --help\" lists the commands", c.CommandPath())
	}
	return usage(hint, "unknown command %q", strings.TrimPrefix(c.CommandPath()+" "+words[0], c.Root().Name()+" "))
}

// flagError makes cobra's complaint one of ours, with the flag that was
// probably meant.
func flagError(c *cobra.Command, err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	hint := fmt.Sprintf("\"%s --help\" lists the flags", c.CommandPath())
	text := err.Error()
	if !c.HasParent() {
		hint = "flags stand behind a command: hook listen 3000 --json; \"hook --help\" lists the commands"
	} else if _, name, ok := strings.Cut(text, "unknown flag: --"); ok {
		name, _, _ = strings.Cut(name, "=")
		if meant := meantFlag(c, name); meant != "" {
			hint = meant
		} else if best := nearestFlag(c, name); best != "" {
			hint = fmt.Sprintf("did you mean --%s?", best)
		}
	} else if _, rest, ok := strings.Cut(text, "unknown shorthand flag: '"); ok {
		name, _, _ := strings.Cut(rest, "'")
		if meant := meantFlag(c, name); meant != "" {
			hint = meant
		}
	}
	if m := regexp.MustCompile(`(?s)^invalid argument (".*") for "(.*)" flag: strconv\.(\w+): .*: (.*)$`).FindStringSubmatch(err.Error()); m != nil {
		kind := map[string]string{"ParseInt": "a whole number", "ParseUint": "a whole number from 0", "ParseFloat": "a number", "ParseBool": "true or false"}[m[3]]
		err = fmt.Errorf("%s takes %s, not %s", m[2], cmp.Or(kind, "another value"), m[1])
	}
	return &failure{exitUsage, err, hint}
}

// args checks the number of arguments, with a message that shows the usage.
func args(low, high int) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		switch {
		case len(given) < low:
			return usage(c.UseLine(), "%s needs more arguments", c.CommandPath())
		case high >= 0 && len(given) > high:
			return usage(c.UseLine(), "%s does not take the argument %q", c.CommandPath(), given[high])
		}
		return nil
	}
}

// group is a command that only holds others.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return unknownCommand(c, args)
	}
	return c
}
