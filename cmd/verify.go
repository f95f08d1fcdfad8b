package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/signer/fetch"
)

// maxTolerance bounds --tolerance: who needs more has a wrong clock.
const maxTolerance = time.Hour

// verifyOptions are the flags of hook verify.
type verifyOptions struct {
	provider, scheme, file string
	knobs                  knobs
	secrets, public        []string
	jwks, keyID            string
	body, url, method, at  string
	headers, params        []string
	tolerance              time.Duration
	replay                 string
	noReplay               bool
	explain, json, batch   bool
	given                  func(flag string) bool
}

func newVerify(env *Env) *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify PROVIDER [FILE]",
		Short: "Check the signature of a webhook, and say why it does not hold",
		Long: `Check the signature of a webhook. FILE is a raw HTTP request (standard input without
it); or give its parts with -H, --body, --url and --method. PROVIDER may be "auto": it
is detected from the headers, and the secrets given are tried.

The exit code is 0 for a valid signature and 3 for any other.`,
		Example: `  hook verify stripe request.http --secret env:STRIPE_WEBHOOK_SECRET
  hook verify github --body push.json -H "X-Hub-Signature-256: sha256=…" --secret file:secret.txt --explain
  hook verify discord request.http --public-key discord.pub --json
  hook verify --batch < cases.jsonl`,
		Args: args(0, 2),
		RunE: func(c *cobra.Command, given []string) error {
			if len(given) > 0 {
				o.provider = given[0]
			}
			if len(given) > 1 {
				o.file = given[1]
			}
			if o.knobs.file != "" && len(given) == 1 {
				o.provider, o.file = "", given[0]
			}
			o.given = c.Flags().Changed
			return runVerify(c.Context(), env, &o)
		},
	}
	f := c.Flags()
	secretFlags(f, &o.secrets)
	f.StringVar(&o.scheme, "scheme", "", "scheme of the provider, where it has several; default: the one that the headers show")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "\"Name: value\" of the request; repeatable")
	f.StringVar(&o.body, "body", "", "file with the body, exactly as received; - for standard input")
	f.StringVar(&o.url, "url", "", "public URL that it was sent to, exactly")
	f.StringVar(&o.method, "method", http.MethodPost, "HTTP method")
	f.StringVar(&o.at, "at", "", "moment of receipt, Unix seconds or RFC 3339; default: now")
	f.StringArrayVar(&o.public, "public-key", nil, "public key of the provider: a file, or the key itself; repeatable")
	f.StringVar(&o.jwks, "jwks", "", "key set of the provider: a file or URL")
	f.StringVar(&o.keyID, "key-id", "", "name of the key given with --public-key")
	f.StringArrayVar(&o.params, "param", nil, "NAME=VALUE that the scheme asks for besides the secret; repeatable")
	durationVar(f, &o.tolerance, "tolerance", 0, "how far the signed time may be off, up to 1h; default: the scheme's own, mostly 5m")
	f.StringVar(&o.replay, "replay-cache", "", "file that remembers messages, to find those sent again")
	f.BoolVar(&o.noReplay, "no-replay-cache", false, "look for no replays, which is the default")
	f.BoolVar(&o.explain, "explain", false, "say why a signature does not hold, and what to do")
	f.BoolVar(&o.json, "json", false, "print as JSON")
	f.BoolVar(&o.batch, "batch", false, "judge JSON lines from standard input (docs/signing.md)")
	o.knobs.flags(f)
	return c
}

// runVerify judges one message, or a batch.
func runVerify(ctx context.Context, env *Env, o *verifyOptions) error {
	if o.batch {
		return runBatch(ctx, env, verifyLine)
	}
	if o.provider == "" && o.scheme == "" && o.knobs.file == "" {
		return usage("hook verify stripe request.http --secret env:NAME; \"auto\" detects the provider", "which provider?")
	}
	if o.tolerance > maxTolerance {
		return usage("set the clock right instead", "--tolerance %s is more than 1h: a signature that old may have been caught on the way", formatDuration(o.tolerance))
	}
	if o.replay != "" && o.noReplay {
		return usage("", "--replay-cache and --no-replay-cache are both there")
	}
	at, err := parseAt("--at", o.at)
	if err != nil {
		return err
	}
	opts := stage.JudgeOptions{Options: signer.Options{Window: o.tolerance}}
	if opts.Options.Params, err = parseParams(o.params); err != nil {
		return err
	}
	if o.provider != autoProvider || o.knobs.file != "" {
		t, err := o.knobs.target(env, o.provider, o.scheme)
		if err != nil {
			return err
		}
		opts.Provider, opts.Schemes = t.id, t.schemes
	}
	req, err := o.request(env)
	if err != nil {
		return err
	}
	if opts.Keys, err = env.secrets(ctx, o.secrets); err != nil {
		return err
	}
	fetcher := newFetcher(o.jwks)
	opts.Options.Fetcher = fetcher
	if opts.Public, err = o.publicKeys(ctx, env, fetcher); err != nil {
		return err
	}
	if len(opts.Keys)+len(opts.Public) == 0 && !anyPublished(opts.Schemes) {
		return usage(secretHint+"; a public key as --public-key or --jwks", "verifying needs a secret")
	}
	if o.explain {
		opts.Others = env.otherSecrets()
	}
	if o.replay != "" {
		cache, err := signer.OpenFileReplay(env.path(o.replay), at)
		if err != nil {
			return err
		}
		defer cache.Close()
		opts.Options.Replay = cache
	}
	judge := stage.NewJudge(opts)
	got := judge.Judge(ctx, req, at)
	if o.explain || o.json {
		judge.Explain(ctx, &got, req, at)
	}
	if err := printVerdict(env, o, &got); err != nil {
		return err
	}
	if got.Verdict.Status != signer.Valid {
		return silent{exitRefused}
	}
	return nil
}

