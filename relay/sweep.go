package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

const (
	sweepStep  = 100         // endpoints purged before others get a turn
	sweepRest  = time.Minute // longest time between looks: the wall clock may jump
	sweepPause = 10 * time.Millisecond
)

// sweepUntil deletes what is due until the server ends. It sleeps until the
// next moment that the store knows of; endpoints are never polled.
func (s *Server) sweepUntil() {
	var clock stepWatch
	for {
		now := time.Now()
		step, purge := clock.look(s.opts.wall(), now)
		if step != 0 {
			s.log.Warn("the clock was set", "by", step.Round(time.Second).String())
		}
		wait := sweepRest
		var next time.Time
		var err error
		if purge {
			next, err = s.sweepOnce(now)
		}
		if err != nil {
			s.log.Error("expired endpoints not deleted", "err", err)
		} else if !next.IsZero() {
			wait = min(max(time.Until(next), sweepPause), sweepRest)
		}
		select {
		case <-time.After(wait):
		case <-s.sweep:
		case <-s.ctx.Done():
			return
		}
	}
}

// due tells the sweeper that a record has changed.
func (s *Server) due() {
	select {
	case s.sweep <- struct{}{}:
	default:
	}
}

func (s *Server) sweepOnce(now time.Time) (next time.Time, err error) {
	list, next, err := s.store.Due(s.ctx, now, sweepStep)
	if err != nil {
		return next, err
	}
	for _, ep := range list {
		if s.bus.Holder(ep.ID) != nil || s.usedSince(&ep) {
			// In use, which the record does not know yet.
			if err := s.renew(ep.ID, now); err != nil {
				return next, err
			}
			ep.UsedAt = now
			if ep.PurgeAt().After(now) {
				continue
			}
		}
		if err := s.purge(s.ctx, ep.ID, "expired"); err != nil {
			return next, err
		}
	}
	if len(list) == sweepStep {
		next = now
	}
	return next, nil
}

// usedSince tells whether an endpoint was used after its record was written.
func (s *Server) usedSince(ep *Endpoint) bool {
	s.mu.Lock()
	h := s.hubs[ep.ID]
	s.mu.Unlock()
	if h == nil {
		return false
	}
	known := h.record()
	known.Idle, known.Keep = ep.Idle, ep.Keep
	return known.PurgeAt().After(time.Now())
}

func (s *Server) renew(id EndpointID, now time.Time) error {
	_, err := s.store.Update(s.ctx, id, func(ep *Endpoint) error {
		ep.UsedAt = now
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	s.bus.Changed(id, RecordChanged)
	return err
}

// purge deletes an endpoint and tells its listener.
func (s *Server) purge(ctx context.Context, id EndpointID, why string) error {
	s.mu.Lock()
	h := s.hubs[id]
	s.mu.Unlock()
	if h != nil {
		h.purging(true)
	}
	depth, err := s.store.Purge(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		if h != nil {
			h.purging(false)
		}
		return fmt.Errorf("purging an endpoint: %w", err)
	}
	s.mu.Lock()
	if h = s.hubs[id]; h != nil {
		s.drop(id, h)
	}
	s.mu.Unlock()
	s.bus.Changed(id, RecordChanged)
	if h != nil {
		h.mu.Lock()
		ses := h.session
		h.mu.Unlock()
		if ses != nil {
			if n := depth.Pending + depth.Dead; n > 0 {
				ses.Gap(tunnel.Gap{Count: n, Reason: "the endpoint was " + why})
			}
			ses.Close(tunnel.CloseGone, "the endpoint was "+why)
		}
	}
	s.metrics.purged(depth)
	s.log.Info("endpoint purged", "endpoint", uint64(id), "why", why, "pending", depth.Pending, "dead", depth.Dead)
	return nil
}
