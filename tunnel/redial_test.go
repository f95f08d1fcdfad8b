package tunnel

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A relay that lost its memory forgets what the listener runs and gives that
// room to others: the listener takes them.
func TestForgottenRunsDoNotBlockTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t)
		hold := make(chan struct{})
		var ran atomic.Int32
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", Window: Window{2, 1000}, Handler: HandlerFunc(func(context.Context, *Delivery) (*Result, error) {
			ran.Add(1)
			<-hold
			return &Result{Status: 200}, nil
		})})
		stop := s.run(c)
		ses := <-s.sessions
		send(t, ses, webhook(make([]byte, 100)))
		send(t, ses, webhook(make([]byte, 100)))
		synctest.Wait()
		s.conns[0].end(ErrDead) // and nothing is resumed
		ses = <-s.sessions
		synctest.Wait()
		out := send(t, ses, webhook(make([]byte, 100)))
		send(t, ses, webhook(make([]byte, 100)))
		synctest.Wait()
		if n := ran.Load(); n != 4 {
			t.Errorf("%d ran", n)
		}
		s.conns[1].end(ErrDead) // what is left is now known before the next hello
		ses = <-s.sessions
		if w := s.hellos[2].Window; w.Deliveries != 1 || w.Bytes != 800 {
			t.Errorf("hello says %+v beside two forgotten runs", w)
		}
		close(hold)
		synctest.Wait()
		select {
		case <-out:
		default:
			t.Error("the second run was not ended")
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.used != (Window{}) || c.orphans != (Window{}) {
			t.Errorf("in use: %+v, forgotten: %+v", c.used, c.orphans)
		}
		_ = ses
	})
}

// An answer over what the relay takes is sent without its body; it used to
// end the link, and every one after it.
func TestAnswersOverTheRelaysLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t)
		s.welcome.MaxAnswer = 10
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", NoRetry: true, Handler: HandlerFunc(func(_ context.Context, d *Delivery) (*Result, error) {
			h := Header{{"X-A", "1"}, {"X-Big", strings.Repeat("v", maxHeaderBytes)}, {"X-B", "2"}}
			return &Result{Status: 201, Header: h, Body: d.Body}, nil
		})})
		stop := s.run(c)
		ses := <-s.sessions
		for _, size := range []int{10, 11, 300 << 10} {
			o := <-send(t, ses, webhook(make([]byte, size)))
			if o.Result == nil {
				t.Fatalf("%d bytes: %+v", size, o)
			}
			if r := o.Result; r.Status != 201 || r.Omitted() != (size > 10) || r.Size != int64(size) || r.Header.Get("X-B") != "2" || r.Header.Get("X-Big") != "" {
				t.Errorf("%d bytes: %d, %d of %d", size, r.Status, len(r.Body), r.Size)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Long texts from one side are cut, not refused by the other.
func TestLongReasonsAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t)
		said := make(chan Event, 10)
		c := NewClient(ClientOptions{Dial: s.dial, Endpoint: "x", NoRetry: true, Events: func(e Event) {
			switch e.(type) {
			case Settlement, *Gap, Gap:
				said <- e
			}
		}, Handler: HandlerFunc(func(_ context.Context, d *Delivery) (*Result, error) { panic(strings.Repeat("p", 5000)) })})
		stop := s.run(c)
		ses := <-s.sessions
		d := webhook(nil)
		o := <-send(t, ses, d)
		if o.Failure == nil || o.Failure.Kind != Internal {
			t.Fatalf("got %+v", o)
		}
		ses.Settled(Settlement{ID: d.ID, Attempt: 1, Fate: Retried, Reason: "no answer: " + o.Failure.Error() + strings.Repeat("x", 2000)})
		ses.Gap(Gap{Count: 1, Reason: strings.Repeat("g", 5000)})
		for range 2 {
			select {
			case <-said:
			case <-time.After(time.Second):
				t.Fatal("the link broke")
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Pauses in a flood make the relay look through its queue again and again.
func TestPausesInAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t)
		s.paused, s.resumed = make(chan string, 1000), make(chan struct{}, 1000)
		a, err := s.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		msg := appendFrame(nil, &Hello{Endpoint: "x", Window: Window{1, 1}})
		a.Write(t.Context(), msg)
		<-s.sessions
		for range maxChanges / 2 {
			a.Write(t.Context(), appendFrame(appendFrame(nil, &pauseFrame{}), resumeFrame{}))
		}
		synctest.Wait()
		if len(s.ended) > 0 {
			t.Fatalf("ended at once: %v", <-s.ended)
		}
		time.Sleep(11 * time.Second) // the fake clock's
		for range maxChanges {
			a.Write(t.Context(), appendFrame(appendFrame(nil, &pauseFrame{}), resumeFrame{}))
		}
		if err := <-s.ended; closeCode(err) != CloseProtocol {
			t.Errorf("ended with %v", err)
		}
		s.runs.Wait()
	})
}
