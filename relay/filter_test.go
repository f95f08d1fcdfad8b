package relay

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hookrelay/hook/tunnel"
)

// What is not parsed comes out as if it were.
func TestUsualTypes(t *testing.T) {
	for value := range usualTypes {
		typ, params, err := mime.ParseMediaType(value)
		if err != nil || !passiveTypes[typ] || mime.FormatMediaType(typ, params) != value {
			t.Errorf("%q is %q %v, %v", value, typ, params, err)
		}
	}
}

func TestHeadersOfAnAnswer(t *testing.T) {
	for _, c := range []struct {
		name, value      string
		strict, embedded bool // goes on
	}{
		{"Content-Type", "application/json", true, true},
		{"Content-Language", "de", true, true},
		{"Content-Encoding", "gzip", true, true},
		{"Cache-Control", "no-store", true, true},
		{"Retry-After", "120", true, true},
		{"ETag", `"abc"`, true, true},
		{"Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT", true, true},
		{"Expires", "0", true, true},
		{"Vary", "Accept", true, true},
		{"Allow", "POST", true, true},
		{"X-Slack-No-Retry", "1", true, true},
		{"X-Hook-Secret", "b537207f20cbfa02357cf448134da559", true, true},
		{"Validation-Token", "0190a5b2", true, true},
		{"WebHook-Allowed-Origin", "eventgrid.azure.net", true, true},
		{"WebHook-Allowed-Rate", "*", true, true},
		{"Set-Cookie", "a=b; Domain=relay.test", false, true},
		{"Set-Cookie2", "a=b", false, true},
		{"Location", "https://evil.test/", false, true},
		{"Content-Location", "/x", false, true},
		{"Refresh", "0; url=https://evil.test/", false, true},
		{"Link", "</x>; rel=preload", false, true},
		{"Clear-Site-Data", "*", false, true},
		{"Strict-Transport-Security", "max-age=1; includeSubDomains", false, true},
		{"Public-Key-Pins", "x", false, true},
		{"Alt-Svc", `h2="evil.test:443"`, false, true},
		{"Service-Worker-Allowed", "/", false, true},
		{"Access-Control-Allow-Origin", "*", false, true},
		{"Access-Control-Allow-Credentials", "true", false, true},
		{"Content-Security-Policy", "default-src *", false, true},
		{"X-Frame-Options", "ALLOWALL", false, true},
		{"Referrer-Policy", "unsafe-url", false, true},
		{"Permissions-Policy", "camera=*", false, true},
		{"Cross-Origin-Opener-Policy", "unsafe-none", false, true},
		{"Cross-Origin-Resource-Policy", "cross-origin", false, true},
		{"Timing-Allow-Origin", "*", false, true},
		{"NEL", "{}", false, true},
		{"Report-To", "{}", false, true},
		{"Reporting-Endpoints", "x", false, true},
		{"SourceMap", "/x", false, true},
		{"X-Accel-Redirect", "/etc/passwd", false, true},
		{"X-Sendfile", "/etc/passwd", false, true},
		{"WWW-Authenticate", "Basic", false, true},
		{"Content-Disposition", "attachment; filename=x.exe", false, true},
		{"X-Powered-By", "Express", false, true},
		{"Server", "nginx", false, true},
		{"X-Request-Id", "1", false, true},
		{"Accept-CH", "x", false, true},
		{"Connection", "X-Slack-No-Retry", false, false},
		{"Keep-Alive", "timeout=5", false, false},
		{"Transfer-Encoding", "chunked", false, false},
		{"Trailer", "X", false, false},
		{"TE", "trailers", false, false},
		{"Upgrade", "websocket", false, false},
		{"Proxy-Authenticate", "Basic", false, false},
		{"Proxy-Connection", "close", false, false},
		{"X-Slack-Split", "a\r\nSet-Cookie: b=c", false, false},
		{"X-Slack-Split", "a\nb", false, false},
		{"X-Slack-Nul", "a\x00b", false, false},
		{"X-Slack-C1", "a\u009bb", false, false},
		{"X-Slack-No-Retry ", "1", false, false},
		{"X-Slack\r\nSet-Cookie", "1", false, false},
		{"", "1", false, false},
		{"Trailer:X", "1", false, false},
	} {
		for passAll, want := range map[bool]bool{false: c.strict, true: c.embedded} {
			a := answerFilter{PassAll: passAll}.Apply("POST", nil, &tunnel.Result{
				Status: 200, Header: tunnel.Header{{Name: c.name, Value: c.value}}, Body: []byte("{}"),
			})
			got := slices.Contains(a.Header, tunnel.Field{Name: c.name, Value: c.value})
			if got != want {
				t.Errorf("%q: %q, pass all %v: goes on %v", c.name, c.value, passAll, got)
			}
			if listed := len(a.Dropped) == 1; listed == got {
				t.Errorf("%q, pass all %v: listed as dropped %v: %q", c.name, passAll, listed, a.Dropped)
			}
		}
	}
}

