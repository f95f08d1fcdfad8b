package tunnel

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Of several targets one may be down without a pause; when all are, there is
// one, and it ends as soon as one of them is back.
func TestPausesOnlyWhenNoTargetIsReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t)
		var others atomic.Bool
		others.Store(true)
		var asked atomic.Int32
		c := NewClient(ClientOptions{
			Dial: s.dial, Endpoint: "x",
			Handler: HandlerFunc(func(context.Context, *Delivery) (*Result, error) { return nil, &Failure{Refused, "localhost:3000"} }),
			Probe: func(context.Context) error {
				if others.Load() {
					return nil
				}
				return errors.New("refused")
			},
			Spared: func(context.Context) bool { asked.Add(1); return others.Load() },
		})
		stop := s.run(c)
		ses := <-s.sessions
		if o := <-send(t, ses, webhook(nil)); o.Failure == nil || !o.Failure.Kind.Unreachable() {
			t.Fatalf("outcome %+v", o)
		}
		time.Sleep(time.Minute)
		if ses.Paused() || asked.Load() != 1 {
			t.Errorf("paused %t, asked %d times", ses.Paused(), asked.Load())
		}
		others.Store(false)
		<-send(t, ses, webhook(nil))
		<-s.paused
		others.Store(true)
		<-s.resumed
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
