package tunnel

import (
	"bytes"
	"context"
	"sync"
)

// pipe is a pair of Conns in memory. Writes wait for the reader once capacity
// messages are under way.
type pipeEnd struct {
	in, out chan []byte
	state   *pipeState
	mute    chan struct{} // closed: what is written goes nowhere, as on a dead link
	once    *sync.Once
}

type pipeState struct {
	mu    sync.Mutex
	done  chan struct{}
	err   error
	sizes []int // of messages written by the first end
}

func newPipe(capacity int) (a, b *pipeEnd) {
	x, y := make(chan []byte, capacity), make(chan []byte, capacity)
	st := &pipeState{done: make(chan struct{})}
	return &pipeEnd{x, y, st, make(chan struct{}), new(sync.Once)}, &pipeEnd{y, x, st, make(chan struct{}), new(sync.Once)}
}

func (p *pipeEnd) Read(ctx context.Context) ([]byte, error) {
	select {
	case m := <-p.in:
		return m, nil
	default:
	}
	select {
	case m := <-p.in:
		return m, nil
	case <-p.state.done:
		return nil, p.state.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (p *pipeEnd) Write(ctx context.Context, b []byte) error {
	select {
	case <-p.mute:
		return nil
	default:
	}
	select {
	case p.out <- bytes.Clone(b):
		p.state.mu.Lock()
		p.state.sizes = append(p.state.sizes, len(b))
		p.state.mu.Unlock()
		return nil
	case <-p.state.done:
		return p.state.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pipeEnd) Close(code CloseCode, reason string) error {
	p.end(&CloseError{code, reason})
	return nil
}

// end breaks the pipe for both ends.
func (p *pipeEnd) end(err error) {
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	if p.state.err == nil {
		p.state.err = err
		close(p.state.done)
	}
}

// silence lets nothing more through from this end.
func (p *pipeEnd) silence() { p.once.Do(func() { close(p.mute) }) }
