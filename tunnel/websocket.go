package tunnel

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// DialError is a relay that answered the WebSocket request with something
// else.
type DialError struct {
	Status int    // HTTP status
	Detail string // from the answer's body; may hold foreign bytes
}

func (e *DialError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("relay answered %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("relay answered %d: %s", e.Status, e.Detail)
}

// final: dialling again would give the same answer.
func (e *DialError) final() bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusUpgradeRequired, http.StatusBadRequest:
		return true
	}
	return false
}

// DialWebSocket opens the tunnel of the relay at url ("https://…/v1/tunnel",
// http and ws forms too) with the owner key. client is used as it is: it must
// not follow redirects, since the key would travel with them.
func DialWebSocket(ctx context.Context, client *http.Client, url, key string) (Conn, error) {
	var below net.Conn
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { below = i.Conn }})
	ws, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient:   client,
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + key}, "User-Agent": {"hook"}},
		Subprotocols: []string{Subprotocol},
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			de := &DialError{Status: resp.StatusCode}
			if resp.Body != nil {
				detail, _ := io.ReadAll(io.LimitReader(resp.Body, maxDetail))
				de.Detail = strings.TrimSpace(string(detail))
			}
			return nil, de
		}
		return nil, err
	}
	if ws.Subprotocol() != Subprotocol {
		ws.Close(websocket.StatusCode(CloseVersion), "")
		return nil, &CloseError{CloseVersion, fmt.Sprintf("the relay does not speak %s", Subprotocol)}
	}
	return newWebSocket(ws, below), nil
}

// ErrVersion is AcceptWebSocket's answer to a listener that asked for no known
// subprotocol; it has been told so.
var ErrVersion = errors.New("no common protocol version")

// AcceptWebSocket upgrades a listener's request. It refuses browsers: an owner
// key is never ambient, so nothing with an Origin has business here. On error
// the answer has been written.
func AcceptWebSocket(w http.ResponseWriter, r *http.Request) (Conn, error) {
	if r.Header.Get("Origin") != "" {
		http.Error(w, "tunnels are not for browsers", http.StatusForbidden)
		return nil, errors.New("request has an Origin")
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && !offers(r, Subprotocol) {
		w.Header().Set("Sec-WebSocket-Protocol", Subprotocol)
		http.Error(w, "this relay speaks "+Subprotocol, http.StatusUpgradeRequired)
		return nil, ErrVersion
	}
	g := new(gather)
	ws, err := websocket.Accept(&gathering{w, g}, r, &websocket.AcceptOptions{Subprotocols: []string{Subprotocol}})
	if err != nil {
		return nil, err
	}
	conn := newWebSocket(ws, g.conn)
	conn.gather = g
	return conn, nil
}

func offers(r *http.Request, proto string) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(p) == proto {
				return true
			}
		}
	}
	return false
}

// webSocket is a Conn over a WebSocket of binary messages, uncompressed.
type webSocket struct {
	ws     *websocket.Conn
	below  net.Conn      // nil: not known
	buf    *bytes.Buffer // of the message being read
	gather *gather       // of the relay's end: it is the one that writes much
}

// messageBuffers keeps read buffers between messages, so that an idle tunnel
// holds none.
var messageBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func newWebSocket(ws *websocket.Conn, below net.Conn) *webSocket {
	ws.SetReadLimit(maxMessage) // the library's default is 32 KiB
	return &webSocket{ws: ws, below: below}
}

// dead implements resetter.
func (c *webSocket) dead() { resetAtClose(c.below) }

func (c *webSocket) Read(ctx context.Context) ([]byte, error) {
	if c.buf != nil {
		if c.buf.Cap() <= maxBatch+pieceSize+4096 {
			c.buf.Reset()
			messageBuffers.Put(c.buf)
		}
		c.buf = nil
	}
	typ, r, err := c.ws.Reader(ctx)
	if err != nil {
		return nil, wsError(err)
	}
	if typ != websocket.MessageBinary {
		return nil, violation("text message")
	}
	c.buf = messageBuffers.Get().(*bytes.Buffer)
	if _, err := c.buf.ReadFrom(r); err != nil {
		return nil, wsError(err)
	}
	return c.buf.Bytes(), nil
}

func (c *webSocket) Write(ctx context.Context, p []byte) error {
	if c.gather == nil {
		return wsError(c.ws.Write(ctx, websocket.MessageBinary, p))
	}
	c.gather.expect(len(p))
	err := c.ws.Write(ctx, websocket.MessageBinary, p)
	return wsError(cmp.Or(err, c.gather.done()))
}

// Close sends the code. A reason may have 123 bytes (RFC 6455 §5.5).
func (c *webSocket) Close(code CloseCode, reason string) error {
	return c.ws.Close(websocket.StatusCode(code), strings.ToValidUTF8(reason[:min(len(reason), 120)], ""))
}

// Abort closes the connection without the closing handshake.
func (c *webSocket) Abort() { c.ws.CloseNow() }

func wsError(err error) error {
	var ce websocket.CloseError
	if errors.As(err, &ce) {
		return &CloseError{CloseCode(ce.Code), ce.Reason}
	}
	return err
}
