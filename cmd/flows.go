package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/tunnel"
)

// flows turns what the stages and the tunnel tell into the one stream of
// events that lines, NDJSON and the terminal inspector show, and records it.
// It is a stage.Recorder and a stage.Noter.
type flows struct {
	sink     inspect.Sink
	recorder *inspect.Recorder // nil: nothing is recorded
	brief    bool              // sink shows of flows only those that were not answered, and counts none
	provider string            // named by the user; "": found out
	target   string
	live     bool // the relay stores nothing

	telling sync.Mutex // held while the sink is told: events keep their order
	counted inspect.Counters

	mu     sync.Mutex // guards what follows
	open   map[tunnel.ID]*inspect.Flow
	routed map[tunnel.ID]string // targets of those that had a choice
	seen   map[string]tunnel.ID // provider and its delivery id → ours, the latest of them
	old    []string             // keys of seen, oldest first
	voids  map[tunnel.ID]*void
	away   map[string]bool // targets among several of which was said that they cannot be reached
	known  map[string]bool // targets that have answered, or of which was said that they do not
}

// void is an attempt whose target could not be reached. While one of several
// targets is down the relay offers what is for it every two seconds: written
// each time, a hundred of them would push everything else out of the history
// within minutes.
type void struct {
	number  int
	seq     uint64 // 0: it was passed on live
	kind    tunnel.FailureKind
	at      time.Time // when it was written
	settled bool      // and that it does not count
}

// Bounds of voids: how long one stands for those after it, so that its flow is
// not the oldest of the history when it comes to an end; how many are known.
const (
	voidAge  = time.Hour
	maxVoids = 16_384
)

// maxSeen bounds the provider ids that duplicates are looked for among.
const maxSeen = 4096

func newFlows(sink inspect.Sink, recorder *inspect.Recorder, provider, target string) *flows {
	return &flows{
		sink: sink, recorder: recorder, provider: provider, target: target,
		open: make(map[tunnel.ID]*inspect.Flow), routed: make(map[tunnel.ID]string), seen: make(map[string]tunnel.ID),
		voids: make(map[tunnel.ID]*void), away: make(map[string]bool), known: make(map[string]bool),
	}
}

func (f *flows) tell(e inspect.Event) {
	f.telling.Lock()
	defer f.telling.Unlock()
	f.counted.Add(e)
	f.sink.Event(e)
}

// Begin implements stage.Recorder: on disk before the application sees it.
func (f *flows) Begin(d *tunnel.Delivery) {
	now := time.Now()
	var flow *inspect.Flow
	brief := f.brief && f.recorder == nil
	if brief {
		flow = inspect.BriefFlow(d, now)
	} else {
		flow = inspect.KeepFlow(d, now, f.provider)
	}
	f.mu.Lock()
	if !brief && f.duplicate(flow) {
		flow = flow.Tagged(inspect.Duplicate)
	}
	f.open[d.ID] = flow
	v := f.voids[d.ID]
	known := v != nil && v.number == d.Attempt && v.seq == d.Seq && now.Sub(v.at) < voidAge
	f.mu.Unlock()
	if f.recorder != nil && !known {
		f.recorder.Begin(flow)
	}
	if !brief {
		f.tell(inspect.Begin{At: now, Flow: flow})
	}
}

// duplicate tells whether the provider has sent this before, as another
// delivery. Guarded by mu.
func (f *flows) duplicate(flow *inspect.Flow) bool {
	if flow.DeliveryID == "" {
		return false
	}
	key := flow.Provider + "\x00" + flow.DeliveryID
	first, again := f.seen[key]
	if !again {
		f.seen[key] = flow.Delivery.ID
		if f.old = append(f.old, key); len(f.old) > maxSeen {
			delete(f.seen, f.old[0])
			f.old = f.old[1:]
		}
	}
	return again && first != flow.Delivery.ID
}

// change replaces the open flow of a delivery.
func (f *flows) change(id tunnel.ID, fn func(*inspect.Flow) *inspect.Flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if flow := f.open[id]; flow != nil {
		f.open[id] = fn(flow)
	}
}

