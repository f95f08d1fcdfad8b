package cmd

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that hook writes completions for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print a script that completes hook's commands in a shell", Args: args(1, 1),
		Long: `Print a script for SHELL: bash, zsh, fish or powershell. With it, the tab key completes
commands and flags, and also providers, events, endpoints, recorded flows, deliveries
in the queue and names of secrets.

  bash         source <(hook completion bash)          needs the package bash-completion
  zsh          source <(hook completion zsh)           behind compinit, in ~/.zshrc
  fish         hook completion fish > ~/.config/fish/completions/hook.fish
  powershell   hook completion powershell | Out-String | Invoke-Expression`,
		Example: "  hook completion bash > /etc/bash_completion.d/hook\n  hook completion fish | source",
		RunE: func(_ *cobra.Command, given []string) error {
			return WriteCompletion(env.Out, Tree(), given[0])
		},
	}
}

// WriteCompletion writes the script of a shell.
func WriteCompletion(w io.Writer, root *cobra.Command, shell string) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	case "powershell", "pwsh":
		return root.GenPowerShellCompletionWithDesc(w)
	}
	return usage("hook completion bash", "shell %q is none of %s", shell, strings.Join(shells, ", "))
}

// Tree is the command tree, for what is generated from it: see cmd/gen.
func Tree() *cobra.Command {
	return newRoot(&Env{Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }}, "")
}
