package relay_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/relaytest"
	"github.com/hookrelay/hook/tunnel"
)

// impostor speaks the tunnel's protocol by hand (docs/protocol.md), as a
// listener that obeys nothing.
type impostor struct {
	t     *testing.T
	ws    *websocket.Conn
	epoch uint64
	rest  []byte // of the last message
}

func str(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func num(n uint64) []byte { return binary.AppendUvarint(nil, n) }

func frame(kind byte, parts ...[]byte) []byte {
	payload := bytes.Join(parts, nil)
	return append(binary.AppendUvarint([]byte{kind}, uint64(len(payload))), payload...)
}

// hello attaches under an epoch (0: fresh) as an instance.
func hello(id string, epoch uint64, instance byte, open ...[]byte) []byte {
	who := make([]byte, 16)
	who[0] = instance
	return frame(0x01, str("impostor"), who, num(epoch), str(id), []byte{0, 0}, num(64), num(64<<20), num(uint64(len(open))), bytes.Join(open, nil))
}

func knock(t *testing.T, r *relaytest.Relay, key string) *impostor {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), r.URL+"/v1/tunnel", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + key}}, Subprotocols: []string{tunnel.Subprotocol},
	})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	return &impostor{t: t, ws: ws}
}

func (i *impostor) send(msg []byte) { i.ws.Write(context.Background(), websocket.MessageBinary, msg) }

// wait reads until one of a kind comes and returns its payload, or the code
// that the relay closed with.
func (i *impostor) wait(kind byte) (payload []byte, code tunnel.CloseCode) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), 20*time.Second)
	defer cancel()
	for {
		for len(i.rest) > 0 {
			size, n := binary.Uvarint(i.rest[1:])
			body, next := i.rest[1+n:][:size], i.rest[1+n+int(size):]
			found := i.rest[0] == kind
			if i.rest = next; found {
				return body, 0
			}
		}
		_, msg, err := i.ws.Read(ctx)
		if err != nil {
			return nil, tunnel.CloseCode(websocket.CloseStatus(err))
		}
		i.rest = msg
	}
}

// attach says hello and reads the epoch from the welcome.
func (i *impostor) attach(id string, epoch uint64, instance byte) (code tunnel.CloseCode) {
	i.t.Helper()
	i.send(hello(id, epoch, instance))
	welcome, code := i.wait(0x11)
	if code != 0 {
		return code
	}
	n, used := binary.Uvarint(welcome)
	rest := welcome[used+int(n):]
	_, used = binary.Uvarint(rest) // session
	i.epoch, _ = binary.Uvarint(rest[used:])
	return 0
}

// result is an answer of 200 to an attempt.
func result(epoch uint64, id []byte, attempt, size uint64, body []byte) []byte {
	return frame(0x02, num(epoch), id, num(attempt), num(200), []byte{1, 0}, num(0), num(0), num(0), num(0), num(size), num(size), str(string(body)))
}