// request reads the message: a raw HTTP request, or its parts.
func (o *verifyOptions) request(env *Env) (*signer.Request, error) {
	parts := o.body != "" || len(o.headers) > 0
	switch {
	case parts && o.file != "":
		return nil, usage("leave out FILE, or -H and --body", "the message is given twice: as a file, and in parts")
	case !parts && o.file == "":
		if env.InTTY {
			return nil, usage("give a FILE with a raw HTTP request, or -H and --body", "there is no message")
		}
		o.file = "-"
	}
	if (o.file == "-" || o.body == "-") && fromStdin(o.secrets) {
		return nil, usage("give one of them as a file", "both the secret and the message are to come from standard input")
	}
	if parts {
		header, err := headerMap(o.headers)
		if err != nil {
			return nil, err
		}
		req := &signer.Request{Method: o.method, URL: o.url, Header: header}
		if o.body != "" {
			req.Body, err = env.readInput(o.body)
		}
		return req, err
	}
	raw, err := env.readInput(o.file)
	if err != nil {
		return nil, err
	}
	req, err := parseHTTP(raw)
	if err != nil {
		return nil, err
	}
	if o.url != "" {
		req.URL = o.url
	}
	if o.given("method") {
		req.Method = o.method
	}
	return req, nil
}

// newFetcher gets published keys. The address of --jwks was typed: it may be
// on loopback.
func newFetcher(typed ...string) *fetch.Fetcher {
	return fetch.New(fetch.Options{UserAgent: "hook/" + stamp().Version, Typed: func(url string) bool {
		for _, t := range typed {
			if t != "" && url == t {
				return true
			}
		}
		return false
	}})
}

// publicKeys reads --public-key and --jwks.
func (o *verifyOptions) publicKeys(ctx context.Context, env *Env, f signer.Fetcher) ([]signer.Key, error) {
	var keys []signer.Key
	for i, p := range o.public {
		k, err := env.publicKey(p)
		if err != nil {
			return nil, usage("give a file, or the key in PEM, JWK, hexadecimal or base64", "public key %d: %w", i+1, err)
		}
		k.ID = o.keyID
		if k.ID == "" {
			k.ID = fmt.Sprintf("public key %d", i+1)
		}
		keys = append(keys, k)
	}
	if o.jwks == "" {
		return keys, nil
	}
	set, err := env.keySet(ctx, f, o.jwks)
	if err != nil {
		return nil, usage("give the file or URL of a JWKS document", "key set: %w", err)
	}
	return append(keys, signer.Key{ID: "jwks", Secret: set}), nil
}

// publicKey is a key that was typed, or the file that holds it.
func (e *Env) publicKey(s string) (signer.Key, error) {
	text := s
	if _, err := signer.ParsePublicKey(s); err != nil {
		b, rerr := readBounded(e.path(s), maxSecret)
		if rerr != nil {
			return signer.Key{}, fmt.Errorf("%q is no key, and as a file: %w", s, rerr)
		}
		text = strings.TrimSpace(string(b))
	}
	if !strings.Contains(text, `"keys"`) {
		if _, err := signer.ParsePublicKey(text); err != nil {
			return signer.Key{}, err
		}
	}
	return signer.Key{Secret: signer.Secret(text)}, nil
}

// keySet reads a JWKS document from a file or URL and writes its public keys
// as one that the signer reads.
func (e *Env) keySet(ctx context.Context, f signer.Fetcher, s string) (signer.Secret, error) {
	if !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
		b, err := readBounded(e.path(s), maxSecret)
		if err != nil {
			return "", err
		}
		if _, err := signer.ParseJWKS(b); err != nil {
			return "", err
		}
		return signer.Secret(b), nil
	}
	keys, err := f.Keys(ctx, s, "")
	if err != nil {
		return "", err
	}
	var jwks [][]byte
	for i := range keys {
		if keys[i].Public == nil {
			continue
		}
		b, err := signer.MarshalJWK(keys[i].Public, keys[i].KeyID, keys[i].Algorithm)
		if err != nil {
			continue // of a kind that no scheme has
		}
		jwks = append(jwks, b)
	}
	doc, err := signer.MarshalJWKS(jwks...)
	return signer.Secret(doc), err
}

