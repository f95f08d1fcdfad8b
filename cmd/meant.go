package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/signer/payloads"
	"github.com/hookrelay/hook/tunnel"
)

// What hands type that have learnt ngrok, stripe, hookdeck, smee, gosmee,
// svix and gh, and what does it here. It is looked at after a command or flag
// was not found, and never makes one work: a hint can be wrong, a guess that
// is run cannot be taken back.

// strangeCommands is what to say for a command that is not there, by all its
// words below the root. TARGET is the local target among the arguments.
func strangeCommands() map[string]string {
	const (
		listen  = `did you mean "hook listen TARGET"?`
		relay   = `did you mean "hook relay"?`
		inspect = `did you mean "hook inspect"? It shows what was recorded; "hook listen TARGET" shows what comes`
		ls      = `did you mean "hook endpoint ls" (URLs), "hook history ls" (webhooks) or "hook queue ls" (what waits)?`
		rm      = `did you mean "hook endpoint rm", "hook history rm" or "hook queue rm"?`
		made    = `"hook listen TARGET" makes a URL and listens; "hook endpoint new" only makes it`
		export  = `did you mean "hook history export"?`
		again   = `did you mean "hook replay FLOW"? "hook history ls" lists the flows`
		retry   = `did you mean "hook queue retry"? "hook replay FLOW" sends again what was answered`
		account = `there are no accounts; the token of a relay stands in HOOK_TOKEN, its address in HOOK_RELAY`
		install = `hook does not update itself; use what installed it`
	)
	m := map[string]string{
		"send":               `did you mean "hook trigger PROVIDER EVENT"?`,
		"fixtures":           `did you mean "hook trigger PROVIDER EVENT"? "hook trigger --list" shows what there is`,
		"expect":             `did you mean "hook wait"?`,
		"exec":               `did you mean "hook listen --exec COMMAND"?`,
		"keygen":             `did you mean "hook keys new"?`,
		"diagnose":           `did you mean "hook doctor"?`,
		"check":              `did you mean "hook doctor" or "hook config check"?`,
		"dlq":                `did you mean "hook queue ls --dead"?`,
		"curl":               `did you mean "hook history export FLOW --format curl"?`,
		"stop":               `did you mean "hook endpoint stop"?`,
		"pause":              `did you mean "hook endpoint stop"? It takes nothing more in; "hook endpoint start" does again`,
		"url":                `did you mean "hook listen --print-url"? "hook endpoint ls" lists those that there are`,
		"signature":          `did you mean "hook sign" or "hook verify"?`,
		"queue list":         `did you mean "hook queue ls"?`,
		"endpoint list":      `did you mean "hook endpoint ls"?`,
		"history list":       `did you mean "hook history ls"?`,
		"secret list":        `did you mean "hook secret ls"?`,
		"config show-origin": `did you mean "hook config show"?`,
		"endpoint create":    `did you mean "hook endpoint new"?`,
		"config edit":        `edit hook.yaml in this folder; "hook config check" looks for mistakes in it`,
		"init":               `nothing has to be set up: "hook listen TARGET"; "hook config schema" describes hook.yaml`,
	}
	for words, hint := range map[string]string{
		"http client forward fwd tunnel expose share proxy start run up connect dev webhook": listen,
		"server serve serv relayd":                         relay,
		"tui ui web dashboard open logs log tail requests": inspect,
		"ls list status ps":                                ls,
		"rm delete remove":                                 rm,
		"new create":                                       made,
		"export har":                                       export,
		"resend events event request attempt gateway":      again,
		"retry redeliver":                                  retry,
		"login logout auth authtoken whoami ci telemetry":  account,
		"update upgrade":                                   install,
	} {
		for _, w := range strings.Fields(words) {
			m[w] = hint
		}
	}
	for _, w := range []string{"add-authtoken", "add-api-key", "set"} {
		m["config "+w] = account
	}
	return m
}

