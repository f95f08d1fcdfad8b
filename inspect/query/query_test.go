package query

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

// record is a flow as the tests need it.
type record struct {
	fields map[string][]string
	body   string
	answer string
	when   time.Time
}

func (r *record) Fields(name string) []string { return r.fields[name] }
func (r *record) When() time.Time             { return r.when }
func (r *record) Content(answer bool, limit int) []byte {
	if answer {
		return []byte(r.answer)
	}
	return []byte(r.body)
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func invoice() *record {
	return &record{
		fields: map[string][]string{
			"provider": {"stripe"}, "event": {"invoice.paid"}, "method": {"POST"}, "path": {"/hooks/a b"}, "status": {"503"},
			"size": {"20480"}, "ms": {"1500"}, "is": {"answered", "error", "dead"}, "header:x-foo": {"bar", "Baz/1"},
			"text": {"POST", "/hooks/a b", "invoice.paid", "x-foo", "bar"}, "note": {"ask Ann"}, "attempt": {"2"},
		},
		body:   `{"id":"evt_1","data":{"amount":1050,"big":9007199254740993,"paid":true,"none":null,"a.b":{"c":1},"items":[{"sku":"A-1"},{"sku":"b"}],"e\u0301":"x","n":1e3}}`,
		answer: `{"ok":false,"message":"out of Stock"}`,
		when:   noon.Add(-5 * time.Minute),
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		query string
		want  bool
	}{
		{"", true},
		{"   ", true},
		{"provider:stripe", true},
		{"provider:STRIPE", true},
		{"provider:str", false},
		{"provider:str*", true},
		{"provider:s?ripe", true},
		{"provider:*", true},
		{"event:invoice.*", true},
		{"event:*.paid", true},
		{"event:inv*ce*d", true},
		{"event:inv*x*d", false},
		{`event:"invoice.*"`, false},
		{`path:"/hooks/a b"`, true},
		{`path:'/hooks/a b'`, true},
		{"path:/hooks/*", true},
		{"-path:/health", true},
		{"not path:/hooks/*", false},
		{"!method:GET", true},
		{"--method:POST", true},
		{`event:~/^invoice\.(paid|void)$/`, true},
		{"event:~/PAID/", false},
		{"event:~/PAID/i", true},
		{`path:~/\/hooks\//`, true},
		{"status:>=500", true},
		{"status:>503", false},
		{"status:<=503", true},
		{"status:503", true},
		{"status:=503", true},
		{"status>500", true},
		{"status=503", true},
		{"status:5xx", true},
		{"status:4xx", false},
		{"status:*", true},
		{"seq:*", false},
		{"size:>10k", true},
		{"size:20KiB", true},
		{"size:<1m", true},
		{"ms:>200", true},
		{"ms:>1.4s", true},
		{"ms:<1s", false},
		{"since:10m", true},
		{"since:4m", false},
		{"until:4m", true},
		{"until:2026-11-20T00:00:00Z", false},
		{"since:2026-11-20", true},
		{"since:1w2d3h", true},
		{"is:dead", true},
		{"is:DEAD", true},
		{"is:marked", false},
		{"header:x-foo", true},
		{"header:X-Foo", true},
		{"header:x-bar", false},
		{"header:x-foo=bar", true},
		{"header:x-foo=ba?/*", true},
		{"header:x-foo:bar", true},
		{"header:x-foo~/^Baz/", true},
		{"json:data.amount>1000", true},
		{"json:data.amount>1050", false},
		{"json:data.amount>=1050", true},
		{"json:data.amount=1050.0", true},
		{"json:data.amount=10*", true},
		{"json:data.amount", true},
		{"json:data.nothing", false},
		{"json:data.big=9007199254740993", true},
		{"json:data.big=9007199254740992", false},
		{"json:data.n=1000", true},
		{"json:data.paid=true", true},
		{"json:data.none", true},
		{"json:data.none=null", true},
		{`json:data."a.b".c=1`, true},
		{`json:data["a.b"].c=1`, true},
		{"json:data.items[0].sku=a-1", true},
		{"json:data.items[1].sku=b", true},
		{"json:data.items.1.sku=b", true},
		{"json:data.items[*].sku=b", true},
		{"json:data.items[].sku=b", true},
		{"json:data.items[2].sku", false},
		{"json:data.*=1050", true},
		{"json:data.items[*].sku~/^A-\\d$/", true},
		{`json:data."e\xcc\x81"=x`, true},
		{`body:"evt_1"`, true},
		{"body:EVT_1", true},
		{"body:evt_2", false},
		{"body:~/evt_\\d+/", true},
		{`answer-body:"out of stock"`, true},
		{"answer-json:ok=false", true},
		{`"out of stock"`, true},
		{"hooks", true},
		{"evt_1", true},
		{"~/evt_[0-9]/", true},
		{"nowhere", false},
		{`note:"ask ann"`, true},
		{"provider:github or status:>=500", true},
		{"provider:github | event:nope", false},
		{"provider:github OR (status:503 method:POST)", true},
		{"provider:stripe and status:503", true},
		{"-(provider:github or method:GET)", true},
		{"(a or b) invoice", true},
		{"attempt:>1", true},
	} {
		q, err := Parse(c.query)
		if err != nil {
			t.Errorf("Parse(%s): %v", c.query, err)
			continue
		}
		if got := q.MatchAt(invoice(), noon); got != c.want {
			t.Errorf("%s matches: %v, want %v", c.query, got, c.want)
		}
		again, err := Parse(q.String())
		if err != nil || again.String() != q.String() || again.MatchAt(invoice(), noon) != c.want {
			t.Errorf("%s printed as %s and then %s (%v)", c.query, q, again, err)
		}
	}
}

func TestErrorsPointAtTheColumnAndSayWhatWouldDo(t *testing.T) {
	for _, c := range [][2]string{
		{"evnt:x", `column 1: unknown field "evnt": did you mean event:`},
		{"method:POST staus:>=500", `column 13: unknown field "staus": did you mean status:`},
		{"code:500", `column 1: unknown field "code": did you mean status:`},
		{"dead:x", `column 1: unknown field "dead": did you mean is:dead`},
		{"http://x", `column 1: unknown field "http": put the word in quotes if it is meant as text`},
		{"ü status:abc", `column 10: expected a number for status: for example status:>=500`},
		{"status:", `column 8: expected a number for status: for example status:>=500`},
		{"size:>10x", `column 7: expected a size for size: for example size:>10k`},
		{"ms:>fast", `column 5: expected a duration for ms: for example ms:>200`},
		{"since:yesterday", `column 7: expected an age or a time for since: for example since:10m`},
		{"event:>5", `column 7: event holds text and is not compared by ">": write event:invoice.* or event:~/regex/`},
		{"event:", `column 7: expected a value for event: for example event:invoice.*`},
		{"is:ded", `column 4: unknown state "ded": did you mean is:dead`},
		{"json:a>b", `column 8: expected a number for json: for example json:data.amount>1000`},
		{"json:", `column 6: expected a path for json: for example json:data.amount>1000`},
		{"json:a[x]", "column 8: expected a number or * in the brackets: a name stands there in quotes: [\"a b\"]"},
		{"json:a[0", `column 7: "[" is not closed: for example json:items[0].id or json:items[*].id`},
		{"header:", `column 8: expected a header's name for header: for example header:x-foo=bar`},
		{`body:"abc`, `column 6: the quote is not closed: add " at the end`},
		{`"a\q"`, `column 3: unknown escape: there are \" \' \\ \n \t \r and \xff`},
		{`"a"b`, `column 4: unexpected "b": for example "text"`},
		{"event:~/(/", "column 7: this is not a regular expression: missing closing ): `(`: it is of the RE2 kind, without look-around and back-references"},
		{"event:~/(?=x)/", "column 7: this is not a regular expression: invalid or unsupported Perl syntax: `(?=`: it is of the RE2 kind, without look-around and back-references"},
		{"event:~/x{900}y{900}/", `column 7: the regular expression is too large: write less in braces`},
		{"event:~/x", `column 7: the regular expression is not closed: add / at the end`},
		{"(a", `column 1: "(" is not closed: put it in quotes if it is meant as text`},
		{"a)", `column 2: ")" closes nothing: put it in quotes if it is meant as text`},
		{"path:/a(b)", `column 8: "(" within a word: put the text in quotes, or a space before it`},
		{"a or", `column 5: a term is missing here: expected a field such as status:>=500, or text`},
		{"or a", `column 1: a term is missing here: expected a field such as status:>=500, or text`},
		{"()", `column 2: a term is missing here: expected a field such as status:>=500, or text`},
		{"- a", `column 2: a term is missing after the negation: put - in quotes if it is meant as text`},
		{"a\x1b", `column 2: a control character: write it as \x1b in quotes`},
		{"é\xff", `column 2: this byte is not UTF-8: write it as \xff in quotes`},
		{strings.Repeat("(", 40), `column 33: more than 32 parentheses and negations in one another`},
		{strings.Repeat("a ", 65), `column 129: more than 64 terms`},
		{strings.Repeat("a", 5000), `column 4097: the query is longer than 4096 bytes`},
	} {
		_, err := Parse(c[0])
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q): %v, want an *Error", c[0], err)
		} else if e.Error() != c[1] {
			t.Errorf("Parse(%.40q):\n%s, want\n%s", c[0], e, c[1])
		}
	}
}