// anyPublished tells whether the keys of a scheme can be got from the provider.
func anyPublished(schemes []*signer.Scheme) bool {
	for _, s := range schemes {
		if s.Key.URL != "" || s.Key.Host != "" {
			return true
		}
	}
	return false
}

// otherSecrets are the secrets that were set: one that was not given may
// have been meant. Only files are read: a keychain might ask. One that was given
// fails again, at the price of a hash.
func (e *Env) otherSecrets() []signer.Key {
	names, err := e.storedNames()
	if err != nil {
		return nil
	}
	var others []signer.Key
	for _, name := range names {
		if s, err := e.readSecret(name); err != nil || s.Where != inFile {
			continue
		}
		keys, err := e.storedSecret(name)
		if err != nil {
			continue
		}
		for _, k := range keys {
			k.NotAfter = time.Time{}
			others = append(others, k)
		}
	}
	return others
}

// verdictFace is a judgement as JSON: that of the verdict, with the provider
// and why.
type verdictFace struct {
	signer.Verdict
	provider, event string
	diagnosis       *signer.Diagnosis
}

// MarshalJSON adds to the verdict's own face.
func (v verdictFace) MarshalJSON() ([]byte, error) {
	if v.Status == "" {
		return []byte(`{"verdict":"unknown-provider"}`), nil
	}
	b, err := json.Marshal(v.Verdict)
	if err != nil {
		return nil, err
	}
	var more struct {
		Provider  string         `json:"provider,omitempty"`
		Event     string         `json:"event,omitempty"`
		Diagnosis *diagnosisFace `json:"diagnosis,omitempty"`
	}
	more.Provider, more.Event = v.provider, v.event
	if d := v.diagnosis; d != nil {
		more.Diagnosis = &diagnosisFace{d.Cause, d.Sentence, d.KeyID, d.Scheme, d.RuledOut}
	}
	m, err := json.Marshal(more)
	if err != nil || string(m) == "{}" {
		return b, err
	}
	return append(append(b[:len(b)-1], ','), m[1:]...), nil
}

// diagnosisFace is a diagnosis without the verdict it belongs to.
type diagnosisFace struct {
	Cause    signer.Cause `json:"cause"`
	Sentence string       `json:"sentence"`
	KeyID    string       `json:"key_id,omitempty"`
	Scheme   string       `json:"scheme,omitempty"`
	RuledOut []string     `json:"ruled_out,omitempty"`
}

func faceOfVerdict(j *stage.Judgement) verdictFace {
	return verdictFace{j.Verdict, j.Provider, j.Event, j.Diagnosis}
}

// printVerdict prints the verdict: one line, then the diagnosis.
func printVerdict(env *Env, o *verifyOptions, j *stage.Judgement) error {
	if o.json {
		return printJSON(env, faceOfVerdict(j))
	}
	v := &j.Verdict
	if j.Unknown() {
		_, err := fmt.Fprintln(env.Out, "unknown-provider  no row fits these headers")
		return err
	}
	line := fmt.Sprintf("%s  %s", v.Status, v.Scheme)
	if v.KeyID != "" {
		line += fmt.Sprintf("  key %q", v.KeyID)
	}
	if v.Authentic() && len(v.Covers) > 0 {
		line += "  covers " + strings.Join(v.Covers, ", ")
	}
	if v.Authentic() && len(v.Covers) == 0 {
		line += "  covers nothing of the message"
	}
	if !v.SignedAt.IsZero() {
		line += "  signed " + v.SignedAt.UTC().Format(time.RFC3339)
	}
	if v.Reason != "" {
		line += fmt.Sprintf("  %s: %s", v.Reason, v.Detail)
	}
	if _, err := fmt.Fprintln(env.Out, safetext.Line(line)); err != nil {
		return err
	}
	if v.Status == signer.Valid {
		return nil
	}
	if j.Diagnosis != nil {
		_, err := fmt.Fprintln(env.Out, safetext.Line(string(j.Diagnosis.Cause)+": "+j.Diagnosis.Sentence))
		if err == nil && len(j.Diagnosis.RuledOut) > 0 {
			_, err = fmt.Fprintln(env.Out, "ruled out: "+strings.Join(j.Diagnosis.RuledOut, ", "))
		}
		return err
	}
	fmt.Fprintln(env.Err, "hint: --explain says why, and what to do")
	return nil
}