func TestHeadersNamedByConnectionAreDropped(t *testing.T) {
	res := &tunnel.Result{Status: 200, Header: tunnel.Header{
		{Name: "Connection", Value: "X-Slack-A, retry-after"}, {Name: "X-Slack-A", Value: "1"}, {Name: "Retry-After", Value: "1"}, {Name: "Set-Cookie", Value: "a"}, {Name: "set-cookie", Value: "b"},
	}}
	a := answerFilter{}.Apply("POST", nil, res)
	if want := []string{"Connection", "X-Slack-A", "Retry-After", "Set-Cookie"}; !slices.Equal(a.Dropped, want) {
		t.Errorf("dropped %q, want %q", a.Dropped, want)
	}
}

const twiml = `<?xml version="1.0" encoding="UTF-8"?><Response><Message>Hi &amp; bye</Message></Response>`

func TestActiveTypesBecomeText(t *testing.T) {
	const text = "text/plain; charset=utf-8"
	for _, c := range []struct{ typ, body, want string }{
		{"application/json", "{}", "application/json"},
		{"application/json; charset=UTF-8", "{}", "application/json; charset=UTF-8"},
		{"application/cloudevents+json", "{}", "application/cloudevents+json"},
		{"text/plain", "<script>", "text/plain"},
		{"image/png", "x", "image/png"},
		{"text/xml", twiml, "text/xml"},
		{"application/xml; charset=utf-8", twiml, "application/xml; charset=utf-8"},
		{"text/xml", `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><Ack>true</Ack></soapenv:Envelope>`, "text/xml"},
		{"text/html", "<h1>", text},
		{"TEXT/HTML; charset=x", "<h1>", text},
		{"text/html, application/json", "<h1>", text},
		{"application/json, text/html", "<h1>", text},
		{"application/xhtml+xml", "<h1/>", text},
		{"image/svg+xml", "<svg/>", text},
		{"text/javascript", "x", text},
		{"application/javascript", "x", text},
		{"application/pdf", "x", text},
		{"text/css", "x", text},
		{"text/cache-manifest", "x", text},
		{"application/x-shockwave-flash", "x", text},
		{"multipart/x-mixed-replace; boundary=x", "x", text},
		{"message/rfc822", "x", text},
		{"application/xslt+xml", "x", text},
		{"x", "<h1>", text},
		{"*/*", "<h1>", text},
		{"", "<h1>", text},
		{"text/xml", `<?xml-stylesheet href="x.xsl"?><a/>`, text},
		{"text/xml", `<html xmlns="http://www.w3.org/1999/xhtml"><script/></html>`, text},
		{"text/xml", `<h:html xmlns:h="http&#58;//www.w3.org/1999/xhtml"/>`, text},
		{"text/xml", `<a><svg xmlns='http://www.w3.org/2000/svg'/></a>`, text},
		{"text/xml", `<!DOCTYPE a [<!ENTITY x "y">]><a/>`, text},
		{"text/xml", "\xff\xfe<\x00a\x00", text},
		{"text/xml; charset=utf-16", twiml, text},
		{"text/xml; charset=utf-7", twiml, text},
		{"text/xml", `<?xml version="1.0" encoding="utf-7"?><a/>`, text},
		{"text/xml", "<a", text},
		{"text/xml", "<a>" + strings.Repeat("x", maxXMLLook) + "</a>", text},
	} {
		res := &tunnel.Result{Status: 200, Header: tunnel.Header{{Name: "Content-Type", Value: c.typ}}, Body: []byte(c.body)}
		a := answerFilter{}.Apply("POST", nil, res)
		if got := a.Header.Values("Content-Type"); len(got) != 1 || got[0] != c.want {
			t.Errorf("%q, %.60q: %q", c.typ, c.body, got)
		}
		if (a.Retyped != "") != (c.want != c.typ && c.typ != "") {
			t.Errorf("%q: retyped %q", c.typ, a.Retyped)
		}
		if string(a.Body) != c.body {
			t.Errorf("%q: body changed", c.typ)
		}
		for _, want := range []string{"X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy"} {
			if len(a.Header.Values(want)) != 1 {
				t.Errorf("%q: no %s", c.typ, want)
			}
		}
		if all := (answerFilter{PassAll: true}).Apply("POST", nil, res); all.Header.Get("Content-Type") != c.typ || len(all.Header) != 1 {
			t.Errorf("pass all: %v", all.Header)
		}
	}
	two := &tunnel.Result{Status: 200, Header: tunnel.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "content-type", Value: "text/html"}}}
	if a := (answerFilter{}).Apply("POST", nil, two); len(a.Header.Values("Content-Type")) != 1 || a.Header.Get("Content-Type") != text {
		t.Errorf("two types: %v", a.Header)
	}
	packed := &tunnel.Result{Status: 200, Header: tunnel.Header{{Name: "Content-Type", Value: "text/xml"}, {Name: "Content-Encoding", Value: "gzip"}}, Body: []byte("x")}
	if a := (answerFilter{}).Apply("POST", nil, packed); a.Header.Get("Content-Type") != text {
		t.Errorf("packed XML: %v", a.Header)
	}
}

