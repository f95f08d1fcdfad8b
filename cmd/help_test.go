package cmd

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command that does something shows how, twice, and says what it is for.
func TestEveryCommandHasTwoExamples(t *testing.T) {
	seen := 0
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			look(sub)
		}
		if !c.HasParent() || c.Hidden || c.IsAdditionalHelpTopicCommand() || !c.Runnable() {
			return
		}
		seen++
		if c.Short == "" {
			t.Errorf("%s has no short help", c.CommandPath())
		}
		examples := 0
		for line := range strings.Lines(c.Example) {
			if strings.Contains(line, "hook "+strings.TrimPrefix(c.CommandPath(), "hook ")) {
				examples++
			}
		}
		if examples < 2 {
			t.Errorf("%s has %d examples:\n%s", c.CommandPath(), examples, c.Example)
		}
	}
	look(newRoot(&Env{Getenv: func(string) string { return "" }}))
	if seen < 30 {
		t.Errorf("only %d commands were looked at", seen)
	}
}
