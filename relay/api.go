package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	defaultTTL      = 7 * 24 * time.Hour
	defaultIdle     = 72 * time.Hour
	defaultKeep     = 72 * time.Hour
	maxKeep         = 30 * 24 * time.Hour
	defaultBudget   = 8 * time.Second
	maxBudget       = 60 * time.Second
	defaultRetryFor = 24 * time.Hour
	maxRetryFor     = 30 * 24 * time.Hour
	defaultOverlap  = 24 * time.Hour
	maxOldIDs       = 8

	maxRequest = 64 << 10 // bytes of an API request
)

// apiHandler answers one API call: with a value for the body, or a problem.
type apiHandler func(r *http.Request) (status int, body any, err error)

// problem is an error where an API handler returns it.
func (p problem) Error() string { return p.Title + ": " + p.Detail }

// routes are the API's. Each pattern stands in docs/openapi.yaml; a test
// compares them.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{"/v1/tunnel": {"GET"}, "/v1/endpoints/{id}/queue/{delivery}/body": {"GET"}}
	for pattern, h := range s.endpoints() {
		mux.Handle(pattern, s.serve(h))
		method, path, _ := strings.Cut(pattern, " ")
		methods[path] = append(methods[path], method)
	}
	for path, allow := range methods {
		slices.Sort(allow)
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { problemMethod(allow...).write(w) })
	}
	mux.HandleFunc("GET /v1/endpoints/{id}/queue/{delivery}/body", s.itemBody)
	mux.HandleFunc("GET /v1/tunnel", s.tunnel)
	mux.HandleFunc("POST /v1/poll", s.openPoll)
	mux.HandleFunc("GET /v1/poll/{session}", s.poll)
	mux.HandleFunc("POST /v1/poll/{session}", s.pollSend)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { problemNotFound().write(w) })
	return s.guard(mux)
}

func (s *Server) endpoints() map[string]apiHandler {
	return map[string]apiHandler{
		"POST /v1/endpoints":                             s.create,
		"GET /v1/endpoints/{id}":                         s.owner(s.show),
		"PATCH /v1/endpoints/{id}":                       s.owner(s.change),
		"DELETE /v1/endpoints/{id}":                      s.owner(s.revoke),
		"POST /v1/endpoints/{id}/stop":                   s.owner(s.stop),
		"POST /v1/endpoints/{id}/start":                  s.owner(s.start),
		"POST /v1/endpoints/{id}/rotate":                 s.owner(s.rotate),
		"GET /v1/endpoints/{id}/queue":                   s.owner(s.listQueue),
		"DELETE /v1/endpoints/{id}/queue":                s.owner(s.clearQueue),
		"GET /v1/endpoints/{id}/queue/{delivery}":        s.owner(s.showItem),
		"DELETE /v1/endpoints/{id}/queue/{delivery}":     s.owner(s.removeItem),
		"POST /v1/endpoints/{id}/queue/{delivery}/retry": s.owner(s.retryItem),
		"POST /v1/endpoints/{id}/queue/{delivery}/skip":  s.owner(s.skipItem),
	}
}

// guard keeps web pages away: the API is for programs that hold a key, and the
// embedded relay's also only for those that reach it under a loopback name.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Origin") != "":
			problemForbidden("This API is not for web pages.").write(w)
		case s.opts.Loopback && !loopbackHost(r.Host):
			problemForbidden("This relay answers its API only under a loopback address.").write(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// serve turns an apiHandler into an http.Handler.
func (s *Server) serve(h apiHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		status, body, err := h(r)
		if err != nil {
			s.apiProblem(err).write(w)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if body == nil {
			w.WriteHeader(status)
			return
		}
		out, err := json.Marshal(body)
		if err != nil {
			s.apiProblem(err).write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(append(out, '\n'))
	})
}

// apiProblem is the answer to an error of a handler.
func (s *Server) apiProblem(err error) problem {
	var p problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, ErrNotFound):
		return problemNotFound()
	}
	s.log.Error("api call failed", "err", err)
	return problemStorage(retrySoon)
}

