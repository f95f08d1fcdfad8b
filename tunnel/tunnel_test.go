package tunnel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A relay may have webhooks at hand before the session runs.
func TestWelcomeComesFirst(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		out := make(chan Outcome, 2)
		s.resume = func(_ Hello, ses *Session) {
			for _, body := range [][]byte{nil, make([]byte, 300<<10)} {
				if err := ses.Deliver(t.Context(), webhook(body), nil, func(o Outcome) { out <- o }); err != nil {
					t.Error(err)
				}
			}
		}
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: replying(200), NoRetry: true})
		stop := s.run(c)
		for range 2 {
			if o := <-out; o.Result == nil {
				t.Errorf("outcome %+v", o)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestDeliveryAndAnswerAreExact(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		var got *Delivery
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: HandlerFunc(func(_ context.Context, d *Delivery) (*Result, error) {
			got = d
			return &Result{Status: 418, Header: Header{{"X-A", "1"}, {"X-A", "2"}}, Body: []byte{0, 1, 2}, Verdict: 5, Timing: Timing{time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond}}, nil
		})})
		stop := s.run(c)
		ses := <-s.sessions
		d := webhook([]byte("a\x00\xffb"))
		d.Header = Header{{"X-Dup", "1"}, {"X-Dup", "2"}}
		d.Target, d.Method, d.Budget = "/%2F//x?a=1&a=2", "PATCH", 8*time.Second
		out := <-send(t, ses, d)
		if out.Result == nil || out.Result.Status != 418 || !bytes.Equal(out.Result.Body, []byte{0, 1, 2}) || out.Result.Verdict != 5 ||
			!slices.Equal(out.Result.Header.Values("x-a"), []string{"1", "2"}) || out.Result.By != ByApplication || out.Result.Timing.Done != 3*time.Millisecond {
			t.Errorf("result %+v", out.Result)
		}
		if got.Target != d.Target || got.Method != d.Method || !bytes.Equal(got.Body, d.Body) || !slices.Equal(got.Header, d.Header) || got.Budget != d.Budget {
			t.Errorf("delivered %+v", got)
		}
		if err := stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

func TestBodiesOfAllSizesArriveWhole(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: HandlerFunc(func(_ context.Context, d *Delivery) (*Result, error) {
			sum := sha256.Sum256(d.Body)
			answer := d.Body[:min(len(d.Body), 1<<20)]
			return &Result{Status: 200, Header: Header{{"X-Sum", fmt.Sprintf("%x", sum)}}, Body: answer, Size: int64(len(d.Body))}, nil
		})})
		stop := s.run(c)
		ses := <-s.sessions
		var waits []func()
		for _, n := range []int{0, 1, maxInline - 1, maxInline, maxInline + 1, 2*maxInline + 1, 25 << 20} {
			body := make([]byte, n)
			r := rand.New(rand.NewPCG(1, uint64(n)))
			for i := range body {
				body[i] = byte(r.Uint32())
			}
			out := send(t, ses, webhook(body))
			waits = append(waits, func() {
				o := <-out
				if o.Result == nil {
					t.Fatalf("%d bytes: %v", n, o.Failure)
				}
				if got, want := o.Result.Header.Get("X-Sum"), fmt.Sprintf("%x", sha256.Sum256(body)); got != want {
					t.Errorf("%d bytes: sum %s, want %s", n, got, want)
				}
				if !bytes.Equal(o.Result.Body, body[:min(n, 1<<20)]) || o.Result.Size != int64(n) {
					t.Errorf("%d bytes: answer of %d (%d)", n, len(o.Result.Body), o.Result.Size)
				}
			})
		}
		for _, w := range waits {
			w()
		}
		stop()
	})
}

// While a large body is on its way, a small delivery passes it.
func TestSmallDeliveriesPassLargeOnes(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		var order []int
		var mu sync.Mutex
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: HandlerFunc(func(_ context.Context, d *Delivery) (*Result, error) {
			mu.Lock()
			order = append(order, len(d.Body))
			mu.Unlock()
			return &Result{Status: 200}, nil
		})})
		stop := s.run(c)
		ses := <-s.sessions
		big := send(t, ses, webhook(make([]byte, 20<<20)))
		second := send(t, ses, webhook(make([]byte, 8<<20)))
		small := send(t, ses, webhook([]byte("x")))
		<-big
		<-second
		<-small
		stop()
		if !slices.Equal(order, []int{1, 8 << 20, 20 << 20}) {
			t.Errorf("arrived in the order %v: the small one must pass, and the two large ones take turns", order)
		}
	})
}

