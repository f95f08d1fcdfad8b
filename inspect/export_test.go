package inspect

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookrelay/hook/tunnel"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s:\n%s", name, d)
	}
}

func export(t testing.TB, format Format, o ExportOptions, flows ...*Flow) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Export(&b, format, o, flows...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExportGoldens(t *testing.T) {
	for _, format := range Formats() {
		golden(t, "export."+string(format), export(t, format, ExportOptions{Creator: [2]string{"hook", "1.0"}}, testFlow(1)))
	}
}

func TestExportsHoldNoSecret(t *testing.T) {
	f := testFlow(1)
	f.Delivery.Body = []byte(`{"token":"canary-json","card":"4242 4242 4242 4242"}`)
	f.BodySize = int64(len(f.Delivery.Body))
	f.Attempts[0].Target = "http://user:canary-user@localhost:3000"
	for _, format := range Formats() {
		b := export(t, format, ExportOptions{}, f)
		for _, secret := range []string{"canary", "s3cret", "4242"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s: %q is in\n%s", format, secret, b)
			}
		}
		if b := export(t, format, ExportOptions{Redaction: &Redaction{}}, f); !bytes.Contains(b, []byte("canary-json")) {
			t.Errorf("%s: what is asked for is not there", format)
		}
	}
}

func TestExportRefuses(t *testing.T) {
	if err := Export(io.Discard, "pdf", ExportOptions{}, testFlow(1)); err == nil {
		t.Error("pdf")
	}
	if err := Export(io.Discard, FormatRaw, ExportOptions{}, testFlow(1), testFlow(2)); err == nil {
		t.Error("two raw messages")
	}
	f := testFlow(1)
	f.Delivery.Header = tunnel.Header{{Name: "X", Value: "a\r\nEvil: 1"}}
	for _, format := range []Format{FormatCurl, FormatHTTPie} {
		if err := Export(io.Discard, format, ExportOptions{}, f); !errors.Is(err, ErrNoArgument) {
			t.Errorf("%s of a header with a line feed: %v", format, err)
		}
	}
	f = testFlow(1)
	f.Delivery.Target = "/a b"
	if err := Export(io.Discard, FormatCurl, ExportOptions{URL: "http://localhost"}, f); !errors.Is(err, ErrNoArgument) {
		t.Errorf("a space in the URL: %v", err)
	}
}

// shells are those of this machine that promise POSIX.
func shells() []string {
	var list []string
	for _, name := range []string{"sh", "dash", "bash", "busybox", "zsh", "ksh"} {
		if path, err := exec.LookPath(name); err == nil {
			list = append(list, path)
		}
	}
	return list
}

func runShell(t *testing.T, shell, script string) []byte {
	t.Helper()
	cmd := exec.Command(shell)
	if filepath.Base(shell) == "busybox" {
		cmd.Args = append(cmd.Args, "sh")
	}
	cmd.Stdin = strings.NewReader(script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s\n%q", shell, err, stderr.Bytes(), script)
	}
	return out
}

// allBytes is every byte, and what follows octal escapes, quotes and
// separators badly.
func allBytes() []byte {
	var b []byte
	for i := range 256 {
		b = append(b, byte(i), '7')
	}
	return append(b, "'\"\\%d%%s$(touch x)`id`!!${x}\r\n\x1b[201~\n-n @x\n\n"...)
}

func TestFeederGivesTheBytesThroughAShell(t *testing.T) {
	for _, shell := range shells() {
		for _, body := range [][]byte{
			allBytes(), []byte("-n"), []byte("--"), []byte("%s"), []byte(`\c`), []byte("a\n"), []byte("!x"), []byte("Zürich 東京"),
			bytes.Repeat([]byte("x'%\\\n"), 60_000), bytes.Repeat([]byte{0, 255}, 100_000),
		} {
			for _, command := range []string{feeder(body), "printf '" + printfFormat(body) + "'"} {
				if !isPrintable(command) {
					t.Errorf("the command for %.40q is not printable", body)
				}
				if got := runShell(t, shell, command); !bytes.Equal(got, body) {
					t.Errorf("%s gave %.80q for %.80q", shell, got, body)
				}
			}
		}
	}
}

