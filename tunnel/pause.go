package tunnel

import (
	"context"
	"time"
)

// Pause asks the relay to hold deliveries back until Resume.
func (c *Client) Pause() { c.setPaused(&c.byUser, true, "paused by the listener") }

// Resume ends Pause. The tunnel stays paused while the target is unreachable.
func (c *Client) Resume() { c.setPaused(&c.byUser, false, "") }

// setPaused changes one of the two reasons for a pause and tells the relay and
// Events when that makes a difference.
func (c *Client) setPaused(reason *bool, on bool, text string) (changed bool) {
	c.mu.Lock()
	before := c.byUser || c.closed
	changed = *reason != on
	*reason = on
	after := c.byUser || c.closed
	if after != before && c.link != nil {
		if after {
			c.link.send(&pauseFrame{text[:min(len(text), maxDetail)]})
		} else {
			c.link.send(resumeFrame{})
		}
	}
	c.mu.Unlock()
	if after != before {
		if after {
			c.emit(PausedEvent{text})
		} else {
			c.emit(ResumedEvent{})
		}
	}
	return changed
}

// unreachable pauses the tunnel and watches the target's port until work ends.
func (c *Client) unreachable(work context.Context, f *Failure) {
	if c.opts.Probe == nil || c.spared(work) || !c.setPaused(&c.closed, true, f.Error()) {
		return
	}
	c.running.Go(func() {
		ticker := time.NewTicker(probeEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-work.Done():
				return
			}
			ctx, cancel := context.WithTimeout(work, probeEvery)
			err := c.opts.Probe(ctx)
			cancel()
			if err == nil {
				c.setPaused(&c.closed, false, "")
				return
			}
		}
	})
}

// spared asks whether another target can be reached, unless there is a pause
// already.
func (c *Client) spared(work context.Context) bool {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed || c.opts.Spared == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(work, probeEvery)
	defer cancel()
	return c.opts.Spared(ctx)
}

// sleepStep is how often the clocks are compared, and sleepJump the difference
// that only a machine that slept can make: the monotonic clock stands still
// while it does.
const (
	sleepStep = time.Second
	sleepJump = 5 * time.Second
)

// watchSleep reports each wake-up of the machine until ctx ends.
func (c *Client) watchSleep(ctx context.Context) <-chan struct{} {
	woke := make(chan struct{}, 1)
	c.running.Go(func() {
		ticker := time.NewTicker(sleepStep)
		defer ticker.Stop()
		wall, mono := c.opts.wall().Round(0), time.Now()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			nowWall, nowMono := c.opts.wall().Round(0), time.Now()
			if jump := nowWall.Sub(wall) - nowMono.Sub(mono); jump > sleepJump {
				select {
				case woke <- struct{}{}:
				default:
				}
			}
			wall, mono = nowWall, nowMono
		}
	})
	return woke
}
