package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// kind is what a setting may hold.
type kind int

const (
	kindText kind = iota
	kindName
	kindProvider
	kindPath
	kindHost
	kindRelay
	kindTarget
	kindDuration
	kindCount
	kindBool
	kindChoice
	kindOutput
	kindChaos
	kindTargets // lists from here
	kindRoutes
	kindMocks
	kindQueries
	kindEvents
	kindNames
	kindSecrets
	kindHeaders // maps from here
	kindParams
	kindKeys
	kindSchemes // a list of maps
)

// list tells whether a setting may hold several values.
func (k kind) list() bool { return k >= kindTargets && k < kindHeaders }

// isMap tells whether a setting holds names with values.
func (k kind) isMap() bool { return k >= kindHeaders && k < kindSchemes }

// wrong is a value that cannot be, and what to write instead.
type wrong struct {
	what, hint string
	hide       bool // the value may be a secret
}

func (w *wrong) Error() string { return w.what }

// check looks at one value as text.
func (s *setting) check(text string, known func(secret string) bool) error {
	bad := func(hint string, err error) error {
		if err == nil {
			return nil
		}
		var f *failure
		var qe *query.Error
		if errors.As(err, &f) && f.hint != "" {
			hint = f.hint
		}
		if errors.As(err, &qe) && qe.Hint != "" {
			hint = qe.Hint
		}
		return &wrong{what: err.Error(), hint: hint}
	}
	switch s.kind {
	case kindName, kindNames:
		if !plainName(text) {
			return bad("use letters, digits, -, _ and .", errors.New("that is no name"))
		}
	case kindProvider:
		_, err := findTarget(text, "")
		return bad("\"hook providers\" lists them", err)
	case kindPath, kindHost:
		opts := tunnel.ForwardOptions{PathPrefix: text}
		if s.kind == kindHost {
			opts = tunnel.ForwardOptions{HostHeader: text}
		}
		return bad("write it like "+map[kind]string{kindPath: "/hooks", kindHost: "app.example"}[s.kind], checkForward(opts))
	case kindRelay:
		_, err := parseRelay(text)
		return bad("give the relay as https://hooks.example", err)
	case kindTarget, kindTargets:
		_, err := tunnel.ParseTarget(text)
		return bad("give a port, HOST:PORT[/PATH] or URL: 3000", err)
	case kindDuration:
		_, err := parseDuration(text)
		return bad("write it like 30s, 15m, 72h or 7d", err)
	case kindCount:
		most := cmp.Or(s.most, math.MaxInt32)
		if n, err := strconv.ParseUint(text, 10, 31); err != nil || strconv.FormatUint(n, 10) != text || int(n) < s.least || int(n) > most {
			return bad("write a number, like 3", fmt.Errorf("that is no number from %d to %d", s.least, most))
		}
	case kindBool:
		if text != "true" && text != "false" {
			return bad("write true or false", errors.New("that is neither true nor false"))
		}
	case kindChoice:
		if !slices.Contains(s.words, text) {
			return bad(oneOf(text, s.words), errors.New("there is no such choice"))
		}
	case kindOutput:
		if words := outputs(); !slices.Contains(words, text) {
			return bad(oneOf(text, words), errors.New("there is no such choice"))
		}
	case kindChaos:
		_, err := stage.ParseChaos(text)
		return bad("write it as duplicate=0.2,reorder,delay=2s,drop-ack,seed=7", err)
	case kindRoutes:
		_, _, err := stage.ParseRoute(text)
		return bad("write it as 'provider:stripe=localhost:3000/stripe'", err)
	case kindMocks:
		_, err := stage.ParseMock(text, func(string) ([]byte, error) { return nil, nil })
		return bad("write it as 'path:/health=200:ok', 'event:*=500~2s' or 'path:/x=200@answer.json'", err)
	case kindQueries:
		_, err := stage.ParseFilter(text)
		return bad("write it like 'provider:stripe event:invoice.*'", err)
	case kindEvents:
		_, err := stage.Events([]string{text})
		return bad("write it like push or 'invoice.*'", err)
	case kindSecrets:
		return checkReference(text, known)
	case kindHeaders:
		return checkHeader(text)
	default:
		if strings.TrimSpace(text) == "" {
			return bad("give it a value, or leave the key out", errors.New("it is empty"))
		}
	}
	return nil
}

// checkForward tells whether a forwarder would take the options.
func checkForward(opts tunnel.ForwardOptions) error {
	var err error
	if opts.Target, err = tunnel.ParseTarget("3000"); err != nil {
		return err
	}
	f, err := tunnel.NewForwarder(opts)
	if err != nil {
		return err
	}
	return f.Close()
}

// outputs are the words of --output.
func outputs() []string {
	f := newListen(&Env{}).Flags().Lookup("output")
	return strings.Split(f.Value.Type(), "|")
}

// oneOf names the word that was probably meant, and all.
func oneOf(text string, words []string) string {
	if best := nearest(text, words); best != "" {
		return fmt.Sprintf("did you mean %q? It is one of %s", best, strings.Join(words, ", "))
	}
	return "use one of " + strings.Join(words, ", ")
}

// nearest finds the word that was probably meant, "" for none.
func nearest(text string, words []string) string {
	best, distance := "", 3
	for _, w := range words {
		if d := editDistance(text, w); d < distance && d < len(w) {
			best, distance = w, d
		}
	}
	return best
}

// fileSecretHint says how a file names a secret.
const fileSecretHint = "keep it with \"hook secret set NAME\" and write NAME or keychain:NAME here; or write env:NAME, file:PATH or cmd:COMMAND"

// checkReference refuses what may be a secret itself, and does not repeat it.
func checkReference(text string, known func(string) bool) error {
	word, rest, ok := strings.Cut(text, ":")
	switch {
	case strings.TrimSpace(text) == "-":
		return &wrong{what: "standard input cannot be named in a file", hint: fileSecretHint}
	case ok && rest != "" && slices.Contains([]string{"env", "file", "keychain", "cmd", "key"}, word):
		if word == "env" && !plainName(rest) {
			return &wrong{what: "that is no name of a variable", hint: fileSecretHint, hide: true}
		}
		return nil
	case plainName(text) && known(text):
		return nil
	}
	return &wrong{what: "this may be the secret itself: a file holds references only", hint: fileSecretHint, hide: true}
}

// checkHeader reads "Name: value". Credentials are no business of a file.
func checkHeader(text string) error {
	if _, _, err := headerFlags([]string{text}); err != nil {
		return &wrong{what: "that is no header", hint: "write it as Name: value"}
	}
	name, value, _ := strings.Cut(text, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	if strings.TrimSpace(value) == "" {
		return nil
	}
	for _, part := range []string{"authorization", "cookie", "api-key", "apikey", "token", "secret", "password"} {
		if strings.Contains(name, part) {
			return &wrong{what: fmt.Sprintf("the header %q carries a secret: a file holds none", name), hint: fmt.Sprintf("type it: hook listen -H \"%s: $VALUE\"", name), hide: true}
		}
	}
	return nil
}

// secretMarks begin secrets of well-known issuers.
var secretMarks = []string{
	"whsec_", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xapp-", "shpss_", "shpat_",
	"AKIA", "SG.", "-----BEGIN", "hk_",
}

// looksSecret tells a value that somebody issued as a secret.
func looksSecret(text string) bool {
	for _, m := range secretMarks {
		if i := strings.Index(text, m); i >= 0 && len(text)-i >= len(m)+8 && (i == 0 || strings.ContainsAny(text[i-1:i], " :=,'\"")) {
			return true
		}
	}
	return false
}
