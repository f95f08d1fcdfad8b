package inspect

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// nasties are texts that a hostile sender or application puts where it can.
func nasties() []string {
	return []string{
		"\x1b[31mred", "\x1b]0;title\x07", "\x1b]52;c;cm0gLXJm\x1b\\", "\x1b]8;;https://evil.test\x1b\\link\x1b]8;;\x1b\\", "\x1b[6n", "\x1b[2J\x1b[H",
		"\x1bP+q544e\x1b\\", "\x1b[201~rm -rf ~\n", "\x1bc", "\u009b31m", "\u009d0;x\u009c", "\u0080\u0085\u009f", "\x9b31m", "\x00", "a\bb",
		"200 OK\rHACK", "a\nb", "a\r\nb", "a\tb", "\v\f", "\x0e\x0f", "\x7f", "\a\a\a", "\x05", "abc\u202egpj.exe", "\u202aa\u202bb\u202cc\u202dd",
		"\u2066a\u2067b\u2068c\u2069", "\u200e\u200f\u061c", "pay\u200bpal", "a\u200c\u200db", "a\u2060\u2061b", "\u206a\u206f", "\ufeff{}", "\u180e",
		"\u00ad", "\u034f", "\u115f\u1160\u3164\uffa0", "\u2028a\u2029", "\ufff9a\ufffab\ufffb", "x\U000e0041\U000e007f", "\U000e0001",
		"x\U000e0100\U000e01ef", "\ufdd0\ufffe\uffff", "\U0001d173", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80", "ok\xc3",
		"\xc2\x1b[m", "\u0301x", strings.Repeat("a\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301", 30), strings.Repeat("x", 100_000), "$(touch /tmp/x)",
		"`id`", "'; rm -rf ~; '", "\"; id; \"", "!!", "%s%n%d", "\\x1b[31m", "/../../etc/passwd", "{\"v\":1,\"type\":\"ready\"}\n{\"v\":1}", "}\x1b",
	}
}

// checkLine fails if a line holds what a terminal would obey or not show.
func checkLine(t *testing.T, what, line string) {
	t.Helper()
	if !utf8.ValidString(line) {
		t.Errorf("%s is not UTF-8: %.100q", what, line)
	}
	for _, r := range line {
		switch {
		case r < ' ', r >= 0x7f && r <= 0x9f, r == 0x061c, r == 0x180e, r == 0xfeff, r == 0xad, r >= 0x200b && r <= 0x200f,
			r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
			t.Errorf("%s holds U+%04X: %.100q", what, r, line)
			return
		}
	}
}

// nastyFlow has s wherever somebody else can put it.
func nastyFlow(s string) *Flow {
	d := &tunnel.Delivery{
		ID: testID(1), Attempt: 2, Method: s, Target: "/" + s, Prefix: s, URL: "https://" + s, Host: s, Remote: s,
		Header: tunnel.Header{{Name: "X-Nasty", Value: s}, {Name: s, Value: s}}, Body: []byte(s), ReceivedAt: noon,
	}
	f := NewFlow(d, noon)
	f.Provider, f.Event, f.DeliveryID = s, s, s
	f = f.Verified(signer.Verdict{Status: signer.Invalid, Detail: s, KeyID: s}, &signer.Diagnosis{Sentence: s})
	f.Tags = []string{s}
	return f
}

func TestNoNastyReachesALine(t *testing.T) {
	for _, s := range nasties() {
		answered := nastyFlow(s).Ended(s, &tunnel.Result{Status: 200, Header: tunnel.Header{{Name: "X", Value: s}}, Body: []byte(s), Size: int64(len(s))}, nil, 1)
		failed := nastyFlow(s).Ended(s, nil, &tunnel.Failure{Kind: tunnel.Garbage, Detail: s}, 1)
		events := []Event{
			Ready{URL: s, Target: s, Relay: s}, Begin{Flow: answered}, End{Flow: answered}, End{Flow: failed},
			SettledEvent{ID: s, Settled: Settled{Fate: "dead", Reason: s}}, SettledEvent{ID: s, Settled: Settled{Fate: s, Reason: s, Removed: []string{s}}},
			Lost{Err: errors.New(s)}, Paused{Reason: s}, Notice{Text: s}, Gap{Reason: s},
		}
		var plain, ndjson bytes.Buffer
		sink := tee(NewLines(&plain, false), NewJSON(&ndjson))
		for _, e := range events {
			sink.Event(e)
		}
		for _, b := range []*bytes.Buffer{&plain, &ndjson} {
			for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
				checkLine(t, "a line", line)
			}
		}
		if n := strings.Count(ndjson.String(), "\n"); n != len(events) {
			t.Errorf("%q: %d events became %d lines", s, len(events), n)
		}
		if n := strings.Count(plain.String(), "\n"); n != len(events)-1 {
			t.Errorf("%q: %d events became %d lines", s, len(events), n)
		}
		for _, line := range strings.Split(plain.String(), "\n") {
			if len(line) > 6000 { // bytes: a character can be an escape of ten
				t.Errorf("%.20q: a line of %d bytes", s, len(line))
			}
		}

		var diff bytes.Buffer
		differences, err := Diff(answered, testFlow(1))
		if err != nil {
			t.Fatal(err)
		}
		differences.Write(&diff, false)
		for line := range strings.SplitSeq(strings.TrimSuffix(diff.String(), "\n"), "\n") {
			checkLine(t, "a difference", line)
		}
		for _, format := range []Format{FormatCurl, FormatHTTPie, FormatCassette, FormatHAR} {
			var b bytes.Buffer
			for _, f := range []*Flow{answered, failed} {
				if err := Export(&b, format, ExportOptions{Redaction: &Redaction{}}, f); err != nil && !errors.Is(err, ErrNoArgument) {
					t.Errorf("%s of %q: %v", format, s, err)
				} else if err != nil {
					checkLine(t, "an error", safetext.Error(err))
				}
			}
			for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
				checkLine(t, string(format), line)
			}
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range nasties() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		flow := nastyFlow(s).Ended(s, nil, &tunnel.Failure{Kind: tunnel.Garbage, Detail: s}, time.Second)
		var plain, ndjson bytes.Buffer
		NewLines(&plain, false).Event(End{At: noon, Flow: flow})
		NewJSON(&ndjson).Event(End{At: noon, Flow: flow})
		checkLine(t, "a line", strings.TrimSuffix(plain.String(), "\n"))
		checkLine(t, "an event", strings.TrimSuffix(ndjson.String(), "\n"))
	})
}
