package stage

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// Filter answers 200 to what the query does not pick: the application does not
// see it, and it is recorded as skipped.
func Filter(q query.Query) Stage {
	if q.Empty() {
		return nil
	}
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			if matches(ctx, q, d) {
				return next.Handle(ctx, d)
			}
			return &tunnel.Result{Status: 200, By: tunnel.ByFilter}, nil
		})
	}
}

// ParseFilter reads a query that is put to deliveries before they are
// answered.
func ParseFilter(text string) (query.Query, error) {
	q, err := query.Parse(text)
	if err != nil {
		return q, err
	}
	if term := q.NeedsAnswer(); term != "" {
		return q, fmt.Errorf("%q is known only after the answer", term)
	}
	return q, nil
}

// maxEvents bounds the patterns of Events: what a query takes.
const maxEvents = 60

// Events is the query that picks events by name: the list holds patterns with
// * and ?, several to an entry with commas between them. Those with "!" before
// them exclude; when there are only such ones, all others are picked.
func Events(list []string) (query.Query, error) {
	var picked, excluded []string
	for _, entry := range list {
		for pattern := range strings.SplitSeq(entry, ",") {
			pattern = strings.TrimSpace(pattern)
			name, not := strings.CutPrefix(pattern, "!")
			if name == "" {
				return query.Query{}, fmt.Errorf("there is an empty name in %q", entry)
			}
			if not {
				excluded = append(excluded, "-event:"+eventPattern(name))
			} else {
				picked = append(picked, "event:"+eventPattern(name))
			}
		}
	}
	if len(picked)+len(excluded) > maxEvents {
		return query.Query{}, fmt.Errorf("there are more than %d names", maxEvents)
	}
	text := strings.Join(excluded, " ")
	if len(picked) > 0 {
		text = "(" + strings.Join(picked, " or ") + ") " + text
	}
	return query.Parse(text)
}

// eventPattern is a pattern as a regular expression of the query language:
// names of events may hold spaces and colons.
func eventPattern(glob string) string {
	s := regexp.QuoteMeta(glob)
	s = strings.ReplaceAll(s, `\*`, ".*")
	s = strings.ReplaceAll(s, `\?`, ".")
	return "~/^(?:" + strings.ReplaceAll(s, "/", `\/`) + ")$/i"
}
