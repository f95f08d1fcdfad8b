package relay

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookrelay/hook/tunnel"
)

// The bounds of tunnels over polls.
const (
	maxPollSessions = 4096
	// A listener's requests within one session, per second and at once: a
	// WebSocket's messages are not counted, but each of these is a request.
	pollRate, pollBurst = 200, 500
)

// polls are the sessions of listeners that cannot have a WebSocket.
type polls struct {
	mu      sync.Mutex // guards what follows
	open    map[string]*pollSession
	changed chan struct{} // replaced when a session ends
}

// pollSession is one of them. It is served to whoever shows the owner key it
// was opened with and the secret that was issued for it.
type pollSession struct {
	conn        *tunnel.PollConn
	key, secret Hash
	limit       *rate.Limiter

	mu      sync.Mutex
	session *tunnel.Session // once the listener is attached
}

func newPolls() *polls {
	return &polls{open: make(map[string]*pollSession), changed: make(chan struct{})}
}

// add makes a session; false when there are too many.
func (p *polls) add(key string) (opened tunnel.PollOpened, ses *pollSession, ok bool) {
	opened = tunnel.PollOpened{Session: rand.Text(), Secret: rand.Text() + rand.Text()}
	ses = &pollSession{
		conn: tunnel.NewPollConn(), key: HashOf(key), secret: HashOf(opened.Secret), limit: rate.NewLimiter(pollRate, pollBurst),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) >= maxPollSessions {
		return opened, nil, false
	}
	p.open[opened.Session] = ses
	return opened, ses, true
}

func (p *polls) remove(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, name)
	close(p.changed)
	p.changed = make(chan struct{})
}

// find is the session of a request, nil unless it may use it.
func (p *polls) find(r *http.Request) *pollSession {
	p.mu.Lock()
	ses := p.open[r.PathValue("session")]
	p.mu.Unlock()
	key, ok := bearer(r)
	if ses == nil || !ok {
		return nil
	}
	k, s := HashOf(key), HashOf(r.Header.Get(tunnel.PollSecret))
	if subtle.ConstantTimeCompare(k[:], ses.key[:])&subtle.ConstantTimeCompare(s[:], ses.secret[:]) != 1 {
		return nil
	}
	return ses
}

// leave sends all listeners away and waits until they have gone: once the
// relay takes no more connections they could not answer.
func (p *polls) leave(ctx context.Context) {
	told := make(map[*pollSession]bool)
	for {
		p.mu.Lock()
		left, changed := len(p.open), p.changed
		for _, ses := range p.open {
			if told[ses] {
				continue
			}
			told[ses] = true
			ses.mu.Lock()
			if ses.session != nil {
				ses.session.CloseWhenIdle(tunnel.CloseRestart, "the relay restarts")
			} else {
				ses.conn.Abort()
			}
			ses.mu.Unlock()
		}
		p.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// openPoll serves POST /v1/poll: a listener whose WebSocket does not get
// through opens a session. Whether its key fits an endpoint is judged when it
// has said hello, as on a WebSocket.
func (s *Server) openPoll(w http.ResponseWriter, r *http.Request) {
	key, ok := bearer(r)
	if !ok {
		problemUnauthorized().write(w)
		return
	}
	if s.draining() {
		problemShutdown(retrySoon).write(w)
		return
	}
	c := s.proxies.Client(r)
	if ok, after := s.rates.Attach(c.Addr); !ok {
		s.metrics.limited("attach")
		problemRate(after).write(w)
		return
	}
	opened, ses, ok := s.polls.add(key)
	if !ok {
		s.metrics.limited("attach")
		problemRate(retrySoon).write(w)
		return
	}
	base := s.base(c)
	if !s.spawn(func() {
		defer s.polls.remove(opened.Session)
		defer ses.conn.Abort()
		s.serveTunnel(ses.conn, key, base, func(t *tunnel.Session) {
			ses.mu.Lock()
			defer ses.mu.Unlock()
			ses.session = t
		})
	}) {
		s.polls.remove(opened.Session)
		problemShutdown(retrySoon).write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(opened)
}

// poll serves GET /v1/poll/{session}: what the relay has for the listener.
func (s *Server) poll(w http.ResponseWriter, r *http.Request) {
	if ses := s.pollSession(w, r); ses != nil {
		ses.conn.ServePoll(w, r)
	}
}

// pollSend serves POST /v1/poll/{session}: what the listener has for the relay.
func (s *Server) pollSend(w http.ResponseWriter, r *http.Request) {
	if ses := s.pollSession(w, r); ses != nil {
		ses.conn.ServeSend(w, r)
	}
}

// pollSession finds the session of a request within its limits; nil: it has
// been answered.
func (s *Server) pollSession(w http.ResponseWriter, r *http.Request) *pollSession {
	ses := s.polls.find(r)
	if ses == nil {
		if p := s.missed(s.proxies.Client(r)); p != nil {
			p.write(w)
			return nil
		}
		problemNotFound().write(w)
		return nil
	}
	if ok, after := allow(ses.limit, time.Now()); !ok {
		s.metrics.limited("poll")
		problemRate(after).write(w)
		return nil
	}
	return ses
}