// What waits while a message is being written leaves as one message.
func TestWriterGathersFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe(0)
		l := newLink(context.Background(), a)
		go l.write()
		l.send(&Notice{"first"})
		synctest.Wait() // the writer is in Write: nobody reads
		for range 10 {
			l.send(&Notice{"more"})
		}
		for i, want := range []int{1, 10} {
			msg, err := b.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for len(msg) > 0 {
				if _, _, msg, err = nextFrame(msg); err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != want {
				t.Errorf("message %d holds %d frames, want %d", i, n, want)
			}
		}
		l.fail(ErrClosed)
	})
}

func TestLargeBatchesAreCutBetweenFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe(64)
		l := newLink(context.Background(), a)
		for range 40 {
			l.send(&pieceFrame{ID{}, make([]byte, 30<<10)})
		}
		go l.write()
		n := 0
		for n < 40 {
			msg, err := b.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if len(msg) > maxBatch {
				t.Errorf("message of %d bytes", len(msg))
			}
			for len(msg) > 0 {
				if _, _, msg, err = nextFrame(msg); err != nil {
					t.Fatal(err)
				}
				n++
			}
		}
		l.fail(ErrClosed)
	})
}

func TestWindowHoldsDeliveriesBack(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		gate := make(chan struct{})
		running, most := 0, 0
		var mu sync.Mutex
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Window: Window{3, 1 << 20}, Handler: HandlerFunc(func(context.Context, *Delivery) (*Result, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			<-gate
			mu.Lock()
			running--
			mu.Unlock()
			return &Result{Status: 200}, nil
		})})
		stop := s.run(c)
		ses := <-s.sessions
		for range 3 {
			send(t, ses, webhook(nil))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if err := ses.Deliver(ctx, webhook(nil), nil, func(Outcome) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("fourth of three: %v", err)
		}
		cancel()
		entered := make(chan error, 2)
		go func() {
			entered <- ses.Deliver(context.Background(), webhook(make([]byte, 2<<20)), nil, func(Outcome) {})
		}()
		synctest.Wait()
		close(gate)
		if err := <-entered; err != nil { // larger than the window: it passes alone
			t.Errorf("large delivery: %v", err)
		}
		synctest.Wait()
		if most > 3 {
			t.Errorf("%d ran at once", most)
		}
		stop()
	})
}

func TestUnreachableTargetPausesUntilThePortOpens(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		var mu sync.Mutex
		var probes []time.Time
		down := true
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x",
			Handler: HandlerFunc(func(_ context.Context, d *Delivery) (*Result, error) {
				mu.Lock()
				defer mu.Unlock()
				if down {
					return nil, &Failure{Refused, "localhost:3000"}
				}
				return &Result{Status: 200}, nil
			}),
			Probe: func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				probes = append(probes, time.Now())
				if down {
					return errors.New("refused")
				}
				return nil
			}})
		stop := s.run(c)
		ses := <-s.sessions
		o := <-send(t, ses, webhook(nil))
		if o.Failure == nil || !o.Failure.Kind.Unreachable() {
			t.Fatalf("outcome %+v", o)
		}
		<-s.paused
		if err := ses.Deliver(context.Background(), webhook(nil), nil, nil); !errors.Is(err, ErrPaused) {
			t.Errorf("deliver while paused: %v", err)
		}
		time.Sleep(time.Minute)
		s.conns[0].end(errors.New("cut")) // a redial keeps the pause
		ses = <-s.sessions
		if !s.hellos[1].Paused {
			t.Error("the redial does not say that it is paused")
		}
		mu.Lock()
		down = false
		mu.Unlock()
		began := time.Now()
		<-s.resumed
		if d := time.Since(began); d > probeEvery+time.Second {
			t.Errorf("resumed after %s", d)
		}
		if o := <-send(t, ses, webhook(nil)); o.Result == nil {
			t.Errorf("after resume: %+v", o)
		}
		for i := 1; i < len(probes); i++ {
			if d := probes[i].Sub(probes[i-1]); d < probeEvery {
				t.Errorf("probes %s apart", d)
			}
		}
		if n := len(probes); n < 20 {
			t.Errorf("only %d probes in a minute", n)
		}
		stop()
	})
}

