package cmd

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/signer"
)

// signOptions are the flags of hook sign.
type signOptions struct {
	provider, scheme, file string
	knobs                  knobs
	secrets                []string
	keyID                  string
	url, method, id, at    string
	headers, params        []string
	output                 string
	batch                  bool
}

func newSign(env *Env) *cobra.Command {
	var o signOptions
	c := &cobra.Command{
		Use:   "sign PROVIDER [FILE]",
		Short: "Sign a payload as a provider would, and print the headers",
		Long: `Sign a payload as a provider would. The body is FILE, or standard input; the headers
that the provider would send are printed, one "Name: value" a line. Nothing is sent.

With --at and --id the outcome depends on nothing else. "hook providers" lists what can
be signed; "hmac" is a scheme whose every part is a flag.`,
		Example: `  hook sign stripe event.json --secret env:STRIPE_WEBHOOK_SECRET
  hook sign github push.json --secret file:secret.txt -o curl --url http://localhost:3000/hooks
  hook sign hmac body.json --secret env:KEY --signature X-Sig --signature-prefix sha256=
  hook sign --batch < cases.jsonl`,
		Args: args(0, 2),
		RunE: func(c *cobra.Command, given []string) error {
			if len(given) > 0 {
				o.provider = given[0]
			}
			o.file = "-"
			if len(given) > 1 {
				o.file = given[1]
			}
			if o.knobs.file != "" && len(given) == 1 {
				o.provider, o.file = "", given[0] // the file says whose scheme it is
			}
			return runSign(c.Context(), env, &o)
		},
	}
	f := c.Flags()
	secretFlags(f, &o.secrets)
	f.StringVar(&o.scheme, "scheme", "", "scheme of the provider, where it has several")
	f.StringVar(&o.url, "url", "", "public URL that the webhook is sent to, exactly; some providers sign it")
	f.StringVar(&o.method, "method", http.MethodPost, "HTTP method")
	f.StringVar(&o.id, "id", "", "message id, where the scheme signs one; default: made from the time and the body")
	f.StringVar(&o.at, "at", "", "signed time, Unix seconds or RFC 3339; default: now")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "\"Name: value\" that the request has besides; repeatable")
	f.StringArrayVar(&o.params, "param", nil, "NAME=VALUE that the scheme asks for besides the secret; repeatable")
	f.StringVar(&o.keyID, "key-id", "", "id of the key, where the scheme sends one")
	choiceVar(c, &o.output, "output", "o", "headers", "headers, curl (a command that sends it), json, env (shell variables) or body (the body to send)", "headers", "curl", "json", "env", "body")
	f.BoolVar(&o.batch, "batch", false, "sign JSON lines from standard input (docs/signing.md)")
	o.knobs.flags(f)
	return c
}

// runSign signs one payload, or a batch.
func runSign(ctx context.Context, env *Env, o *signOptions) error {
	if o.batch {
		return runBatch(ctx, env, signLine)
	}
	if o.provider == "" && o.scheme == "" && o.knobs.file == "" {
		return usage("hook sign stripe event.json --secret env:NAME", "which provider?")
	}
	if o.provider == autoProvider {
		return usage("\"hook providers\" lists the names", "signing needs a provider: there is nothing to detect one from")
	}
	t, err := o.knobs.target(env, o.provider, o.scheme)
	if err != nil {
		return err
	}
	if o.file == "-" && fromStdin(o.secrets) {
		return usage("give the body as a file", "both the secret and the body are to come from standard input")
	}
	if o.file == "-" && env.InTTY {
		return usage("give a FILE, or pipe the body in", "there is no body")
	}
	at, err := parseAt("--at", o.at)
	if err != nil {
		return err
	}
	params, err := parseParams(o.params)
	if err != nil {
		return err
	}
	header, err := headerMap(o.headers)
	if err != nil {
		return err
	}
	body, err := env.readInput(o.file)
	if err != nil {
		return err
	}
	s := schemeFor(t.schemes, body)
	keys, err := env.signingKeys(ctx, o.secrets, s, o.keyID)
	if err != nil {
		return err
	}
	req := &signer.Request{Method: o.method, URL: o.url, Header: header, Body: body}
	out, req, err := signRequest(s, req, keys, signer.SignOptions{At: at, ID: o.id, Params: params})
	if err != nil {
		return err
	}
	o.provider, o.scheme = t.id, s.ID
	return printSigned(env, o, req, out)
}

// signRequest completes the request as the provider would send it, and signs.
func signRequest(s *signer.Scheme, req *signer.Request, keys []signer.Key, opts signer.SignOptions) (*signer.Signed, *signer.Request, error) {
	if req.URL == "" && signsURL(s) {
		return nil, nil, usage("give the public URL, exactly as the provider has it: --url https://…", "scheme %q signs the URL", s.ID)
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if req.Header.Get("Content-Type") == "" {
		if kind := guessType(req.Body, s); kind != "" {
			req.Header.Set("Content-Type", kind)
		}
	}
	out, err := signer.Sign(s, req, keys, opts)
	if err != nil {
		hint := ""
		switch {
		case slices.ContainsFunc(s.Params, func(p string) bool { return opts.Params[p] == "" }):
			hint = "give it as --param NAME=VALUE"
		case keyKind(s) != "":
			hint = "it signs with a private key; hook keys new --provider " + s.ID + " makes one for tests"
		}
		return nil, nil, usage(hint, "%w", err)
	}
	return out, req, nil
}

func signsURL(s *signer.Scheme) bool {
	return s.Algorithm == signer.HTTPMessage || slices.ContainsFunc(s.Covers(), func(part string) bool { return part == "url" || part == "query" })
}

// schemeFor picks the scheme of a provider that a body is of: the first, or
// the first for JSON or for forms where it has one for each.
func schemeFor(schemes []*signer.Scheme, body []byte) *signer.Scheme {
	isJSON := json.Valid(body)
	for _, s := range schemes {
		if form := usesForm(s) && s.BodyHash == nil; form != isJSON {
			return s
		}
	}
	return schemes[0]
}

// signingKeys resolves the secrets that sign. Without any, a test key of the
// state folder stands in for a provider's private key.
func (e *Env) signingKeys(ctx context.Context, refs []string, s *signer.Scheme, keyID string) ([]signer.Key, error) {
	var keys []signer.Key
	var err error
	switch {
	case len(refs) > 0:
		keys, err = e.secrets(ctx, refs)
	case keyKind(s) != "":
		var secret signer.Secret
		secret, err = e.readTestKey(s.ID)
		keys = []signer.Key{{Secret: secret}}
	default:
		err = usage(secretHint, "signing needs a secret")
	}
	if err != nil {
		return nil, err
	}
	// Who rotates signs with the new secret; the old one is there to verify.
	keys = slices.DeleteFunc(keys, func(k signer.Key) bool { return !k.NotAfter.IsZero() })
	for i := range keys {
		keys[i].ID = keyID
		keys[i].NotBefore = time.Time{}
	}
	return keys, nil
}
