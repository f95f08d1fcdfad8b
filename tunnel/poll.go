package tunnel

import (
	"encoding/binary"
	"time"
)

// The fall-back transport carries the same messages as a WebSocket where
// something on the way refuses upgrades: down in the answers to long polls, up
// in the bodies of ordinary requests (docs/protocol.md, "Fall-back transport").
// A batch is the number of its first item and the items; each is numbered by
// its place, so that a batch may be sent again when its answer was lost.

const (
	// PollHold is how long the relay holds a poll that it has nothing for. It is
	// below the 30 s after which many proxies give up; pings end most polls
	// before.
	PollHold = 25 * time.Second
	// PollBody is the most that either side reads of a batch: what a writer
	// gathers, one more message, and room for the numbers.
	PollBody = pollBatch + maxMessage + 4096

	pollBatch   = 512 << 10 // a relay gathers messages into an answer up to this size
	pollWaiting = 1 << 20   // bytes that a side keeps for the other; beyond it writes wait
	pollItems   = 1024      // in one batch

	// PollSecret is the header with the secret of a session.
	PollSecret = "Hook-Session-Secret"
)

// PollOpened is the relay's answer to the opening of a session.
type PollOpened struct {
	Session string `json:"session"` // for the path of what follows
	Secret  string `json:"secret"`  // for the header PollSecret
}

// pollItem is a message, or the end.
type pollItem struct {
	message []byte
	end     *CloseError // instead of a message; nothing follows
}

func (i *pollItem) size() int { return len(i.message) + 16 }

// The kinds of items on the wire.
const (
	itemMessage byte = iota
	itemEnd
)

// appendBatch encodes items, the first of which has the number first.
func appendBatch(b []byte, first uint64, items []pollItem) []byte {
	b = binary.AppendUvarint(b, first)
	for _, i := range items {
		if i.end != nil {
			b = append(b, itemEnd)
			b = binary.AppendUvarint(b, uint64(i.end.Code))
			b = appendString(b, i.end.Reason[:min(len(i.end.Reason), maxCloseReason)])
			continue
		}
		b = appendBytes(append(b, itemMessage), i.message)
	}
	return b
}

// maxCloseReason is as long as a WebSocket's can be.
const maxCloseReason = 120

// decodeBatch is the reverse. The messages are parts of p.
func decodeBatch(p []byte) (first uint64, items []pollItem, err error) {
	d := decoder{p: p}
	first = d.uint()
	if first == 0 {
		d.fail("batch without a number")
	}
	for d.err == nil && len(d.p) > 0 {
		if len(items) == pollItems || len(items) > 0 && items[len(items)-1].end != nil {
			d.fail("more than a batch can hold")
			break
		}
		switch kind := d.byte(); kind {
		case itemMessage:
			items = append(items, pollItem{message: d.bytes(maxMessage)})
		case itemEnd:
			code := d.count("close code", 4999)
			items = append(items, pollItem{end: &CloseError{CloseCode(code), d.string(maxCloseReason)}})
		default:
			d.fail("item of kind %d", kind)
		}
	}
	if d.err != nil {
		return 0, nil, violation("%v", d.err)
	}
	return first, items, nil
}