// owner lets a call through for the holder of the endpoint's owner key. An
// endpoint that is not there and a wrong key look the same.
func (s *Server) owner(next func(r *http.Request, h *hub) (int, any, error)) apiHandler {
	return func(r *http.Request) (int, any, error) {
		key, ok := bearer(r)
		if !ok {
			return 0, nil, problemUnauthorized()
		}
		if ok, after := s.rates.Owner(HashOf(key)); !ok {
			return 0, nil, problemRate(after)
		}
		id := r.PathValue("id")
		var h *hub
		err := ErrNotFound
		if s.keys.Valid(id) {
			h, err = s.hub(r.Context(), HashOf(id))
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return 0, nil, err
		}
		if err != nil || !h.record().ownedBy(key) {
			if p := s.missed(s.proxies.Client(r)); p != nil {
				return 0, nil, *p
			}
			if err == nil || !s.keys.Valid(id) {
				return 0, nil, problemUnauthorized()
			}
			return 0, nil, problemGone("")
		}
		if _, err := h.fresh(r.Context()); err != nil {
			return 0, nil, err
		}
		return next(r, h)
	}
}

// decode reads a JSON body strictly; an empty one leaves v as it is.
func decode(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return problemBadRequest(fmt.Sprintf("The request is not complete, or longer than %d bytes.", maxRequest))
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil || d.More() {
		return problemBadRequest("The request's JSON is not what this call takes; see docs/api.md.")
	}
	return nil
}

// create is POST /v1/endpoints.
func (s *Server) create(r *http.Request) (int, any, error) {
	c := s.proxies.Client(r)
	token, err := s.admit(r)
	if err != nil {
		return 0, nil, err
	}
	if s.draining() {
		return 0, nil, problemShutdown(retrySoon)
	}
	if ok, after := s.rates.Create(c.Addr, token); !ok {
		s.metrics.limited("create")
		return 0, nil, problemRate(after)
	}
	var req EndpointRequest
	if err := decode(r, &req); err != nil {
		return 0, nil, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	ep := Endpoint{
		CreatedAt: now, ExpiresAt: now.Add(defaultTTL), UsedAt: now, Idle: defaultIdle, Keep: defaultKeep, Token: token,
		Policy: Policy{Respond: Auto, Budget: defaultBudget, RetryFor: defaultRetryFor},
	}
	if err := s.apply(&ep, &req, now); err != nil {
		return 0, nil, err
	}
	id, key := "", ""
	if idem := r.Header.Get("Idempotency-Key"); idem != "" {
		list, err := s.keys.derive(idem, token, now)
		if err != nil {
			return 0, nil, problemBadRequest(sentence(err))
		}
		for _, d := range list {
			h, err := s.hub(r.Context(), HashOf(d.ID))
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return 0, nil, err
			}
			if ep := h.record(); now.Sub(ep.CreatedAt) < idempotencyDay && ep.ownedBy(d.OwnerKey) {
				v, err := s.view(r.Context(), h, d.ID, c)
				v.OwnerKey = d.OwnerKey
				return http.StatusOK, v, err
			}
		}
		id, key = list[0].ID, list[0].OwnerKey
	} else {
		id, key = s.keys.NewID(), NewOwnerKey()
	}
	ep.IDs = []PublicID{{Hash: HashOf(id)}}
	ep.Owner = HashOf(key)
	seen := s.changes.Load()
	ep, err = s.store.Create(r.Context(), ep)
	status := http.StatusCreated
	if errors.Is(err, ErrExists) && ep.ownedBy(key) { // two repeats at once
		status, err = http.StatusOK, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("creating an endpoint: %w", err)
	}
	h := s.adopt(ep, seen)
	s.due()
	v, err := s.view(r.Context(), h, id, c)
	v.OwnerKey = key
	s.metrics.created()
	return status, v, err
}

// admit checks the creation token and returns its name.
func (s *Server) admit(r *http.Request) (string, error) {
	key, ok := bearer(r)
	if s.opts.Tokens == nil {
		if s.opts.Open {
			return "", nil
		}
		return "", problemForbidden("This relay has no creation tokens configured.")
	}
	if ok {
		if name, ok := s.opts.Tokens.Name(key); ok {
			return name, nil
		}
	} else if s.opts.Open {
		return "", nil
	}
	if p := s.missed(s.proxies.Client(r)); p != nil {
		return "", *p
	}
	p := problemUnauthorized()
	p.Detail = "Creating an endpoint on this relay needs a token: send it as \"Authorization: Bearer TOKEN\", or set HOOK_TOKEN. Its operator hands them out."
	return "", p
}

