package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func FuzzParseHTTP(f *testing.F) {
	for _, s := range []string{
		"POST /x?y=1 HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\nbody", "GET / HTTP/1.1\n\n", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nbody",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "", "\n", "A B C D", "POST http://a/b HTTP/1.1\n: x\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req, err := parseHTTP(raw)
		if err != nil {
			return
		}
		if req.Method == "" || req.URL == "" || req.Header == nil {
			t.Errorf("incomplete: %+v", req)
		}
		if !strings.EqualFold(req.Header.Get("Transfer-Encoding"), "chunked") && !bytes.Contains(raw, req.Body) {
			t.Error("the body is not in the message")
		}
	})
}

// Whatever a line holds, there is one line of JSON for it, and its secret is
// not in it.
func FuzzBatchLine(f *testing.F) {
	const secret = "CANARY-secret"
	for _, s := range []string{
		`{"provider":"github","headers":{"X-Hub-Signature-256":"sha256=00"},"body":"{}","secret":"CANARY-secret","now":1}`,
		`{"provider":"auto","headers":[["a","b"]],"secrets":["CANARY-secret"],"signed_at":"x"}`, `{"provider":"hmac","params":{"content":"{secret}{body}"},"secret":"CANARY-secret"}`,
		`{"scheme":{"id":"x","algorithm":"hmac-sha256","signature":{"from":"header:X"}},"secret":"CANARY-secret"}`, `[]`, `null`, `{`, `{"secret":{"CANARY-secret":1}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n") || strings.TrimSpace(line) == "" || len(line) > 4096 {
			return
		}
		for _, verb := range []string{"sign", "verify"} {
			var out, errs bytes.Buffer
			env := Env{In: strings.NewReader(line + "\n"), Out: &out, Err: &errs, Getenv: func(string) string { return "" }}
			if code := Run(context.Background(), env, []string{verb, "--batch"}); code != 0 {
				t.Fatalf("%s: exit code %d: %s", verb, code, errs.String())
			}
			if strings.Count(out.String(), "\n") != 1 || !json.Valid(out.Bytes()) {
				t.Errorf("%s: not one line of JSON: %q", verb, out.String())
			}
			// Signing with a token prints it, as it must.
			given := strings.Contains(line, `"secret":"`+secret+`"`) && strings.Count(line, secret) == 1
			if given && verb == "verify" && strings.Contains(out.String(), secret) {
				t.Errorf("%s: the secret is in %q", verb, out.String())
			}
		}
	})
}