// verdict is told by the verify stage before the delivery goes on.
func (f *flows) verdict(d *tunnel.Delivery, j *stage.Judgement) {
	f.change(d.ID, func(flow *inspect.Flow) *inspect.Flow {
		flow = flow.Verified(j.Verdict, j.Diagnosis)
		if j.Provider != "" && flow.Provider != j.Provider {
			flow = flow.Identified(j.Provider)
		}
		if j.Duplicate {
			flow = flow.Tagged(inspect.Duplicate)
		}
		return flow
	})
}

// Note implements stage.Noter: what stages did that the answer does not show.
func (f *flows) Note(d *tunnel.Delivery, n stage.Note) {
	switch n.Kind {
	case stage.Routed:
		f.mu.Lock()
		f.routed[d.ID] = n.Target
		f.mu.Unlock()
	case stage.Disturbed:
		text := "chaos: " + n.Text
		f.change(d.ID, func(flow *inspect.Flow) *inspect.Flow { return flow.Tagged(text) })
		if n.Result != nil || n.Err != nil {
			f.notice(fmt.Sprintf("%s: %s: %s", d.ID, text, noteOutcome(n)))
		}
	case stage.Copied:
		f.notice(fmt.Sprintf("%s: copy to %s: %s", d.ID, n.Target, noteOutcome(n)))
	case stage.Ran:
		for text := range strings.Lines(n.Text) {
			f.notice("exec: " + strings.TrimRight(text, "\r\n"))
		}
	}
}

// noteOutcome is how a copy ended.
func noteOutcome(n stage.Note) string {
	if n.Result == nil {
		return tunnel.AsFailure(n.Err).Error()
	}
	return fmt.Sprintf("%d in %s", n.Result.Status, formatTook(n.Took))
}

// End implements stage.Recorder.
func (f *flows) End(d *tunnel.Delivery, r *tunnel.Result, err error, took time.Duration) {
	f.mu.Lock()
	flow := f.open[d.ID]
	target, chosen := f.routed[d.ID]
	delete(f.open, d.ID)
	delete(f.routed, d.ID)
	f.mu.Unlock()
	if flow == nil {
		return
	}
	if !chosen {
		target = f.target
	}
	now := time.Now()
	again, written, gone := f.unreached(d, err, target, now)
	mute := f.mute(target, r, err)
	brief := f.brief && f.recorder == nil
	if brief && err == nil {
		return
	}
	if flow = flow.Ended(target, r, err, took); brief {
		flow = flow.Identified(cmp.Or(f.provider, flow.Provider))
	}
	if f.recorder != nil && !written {
		f.recorder.End(flow)
	}
	f.tell(inspect.End{At: now, Flow: flow, Again: again})
	if gone && chosen && !f.live {
		f.notice(target + " cannot be reached: what is for it waits at the relay and is tried every 2s")
	}
	if mute {
		f.notice(fmt.Sprintf("%s takes connections and has answered nothing yet: \"hook doctor %s\" tells whether it speaks TLS", target, target))
	}
}

// mute tells, once, that a target which is spoken to in clear text breaks off
// without ever having answered: it may be waiting for TLS.
func (f *flows) mute(target string, r *tunnel.Result, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure := tunnel.AsFailure(err)
	silent := failure != nil && failure.Kind == tunnel.Reset && strings.HasPrefix(target, "http://")
	said := f.known[target]
	if silent || r != nil && r.By == tunnel.ByApplication {
		f.known[target] = true
	}
	return silent && !said
}

// unreached books whether the target could be reached: again is true where it
// could not, as the time before; written where the history has it with all that
// is known; gone where it is the first to say so.
func (f *flows) unreached(d *tunnel.Delivery, err error, target string, now time.Time) (again, written, gone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failure := tunnel.AsFailure(err)
	if failure == nil || !failure.Kind.Unreachable() {
		delete(f.voids, d.ID)
		delete(f.away, target)
		return false, false, false
	}
	gone = !f.away[target]
	f.away[target] = true
	v := f.voids[d.ID]
	again = v != nil && v.number == d.Attempt && v.kind == failure.Kind && now.Sub(v.at) < voidAge
	if again && v.seq == d.Seq {
		return true, true, gone
	}
	if len(f.voids) >= maxVoids { // some were deleted at the relay, unseen
		clear(f.voids)
	}
	f.voids[d.ID] = &void{number: d.Attempt, seq: d.Seq, kind: failure.Kind, at: now}
	return again, false, gone
}

