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
	Own      bool   `json:"own,omitempty"` // an own scheme of hook.yaml: it has no samples, and no events
}

// runTriggerList prints the samples whose provider, event or description has
// all the words.
func runTriggerList(env *Env, search string, asJSON bool) error {
	own, err := env.projectSchemes()
	if err != nil {
		return err
	}
	list := []listedSample{}
	add := func(l listedSample) {
		text := strings.ToLower(l.Provider + " " + l.Event + " " + l.Provider + "." + l.Event + " " + l.About)
		for word := range strings.FieldsSeq(strings.ToLower(search)) {
			if !strings.Contains(text, word) {
				return
			}
		}
		list = append(list, l)
	}
	for _, p := range payloads.Providers() {
		for _, e := range p.Events {
			add(listedSample{Provider: p.ID, Event: e.Name, Checked: e.Checked(), Source: e.Source, About: e.Summary})
		}
	}
	for _, s := range own {
		add(listedSample{Provider: s.ID, About: "own scheme, no samples: give --body or --set", Own: true})
	}
	if asJSON {
		return printJSON(env, list)
	}
	if len(list) == 0 {
		return fail(exitFailed, "\"hook trigger --list\" shows all", "no sample matches %q", search)
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PROVIDER\tEVENT\tCHECKED\tABOUT")
	samples, checked := 0, 0
	for _, l := range list {
		event, mark := l.Event, "unchecked"
		switch {
		case l.Own:
			event, mark = "-", "-"
		case l.Checked:
			mark = "checked"
			checked++
		}
		if !l.Own {
			samples++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Provider, event, mark, l.About)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(env.Err, "%d samples, %d of them checked against a schema or SDK type\n", samples, checked)
	return nil
}