func TestPointer(t *testing.T) {
	_, err := Parse("method:POST staus:>=500")
	if got := err.(*Error).Pointer(); got != "method:POST staus:>=500\n            ^" {
		t.Errorf("%s", got)
	}
	_, err = Parse(strings.Repeat("a", 60) + " \x1b[2J")
	if got := err.(*Error).Pointer(); got != "…"+strings.Repeat("a", 39)+" ·[2J\n"+strings.Repeat(" ", 41)+"^" {
		t.Errorf("%s", got)
	}
}

func TestNeedsAnswer(t *testing.T) {
	for query, want := range map[string]string{
		"":                                "",
		"provider:stripe is:valid":        "",
		"provider:stripe -(status:>=500)": "status:>=500",
		"a or is:dead":                    "is:dead",
		"answer-header:x":                 "answer-header:x",
	} {
		q, err := Parse(query)
		if err != nil || q.NeedsAnswer() != want {
			t.Errorf("%s needs %q (%v), want %q", query, q.NeedsAnswer(), err, want)
		}
	}
}

func TestAll(t *testing.T) {
	one, _ := Parse("a or b")
	two, _ := Parse("c d")
	if got := All(one, Query{}, two).String(); got != "(a or b) c d" {
		t.Errorf("%s", got)
	}
	if !All().Empty() || !All(Query{}).Empty() || All(one).String() != "a or b" {
		t.Error("All of nothing or one is not that")
	}
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Table() {
		if seen[f.Name] {
			t.Errorf("field %s is there twice", f.Name)
		}
		seen[f.Name] = true
		if q, err := Parse(f.Example); err != nil || q.Empty() {
			t.Errorf("the example of %s: %v", f.Name, err)
		}
		if alias(f.Name) != "" {
			t.Errorf("field %s is hidden by an alias", f.Name)
		}
	}
	for _, s := range States() {
		if _, err := Parse("is:" + s.Name); err != nil {
			t.Error(err)
		}
	}
}

