package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/inspect/tui"
	"github.com/hookrelay/hook/tunnel"
)

// lookEvery is how often the screen asks for the round-trip time and whether
// the target is there again.
const lookEvery = 2 * time.Second

// screen is the terminal inspector and what it can do: the sink of a listener,
// or a view of the history.
type screen struct {
	env     *Env
	o       *listenOptions // how to speak to the target
	feed    *tui.Feed
	history *inspect.History

	recorder *inspect.Recorder
	listener *listener // nil where nothing listens
	began    chan struct{}
	ended    chan struct{} // closed when the listener has returned
	sent     atomic.Uint64 // samples
	stop     context.CancelFunc

	mu      sync.Mutex // guards what follows
	health  tui.Health
	numbers map[tunnel.ID]int // of the next replays
}

// wantsScreen tells whether -o and the terminal ask for the inspector.
func (o *listenOptions) wantsScreen(env *Env) (bool, error) {
	able := env.InTTY && env.OutTTY && env.Getenv("TERM") != "dumb"
	switch {
	case o.json || o.printURL:
		return false, nil
	case o.output == "tui" && !able:
		return false, usage("-o plain prints lines", "the inspector needs a terminal")
	case o.output == "tui":
		return true, nil
	}
	return o.output == "auto" && able && len(o.child) == 0, nil
}

func newScreen(env *Env, o *listenOptions) (*screen, error) {
	h, err := openHistory(env)
	if err != nil {
		return nil, err
	}
	return &screen{env: env, o: o, feed: tui.NewFeed(), history: h, began: make(chan struct{}), ended: make(chan struct{}), numbers: make(map[tunnel.ID]int)}, nil
}

// theme obeys NO_COLOR.
func (s *screen) theme() string {
	if s.env.Getenv("NO_COLOR") != "" {
		return "mono"
	}
	return "auto"
}

// listenOnScreen runs a listener below the inspector, until either ends.
func listenOnScreen(ctx context.Context, env *Env, o *listenOptions) (err error) {
	s, err := newScreen(env, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.history.Close()) }()
	if _, err := s.history.Refresh(); err != nil {
		return fail(exitFailed, "", "reading the history: %w", err)
	}
	m, err := tui.New(tui.Options{Title: "hook listen", Actions: s.listening(s.actions()), Theme: s.theme(), Keys: s.o.keys})
	if err != nil {
		return err
	}
	below := *env // what would be printed is shown
	below.Out, below.Err = &talk{feed: s.feed}, &talk{feed: s.feed}
	o.screen = s
	s.feed.Send(tui.Link{State: tui.Dialing})
	running, stop := context.WithCancel(ctx)
	defer stop()
	s.stop = stop
	seeing, hide := context.WithCancel(ctx)
	defer hide()
	var failed error
	go func() {
		defer close(s.ended)
		failed = runListen(running, &below, o)
		select {
		case <-s.began: // what has come can still be looked at
			s.feed.Send(tui.Ended{Err: failed})
		default:
			hide()
		}
	}()
	err = tui.Run(seeing, env.In, env.Out, m, s.feed)
	stop()
	select {
	case <-s.ended:
	default:
		if m.Hurried() {
			fmt.Fprintln(env.Err, "left what was under way")
			return silent{exitInterrupted}
		}
		fmt.Fprintln(env.Err, "finishing what is under way; Ctrl-C leaves it")
		<-s.ended
	}
	return errors.Join(err, failed)
}

// attach is told of the listener before it runs; what it returns is called
// when it has run.
func (s *screen) attach(ctx context.Context, l *listener) (detach func()) {
	s.listener, s.recorder = l, l.recorder
	close(s.began)
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() { s.look(ctx) })
	return func() { cancel(); looking.Wait() }
}

// look keeps the round-trip time and the target's health up to date while the
// listener runs. A target that is up is not asked: its answers tell.
func (s *screen) look(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		if rtt := s.listener.client.RTT(); rtt > 0 {
			s.feed.Send(tui.Link{State: tui.Up, RTT: rtt})
		}
		s.mu.Lock()
		up := s.health.Up
		s.mu.Unlock()
		if probe := s.listener.line.probe; probe != nil && (first || !up) {
			s.setHealth(probe(ctx))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *screen) setHealth(err error) {
	h := tui.Health{Known: true, Up: err == nil}
	if f := tunnel.AsFailure(err); f != nil {
		h.Reason = f.Kind.String()
	}
	s.mu.Lock()
	changed := h != s.health
	s.health = h
	s.mu.Unlock()
	if changed {
		s.feed.Send(h)
	}
}

// Event implements inspect.Sink.
func (s *screen) Event(e inspect.Event) {
	switch e := e.(type) {
	case inspect.Ready:
		r := tui.Ready{URL: e.URL, Target: e.Target, Relay: e.Relay, ExpiresAt: e.Expires, Backlog: e.Backlog}
		if s.listener != nil {
			r.Endpoint, r.Local = s.listener.k.Name, s.listener.k.Relay == embedded
		}
		s.feed.Send(r)
		return
	case inspect.End:
		if a := e.Flow.Last(); a != nil && s.listener != nil && e.Flow.Replay == 0 {
			switch {
			case a.Failure != nil && a.Failure.Kind.Unreachable():
				s.setHealth(a.Failure)
			case a.Result != nil && a.Result.By == tunnel.ByApplication:
				s.setHealth(nil)
			}
		}
	}
	s.feed.Event(e)
}

// talk shows lines as messages.
type talk struct {
	feed *tui.Feed
	mu   sync.Mutex
	rest []byte
}

func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	for {
		i := bytes.IndexByte(t.rest, '\n')
		if i < 0 {
			t.rest = t.rest[:min(len(t.rest), 4<<10)] // no line is longer
			return len(p), nil
		}
		if s := safetext.Line(string(t.rest[:i])); s != "" {
			t.feed.Send(tui.Said{Text: s})
		}
		t.rest = t.rest[i+1:]
	}
}

var _ io.Writer = (*talk)(nil)
