package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// replayOptions are the flags of hook replay.
type replayOptions struct {
	listenOptions // how to speak to the target
	edit          bool
	resign        bool
	provider      string
	secrets       []string
	freshID       bool
	times         int
	concurrency   int
}

func newReplay(env *Env) *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay FLOW…|FILE",
		Short: "Send recorded webhooks again, straight to an application",
		Long: `Send recorded flows, or those of a cassette file, to an application: as they came,
byte for byte, with the same Hook-Delivery-Id and Hook-Replay: N. The relay has no
part in it. Each replay is recorded as a new flow.

--times N --concurrency N sends each one that often and compares the answers: is the
handler idempotent?`,
		Example: "  hook replay @last --to localhost:3000\n  hook replay cassette.jsonl --to localhost:3000\n  hook replay @last --resign --secret env:STRIPE_SECRET --to 3000\n  hook replay dlv_0678 --to 3000 --times 5 --concurrency 5",
		Args:    args(1, -1),
		RunE:    func(c *cobra.Command, given []string) error { return runReplay(c.Context(), env, &o, given) },
	}
	f := c.Flags()
	f.StringVar(&o.forward, "to", "", "target: PORT, HOST:PORT[/PATH] or URL (default: where the flow went)")
	f.BoolVar(&o.edit, "edit", false, "edit the body in $EDITOR first")
	f.BoolVar(&o.resign, "resign", false, "sign it anew, as of now: a handler that refuses what is older than five minutes takes it")
	f.StringVar(&o.provider, "provider", "", "whose signature, with --resign (default: as it was recognised)")
	f.StringArrayVar(&o.secrets, "secret", nil, "secret to sign with: env:NAME, file:PATH, keychain:NAME, cmd:COMMAND, - or a name of 'hook secret' (default: the provider's name)")
	f.BoolVar(&o.freshID, "fresh-id", false, "give it a new Hook-Delivery-Id")
	f.IntVar(&o.times, "times", 1, "how often")
	f.IntVar(&o.concurrency, "concurrency", 1, "… and how many at once")
	durationVar(f, &o.timeout, "timeout", tunnel.ForwardTimeout, "how long the application may take; 0 for no limit")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "\"Name: value\" to set; repeatable")
	f.StringVar(&o.hostHeader, "host-header", "rewrite", "Host the application sees: rewrite, preserve or a value")
	f.StringVar(&o.path, "path", "", "prefix to put before the path")
	f.BoolVarP(&o.insecure, "insecure", "k", false, "do not check the target's TLS certificate")
	f.StringVar(&o.cacert, "cacert", "", "certificate authority of the target, PEM file")
	f.BoolVar(&o.allowTarget, "allow-target", false, "permit link-local and cloud metadata addresses as target")
	f.BoolVar(&o.noHistory, "no-history", false, "do not record the replays")
	f.BoolVar(&o.json, "json", false, "print events as JSON, one a line")
	return c
}

func runReplay(ctx context.Context, env *Env, o *replayOptions, given []string) (err error) {
	if o.times < 1 || o.concurrency < 1 {
		return usage("--times 3 --concurrency 3", "--times %d --concurrency %d", o.times, o.concurrency)
	}
	h, err := openHistory(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if _, err := h.Refresh(); err != nil {
		return fail(exitFailed, "", "reading the history: %w", err)
	}
	list, err := replayed(env, h, given)
	if err != nil {
		return err
	}
	r := &replayer{env: env, o: o, history: h}
	if !o.noHistory {
		rec, err := record(env, nil, func(text string) { fmt.Fprintln(env.Err, safetext.Line(text)) })
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rec.Close()) }()
		r.recorder = rec.Recorder
	}
	r.sink = o.newSink(env)
	worst := exitDone
	for _, f := range list {
		code, err := r.replay(ctx, f)
		if err != nil {
			return err
		}
		worst = max(worst, code)
	}
	if worst != exitDone {
		return silent{worst}
	}
	return nil
}

// replayed finds what is to be sent: flows of the history, or all of a file.
func replayed(env *Env, h *inspect.History, given []string) ([]*inspect.Flow, error) {
	var list []*inspect.Flow
	for _, ref := range given {
		if f, err := h.Find(ref); err == nil {
			list = append(list, f)
			continue
		} else if file, ferr := os.Open(ref); ferr == nil {
			more, ierr := inspect.Import(file, time.Now())
			file.Close()
			if ierr != nil {
				return nil, fail(exitFailed, "a cassette is made by \"hook history export\"", "reading %q: %w", ref, ierr)
			}
			for _, f := range more {
				list = append(list, sendable(env, f))
			}
		} else {
			return nil, fail(exitFailed, "\"hook history ls\" lists what is recorded", "flow %w, and it is no file", err)
		}
	}
	return list, nil
}

