package cmd

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/signer/payloads"
)

const (
	completionTime  = time.Second // somebody waits at a prompt: what is not known by then is not offered
	maxCompletions  = 50          // flows and queued deliveries: more do not help to choose
	noFiles         = cobra.ShellCompDirectiveNoFileComp
	orFiles         = cobra.ShellCompDirectiveDefault
	noFilesInOrder  = noFiles | cobra.ShellCompDirectiveKeepOrder
	orFilesInOrder  = orFiles | cobra.ShellCompDirectiveKeepOrder
	noFilesAndNoEnd = noFiles | cobra.ShellCompDirectiveNoSpace
)

// offer is what a shell may offer for the argument behind args. Errors are
// nothing to offer: a prompt is no place for them.
type offer func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

// argumentOffers are the commands whose arguments can be completed.
func argumentOffers(env *Env) map[string]offer {
	flows, queue, secrets := env.offerFlows, env.offerQueue, env.offerSecretNames
	return map[string]offer{
		"hook listen":         offerCommand,
		"hook wait":           nth(orFiles), // COMMAND
		"hook config check":   nth(orFiles),
		"hook sign":           nth(orFiles, offerProviders),
		"hook verify":         nth(orFiles, offerProviders),
		"hook trigger":        nth(noFiles, env.offerSamples, offerEvents),
		"hook providers":      nth(noFiles, offerProviders),
		"hook providers ls":   nth(noFiles, offerProviders),
		"hook providers show": nth(noFiles, offerProviders),
		"hook keys new":       nth(noFiles, offerKeyProviders),
		"hook keys show":      nth(noFiles, offerKeyProviders),
		"hook keys jwks":      each(noFiles, offerKeyProviders),
		"hook secret set":     nth(noFiles, secrets),
		"hook secret rotate":  nth(noFiles, secrets),
		"hook secret rm":      nth(noFiles, secrets),
		"hook history show":   nth(noFilesInOrder, flows),
		"hook history export": each(noFilesInOrder, flows),
		"hook history rm":     each(noFilesInOrder, flows),
		"hook replay":         each(orFilesInOrder, flows),
		"hook diff":           nth(noFilesInOrder, flows, flows),
		"hook queue show":     nth(noFilesInOrder, queue),
		"hook queue retry":    each(noFilesInOrder, queue),
		"hook queue skip":     each(noFilesInOrder, queue),
		"hook queue rm":       each(noFilesInOrder, queue),
		"hook completion":     nth(noFiles, offerShells),
	}
}

// flagOffers are the flags whose values can be completed, in whatever command
// they are.
func flagOffers(env *Env) map[string]offer {
	return map[string]offer{
		"endpoint": value(env.offerEndpoints),
		"relay":    value(env.offerRelays),
		"provider": value(offerProviders),
		"verify":   value(offerVerify),
		"scheme":   value(offerSchemes),
		"secret":   env.offerSecrets,
	}
}

// addOffers gives every command below root what shells may offer. Arguments
// are never files unless the table says so.
func addOffers(env *Env, root *cobra.Command) {
	commands, flags := argumentOffers(env), flagOffers(env)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.ValidArgsFunction == nil {
			c.ValidArgsFunction = cobra.NoFileCompletions
			if o := commands[c.CommandPath()]; o != nil {
				c.ValidArgsFunction = cobra.CompletionFunc(o)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if _, ok := c.GetFlagCompletionFunc(f.Name); ok {
				return
			}
			if o := flags[f.Name]; o != nil {
				must(c.RegisterFlagCompletionFunc(f.Name, cobra.CompletionFunc(o)))
			} else if t := f.Value.Type(); t != "string" && t != "stringArray" && t != "stringSlice" {
				must(c.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions))
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// words are what there is for one argument, each with a description behind a
// tab.
type words func(c *cobra.Command, args []string, word string) []string

// nth offers for the first argument what the first says, and so on; behind
// them there may be files.
func nth(d cobra.ShellCompDirective, lists ...words) offer {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(lists) {
			return nil, d
		}
		return beginning(lists[len(args)](c, args, word), word), d
	}
}

// each offers the same for every argument, but nothing twice.
func each(d cobra.ShellCompDirective, list words) offer {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		return slices.DeleteFunc(beginning(list(c, args, word), word), func(s string) bool {
			name, _, _ := strings.Cut(s, "\t")
			return slices.Contains(args, name)
		}), d
	}
}

// value offers for a flag.
func value(list words) offer {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		return beginning(list(c, args, word), word), noFiles
	}
}

func beginning(list []string, word string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return !strings.HasPrefix(s, word) })
}

