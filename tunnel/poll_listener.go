package tunnel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// pollPatience is how long requests may fail before the link is taken for
	// broken: less than DeadAfter, after which it is dead anyway.
	pollPatience = 20 * time.Second
	// pollPause and pollPauses are the first and the longest wait between tries.
	pollPause  = 100 * time.Millisecond
	pollPauses = 2 * time.Second
	// pollAnswer bounds the wait for an answer that is not held.
	pollAnswer = 15 * time.Second
)

// DialPoll opens a tunnel over ordinary requests at url ("https://…/v1/poll")
// with the owner key. client is used as for DialWebSocket. A relay that does
// not know of it is a *DialError.
func DialPoll(ctx context.Context, client *http.Client, url, key string) (Conn, error) {
	c := &pollConn{client: client, url: url, key: key, sent: 1}
	ctx, cancel := context.WithTimeout(ctx, pollAnswer)
	defer cancel()
	resp, err := c.do(ctx, "POST", "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	detail, err := io.ReadAll(io.LimitReader(resp.Body, maxDetail))
	if err != nil {
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	if resp.StatusCode != http.StatusCreated {
		return nil, &DialError{Status: resp.StatusCode, Detail: strings.TrimSpace(string(detail))}
	}
	var opened PollOpened
	if err := json.Unmarshal(detail, &opened); err != nil || !isToken(opened.Session) || !isToken(opened.Secret) {
		return nil, &DialError{Status: resp.StatusCode, Detail: "not in the words of a hook relay"}
	}
	c.session, c.secret = "/"+opened.Session, opened.Secret
	return c, nil
}

// isToken tells what may stand in a path and in a header as it is.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// pollConn is the listener's end of a tunnel over polls.
type pollConn struct {
	client          *http.Client
	url, key        string
	session, secret string
	items           []pollItem // of the last poll, not read yet; only Read uses them
	got             uint64     // number of the last item that was got
	sent            uint64     // number of the next item to send; only Write and Close use it
}

// do sends one request of the session.
func (c *pollConn) do(ctx context.Context, method, query string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+c.session+query, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("User-Agent", "hook")
	if c.secret != "" {
		req.Header.Set(PollSecret, c.secret)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	return c.client.Do(req)
}

// errLost is a session that the relay does not have any more.
var errLost = errors.New("the relay has ended the session")

// again sends a request until it is answered: what fails on the way is tried
// again for pollPatience.
func (c *pollConn) again(ctx context.Context, limit time.Duration, method, query string, body []byte) (answer []byte, err error) {
	began := time.Now()
	for wait := pollPause; ; wait = min(2*wait, pollPauses) {
		answer, again, err := c.once(ctx, limit, method, query, body)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err == nil || !again || time.Since(began) > pollPatience+limit:
			return answer, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

func (c *pollConn) once(ctx context.Context, limit time.Duration, method, query string, body []byte) (answer []byte, again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	resp, err := c.do(ctx, method, query, body)
	if err != nil {
		return nil, true, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, PollBody+1))
	if err != nil {
		return nil, true, err
	}
	switch s := resp.StatusCode; {
	case s == http.StatusNoContent:
		return nil, false, nil
	case s == http.StatusOK && method == http.MethodGet:
		return answer, false, nil
	case s == http.StatusGone || s == http.StatusNotFound:
		return nil, false, errLost
	case s == http.StatusConflict:
		return nil, false, violation("the relay counts otherwise")
	case s == http.StatusTooManyRequests || s >= 500 || s == http.StatusRequestTimeout:
		return nil, true, &DialError{Status: s}
	default:
		return nil, false, fmt.Errorf("the relay, or what stands before it, answered %d to a poll", s)
	}
}

// Read implements Conn: it polls when it has nothing.
func (c *pollConn) Read(ctx context.Context) ([]byte, error) {
	for {
		if len(c.items) > 0 {
			i := c.items[0]
			c.items = c.items[1:]
			if i.end != nil {
				return nil, i.end
			}
			return i.message, nil
		}
		answer, err := c.again(ctx, PollHold+pollAnswer, http.MethodGet, "?after="+strconv.FormatUint(c.got, 10), nil)
		if err != nil {
			return nil, err
		}
		if len(answer) == 0 {
			continue
		}
		first, items, err := decodeBatch(answer)
		if err != nil {
			return nil, err
		}
		if first > c.got+1 || first+uint64(len(items)) <= c.got {
			return nil, violation("items from %d on, after %d", first, c.got)
		}
		c.items = items[min(c.got+1-first, uint64(len(items))):]
		c.got = max(c.got, first+uint64(len(items))-1)
	}
}

// Write implements Conn: it returns when the relay has p.
func (c *pollConn) Write(ctx context.Context, p []byte) error {
	return c.send(ctx, pollItem{message: p})
}

func (c *pollConn) send(ctx context.Context, i pollItem) error {
	_, err := c.again(ctx, pollAnswer, http.MethodPost, "", appendBatch(nil, c.sent, []pollItem{i}))
	if err == nil {
		c.sent++
	}
	return err
}

// Close implements Closer.
func (c *pollConn) Close(code CloseCode, reason string) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	return c.send(ctx, pollItem{end: &CloseError{code, reason}})
}
