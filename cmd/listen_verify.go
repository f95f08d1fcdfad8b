package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// verifyFlags are the flags of hook listen that have to do with signatures.
type verifyFlags struct {
	provider  string
	verify    string
	scheme    string
	secrets   []string
	params    []string
	onInvalid string
	dedupe    string
	handshake string
	own       []*signer.Scheme // of the settings files
}

func (v *verifyFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&v.verify, "verify", "", "check signatures: a provider, auto (detect it and try the secrets given) or off")
	f.StringVar(&v.scheme, "scheme", "", "scheme of the provider, where it has several")
	secretFlags(f, &v.secrets)
	f.StringArrayVar(&v.params, "param", nil, "NAME=VALUE that the scheme asks for besides the secret; repeatable")
	choiceVar(c, &v.onInvalid, "on-invalid", "", "warn", "what to do with a webhook whose signature does not hold: warn, or block (answer 401)", "warn", "block")
	choiceVar(c, &v.dedupe, "dedupe", "", "mark", "what to do with a verified webhook that was answered before: mark, or drop (answer 200)", "mark", "drop")
}

// terms adds the flags from which policy is made.
func (v *verifyFlags) terms(c *cobra.Command) {
	c.Flags().StringVar(&v.provider, "provider", "", "who sends: sets its deadline, handshakes and acknowledgement at the relay, and --verify where a secret is given")
	choiceVar(c, &v.handshake, "handshake", "", "auto", "answer a provider's test of the endpoint: auto or off", "auto", "off")
}

// find is whose signatures are checked: a provider, or an own scheme.
func (v *verifyFlags) find(who string) (*signTarget, error) {
	if t := ownTarget(v.own, who); t != nil {
		return t, nil
	}
	return findTarget(who, v.scheme)
}

// row is the provider that --provider names.
func (v *verifyFlags) row() (*signer.Provider, error) {
	if v.provider == "" {
		return nil, nil
	}
	t, err := findTarget(v.provider, "")
	if err != nil {
		return nil, err
	}
	p, ok := signer.FindProvider(t.id)
	if !ok {
		return nil, unknownProvider(v.provider, nil)
	}
	return p, nil
}

// verification is what a listener does with signatures.
type verification struct {
	verify, filter, handshake, block stage.Stage

	judge  *stage.Judge // nil: nothing is checked
	replay *stage.ReplayFile
}

// Close closes the replay cache.
func (v *verification) Close() error {
	if v.replay == nil {
		return nil
	}
	return v.replay.Close()
}

// newVerification makes the stages that the flags ask for. report is told of
// every judgement, note of what else a person should know.
func (v *verifyFlags) newVerification(ctx context.Context, env *Env, place string, report func(*tunnel.Delivery, *stage.Judgement), note func(string)) (_ *verification, err error) {
	row, err := v.row()
	if err != nil {
		return nil, err
	}
	who := v.verify
	if who == "" && len(v.secrets) > 0 {
		if who = v.provider; who == "" {
			who = autoProvider
		}
	}
	params, err := parseParams(v.params)
	if err != nil {
		return nil, err
	}
	checks := who != "" && who != "off"
	switch {
	case !checks && len(v.secrets) > 0 && who == "off" && row == nil:
		return nil, usage("leave out --verify off, or --secret", "a secret is given, and nothing is to be verified")
	case !checks && v.onInvalid == "block":
		return nil, usage("say whose: --verify stripe --secret REF", "--on-invalid block needs --verify")
	case !checks && v.dedupe == "drop":
		return nil, usage("say whose: --verify stripe --secret REF", "--dedupe drop needs --verify: only what is verified is dropped")
	}
	if who == autoProvider && v.onInvalid == "block" {
		note("warning: --verify auto believes the sender's headers about how it signs; to block, name the provider")
	}
	secrets, err := newLiveSecrets(ctx, env, v.secrets, note)
	if err != nil {
		return nil, err
	}
	keys := secrets.keys()
	options := signer.Options{Params: params, Fetcher: newFetcher()}
	out := &verification{}
	verify, filter, handshake, block := stage.Stage(nil), stage.Stage(nil), stage.Stage(nil), stage.Stage(nil)
	if checks {
		o := stage.JudgeOptions{Keys: keys, Options: options, Others: env.otherSecrets()}
		if who != autoProvider {
			t, err := v.find(who)
			if err != nil {
				return nil, err
			}
			o.Provider, o.Schemes = t.id, t.schemes
		}
		if len(keys) == 0 && !anyPublished(o.Schemes) {
			return nil, usage(secretHint, "--verify %s needs a secret", who)
		}
		if out.replay, err = env.openReplay(place); err != nil {
			return nil, err
		}
		out.judge = stage.NewJudge(o)
		secrets.changed = out.judge.SetKeys
		verify = stage.Verify(stage.VerifyOptions{Judge: out.judge, Replay: out.replay, Scope: place, Renew: secrets.renew, Report: report})
		if v.dedupe == "drop" {
			filter = stage.DropDuplicates()
		}
		if v.onInvalid == "block" {
			block = stage.Block()
		}
		if row == nil && who != autoProvider {
			row, _ = signer.FindProvider(o.Provider)
		}
	}
	if v.handshake == "auto" && (row != nil || checks) {
		handshake = stage.Handshake(stage.HandshakeOptions{Provider: row, Keys: secrets.keys, Options: options, Report: handshakeNote(note)})
	}
	out.verify, out.filter, out.handshake, out.block = verify, filter, handshake, block
	return out, nil
}

