package safetext

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// nasties are texts that must come out as the second string.
func nasties() [][2]string {
	return [][2]string{
		{"\x1b[31mred", `\x1b[31mred`},
		{"\x1b]0;title\x07", `\x1b]0;title\x07`},
		{"\x1b]52;c;cm0gLXJm\x1b\\", `\x1b]52;c;cm0gLXJm\x1b\`},
		{"\x1b]8;;https://evil.test\x1b\\link\x1b]8;;\x1b\\", `\x1b]8;;https://evil.test\x1b\link\x1b]8;;\x1b\`},
		{"\x1b[6n", `\x1b[6n`},
		{"\x1b[2J\x1b[H", `\x1b[2J\x1b[H`},
		{"\x1bP+q544e\x1b\\", `\x1bP+q544e\x1b\`},
		{"\x1b[201~rm -rf ~\n", `\x1b[201~rm -rf ~\n`},
		{"\x1bc", `\x1bc`},
		{"\u009b31m", `\u009b31m`},
		{"\u009d0;x\u009c", `\u009d0;x\u009c`},
		{"\u0080\u0085\u009f", `\u0080\u0085\u009f`},
		{"\x9b31m", `\x9b31m`},
		{"\x00", `\x00`},
		{"a\bb", `a\x08b`},
		{"200 OK\rHACK", `200 OK\rHACK`},
		{"a\nb", `a\nb`},
		{"a\r\nb", `a\r\nb`},
		{"a\tb", `a\tb`},
		{"\v\f", `\x0b\x0c`},
		{"\x0e\x0f", `\x0e\x0f`},
		{"\x7f", `\x7f`},
		{"\a\a\a", `\x07\x07\x07`},
		{"\x05", `\x05`},
		{"abc\u202egpj.exe", `abc\u202egpj.exe`},
		{"\u202aa\u202bb\u202cc\u202dd", `\u202aa\u202bb\u202cc\u202dd`},
		{"\u2066a\u2067b\u2068c\u2069", `\u2066a\u2067b\u2068c\u2069`},
		{"\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		{"pay\u200bpal", `pay\u200bpal`},
		{"a\u200c\u200db", `a\u200c\u200db`},
		{"a\u2060\u2061\u2062\u2063\u2064b", `a\u2060\u2061\u2062\u2063\u2064b`},
		{"\u206a\u206f", `\u206a\u206f`},
		{"\ufeff{}", `\ufeff{}`},
		{"\u180e", `\u180e`},
		{"\u00ad", `\u00ad`},
		{"\u034f", `\u034f`},
		{"\u115f\u1160\u3164\uffa0", `\u115f\u1160\u3164\uffa0`},
		{"\u2028a\u2029", `\u2028a\u2029`},
		{"\ufff9a\ufffab\ufffb", `\ufff9a\ufffab\ufffb`},
		{"x\U000e0041\U000e007f", `x\U000e0041\U000e007f`},
		{"\U000e0001", `\U000e0001`},
		{"x\U000e0100\U000e01ef", `x\U000e0100\U000e01ef`},
		{"\ufdd0\ufffe\uffff\U0001ffff\U0010ffff", `\ufdd0\ufffe\uffff\U0001ffff\U0010ffff`},
		{"\U0001d173", `\U0001d173`},
		{"\xff\xfe", `\xff\xfe`},
		{"\xc0\x80", `\xc0\x80`},
		{"\xed\xa0\x80", `\xed\xa0\x80`},
		{"\xf4\x90\x80\x80", `\xf4\x90\x80\x80`},
		{"\xe2\x80", `\xe2\x80`},
		{"ok\xc3", `ok\xc3`},
		{"\xc2\x1b[m", `\xc2\x1b[m`},
		{"\u0301x", `\u0301x`},
		{"\u200b\u0301", `\u200b\u0301`},
		{"a" + strings.Repeat("\u0301", 8), "a" + strings.Repeat("\u0301", 6) + `\u0301\u0301`},
		{"a" + strings.Repeat("\u20dd", 7), "a" + strings.Repeat("\u20dd", 6) + `\u20dd`},
		{"a" + strings.Repeat("\ufe0f", 7), "a" + strings.Repeat("\ufe0f", 6) + `\ufe0f`},
		{"/%1b[31m", `/%1b[31m`},
		{`\n`, `\n`},
		{"\ufffd", "\ufffd"},
		{"Zürich 東京 Ελλάδα नमस्ते ไทย עברית", "Zürich 東京 Ελλάδα नमस्ते ไทย עברית"},
		{"❤️ 👍🏽 é e\u0301", "❤️ 👍🏽 é e\u0301"},
		{"", ""},
		{"plain ~!@#$%^&*()", "plain ~!@#$%^&*()"},
	}
}

func TestStringEscapesWhatATerminalObeys(t *testing.T) {
	for _, c := range nasties() {
		if got := String(c[0]); got != c[1] {
			t.Errorf("String(%+q) = %+q, want %+q", c[0], got, c[1])
		}
		for _, f := range []func(string) string{String, Text, Line} {
			checkSafe(t, f(c[0]))
		}
	}
}

func TestTextKeepsLinesAndTabs(t *testing.T) {
	for in, want := range map[string]string{
		"{\n\t\"a\": 1\n}\n": "{\n\t\"a\": 1\n}\n",
		"a\r\nb":             "a\nb",
		"a\rb":               `a\rb`,
		"a\n\u0301":          "a\n" + `\u0301`,
		"\x1b[1m\n":          `\x1b[1m` + "\n",
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%+q) = %+q, want %+q", in, got, want)
		}
	}
}

func TestLineFoldsBreaks(t *testing.T) {
	for in, want := range map[string]string{
		"one\n\ttwo \r\n three": "one two three",
		"\n\nlead":              "lead",
		"trail\n":               "trail",
		"a  b":                  "a  b",
		"a\x1b\nb":              `a\x1b b`,
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%+q) = %+q, want %+q", in, got, want)
		}
	}
	if got := Error(errors.Join(errors.New("a\x1b"), errors.New("b"))); got != `a\x1b b` {
		t.Errorf("Error = %q", got)
	}
	if got := Error(nil); got != "" {
		t.Errorf("Error(nil) = %q", got)
	}
}

func TestLimitCutsBetweenEscapes(t *testing.T) {
	cases := []struct {
		in   string
		n    int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hel…"},
		{"hello", 1, "…"},
		{"hello", 0, ""},
		{"", 0, ""},
		{"ab\x1bc", 7, `ab\x1bc`},
		{"ab\x1bc", 6, "ab…"},
		{"ab\x1b", 6, `ab\x1b`},
		{"東京都", 2, "東…"},
	}
	for _, c := range cases {
		if got := Limit(c.in, c.n); got != c.want {
			t.Errorf("Limit(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
	huge := strings.Repeat("x", 1<<20)
	if n := testing.AllocsPerRun(10, func() { Limit(huge, 10) }); n > 4 {
		t.Errorf("Limit of a long text allocates %v times: it reads what it does not show", n)
	}
}

func TestCleanTextIsNotCopied(t *testing.T) {
	s := "POST /webhooks/stripe → 200 Zürich"
	if n := testing.AllocsPerRun(100, func() { _ = String(s) }); n != 0 {
		t.Errorf("clean text costs %v allocations", n)
	}
}

// TestEveryFormatCharacterIsHidden holds hidden against the Unicode tables of
// the standard library.
func TestEveryFormatCharacterIsHidden(t *testing.T) {
	visible := []rune{ // Cf by name, but drawn: signs that stand before or under numbers
		0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6dd, 0x70f, 0x890, 0x891, 0x8e2, 0x110bd, 0x110cd,
	}
	ignorable := unicode.Other_Default_Ignorable_Code_Point
	for r := rune(0); r <= unicode.MaxRune; r++ {
		must := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Bidi_Control,
			unicode.Noncharacter_Code_Point, ignorable)
		if slices.Contains(visible, r) || r >= 0xd800 && r <= 0xdfff {
			continue
		}
		if must && !hidden(r) {
			t.Errorf("U+%04X may reach the screen", r)
		}
	}
}

// checkSafe fails if out holds what must not reach a screen.
func checkSafe(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%+q is not UTF-8", out)
	}
	marks := 0
	for _, r := range out {
		switch {
		case r == '\n', r == '\t': // of Text
		case r < ' ', r >= 0x7f && r <= 0x9f,
			r == 0x061c, r == 0x180e, r == 0xfeff,
			r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x2069,
			r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe01ef:
			t.Errorf("%+q holds U+%04X", out, r)
		}
		if marks = count(marks, r); marks > maxMarks {
			t.Errorf("%+q stacks %d marks", out, marks)
		}
	}
}

func FuzzString(f *testing.F) {
	for _, c := range nasties() {
		f.Add(c[0], 5)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		one := String(s)
		for _, out := range []string{one, Line(s), Limit(s, n)} {
			checkSafe(t, out)
			if strings.ContainsAny(out, "\n\t\r") {
				t.Errorf("%+q is not one line", out)
			}
		}
		checkSafe(t, Text(s))
		if again := String(one); again != one {
			t.Errorf("String is not stable: %+q, then %+q", one, again)
		}
		if len(one) > 4*len(s) {
			t.Errorf("%d bytes became %d", len(s), len(one))
		}
		if n = max(n, 0); utf8.RuneCountInString(Limit(s, n)) > n {
			t.Errorf("Limit(%+q, %d) is longer", s, n)
		}
	})
}

func BenchmarkString(b *testing.B) {
	for name, s := range map[string]string{
		"clean": strings.Repeat("POST /webhooks/stripe 200 ", 40),
		"nasty": strings.Repeat("\x1b[31m\u202e日本 ", 40),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				_ = String(s)
			}
		})
	}
}
