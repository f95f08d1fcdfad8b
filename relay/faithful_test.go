package relay_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hookrelay/hook/relay"
)

// raw is a request to path below the endpoint that closes its connection.
func raw(s *stack, method, path, body string, header ...string) string {
	lines := ""
	for _, h := range header {
		lines += h + "\r\n"
	}
	if body != "" || method == "POST" || method == "PUT" || method == "PATCH" {
		lines += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return method + " /h/" + s.ep.ID + path + " HTTP/1.1\r\nHost: relay.test\r\n" + lines + "Connection: close\r\n\r\n" + body
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

// What others change, refuse or lose on the way (each a row that was measured)
// arrives as it was sent.
func TestRequestsArriveAsTheyWereSent(t *testing.T) {
	s := startStack(t, relay.Options{}, relay.EndpointRequest{}, func(int, request) string {
		return answerWith(503, "busy", "Retry-After: 7")
	})
	odd := `{ "a": 1.0, "url":"https:\/\/x" , "b":1e2}`
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	cases := []struct {
		name, method, path, target, body string
		header                           []string
	}{
		{"json as written", "POST", "", "/", odd, []string{"Content-Type: application/json"}},
		{"repeated query values", "POST", "?x=1&x=2", "/?x=1&x=2", odd, nil},
		{"query without values", "POST", "?&&a&=b&a=%zz+", "/?&&a&=b&a=%zz+", "x", nil},
		{"empty query", "POST", "/p?", "/p?", "x", nil},
		{"repeated headers", "POST", "/", "/", "x", []string{"X-Dup: 1", "X-Dup: 2", "X-Dup: 1, 2"}},
		{"header values with odd spaces", "POST", "/", "/", "x", []string{"X-Odd: a  b\tc;d=\"é\""}},
		{"form", "POST", "/", "/", "a=1&a=2&b=%20+x", []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"text", "POST", "/", "/", "plain\r\ntext\x00", []string{"Content-Type: text/plain"}},
		{"array", "POST", "/", "/", "[1,2,{}]", []string{"Content-Type: application/json"}},
		{"no type at all", "POST", "/", "/", "?", nil},
		{"a signature that is none", "POST", "/", "/", odd, []string{"X-Hub-Signature-256: sha256=zz"}},
		{"put", "PUT", "/", "/", odd, nil},
		{"patch", "PATCH", "/", "/", odd, nil},
		{"delete", "DELETE", "/", "/", "", nil},
		{"delete with a body", "DELETE", "/", "/", "why not", nil},
		{"get", "GET", "/?challenge=1", "/?challenge=1", "", nil},
		{"get with a body", "GET", "/", "/", "odd", nil},
		{"head", "HEAD", "/", "/", "", nil},
		{"options", "OPTIONS", "/", "/", "", nil},
		{"a method of its own", "REPORT", "/", "/", "x", nil},
		{"sub-path", "POST", "/stripe/v1/", "/stripe/v1/", odd, nil},
		{"escaped slash", "POST", "/a%2Fb", "/a%2Fb", odd, nil},
		{"double slash", "POST", "//a//b//", "//a//b//", odd, nil},
		{"dots", "POST", "/a/./b/../c", "/a/./b/../c", odd, nil},
		{"mixed escapes", "POST", "/%7e~%7E/%E2%82%ac/+%20", "/%7e~%7E/%E2%82%ac/+%20", odd, nil},
		{"no escape where one is due", "POST", "/a\"<>|{}^`é", "/a\"<>|{}^`é", odd, nil},
		{"other host", "POST", "//evil.test/x", "//evil.test/x", odd, nil},
		{"user name", "POST", "/@evil.test/", "/@evil.test/", odd, nil},
		{"zero byte", "POST", "/%00", "/%00", odd, nil},
		{"gzip", "POST", "/", "/", zipped(odd), []string{"Content-Encoding: gzip", "Content-Type: application/json", "Accept-Encoding: identity"}},
		{"every byte", "POST", "/", "/", string(all), []string{"Content-Type: application/octet-stream"}},
		{"empty", "POST", "/", "/", "", []string{"Content-Type: application/json"}},
		{"headers of the relay's own", "POST", "/", "/", "x", []string{"Authorization: Bearer provider", "Cookie: a=b; c=d", "Accept: */*"}},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			answer := exchangeRaw(t, s.Addr, raw(s, c.method, c.path, c.body, c.header...))
			if !strings.HasPrefix(answer, "HTTP/1.1 503 ") || !strings.Contains(answer, "\r\nRetry-After: 7\r\n") {
				t.Errorf("the sender got %q", answer)
			}
			if got := strings.HasSuffix(answer, "\r\n\r\nbusy"); got != (c.method != "HEAD") {
				t.Errorf("body of the answer: %q", answer)
			}
			got := s.app.requests(t, i+1)[i]
			if got.method() != c.method || got.line != c.method+" "+c.target+" HTTP/1.1" || string(got.body) != c.body {
				t.Errorf("the application got %q with %q, want %s %q with %q", got.line, got.body, c.method, c.target, c.body)
			}
			sent := map[string][]string{}
			for _, h := range c.header {
				name, v, _ := strings.Cut(h, ": ")
				sent[name] = append(sent[name], v)
			}
			for name, want := range sent {
				if values := got.values(name); !slices.Equal(values, want) {
					t.Errorf("%s is %q, want %q", name, values, want)
				}
			}
			for _, h := range got.header {
				name, _, _ := strings.Cut(h, ":")
				switch http.CanonicalHeaderKey(name) {
				case "Host", "Content-Length", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix",
					"Forwarded", "Hook-Delivery-Id", "Hook-Attempt":
				default:
					if _, ok := sent[http.CanonicalHeaderKey(name)]; !ok {
						t.Errorf("the application got %q, which nobody sent", h)
					}
				}
			}
			if p := got.value("X-Forwarded-Prefix"); p != "/h/"+s.ep.ID {
				t.Errorf("X-Forwarded-Prefix is %q", p)
			}
		})
	}
}

