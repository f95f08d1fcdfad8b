package relay

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// strict is the half of the HTTP front that runs as a handler: it answers for
// what the connection refused, and makes the checks on a request's meaning,
// which for HTTP/2 are made nowhere else.
func strict(o wireOptions, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Scheme == refusedScheme { // a sender that forges it is refused too
			n, err := strconv.ParseUint(strings.TrimPrefix(r.URL.Path, "/"), 10, 8)
			if err != nil {
				n = 0
			}
			fault(n).answer(w, o)
			return
		}
		if r.ProtoMajor >= 2 {
			if f := checkRequest(r, o.MaxLines); f != faultNone {
				f.answer(w, o)
				return
			}
			if r.Body != nil && r.Body != http.NoBody {
				r.Body = &ratedBody{ReadCloser: r.Body, control: http.NewResponseController(w), o: &o}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// answer refuses a request and counts it.
func (f fault) answer(w http.ResponseWriter, o wireOptions) {
	p := f.problem()
	o.Refused(strings.TrimPrefix(p.Type, problemType))
	p.write(w)
}

// checkRequest makes the checks of a head on one that came without HTTP/1.
func checkRequest(r *http.Request, maxLines int) fault {
	switch {
	case r.Method == http.MethodConnect, r.Method == http.MethodTrace, r.Method == "PRI":
		return faultMethod
	case !strings.HasPrefix(r.RequestURI, "/"), r.URL.Host != "", r.URL.Scheme != "":
		return faultTarget
	}
	if strings.ContainsAny(r.RequestURI, " \t") || checkText([]byte(r.RequestURI)) != faultNone {
		return faultControl
	}
	lines := 0
	for _, values := range r.Header {
		if lines += len(values); lines > maxLines {
			return faultTooMuch
		}
		for _, v := range values {
			if checkText([]byte(v)) != faultNone {
				return faultControl
			}
		}
	}
	return faultNone
}

// ratedBody is a body of HTTP/2 with the least rate of wireConn.readTimed.
type ratedBody struct {
	io.ReadCloser
	control *http.ResponseController
	o       *wireOptions
	pace    pace
}

// Read reads the body. A body that is too slow fails with a *wireError.
func (b *ratedBody) Read(p []byte) (int, error) {
	start := time.Now()
	if err := b.control.SetReadDeadline(start.Add(b.pace.patience(b.o))); err != nil {
		return 0, fmt.Errorf("reading the body: %w", err)
	}
	n, err := b.ReadCloser.Read(p)
	b.pace.waited(time.Since(start))
	b.pace.came(int64(n), b.o)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = &wireError{faultSlowBody}
	}
	if err == io.EOF {
		b.control.SetReadDeadline(time.Time{}) // the stream may be gone
	}
	return n, err
}

// problemForRead is the answer to an error that reading a body from limitBody
// gave. Nothing of such a body may be used, and the sender may not be there to
// read the answer. Ask for it before the request's context, which a broken
// body ends as well.
func problemForRead(err error, limit int64) problem {
	var broken *wireError
	switch {
	case errors.Is(err, errTooLarge):
		return problemTooLarge(limit)
	case errors.Is(err, errBusy):
		return problemBusy(5 * time.Second).closing()
	case errors.As(err, &broken):
		return broken.fault.problem()
	}
	// The connection broke, or net/http found a fault in the end of it.
	return newProblem(http.StatusBadRequest, "incomplete", "Bad Request", "The body did not arrive as a whole.").closing()
}
