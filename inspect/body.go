package inspect

import (
	"errors"
	"fmt"
)

// bodies are where large bodies are, by their hash.
type bodies interface {
	// read returns the body, or its first limit bytes where limit is not
	// negative. The error wraps ErrBodyGone if it is not there any more.
	read(hash string, limit int64) ([]byte, error)
}

// ErrBodyGone says that a body is not in the history any more.
var ErrBodyGone = errors.New("the body is not in the history any more")

// Body is the request's body, from its file where it is in one. The caller
// does not change it.
func (f *Flow) Body() ([]byte, error) {
	if f.Delivery.Body != nil || f.BodySize == 0 {
		return f.Delivery.Body, nil
	}
	return f.fetch(f.BodyHash, f.BodySize)
}

// Answer is the body of an attempt's result.
func (f *Flow) Answer(a *Attempt) ([]byte, error) {
	if a.Result == nil || a.Result.Body != nil || a.answerHash == "" {
		if a.Result == nil {
			return nil, nil
		}
		return a.Result.Body, nil
	}
	return f.fetch(a.answerHash, a.Result.Size)
}

func (f *Flow) fetch(hash string, size int64) ([]byte, error) {
	if f.stored == nil {
		return nil, fmt.Errorf("reading the body of %s: %w", f.ID(), ErrBodyGone)
	}
	b, err := f.stored.read(hash, -1)
	if err != nil {
		return nil, fmt.Errorf("reading the body of %s: %w", f.ID(), err)
	}
	if int64(len(b)) != size || hashOf(b) != hash {
		return nil, fmt.Errorf("reading the body of %s: the file was changed: %w", f.ID(), ErrBodyGone)
	}
	return b, nil
}

// Whole is f with all its bodies in memory.
func (f *Flow) Whole() (*Flow, error) {
	body, err := f.Body()
	if err != nil {
		return nil, err
	}
	g := f.clone()
	g.Delivery.Body = body
	for i := range g.Attempts {
		a := &g.Attempts[i]
		if a.Result == nil {
			continue
		}
		if body, err = f.Answer(a); err != nil {
			return nil, err
		}
		r := *a.Result
		r.Body = body
		a.Result, a.answerHash = &r, ""
	}
	g.stored = nil
	return g, nil
}
