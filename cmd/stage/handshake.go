package stage

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// handshakeGap is the least time between two keyed answers: whoever asks for
// more than a provider does is fishing for signatures.
const handshakeGap = time.Second

// HandshakeOptions are what the handshake stage works with.
type HandshakeOptions struct {
	Provider *signer.Provider    // nil: that of the judgement
	Keys     func() []signer.Key // those of now; nil: none
	Options  signer.Options

	// Report is told what was answered, or why not; nil: nobody is told. show is
	// an address in the request that a person may want to open: it is foreign.
	Report func(d *tunnel.Delivery, h *signer.Handshake, show string, err error)
}

// Handshake answers the requests by which a provider makes sure that the
// endpoint is its receiver's. Keyed ones are answered under the rules of
// [signer.Answer], one a second; one that may not be answered goes on to the
// application, which knows its own secret.
func Handshake(o HandshakeOptions) Stage {
	var mu sync.Mutex // guards last
	var last time.Time
	allowed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); last.IsZero() || now.Sub(last) >= handshakeGap || now.Before(last) {
			last = now
			return true
		}
		return false
	}
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			p := o.Provider
			if j := JudgementOf(ctx); p == nil && j != nil {
				p, _ = signer.FindProvider(j.Provider)
			}
			if p == nil || len(p.Handshakes) == 0 {
				return next.Handle(ctx, d)
			}
			req := Request(d)
			h, ok := signer.FindHandshake(p, req)
			if !ok {
				return next.Handle(ctx, d)
			}
			if h.Keyed != "" && !allowed() {
				r := text(http.StatusTooManyRequests, "one handshake a second is answered\n", tunnel.ByHandshake)
				r.Header = append(r.Header, tunnel.Field{Name: "Retry-After", Value: "1"})
				return r, nil
			}
			var keys []signer.Key
			if o.Keys != nil {
				keys = o.Keys()
			}
			reply, err := signer.Answer(ctx, p, h, req, keys, d.ReceivedAt, o.Options)
			if o.Report != nil {
				o.Report(d, h, shown(h, req), err)
			}
			if err != nil {
				return next.Handle(ctx, d)
			}
			return answered(reply), nil
		})
	}
}

// answered is a reply as a result.
func answered(reply *signer.Reply) *tunnel.Result {
	r := &tunnel.Result{Status: reply.Status, By: tunnel.ByHandshake, Body: []byte(reply.Body), Size: int64(len(reply.Body))}
	if reply.ContentType != "" && reply.Body != "" {
		r.Header = append(r.Header, tunnel.Field{Name: "Content-Type", Value: reply.ContentType})
	}
	names := make([]string, 0, len(reply.Header))
	for name := range reply.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r.Header = append(r.Header, tunnel.Field{Name: name, Value: reply.Header[name]})
	}
	if r.Status == http.StatusNoContent {
		r.Body, r.Size = nil, 0
	}
	return r
}

// shown is the address that a handshake wants a person to see, "" when there
// is none. It is a place like json:SubscribeURL, or json:[0].data.url.
func shown(h *signer.Handshake, req *signer.Request) string {
	if h.Show == "" {
		return ""
	}
	pointer := strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(strings.TrimPrefix(h.Show, "json:"))
	reply := signer.Reply{Body: "{json:/" + strings.TrimPrefix(pointer, "/") + "}"}
	filled, err := reply.Fill(req)
	if err != nil {
		return ""
	}
	if filled.Body == "" || len(filled.Body) > 2048 {
		return ""
	}
	return filled.Body
}