// view is an endpoint as its owner sees it, under the id that was used.
func (s *Server) view(ctx context.Context, h *hub, id string, c client) (EndpointView, error) {
	ep := h.record()
	depth, err := s.store.Depth(ctx, h.id)
	if err != nil {
		return EndpointView{}, err
	}
	listening := s.bus.Holder(h.id) != nil
	now := time.Now()
	if listening {
		ep.UsedAt = now
	}
	v := EndpointView{
		ID: id, URL: s.publicURL(s.base(c), id), State: "open",
		CreatedAt: ep.CreatedAt, ExpiresAt: ep.ExpiresAt, PurgeAt: ep.PurgeAt(), UsedAt: ep.UsedAt,
		Idle: seconds(ep.Idle), Keep: seconds(ep.Keep), MaxUses: ep.MaxUses, Uses: ep.Uses,
		Policy: PolicyView{
			Respond: ep.Policy.Respond, BudgetMS: ep.Policy.Budget.Milliseconds(), Accept: ep.Policy.Accept,
			NeverStore: ep.Policy.NeverStore, Ordered: ep.Policy.Ordered, RetryFor: seconds(ep.Policy.RetryFor),
			MaxAttempts: ep.Policy.MaxAttempts, Handshakes: ep.Policy.Handshakes,
		},
		Queue: depth, Listening: listening,
	}
	if ep.Stopped {
		v.State = "stopped"
	}
	if _, why, closed := ep.Closed(now); closed {
		v.State, v.Closed = "closed", why
	}
	for _, p := range ep.IDs {
		if p.Until.After(now) {
			v.Old = append(v.Old, OldID{p.Until})
		}
	}
	return v, nil
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// apply changes a record as an EndpointRequest asks.
func (s *Server) apply(ep *Endpoint, req *EndpointRequest, now time.Time) error {
	var bad error
	set := func(name string, v *int64, unit, low, high time.Duration, to func(time.Duration)) {
		if v == nil || bad != nil {
			return
		}
		if *v < int64(low/unit) || *v > int64(high/unit) {
			bad = problemBadRequest(fmt.Sprintf("%s is %d: it must be from %d to %d.", name, *v, int64(low/unit), int64(high/unit)))
			return
		}
		to(time.Duration(*v) * unit)
	}
	set("ttl", req.TTL, time.Second, time.Second, s.opts.MaxTTL, func(d time.Duration) { ep.ExpiresAt = now.Add(d) })
	set("idle", req.Idle, time.Second, 0, s.opts.MaxTTL, func(d time.Duration) { ep.Idle = d })
	set("keep", req.Keep, time.Second, 0, maxKeep, func(d time.Duration) { ep.Keep = d })
	if req.MaxUses != nil && bad == nil {
		if *req.MaxUses < 0 {
			bad = problemBadRequest("max_uses is negative: 0 means unlimited.")
		}
		ep.MaxUses = *req.MaxUses
	}
	if p := req.Policy; p != nil {
		if p.Respond != nil && bad == nil {
			if _, err := ParseRespond(string(*p.Respond)); err != nil {
				bad = problemBadRequest("respond is none of auto, queue and live.")
			}
			ep.Policy.Respond = *p.Respond
		}
		set("budget_ms", p.BudgetMS, time.Millisecond, 100*time.Millisecond, maxBudget, func(d time.Duration) { ep.Policy.Budget = d })
		set("retry_for", p.RetryFor, time.Second, 0, maxRetryFor, func(d time.Duration) { ep.Policy.RetryFor = d })
		if p.Accept != nil {
			ep.Policy.Accept = *p.Accept
			bad = errors.Join(bad, checkAccept(p.Accept))
		}
		if p.NeverStore != nil {
			ep.Policy.NeverStore = *p.NeverStore
		}
		if p.Ordered != nil {
			ep.Policy.Ordered = *p.Ordered
		}
		if p.MaxAttempts != nil {
			ep.Policy.MaxAttempts = max(*p.MaxAttempts, 0)
		}
		if p.Handshakes != nil {
			if err := checkHandshakes(*p.Handshakes); err != nil {
				bad = errors.Join(bad, problemBadRequest(sentence(err)))
			}
			ep.Policy.Handshakes = *p.Handshakes
		}
	}
	return bad
}

// checkAccept bounds the acknowledgement: it is served to senders under the
// relay's name, so it must be as harmless as an application's answer.
func checkAccept(a *Accept) error {
	switch {
	case a.Status != 0 && (a.Status < 200 || a.Status > 299):
		return problemBadRequest("accept.status is not from 200 to 299.")
	case len(a.Body) > 4<<10:
		return problemBadRequest("accept.body is longer than 4,096 bytes.")
	case a.ContentType != "":
		if _, ok := passiveType(a.ContentType, []byte(a.Body), false); !ok {
			return problemBadRequest("accept.content_type is one that browsers run: use application/json or text/plain.")
		}
	}
	return nil
}

// sentence makes an error fit to be a problem's detail.
func sentence(err error) string {
	text := err.Error()
	return string(bytes.ToUpper([]byte(text[:1]))) + text[1:] + "."
}
