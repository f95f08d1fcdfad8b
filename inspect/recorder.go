package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// RecorderOptions say how to record.
type RecorderOptions struct {
	// Wait is how long the forwarding of a delivery may be held up by a slow
	// disk; 250 ms. After one such wait nobody waits until the disk is back.
	Wait time.Duration

	// Redact is what is taken out before it is written. Such flows cannot be
	// replayed or verified. The zero value takes nothing out.
	Redact Redaction

	// Trouble is told once when recording begins to fail, and with a nil error
	// when it works again; lost counts the records that are not in the history
	// by then. It is called by the goroutine of Run and by callers of Begin and
	// End, and must not call the Recorder.
	Trouble func(err error, lost uint64)
}

// ErrBehind is the trouble of a disk that does not keep up.
var ErrBehind = errors.New("the disk does not keep up")

// The bounds of what waits to be written.
const (
	queueLength = 1024
	batchBytes  = 256 << 10 // written at once: by then a write costs next to nothing beside its bytes
	keptBatch   = 512 << 10 // the largest buffer that is used again
)

// Recorder writes flows to a history. Whatever the disk does, its methods
// return soon and without an error: a history is worth less than a delivery.
type Recorder struct {
	h     *History
	opts  RecorderOptions
	queue chan *job
	ended chan struct{} // closed when Run has returned

	lines bytes.Buffer // of the batch being written; only Run uses it

	behind  atomic.Bool // the last wait was in vain
	failing atomic.Bool // trouble was told
	lost    atomic.Uint64
}

// job is a record on its way.
type job struct {
	rec   *record
	flows int
	hash  string // of a body that goes beside it
	body  []byte
	done  chan struct{} // closed when it is written or given up
}

// NewRecorder makes a recorder, which begins to work in Run.
func NewRecorder(h *History, o RecorderOptions) *Recorder {
	if o.Wait <= 0 {
		o.Wait = 250 * time.Millisecond
	}
	if o.Trouble == nil {
		o.Trouble = func(error, uint64) {}
	}
	return &Recorder{h: h, opts: o, queue: make(chan *job, queueLength), ended: make(chan struct{})}
}

// Lost counts the records that are not in the history.
func (r *Recorder) Lost() uint64 { return r.lost.Load() }

// Begin writes a flow before it is forwarded. When it returns, the flow has
// been handed to the operating system: it survives a kill of this process,
// though not of the machine.
func (r *Recorder) Begin(f *Flow) {
	f = r.opts.Redact.Flow(f)
	w := newWireFlow(f)
	j := &job{flows: 1, done: make(chan struct{})}
	if len(f.Delivery.Body) > inlineBody {
		w.wireBody = wireBody{File: f.BodyHash}
		j.hash, j.body = f.BodyHash, f.Delivery.Body
	}
	r.put(j, &record{Kind: kindBegin, At: f.At, Flow: w}, true)
}

// End writes what became of the last attempt, and what the stages found out.
func (r *Recorder) End(f *Flow) {
	f = r.opts.Redact.Flow(f)
	head := newWireHead(f)
	rec := &record{Kind: kindEnd, At: r.h.opts.Now(), ID: f.ID(), Head: &head}
	j := &job{}
	if a := f.Last(); a != nil {
		b := *a
		if b.Result != nil && len(b.Result.Body) > inlineBody {
			b.answerHash = hashOf(b.Result.Body)
			j.hash, j.body = b.answerHash, b.Result.Body
		}
		w := newWireAttempt(&b)
		rec.Attempt = &w
	}
	r.put(j, rec, false)
}

// Settled writes what the relay said of an attempt.
func (r *Recorder) Settled(s tunnel.Settlement) {
	rec := settledRecord(s, r.h.opts.Now())
	r.put(&job{}, &rec, false)
}

// put hands a record to Run. Where it must be written before the caller goes
// on, it waits for that too.
func (r *Recorder) put(j *job, rec *record, wait bool) {
	j.rec = rec
	queued := false
	select {
	case r.queue <- j:
		queued = true
	default:
	}
	if !queued && r.behind.Load() {
		r.lose(ErrBehind)
		return
	}
	if !queued || wait && !r.behind.Load() {
		r.wait(j, queued, wait)
	}
	select {
	case <-r.ended: // nobody reads the queue any more
		r.drop()
	default:
	}
}

