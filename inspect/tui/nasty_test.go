package tui

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/tunnel"
)

// nasties are texts that drive terminals, hide, paint over other lines, or
// cost time; see RELIABILITY's rows on the inspector.
func nasties() []string {
	return []string{
		"\x1b]0;owned\x07", "\x1b]52;c;ZWNobyBvd25lZA==\x07", "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "\x1b[6n", "\x1b[c", "\x1b[2J\x1b[H",
		"\x1b[31mred\x1b[m", "\x1b[1;1H", "\x1b[?1049l", "\x1b[?25l", "\x1b[8m", "\x1bc", "\x1b(0qqq\x1b(B", "\x1bP+q544e\x1b\\", "\x1b_Gf=100;AAAA\x1b\\",
		"\x1bPq#0;2;0;0;0#0~~\x1b\\", "\x1b]1337;File=inline=1:AAAA\x07", "\x1b[5i", "\x1b[4i", "\x1b[20t", "\x1b[201~rm -rf /\n", "\x1b]4;1;?\x07", "\x1b[3J",
		"\u009b31m", "\u009d0;owned\u009c", "\u0090q\u009c", "\u0085next", "\u0080\u009f", "\x9b31m", "\x9d0;owned\x9c", "a\x85b",
		"line\r\x1b[Koverwritten", "back\b\b\b\bfront", "bell\x07\x07", "nul\x00byte", "form\ffeed", "vertical\vtab", "shift\x0eout\x0fin", "del\x7f",
		"\u202eevil\u202c", "\u202dabc", "\u2066abc\u2069", "\u2067abc", "\u200eab\u200f", "\u061cab", "zero\u200bwidth\u200cjoin\u200dner", "\u2060\ufeffbom",
		"soft\u00adhyphen", "tag\U000e0041\U000e007f", "line\u2028sep\u2029par", "\ufff9a\ufffab\ufffb", "\u3164filler\uffa0", "\ufffe\uffff",
		"e" + strings.Repeat("\u0301", 400), "Z" + strings.Repeat("\u0336\u0489", 200), strings.Repeat("\u0300", 50), "👩\u200d👩\u200d👧\u200d👦", strings.Repeat("👩\u200d", 500),
		"\xff\xfe\xfd", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "half \xe2\x82", strings.Repeat("A", 100_000), strings.Repeat("界", 5000),
		"tab\tand\nnewline\r\n", "\u0e01\u0e33\u0e33\u0e33", "\u1160\u11a8", "؀١٢", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "%1b[31m&#27;[31m\\u001b[31m\\x1b", "\ue0b0",
	}
}

// nastyFlow has s in every place that a stranger fills.
func nastyFlow(s string, n int) *inspect.Flow {
	at := noon.Add(time.Duration(n) * time.Second)
	d := &tunnel.Delivery{
		ID: tunnel.NewID(at), Attempt: 1, ReceivedAt: at, Method: s, Target: "/" + s, Prefix: s, URL: "https://relay.example/" + s, Host: s, Remote: s,
		Header: tunnel.Header{{Name: s, Value: s}, {Name: "Content-Type", Value: s}, {Name: "X", Value: s}}, Body: []byte(s),
	}
	f := inspect.NewFlow(d, at)
	f.Provider, f.Event, f.DeliveryID = s, s, s
	f.Verdict = inspect.Verdict{State: "invalid", Scheme: s, KeyID: s, Covers: []string{s}, Reason: s, Detail: s, Cause: s, Diagnosis: s}
	f.Tags, f.Note, f.Redacted = []string{s}, s, []string{s}
	r := &tunnel.Result{Status: 200, Header: tunnel.Header{{Name: s, Value: s}}, Body: []byte(s), Size: int64(len(s)), By: tunnel.ByApplication}
	f = f.Ended(s, r, nil, time.Millisecond)
	f = f.Settled(tunnel.Settlement{Attempt: 1, Fate: tunnel.Dead, Reason: s, Removed: []string{s}}, at)
	if n%2 == 1 {
		f = f.Ended(s, nil, &tunnel.Failure{Kind: tunnel.Reset, Detail: s}, time.Millisecond)
	}
	return f
}

func TestNastyInputReachesNoScreen(t *testing.T) {
	list := nasties()
	if len(list) < 60 {
		t.Errorf("only %d nasty inputs", len(list))
	}
	for i, s := range list {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			d := drive(t, 120, 40, Options{Actions: fakeActions(func(string) {}, nil)})
			d.events(Ready{URL: s, Endpoint: s, Target: s, Relay: s}, Link{State: Lost, Reason: s}, Health{Known: true, Reason: s}, Mode{Paused: true, Reason: s})
			d.frame() // the welcome page
			d.events(Seen{nastyFlow(s, 1)}, Seen{nastyFlow("b"+s, 2)}, Said{Text: s, Bad: true})
			for _, size := range [][2]int{{60, 20}, {120, 30}} {
				d.m.width, d.m.height = size[0], size[1]
				d.frame()
				for _, k := range []string{"1", "2", "a", "a", "a", "a", "3", "a", "a", "a", "a", "4", "5", "6", "*", "2", "*", "esc", "esc", "m", "k", "=", "esc", "L", "esc", "?", "esc", ":", "esc", ";", "esc", "t", "esc", "m", "m"} {
					d.keys(k)
					d.frame()
				}
				d.keys("f")
				d.send(pasted(s))
				d.frame()
				d.keys("esc", "/")
				d.send(pasted(s))
				d.frame()
				d.keys("enter")
				d.frame()
			}
			for _, k := range []string{"c", "b", "h", "u", "i", "j", "s"} {
				d.keys("c", k)
				d.frame()
			}
			d.keys("y")
			if len(d.copied) < 7 {
				t.Errorf("only %d texts were copied", len(d.copied))
			}
			for _, c := range d.copied {
				if bad := control(strings.ReplaceAll(c, "\t", " "), false); bad != "" {
					t.Errorf("the clipboard got %s: %.80q", bad, c)
				}
			}
		})
	}
}

// TestBombsStaySmall opens bodies that grow when they are laid out.
func TestBombsStaySmall(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	zeros := make([]byte, 1<<20)
	for range 256 {
		w.Write(zeros)
	}
	w.Close()
	for _, c := range []struct {
		name, kind, encoding string
		body                 []byte
	}{
		{"gzip", "application/json", "gzip", zipped.Bytes()},
		{"deep JSON", "application/json", "", bytes.Repeat([]byte("["), 1_000_000)},
		{"deep objects", "application/json", "", bytes.Repeat([]byte(`{"a":`), 1_000_000)},
		{"deep XML", "text/xml", "", bytes.Repeat([]byte("<a>"), 1_000_000)},
		{"laughs", "text/xml", "", []byte(`<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><l>&b;&b;</l>`)},
		{"many fields", "application/x-www-form-urlencoded", "", bytes.Repeat([]byte("a=%7B%22b%22%3A1%7D&"), 100_000)},
		{"many parts", "multipart/form-data; boundary=x", "", bytes.Repeat([]byte("--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n"), 20_000)},
		{"newlines", "text/plain", "", bytes.Repeat([]byte("\n"), 5_000_000)},
		{"commas", "application/json", "", []byte("[" + strings.Repeat("1,", 2_000_000) + "1]")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			header := tunnel.Header{{Name: "Content-Type", Value: c.kind}}
			if c.encoding != "" {
				header = append(header, tunnel.Field{Name: "Content-Encoding", Value: c.encoding})
			}
			for mode := range bodyModes {
				for _, limit := range []int{previewBytes, fullBytes} {
					if limit == fullBytes && (mode != pretty || c.name != "deep JSON" && c.name != "commas") { // those that grow most
						continue
					}
					runtime.ReadMemStats(&before)
					r := layOut(c.body, header, int64(len(c.body)), limit, mode, maxDepth)
					runtime.ReadMemStats(&after)
					if n := after.TotalAlloc - before.TotalAlloc; limit == previewBytes && n > 50<<20 || n > 400<<20 {
						t.Errorf("%s, %d bytes: %d MB were allocated", mode, limit, n>>20)
					}
					if len(r.lines) > fullBytes+2 {
						t.Errorf("%s: %d lines", mode, len(r.lines))
					}
				}
			}
		})
	}
}

func TestEntitiesAreNotResolved(t *testing.T) {
	out := ""
	for _, l := range prettyXML([]byte(`<!DOCTYPE l [<!ENTITY a "ha">]><l x="1 > 0">&a;</l>`)) {
		out += l.String() + "\n"
	}
	if want := "<!DOCTYPE l [<!ENTITY a \"ha\">]>\n<l x=\"1 > 0\">&a;</l>\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
