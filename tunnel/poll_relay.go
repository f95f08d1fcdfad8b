package tunnel

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// PollConn is the relay's end of a tunnel over polls: a Conn that is served by
// the requests of one session. Who may send those is the relay's to judge.
type PollConn struct {
	mu      sync.Mutex    // guards what follows
	changed chan struct{} // replaced at every change

	out   []pollItem // sent and not acknowledged, or not sent yet
	first uint64     // number of out[0]
	size  int        // bytes of out
	polls uint64     // only the last of them is answered with items

	in       []pollItem
	received uint64 // number of the last item that came in
	waiting  int    // bytes of in
	posts    uint64 // only the last of them waits for room
	posting  int    // that are in hand

	ended error // nothing goes either way any more
	told  bool  // the end has been sent
}

// NewPollConn makes the relay's end of a session.
func NewPollConn() *PollConn { return &PollConn{changed: make(chan struct{}), first: 1} }

// errSession ends a session without a word.
var errSession = errors.New("the session has ended")

// change wakes all that wait. Guarded by mu.
func (c *PollConn) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// end breaks the session. The first cause stays.
func (c *PollConn) end(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		c.ended = cause
		c.out, c.in = nil, nil
		c.change()
	}
	return c.ended
}

// Abort implements Aborter: what still comes for the session is answered 410.
func (c *PollConn) Abort() { c.end(errSession) }

// Read implements Conn.
func (c *PollConn) Read(ctx context.Context) ([]byte, error) {
	for {
		c.mu.Lock()
		if c.ended != nil {
			defer c.mu.Unlock()
			return nil, c.ended
		}
		if len(c.in) > 0 {
			i := c.in[0]
			c.in[0] = pollItem{}
			c.in = c.in[1:]
			c.waiting -= i.size()
			c.change()
			c.mu.Unlock()
			if i.end != nil {
				return nil, c.end(i.end)
			}
			return i.message, nil
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, c.end(context.Cause(ctx))
		}
	}
}

// Write implements Conn. It waits while the listener does not fetch.
func (c *PollConn) Write(ctx context.Context, p []byte) error {
	for {
		c.mu.Lock()
		if c.ended != nil {
			defer c.mu.Unlock()
			return c.ended
		}
		if c.size <= pollWaiting {
			c.push(pollItem{message: append([]byte(nil), p...)})
			c.mu.Unlock()
			return nil
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return c.end(context.Cause(ctx))
		}
	}
}

// push adds an item for the listener. Guarded by mu.
func (c *PollConn) push(i pollItem) {
	c.out = append(c.out, i)
	c.size += i.size()
	c.change()
}

// Close implements Closer: it gives the listener a moment to fetch the end.
func (c *PollConn) Close(code CloseCode, reason string) error {
	c.mu.Lock()
	if c.ended == nil {
		c.push(pollItem{end: &CloseError{code, reason}})
	}
	c.mu.Unlock()
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	for {
		c.mu.Lock()
		over, changed := c.told || c.ended != nil, c.changed
		c.mu.Unlock()
		if over {
			break
		}
		select {
		case <-changed:
			continue
		case <-timer.C:
		}
		break
	}
	c.Abort()
	return nil
}

// ServePoll answers a poll: with what the listener does not have yet, as soon
// as there is something, or with 204.
func (c *PollConn) ServePoll(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 62)
	if err != nil {
		http.Error(w, "after is no number", http.StatusBadRequest)
		return
	}
	timer := time.NewTimer(PollHold)
	defer timer.Stop()
	c.mu.Lock()
	c.polls++ // an older poll gives way
	me := c.polls
	c.change()
	c.mu.Unlock()
	for {
		c.mu.Lock()
		status, batch, last := http.StatusNoContent, []byte(nil), false
		if me == c.polls {
			status, batch, last = c.next(after)
		}
		changed := c.changed
		c.mu.Unlock()
		if status != 0 {
			c.answer(w, status, batch)
			if last {
				c.mu.Lock()
				c.told = true
				c.change()
				c.mu.Unlock()
			}
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			c.answer(w, http.StatusNoContent, nil)
			return
		case <-r.Context().Done():
			return
		}
	}
}

// next takes what the listener has acknowledged off the books and picks what it
// gets: status 0 means that it has to wait. Guarded by mu.
func (c *PollConn) next(after uint64) (status int, batch []byte, last bool) {
	if c.ended != nil {
		return http.StatusGone, nil, false
	}
	if after+1 < c.first || after >= c.first+uint64(len(c.out)) {
		return http.StatusConflict, nil, false
	}
	for c.first <= after {
		c.size -= c.out[0].size()
		c.out[0] = pollItem{}
		c.out = c.out[1:]
		c.first++
	}
	n, size := 0, 0
	for n < len(c.out) && n < pollItems && (n == 0 || size+c.out[n].size() <= pollBatch) {
		size += c.out[n].size()
		n++
	}
	if n == 0 {
		return 0, nil, false
	}
	return http.StatusOK, appendBatch(nil, c.first, c.out[:n]), c.out[n-1].end != nil
}

func (c *PollConn) answer(w http.ResponseWriter, status int, batch []byte) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if status == http.StatusOK {
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Length", strconv.Itoa(len(batch)))
		h.Set("X-Content-Type-Options", "nosniff")
	}
	w.WriteHeader(status)
	w.Write(batch)
}

// ServeSend takes a batch from the listener: 204 when all of it is in hand. It
// waits while the relay has enough of it.
func (c *PollConn) ServeSend(w http.ResponseWriter, r *http.Request) {
	me, limit := c.post()
	if me == 0 {
		c.answer(w, http.StatusTooManyRequests, nil)
		return
	}
	defer c.posted()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		http.Error(w, "the batch is not complete, or too large", http.StatusBadRequest)
		return
	}
	first, items, err := decodeBatch(body)
	if err != nil {
		c.end(err)
		http.Error(w, "this is no batch", http.StatusBadRequest)
		return
	}
	for {
		c.mu.Lock()
		status := c.take(first, items)
		if status == 0 && me != c.posts {
			status = http.StatusServiceUnavailable
		}
		changed := c.changed
		c.mu.Unlock()
		if status != 0 {
			c.answer(w, status, nil)
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// maxPosts are the posts of one session that are in hand at once: one, and the
// next try where that was given up.
const maxPosts = 2

// post begins a post, the number of which is 0 when there are too many. Before
// the hello nobody knows who sends: no more than a hello is taken.
func (c *PollConn) post() (number uint64, limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.posting >= maxPosts {
		return 0, 0
	}
	c.posting++
	c.posts++
	c.change()
	if c.received == 0 {
		return c.posts, maxFrame + 4096
	}
	return c.posts, PollBody
}

func (c *PollConn) posted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posting--
}

// take takes in what is new of a batch; status 0 means that there is no room.
// Guarded by mu.
func (c *PollConn) take(first uint64, items []pollItem) (status int) {
	switch {
	case c.ended != nil:
		return http.StatusGone
	case first > c.received+1:
		return http.StatusConflict
	case first+uint64(len(items)) <= c.received+1:
		return http.StatusNoContent // again
	case c.waiting > pollWaiting:
		return 0
	}
	for _, i := range items[c.received+1-first:] {
		c.in = append(c.in, i)
		c.waiting += i.size()
		c.received++
	}
	c.change()
	return http.StatusNoContent
}
