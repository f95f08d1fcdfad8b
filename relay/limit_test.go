package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBodiesOverTheLimit(t *testing.T) {
	const limit = 1000
	for name, c := range map[string]struct {
		size    int
		chunked bool
		want    error
	}{
		"announced, at the limit":  {limit, false, nil},
		"announced, over":          {limit + 1, false, errTooLarge},
		"chunked, at the limit":    {limit, true, nil},
		"chunked, over":            {limit + 1, true, errTooLarge},
		"chunked, far over":        {100 * limit, true, errTooLarge},
		"announced, empty":         {0, false, nil},
		"chunked, nothing in them": {0, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			read := 0
			r := httptest.NewRequest("POST", "/", io.NopCloser(strings.NewReader(strings.Repeat("x", c.size))))
			r.ContentLength = int64(c.size)
			if c.chunked {
				r.ContentLength = -1
			}
			budget := newByteBudget(1<<20, -1)
			b, err := limitBody(httptest.NewRecorder(), r, limit, budget)
			if err == nil {
				var data []byte
				data, err = io.ReadAll(b)
				read = len(data)
				b.release()
				b.release()
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if want := min(c.size, limit); c.want == nil && read != want {
				t.Errorf("read %d bytes, want %d", read, want)
			}
			if !budget.sem.TryAcquire(1 << 20) {
				t.Error("the budget was not given back")
			}
		})
	}
}

func TestABodyTakesFromTheBudgetAsItGrows(t *testing.T) {
	budget := newByteBudget(4*budgetStep, -1)
	body := func(announced int64, have int) *bodyReader {
		r := httptest.NewRequest("POST", "/", io.NopCloser(bytes.NewReader(make([]byte, have))))
		r.ContentLength = announced
		b, err := limitBody(httptest.NewRecorder(), r, 0, budget)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	idle := body(20<<20, 20<<20) // announces much, and nothing is read of it

	a, b := body(-1, 2*budgetStep+1), body(3*budgetStep, 3*budgetStep)
	if _, err := io.ReadAll(a); err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadAll(b); !errors.Is(err, errBusy) || len(n) != budgetStep {
		t.Fatalf("read %d bytes, error %v", len(n), err)
	}
	a.keep(budgetStep) // the rest has gone to a file
	c := body(budgetStep, budgetStep)
	if _, err := io.CopyN(io.Discard, c, budgetStep); err != nil {
		t.Fatalf("after keep: %v", err)
	}
	for _, r := range []*bodyReader{a, b, c, idle} {
		r.release()
	}
	if !budget.sem.TryAcquire(4*budgetStep) || budget.sem.TryAcquire(1) {
		t.Error("not as much was given back as was taken")
	}
	if _, err := a.Read(make([]byte, 1)); err == nil {
		t.Error("read after release")
	}
}

// A body of which little came holds little, whatever was announced.
func TestABodyHoldsWhatCame(t *testing.T) {
	for _, announced := range []int64{-1, 1 << 20} {
		budget := newByteBudget(1<<20, -1)
		r := httptest.NewRequest("POST", "/", io.NopCloser(bytes.NewReader(make([]byte, 1<<20))))
		r.ContentLength = announced
		b, err := limitBody(httptest.NewRecorder(), r, 0, budget)
		if err != nil {
			t.Fatal(err)
		}
		for _, came := range []int64{1, 4 << 10, 10 << 10, 100 << 10, 512 << 10} {
			if _, err := io.CopyN(io.Discard, b, came-b.got); err != nil {
				t.Fatal(err)
			}
			if most := max(firstStep, min(2*came, came+budgetStep)); b.held > most || b.held < came {
				t.Errorf("%d bytes of %d came, %d are held", came, announced, b.held)
			}
		}
	}
}

func TestABodyWaitsForTheBudgetButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := newByteBudget(budgetStep, 0)
		if err := budget.take(t.Context(), budgetStep); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := budget.take(t.Context(), 1); !errors.Is(err, errBusy) || time.Since(start) != budgetWait {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := budget.take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("sender gone: %v", err)
		}
		time.AfterFunc(time.Second, func() { budget.sem.Release(budgetStep) })
		if err := budget.take(t.Context(), 1); err != nil {
			t.Errorf("given back in time: %v", err)
		}
	})
}

func TestATooLargeAnnouncementGetsNo100Continue(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := limitBody(w, r, 10, nil); errors.Is(err, errTooLarge) {
			problemTooLarge(10).write(w)
		}
	}))
	defer srv.Close()
	got := exchange(t, srv.Listener.Addr().String(), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.Contains(got, "Connection: close") {
		t.Errorf("answer %q", got)
	}
}
