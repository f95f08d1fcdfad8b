package tunnel

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Transport says what carries a tunnel.
type Transport string

// The transports.
const (
	Auto      Transport = "auto"      // a WebSocket, and polls where it does not get through
	WebSocket Transport = "websocket" // only that
	Poll      Transport = "poll"      // only ordinary requests
)

const (
	// diesEarly is a WebSocket that something on the way has cut: twice in a row
	// is no accident.
	diesEarly = 5 * time.Second
	// tryAgain is how long polls are used before a WebSocket is tried again: the
	// machine may have moved to another network.
	tryAgain = 10 * time.Minute
)

// Dialer dials a relay by the transport that gets through. Its Dial is one for
// ClientOptions.
type Dialer struct {
	Client    *http.Client
	Relay     string // "https://hooks.example", no path
	Key       string // owner key
	Transport Transport

	// FellBack is told why polls are used from now on. It may be nil.
	FellBack func(why error)

	mu    sync.Mutex // guards what follows
	early int        // WebSockets in a row that died early
	polls time.Time  // since when polls are used; zero: they are not
}

// Dial makes a connection.
func (d *Dialer) Dial(ctx context.Context) (Conn, error) {
	switch {
	case d.Transport == Poll || d.Transport == Auto && d.polling():
		return DialPoll(ctx, d.Client, d.Relay+"/v1/poll", d.Key)
	case d.Transport == WebSocket:
		return d.webSocket(ctx)
	}
	conn, err := d.webSocket(ctx)
	if err == nil {
		return &watchedConn{Conn: conn, dialer: d, since: time.Now()}, nil
	}
	var refused *DialError
	if !errors.As(err, &refused) || refused.relays() {
		return nil, err
	}
	fallback, perr := DialPoll(ctx, d.Client, d.Relay+"/v1/poll", d.Key)
	if perr != nil {
		return nil, err
	}
	d.fallBack(err)
	return fallback, nil
}

func (d *Dialer) webSocket(ctx context.Context) (Conn, error) {
	return DialWebSocket(ctx, d.Client, d.Relay+"/v1/tunnel", d.Key)
}

func (d *Dialer) polling() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.polls.IsZero() && time.Since(d.polls) > tryAgain {
		d.polls, d.early = time.Time{}, 0
	}
	return !d.polls.IsZero()
}

func (d *Dialer) fallBack(why error) {
	d.mu.Lock()
	d.polls = time.Now()
	d.mu.Unlock()
	if d.FellBack != nil {
		d.FellBack(why)
	}
}

// ended books how a WebSocket ended.
func (d *Dialer) ended(after time.Duration, err error) {
	var said *CloseError
	d.mu.Lock()
	if errors.As(err, &said) || after > diesEarly {
		d.early = 0
	} else {
		d.early++
	}
	twice := d.early == 2
	d.mu.Unlock()
	if twice {
		d.fallBack(err)
	}
}

// relays tells a refusal in the relay's own words from one by something that
// stands before it.
func (e *DialError) relays() bool {
	return strings.Contains(e.Detail, `"urn:hook:problem:`) || e.Status == http.StatusUpgradeRequired && strings.Contains(e.Detail, Subprotocol)
}

// watchedConn tells its dialer how it ended.
type watchedConn struct {
	Conn
	dialer *Dialer
	since  time.Time
	once   sync.Once
}

// Read implements Conn. What ends because this side wants it counts for
// nothing.
func (c *watchedConn) Read(ctx context.Context) ([]byte, error) {
	p, err := c.Conn.Read(ctx)
	if err != nil && ctx.Err() == nil {
		c.once.Do(func() { c.dialer.ended(time.Since(c.since), err) })
	}
	return p, err
}

// Abort implements Aborter.
func (c *watchedConn) Abort() { abort(c.Conn) }

// dead implements resetter.
func (c *watchedConn) dead() { dead(c.Conn) }

// Close implements Closer.
func (c *watchedConn) Close(code CloseCode, reason string) error {
	if closer, ok := c.Conn.(Closer); ok {
		return closer.Close(code, reason)
	}
	return nil
}
