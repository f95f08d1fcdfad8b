package relay

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/hookrelay/hook/tunnel"
)

// acknowledge is the acknowledgement of a stored delivery.
func acknowledge(a *Accept, id tunnel.ID) Answer {
	body, contentType := a.Body, cmp.Or(a.ContentType, "text/plain; charset=utf-8")
	if body == "" && a.ContentType == "" {
		standard, err := json.Marshal(struct {
			Status string `json:"status"`
			ID     string `json:"id"`
		}{"queued", id.String()})
		if err != nil { // two strings
			standard = nil
		}
		body, contentType = string(standard)+"\n", "application/json"
	}
	return Answer{
		Status: cmp.Or(a.Status, http.StatusAccepted),
		Header: tunnel.Header{{Name: "Content-Type", Value: contentType}, {Name: "X-Content-Type-Options", Value: "nosniff"}},
		Body:   []byte(body), Stored: true, by: byStored,
	}
}

// answer turns the application's result into what the sender gets. removed
// names the headers that were kept from the sender.
func (s *Server) answer(d *tunnel.Delivery, r *tunnel.Result) (ans Answer, removed []string) {
	f := answerFilter{PassAll: s.opts.Loopback, MaxBody: s.opts.MaxAnswer}
	safe := f.Apply(d.Method, d.Header, r)
	return Answer{Status: safe.Status, Header: safe.Header, Body: safe.Body, by: byApplication}, safe.Dropped
}

// handshake answers a provider's question by the endpoint's policy.
func (s *Server) handshake(ep *Endpoint, d *tunnel.Delivery, body *heldBody) (Answer, bool) {
	if len(ep.Policy.Handshakes) == 0 {
		return Answer{}, false
	}
	asked := *d
	if n := body.Size(); n <= maxHandshakeBody {
		asked.Body = make([]byte, n)
		if _, err := body.ReadAt(asked.Body, 0); err != nil && n > 0 {
			return Answer{}, false
		}
	}
	r, ok := answerHandshake(ep.Policy.Handshakes, &asked)
	if !ok {
		return Answer{}, false
	}
	ans, _ := s.answer(&asked, r)
	ans.by = byHandshake
	return ans, true
}

// send writes an answer to the sender.
func (s *Server) send(w http.ResponseWriter, ans Answer) {
	answer{Status: ans.Status, Header: ans.Header, Body: ans.Body}.write(w)
}
