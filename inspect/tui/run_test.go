package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/exp/teatest/v2"

	"github.com/hookrelay/hook/inspect"
)

// TestProgramStartsResizesAndQuits is the smoke test of the whole program.
func TestProgramStartsResizesAndQuits(t *testing.T) {
	m, err := New(Options{Theme: "mono", Flows: samples()})
	if err != nil {
		t.Fatal(err)
	}
	tm := teatest.NewTestModel(t, m, teatest.WithInitialTermSize(80, 24))
	teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte("invoice.p")) }, teatest.WithDuration(10*time.Second))
	tm.Send(tea.WindowSizeMsg{Width: 60, Height: 20})
	tm.Send(keyOf("?"))
	teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte("a page up")) }, teatest.WithDuration(10*time.Second))
	tm.Send(keyOf("esc"))
	tm.Send(keyOf("q"))
	tm.WaitFinished(t, teatest.WithFinalTimeout(10*time.Second))
}

// stuck is a terminal that takes nothing.
type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.release
	return len(p), nil
}

// TestStuckTerminalHoldsNobodyUp sends far more than the screen takes: Send
// returns each time, and what is not shown is counted.
func TestStuckTerminalHoldsNobodyUp(t *testing.T) {
	m, err := New(Options{Theme: "mono"})
	if err != nil {
		t.Fatal(err)
	}
	feed := NewFeed()
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	in, keys := io.Pipe()
	defer keys.Close()
	go func() { ended <- Run(ctx, in, stuck{release}, m, feed) }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for _, f := range many(3 * feedEvents) {
			feed.Send(Seen{f})
		}
	}()
	select {
	case <-sent:
	case <-time.After(20 * time.Second):
		t.Fatal("the sender is held up")
	}
	close(release)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFeedKeepsTheLatestAndCountsTheRest(t *testing.T) {
	f := NewFeed()
	list := many(feedEvents + 100)
	for _, x := range list {
		f.Send(Seen{x})
	}
	later := *list[0]
	later.Note = "later"
	f.Send(Seen{&later})
	f.Send(Said{Text: "words find room"})
	b := f.take()
	if len(b.events) != feedEvents+1 || b.dropped != 100 {
		t.Fatalf("%d events and %d dropped", len(b.events), b.dropped)
	}
	if got := b.events[0].(Seen).Flow.Note; got != "later" {
		t.Errorf("the first flow is %q, not its latest state", got)
	}
	if b = f.take(); len(b.events) != 0 || b.dropped != 100 {
		t.Errorf("then %d events and %d dropped", len(b.events), b.dropped)
	}
}

func TestFeedBoundsBytes(t *testing.T) {
	f := NewFeed()
	s := &sampler{}
	body := string(make([]byte, 25<<20))
	for range 4 {
		f.Send(Seen{s.flow("", "", "/", body)})
	}
	if b := f.take(); len(b.events) != 2 || b.dropped != 2 {
		t.Errorf("%d events and %d dropped", len(b.events), b.dropped)
	}
}

// TestFeedIsPaced holds that the screen gets at most 30 batches a second.
func TestFeedIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed()
		ctx, cancel := context.WithCancel(t.Context())
		batches, events := 0, 0
		var wg sync.WaitGroup
		wg.Go(func() {
			f.pump(ctx, func(b batch) { batches++; events += len(b.events) })
		})
		s := &sampler{}
		for range 2000 {
			f.Send(Seen{s.flow("", "", "/", "")})
			time.Sleep(time.Second / 2000)
		}
		time.Sleep(time.Second)
		cancel()
		wg.Wait()
		if batches > 31 || events != 2000 {
			t.Errorf("%d batches with %d events", batches, events)
		}
	})
}

// TestFeedIsASink brings the stream of a listener to the screen.
func TestFeedIsASink(t *testing.T) {
	var sink inspect.Sink = NewFeed()
	d := drive(t, 100, 24, Options{})
	flow := samples()[6]
	for _, e := range []inspect.Event{
		inspect.Ready{URL: "https://relay.example/h/x", Target: "http://localhost:3000", Backlog: 3},
		inspect.Begin{Flow: flow}, inspect.End{Flow: answer(flow, 404, "", time.Millisecond)},
		inspect.SettledEvent{ID: flow.ID(), Attempt: 1, Settled: inspect.Settled{Fate: "answered", Status: 404}},
		inspect.Paused{Reason: "connection refused"}, inspect.Gap{Count: 2, Reason: "kept too long"},
	} {
		sink.Event(e)
	}
	d.send(sink.(*Feed).take())
	d.has("received 1 = 1 error", "404", "paused", "2 webhooks will not come: kept too long")
	d.keys("5")
	d.has("answered")
	sink.Event(inspect.Lost{Err: errors.New("reset"), Retry: time.Second})
	d.send(sink.(*Feed).take())
	d.has("link lost", "retry in 1.0s")
}
