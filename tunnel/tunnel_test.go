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

// side is a relay of one endpoint in a test: it accepts pipes and runs
// sessions over them as package relay does.
type side struct {
	t        *testing.T
	mu       sync.Mutex
	session  *Session
	hellos   []Hello
	resume   func(h Hello, s *Session) // before Run
	welcome  Welcome
	conns    []relayEnd // the relay's ends
	polls    bool       // over polls instead of pipes
	runs     sync.WaitGroup
	refuse   error
	sessions chan *Session
	paused   chan string
	resumed  chan struct{}
	ended    chan error
}

func newSide(t *testing.T) *side {
	return &side{
		t: t, sessions: make(chan *Session, 16), paused: make(chan string, 16), resumed: make(chan struct{}, 16), ended: make(chan error, 64),
		welcome: Welcome{Epoch: 1, URL: "https://r.example/h/x/", Window: Window{64, 64 << 20}, MaxBody: DefaultMaxBody, MaxAnswer: 1 << 20},
	}
}

func (s *side) dial(ctx context.Context) (Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return nil, s.refuse
	}
	a, b := s.pair()
	s.conns = append(s.conns, b)
	s.runs.Go(func() {
		h, err := ReadHello(context.Background(), b)
		if err != nil {
			s.ended <- err
			b.end(err)
			return
		}
		w := s.welcome
		ses := NewSession(context.Background(), b, h, SessionOptions{
			Welcome: w,
			Paused:  func(r string) { s.paused <- r },
			Resumed: func() { s.resumed <- struct{}{} },
		})
		s.mu.Lock()
		s.hellos = append(s.hellos, h)
		s.session = ses
		resume := s.resume
		s.mu.Unlock()
		if resume != nil {
			resume(h, ses)
		}
		s.sessions <- ses
		err = ses.Run()
		b.end(err)
		s.ended <- err
	})
	return a, nil
}

// run starts a client in the bubble; stop ends it and waits.
func (s *side) run(c *Client) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan error, 1)
	go func() { out <- c.Run(ctx) }()
	return func() error {
		cancel()
		err := <-out
		s.runs.Wait()
		return err
	}
}

func webhook(body []byte) *Delivery {
	return &Delivery{ID: NewID(time.Now()), Attempt: 1, ReceivedAt: time.Now(), Method: "POST", Target: "/", Body: body}
}

func replying(status int) HandlerFunc {
	return func(_ context.Context, d *Delivery) (*Result, error) {
		return &Result{Status: status, Header: Header{{"X-Method", d.Method}}, Body: d.Body, Size: int64(len(d.Body))}, nil
	}
}

func send(t *testing.T, s *Session, d *Delivery) <-chan Outcome {
	t.Helper()
	out := make(chan Outcome, 1)
	if err := s.Deliver(context.Background(), d, nil, func(o Outcome) { out <- o }); err != nil {
		t.Fatalf("deliver: %v", err)
	}
	return out
}

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
		second := send(t, ses, webhook(make([]byte, 1<<20)))
		small := send(t, ses, webhook([]byte("x")))
		<-big
		<-second
		<-small
		stop()
		if !slices.Equal(order, []int{1, 1 << 20, 20 << 20}) {
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

func TestSilenceIsNoticedWithin25Seconds(t *testing.T) {
	for _, who := range []string{"listener freezes", "relay freezes"} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSide(t)
				lost := make(chan time.Time, 1)
				var dialed *pipeEnd
				dials := 0
				c := NewClient(ClientOptions{
					Dial: func(ctx context.Context) (Conn, error) {
						if dials++; dials > 1 {
							return nil, errors.New("one dial is enough")
						}
						conn, err := s.dial(ctx)
						dialed = conn.(*pipeEnd)
						return conn, err
					}, Endpoint: "x", Handler: replying(200),
					Events: func(e Event) {
						if l, ok := e.(Lost); ok && l.Was {
							if !errors.Is(l.Err, ErrDead) {
								t.Errorf("lost by %v", l.Err)
							}
							lost <- time.Now()
						}
					},
				})
				stop := s.run(c)
				<-s.sessions
				time.Sleep(3*time.Hour + 7*time.Second) // idle links live
				select {
				case err := <-s.ended:
					t.Fatalf("idle link ended: %v", err)
				default:
				}
				froze := time.Now()
				if who == "relay freezes" {
					s.conns[0].silence()
					if d := (<-lost).Sub(froze); d > DeadAfter {
						t.Errorf("listener noticed after %s", d)
					}
				} else {
					dialed.silence()
					if err := <-s.ended; !errors.Is(err, ErrDead) {
						t.Errorf("relay ended with %v", err)
					}
					if d := time.Since(froze); d > DeadAfter {
						t.Errorf("relay noticed after %s", d)
					}
				}
				s.conns[0].end(errors.New("gone"))
				stop()
			})
		})
	}
}

func TestRedialIsJitteredAndForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t)
		s.refuse = errors.New("connection refused")
		var waits []time.Duration
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: replying(200), Events: func(e Event) {
			if l, ok := e.(Lost); ok {
				waits = append(waits, l.Retry)
			}
		}})
		stop := s.run(c)
		began := time.Now()
		time.Sleep(24 * time.Hour)
		s.mu.Lock()
		s.refuse = nil
		s.mu.Unlock()
		<-s.sessions
		stop()
		if n := len(waits); n < 24*3600/30 || n > 24*3600/10 {
			t.Errorf("%d dials in a day", n)
		}
		_ = began
		var sum time.Duration
		distinct := map[time.Duration]bool{}
		for i, w := range waits {
			bound := min(minBackoff<<min(i, 10), maxBackoff)
			if sum < time.Minute {
				bound = min(bound, firstMinute)
			}
			if w > bound {
				t.Errorf("wait %d is %s, bound %s", i, w, bound)
			}
			sum += w
			distinct[w] = true
		}
		if len(distinct) < len(waits)/2 {
			t.Errorf("only %d distinct waits of %d: no jitter", len(distinct), len(waits))
		}
	})
}

func TestWakeFromSleepRedialsAtOnce(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		var mu sync.Mutex
		slept := time.Duration(0)
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: replying(200), wall: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(slept)
		}})
		stop := s.run(c)
		<-s.sessions
		time.Sleep(time.Minute)
		s.conns[0].silence()
		mu.Lock()
		slept = time.Hour // the wall clock went on, the monotonic one did not
		mu.Unlock()
		began := time.Now()
		<-s.sessions
		if d := time.Since(began); d > 2*sleepStep {
			t.Errorf("redialled after %s", d)
		}
		s.conns[0].end(errors.New("gone"))
		stop()
	})
}

// The listener is back after the link broke: what ran goes on and is answered
// once; what was answered is sent again; what the relay forgot is dropped.
func TestResumption(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		finish := make(chan struct{})
		calls := map[string]int{}
		var mu sync.Mutex
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: HandlerFunc(func(_ context.Context, d *Delivery) (*Result, error) {
			mu.Lock()
			calls[d.Target]++
			mu.Unlock()
			if d.Target != "/answered" {
				<-finish
			}
			return &Result{Status: 200, Body: []byte(d.Target)}, nil
		})})
		stop := s.run(c)
		ses := <-s.sessions
		var ids []ID
		lost := make(chan Outcome, 3)
		for _, target := range []string{"/running", "/forgotten"} {
			d := webhook(nil)
			d.Target = target
			ids = append(ids, d.ID)
			if err := ses.Deliver(context.Background(), d, nil, func(o Outcome) { lost <- o }); err != nil {
				t.Fatal(err)
			}
		}
		d := webhook(nil)
		d.Target = "/answered"
		<-send(t, ses, d) // answered, but the relay never says settled
		synctest.Wait()

		late := make(chan Outcome, 3)
		s.mu.Lock()
		s.resume = func(h Hello, ses *Session) {
			for _, o := range h.Open {
				if o.ID != ids[1] {
					ses.Resume(o.ID, o.Attempt, 0, func(o Outcome) { late <- o })
				}
			}
		}
		s.mu.Unlock()
		s.conns[0].end(errors.New("cut"))
		for range 2 {
			if o := <-lost; !o.Lost() {
				t.Errorf("outcome %+v after the cut", o)
			}
		}
		<-s.sessions
		if o := <-late; string(o.Result.Body) != "/answered" {
			t.Errorf("first late answer %q", o.Result.Body)
		}
		close(finish)
		if o := <-late; string(o.Result.Body) != "/running" {
			t.Errorf("second late answer %q", o.Result.Body)
		}
		hello := s.hellos[1]
		if hello.Epoch != 1 || hello.Instance != s.hellos[0].Instance || len(hello.Open) != 3 {
			t.Errorf("redial said %+v", hello)
		}
		s.session.Settled(Settlement{ID: ids[0], Attempt: 1, Fate: Completed}, Settlement{ID: d.ID, Attempt: 1, Fate: Completed})
		synctest.Wait()
		c.mu.Lock()
		if len(c.open) != 0 || c.kept != 0 || c.used != (Window{}) {
			t.Errorf("left: %d open, %d bytes, window %+v", len(c.open), c.kept, c.used)
		}
		c.mu.Unlock()
		stop()
		for target, n := range calls {
			if n != 1 {
				t.Errorf("%s ran %d times", target, n)
			}
		}
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

func TestGoAwayTellsWhenToRedial(t *testing.T) {
	overBoth(t, func(t *testing.T, s *side) {
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Handler: replying(200)})
		stop := s.run(c)
		ses := <-s.sessions
		ses.GoAway(20 * time.Second)
		if err := ses.Deliver(context.Background(), webhook(nil), nil, nil); !errors.Is(err, ErrPaused) {
			t.Errorf("deliver after goaway: %v", err)
		}
		ses.Close(CloseRestart, "")
		began := time.Now()
		<-s.sessions
		if d := time.Since(began); d < 10*time.Second || d > 21*time.Second {
			t.Errorf("redialled after %s", d)
		}
		stop()
	})
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
