package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// relayEnd is the relay's end of a connection of a test.
type relayEnd interface {
	Conn
	Closer
	end(error)
	silence() // nothing comes through any more, and nobody is told
}

// pair is a connection of the transport that a test is about.
func (s *side) pair() (Conn, relayEnd) {
	if !s.polls {
		return newPipe(4)
	}
	w := &pollWire{PollConn: NewPollConn(), mute: make(chan struct{})}
	return w.listener(), w
}

// overBoth runs a test over pipes and over polls.
func overBoth(t *testing.T, test func(t *testing.T, s *side)) {
	for name, polls := range map[string]bool{"pipe": false, "poll": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSide(t)
				s.polls = polls
				test(t, s)
			})
		})
	}
}

// pollWire is a PollConn with an http.RoundTripper to it, without a network.
type pollWire struct {
	*PollConn
	mute chan struct{}
	once sync.Once

	// lose says which requests get lost, before or after the relay has seen
	// them.
	lose func(n int, r *http.Request) (before, after bool)
	mu   sync.Mutex
	n    int
}

func (w *pollWire) listener() *pollConn {
	return &pollConn{client: &http.Client{Transport: w}, url: "http://relay.test/v1/poll", session: "/s", secret: "x", key: "k", sent: 1}
}

func (w *pollWire) end(err error) { w.PollConn.end(err) }
func (w *pollWire) silence()      { w.once.Do(func() { close(w.mute) }) }

var errWire = errors.New("connection broken")

// RoundTrip implements http.RoundTripper.
func (w *pollWire) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-w.mute:
		<-r.Context().Done()
		return nil, r.Context().Err()
	default:
	}
	before, after := false, false
	if w.lose != nil {
		w.mu.Lock()
		w.n++
		before, after = w.lose(w.n, r)
		w.mu.Unlock()
	}
	if before {
		return nil, errWire
	}
	rec := httptest.NewRecorder()
	if r.Method == http.MethodGet {
		w.ServePoll(rec, r)
	} else {
		w.ServeSend(rec, r)
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	if after {
		return nil, errWire
	}
	return rec.Result(), nil
}

// A request or an answer that gets lost is sent again, and nothing comes twice
// or in another order.
func TestPollsMendLostRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &pollWire{PollConn: NewPollConn(), mute: make(chan struct{})}
		w.lose = func(n int, _ *http.Request) (before, after bool) { return n%3 == 1, n%3 == 2 }
		l := w.listener()
		const messages = 200
		check := func(name string, from, to Conn) {
			var both sync.WaitGroup
			both.Go(func() {
				for i := range messages {
					if err := from.Write(t.Context(), bytes.Repeat([]byte{byte(i)}, 1+i*97)); err != nil {
						t.Errorf("%s: writing %d: %v", name, i, err)
						return
					}
				}
			})
			for i := range messages {
				p, err := to.Read(t.Context())
				if err != nil {
					t.Errorf("%s: reading %d: %v", name, i, err)
					break
				}
				if len(p) != 1+i*97 || p[0] != byte(i) {
					t.Errorf("%s: message %d is %d bytes of %d", name, i, len(p), p[0])
				}
			}
			both.Wait()
		}
		check("up", l, w.PollConn)
		check("down", w.PollConn, l)
	})
}

func TestPollClosesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, fromRelay := range []bool{true, false} {
			w := &pollWire{PollConn: NewPollConn(), mute: make(chan struct{})}
			var from, to Conn = w.PollConn, w.listener()
			if !fromRelay {
				from, to = to, from
			}
			if err := from.Write(t.Context(), []byte("last")); err != nil {
				t.Fatal(err)
			}
			closed := make(chan error, 1)
			go func() { closed <- from.(Closer).Close(CloseTakenOver, strings.Repeat("x", 300)) }()
			if p, err := to.Read(t.Context()); err != nil || string(p) != "last" {
				t.Errorf("%q, %v", p, err)
			}
			_, err := to.Read(t.Context())
			var ce *CloseError
			if !errors.As(err, &ce) || ce.Code != CloseTakenOver || len(ce.Reason) != 120 {
				t.Errorf("%v", err)
			}
			if err := <-closed; err != nil {
				t.Errorf("closing: %v", err)
			}
		}
	})
}

// A relay whose listener is gone waits a moment, not for ever.
func TestPollCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewPollConn()
		began := time.Now()
		c.Close(CloseGone, "")
		if d := time.Since(began); d != closeWithin {
			t.Errorf("took %s", d)
		}
		if _, err := c.Read(t.Context()); !errors.Is(err, errSession) {
			t.Errorf("%v", err)
		}
		if err := c.Write(t.Context(), []byte("x")); !errors.Is(err, errSession) {
			t.Errorf("%v", err)
		}
	})
}

// get is one poll, as a recorder has it.
func get(c *PollConn, after string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	c.ServePoll(rec, httptest.NewRequest("GET", "/v1/poll/s?after="+after, nil))
	return rec
}

func put(c *PollConn, body []byte) int {
	rec := httptest.NewRecorder()
	c.ServeSend(rec, httptest.NewRequest("POST", "/v1/poll/s", bytes.NewReader(body)))
	return rec.Code
}