func FuzzShellWord(f *testing.F) {
	f.Add("a'b", []byte("x"))
	f.Add("-n", allBytes())
	f.Add("\x1b[201~\r!!", []byte("-"))
	f.Fuzz(func(t *testing.T, s string, body []byte) {
		word, err := argument("word", s)
		if err != nil {
			word, s = "x", "x"
		}
		feed := feeder(body)
		if !isPrintable(word) || !isPrintable(feed) {
			t.Errorf("%q or %q is not printable", word, feed)
		}
		got := runShell(t, "/bin/sh", "printf '%s' "+word+" && printf '|' && "+feed)
		if string(got) != s+"|"+string(body) {
			t.Errorf("the shell gave %q for %q and %q", got, s, body)
		}
	})
}

// sent is what a server got.
type sent struct {
	method, target string
	header         http.Header
	body           []byte
}

// TestCurlSendsTheSameRequest runs the command line in a real shell with the
// real curl, against a server.
func TestCurlSendsTheSameRequest(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed here")
	}
	got := make(chan sent, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- sent{r.Method, r.RequestURI, r.Header, body}
	}))
	defer server.Close()
	for _, body := range [][]byte{
		[]byte(`{"a":"it's"}`), allBytes(), []byte("@/etc/passwd"), nil, []byte("\r\n"), bytes.Repeat([]byte("x"), 3<<20), bytes.Repeat([]byte("é"), 1<<20),
	} {
		for _, method := range []string{"POST", "GET", "PATCH", "DELETE", "PROPFIND"} {
			d := testDelivery(1)
			d.Method, d.Body = method, body
			d.Target = "/a/../b//c%2Fd?x[]={1,2}&y='$(id)'&z=\x80!"
			d.Header = tunnel.Header{
				{Name: "X-Empty"}, {Name: "X-Quote", Value: `it's "$(touch x)" \ !!`}, {Name: "X-Latin", Value: "Z\xfcrich"}, {Name: "X-Twice", Value: "1"},
				{Name: "X-Twice", Value: "2"}, {Name: "X-At", Value: "@/etc/passwd"}, {Name: "Connection", Value: "close"}, {Name: "Content-Length", Value: "999"},
			}
			f := NewFlow(d, noon)
			line := export(t, FormatCurl, ExportOptions{URL: server.URL, Redaction: &Redaction{}}, f)
			if !isPrintable(string(bytes.TrimSuffix(line, []byte("\n")))) {
				t.Errorf("not one printable line: %.200q", line)
			}
			for i, shell := range shells() {
				if len(body) > 1<<20 && (i > 0 || method != "POST") {
					continue // once is enough for the large ones
				}
				runShell(t, shell, "set -eu; "+strings.Replace(string(line), "curl ", "curl -q -sS ", 1))
				g := <-got
				if g.method != method || g.target != d.Target || !bytes.Equal(g.body, body) {
					t.Errorf("%s %s: got %s %s, %d bytes, want %d", shell, method, g.method, g.target, len(g.body), len(body))
				}
				g.header.Del("Content-Length")
				want := d.Header.Without("Connection", "Content-Length").HTTP()
				if diff := cmp.Diff(want, g.header); diff != "" {
					t.Errorf("%s %s header: %s", shell, method, diff)
				}
			}
		}
	}
}

