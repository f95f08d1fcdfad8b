package tunnel

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func frames() []frame {
	id := NewID(time.UnixMilli(1_700_000_000_000))
	h := Header{{"Content-Type", "application/json"}, {"X-Dup", "1"}, {"X-Dup", "2"}, {"X-Empty", ""}}
	at := time.UnixMicro(1_700_000_000_123_456)
	return []frame{
		&Hello{Client: "hook/1", Instance: [16]byte{1, 2}, Epoch: 7, Endpoint: "abc", Paused: true, Window: Window{64, 1 << 26}, Open: []OpenAttempt{{id, 2, true}}},
		&Welcome{Relay: "hook/1", Session: 9, Epoch: 8, URL: "https://r.example/h/abc/", Backlog: 3, ExpiresAt: at, Window: Window{1, 2}, MaxBody: 25 << 20, MaxAnswer: 1 << 20, Clock: at, Resumed: []ID{id}},
		&deliverFrame{d: &Delivery{ID: id, Seq: 4, Attempt: 2, ReceivedAt: at, Budget: 8 * time.Second, Method: "POST", Target: "/a%2Fb?x=1&x=2", Prefix: "/h/abc", URL: "https://r.example/h/abc/a%2Fb?x=1&x=2", Host: "r.example", Remote: "192.0.2.1:99", Header: h}, size: 3, body: []byte("a\x00b")},
		&deliverFrame{d: &Delivery{ID: id, Attempt: 1, Method: "GET", Target: "/"}, size: maxInline + 1, body: []byte{}},
		&pieceFrame{id, []byte("piece")},
		&resultFrame{epoch: 8, id: id, attempt: 2, status: 503, by: ByMock, verdict: 3, timing: Timing{1000, 2000, 3000}, header: h, sent: 2, size: 2, body: []byte("no")},
		&failedFrame{epoch: 8, id: id, attempt: 1, kindOf: Refused, detail: "[::1]:3000"},
		&pauseFrame{"target"}, resumeFrame{},
		&settledFrame{[]Settlement{{ID: id, Attempt: 1, Fate: Retried, Status: 202, NextAt: at, Reason: "503", Removed: []string{"Set-Cookie"}}}},
		&cancelFrame{id, 3 * time.Second},
		&Gap{12, "expired"}, &Notice{"hello"}, &goAwayFrame{time.Second}, &pingFrame{5}, &pongFrame{5, at},
	}
}

// blank makes an empty frame of a type, as a reader of the protocol has it.
func blank(t frameType) frame {
	switch t {
	case typeHello:
		return new(Hello)
	case typeResult:
		return new(resultFrame)
	case typeFailed:
		return new(failedFrame)
	case typePause:
		return new(pauseFrame)
	case typeResume:
		return resumeFrame{}
	case typeWelcome:
		return new(Welcome)
	case typeDeliver:
		return new(deliverFrame)
	case typeSettled:
		return new(settledFrame)
	case typeCancel:
		return new(cancelFrame)
	case typeGap:
		return new(Gap)
	case typeNotice:
		return new(Notice)
	case typeGoAway:
		return new(goAwayFrame)
	case typePiece:
		return new(pieceFrame)
	case typePing:
		return new(pingFrame)
	case typePong:
		return new(pongFrame)
	}
	return nil
}

var unexported = cmp.AllowUnexported(deliverFrame{}, pieceFrame{}, resultFrame{}, failedFrame{}, pauseFrame{}, settledFrame{}, cancelFrame{}, goAwayFrame{}, pingFrame{}, pongFrame{})

func TestFramesSurviveTheWire(t *testing.T) {
	var msg []byte
	all := frames()
	for _, f := range all {
		msg = appendFrame(msg, f)
	}
	for _, want := range all {
		typ, payload, rest, err := nextFrame(msg)
		if err != nil {
			t.Fatal(err)
		}
		got := blank(typ)
		if err := decodeFrame(got, payload); err != nil {
			t.Fatalf("%T: %v", want, err)
		}
		if diff := cmp.Diff(want, got, unexported); diff != "" {
			t.Errorf("%T (-sent +received)\n%s", want, diff)
		}
		msg = rest
	}
	if len(msg) > 0 {
		t.Errorf("%d bytes left", len(msg))
	}
}

func TestEveryCutIsRefused(t *testing.T) {
	for _, f := range frames() {
		payload := f.encode(nil)
		for n := range payload {
			if err := decodeFrame(blank(f.kind()), payload[:n:n]); err == nil {
				t.Errorf("%T: first %d of %d bytes were taken for a frame", f, n, len(payload))
			}
		}
		if err := decodeFrame(blank(f.kind()), append(payload, 0)); err == nil {
			t.Errorf("%T: a trailing byte was taken", f)
		}
	}
}

func TestDecoderRefuses(t *testing.T) {
	id := NewID(time.Now())
	for name, f := range map[string]frame{
		"status 101":           &resultFrame{id: id, attempt: 1, status: 101},
		"unknown failure":      &failedFrame{id: id, kindOf: 99},
		"split header":         &resultFrame{id: id, status: 200, header: Header{{"A", "x\r\nSet-Cookie: y"}}},
		"header name":          &resultFrame{id: id, status: 200, header: Header{{"A B", "x"}}},
		"method":               &deliverFrame{d: &Delivery{Method: "GET /", Target: "/"}},
		"half a body":          &deliverFrame{d: &Delivery{Method: "GET", Target: "/"}, size: 10, body: []byte("half")},
		"body that fits apart": &deliverFrame{d: &Delivery{Method: "GET", Target: "/"}, size: 10},
		"too many headers":     &resultFrame{id: id, status: 200, header: make(Header, maxFields+1)},
		"large headers":        &resultFrame{id: id, status: 200, header: Header{{"A", strings.Repeat("x", maxHeaderBytes)}}},
		"empty piece":          &pieceFrame{id: id},
	} {
		if err := decodeFrame(blank(f.kind()), f.encode(nil)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// FuzzFrames feeds messages as a hostile side could send them: no panic, and
// what is taken encodes to the same bytes.
func FuzzFrames(f *testing.F) {
	var all []byte
	for _, fr := range frames() {
		f.Add(appendFrame(nil, fr))
		all = appendFrame(all, fr)
	}
	f.Add(all)
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, msg []byte) {
		for len(msg) > 0 {
			typ, payload, rest, err := nextFrame(msg)
			if err != nil {
				return
			}
			fr := blank(typ)
			if fr != nil && decodeFrame(fr, payload) == nil {
				if again := fr.encode(nil); !bytes.Equal(again, payload) {
					t.Fatalf("%T: took % x, encodes % x", fr, payload, again)
				}
			}
			msg = rest
		}
	})
}

func TestIDsSortByTime(t *testing.T) {
	a, b := NewID(time.UnixMilli(1000)), NewID(time.UnixMilli(1001))
	if a.String() >= b.String() {
		t.Errorf("%s is not before %s", a, b)
	}
	if got, err := ParseID(a.String()); err != nil || got != a {
		t.Errorf("ParseID(%s) = %v, %v", a, got, err)
	}
	if !a.Time().Equal(time.UnixMilli(1000)) {
		t.Errorf("time %v", a.Time())
	}
	for _, bad := range []string{"", "dlv_", "dlv_" + strings.Repeat("z", 26), strings.ToUpper(a.String()), a.String() + "0"} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) was taken", bad)
		}
	}
}