// openReplay opens the replay cache of a listener.
func (e *Env) openReplay(place string) (*stage.ReplayFile, error) {
	dir := filepath.Join(e.stateDir(), "replay")
	for _, d := range []string{e.stateDir(), dir} {
		if err := privateDir(d); err != nil {
			return nil, err
		}
	}
	return stage.OpenReplayFile(filepath.Join(dir, place), time.Now())
}

// handshakeNote tells a person about a handshake.
func handshakeNote(note func(string)) func(*tunnel.Delivery, *signer.Handshake, string, error) {
	return func(_ *tunnel.Delivery, h *signer.Handshake, show string, err error) {
		switch {
		case err != nil && errors.Is(err, signer.ErrUnsafeToken):
			note(fmt.Sprintf("the handshake %q was left to the application: its token could spell a signed message", h.Name))
		case err != nil:
			note(fmt.Sprintf("the handshake %q was left to the application: %v", h.Name, err))
		case show != "":
			note(fmt.Sprintf("the provider asks you to open this address, if you expect it: %s", show))
		case h.Secret != "":
			note(fmt.Sprintf("the handshake %q brought the endpoint's secret: keep it with \"hook secret set\"", h.Name))
		default:
			note(fmt.Sprintf("answered the handshake %q", h.Name))
		}
	}
}

// policy completes what is asked of the relay with the row of --provider. It
// says all of it, so that what an earlier listener asked for is gone.
func (v *verifyFlags) policy(p *relay.PolicyRequest, budgetTyped bool) {
	accept, never, handshakes := relay.Accept{}, false, []relay.Handshake{}
	p.Accept, p.NeverStore, p.Handshakes = &accept, &never, &handshakes
	row, err := v.row()
	if err != nil || row == nil {
		return // told where the stages are made
	}
	if d := row.DeadlineDuration() - 500*time.Millisecond; d > 0 && !budgetTyped {
		ms := d.Milliseconds()
		p.BudgetMS = &ms
	}
	never = row.Blocking
	if a := row.Accept; a != nil && !strings.Contains(a.Body, "{") {
		accept = relay.Accept{Status: a.Status, ContentType: a.ContentType, Body: a.Body}
	}
	if v.handshake == "off" {
		return
	}
	for _, h := range row.Echoes() {
		if r, ok := relayHandshake(&h); ok {
			handshakes = append(handshakes, r...)
		}
	}
}

var (
	placeholder = pattern(`^\{(header|query|json):([^{}]+)\}$`)
	jsonReply   = pattern(`^\{"([^"\\{}]+)":"(\{(?:header|query|json):[^{}]+\})"\}$`)
)

// relayHandshake says a secret-free handshake in the relay's words; false
// where they are too few, and the listener has to answer it. What is said is
// never wider than a request that could be a webhook.
func relayHandshake(h *signer.Handshake) ([]relay.Handshake, bool) {
	m := &h.Match
	if h.Keyed != "" || len(m.Absent) > 0 || len(m.Form) > 0 || h.Secret != "" { // a secret is for the listener to see
		return nil, false
	}
	r := relay.Handshake{Method: m.Method, Reply: relay.Reply{Status: h.Reply.Status}}
	if r.Method == "" {
		r.Method = "POST"
	}
	echo, ok := "", true
	switch body := h.Reply.Body; {
	case body == "" && len(h.Reply.Header) == 0:
	case body == "" && len(h.Reply.Header) == 1:
		for name, value := range h.Reply.Header {
			r.Reply.Header, echo = name, value
		}
	case len(h.Reply.Header) > 0:
		return nil, false
	case strings.HasPrefix(h.Reply.ContentType, "text/plain"):
		echo = body
	default:
		parts := jsonReply().FindStringSubmatch(body)
		if ok = parts != nil; ok {
			r.Reply.JSON, echo = parts[1], parts[2]
		}
	}
	if echo != "" {
		parts := placeholder().FindStringSubmatch(echo)
		if parts == nil {
			return nil, false
		}
		r.Echo = parts[1] + ":" + parts[2]
	}
	if !ok {
		return nil, false
	}
	return conditions(r, m)
}

// conditions says when a handshake is meant. A place that is echoed must be
// there anyway. The value of a header cannot be said; it may be left out only
// where a JSON pointer or a parameter tells the request from a webhook.
func conditions(r relay.Handshake, m *signer.Match) ([]relay.Handshake, bool) {
	told := false
	var pointers []string
	for ptr := range m.JSON {
		pointers = append(pointers, ptr)
	}
	slices.Sort(pointers)
	for _, ptr := range pointers {
		want := m.JSON[ptr]
		if want == "" && r.Echo == "json:"+ptr && len(pointers) > 1 {
			continue
		}
		if r.Where != "" || strings.HasSuffix(want, "*") {
			return nil, false
		}
		r.Where, r.Equals, told = ptr, want, true
	}
	for name, want := range m.Query {
		if want == "" && r.Echo == "query:"+name && len(m.Query) > 1 {
			continue
		}
		if r.Query != "" || want != "" {
			return nil, false
		}
		r.Query, told = name, true
	}
	for name, want := range m.Header {
		if r.Header != "" || want != "" && !told {
			return nil, false
		}
		r.Header = name
	}
	if r.Echo == "" && r.Header == "" && r.Where == "" && r.Query == "" && r.Method != "HEAD" && r.Method != "OPTIONS" {
		return nil, false
	}
	return []relay.Handshake{r}, true
}
