package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/signer"
)

func newProviders(env *Env) *cobra.Command {
	var asJSON bool
	list := func(c *cobra.Command, given []string) error {
		search := ""
		if len(given) > 0 {
			search = given[0]
		}
		return runProvidersLs(env, search, asJSON)
	}
	c := &cobra.Command{
		Use: "providers [SEARCH]", Short: "List the providers whose signatures hook makes and checks",
		Long: `List the providers whose signatures hook makes and checks, one line a scheme. EVIDENCE
says what shows that it is right: a known answer that is published, or the version of
the provider's own SDK that agreed.`,
		Example: "  hook providers\n  hook providers hubspot\n  hook providers show stripe",
		Args:    args(0, 1), RunE: list,
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	ls := &cobra.Command{
		Use: "ls [SEARCH]", Short: "List providers; SEARCH is a part of their name", Args: args(0, 1),
		Example: "  hook providers ls\n  hook providers ls pay --json", RunE: list,
	}
	ls.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	c.AddCommand(ls, providersShow(env))
	return c
}

// listedScheme is a line of hook providers.
type listedScheme struct {
	Provider  string   `json:"provider"`
	Name      string   `json:"name"`
	Scheme    string   `json:"scheme"`
	Algorithm string   `json:"algorithm"`
	Covers    []string `json:"covers"`
	Key       string   `json:"key"` // secret, key-pair
	Params    []string `json:"params,omitempty"`
	Docs      string   `json:"docs"`
	Evidence  string   `json:"evidence,omitempty"` // "published", or "sdk PACKAGE@VERSION"
}

func runProvidersLs(env *Env, search string, asJSON bool) error {
	list := []listedScheme{}
	search = strings.ToLower(search)
	for _, p := range signer.Providers() {
		for i := range p.Schemes {
			s := &p.Schemes[i]
			if !strings.Contains(strings.ToLower(p.ID+"\n"+p.Name+"\n"+s.ID), search) {
				continue
			}
			l := listedScheme{p.ID, p.Name, s.ID, s.Algorithm, s.Covers(), "secret", s.Params, p.Docs, s.Evidence}
			if keyKind(s) != "" {
				l.Key = "key-pair"
			}
			if s.Docs != "" {
				l.Docs = s.Docs
			}
			list = append(list, l)
		}
	}
	if asJSON {
		return printJSON(env, list)
	}
	if len(list) == 0 {
		return fail(exitFailed, "\"hook providers\" lists all; \"hmac\" is the generic one", "no provider is like %q", search)
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PROVIDER\tSCHEME\tALGORITHM\tEVIDENCE\tCOVERS")
	for _, l := range list {
		covers := strings.Join(l.Covers, " ")
		if covers == "" {
			covers = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Provider, l.Scheme, l.Algorithm, strings.TrimPrefix(cmp.Or(l.Evidence, "-"), "sdk "), covers)
	}
	return w.Flush()
}

func providersShow(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "show PROVIDER", Short: "Show how a provider signs", Args: args(1, 1),
		Long: `Show how a provider signs. --json prints its row: with --scheme-file, and in hook.yaml,
it serves as a scheme of your own.`,
		Example: "  hook providers show stripe\n  hook providers show stripe --json > own.json\n  hook sign --scheme-file own.json body.json --secret env:KEY",
		RunE:    func(_ *cobra.Command, given []string) error { return runProvidersShow(env, given[0], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the row as JSON")
	return c
}

func runProvidersShow(env *Env, id string, asJSON bool) error {
	t, err := findTarget(id, "")
	if err != nil {
		return err
	}
	p, ok := signer.FindProvider(t.id)
	if !ok {
		return unknownProvider(id, nil)
	}
	if asJSON {
		row := *p
		row.Schemes = slices.DeleteFunc(slices.Clone(p.Schemes), func(s signer.Scheme) bool {
			return !slices.ContainsFunc(t.schemes, func(want *signer.Scheme) bool { return want.ID == s.ID })
		})
		return printJSON(env, row)
	}
	list := providerFacts(p)
	for _, s := range t.schemes {
		list = append(list, schemeFacts(s)...)
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	for _, f := range list {
		fmt.Fprintf(w, "%s\t%s\n", f.name, f.text)
	}
	return w.Flush()
}
