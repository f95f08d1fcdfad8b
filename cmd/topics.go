package cmd

import "github.com/spf13/cobra"

// newTopics are the pages of hook help TOPIC that belong to no command.
func newTopics() []*cobra.Command {
	var list []*cobra.Command
	for _, t := range []struct{ name, short, text string }{
		{"queries", "The language that picks flows", helpQueries},
		{"exit-codes", "What exit codes mean", helpExitCodes},
		{"environment", "Environment variables and files", helpEnvironment},
		{"promises", "What a 2xx means, and what happens when things go wrong", helpPromises},
	} {
		list = append(list, &cobra.Command{Use: t.name, Short: t.short, Long: t.text})
	}
	return list
}

const helpQueries = `Queries pick flows: in --filter, --route and --mock, in hook history and hook wait.
Terms side by side must all hold; "or" puts alternatives, parentheses group, "-" turns
a term around.

  provider:stripe              the whole value; * is any text, ? one character
  event:invoice.*              names of providers' events
  method:POST  path:/hooks/*   upper and lower case do not matter
  status:>=500  status:5xx     > >= < <= = on numbers
  size:>10k  ms:>1.5s          sizes in steps of 1024; durations
  since:10m  until:2026-11-21  ago, a date, or an RFC 3339 time
  header:x-foo                 there is such a header
  header:x-foo=bar*            and a value of it matches
  json:data.items[*].sku=a-1   a value in the body; also > >= < <= and ~/…/
  event:~/^invoice\.(paid|void)$/   a regular expression (RE2); /i without regard to case
  body:"text"  "text"  text    in the body; anywhere in the flow
  is:dead  is:marked           a state
  -path:/health                not

Examples:
  hook listen 3000 --filter 'provider:stripe -path:/health'
  hook history ls 'status:>=500 since:1h'`

const helpExitCodes = `  0    done
  1    failed
  2    usage: what was typed makes no sense; the hint says what to type
  3    a signature was refused, or an assertion failed
  4    authentication refused: creation token or owner key
  5    the relay cannot be reached
  6    the endpoint is gone: expired, revoked, or taken over by another listener
  124  timed out
  130  interrupted

"hook listen" that is stopped by Ctrl-C or SIGTERM ends with 0. With a command behind
"--" its exit code is that of the command.

Data goes to standard output, talk to standard error: "hook: what failed: why", then
"hint: what to type next".`

const helpEnvironment = `  HOOK_RELAY       relay to use when --relay is not given
  HOOK_PROFILE     profile of hook.yaml when --profile is not given
  HOOK_ENDPOINT, HOOK_FORWARD, HOOK_OUTPUT, HOOK_TTL …   as the flags of these names:
                   docs/config.md
  HOOK_TOKEN       creation token of that relay
  HOOK_STATE_DIR   where endpoints with their owner keys, embedded relays and history
                   are kept; default $XDG_STATE_HOME/hook or ~/.local/state/hook
  NO_COLOR, TERM   NO_COLOR set, or TERM=dumb: no colours and no inspector
  HTTPS_PROXY, NO_PROXY   for the link to the relay; never for the application
  EDITOR, VISUAL   for --edit

The state folder and all files in it are readable by their owner only.`

const helpPromises = `A 2xx means: the owner's side answered (the application, or a rule of the listener),
or the delivery is fsynced on the relay's disk.

  application down        kept, delivered in order when its port opens
  application too slow    202 after the budget; the late answer settles it, nothing runs twice
  5xx, 408, 425, 429      a queued delivery is tried again: 1 s doubling to 1 h, for 24 h
  other 4xx               a queued delivery becomes a dead letter
  nobody listens          kept: 1,000 deliveries or 256 MiB an endpoint
  relay or link lost      noticed within 25 s, redialled for ever, resumed
  disk full               503; nothing accepted is lost; accepts again by itself

At least once, never exactly once: every attempt carries Hook-Delivery-Id and
Hook-Attempt. docs/promises.md has each promise with its limits and its test.`