func TestStopDrains(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: HandlerFunc(func(ctx context.Context, d *Delivery) (*Result, error) {
			if d.Target == "/slow" {
				select {
				case <-time.After(time.Hour):
				case <-ctx.Done():
					return nil, &Failure{Abandoned, ""}
				}
			}
			time.Sleep(time.Second)
			return &Result{Status: 200}, nil
		})})
		stop := s.run(c)
		ses := <-s.sessions
		quick := webhook(nil)
		slow := webhook(nil)
		slow.Target = "/slow"
		quickOut, slowOut := send(t, ses, quick), send(t, ses, slow)
		synctest.Wait()
		go func() {
			o := <-quickOut
			if o.Result == nil {
				t.Errorf("quick one: %+v", o)
			}
			ses.Settled(Settlement{ID: quick.ID, Attempt: 1, Fate: Answered})
		}()
		began := time.Now()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > DefaultDrain+time.Second {
			t.Errorf("stopped after %s", d)
		}
		if o := <-slowOut; o.Failure == nil || o.Failure.Kind != Abandoned {
			t.Errorf("slow one: %+v", o)
		}
		if err := <-s.ended; closeCode(err) != CloseNormal {
			t.Errorf("relay saw %v", err)
		}
	})
}

// A relay that reads nothing, and does not let the link die, holds up nobody who
// wants to stop.
func TestStopDoesNotWaitForARelayThatReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newPipe(1)
		ctx, cancel := context.WithCancel(t.Context())
		c := NewClient(ClientOptions{Dial: func(context.Context) (Conn, error) { return near, nil }, Endpoint: "x", Handler: replying(200)})
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		if _, err := far.Read(ctx); err != nil { // hello
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() {
			far.Write(t.Context(), encoded(aWelcome))
			for far.Write(t.Context(), encoded(&pingFrame{1})) == nil { // asks for more than fits
				time.Sleep(time.Second)
			}
		})
		time.Sleep(10 * time.Second)
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > DefaultDrain+2*closeWithin {
			t.Errorf("stopped after %s", d)
		}
		far.end(errors.New("gone"))
		all.Wait()
	})
}

func TestFinalCodesEndTheClient(t *testing.T) {
	for code, final := range map[CloseCode]bool{
		CloseUnauthorised: true, CloseUnknown: true, CloseGone: true, CloseTakenOver: true, CloseVersion: true,
		CloseQuota: false, CloseRestart: false, CloseProtocol: false,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSide(t)
			c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: replying(200)})
			out := make(chan error, 1)
			ctx, cancel := context.WithCancel(context.Background())
			go func() { out <- c.Run(ctx) }()
			(<-s.sessions).Close(code, "because")
			if final {
				if err := <-out; closeCode(err) != code {
					t.Errorf("code %d: %v", code, err)
				}
			} else {
				(<-s.sessions).Notice("back")
				cancel()
				<-out
			}
			cancel()
			s.runs.Wait()
		})
	}
}

func TestSenderGone(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		gone := make(chan SenderGone, 1)
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x",
			Handler: HandlerFunc(func(context.Context, *Delivery) (*Result, error) {
				time.Sleep(time.Minute)
				return &Result{Status: 200}, nil
			}),
			Events: func(e Event) {
				if g, ok := e.(SenderGone); ok {
					gone <- g
				}
			}})
		stop := s.run(c)
		ses := <-s.sessions
		d := webhook([]byte("x"))
		out := send(t, ses, d)
		synctest.Wait()
		ses.Cancel(d.ID, 3*time.Second)
		if g := <-gone; g.ID != d.ID || g.After != 3*time.Second {
			t.Errorf("told %+v", g)
		}
		if o := <-out; o.Result == nil {
			t.Errorf("the running request was aborted: %+v", o)
		}
		stop()
	})
}