func TestPollHoldsOneRequestFor25Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewPollConn()
		began := time.Now()
		if rec := get(c, "0"); rec.Code != 204 || time.Since(began) != PollHold {
			t.Errorf("%d after %s", rec.Code, time.Since(began))
		}
		first := make(chan int, 1)
		go func() { first <- get(c, "0").Code }()
		synctest.Wait()
		second := make(chan *httptest.ResponseRecorder, 1)
		go func() { second <- get(c, "0") }()
		if code := <-first; code != 204 {
			t.Errorf("the older poll: %d", code)
		}
		if err := c.Write(t.Context(), []byte("m")); err != nil {
			t.Fatal(err)
		}
		if rec := <-second; rec.Code != 200 || rec.Body.String() != "\x01\x00\x01m" || rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("the newer poll: %d %q", rec.Code, rec.Body)
		}
		if rec := get(c, "0"); rec.Body.String() != "\x01\x00\x01m" {
			t.Errorf("again: %q", rec.Body) // its answer may have been lost
		}
		for after, want := range map[string]int{"": 400, "x": 400, "-1": 400, "2": 409} {
			if rec := get(c, after); rec.Code != want {
				t.Errorf("after %q: %d, want %d", after, rec.Code, want)
			}
		}
	})
}

func TestPollSendIsIdempotentAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewPollConn()
		batch := appendBatch(nil, 1, []pollItem{{message: []byte("a")}, {message: []byte("b")}})
		for range 2 {
			if code := put(c, batch); code != 204 {
				t.Errorf("batch: %d", code)
			}
		}
		if code := put(c, appendBatch(nil, 4, []pollItem{{message: []byte("d")}})); code != 409 {
			t.Errorf("a gap: %d", code)
		}
		if code := put(c, appendBatch(nil, 2, []pollItem{{message: []byte("b")}, {message: []byte("c")}})); code != 204 {
			t.Errorf("an overlap: %d", code)
		}
		for _, want := range []string{"a", "b", "c"} {
			if p, err := c.Read(t.Context()); err != nil || string(p) != want {
				t.Errorf("%q, %v, want %q", p, err, want)
			}
		}
		// A listener that sends faster than the relay reads is held up.
		big := pollItem{message: make([]byte, maxMessage)}
		n := uint64(4)
		for range pollWaiting / maxMessage {
			put(c, appendBatch(nil, n, []pollItem{big}))
			n++
		}
		older, held := make(chan int, 1), make(chan int, 1)
		go func() { older <- put(c, appendBatch(nil, n, []pollItem{big})) }()
		synctest.Wait()
		go func() { held <- put(c, appendBatch(nil, n, []pollItem{big})) }()
		if code := <-older; code != 503 {
			t.Errorf("the older post: %d", code)
		}
		synctest.Wait()
		select {
		case code := <-held:
			t.Errorf("too much is taken: %d", code)
		default:
		}
		if _, err := c.Read(t.Context()); err != nil {
			t.Error(err)
		}
		if code := <-held; code != 204 {
			t.Errorf("then: %d", code)
		}
		if code := put(c, []byte("nonsense")); code != 400 {
			t.Errorf("nonsense: %d", code)
		}
		if code := put(c, batch); code != 410 {
			t.Errorf("after nonsense: %d", code)
		}
		if code := get(c, "0").Code; code != 410 {
			t.Errorf("poll after nonsense: %d", code)
		}
		if code := put(NewPollConn(), make([]byte, maxFrame+4097)); code != 400 {
			t.Errorf("too large for a hello: %d", code)
		}
		c = NewPollConn()
		put(c, appendBatch(nil, 1, []pollItem{{message: []byte("hello")}}))
		if code := put(c, make([]byte, PollBody+1)); code != 400 {
			t.Errorf("too large: %d", code)
		}
	})
}

// A session has two posts in hand at most: nobody can pile up bodies in it.
func TestPollPostsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewPollConn()
		var bodies []*io.PipeWriter
		for range maxPosts {
			r, w := io.Pipe()
			bodies = append(bodies, w)
			go c.ServeSend(httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/poll/s", r))
		}
		synctest.Wait()
		if code := put(c, appendBatch(nil, 1, []pollItem{{message: []byte("a")}})); code != 429 {
			t.Errorf("a third: %d", code)
		}
		for _, w := range bodies {
			w.CloseWithError(errWire)
		}
		synctest.Wait()
		if code := put(c, appendBatch(nil, 1, []pollItem{{message: []byte("a")}})); code != 204 {
			t.Errorf("then: %d", code)
		}
	})
}

// What a listener does not fetch holds up the relay's writer, and nothing else.
func TestPollWriteWaitsForTheListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewPollConn()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		n := 0
		var err error
		for ; err == nil; n++ {
			err = c.Write(ctx, make([]byte, maxMessage))
		}
		if n > pollWaiting/maxMessage+3 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d messages taken: %v", n, err)
		}
	})
}

func TestPollGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			trip http.RoundTripper
			want string
		}{
			"broken":  {tripper(func(*http.Request) (*http.Response, error) { return nil, errWire }), "connection broken"},
			"proxy":   {status(502), "502"},
			"gone":    {status(410), errLost.Error()},
			"portal":  {status(200), "answered 200"},
			"refused": {status(403), "answered 403"},
		} {
			l := &pollConn{client: &http.Client{Transport: c.trip}, url: "http://relay.test/v1/poll", session: "/s", sent: 1}
			began := time.Now()
			err := l.Write(t.Context(), []byte("x"))
			if err == nil || !strings.Contains(err.Error(), c.want) || Final(err) {
				t.Errorf("%s: %v", name, err)
			}
			if d := time.Since(began); d > time.Minute {
				t.Errorf("%s: after %s", name, d)
			}
		}
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func status(code int) tripper {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader("no")), Request: r}, nil
	}
}

func FuzzPollBatch(f *testing.F) {
	f.Add([]byte("\x01\x00\x01m"))
	f.Add([]byte("\x02\x00\x00\x01\xa0\x1f\x01r"))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, p []byte) {
		first, items, err := decodeBatch(p)
		if err != nil {
			return
		}
		if again := appendBatch(nil, first, items); !bytes.Equal(again, p) {
			t.Errorf("%x is encoded as %x", p, again)
		}
	})
}
