package cmd

import "github.com/spf13/cobra"

func newDemo(env *Env) *cobra.Command { return &cobra.Command{Use: "demo", Short: "x"} }
