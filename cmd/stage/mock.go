package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// maxMockDelay bounds the delay of a mock: longer than anybody waits.
const maxMockDelay = 10 * time.Minute

// MockRule is an answer for the deliveries that a query picks.
type MockRule struct {
	Query  query.Query
	Status int
	Type   string // Content-Type; "" where there is no body
	Body   []byte
	Delay  time.Duration
}

// Mock answers what one of the rules picks; the first that does counts. The
// application does not see it.
func Mock(rules []MockRule) Stage {
	if len(rules) == 0 {
		return nil
	}
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			for i := range rules {
				if matches(ctx, rules[i].Query, d) {
					return rules[i].answer(ctx)
				}
			}
			return next.Handle(ctx, d)
		})
	}
}

func (m *MockRule) answer(ctx context.Context) (*tunnel.Result, error) {
	if err := pause(ctx, m.Delay); err != nil {
		return nil, err
	}
	r := &tunnel.Result{Status: m.Status, By: tunnel.ByMock, Body: m.Body, Size: int64(len(m.Body))}
	if m.Type != "" {
		r.Header = tunnel.Header{{Name: "Content-Type", Value: m.Type}}
	}
	r.Timing = tunnel.Timing{FirstByte: m.Delay, Done: m.Delay}
	return r, nil
}

// pause waits for d, unless ctx ends first: the attempt is then abandoned.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &tunnel.Failure{Kind: tunnel.Abandoned, Detail: "stopped while waiting"}
	}
}

// Compiled when the first mock is parsed: few starts have one.
var (
	mockAnswer = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)^([2-5]\d\d)(?:([:@])(.*))?$`) })
	mockDelay  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`~(\d+(?:\.\d+)?(?:ms|s|m))$`) })
	mockStatus = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{3}($|[:@~])`) })
)

// ParseMock reads QUERY=STATUS[:BODY|@FILE][~DELAY]. Without a query it answers
// everything. read gets the file's bytes.
func ParseMock(text string, read func(name string) ([]byte, error)) (MockRule, error) {
	q, rest, ok := splitRule(text, false, mockStatus().MatchString)
	if mockStatus().MatchString(text) {
		q, rest, ok = "", text, true
	}
	if !ok {
		return MockRule{}, errors.New("there is no status behind a =")
	}
	var m MockRule
	var err error
	if m.Query, err = ParseFilter(q); err != nil {
		return m, err
	}
	if at := mockDelay().FindStringSubmatchIndex(rest); at != nil {
		if m.Delay, err = time.ParseDuration(rest[at[2]:at[3]]); err != nil || m.Delay > maxMockDelay {
			return m, fmt.Errorf("the delay %q is more than %s", rest[at[2]:at[3]], maxMockDelay)
		}
		rest = rest[:at[0]]
	}
	parts := mockAnswer().FindStringSubmatch(rest)
	if parts == nil {
		return m, fmt.Errorf("%q is no status from 200 to 599", rest[:3])
	}
	m.Status, _ = strconv.Atoi(parts[1]) // three digits
	name := ""
	switch parts[2] {
	case ":":
		m.Body = []byte(parts[3])
	case "@":
		if name = parts[3]; name == "" {
			return m, errors.New("there is no file name behind the @")
		}
		if m.Body, err = read(name); err != nil {
			return m, err
		}
		if len(m.Body) > tunnel.ForwardAnswerLimit {
			return m, fmt.Errorf("%q is longer than %d bytes, the most that an answer may have", name, tunnel.ForwardAnswerLimit)
		}
	}
	if len(m.Body) > 0 && (m.Status == 204 || m.Status == 304) {
		return m, fmt.Errorf("an answer with %d has no body", m.Status)
	}
	m.Type = mediaType(name, m.Body)
	return m, nil
}

// mediaType is the Content-Type of a body of ours.
func mediaType(name string, body []byte) string {
	if len(body) == 0 {
		return ""
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json":
		return "application/json"
	case ".xml":
		return "application/xml"
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if c := bytes.TrimSpace(body); len(c) > 0 && (c[0] == '{' || c[0] == '[') && json.Valid(c) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}