// A sender in chunks and one that asks first are understood; the application
// gets one body with a length.
func TestFramingOfTheSenderIsItsOwn(t *testing.T) {
	s := startStack(t, relay.Options{}, relay.EndpointRequest{}, func(int, request) string { return answerWith(200, "ok") })
	head := "POST /h/" + s.ep.ID + "/c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	chunked := "Transfer-Encoding: chunked\r\n"
	for i, c := range []struct{ name, send, body string }{
		{"chunked", head + chunked + "\r\n5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\n\r\n", "hello, world"},
		{"chunked with trailers", head + chunked + "Trailer: X-Sum\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n", "ab"},
		{"chunked and empty", head + chunked + "\r\n0\r\n\r\n", ""},
		{"expects to be asked", head + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\nbody", "body"},
		{"expects, in chunks", head + chunked + "Expect: 100-continue\r\n\r\n4\r\nbody\r\n0\r\n\r\n", "body"},
		{"HTTP/1.0", strings.Replace(head, "1.1", "1.0", 1) + "Content-Length: 3\r\n\r\nold", "old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := exchangeRaw(t, s.Addr, c.send)
			if strings.Contains(c.send, "Expect") {
				interim, rest, ok := strings.Cut(answer, "\r\n\r\n")
				if !ok || interim != "HTTP/1.1 100 Continue" {
					t.Errorf("no interim answer in %q", answer)
				}
				answer = rest
			}
			if !strings.Contains(answer, " 200 ") || !strings.HasSuffix(answer, "ok") {
				t.Errorf("the sender got %q", answer)
			}
			got := s.app.requests(t, i+1)[i]
			if string(got.body) != c.body || got.value("Content-Length") != fmt.Sprint(len(c.body)) || got.value("Transfer-Encoding") != "" || got.value("Expect") != "" {
				t.Errorf("the application got %q %q", got.header, got.body)
			}
		})
	}
}
