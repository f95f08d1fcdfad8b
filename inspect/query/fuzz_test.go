package query

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`provider:stripe event:invoice.* status:>=500 -path:/health "free text"`,
		`a or (b -c) | not d`, `json:a."b c"[0][*].d>1e3`, `header:x-foo~/a\/b/i`, `body:"\xff\n\"" size:>1.5MiB ms:<2s since:1w2d`,
		`status:5xx is:dead since:2026-11-21`, `json:a=">x*"`, `~/x y/`, `'or' "not"`, `json:"0".0[0]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Column < 1 || e.Problem == "" || strings.Count(e.Pointer(), "\n") != 1 {
				t.Errorf("Parse(%q): %#v", s, err)
			}
			return
		}
		printed := q.String()
		if len(printed) > MaxLength {
			return // escapes can make a long query too long
		}
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("Parse(%q).String() = %q: %v", s, printed, err)
		}
		if again.String() != printed {
			t.Errorf("%q printed as %q, then as %q", s, printed, again.String())
		}
		for _, r := range []*record{invoice(), {body: s, answer: printed}} {
			if q.MatchAt(r, noon) != again.MatchAt(r, noon) {
				t.Errorf("%q and its print %q differ in what they match", s, printed)
			}
		}
	})
}

// FuzzJSON holds the scanner against encoding/json.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a":{"b":[1,{"c":"x"}]}}`, "a", 1)
	f.Add(`[[1,2],[3]]`, "", 0)
	f.Add(`{"a\u0062":1,"a":"\ud83d\ude00"}`, "ab", 3)
	f.Add(`{"a":[1 2,,3]`, "a", 2)
	f.Fuzz(func(t *testing.T, doc, key string, index int) {
		paths := [][]step{{}, {{key: key, index: -1}}, {{key: key, index: -1}, {index: index, bracket: true}}, {{any: true, index: -1}}}
		for _, path := range paths {
			var got []string
			s := scanner{b: []byte(doc)}
			s.find(path, func(raw []byte) bool {
				got = append(got, string(raw))
				return len(got) < 100
			})
			if !json.Valid([]byte(doc)) || !bytes.Equal(bytes.ToValidUTF8([]byte(doc), nil), []byte(doc)) || strings.Contains(doc, `\`) {
				continue
			}
			for _, raw := range got {
				if !json.Valid([]byte(raw)) {
					t.Errorf("%v of %q gave %q", path, doc, raw)
				}
			}
			if len(path) != 1 || path[0].any {
				continue
			}
			var members map[string]json.RawMessage
			if json.Unmarshal([]byte(doc), &members) != nil || members == nil {
				continue
			}
			want, ok := members[key]
			if ok != (len(got) > 0) || ok && strings.TrimSpace(got[len(got)-1]) != string(want) {
				t.Errorf("%q of %q gave %q, want %q", key, doc, got, want)
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("*a?b*", "xxaybzz")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, pat, v string) {
		m := &matcher{work: maxWork}
		lit := literal(pat)
		if got, want := find(lit.text, lit.next, v), strings.Contains(asciiLower(v), asciiLower(pat)); got != want {
			t.Errorf("find(%q, %q) = %v", pat, v, got)
		}
		if !strings.ContainsAny(pat, "*?") && wildcards(m, pat, v) != equalFold(pat, v) {
			t.Errorf("wildcards(%q, %q) is not equality", pat, v)
		}
		if !wildcards(m, "*", v) || !wildcards(m, v+"*", v) && !strings.ContainsAny(v, "*?") {
			t.Errorf("* does not match %q", v)
		}
	})
}

func asciiLower(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lower(b[i])
	}
	return string(b)
}