func TestBrowsersGetNoApplicationPage(t *testing.T) {
	for name, h := range map[string]http.Header{
		"navigate": {"Sec-Fetch-Mode": {"navigate"}},
		"case":     {"Sec-Fetch-Mode": {"Navigate "}},
		"frame":    {"Sec-Fetch-Dest": {"iframe"}, "Sec-Fetch-Mode": {"x"}},
	} {
		for status, want := range map[int]int{200: 200, 302: 200, 204: 200, 404: 404, 500: 500} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header = h
			a := answerFilter{}.Apply(r.Method, tunnel.FromHTTP(r.Header), &tunnel.Result{Status: status, Header: tunnel.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "ETag", Value: `"x"`}}, Body: []byte("<h1>log in</h1>")})
			if a.Status != want || !a.Navigated || string(a.Body) != interstitial || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" || a.Header.Get("ETag") != "" {
				t.Errorf("%s, %d: %+v", name, status, a)
			}
			if a := (answerFilter{PassAll: true}).Apply(r.Method, tunnel.FromHTTP(r.Header), &tunnel.Result{Status: status, Body: []byte("x")}); a.Navigated {
				t.Error("the embedded relay hides the application's answer")
			}
		}
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	if a := (answerFilter{}).Apply(r.Method, tunnel.FromHTTP(r.Header), &tunnel.Result{Status: 200, Body: []byte("x")}); a.Navigated {
		t.Error("fetch is no navigation")
	}
}

func TestStatusAndBody(t *testing.T) {
	for _, c := range []struct {
		method       string
		status, want int
		body         string
	}{
		{"POST", 200, 200, "body"}, {"POST", 599, 599, "body"}, {"POST", 302, 302, "body"},
		{"POST", 204, 204, ""}, {"POST", 304, 304, ""}, {"HEAD", 200, 200, ""}, {"POST", 205, 205, ""},
	} {
		for _, f := range []answerFilter{{}, {PassAll: true}} {
			a := f.Apply(c.method, nil, &tunnel.Result{Status: c.status, Body: []byte("body"), Header: tunnel.Header{{Name: "Content-Length", Value: "99"}}})
			if a.Status != c.want || string(a.Body) != c.body {
				t.Errorf("%s %d: %d %q", c.method, c.status, a.Status, a.Body)
			}
		}
	}
	for _, status := range []int{0, -1, 100, 101, 103, 199, 600, 999, 1 << 30} {
		for _, f := range []answerFilter{{}, {PassAll: true}} {
			if a := f.Apply("POST", nil, &tunnel.Result{Status: status, Body: []byte("x")}); a.Status != 502 {
				t.Errorf("%d: %d", status, a.Status)
			}
		}
	}
	long := &tunnel.Result{Status: 201, Body: make([]byte, 11)}
	if a := (answerFilter{MaxBody: 10}).Apply("POST", nil, long); a.Status != 201 || len(a.Body) != 0 || !a.NoBody {
		t.Errorf("over the limit: %+v", a)
	}
	many := &tunnel.Result{Status: 200, Header: slices.Repeat(tunnel.Header{{Name: "X-Slack-A", Value: "1"}}, 5000)}
	if a := (answerFilter{}).Apply("POST", nil, many); len(a.Header) > maxAnswerLines+10 {
		t.Errorf("%d header lines", len(a.Header))
	}
}

