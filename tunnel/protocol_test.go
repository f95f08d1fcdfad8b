package tunnel

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// vectors are the frames of the "Test vectors" of docs/protocol.md, in their
// order: one of each type.
func vectors() []frame {
	id := ID{0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x70, 0x01, 0x82, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09}
	at := time.UnixMicro(1_700_000_000_000_000)
	instance := [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	return []frame{
		&Hello{
			Client: "hook/1.2.0", Instance: instance, Epoch: 7, Endpoint: "abcd",
			Window: Window{64, 64 << 20}, Open: []OpenAttempt{{id, 2, true}},
		},
		&Welcome{
			Relay: "hook/1.2.0", Session: 1000, Epoch: 7, URL: "https://r.example/h/abcd", Backlog: 3, ExpiresAt: at.Add(time.Hour),
			Window: Window{64, 64 << 20}, MaxBody: 25 << 20, MaxAnswer: 1 << 20, Clock: at, Resumed: []ID{id},
		},
		&deliverFrame{
			d: &Delivery{
				ID: id, Attempt: 1, ReceivedAt: at, Budget: 8 * time.Second, Method: "POST", Target: "/a%2Fb?x=1", Prefix: "/h/abcd",
				URL: "https://r.example/h/abcd/a%2Fb?x=1", Host: "r.example", Remote: "192.0.2.1:4711",
				Header: Header{{"Content-Type", "text/plain"}, {"X-Dup", "1"}, {"X-Dup", "2"}},
			},
			size: 3, body: []byte("abc"),
		},
		&deliverFrame{
			d:    &Delivery{ID: id, Seq: 9, Attempt: 2, ReceivedAt: at, Method: "PUT", Target: "/", URL: "https://abcd.r.example/", Host: "abcd.r.example"},
			size: 200_000,
		},
		&pieceFrame{id, []byte("abc")},
		&resultFrame{
			epoch: 7, id: id, attempt: 1, status: 200, by: ByApplication, verdict: 1,
			timing: Timing{Connected: time.Millisecond, FirstByte: 2 * time.Millisecond, Done: 3 * time.Millisecond},
			header: Header{{"Content-Type", "text/plain"}}, size: 2, sent: 2, body: []byte("ok"),
		},
		&failedFrame{epoch: 7, id: id, attempt: 1, kindOf: Refused, detail: "port 3000"},
		&pauseFrame{"connection refused"},
		resumeFrame{},
		&settledFrame{[]Settlement{
			{ID: id, Attempt: 1, Fate: Answered, Status: 200, Removed: []string{"Set-Cookie"}},
			{ID: id, Attempt: 2, Fate: Retried, NextAt: at.Add(time.Second), Reason: "answered 500"},
		}},
		&cancelFrame{id, 3 * time.Second},
		&Gap{12, "the endpoint was expired"},
		&Notice{"hello"},
		&goAwayFrame{2 * time.Second},
		&pingFrame{300},
		&pongFrame{300, at},
	}
}

// TestPublishedVectors compares the frames in docs/protocol.md with the real
// codec, both ways: a client written after that page talks to this package.
func TestPublishedVectors(t *testing.T) {
	page, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var published [][]byte
	for _, block := range strings.Split(string(page), "```hex\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		published = append(published, b)
	}
	want := vectors()
	if len(published) != len(want) {
		t.Fatalf("%d vectors in docs/protocol.md, %d here", len(published), len(want))
	}
	shown := make(map[frameType]bool)
	for i, f := range want {
		shown[f.kind()] = true
		if b := appendFrame(nil, f); !bytes.Equal(b, published[i]) {
			t.Errorf("%T: docs/protocol.md has\n% x\nand not\n% x", f, published[i], b)
			continue
		}
		typ, payload, rest, err := nextFrame(published[i])
		if err != nil || typ != f.kind() || len(rest) > 0 {
			t.Errorf("%T: frame 0x%02x, %d bytes left, %v", f, byte(typ), len(rest), err)
			continue
		}
		got := blank(typ)
		if err := decodeFrame(got, payload); err != nil {
			t.Errorf("%T: %v", f, err)
			continue
		}
		if again := appendFrame(nil, got); !bytes.Equal(again, published[i]) {
			t.Errorf("%T: encodes again as\n% x", f, again)
		}
		if diff := cmp.Diff(f, got, unexported, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("%T (-here +published)\n%s", f, diff)
		}
	}
	for what, n := range map[string]int{"message": maxMessage, "frame": maxFrame, "inline body": maxInline, "piece": pieceSize, "batch": maxBatch, "header": maxHeaderBytes} {
		text := strconv.Itoa(n/1000) + "," + fmt.Sprintf("%03d", n%1000)
		if !bytes.Contains(page, []byte(text)) {
			t.Errorf("docs/protocol.md does not say that the limit of a %s is %s bytes", what, text)
		}
	}
	for k := Refused; k <= Unfit; k++ {
		if row := "| " + strconv.Itoa(int(k)) + " | "; !bytes.Contains(page, []byte(row)) {
			t.Errorf("docs/protocol.md has no row for the failure kind %d", k)
		}
	}
	for typ := range 256 {
		if t0 := frameType(typ); blank(t0) != nil && !shown[t0] {
			t.Errorf("frame 0x%02x has no vector", typ)
		}
	}
}
