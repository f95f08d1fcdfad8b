package cmd

import (
	"slices"
	"strings"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/tunnel"
)

// setting is a row of the table from which hook.yaml is read, shown, published
// as a schema and documented.
type setting struct {
	path  string   // in the file, parts joined by dots
	flag  string   // of hook listen; "": the file only
	also  []string // other flags that say the same
	env   string   // variable that sets it; "": none
	kind  kind
	words []string // what a choice may be
	least int      // of a count
	most  int      // of a count; 0: as it fits
	help  string

	// risk says why a value takes effect only in a file that is trusted; "":
	// it needs no trust. nil: none does.
	risk func(text string) string

	// rivals are left out where they come from a lower level, as they would
	// contradict this one; rivalsOf limits that to one value.
	rivals   []string
	rivalsOf string
}

// settings are all rows, in the order in which they are documented.
func settings() []setting {
	always := func(why string) func(string) string { return func(string) string { return why } }
	return []setting{
		{path: "relay", flag: "relay", env: "HOOK_RELAY", kind: kindRelay, help: "relay to use, https://HOST; without one, an embedded relay on loopback",
			risk: always("webhooks and keys go through it")},
		{path: "relay_cacert", flag: "relay-cacert", env: "HOOK_RELAY_CACERT", kind: kindText, help: "certificate authority of the relay, PEM file",
			risk: always("it decides which relay is believed")},
		{path: "endpoint", flag: "endpoint", env: "HOOK_ENDPOINT", kind: kindName, help: "name of the endpoint in this project folder"},
		{path: "forward", flag: "forward", env: "HOOK_FORWARD", kind: kindTarget, help: "target: PORT, HOST:PORT[/PATH] or URL",
			risk: targetRisk, rivals: []string{"exec"}},
		{path: "routes", flag: "route", kind: kindRoutes, help: "list of 'QUERY=TARGET': the first that fits counts",
			risk: routeRisk, rivals: []string{"exec"}},
		{path: "fan_out", flag: "fan-out", kind: kindTargets, help: "targets that get a copy of everything", risk: targetRisk, rivals: []string{"exec"}},
		{path: "exec", flag: "exec", kind: kindText, help: "command that answers every delivery; no shell is involved",
			risk: always("it runs a command on this machine"), rivals: []string{"forward", "routes", "fan_out", "chaos"}},
		{path: "mock", flag: "mock", kind: kindMocks, help: "list of 'QUERY=STATUS[:BODY|@FILE][~DELAY]'", risk: mockRisk},
		{path: "filters", flag: "filter", kind: kindQueries, help: "queries that all must pick a delivery, or it is skipped"},
		{path: "events", flag: "events", kind: kindEvents, help: "names of events to hand on, with * and !"},
		{path: "headers", flag: "header", kind: kindHeaders, help: "headers to set on the way to the application; without a value: to leave out"},
		{path: "host_header", flag: "host-header", kind: kindHost, help: "Host the application sees: rewrite, preserve or a value"},
		{path: "path", flag: "path", kind: kindPath, help: "prefix to put before the path of every webhook"},
		{path: "timeout", flag: "timeout", env: "HOOK_TIMEOUT", kind: kindDuration, help: "how long the application may take"},
		{path: "concurrency", flag: "concurrency", kind: kindCount, least: 1, most: tunnel.DefaultDeliveries, help: "how many webhooks the application gets at once, 1 to 64"},
		{path: "insecure", flag: "insecure", kind: kindBool, help: "do not check the target's TLS certificate", risk: insecureRisk},
		{path: "cacert", flag: "cacert", kind: kindText, help: "certificate authority of the target, PEM file", risk: always("it decides which target is believed")},
		{path: "ttl", flag: "ttl", env: "HOOK_TTL", kind: kindDuration, help: "the endpoint expires after this time"},
		{path: "idle", flag: "idle", env: "HOOK_IDLE", kind: kindDuration, help: "… or after so long with no request and no listener"},
		{path: "keep", flag: "keep", env: "HOOK_KEEP", kind: kindDuration, help: "how long undelivered webhooks are kept after it closed"},
		{path: "max_uses", flag: "max-uses", kind: kindCount, help: "… or after so many requests; 0 for no limit"},
		{path: "respond", flag: "respond", env: "HOOK_RESPOND", kind: kindChoice, words: []string{"auto", "queue", "live"}, help: "what the sender gets"},
		{path: "budget", flag: "budget", env: "HOOK_BUDGET", kind: kindDuration, help: "how long a sender waits for the application"},
		{path: "retry_for", flag: "retry-for", env: "HOOK_RETRY_FOR", kind: kindDuration, help: "how long a queued delivery is tried again"},
		{path: "max_attempts", flag: "max-attempts", kind: kindCount, help: "… and how often; 0 for no limit"},
		{path: "ordered", flag: "ordered", kind: kindBool, help: "one delivery at a time, in the order received"},
		{path: "provider", flag: "provider", kind: kindProvider, help: "who sends"},
		{path: "verify.provider", flag: "verify", kind: kindName, help: "check signatures: a provider, the id of an own scheme, auto or off",
			rivals: []string{"verify.scheme", "verify.secret", "verify.params", "verify.on_invalid", "verify.dedupe"}, rivalsOf: "off"},
		{path: "verify.scheme", flag: "scheme", kind: kindName, help: "scheme of the provider, where it has several"},
		{path: "verify.secret", flag: "secret", also: []string{"secret-env", "secret-file", "secret-stdin"}, kind: kindSecrets,
			help: "references, tried in order: keychain:NAME, env:NAME, file:PATH, cmd:COMMAND, or a name set with hook secret", risk: secretRisk},
		{path: "verify.params", flag: "param", kind: kindParams, help: "values that the scheme asks for besides the secret"},
		{path: "verify.on_invalid", flag: "on-invalid", kind: kindChoice, words: []string{"warn", "block"}, help: "what to do with a webhook whose signature does not hold"},
		{path: "verify.dedupe", flag: "dedupe", kind: kindChoice, words: []string{"mark", "drop"}, help: "what to do with a verified webhook that was answered before"},
		{path: "verify.handshake", flag: "handshake", kind: kindChoice, words: []string{"auto", "off"}, help: "answer a provider's test of the endpoint"},
		{path: "schemes", kind: kindSchemes, help: "own schemes, each as hook providers show PROVIDER --json prints one", risk: schemeRisk},
		{path: "chaos", flag: "chaos", kind: kindChaos, help: "disturb on purpose: duplicate[=P],reorder[=P],delay=TIME,drop-ack[=P],seed=N"},
		{path: "redact", flag: "redact", kind: kindNames, help: "headers to take out before recording"},
		{path: "transport", flag: "transport", env: "HOOK_TRANSPORT", kind: kindChoice, words: []string{"auto", "websocket", "poll"}, help: "what carries the tunnel"},
		{path: "output", flag: "output", also: []string{"json", "print-url"}, env: "HOOK_OUTPUT", kind: kindOutput, help: "how deliveries are shown"},
		{path: "keys", kind: kindKeys, help: "key bindings of the inspector: action, then its keys"},
	}
}

