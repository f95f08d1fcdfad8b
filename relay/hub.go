package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// hub is one endpoint that is in use on this relay: its record as last read,
// the session of its listener when it is attached here, and what is under way.
// A hub without a session costs nothing but its record and may be dropped at
// any time.
type hub struct {
	s  *Server
	id EndpointID

	// attaching serialises listeners; taken before mu.
	attaching sync.Mutex
	// order serialises the admission of webhooks of an ordered endpoint; taken
	// before mu.
	order sync.Mutex

	mu      sync.Mutex
	ep      Endpoint
	stale   bool      // the record has changed elsewhere
	used    time.Time // last request or listener, newer than ep.UsedAt
	writing bool      // used is being written
	session *tunnel.Session
	began   time.Time   // of session
	closing CloseReason // intake was closed in the life of session, and it was told
	purged  bool        // it is being deleted here: purge tells the session, with what is lost
	live    int         // live attempts under way
	lives   map[tunnel.ID]*attempt
	leases  map[tunnel.ID]*lease
	wake    chan wake // to the dispatcher of session

	settling bool
	unsaid   []outcome // settled items that are not written yet
}

// lease is a queued item that a listener runs, or ran when its session ended.
type lease struct {
	item    Item
	attempt int
	session *tunnel.Session // nil: lost with its session
}

// wake says what a dispatcher has to look at.
type wake int

const (
	wakeNew wake = iota // the tail of the queue
	wakeAll             // all of it
)

// hub finds the endpoint that receives under a public id's hash.
func (s *Server) hub(ctx context.Context, id Hash) (*hub, error) {
	s.mu.Lock()
	h := s.byHash[id]
	s.mu.Unlock()
	if h != nil && !h.isStale() {
		return h, nil
	}
	seen := s.changes.Load()
	ep, err := s.store.Lookup(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.adopt(ep, seen), nil
}

// adopt makes ep, read when seen changes had been told of, the known record of
// its hub. When there were more since, it is read again before its next use.
func (s *Server) adopt(ep Endpoint, seen uint64) *hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hubs[ep.ID]
	if h == nil {
		s.makeRoom()
		h = &hub{s: s, id: ep.ID, used: ep.UsedAt}
		s.hubs[ep.ID] = h
	}
	h.mu.Lock()
	h.stale = s.changes.Load() != seen
	if ep.Epoch < h.ep.Epoch { // older than what is known
		h.stale = true
		ep = h.ep
	}
	for _, p := range h.ep.IDs {
		delete(s.byHash, p.Hash)
	}
	h.ep = ep
	h.mu.Unlock()
	for _, p := range ep.IDs {
		s.byHash[p.Hash] = h
	}
	return h
}

// maxHubs bounds the records held in memory. Hubs in use are not counted out,
// so the bound is soft by the number of tunnels.
const maxHubs = 16 << 10

// makeRoom drops idle hubs when there are too many. Guarded by s.mu.
func (s *Server) makeRoom() {
	if len(s.hubs) < maxHubs {
		return
	}
	n := 0
	for id, h := range s.hubs { // in random order
		if h.busy() {
			continue
		}
		s.drop(id, h)
		if n++; n >= maxHubs/8 {
			return
		}
	}
}

// drop forgets a hub. Guarded by s.mu.
func (s *Server) drop(id EndpointID, h *hub) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.ep.IDs {
		if s.byHash[p.Hash] == h {
			delete(s.byHash, p.Hash)
		}
	}
	delete(s.hubs, id)
	h.stale = true
}

// pin keeps a hub that has just got a listener: it may have been dropped for
// want of room meanwhile.
func (s *Server) pin(h *hub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	s.hubs[h.id] = h
	for _, p := range h.ep.IDs {
		s.byHash[p.Hash] = h
	}
}

// changed is told by the bus.
func (s *Server) changed(id EndpointID, what Change) {
	if what == RecordChanged {
		s.changes.Add(1)
	}
	s.mu.Lock()
	h := s.hubs[id]
	s.mu.Unlock()
	switch {
	case h == nil:
	case what == RecordChanged:
		h.mu.Lock()
		h.stale = true
		ses := h.session
		h.mu.Unlock()
		if ses != nil {
			s.spawn(func() { h.checkGone(ses) })
		}
	default:
		h.poke(wakeNew)
	}
}

// checkGone ends a session whose endpoint another relay has deleted.
func (h *hub) checkGone(ses *tunnel.Session) {
	_, err := h.fresh(h.s.ctx)
	h.mu.Lock()
	here := h.purged
	h.mu.Unlock()
	if errors.Is(err, ErrNotFound) && !here {
		ses.Close(tunnel.CloseGone, "the endpoint is gone")
	}
}

// purging says that the endpoint is being deleted here, or that it was not.
func (h *hub) purging(is bool) {
	h.mu.Lock()
	h.purged = is
	h.mu.Unlock()
}

func (h *hub) isStale() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stale
}

func (h *hub) busy() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.session != nil || h.live > 0 || len(h.leases) > 0 || h.settling || h.writing
}

// record is the endpoint as this relay knows it, with the last use that may
// not be written yet.
func (h *hub) record() Endpoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	ep := h.ep
	if h.session != nil {
		ep.UsedAt = time.Now()
	} else if h.used.After(ep.UsedAt) {
		ep.UsedAt = h.used
	}
	return ep
}

// fresh is record, read again when it has changed elsewhere.
func (h *hub) fresh(ctx context.Context) (Endpoint, error) {
	if h.isStale() {
		ep := h.record()
		seen := h.s.changes.Load()
		read, err := h.s.store.Lookup(ctx, ep.IDs[0].Hash)
		if err != nil {
			return ep, err
		}
		h.s.adopt(read, seen)
	}
	return h.record(), nil
}

// update changes the record in the store and here.
func (h *hub) update(ctx context.Context, fn func(*Endpoint) error) (Endpoint, error) {
	seen := h.s.changes.Load()
	ep, err := h.s.store.Update(ctx, h.id, fn)
	if err != nil {
		return ep, err
	}
	h.s.adopt(ep, seen)
	h.s.bus.Changed(h.id, RecordChanged) // here too: the next use reads it again
	return ep, nil
}

// touch notes a use. It is written only when a tenth of the idle time has
// passed since the last write: an endpoint then ends that much early at most,
// and only after a crash.
func (h *hub) touch(now time.Time) {
	h.mu.Lock()
	if now.After(h.used) {
		h.used = now
	}
	write := !h.writing && h.ep.Idle > 0 && now.Sub(h.ep.UsedAt) > h.ep.Idle/10
	if write {
		h.writing = true
	}
	h.mu.Unlock()
	if !write {
		return
	}
	h.s.spawn(func() {
		_, err := h.update(context.Background(), func(ep *Endpoint) error {
			if now.After(ep.UsedAt) {
				ep.UsedAt = now
			}
			return nil
		})
		h.mu.Lock()
		h.writing = false
		h.mu.Unlock()
		if err != nil {
			h.s.log.Warn("use not written", "endpoint", h.label(), "err", err)
		}
	})
}

// label names the endpoint in logs: never by its public id.
func (h *hub) label() slog.Value { return slog.Uint64Value(uint64(h.id)) }

// poke wakes the dispatcher, if a listener is attached here.
func (h *hub) poke(w wake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wake == nil {
		return
	}
	select {
	case h.wake <- w:
	default:
		if w == wakeAll { // a weaker word may be in the way
			select {
			case <-h.wake:
			default:
			}
			h.wake <- wakeAll // room was just made; mu keeps others out
		}
	}
}