// strangeFlags is what to say for a flag that is not there; one that begins
// with the name of a command counts for it alone.
func strangeFlags() map[string]string {
	const (
		target  = `the target is an argument: hook listen 3000`
		public  = `the relay gives the URL: --relay https://HOST says which; --endpoint NAME keeps several apart in a folder`
		quiet   = `did you mean -o quiet?`
		verbose = `did you mean -o plain? It has one line a webhook, --json all of each`
		colour  = `NO_COLOR=1 in the environment takes the colours away`
		secret  = `hook makes no secret: what you give with --verify PROVIDER --secret REF is what it checks with`
		token   = `the token of a relay stands in HOOK_TOKEN`
		sender  = `put the URL into the provider's own webhook settings; "hook trigger" sends samples`
		needed  = `it is not needed here: leave it out`
		parts   = `give it as a header: -H "webhook-id: …" -H "webhook-timestamp: …" -H "webhook-signature: …"`
	)
	m := map[string]string{
		"no-wss":             `did you mean --transport poll?`,
		"verify-webhook":     `did you mean --verify PROVIDER?`,
		"saveDir":            `every webhook is recorded already: "hook history ls", "hook history export"`,
		"listen port":        target,
		"listen p":           target,
		"listen url":         target + `; --relay https://HOST says which relay`,
		"listen u":           target + `; --relay https://HOST says which relay`,
		"listen t":           target,
		"listen P":           `did you mean --path?`,
		"listen U":           target,
		"listen S":           `did you mean --secret?`,
		"listen E":           `did you mean -e, --events?`,
		"listen j":           `did you mean --json?`,
		"listen host":        `did you mean --host-header?`,
		"listen cors-origin": needed,
		"relay port":         `did you mean --addr :8080?`,
		"relay p":            `did you mean --addr :8080?`,
		"relay listen":       `did you mean --addr :8080?`,
		"relay host":         `did you mean --addr HOST:PORT?`,
		"relay url":          `did you mean --public-url?`,
		"trigger url":        `did you mean --to?`,
		"trigger secret-key": `did you mean --secret?`,
		"trigger n":          `did you mean --count?`,
		"trigger remove":     `--set PATH=null empties a value; --edit changes the body in an editor`,
	}
	for words, hint := range map[string]string{
		"domain hostname subdomain name region pooling-enabled binding channel": public,
		"quiet q silent":                               quiet,
		"verbose debug log-level log v V":              verbose,
		"color no-color colour":                        colour,
		"print-secret":                                 secret,
		"authtoken api-key cli-key token auth-token t": token,
		"repo org R O github-host use-configured-webhooks load-from-webhooks-api":               sender,
		"latest live skip-update no-logging max-connections no-healthcheck device-name inspect": needed,
		"msg-id timestamp signature": parts,
	} {
		for _, w := range strings.Fields(words) {
			if _, there := m[w]; !there {
				m[w] = hint
			}
		}
	}
	return m
}

// meantCommand is the hint for a command that is not there, "" for none.
// words are those typed below the root, what is behind the command included.
func meantCommand(words []string) string {
	if local := localTarget(words[:1]); local != "" {
		return fmt.Sprintf("did you mean \"hook listen %s\"?", local)
	}
	table := strangeCommands()
	for n := min(2, len(words)); n > 0; n-- {
		if hint, ok := table[strings.Join(words[:n], " ")]; ok {
			local := localTarget(words[n:])
			if local == "" {
				local = "3000"
			}
			return strings.ReplaceAll(hint, "TARGET", local)
		}
	}
	return ""
}

// localTarget is the last of the words that is a target by its looks: a
// number, or with a port or a scheme. The last, for what stands before it is
// the public side in "client SMEE_URL TARGET".
func localTarget(words []string) string {
	for _, w := range slices.Backward(words) {
		digits := strings.Trim(w, "0123456789") == ""
		if !digits && (strings.HasPrefix(w, "-") || !strings.Contains(w, ":")) {
			continue
		}
		if _, err := tunnel.ParseTarget(w); err == nil {
			return w
		}
	}
	return ""
}

// meantFlag is the hint for a flag that c does not have, "" for none.
func meantFlag(c *cobra.Command, name string) string {
	table := strangeFlags()
	if hint, ok := table[c.Name()+" "+name]; ok {
		return hint
	}
	return table[name]
}

// meantArgument is the hint for what stands behind a listener's target.
func meantArgument(given []string) string {
	if local := localTarget(given[1:2]); local != "" {
		return fmt.Sprintf("there is one target; --fan-out %s sends it a copy of everything, --route 'QUERY=%s' what a query picks", local, local)
	}
	return fmt.Sprintf("a command stands behind --: hook listen %s -- %s", given[0], strings.Join(given[1:], " "))
}

// meantEvent is the hint for an event that was typed without its provider,
// "" where no provider has a sample of it.
func meantEvent(event string) string {
	var has []string
	for _, p := range payloads.Providers() {
		if slices.ContainsFunc(p.Events, func(e payloads.Event) bool { return e.Name == event }) {
			has = append(has, p.ID)
		}
	}
	switch {
	case len(has) == 0:
		return ""
	case slices.Contains(has, "stripe"): // its own tool has "trigger EVENT"
		return fmt.Sprintf("did you mean \"hook trigger stripe %s\"?", event)
	case len(has) == 1:
		return fmt.Sprintf("did you mean \"hook trigger %s %s\"?", has[0], event)
	}
	return fmt.Sprintf("which provider? %s have it: hook trigger %s %s", strings.Join(has, ", "), has[0], event)
}
