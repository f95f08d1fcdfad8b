package stage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// The bounds of chaos.
const (
	// reorderWait is how long a delivery is held back for another to overtake it.
	reorderWait = 2 * time.Second
	// maxChaosDelay is longer than any sender waits.
	maxChaosDelay = 10 * time.Minute
)

// ChaosOptions say what is done to deliveries on purpose, each with a
// probability from 0 to 1.
type ChaosOptions struct {
	Duplicate float64 // handed to the application once more, after it has answered
	Reorder   float64 // held back until the next has passed
	DropAck   float64 // the answer to a first attempt is dropped: the sender sees none
	Delay     time.Duration
	Seed      uint64 // the same seed and order of arrival give the same effects
}

// String is o as ParseChaos reads it.
func (o ChaosOptions) String() string {
	var parts []string
	for _, p := range []struct {
		name string
		v    float64
	}{{"duplicate", o.Duplicate}, {"reorder", o.Reorder}, {"drop-ack", o.DropAck}} {
		if p.v > 0 {
			parts = append(parts, p.name+"="+strconv.FormatFloat(p.v, 'g', -1, 64))
		}
	}
	if o.Delay > 0 {
		parts = append(parts, "delay="+o.Delay.String())
	}
	return strings.Join(append(parts, "seed="+strconv.FormatUint(o.Seed, 10)), ",")
}

// ParseChaos reads a list like "duplicate=0.2,reorder,delay=2s,drop-ack,seed=7".
// Without a value an effect is certain; without a seed one is drawn.
func ParseChaos(text string) (ChaosOptions, error) {
	o := ChaosOptions{Seed: rand.Uint64N(1 << 32)}
	seen := make(map[string]bool)
	for part := range strings.SplitSeq(text, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(part), "=")
		if seen[name] {
			return o, fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		var err error
		switch name {
		case "duplicate":
			o.Duplicate, err = chance(value, given)
		case "reorder":
			o.Reorder, err = chance(value, given)
		case "drop-ack":
			o.DropAck, err = chance(value, given)
		case "delay":
			o.Delay, err = time.ParseDuration(value)
			if err != nil || o.Delay <= 0 || o.Delay > maxChaosDelay {
				err = fmt.Errorf("%q is no delay from 1ms to %s", value, maxChaosDelay)
			}
		case "seed":
			if o.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
				err = fmt.Errorf("%q is no whole number", value)
			}
		default:
			err = errors.New("the effects are duplicate, reorder, delay, drop-ack and seed")
		}
		if err != nil {
			return o, fmt.Errorf("%q: %w", strings.TrimSpace(part), err)
		}
	}
	if o.Duplicate == 0 && o.Reorder == 0 && o.DropAck == 0 && o.Delay == 0 {
		return o, errors.New("no effect is asked for: duplicate, reorder, delay or drop-ack")
	}
	return o, nil
}

func chance(value string, given bool) (float64, error) {
	if !given {
		return 1, nil
	}
	p, err := strconv.ParseFloat(value, 64)
	if err != nil || !(p > 0 && p <= 1) {
		return 0, fmt.Errorf("%q is no probability above 0 and up to 1", value)
	}
	return p, nil
}

// chaos draws and keeps what is held back.
type chaos struct {
	o     ChaosOptions
	aside *Aside
	next  tunnel.Handler

	mu   sync.Mutex // guards what follows
	rand *rand.Rand
	held chan struct{} // of the delivery that is held back; closed when it was overtaken
}

// Chaos disturbs the way to the application on purpose, to show whether it
// minds. All that it does is noted. Duplicates run in aside.
func Chaos(o *ChaosOptions, aside *Aside) Stage {
	if o == nil {
		return nil
	}
	return func(next tunnel.Handler) tunnel.Handler {
		c := &chaos{o: *o, aside: aside, next: next, rand: rand.New(rand.NewPCG(o.Seed, 0))}
		return tunnel.HandlerFunc(c.handle)
	}
}

// draw decides what happens to the next delivery. It always draws as often, so
// that the n-th delivery fares the same whatever the others do.
func (c *chaos) draw() (duplicate, drop bool, hold, overtake chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, b, d := c.rand.Float64(), c.rand.Float64(), c.rand.Float64()
	if c.held != nil {
		overtake, c.held = c.held, nil
	} else if d < c.o.Reorder {
		hold = make(chan struct{})
		c.held = hold
	}
	return a < c.o.Duplicate, b < c.o.DropAck, hold, overtake
}

func (c *chaos) handle(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
	duplicate, drop, hold, overtake := c.draw()
	if overtake != nil {
		defer close(overtake)
	}
	if c.o.Delay > 0 {
		note(ctx, d, Note{Kind: Disturbed, Text: "delayed " + c.o.Delay.String(), Took: c.o.Delay})
		if err := pause(ctx, c.o.Delay); err != nil {
			return nil, err
		}
	}
	if hold != nil {
		if err := c.wait(ctx, d, hold); err != nil {
			return nil, err
		}
	}
	r, err := c.next.Handle(ctx, d)
	if err != nil {
		return r, err
	}
	if duplicate {
		c.again(ctx, d)
	}
	if drop && d.Attempt <= 1 {
		note(ctx, d, Note{Kind: Disturbed, Text: fmt.Sprintf("answer %d dropped", r.Status)})
		return nil, &tunnel.Failure{Kind: tunnel.TimedOut, Detail: fmt.Sprintf("chaos: the application answered %d, the answer was dropped", r.Status)}
	}
	return r, nil
}

// wait holds a delivery back until another has passed.
func (c *chaos) wait(ctx context.Context, d *tunnel.Delivery, hold chan struct{}) error {
	began := time.Now()
	timer := time.NewTimer(reorderWait)
	defer timer.Stop()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.held == hold {
			c.held = nil
		}
	}()
	select {
	case <-hold:
		note(ctx, d, Note{Kind: Disturbed, Text: "held back until the next had passed", Took: time.Since(began)})
		return nil
	case <-timer.C:
	case <-ctx.Done():
		return &tunnel.Failure{Kind: tunnel.Abandoned, Detail: "stopped while waiting"}
	}
	note(ctx, d, Note{Kind: Disturbed, Text: "held back, but nothing overtook it", Took: time.Since(began)})
	return nil
}

// again hands a delivery over once more.
func (c *chaos) again(ctx context.Context, d *tunnel.Delivery) {
	ok := c.aside.Go(ctx, d, func(ctx context.Context, d *tunnel.Delivery) {
		began := time.Now()
		r, err := c.next.Handle(ctx, d)
		note(ctx, d, Note{Kind: Disturbed, Text: "sent twice", Result: r, Err: err, Took: time.Since(began)})
	})
	if !ok {
		note(ctx, d, Note{Kind: Disturbed, Text: "not sent twice: too many copies are under way"})
	}
}
