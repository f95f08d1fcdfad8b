package relay

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// show is GET /v1/endpoints/ID.
func (s *Server) show(r *http.Request, h *hub) (int, any, error) {
	v, err := s.view(r.Context(), h, r.PathValue("id"), s.proxies.Client(r))
	return http.StatusOK, v, err
}

// alter changes the record and shows it.
func (s *Server) alter(r *http.Request, h *hub, fn func(*Endpoint) error) (int, any, error) {
	if _, err := h.update(r.Context(), fn); err != nil {
		return 0, nil, err
	}
	s.due()
	return s.show(r, h)
}

// change is PATCH /v1/endpoints/ID. ttl counts from now.
func (s *Server) change(r *http.Request, h *hub) (int, any, error) {
	var req EndpointRequest
	if err := decode(r, &req); err != nil {
		return 0, nil, err
	}
	now := time.Now().UTC()
	return s.alter(r, h, func(ep *Endpoint) error {
		if _, why, closed := ep.Closed(now); closed && why == Revoked {
			return problemGone(Revoked)
		}
		return s.apply(ep, &req, now)
	})
}

// stop is POST /v1/endpoints/ID/stop: intake answers 503 until start.
func (s *Server) stop(r *http.Request, h *hub) (int, any, error) {
	return s.alter(r, h, func(ep *Endpoint) error { ep.Stopped = true; return nil })
}

// start is POST /v1/endpoints/ID/start.
func (s *Server) start(r *http.Request, h *hub) (int, any, error) {
	return s.alter(r, h, func(ep *Endpoint) error { ep.Stopped = false; return nil })
}

// revoke is DELETE /v1/endpoints/ID: intake is closed for ever and the queue
// deleted. One that still holds deliveries wants ?force=true.
func (s *Server) revoke(r *http.Request, h *hub) (int, any, error) {
	depth, err := s.store.Depth(r.Context(), h.id)
	if err != nil {
		return 0, nil, err
	}
	if n := depth.Pending + depth.Dead; n > 0 && r.URL.Query().Get("force") != "true" {
		return 0, nil, problemConflict(fmt.Sprintf(
			"%d pending and %d dead deliveries (%d bytes) would be deleted. Send force=true to delete them.", depth.Pending, depth.Dead, depth.Bytes))
	}
	now := time.Now().UTC()
	if _, err := h.update(r.Context(), func(ep *Endpoint) error {
		if ep.RevokedAt.IsZero() {
			ep.RevokedAt = now
		}
		ep.Keep = 0
		return nil
	}); err != nil {
		return 0, nil, err
	}
	s.log.Info("endpoint revoked", "endpoint", h.label(), "pending", depth.Pending, "dead", depth.Dead)
	if err := s.purge(r.Context(), h.id, "revoked"); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, nil
}

// rotate is POST /v1/endpoints/ID/rotate: a new id, while the old one stays
// valid for an overlap.
func (s *Server) rotate(r *http.Request, h *hub) (int, any, error) {
	var req RotateRequest
	if err := decode(r, &req); err != nil {
		return 0, nil, err
	}
	overlap := defaultOverlap
	if req.Overlap != nil {
		if overlap = time.Duration(*req.Overlap) * time.Second; *req.Overlap < 0 || *req.Overlap > seconds(s.opts.MaxTTL) {
			return 0, nil, problemBadRequest(fmt.Sprintf("overlap is %d: it must be from 0 to %d.", *req.Overlap, seconds(s.opts.MaxTTL)))
		}
	}
	id := s.keys.NewID()
	now := time.Now().UTC()
	if _, err := h.update(r.Context(), func(ep *Endpoint) error {
		if _, why, closed := ep.Closed(now); closed {
			return problemGone(why)
		}
		ids := slices.DeleteFunc(slices.Clone(ep.IDs), func(p PublicID) bool { return !p.Until.IsZero() && !p.Until.After(now) })
		if len(ids) >= maxOldIDs {
			return problemConflict(fmt.Sprintf("%d older ids are still valid. Wait until their overlap ends, or rotate with a shorter one.", len(ids)))
		}
		ids[0].Until = now.Add(overlap)
		ep.IDs = slices.Insert(ids, 0, PublicID{Hash: HashOf(id)})
		return nil
	}); err != nil {
		return 0, nil, err
	}
	v, err := s.view(r.Context(), h, id, s.proxies.Client(r))
	return http.StatusOK, v, err
}