// describe puts a description behind a word, on one line.
func describe(word, format string, args ...any) string {
	return cobra.CompletionWithDesc(word, safetext.Limit(fmt.Sprintf(format, args...), 80))
}

// offerCommand leaves what is behind the target, and thus behind "--", to the
// shell.
func offerCommand(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, orFiles
	}
	return nil, noFiles
}

func offerShells(*cobra.Command, []string, string) []string { return slices.Clone(shells) }

func offerProviders(*cobra.Command, []string, string) []string {
	var list []string
	for _, p := range signer.Providers() {
		list = append(list, describe(p.ID, "%s", p.Name))
	}
	return list
}

func offerVerify(c *cobra.Command, args []string, word string) []string {
	return append(offerProviders(c, args, word), describe("auto", "detect it and try the secrets given"), describe("off", "check nothing"))
}

// offerKeyProviders are those who sign with a private key.
func offerKeyProviders(*cobra.Command, []string, string) []string {
	var list []string
	for _, p := range signer.Providers() {
		if slices.ContainsFunc(p.Schemes, func(s signer.Scheme) bool { return keyKind(&s) != "" }) {
			list = append(list, describe(p.ID, "%s", p.Name))
		}
	}
	return list
}

// offerSchemes are those of the provider that is named, or all.
func offerSchemes(c *cobra.Command, args []string, _ string) []string {
	name := ""
	if f := c.Flags().Lookup("provider"); f != nil {
		name = f.Value.String()
	} else if len(args) > 0 {
		name = args[0]
	}
	var list []string
	for _, p := range signer.Providers() {
		if name != "" && p.ID != name {
			continue
		}
		for i := range p.Schemes {
			list = append(list, describe(p.Schemes[i].ID, "%s, %s", p.Name, p.Schemes[i].Algorithm))
		}
	}
	return list
}

// offerSamples are the providers of hook trigger, or PROVIDER.EVENT once there
// is a dot; own schemes too.
func (e *Env) offerSamples(_ *cobra.Command, _ []string, word string) []string {
	provider, _, dotted := strings.Cut(word, ".")
	var list []string
	for _, p := range payloads.Providers() {
		switch {
		case !dotted:
			list = append(list, describe(p.ID, "%d events", len(p.Events)))
		case p.ID == provider:
			for _, e := range p.Events {
				list = append(list, describe(p.ID+"."+e.Name, "%s", e.Summary))
			}
		}
	}
	if own, err := e.projectSchemes(); err == nil && !dotted {
		for _, s := range own {
			list = append(list, describe(s.ID, "own scheme"))
		}
	}
	return list
}

func offerEvents(_ *cobra.Command, args []string, _ string) []string {
	var list []string
	for _, e := range payloads.Events(args[0]) {
		list = append(list, describe(e.Name, "%s", e.Summary))
	}
	return list
}

func (e *Env) offerSecretNames(*cobra.Command, []string, string) []string {
	names, err := e.storedNames()
	if err != nil {
		return nil
	}
	return names
}

// offerSecrets are references to secrets: names, never what they stand for.
func (e *Env) offerSecrets(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if strings.HasPrefix(word, "env:") {
		var list []string
		for _, v := range e.Environ {
			name, _, _ := strings.Cut(v, "=")
			list = append(list, "env:"+name)
		}
		slices.Sort(list)
		return beginning(list, word), noFiles
	}
	if names := beginning(e.offerSecretNames(c, args, word), word); len(names) > 0 && word != "" {
		return names, noFiles
	}
	kinds := []string{
		describe("env:", "a variable of the environment"), describe("file:", "a file"), describe("keychain:", "the system's keychain"),
		describe("cmd:", "what a command prints"), describe("-", "standard input"),
	}
	return beginning(append(e.offerSecretNames(c, args, word), kinds...), word), noFilesAndNoEnd
}

// stateThere tells whether this machine has a state folder: a look must not
// make one.
func (e *Env) stateThere(name string) bool {
	info, err := os.Stat(filepath.Join(e.stateDir(), name))
	return err == nil && info.IsDir()
}

// offerEndpoints are the names in this project folder.
func (e *Env) offerEndpoints(*cobra.Command, []string, string) []string {
	folder := e.project()
	return e.ofKnown(func(k *knownEndpoint) string {
		if k.Folder != folder {
			return ""
		}
		return describe(k.Name, "%s", k.URL)
	})
}

// offerRelays are those that endpoints of this machine are at.
func (e *Env) offerRelays(*cobra.Command, []string, string) []string {
	return e.ofKnown(func(k *knownEndpoint) string {
		if k.Relay == embedded {
			return ""
		}
		return k.Relay
	})
}

