package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/tui"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/signer/payloads"
	"github.com/hookrelay/hook/tunnel"
)

// sampleSecret signs samples where the listener has no secret: the verdict is
// that there is no key, which is what a first webhook looks like too.
const sampleSecret = "sample"

// actions is what the inspector may do. Those of a listener work once it runs.
func (s *screen) actions() tui.Actions {
	redaction := inspect.DefaultRedaction()
	a := tui.Actions{
		Replay: s.replay, Edit: s.edit, Suspend: suspend, Page: s.page, Save: s.save, Render: s.render, Export: s.export, Verify: s.verify,
		Redact: redaction.Flow, Clipboard: s.clipboard(),
	}
	if !s.o.noHistory {
		a.Mark = func(_ context.Context, f *inspect.Flow, on bool) error { return s.history.Mark(f, on) }
		a.Note = func(_ context.Context, f *inspect.Flow, note string) error { return s.history.Annotate(f, note) }
	}
	return a
}

// listening adds what only a listener can do.
func (s *screen) listening(a tui.Actions) tui.Actions {
	whenBegun := func(f func(ctx context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-s.began:
				return f(ctx)
			default:
				return errors.New("there is no link to the relay yet")
			}
		}
	}
	a.Pause = whenBegun(func(context.Context) error { s.listener.client.Pause(); return nil })
	a.Resume = whenBegun(func(context.Context) error { s.listener.client.Resume(); return nil })
	a.Sample = whenBegun(s.sample)
	a.Stop = func(ctx context.Context) error {
		s.stop()
		select {
		case <-s.ended:
		case <-ctx.Done():
		}
		return nil
	}
	return a
}

// hinted is an error with its hint behind it, for one line.
func hinted(err error) error {
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		return fmt.Errorf("%w: %s", err, f.hint)
	}
	return err
}

// replay sends a flow again, straight to the target.
func (s *screen) replay(ctx context.Context, f *inspect.Flow, how tui.ReplayOptions) error {
	ro := replayOptions{listenOptions: *s.o, resign: how.Resign, secrets: s.o.signing.secrets, provider: s.o.signing.provider}
	ro.forward = cmp.Or(how.To, ro.forward)
	r := &replayer{env: s.env, o: &ro, history: s.history, recorder: s.recorder, sink: s}
	if s.listener != nil {
		r.judge = s.listener.judge
	}
	to, err := r.target(f)
	if err != nil {
		return hinted(err)
	}
	body, err := f.Body()
	if err != nil {
		return err
	}
	s.mu.Lock()
	r.numbers = s.numbers
	_, err = s.history.Refresh()
	again, err2 := r.again(ctx, f, body)
	s.mu.Unlock()
	if err := errors.Join(err, err2); err != nil {
		return hinted(err)
	}
	again.Provider, again.Event, again.DeliveryID = f.Provider, f.Event, f.DeliveryID
	if how.Edited {
		again = again.Tagged("edited")
	}
	s.Event(inspect.Begin{At: again.At, Flow: again})
	_, err = r.send(ctx, to, again)
	return hinted(err)
}

// edit lets the person change the body of a copy.
func (s *screen) edit(ctx context.Context, f *inspect.Flow, term tui.Terminal) (*inspect.Flow, error) {
	if err := f.Exact(); err != nil {
		return nil, err
	}
	before, err := f.Body()
	if err != nil {
		return nil, err
	}
	env := *s.env
	env.In, env.Out, env.Err = term.In, term.Out, term.Err
	after, err := edit(ctx, &env, before)
	if err != nil {
		return nil, hinted(err)
	}
	if bytes.Equal(before, after) {
		return nil, nil
	}
	d := f.Delivery
	d.Body = after
	g := inspect.NewFlow(&d, f.At)
	g.Provider, g.Event, g.DeliveryID, g.Verdict, g.Attempts, g.Replay = f.Provider, f.Event, f.DeliveryID, f.Verdict, f.Attempts, f.Replay
	return g, nil
}

// verify checks a flow's signature with another secret.
func (s *screen) verify(ctx context.Context, f *inspect.Flow, ref string) (*inspect.Flow, error) {
	keys, err := s.env.secrets(ctx, []string{ref})
	if err != nil {
		return nil, hinted(err)
	}
	req, err := f.Request()
	if err != nil {
		return nil, err
	}
	o := stage.JudgeOptions{Keys: keys, Others: s.env.otherSecrets()}
	if f.Provider != "" {
		if t, err := findTarget(f.Provider, ""); err == nil {
			o.Provider, o.Schemes = t.id, t.schemes
		}
	}
	at := f.Delivery.ReceivedAt
	if at.IsZero() {
		at = f.At
	}
	judge := stage.NewJudge(o)
	got := judge.Judge(ctx, req, at)
	if got.Unknown() {
		return nil, errors.New("no provider's scheme fits this webhook")
	}
	judge.Explain(ctx, &got, req, at)
	return f.Verified(got.Verdict, got.Diagnosis), nil
}

// sample sends a signed webhook to the endpoint, as a provider would: an
// event of the provider being verified, another one each time.
func (s *screen) sample(ctx context.Context) error {
	v := &s.o.signing
	who := cmp.Or(v.provider, v.verify, "github")
	if t, err := findTarget(who, ""); err == nil {
		who = t.id
	}
	events := payloads.Events(who)
	if len(events) == 0 || len(v.secrets) == 0 {
		who, events = "github", payloads.Events("github")
	}
	seed := s.sent.Add(1) - 1
	sample, err := payloads.Build(who, events[seed%uint64(len(events))].Name, payloads.Options{Seed: seed, At: time.Now()})
	if err != nil {
		return err
	}
	keys := []signer.Key{{ID: "sample", Secret: sampleSecret}}
	if len(v.secrets) > 0 {
		own, err := s.env.secrets(ctx, v.secrets)
		if err != nil {
			return hinted(err)
		}
		keys = own
	}
	req := sample.Request(s.listener.url)
	id := signer.DeliveryID(&signer.Scheme{MessageID: sample.Scheme.MessageID}, req)
	signed, req, err := signRequest(sample.Scheme, req, keys, signer.SignOptions{At: sample.At, ID: id})
	if err != nil {
		return hinted(err)
	}
	req = signed.Apply(req)
	out, err := http.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(req.Body))
	if err != nil {
		return err
	}
	out.Header = req.Header
	answer, err := s.listener.api.http.Do(out)
	if err != nil {
		return fmt.Errorf("sending the sample: %s", plainCause(err))
	}
	return answer.Body.Close()
}

var _ inspect.Sink = (*screen)(nil)

// replayDefaults is how hook inspect speaks to targets.
func replayDefaults() *listenOptions {
	return &listenOptions{timeout: tunnel.ForwardTimeout, hostHeader: "rewrite"}
}