// wait holds the caller up until the record is queued, and written where that
// is asked for, but no longer than the options say.
func (r *Recorder) wait(j *job, queued, written bool) {
	timer := time.NewTimer(r.opts.Wait)
	defer timer.Stop()
	if !queued {
		select {
		case r.queue <- j:
		case <-r.ended:
			r.lose(errEnded)
			return
		case <-timer.C:
			r.behind.Store(true)
			r.lose(ErrBehind)
			return
		}
	}
	if !written {
		return
	}
	select {
	case <-j.done:
	case <-r.ended:
	case <-timer.C: // it stays in the queue
		r.behind.Store(true)
	}
}

var errEnded = errors.New("recording has ended")

// drop counts what came into the queue after the end.
func (r *Recorder) drop() {
	for {
		select {
		case j := <-r.queue:
			j.finish()
			r.lose(errEnded)
		default:
			return
		}
	}
}

func (j *job) finish() {
	if j.done != nil {
		close(j.done)
	}
}

// lose counts a record that is not written, and says so the first time.
func (r *Recorder) lose(err error) {
	lost := r.lost.Add(1)
	if r.failing.CompareAndSwap(false, true) {
		r.opts.Trouble(err, lost)
	}
}

// pruneEvery is how often the bounds of the history are looked after.
const pruneEvery = 10 * time.Minute

// Run writes until ctx ends, and then what is still in the queue. It also
// keeps the history within its bounds.
func (r *Recorder) Run(ctx context.Context) error {
	pruned := make(chan struct{})
	go func() {
		defer close(pruned)
		r.prune(ctx)
	}()
	defer func() {
		close(r.ended)
		r.drop()
		<-pruned
	}()
	for {
		select {
		case j := <-r.queue:
			r.batch(j)
		case <-ctx.Done():
			for {
				select {
				case j := <-r.queue:
					r.batch(j)
				default:
					return ctx.Err()
				}
			}
		}
	}
}

func (r *Recorder) prune(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		r.h.Prune() // what it cannot do now it does the next time
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// batch writes j and what waits behind it at once. Here the records become
// JSON, in one buffer and on one stack, and not where each delivery is handled.
func (r *Recorder) batch(j *job) {
	r.lines.Reset()
	var jobs []*job
	flows, yielded := 0, false
	for j != nil {
		if err := r.add(j); err != nil {
			j.finish()
			r.lose(fmt.Errorf("writing to the history: %w", err))
		} else {
			jobs, flows = append(jobs, j), flows+j.flows
		}
		if r.lines.Len() >= batchBytes {
			break
		}
		if j = r.next(); j == nil && !yielded {
			yielded = true
			runtime.Gosched() // others may be about to add to this write
			j = r.next()
		}
	}
	r.flush(r.lines.Bytes(), jobs, flows)
	if r.lines.Cap() > keptBatch {
		r.lines = bytes.Buffer{}
	}
}

// next is a job that waits, or nil.
func (r *Recorder) next() *job {
	select {
	case j := <-r.queue:
		return j
	default:
		return nil
	}
}

// add writes a body beside, and its record to the batch.
func (r *Recorder) add(j *job) error {
	if j.body != nil {
		if err := (folderBodies{r.h.root}).keep(j.hash, j.body, r.h.opts.Now()); err != nil {
			return err
		}
	}
	start := r.lines.Len()
	err := j.rec.encode(&r.lines)
	if n := r.lines.Len() - start; err == nil && n > maxLine {
		err = fmt.Errorf("a record of %d bytes", n)
	}
	if err != nil {
		r.lines.Truncate(start)
	}
	return err
}

func (r *Recorder) flush(lines []byte, jobs []*job, flows int) {
	if len(jobs) == 0 {
		return
	}
	err := r.h.write(lines, flows)
	for _, j := range jobs {
		if err != nil {
			r.lose(fmt.Errorf("writing to the history: %w", err))
		}
		j.finish()
	}
	if err != nil {
		return
	}
	r.behind.Store(false)
	if len(r.queue) == 0 && r.failing.CompareAndSwap(true, false) {
		r.opts.Trouble(nil, r.lost.Load())
	}
}