func (e *Env) ofKnown(name func(*knownEndpoint) string) []string {
	if !e.stateThere("endpoints") {
		return nil
	}
	known, err := e.known()
	if err != nil {
		return nil
	}
	var list []string
	for i := range known {
		if s := name(&known[i]); s != "" {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// within is what fn finds in time.
func within[T any](fn func(context.Context) T) T {
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	found := make(chan T, 1)
	go func() { found <- fn(ctx) }() // the program ends before it, if it is late
	select {
	case list := <-found:
		return list
	case <-ctx.Done():
		var nothing T
		return nothing
	}
}

// offerFlows are the latest flows: @last and @2 first, then ids, the newest
// first.
func (e *Env) offerFlows(_ *cobra.Command, _ []string, word string) []string {
	if !e.stateThere("history") {
		return nil
	}
	return within(func(context.Context) []string {
		var flows []*inspect.Flow
		err := withHistory(e, func(h *inspect.History) error {
			flows = h.Flows()
			return nil
		})
		if err != nil {
			return nil
		}
		slices.Reverse(flows)
		var short, ids []string
		for i, f := range flows {
			about := aboutFlow(f)
			switch {
			case i == 0:
				short = append(short, describe("@last", "%s", about))
			case i < 9:
				short = append(short, describe(fmt.Sprintf("@%d", i+1), "%s", about))
			}
			id := f.Delivery.ID.String()
			if f.Replay > 0 {
				id = fmt.Sprintf("%s.%d", id, f.Replay)
			}
			if strings.HasPrefix(id, word) {
				if ids = append(ids, describe(id, "%s", about)); len(ids) == maxCompletions {
					break
				}
			}
		}
		return append(short, ids...)
	})
}

func aboutFlow(f *inspect.Flow) string {
	what := f.Delivery.Method + " " + f.Delivery.Target
	if f.Event != "" {
		what = f.Provider + " " + f.Event
	}
	status := "-"
	if n := len(f.Attempts); n > 0 && f.Attempts[n-1].Result != nil {
		status = fmt.Sprint(f.Attempts[n-1].Result.Status)
	}
	return fmt.Sprintf("%s  %s  %s", f.At.Local().Format("01-02 15:04:05"), status, what)
}

// offerQueue asks the relay of the endpoint that the flags name. An embedded
// relay that does not run is not started for it.
func (e *Env) offerQueue(c *cobra.Command, _ []string, _ string) []string {
	if !e.stateThere("endpoints") {
		return nil
	}
	if _, err := e.configure(c.Flags(), relaySettings...); err != nil {
		return nil
	}
	o := ownedFlags{endpoint: defaultEndpoint, flags: c.Flags()}
	for name, v := range map[string]*string{"relay": &o.relay, "relay-cacert": &o.relayCA, "endpoint": &o.endpoint} {
		if f := c.Flags().Lookup(name); f != nil {
			*v = f.Value.String()
		}
	}
	states := []bool{false, true}
	if c.Name() == "skip" {
		states = states[:1]
	}
	return within(func(ctx context.Context) []string {
		api, k := e.runningRelay(&o)
		if api == nil {
			return nil
		}
		var list []string
		for _, dead := range states {
			var page relay.QueueView
			path := fmt.Sprintf("/queue?dead=%v&limit=%d", dead, maxCompletions)
			if apiCall(ctx, api, k, "", http.MethodGet, path, nil, &page) != nil {
				return list
			}
			for _, it := range page.Items {
				list = append(list, describe(it.ID.String(), "%s  %s %s  %s", it.State, it.Method, it.Target, it.Reason))
			}
		}
		return list
	})
}

// runningRelay is the API of an endpoint's relay, nil where that is embedded
// and nobody runs it: who listens at its port then must not be told the key.
func (e *Env) runningRelay(o *ownedFlags) (*relayAPI, *knownEndpoint) {
	k, err := o.place(e)
	if err != nil {
		return nil, nil
	}
	if ok, err := e.recall(k); err != nil || !ok {
		return nil, nil
	}
	api := &relayAPI{base: k.Relay, http: e.client()}
	if k.Relay != embedded {
		if trustRelay(api.http, o.relayCA) != nil {
			return nil, nil
		}
		return api, k
	}
	dir := filepath.Join(e.stateDir(), "relays", k.place())
	port, err := os.ReadFile(filepath.Join(dir, "port"))
	if err != nil || !lockedByOther(filepath.Join(dir, "relay.db")) {
		return nil, nil
	}
	api.http.Transport = &http.Transport{Proxy: nil}
	api.base = "http://127.0.0.1:" + strings.TrimSpace(string(port))
	return api, k
}
