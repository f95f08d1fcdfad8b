package tunnel

import (
	"context"
	"sync"
	"testing"
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
