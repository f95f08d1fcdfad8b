// Package query is the one language in which flows are picked: by --filter,
// --route and --mock, in history, in the inspector, by hook wait.
//
//	q, err := query.Parse(`provider:stripe event:invoice.* status:>=500 -path:/health`)
//	if err != nil {
//		return err // column 17: unknown field "evnt": did you mean event: …
//	}
//	if q.Match(flow) { … }
//
// # The language
//
// Terms side by side must all hold. "or" (or |) puts alternatives, parentheses
// group, "-" (or "not") turns a term around. The empty query matches all.
//
//	provider:stripe              the whole value; * is any text, ? one character
//	path:/hooks/*                the case of ASCII letters does not matter
//	path:"/a b/*"                in quotes there are no wildcards; \" \\ \n \t \xff stand for bytes
//	event:~/^invoice\.(paid|void)$/   RE2, unanchored; ~/…/i without regard to case
//	status:>=500  status:5xx     > >= < <= = on numbers
//	size:>10k  ms:>1.5s          sizes in steps of 1024, durations with ms s m h d w
//	since:10m  until:2026-11-21  ago, or a date, or an RFC 3339 time
//	header:x-foo                 there is such a header
//	header:x-foo=bar*            and a value of it matches
//	json:data.items[*].sku=a-1   a value in the body; also > >= < <= ~/…/, or that it is there
//	json:"a.b".c                 a name with a dot in it
//	body:"text"  "text"  text    somewhere in the body; anywhere in the flow
//	is:dead                      a state, see [States]
//
// # What it refuses
//
// It runs no code and backtracks nowhere. The length of a query, its depth and
// terms are bounded. Of a body the first 1 MiB is looked at, by a large regular
// expression less, and the work for one match is bounded: a match that would
// cost more is none.
package query