// sendable makes a flow of a file fit to be sent, though its secrets were taken
// out when it left the history; it says so. A flow that was recorded without
// them stays refused: it was meant not to be sent again.
func sendable(env *Env, f *inspect.Flow) *inspect.Flow {
	if len(f.Redacted) == 0 {
		return f
	}
	fmt.Fprintf(env.Err, "%s: sent without %s\n", f.ID(), safetext.Line(strings.Join(f.Redacted, ", ")))
	own := f.Tagged("redacted")
	own.Redacted = nil
	return own
}

// replayer sends flows to their targets.
type replayer struct {
	env      *Env
	o        *replayOptions
	history  *inspect.History
	recorder *inspect.Recorder
	sink     inspect.Sink
	judge    *stage.Judge // nil: signatures are not checked
	numbers  map[tunnel.ID]int

	mu sync.Mutex // guards the sink
}

// replay sends one flow as often as was asked for; the code is exitFailed when
// an answer was not 2xx, or the answers differ.
func (r *replayer) replay(ctx context.Context, f *inspect.Flow) (code int, err error) {
	o, err := r.target(f)
	if err != nil {
		return 0, err
	}
	body, err := f.Body()
	if err != nil {
		return 0, fail(exitFailed, "", "replaying %s: %w", f.ID(), err)
	}
	if err := f.Exact(); err != nil {
		return 0, fail(exitFailed, "record without --redact, or send a body of your own with --edit", "replaying %s: %w", f.ID(), err)
	}
	if r.o.edit {
		if body, err = edit(ctx, r.env, body); err != nil {
			return 0, err
		}
	}
	answers, errs := make([]*inspect.Flow, r.o.times), make([]error, r.o.times)
	slots := make(chan struct{}, r.o.concurrency)
	var wg sync.WaitGroup
	for i := range r.o.times {
		again, err := r.again(ctx, f, body)
		if err != nil {
			return 0, err
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return 0, ctx.Err()
		}
		wg.Go(func() {
			defer func() { <-slots }()
			answers[i], errs[i] = r.send(ctx, o, again)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	for _, a := range answers {
		if a.Status() < 200 || a.Status() > 299 {
			code = exitFailed
		}
	}
	if r.o.times > 1 && !r.compare(answers) {
		code = exitFailed
	}
	return code, nil
}

// target is how to speak to where the flow is to go.
func (r *replayer) target(f *inspect.Flow) (*listenOptions, error) {
	o := r.o.listenOptions
	if o.forward == "" {
		if last := f.Last(); last != nil && last.Result != nil && last.Result.By == tunnel.ByApplication {
			o.forward = last.Target
		}
	}
	if o.forward == "" {
		return nil, usage("hook replay "+f.ID()+" --to localhost:3000", "where to? It is not recorded where %s went", f.ID())
	}
	return &o, nil
}

// again is the next replay of f, with a body that may have been edited.
func (r *replayer) again(ctx context.Context, f *inspect.Flow, body []byte) (*inspect.Flow, error) {
	if r.numbers == nil {
		r.numbers = make(map[tunnel.ID]int)
	}
	id := f.Delivery.ID
	if r.numbers[id] == 0 {
		r.numbers[id] = r.history.NextReplay(f)
	}
	n := r.numbers[id]
	r.numbers[id]++
	again, err := f.Again(n, time.Now())
	if err != nil {
		return nil, fail(exitFailed, "record without --redact, or send a body of your own with --edit", "replaying %s: %w", f.ID(), err)
	}
	again.Delivery.Body, again.BodySize = body, int64(len(body))
	if !bytes.Equal(body, f.Delivery.Body) && r.o.edit {
		fresh := inspect.NewFlow(&again.Delivery, again.At)
		again.BodyHash = fresh.BodyHash
		again = again.Tagged("edited")
	}
	if r.o.freshID {
		again.Delivery.ID = tunnel.NewID(time.Now())
	}
	if r.o.resign {
		if again, err = r.signed(ctx, again); err != nil {
			return nil, err
		}
	}
	return r.judged(ctx, again)
}

// judged is f with what the application's own check has to say of it now: what
// was valid when it came is stale when it is sent again later.
func (r *replayer) judged(ctx context.Context, f *inspect.Flow) (*inspect.Flow, error) {
	if r.judge == nil {
		return f, nil
	}
	req, err := f.Request()
	if err != nil {
		return nil, err
	}
	j := r.judge.Judge(ctx, req, f.At)
	if j.Unknown() {
		return f, nil
	}
	r.judge.Explain(ctx, &j, req, f.At)
	return f.Verified(j.Verdict, j.Diagnosis), nil
}

// signed is f with a signature as of now. The URL that is signed is the public
// one, as before.
func (r *replayer) signed(ctx context.Context, f *inspect.Flow) (*inspect.Flow, error) {
	provider := cmp.Or(r.o.provider, f.Provider)
	if provider == "" {
		return nil, usage("hook replay "+f.ID()+" --resign --provider stripe --secret REF", "whose signature? The provider was not recognised")
	}
	t, err := findTarget(provider, "")
	if err != nil {
		return nil, err
	}
	scheme := schemeFor(t.schemes, f.Delivery.Body)
	for _, s := range t.schemes {
		if s.ID == f.Verdict.Scheme {
			scheme = s
		}
	}
	refs := r.o.secrets
	if len(refs) == 0 && keyKind(scheme) == "" {
		stored, err := r.env.storedNames()
		if err != nil {
			return nil, err
		}
		if !slices.Contains(stored, t.id) {
			return nil, usage("--secret env:NAME, or keep one: hook secret set "+t.id, "re-signing needs the secret of %s", t.id)
		}
		refs = []string{t.id}
	}
	keys, err := r.env.signingKeys(ctx, refs, scheme, "")
	if err != nil {
		return nil, err
	}
	req, err := f.Request()
	if err != nil {
		return nil, err
	}
	opts := signer.SignOptions{At: time.Now()}
	if !r.o.freshID {
		opts.ID = f.DeliveryID
	}
	signed, req, err := signRequest(scheme, req, keys, opts)
	if err != nil {
		return nil, err
	}
	req = signed.Apply(req)
	again := f.Tagged("re-signed")
	again.Delivery.Header, again.Delivery.Body = tunnel.FromHTTP(req.Header), req.Body
	again.BodySize = int64(len(req.Body))
	return again, nil
}

// send makes one attempt and records it.
func (r *replayer) send(ctx context.Context, o *listenOptions, f *inspect.Flow) (*inspect.Flow, error) {
	own := *o
	own.headers = append(slices.Clone(o.headers), "Hook-Replay: "+strconv.Itoa(f.Replay))
	forwarder, target, err := own.forwarder(own.forward)
	if err != nil {
		return f, err
	}
	defer forwarder.Close()
	if r.recorder != nil {
		r.recorder.Begin(f)
	}
	began := time.Now()
	result, err := forwarder.Handle(ctx, &f.Delivery)
	f = f.Ended(o.describe(target), result, err, time.Since(began))
	if r.recorder != nil {
		r.recorder.End(f)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sink.Event(inspect.End{At: time.Now(), Flow: f})
	return f, nil
}

// compare tells whether all answers are alike, and says how they differ.
func (r *replayer) compare(list []*inspect.Flow) bool {
	same := true
	for i, f := range list[1:] {
		d, err := inspect.Diff(list[0], f)
		d = slices.DeleteFunc(d, func(x inspect.Difference) bool { return x.Part != "answer" || x.Path == "header Date" })
		if err == nil && len(d) == 0 {
			continue
		}
		same = false
		fmt.Fprintf(r.env.Err, "answers 1 and %d differ:\n", i+2)
		if err != nil {
			fmt.Fprintln(r.env.Err, safetext.Error(err))
			continue
		}
		d.Write(r.env.Err, false)
	}
	if same {
		fmt.Fprintf(r.env.Err, "%d answers, all alike\n", len(list))
	}
	return same
}

// edit lets a person change bytes in $EDITOR. It needs a terminal.
func edit(ctx context.Context, env *Env, b []byte) (_ []byte, err error) {
	if !env.InTTY || !env.OutTTY {
		return nil, usage("without --edit, or in a terminal", "there is no terminal to edit in")
	}
	editor := env.Getenv("VISUAL")
	if editor == "" {
		editor = env.Getenv("EDITOR")
	}
	if editor == "" {
		return nil, usage("set EDITOR to your editor", "EDITOR is not set")
	}
	file, err := os.CreateTemp("", "hook-edit-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("editing: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.Write(b)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("editing: %w", err)
	}
	words := append(strings.Fields(editor), file.Name())
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Stdin, c.Stdout, c.Stderr = env.In, env.Out, env.Err
	if err := c.Run(); err != nil {
		return nil, fail(exitFailed, "", "%s: %w", words[0], err)
	}
	return os.ReadFile(file.Name())
}
