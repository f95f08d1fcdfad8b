package cmd

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/hookrelay/hook/signer/payloads"
)

// listedSample is a line of hook trigger --list --json.
type listedSample struct {
	Provider string `json:"provider"`
	Event    string `json:"event"`
	Checked  bool   `json:"checked"`
	Source   string `json:"source,omitempty"`
	About    string `json:"about,omitempty"`
}

// runTriggerList prints the samples whose provider, event or description has
// all the words.
func runTriggerList(env *Env, search string, asJSON bool) error {
	list := []listedSample{}
	for _, p := range payloads.Providers() {
		for _, e := range p.Events {
			text := strings.ToLower(p.ID + " " + e.Name + " " + p.ID + "." + e.Name + " " + e.Summary)
			found := true
			for word := range strings.FieldsSeq(strings.ToLower(search)) {
				found = found && strings.Contains(text, word)
			}
			if found {
				list = append(list, listedSample{p.ID, e.Name, e.Checked(), e.Source, e.Summary})
			}
		}
	}
	if asJSON {
		return printJSON(env, list)
	}
	if len(list) == 0 {
		return fail(exitFailed, "\"hook trigger --list\" shows all", "no sample matches %q", search)
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PROVIDER\tEVENT\tCHECKED\tABOUT")
	checked := 0
	for _, l := range list {
		mark := "unchecked"
		if l.Checked {
			mark = "checked"
			checked++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Provider, l.Event, mark, l.About)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(env.Err, "%d samples, %d of them checked against a schema or SDK type\n", len(list), checked)
	return nil
}
