package query

import (
	"strings"
)

// Kind is what a field holds, and so what may stand behind its colon.
type Kind byte

// The kinds of fields.
const (
	Text     Kind = iota // a value with wildcards, or a regular expression
	Number               // a comparison with a number
	Size                 // a comparison with bytes
	Duration             // a comparison with a time span; a bare number is milliseconds
	Word                 // one of a few words
	Content              // text somewhere in it, or a regular expression
	Header               // a name, and perhaps a value
	JSON                 // a path, and perhaps a comparison
	Time                 // an age or a time
)

// Field is one name of the language.
type Field struct {
	Name    string
	Kind    Kind
	Answer  bool // known only when the delivery was answered: no use in a filter or route
	Example string
	Help    string
}

// Table is every field of the language, for help, documents and completion.
func Table() []Field {
	return []Field{
		{"provider", Text, false, "provider:stripe", "who sent it, by its headers"},
		{"event", Text, false, "event:invoice.*", "the provider's name of the event"},
		{"method", Text, false, "method:POST", "HTTP method"},
		{"path", Text, false, "path:/hooks/*", "path below the endpoint, without the query"},
		{"query", Text, false, "query:*debug=1*", "raw query string"},
		{"url", Text, false, "url:*/h/*", "public URL as the sender used it"},
		{"host", Text, false, "host:*.example.com", "Host header"},
		{"remote", Text, false, "remote:192.0.2.*", "the sender's address"},
		{"header", Header, false, "header:x-foo=bar", "a header of the request"},
		{"body", Content, false, `body:"out of stock"`, "text in the request's body"},
		{"json", JSON, false, "json:data.amount>1000", "a value in the request's JSON body"},
		{"size", Size, false, "size:>10k", "bytes of the request's body"},
		{"type", Text, false, "type:application/json", "content type of the request, without parameters"},
		{"id", Text, false, "id:dlv_0r5*", "id of the delivery"},
		{"delivery", Text, false, "delivery:evt_123", "the provider's own id"},
		{"seq", Number, false, "seq:>100", "place in the queue"},
		{"attempt", Number, false, "attempt:>1", "number of the last attempt"},
		{"replay", Number, false, "replay:>0", "which replay it is"},
		{"sha256", Text, false, "sha256:e3b0*", "hash of the request's body"},
		{"verdict", Text, false, "verdict:invalid", "outcome of the signature check"},
		{"scheme", Text, false, "scheme:stripe", "how it is signed"},
		{"reason", Text, false, "reason:mismatch", "why the signature was not valid"},
		{"cause", Text, false, "cause:other-secret", "diagnosis of the signature"},
		{"key", Text, false, "key:current", "id of the key that matched"},
		{"tag", Text, false, "tag:duplicate", "what else it was tagged with"},
		{"note", Content, false, `note:"ask Ann"`, "text in your note"},
		{"is", Word, false, "is:dead", "a state; see the list of states"},
		{"since", Time, false, "since:10m", "not older than"},
		{"until", Time, false, "until:2026-11-21", "not newer than"},
		{"status", Number, true, "status:>=500", "status of the answer"},
		{"ms", Duration, true, "ms:>200", "time to the end of the answer"},
		{"target", Text, true, "target:*:3000*", "where it was sent"},
		{"by", Text, true, "by:mock", "which part of the owner's side answered"},
		{"failure", Text, true, "failure:timed-out", "why there was no answer"},
		{"fate", Text, true, "fate:retried", "what became of it at the relay"},
		{"answer-header", Header, true, "answer-header:location", "a header of the answer"},
		{"answer-body", Content, true, "answer-body:error", "text in the answer's body"},
		{"answer-json", JSON, true, "answer-json:ok=false", "a value in the answer's JSON body"},
		{"answer-size", Size, true, "answer-size:>1m", "bytes of the answer's body"},
	}
}

// State is a word that may stand behind is:.
type State struct {
	Name   string
	Answer bool // known only when the delivery was answered
	Help   string
}

// States are the words of is:.
func States() []State {
	return []State{
		{"pending", true, "under way, no answer yet"},
		{"answered", true, "there is an answer"},
		{"ok", true, "the answer is a 2xx"},
		{"error", true, "the answer is a 4xx or 5xx, or there is none"},
		{"no-answer", true, "timed out, broken off or garbage: the application may have acted"},
		{"unreachable", true, "the target could not be reached: nothing was sent"},
		{"done", true, "the relay has settled it"},
		{"dead", true, "a dead letter in the queue"},
		{"retried", true, "the queue will try it again"},
		{"late", true, "the answer came when the sender had gone or been answered"},
		{"skipped", true, "the filter let it pass by"},
		{"mocked", true, "a mock answered"},
		{"blocked", true, "refused for its signature"},
		{"handshake", true, "a provider's check of the URL, answered by rule"},
		{"queued", false, "it came through the queue"},
		{"replay", false, "a replay of a recorded flow"},
		{"duplicate", false, "its provider's id was seen before"},
		{"valid", false, "signature valid"},
		{"invalid", false, "signature wrong"},
		{"unsigned", false, "no signature"},
		{"no-key", false, "no key to check the signature with"},
		{"stale", false, "signature right, its time too long ago"},
		{"future", false, "signature right, its time too far ahead"},
		{"replayed", false, "signature right, and seen before"},
		{"unchecked", false, "the signature was not checked"},
		{"marked", false, "marked by you"},
		{"noted", false, "with a note of yours"},
		{"redacted", false, "parts of it were taken out"},
	}
}

// findField is the row of a name; the case does not matter.
func findField(name string) (Field, bool) {
	for _, f := range Table() {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Field{}, false
}

func findState(name string) (State, bool) {
	for _, s := range States() {
		if strings.EqualFold(s.Name, name) {
			return s, true
		}
	}
	return State{}, false
}

func fieldNames() []string {
	var names []string
	for _, f := range Table() {
		names = append(names, f.Name)
	}
	return names
}

func stateNames() []string {
	var names []string
	for _, s := range States() {
		names = append(names, s.Name)
	}
	return names
}

// alias maps words that people bring from other tools to ours.
func alias(name string) string {
	switch strings.ToLower(name) {
	case "code", "response", "statuscode":
		return "status"
	case "verb":
		return "method"
	case "topic", "name", "kind":
		return "event"
	case "duration", "latency", "took", "time":
		return "ms"
	case "after", "newer", "from":
		return "since"
	case "before", "older", "to":
		return "until"
	case "text", "contains", "payload", "data":
		return "body"
	case "sig", "signature":
		return "verdict"
	case "ip", "addr", "address", "sender":
		return "remote"
	case "state":
		return "is"
	case "headers", "h":
		return "header"
	}
	return ""
}

// closest is the name most like word, "" when none is near.
func closest(word string, names []string) string {
	word = strings.ToLower(word)
	best, at := "", 3 // more than two changes are another word
	if len(word) > 24 {
		return ""
	}
	for _, name := range names {
		d := distance(word, name)
		if d < at && d*2 < len(name)+1 {
			best, at = name, d
		}
		if best == "" && len(word) >= 3 && strings.HasPrefix(name, word) {
			best = name
		}
	}
	return best
}

// distance is the number of letters to change, add, drop or swap (optimal
// string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