// evils are queries and a flow that would take for ever without bounds.
func evils() ([]string, *record) {
	return []string{
			strings.Repeat("-path:*a*a*a*a*a*a*b ", 60),
			strings.Repeat("-body:"+strings.Repeat("a", 50)+"b ", 60),
			strings.Repeat("-body:~/(a|a)*(a|aa){50}b/ ", 60),
			strings.Repeat("-answer-json:[*].a.b ", 60),
			strings.Repeat("-~/(x+x+)+y/ ", 60),
		}, &record{
			fields: map[string][]string{"path": {strings.Repeat("a", 1<<20)}, "text": {strings.Repeat("a", 1<<20)}},
			body:   strings.Repeat("a", 4<<20), answer: strings.Repeat("[", 4<<20),
		}
}

func TestCostIsBounded(t *testing.T) {
	queries, evil := evils()
	for _, query := range queries {
		q, err := Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		m := matcher{fields: evil, record: evil, now: noon, work: maxWork / 64}
		q.root.match(&m)
		if m.work >= 0 {
			t.Errorf("%.40s: nothing was paid for its work", query)
		}
		if m.work < -maxWork/4 {
			t.Errorf("%.40s: one step costs %d", query, -m.work)
		}
	}
}

func TestMatchOverBudgetIsNone(t *testing.T) {
	q, _ := Parse(strings.Repeat("-body:~/(a|a)*(a|aa){50}b/ ", 60))
	m := matcher{record: &record{body: strings.Repeat("a", 1<<20)}, work: 1000}
	if q.root.match(&m) && m.work >= 0 {
		t.Error("a match that cost too much held")
	}
}

func BenchmarkEvil(b *testing.B) {
	queries, evil := evils()
	for _, query := range queries {
		q, err := Parse(query)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(query[:20], func(b *testing.B) {
			for b.Loop() {
				q.Match(evil)
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	flows := make([]*record, 10000)
	for i := range flows {
		f := invoice()
		f.fields["status"] = []string{strconv.Itoa(200 + i%400)}
		f.body = strings.Replace(f.body, `"paid"`, `"text":"`+strings.Repeat("lorem ipsum ", 160)+`","paid"`, 1) // 2 KiB
		flows[i] = f
	}
	for _, query := range []string{
		"status:>=500", "provider:stripe event:invoice.*", "json:data.paid=true", `body:"no such text"`, "nowhere", "~/no such [a-z]+ text/",
	} {
		q, err := Parse(query)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(query, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, f := range flows {
					q.MatchAt(f, noon)
				}
			}
		})
	}
}