func TestTheEmbeddedRelayAddsNothing(t *testing.T) {
	for _, c := range []struct {
		method string
		res    tunnel.Result
		want   string
	}{
		{"POST", tunnel.Result{Status: 200, Header: tunnel.Header{{Name: "X-B", Value: "2"}, {Name: "X-A", Value: "1"}, {Name: "X-B", Value: "1"}, {Name: "Date", Value: "today"}, {Name: "Content-Length", Value: "77"}}, Body: []byte("<html>")},
			"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nDate: today\r\nX-A: 1\r\nX-B: 2\r\nX-B: 1\r\n\r\n<html>"},
		{"HEAD", tunnel.Result{Status: 200, Header: tunnel.Header{{Name: "Content-Length", Value: "77"}, {Name: "Date", Value: "today"}}},
			"HTTP/1.1 200 OK\r\nContent-Length: 77\r\nDate: today\r\n\r\n"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answerFilter{PassAll: true}.Apply(r.Method, tunnel.FromHTTP(r.Header), &c.res).write(w)
		}))
		got := exchange(t, srv.Listener.Addr().String(), c.method+" / HTTP/1.1\r\nHost: a\r\n\r\n")
		srv.Close()
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.method, got, c.want)
		}
	}
}

// FuzzAnswer checks that a sender gets one clean answer, whatever an
// application says, and that no header stands in it that was not allowed.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "Content-Type", "text/html", "Set-Cookie", "a=b", []byte("<h1>"), true)
	f.Add(204, "X-Slack-A", "a\r\nb: c", "Connection", "x-slack-a", []byte("x"), false)
	f.Add(304, "Transfer-Encoding", "chunked", "Content-Length", "-1", []byte("0\r\n\r\nHTTP/1.1 200 OK"), true)
	f.Add(101, "Trailer:X", "\u009b", "Content-Type", "text/xml", []byte("<a>"), false)
	f.Fuzz(func(t *testing.T, status int, n1, v1, n2, v2 string, body []byte, passAll bool) {
		res := &tunnel.Result{Status: status, Header: tunnel.Header{{Name: n1, Value: v1}, {Name: n2, Value: v2}}, Body: body}
		for _, method := range []string{"POST", "HEAD"} {
			c := &replay{pieces: [][]byte{[]byte(method + " / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")}, closed: make(chan struct{})}
			l := make(oneConn, 1)
			l <- c
			close(l)
			srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answerFilter{PassAll: passAll}.Apply(r.Method, tunnel.FromHTTP(r.Header), res).write(w)
			})}
			srv.Serve(l)
			<-c.closed
			br := bufio.NewReader(bytes.NewReader(c.out.Bytes()))
			resp, err := http.ReadResponse(br, &http.Request{Method: method})
			if err != nil {
				t.Fatalf("%v: %q", err, c.out.String())
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatalf("%v: %q", err, c.out.String())
			}
			if rest, _ := io.ReadAll(br); len(rest) > 0 {
				t.Fatalf("after the answer: %q in %q", rest, c.out.String())
			}
			if resp.StatusCode < 200 || resp.StatusCode > 599 || len(got) > 0 && resp.StatusCode != 502 && !bytes.Equal(got, body) {
				t.Fatalf("%q", c.out.String())
			}
			if passAll {
				continue
			}
			for name := range resp.Header {
				lower := strings.ToLower(name)
				if !answerHeaders[lower] && !providerHeader(lower) && !slices.Contains([]string{"Date", "Connection", "Content-Length", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "X-Robots-Tag"}, name) {
					t.Fatalf("%s: %q", name, c.out.String())
				}
			}
			if typ := resp.Header.Get("Content-Type"); strings.Contains(strings.ToLower(typ), "html") || strings.Contains(strings.ToLower(typ), "svg") || len(resp.Header["Content-Type"]) > 1 {
				t.Fatalf("%q", c.out.String())
			}
		}
	})
}