func TestImportReadsWhatExportWrote(t *testing.T) {
	odd := testFlow(2)
	odd.Delivery.Body = allBytes()
	odd.BodySize, odd.BodyHash = int64(len(allBytes())), hashOf(allBytes())
	flows := []*Flow{testFlow(1), odd}
	got, err := Import(bytes.NewReader(export(t, FormatCassette, ExportOptions{Redaction: &Redaction{}}, flows...)), noon)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range got {
		if d := sameFlow(flows[i], got[i]); d != "" {
			t.Errorf("%s", d)
		}
	}
	got, err = Import(bytes.NewReader(export(t, FormatRaw, ExportOptions{Redaction: &Redaction{}}, odd)), noon)
	if err != nil {
		t.Fatal(err)
	}
	g := got[0]
	if g.Delivery.Method != "POST" || g.Delivery.Target != "/h/abc/hooks/stripe?id=7&token=s3cret" || !bytes.Equal(g.Delivery.Body, odd.Delivery.Body) || g.Delivery.Host != "relay.example" ||
		cmp.Diff(g.Delivery.Header, odd.Delivery.Header) != "" || g.Delivery.URL != odd.Delivery.URL {
		t.Errorf("%+v", g.Delivery)
	}
	redacted, err := Import(bytes.NewReader(export(t, FormatCassette, ExportOptions{}, testFlow(1))), noon)
	if err != nil || redacted[0].Exact() == nil {
		t.Errorf("a redacted cassette does not say so: %v", err)
	}
}

func TestImportRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "line 1: not a request line",
		"hello":                           "line 1: not a request line",
		"GET /x":                          "line 1: not a request line",
		"GET /x HTTP/1.1\nno colon\n\n":   "line 2: not a header line",
		"GET x HTTP/1.1\n\n":              "line 1: the path does not begin with /",
		`{"v":1}`:                         "line 1: not a flow",
		"{\"v\":7}":                       "line 1: a flow of version 7; this program knows 1",
		`{"log":{"version":"1.2"}}`:       "line 1: a flow of version 0; this program knows 1",
		"GET /x HTTP/1.1\n../x: y\n\nabc": "line 2: not a header line",
	} {
		_, err := Import(strings.NewReader(in), noon)
		if !errors.Is(err, ErrImport) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("POST /x?y HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nbody"))
	f.Add([]byte("POST http://a/x HTTP/1.1\n\n"))
	f.Add(export(f, FormatCassette, ExportOptions{}, testFlow(1), testFlow(2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		flows, err := Import(bytes.NewReader(b), noon)
		if err != nil {
			return
		}
		for _, flow := range flows {
			if flow.Delivery.Target == "" && len(flows) == 1 {
				continue
			}
			again, err := Import(bytes.NewReader(export(t, FormatCassette, ExportOptions{Redaction: &Redaction{}}, flow)), noon)
			if err != nil || len(again) != 1 || sameFlow(flow, again[0]) != "" {
				t.Errorf("%q is not what it was: %v", b, err)
			}
			export(t, FormatHAR, ExportOptions{}, flow)
			export(t, FormatRaw, ExportOptions{}, flow)
		}
	})
}

