package tunnel

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
		time.Sleep(24 * time.Hour)
		s.mu.Lock()
		s.refuse = nil
		s.mu.Unlock()
		<-s.sessions
		stop()
		if n := len(waits); n < 24*3600/30 || n > 24*3600/10 {
			t.Errorf("%d dials in a day", n)
		}
		var sum time.Duration
		distinct := map[time.Duration]bool{}
		for i, w := range waits {
			bound := maxBackoff
			switch { // docs/protocol.md
			case sum < 5*time.Second:
				bound = min(250*time.Millisecond<<min(i, 10), 500*time.Millisecond)
			case sum < time.Minute:
				bound = 2 * time.Second
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