// settledAgain tells whether the relay said of a void attempt what it said
// before.
func (f *flows) settledAgain(s tunnel.Settlement) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.voids[s.ID]
	if v == nil || s.Fate != tunnel.Forgotten || v.number != s.Attempt {
		return false
	}
	again := v.settled
	v.settled = true
	return again
}

// tunnelEvent passes on what the tunnel tells, where a sink shows it.
func (f *flows) tunnelEvent(e tunnel.Event) {
	now := time.Now()
	switch e := e.(type) {
	case tunnel.Lost:
		f.tell(inspect.Lost{At: now, Err: errors.New(plainCause(e.Err)), Retry: e.Retry})
	case tunnel.PausedEvent:
		f.tell(inspect.Paused{At: now, Reason: e.Reason + "; webhooks wait at the relay"})
	case tunnel.ResumedEvent:
		f.tell(inspect.Resumed{At: now})
	case tunnel.GoingAway:
		f.notice("the relay restarts")
	case tunnel.SenderGone:
		f.notice(fmt.Sprintf("%s: the sender left after %s", e.ID, formatTook(e.After)))
	case tunnel.Gap:
		f.tell(inspect.Gap{At: now, Count: e.Count, Reason: e.Reason})
	case tunnel.Notice:
		f.notice("relay: " + e.Text)
	case tunnel.Settlement:
		if again := f.settledAgain(e); f.recorder != nil && !again {
			f.recorder.Settled(e)
		}
		f.tell(inspect.SettledEvent{At: now, ID: e.ID.String(), Attempt: e.Attempt, Settled: *inspect.NewSettled(e, now)})
	}
}

func (f *flows) notice(text string) { f.tell(inspect.Notice{At: time.Now(), Text: text}) }

// summary ends the stream.
func (f *flows) summary() {
	f.telling.Lock()
	counted := f.counted
	f.telling.Unlock()
	if counted.Attempts > 0 {
		f.tell(inspect.Summary{At: time.Now(), Counters: counted})
	}
}

// openHistory opens the history of this machine.
func openHistory(env *Env) (*inspect.History, error) {
	if err := privateDir(env.stateDir()); err != nil {
		return nil, err
	}
	h, err := inspect.OpenHistory(filepath.Join(env.stateDir(), "history"), inspect.HistoryOptions{})
	if err != nil {
		return nil, fail(exitFailed, "--no-history listens without one", "history: %w", err)
	}
	return h, nil
}

// recording is a history that is being written.
type recording struct {
	*inspect.Recorder
	history *inspect.History
	stop    context.CancelFunc
	done    chan error
}

// record starts to write a history. trouble is told when the disk does not
// take it; the flows go on.
func record(env *Env, redact []string, trouble func(string)) (*recording, error) {
	h, err := openHistory(env)
	if err != nil {
		return nil, err
	}
	opts := inspect.RecorderOptions{Trouble: func(err error, lost uint64) {
		if err == nil {
			trouble(fmt.Sprintf("the history is written again; %d records are missing", lost))
		} else {
			trouble(fmt.Sprintf("the history is not written: %v; webhooks go on", err))
		}
	}}
	if len(redact) > 0 {
		opts.Redact = inspect.RedactHeaders(redact...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &recording{Recorder: inspect.NewRecorder(h, opts), history: h, stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- r.Run(ctx) }()
	return r, nil
}

// Close writes what waits.
func (r *recording) Close() error {
	r.stop()
	<-r.done // the end of ctx
	return r.history.Close()
}

// plainSink prints flows on out and talk on talk.
func plainSink(out, talk *inspect.Lines) inspect.Sink {
	return inspect.SinkFunc(func(e inspect.Event) {
		switch e.(type) {
		case inspect.Begin, inspect.End:
			out.Event(e)
		default:
			talk.Event(e)
		}
	})
}