func TestRedaction(t *testing.T) {
	r := DefaultRedaction()
	for _, c := range []struct{ kind, in, want, took string }{
		{"", `{"token":"x","a":{"pass_code":"y","Client-Secret":"z"},"n":1}`, `{"token":"[redacted]","a":{"pass_code":"[redacted]","Client-Secret":"[redacted]"},"n":1}`, "json token, json pass_code, json Client-Secret"},
		{"", `{"token" : 123 , "secret":{"x":"y"},"password":null,"tokens":"z"}`, `{"token" : "[redacted]" , "secret":{"x":"y"},"password":null,"tokens":"z"}`, "json token"},
		{"", `{"tok\u0065n":"x"}`, `{"tok\u0065n":"[redacted]"}`, "json token"},
		{"", `{"token":["a","b"]}`, `{"token":["a","b"]}`, ""},
		{"", `{"card":"4242424242424242","n":4242424242424242,"id":"evt_4242424242424242","t":1700000000000}`, `{"card":"[redacted]","n":0,"id":"evt_4242424242424242","t":1700000000000}`, "card number"},
		{"", `card 5555 5555 5555 4444, 3782-822463-10005 and 4242424242424241`, `card [redacted], [redacted] and 4242424242424241`, "card number"},
		{"application/x-www-form-urlencoded", "token=gIkuvaNzQIHg97ATvDxqgjtO&team=T1&text=a+b", "token=%5Bredacted%5D&team=T1&text=a+b", "form token"},
		{"application/x-www-form-urlencoded", "payload=%7B%22token%22%3A%22x%22%7D", "payload=%7B%22token%22%3A%22%5Bredacted%5D%22%7D", "json token"},
		{"", "token=x", "token=x", ""},
		{"", `{"token":"broken`, `{"token":"[redacted]"`, "json token"},
		{"", `{"a":"say \"token\":\"x\""}`, `{"a":"say \"token\":\"x\""}`, ""},
	} {
		d := testDelivery(1)
		d.Header, d.Body, d.Target, d.URL = tunnel.Header{{Name: "Content-Type", Value: c.kind}}, []byte(c.in), "/", ""
		f := r.Flow(NewFlow(d, noon))
		if got := string(f.Delivery.Body); got != c.want || strings.Join(f.Redacted, ", ") != c.took {
			t.Errorf("%s became %s (%q), want %s (%q)", c.in, got, f.Redacted, c.want, c.took)
		}
		if again := r.Flow(f); again != f {
			t.Errorf("%s is redacted twice: %v", c.in, again.Redacted)
		}
	}
	f := testFlow(1)
	f.Delivery.URL, f.Attempts[0].Target = "https://u:p@relay.example/x?api_key=1&b=2", "http://user:pw@localhost:3000/?access_token=x"
	f.Delivery.Header = tunnel.Header{{Name: "cookie", Value: "a"}, {Name: "X-Shop-Token", Value: "b"}, {Name: "X-Signature", Value: "c"}}
	g := r.Flow(f)
	if g.Delivery.URL != "https://[redacted]@relay.example/x?api_key=%5Bredacted%5D&b=2" || g.Attempts[0].Target != "http://[redacted]@localhost:3000/?access_token=%5Bredacted%5D" {
		t.Errorf("%s %s", g.Delivery.URL, g.Attempts[0].Target)
	}
	if h := g.Delivery.Header; h[0].Value != Hidden || h[1].Value != Hidden || h[2].Value != "c" {
		t.Errorf("%v", h)
	}
	if (Redaction{}).Flow(f) != f {
		t.Error("an empty redaction changed something")
	}
	telegram := testFlow(1)
	telegram.Provider = "cloudflare"
	telegram.Delivery.Header = tunnel.Header{{Name: "Cf-Webhook-Auth", Value: "x"}}
	if g := r.Flow(telegram); g.Delivery.Header[0].Value != Hidden {
		t.Errorf("what the provider's row names is not taken out: %v", g.Delivery.Header)
	}
}

func FuzzRedaction(f *testing.F) {
	f.Add(`{"token":"x"}`, "application/json")
	f.Add(`token=x&a={"secret":1}`, "application/x-www-form-urlencoded")
	f.Fuzz(func(t *testing.T, body, kind string) {
		d := testDelivery(1)
		d.Header, d.Body = tunnel.Header{{Name: "Content-Type", Value: kind}}, []byte(body)
		before := NewFlow(d, noon)
		f := DefaultRedaction().Flow(before)
		if string(before.Delivery.Body) != body {
			t.Error("the flow was changed")
		}
		if (f == before) != (string(f.Delivery.Body) == body && f.Delivery.Target == d.Target) {
			t.Errorf("%q became %q, redacted: %v", body, f.Delivery.Body, f.Redacted)
		}
	})
}

func BenchmarkRedaction(b *testing.B) {
	f := testFlow(1)
	r := DefaultRedaction()
	b.ReportAllocs()
	for b.Loop() {
		r.Flow(f)
	}
}

func BenchmarkIdentified(b *testing.B) {
	for name, provider := range map[string]string{"named": "stripe", "guessed": ""} {
		b.Run(name, func(b *testing.B) {
			f := testFlow(1)
			b.ReportAllocs()
			for b.Loop() {
				f.Identified(provider)
			}
		})
	}
}
