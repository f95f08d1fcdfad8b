package tui

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/hookrelay/hook/tunnel"
)

func shown(r rendered) string {
	var b strings.Builder
	b.WriteString(r.about.String() + "\n")
	for _, l := range r.lines {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

func zipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Bytes()
}

func deflated(s string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Bytes()
}

func picture() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 640, 480))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name, kind, encoding string
		mode                 bodyMode
		body                 []byte
		want                 string
	}{
		{"json", "application/json", "", pretty, []byte(`{"a":1,"b":[],"c":{"d":[true,null]},"e":{}}`),
			"43B · application/json\n{\n  \"a\": 1,\n  \"b\": [],\n  \"c\": {\n    \"d\": [\n      true,\n      null\n    ]\n  },\n  \"e\": {}\n}\n"},
		{"json without a type", "", "", pretty, []byte(` [1]`), "4B\n[\n  1\n]\n"},
		{"json lines", "application/x-ndjson", "", pretty, []byte("1\n{\"a\":2}\n"), "10B · application/x-ndjson\n1\n{\n  \"a\": 2\n}\n"},
		{"not quite json", "application/json", "", pretty, []byte(`{"a":1,}`), "8B · application/json · not quite JSON: at byte 7 a member's name is missing\n{\n  \"a\": 1,\n}\n"},
		{"numbers stay as they came", "application/json", "", pretty, []byte(`[1e400,0.10,12345678901234567890]`), "33B · application/json\n[\n  1e400,\n  0.10,\n  12345678901234567890\n]\n"},
		{"json as a tree", "application/json", "", tree, []byte(`{"a":[1,{"b":"x"}],"c":{}}`),
			"26B · application/json · tree\n{2}\n├ a: [2]\n│ ├ 0: 1\n│ ├ 1: {1}\n│ │ ├ b: \"x\"\n├ c: {0}\n"},
		{"form", "application/x-www-form-urlencoded", "", pretty, []byte("a=b+c&d=%C3%A4&payload=%7B%22x%22%3A1%7D&flag"),
			"45B · application/x-www-form-urlencoded\na = b c\nd = ä\npayload = \n  {\n    \"x\": 1\n  }\nflag\n"},
		{"xml", "text/xml; charset=utf-8", "", pretty, []byte(`<?xml version="1.0"?><a x="1"><b>hi</b><c/><!-- n --></a>`),
			"57B · text/xml\n<?xml version=\"1.0\"?>\n<a x=\"1\">\n  <b>hi</b>\n  <c/>\n  <!-- n -->\n</a>\n"},
		{"multipart", "multipart/form-data; boundary=b", "", pretty, []byte("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\r\nhello\r\n--b--\r\n"),
			"81B · multipart/form-data\npart 1 f file x.txt\n  Content-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\n  hello\n"},
		{"gzip", "application/json", "gzip", pretty, zipped(`{"a":1}`), "31B · application/json · unpacked from gzip\n{\n  \"a\": 1\n}\n"},
		{"deflate", "text/plain", "deflate", pretty, deflated("hi"), "14B · text/plain · unpacked from deflate\nhi\n"},
		{"unknown encoding", "text/plain", "br", pretty, []byte("xy"), "2B · text/plain · br: not unpacked here · hex\n00000000  78 79                                             xy\n"},
		{"binary", "application/octet-stream", "", pretty, []byte{0, 1, 2, 0xff}, "4B · application/octet-stream · binary · hex\n00000000  00 01 02 ff                                       ....\n"},
		{"text keeps its lines", "text/plain", "", raw, []byte("a\tb\r\nc\n"), "7B · text/plain · raw\na    b\nc\n"},
		{"control characters are shown", "text/plain", "", pretty, []byte("a\x1b[31m and some more words"), "26B · text/plain\na\\x1b[31m and some more words\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := tunnel.Header{{Name: "Content-Type", Value: c.kind}}
			if c.encoding != "" {
				h = append(h, tunnel.Field{Name: "Content-Encoding", Value: c.encoding})
			}
			if got := shown(layOut(c.body, h, int64(len(c.body)), previewBytes, c.mode, treeDepth)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s\n%q", got, c.want, got)
			}
		})
	}
}

func TestImagesAreANote(t *testing.T) {
	b := picture()
	got := shown(layOut(b, tunnel.Header{{Name: "Content-Type", Value: "image/png"}}, int64(len(b)), previewBytes, pretty, 1))
	if !strings.Contains(got, "image/png · 640 × 480 pixels") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}

func TestLongBodiesSayWhatIsLeftOut(t *testing.T) {
	body := []byte(`{"text":"` + strings.Repeat("x", 1<<20) + `"}`)
	got := shown(layOut(body[:previewBytes], tunnel.Header{{Name: "Content-Type", Value: "application/json"}}, int64(len(body)), previewBytes, pretty, 1))
	for _, want := range []string{"the first 65.5kB", "f: more, o: pager", "xxxxxxxx"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %.200q", want, got)
		}
	}
}

// FuzzBodies lays any body out in all ways: no panic, no control character,
// bounded output.
func FuzzBodies(f *testing.F) {
	for _, s := range nasties() {
		f.Add("application/json", "", []byte(s))
	}
	f.Add("application/json", "", []byte(`{"a":[1,2,{"b":null}],"c":"\u001b"}`))
	f.Add("text/xml", "", []byte(`<a b="c"><![CDATA[x]]><d/></a>`))
	f.Add("multipart/form-data; boundary=b", "", []byte("--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nhello\r\n--b--\r\n"))
	f.Add("application/x-www-form-urlencoded", "", []byte("a=%7B%22x%22%3A1%7D&b=%zz&%1b=c"))
	f.Add("text/plain", "gzip", zipped("hello"))
	f.Add("text/plain", "deflate", deflated("hello"))
	f.Add("image/png", "", picture())
	f.Fuzz(func(t *testing.T, kind, encoding string, body []byte) {
		h := tunnel.Header{{Name: "Content-Type", Value: kind}, {Name: "Content-Encoding", Value: encoding}}
		for mode := range bodyModes {
			r := layOut(body, h, int64(len(body)), previewBytes, mode, 3)
			if len(r.lines) > maxLines+previewBytes {
				t.Fatalf("%d lines", len(r.lines))
			}
			for _, l := range append(r.lines, r.about) {
				if bad := control(l.String(), false); bad != "" || strings.Contains(l.String(), "\n") {
					t.Fatalf("%s: %s in %q", mode, bad, l.String())
				}
			}
			for _, l := range r.lines[:min(len(r.lines), 50)] {
				for _, part := range l.wrap(20, hang(l)) {
					if part.width() > 20 {
						t.Fatalf("%d columns: %q", part.width(), part.String())
					}
				}
			}
		}
	})
}

// FuzzScanJSON holds the scanner to encoding/json: what that takes, it takes.
func FuzzScanJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,null,"x\"y"]}`, `[]`, `{}`, `[[[]]]`, `{"a":{}}`, ` 1 `, `"`, `{"a"}`, `[1,]`, `]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		at, problem := scanJSON(b, func(tok token) bool { n += len(tok.text); return true })
		if at > len(b) || n > len(b) {
			t.Fatalf("at %d of %d, %d bytes of tokens", at, len(b), n)
		}
		if json.Valid(b) && problem != "" && !strings.Contains(problem, "deep") {
			t.Fatalf("valid JSON: at %d %s", at, problem)
		}
	})
}