// relaySettings are the rows that find an endpoint and its relay.
var relaySettings = []string{"relay", "relay_cacert", "endpoint"}

// endpointSettings are also those that say what is asked of the relay about an
// endpoint.
func endpointSettings() []string {
	return append(slices.Clone(relaySettings), "ttl", "idle", "keep", "max_uses", "respond", "budget", "retry_for", "max_attempts", "ordered", "provider", "verify.handshake")
}

// targetRisk lets a stranger's file name only what listens on a loopback port:
// a Unix socket may be that of a daemon which obeys whoever reaches it.
func targetRisk(text string) string {
	t, err := tunnel.ParseTarget(text)
	if err != nil || !t.Loopback() || strings.HasPrefix(t.String(), "unix:") {
		return "webhooks would leave for a target that is no loopback port"
	}
	return ""
}

func routeRisk(text string) string {
	_, target, err := stage.ParseRoute(text)
	if err != nil {
		return "its target is not known"
	}
	return targetRisk(target)
}

// mockRisk: whoever posts to the URL would read the file.
func mockRisk(text string) string {
	named := false
	stage.ParseMock(text, func(string) ([]byte, error) { named = true; return nil, nil }) // checked when it was read
	if named {
		return "it answers senders with a file of this machine"
	}
	return ""
}

func insecureRisk(text string) string {
	if text == "true" {
		return "any certificate of a target would do"
	}
	return ""
}

// secretRisk: only the keychain holds secrets that were meant for hook.
func secretRisk(ref string) string {
	if rest, ok := strings.CutPrefix(ref, "keychain:"); ok && rest != "" {
		return ""
	}
	return "it reads a secret of this machine"
}

// schemeRisk looks at the JSON of a scheme.
func schemeRisk(text string) string {
	t, err := parseScheme([]byte(text), "")
	if err != nil {
		return "it cannot be read"
	}
	for _, s := range t.schemes {
		if s.Key.URL != "" || s.Key.Host != "" {
			return "keys would be fetched from an address it names"
		}
	}
	return ""
}
