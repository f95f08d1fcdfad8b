package relay

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// problemType is what a problem's type URI begins with. The URIs are names,
// not addresses (RFC 9457 §3.1.1 allows it): a relay has no home page that
// outlives it. Clients compare them; they never change their meaning.
const problemType = "urn:hook:problem:"

// problem is a refusal as the sender or the owner reads it (RFC 9457). Detail
// is a sentence that a person can act on and never holds foreign bytes.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	RetryAfter time.Duration `json:"-"` // rounded up to whole seconds, at least 1; 0: no such header
	Allow      []string      `json:"-"` // methods, with 405
	Realm      string        `json:"-"` // with 401
	Close      bool          `json:"-"` // the connection cannot be used again
}

// newProblem makes a problem; name ends its type URI.
func newProblem(status int, name, title, detail string) problem {
	return problem{Type: problemType + name, Title: title, Status: status, Detail: detail}
}

// write sends the problem. The headers set before stay, except those that
// belong to a problem.
func (p problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // strings and an int
		body = []byte("{}")
	}
	body = append(body, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", retryAfter(p.RetryAfter))
	}
	if len(p.Allow) > 0 {
		h.Set("Allow", strings.Join(p.Allow, ", "))
	}
	if p.Realm != "" {
		h.Set("WWW-Authenticate", `Bearer realm="`+p.Realm+`"`)
	}
	if p.Close {
		h.Set("Connection", "close")
	}
	w.WriteHeader(p.Status)
	w.Write(body) // the sender may be gone
}

// retryAfter is d in whole seconds, rounded up, at least 1 (RFC 9110 §10.2.3).
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// after is p with a Retry-After.
func (p problem) after(d time.Duration) problem {
	p.RetryAfter = max(d, time.Second)
	return p
}

// closing is p for a connection that cannot be used again.
func (p problem) closing() problem {
	p.Close = true
	return p
}

// problemBadRequest is a request that makes no sense to the API; detail says
// what to change.
func problemBadRequest(detail string) problem {
	return newProblem(http.StatusBadRequest, "bad-request", "Bad request", detail)
}

// problemUnauthorized is a missing or wrong key: one answer for both.
func problemUnauthorized() problem {
	p := newProblem(http.StatusUnauthorized, "unauthorized", "Not authorised",
		"Send the key as \"Authorization: Bearer KEY\". An owner key begins with hk_ and was shown when the endpoint was made.")
	p.Realm = "hook"
	return p
}

// problemForbidden is a key that is right but may not do this.
func problemForbidden(detail string) problem {
	return newProblem(http.StatusForbidden, "forbidden", "Not allowed", detail)
}

// problemNotFound is the one answer for everything that is not there: the same
// bytes for an unknown id and an unknown path.
func problemNotFound() problem {
	return newProblem(http.StatusNotFound, "not-found", "Not found",
		"There is no endpoint at this address. Check the URL for missing or changed characters.")
}

// problemMethod is a method that the API does not have here.
func problemMethod(allow ...string) problem {
	p := newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed", "Use one of the methods in the Allow header.")
	p.Allow = allow
	return p
}

// problemConflict is a change that does not fit what is there.
func problemConflict(detail string) problem {
	return newProblem(http.StatusConflict, "conflict", "Conflict", detail)
}

// problemGone is an endpoint that was here and receives no more. An empty why
// is one whose record was deleted.
func problemGone(why CloseReason) problem {
	name, detail := "gone", "This endpoint was here and is gone."
	switch why {
	case Expired:
		name, detail = "expired", "This endpoint has expired."
	case Idled:
		name, detail = "idle", "This endpoint was closed because it was not used for a while."
	case UsedUp:
		name, detail = "used-up", "This endpoint has received as many requests as it was made for."
	case Revoked:
		name, detail = "revoked", "This endpoint was revoked by its owner."
	}
	return newProblem(http.StatusGone, name, "Gone", detail+" Make a new one with \"hook listen\" and give its URL to the sender.")
}

// problemTooLarge is a body over the limit, in bytes.
func problemTooLarge(limit int64) problem {
	return newProblem(http.StatusRequestEntityTooLarge, "too-large", "Body too large",
		"The body is larger than the "+strconv.FormatInt(limit, 10)+" bytes that this relay takes.").closing()
}

// problemRate is a rate limit.
func problemRate(after time.Duration) problem {
	return newProblem(http.StatusTooManyRequests, "rate", "Too many requests",
		"Requests come faster than this relay allows. Wait as long as Retry-After says.").after(after)
}

// problemQuota is a full queue.
func problemQuota(after time.Duration) problem {
	return newProblem(http.StatusTooManyRequests, "quota", "Queue full",
		"The endpoint's queue is full: its owner has to drain it with \"hook listen\", or clear it with \"hook queue rm\".").after(after)
}

// problemStopped is an endpoint whose owner has stopped it.
func problemStopped(after time.Duration) problem {
	return newProblem(http.StatusServiceUnavailable, "stopped", "Endpoint stopped",
		"The endpoint's owner has stopped it for now. Send again later.").after(after)
}

// problemStorage is a store that takes no writes.
func problemStorage(after time.Duration) problem {
	return newProblem(http.StatusServiceUnavailable, "storage", "Storage unavailable",
		"The relay cannot store anything at the moment; nothing was accepted. Send again later.").after(after)
}

// problemBusy is a relay whose memory or connections are in use.
func problemBusy(after time.Duration) problem {
	return newProblem(http.StatusServiceUnavailable, "busy", "Relay busy",
		"The relay has as much in hand as it can take; nothing was accepted. Send again later.").after(after)
}

// problemShutdown is a relay that is about to stop.
func problemShutdown(after time.Duration) problem {
	return newProblem(http.StatusServiceUnavailable, "shutdown", "Relay restarting",
		"The relay is shutting down; nothing was accepted. Send again in a moment.").after(after).closing()
}

// problemNoListener is a live endpoint that nobody listens on, or one that
// never stores (DESIGN §5: 502, or 503 with defer off).
func problemNoListener(status int, after time.Duration) problem {
	return newProblem(status, "no-listener", "Nobody is listening",
		"The endpoint's owner is not connected and nothing was stored. Start \"hook listen\" and send again.").after(after)
}

// problemUnreachable is an application that could not be reached or did not
// answer in HTTP.
func problemUnreachable() problem {
	return newProblem(http.StatusBadGateway, "no-answer", "No answer from the application",
		"The owner's application could not be reached or gave no proper answer, and nothing was stored. The listener's output says why.")
}

// problemBudget is an application that took longer than the sender may wait.
func problemBudget() problem {
	return newProblem(http.StatusGatewayTimeout, "budget", "Application too slow",
		"The owner's application did not answer in time, and nothing was stored. It may have acted on the request.")
}
