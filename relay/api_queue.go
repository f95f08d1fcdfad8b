package relay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

const maxPage = 1000

// listQueue is GET /v1/endpoints/ID/queue?dead=true&after=SEQ&limit=N.
func (s *Server) listQueue(r *http.Request, h *hub) (int, any, error) {
	q := r.URL.Query()
	kind := Pending
	if q.Get("dead") == "true" {
		kind = Dead
	}
	after, limit := uint64(0), 100
	var err error
	if v := q.Get("after"); v != "" {
		if after, err = strconv.ParseUint(v, 10, 64); err != nil {
			return 0, nil, problemBadRequest("after is not a sequence number.")
		}
	}
	if v := q.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > maxPage {
			return 0, nil, problemBadRequest("limit is not from 1 to 1000.")
		}
	}
	items, err := s.store.List(r.Context(), h.id, kind, after, limit)
	if err != nil {
		return 0, nil, err
	}
	v := QueueView{Items: make([]ItemView, 0, len(items))}
	for i := range items {
		it := h.item(&items[i])
		it.Header = nil
		v.Items = append(v.Items, it)
	}
	if len(items) == limit {
		v.Next = items[limit-1].Seq()
	}
	return http.StatusOK, v, nil
}

// item is an Item as its owner sees it.
func (h *hub) item(it *Item) ItemView {
	d := &it.Delivery
	v := ItemView{
		ID: d.ID, Seq: d.Seq, State: "pending", Method: d.Method, Target: d.Target, URL: d.URL, Host: d.Host, Remote: d.Remote,
		Size: it.Size, ReceivedAt: d.ReceivedAt, QueuedAt: it.QueuedAt, Attempts: it.Attempts, NextAt: it.NextAt, Reason: it.Reason, DeadAt: it.DeadAt,
	}
	for _, f := range d.Header {
		v.Header = append(v.Header, [2]string{f.Name, f.Value})
	}
	switch {
	case it.Dead:
		v.State = "dead"
	case h.leased(d.ID):
		v.State = "running"
	}
	return v
}

// find reads the item that a call names.
func (h *hub) find(r *http.Request) (Item, error) {
	id, err := tunnel.ParseID(r.PathValue("delivery"))
	if err != nil {
		return Item{}, problemBadRequest("The delivery id is not dlv_ and 26 characters.")
	}
	it, err := h.s.store.Item(r.Context(), h.id, id)
	if errors.Is(err, ErrNotFound) {
		p := problemNotFound()
		p.Detail = "There is no such delivery in this queue: it was settled, removed or never stored."
		return it, p
	}
	return it, err
}

// showItem is GET /v1/endpoints/ID/queue/DELIVERY.
func (s *Server) showItem(r *http.Request, h *hub) (int, any, error) {
	it, err := h.find(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, h.item(&it), nil
}

// itemBody is GET /v1/endpoints/ID/queue/DELIVERY/body: the bytes as received.
func (s *Server) itemBody(w http.ResponseWriter, r *http.Request) {
	_, _, err := s.owner(func(r *http.Request, h *hub) (int, any, error) {
		it, err := h.find(r)
		if err != nil {
			return 0, nil, err
		}
		body, err := s.store.Body(r.Context(), h.id, it.Delivery.ID)
		if err != nil {
			return 0, nil, err
		}
		defer body.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Length", strconv.FormatInt(body.Size(), 10))
		io.Copy(w, io.NewSectionReader(body, 0, body.Size())) // the owner may be gone
		return 0, nil, nil
	})(r)
	if err != nil {
		s.apiProblem(err).write(w)
	}
}

// busyItem refuses to touch what a listener runs.
func (h *hub) busyItem(id tunnel.ID) error {
	if h.leased(id) {
		return problemConflict("The listener is working on this delivery now. Try again when its attempt has ended.")
	}
	return nil
}

// retryItem is POST …/retry: to the tail, due at once, attempts counted on.
func (s *Server) retryItem(r *http.Request, h *hub) (int, any, error) {
	it, err := h.find(r)
	if err != nil {
		return 0, nil, err
	}
	if err := h.busyItem(it.Delivery.ID); err != nil {
		return 0, nil, err
	}
	it, err = s.store.Requeue(r.Context(), h.id, it.Delivery.ID, time.Now().UTC())
	if err != nil {
		return 0, nil, err
	}
	s.bus.Changed(h.id, QueueChanged)
	return http.StatusOK, h.item(&it), nil
}

// skipItem is POST …/skip: a pending delivery becomes a dead letter, so that
// an ordered endpoint goes on.
func (s *Server) skipItem(r *http.Request, h *hub) (int, any, error) {
	it, err := h.find(r)
	if err != nil {
		return 0, nil, err
	}
	if err := h.busyItem(it.Delivery.ID); err != nil {
		return 0, nil, err
	}
	if it.Dead {
		return 0, nil, problemConflict("The delivery is dead already.")
	}
	err = s.store.Settle(r.Context(), h.id, h.record().Epoch, []Settlement{{
		ID: it.Delivery.ID, Outcome: Died, Attempts: it.Attempts, Reason: "skipped by its owner", At: time.Now().UTC(),
	}})
	if err != nil {
		return 0, nil, err
	}
	h.poke(wakeAll)
	if it, err = h.find(r); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, h.item(&it), nil
}

// removeItem is DELETE …/queue/DELIVERY.
func (s *Server) removeItem(r *http.Request, h *hub) (int, any, error) {
	it, err := h.find(r)
	if err != nil {
		return 0, nil, err
	}
	if err := h.busyItem(it.Delivery.ID); err != nil {
		return 0, nil, err
	}
	if _, err := s.store.Remove(r.Context(), h.id, []tunnel.ID{it.Delivery.ID}); err != nil {
		return 0, nil, err
	}
	h.poke(wakeAll)
	return http.StatusNoContent, nil, nil
}

// clearQueue is DELETE /v1/endpoints/ID/queue?dead=true: all of one kind, but
// what is running.
func (s *Server) clearQueue(r *http.Request, h *hub) (int, any, error) {
	kind := Pending
	if r.URL.Query().Get("dead") == "true" {
		kind = Dead
	}
	removed, err := h.clear(r.Context(), kind)
	if err != nil {
		return 0, nil, err
	}
	h.poke(wakeAll)
	return http.StatusOK, map[string]int{"removed": removed}, nil
}

func (h *hub) clear(ctx context.Context, kind Kind) (removed int, err error) {
	for after := uint64(0); ; {
		items, err := h.s.store.List(ctx, h.id, kind, after, page)
		if err != nil || len(items) == 0 {
			return removed, err
		}
		var ids []tunnel.ID
		for _, it := range items {
			after = it.Seq()
			if !h.leased(it.Delivery.ID) {
				ids = append(ids, it.Delivery.ID)
			}
		}
		n, err := h.s.store.Remove(ctx, h.id, ids)
		if err != nil {
			return removed, err
		}
		removed += n
	}
}
