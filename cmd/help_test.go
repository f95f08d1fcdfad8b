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
	look(newRoot(&Env{Getenv: func(string) string { return "" }}, ""))
	if seen < 30 {
		t.Errorf("only %d commands were looked at", seen)
	}
}

// The branch that a command line names is the same in the whole tree.
func TestEachCommandIsFoundByItsName(t *testing.T) {
	env := &Env{Getenv: func(string) string { return "" }}
	whole := newRoot(env, "")
	for name := range commands() {
		alone, _, err := newRoot(env, name).Find([]string{name})
		if err != nil || alone.Name() != name {
			t.Errorf("%s: %v, %v", name, alone.Name(), err)
			continue
		}
		if among, _, err := whole.Find([]string{name}); err != nil || among.UsageString() != alone.UsageString() {
			t.Errorf("%s: another usage alone:\n%s", name, alone.UsageString())
		}
	}
}