// Whatever a listener says that is not so, it is cut off, and no delivery is
// settled by it.
func TestLiesOfAListenerSettleNothing(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{TrustedProxies: []string{"127.0.0.1/32"}})
	mine := r.Create(t, policy(relay.PolicyRequest{Respond: ptr(relay.Queue)}))
	other := r.Create(t, policy(relay.PolicyRequest{Respond: ptr(relay.Queue)}))
	_, answer := post(t, other.URL, []byte("of another"))
	foreign, err := tunnel.ParseID(ack(t, answer))
	if err != nil {
		t.Fatal(err)
	}
	post(t, mine.URL, []byte("mine"))
	unknown := tunnel.NewID(time.Now())
	for name, lie := range map[string]func(i *impostor, id []byte) []byte{
		"a result for another endpoint": func(i *impostor, _ []byte) []byte { return result(i.epoch, foreign[:], 1, 0, nil) },
		"a result for nothing":          func(i *impostor, _ []byte) []byte { return result(i.epoch, unknown[:], 1, 0, nil) },
		"an old epoch":                  func(i *impostor, id []byte) []byte { return result(i.epoch-1, id, 1, 0, nil) },
		"a future epoch":                func(i *impostor, id []byte) []byte { return result(i.epoch+1, id, 1, 0, nil) },
		"another attempt":               func(i *impostor, id []byte) []byte { return result(i.epoch, id, 1000, 0, nil) },
		"a huge answer":                 func(i *impostor, id []byte) []byte { return result(i.epoch, id, 1, 1<<20+1, nil) },
		"more bytes than announced": func(i *impostor, id []byte) []byte {
			piece := frame(0x21, id, str(strings.Repeat("x", 64<<10)))
			return append(result(i.epoch, id, 1, 140<<10, nil), bytes.Repeat(piece, 3)...)
		},
		"pieces without a result": func(i *impostor, id []byte) []byte { return frame(0x21, id, str("x")) },
		"a second result": func(i *impostor, id []byte) []byte {
			return append(result(i.epoch, id, 1, 200<<10, nil), result(i.epoch, id, 1, 0, nil)...)
		},
		"a failure of another": func(i *impostor, _ []byte) []byte {
			return frame(0x03, num(i.epoch), foreign[:], num(1), []byte{1}, str(""))
		},
		"a failure of no kind": func(i *impostor, id []byte) []byte { return frame(0x03, num(i.epoch), id, num(1), []byte{99}, str("")) },
		"status 101": func(i *impostor, id []byte) []byte {
			b := result(i.epoch, id, 1, 0, nil)
			return bytes.Replace(b, num(200), num(101), 1)
		},
		"pauses in a flood": func(*impostor, []byte) []byte {
			return bytes.Repeat(append(frame(0x04, str("p")), frame(0x05)...), 200)
		},
		"hello again":            func(i *impostor, _ []byte) []byte { return hello(mine.ID, i.epoch, 1) },
		"a frame for a listener": func(*impostor, []byte) []byte { return frame(0x16, str("hi")) },
		"noise":                  func(*impostor, []byte) []byte { return noise(1000) },
		"a frame cut off":        func(*impostor, []byte) []byte { return []byte{0x02, 0x50, 1, 2, 3} },
	} {
		t.Run(name, func(t *testing.T) {
			i := knock(t, r, mine.OwnerKey)
			if code := i.attach(mine.ID, 0, 1); code != 0 {
				t.Fatalf("not attached: %v", code)
			}
			deliver, code := i.wait(0x12)
			if code != 0 {
				t.Fatalf("no delivery: %v", code)
			}
			_, n := binary.Uvarint(deliver[16:]) // seq
			attempt, _ := binary.Uvarint(deliver[16+n:])
			msg := lie(i, deliver[:16])
			if attempt != 1 { // attempts of the listeners before count: say the right one
				msg = bytes.Replace(msg, append(append([]byte(nil), deliver[:16]...), 1), append(append([]byte(nil), deliver[:16]...), num(attempt)...), -1)
			}
			i.send(msg)
			if _, code := i.wait(0xff); code != tunnel.CloseProtocol {
				t.Errorf("closed with %v", code)
			}
			waitDepth(t, r, mine, relay.Depth{Pending: 1})
			waitDepth(t, r, other, relay.Depth{Pending: 1})
		})
	}
	// What it did not settle comes to an honest listener.
	got := make(chan *tunnel.Delivery, 1)
	r.Listen(t, mine, tunnel.ClientOptions{Handler: tunnel.HandlerFunc(func(_ context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
		got <- d
		return &tunnel.Result{Status: 200}, nil
	})})
	if d := <-got; string(d.Body) != "mine" {
		t.Errorf("got %q", d.Body)
	}
	waitDepth(t, r, mine, relay.Depth{})
}

// The first word is hello, in time and in its form.
func TestTheFirstWordIsHello(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, relay.Options{})
	ep := r.Create(t, relay.EndpointRequest{})
	for name, first := range map[string][]byte{
		"a result":      result(1, make([]byte, 16), 1, 0, nil),
		"nothing in it": frame(0x01),
		"no room":       frame(0x01, str("x"), make([]byte, 16), num(0), str(ep.ID), []byte{0, 0}, num(0), num(0), num(0)),
		"another mode":  frame(0x01, str("x"), make([]byte, 16), num(0), str(ep.ID), []byte{1, 0}, num(1), num(1), num(0)),
		"more behind":   append(hello(ep.ID, 0, 1), frame(0x05)...),
		"a long list":   frame(0x01, str("x"), make([]byte, 16), num(0), str(ep.ID), []byte{0, 0}, num(1), num(1), num(1<<40)),
		"empty":         {},
	} {
		i := knock(t, r, ep.OwnerKey)
		i.send(first)
		if _, code := i.wait(0xff); code != tunnel.CloseProtocol {
			t.Errorf("%s: closed with %v", name, code)
		}
	}
	i := knock(t, r, ep.OwnerKey)
	i.ws.Write(t.Context(), websocket.MessageText, hello(ep.ID, 0, 1))
	if _, code := i.wait(0xff); code != tunnel.CloseProtocol {
		t.Errorf("as text: closed with %v", code)
	}
}
