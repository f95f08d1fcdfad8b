package cmd

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

// A frontend is a program that stands before a relay.
type frontend struct {
	name    string
	file    string // in deploy; the test changes names, addresses and paths only
	example map[string]string
	outer   string // the configuration that includes it
	args    []string
	// refuses are targets that it answers 400 itself, rewrites those that it
	// changes: docs/running-a-relay.md says so.
	refuses  []string
	rewrites map[string]string
}

func frontends() []frontend {
	return []frontend{{
		name: "nginx", file: "nginx.conf",
		example: map[string]string{
			"listen 443 ssl;": "listen 127.0.0.1:{port} ssl;", "server_name hooks.example; ": "server_name localhost *.localhost; ", "http://127.0.0.1:8080": "http://{relay}",
			"/etc/hook/cert.pem": "{dir}/cert.pem", "/etc/hook/key.pem": "{dir}/key.pem", "/var/log/nginx/hook.log": "{dir}/error.log",
		},
		outer: `daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    include {dir}/site;
}
`,
		args:    []string{"-e", "stderr", "-p", "{dir}", "-c", "{dir}/outer"},
		refuses: []string{"/../../../x", "/%2e%2e/%2E%2E/%2e%2e/x", "/a%00b", "/%zz"},
	}, {
		name: "caddy", file: "Caddyfile",
		example: map[string]string{
			"\nhooks.example {": "\nlocalhost:{port}, *.localhost:{port} {", "reverse_proxy 127.0.0.1:8080": "reverse_proxy {relay}",
			"#tls /etc/hook/cert.pem /etc/hook/key.pem": "tls {dir}/cert.pem {dir}/key.pem",
		},
		outer: `{
	admin off
	auto_https disable_redirects
	skip_install_trust
	default_bind 127.0.0.1
}
import {dir}/site
`,
		args:     []string{"run", "--config", "{dir}/outer", "--adapter", "caddyfile"},
		refuses:  []string{"/%zz"},
		rewrites: map[string]string{"/{a}|^": "/%7Ba%7D%7C%5E", "/\xc3\xa9\"`<>": "/%C3%A9%22%60%3C%3E"},
	}}
}

// TestBehindProxy follows "Your own relay in five minutes": a certificate of a
// certificate authority made here, the files of deploy/, the real programs. A
// webhook that comes by TLS through the proxy reaches the application as it was
// sent, and the relay knows the URL and the address of its sender.
func TestBehindProxy(t *testing.T) {
	for _, f := range frontends() {
		t.Run(f.name, func(t *testing.T) {
			program, err := exec.LookPath(f.name)
			if err != nil { // Debian's users do not have it in PATH
				program, err = exec.LookPath("/usr/sbin/" + f.name)
			}
			if err != nil {
				t.Skipf("%s is not installed: apt-get install %s", f.name, f.name)
			}
			t.Parallel()
			p := startBehind(t, f, program)
			t.Run("doctor", func(t *testing.T) {
				report := runHook(t, p.dir, "doctor", "--relay", p.public, "--relay-cacert", "ca.pem")
				for _, part := range []string{"relay", "clock", "token", "websocket"} {
					if !regexp.MustCompile(`(?m)^ok +` + part + ` `).MatchString(report) {
						t.Errorf("hook doctor says that %s is not right:\n%s", part, report)
					}
				}
			})
			for _, transport := range []string{"websocket", "poll"} {
				t.Run(transport, func(t *testing.T) { p.listens(t, transport) })
			}
			t.Run("limits by the sender's address", p.limits)
		})
	}
}

// behind is a relay behind a proxy.
type behind struct {
	frontend
	dir, addr, public string
	pool              *x509.CertPool
}

func startBehind(t *testing.T, f frontend, program string) *behind {
	p := &behind{frontend: f, dir: t.TempDir()}
	p.pool = localAuthority(t, p.dir)
	port := freePort(t)
	p.addr, p.public = "127.0.0.1:"+port, "https://localhost:"+port

	token := strings.TrimSpace(runHook(t, p.dir, "relay", "token", "alice", "--file", "tokens"))
	if err := os.WriteFile(filepath.Join(p.dir, "token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	relay := start(t, p.dir, "hook", "relay", "--addr", "127.0.0.1:0", "--public-url", p.public, "--domain", "localhost", "--trusted-proxy", "127.0.0.1",
		"--auth-token-file", "tokens", "--data", filepath.Join(p.dir, "data"), "--admin-addr", "off")
	addr := relay.err.await(t, `relay ready","addr":"([^"]+)"`)

	fill := strings.NewReplacer("{dir}", p.dir, "{port}", port, "{relay}", addr).Replace
	site, err := os.ReadFile(filepath.Join("..", "deploy", f.file))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range f.example {
		if !bytes.Contains(site, []byte(from)) {
			t.Fatalf("deploy/%s has no %q", f.file, from)
		}
		site = bytes.ReplaceAll(site, []byte(from), []byte(fill(to)))
	}
	for name, text := range map[string]string{"site": string(site), "outer": fill(f.outer)} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := make([]string, len(f.args))
	for i := range f.args {
		args[i] = fill(f.args[i])
	}
	proxy := start(t, p.dir, program, args...)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); ; {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			c.Close()
			return p
		}
		select {
		case <-tick.C:
		case <-proxy.done:
			t.Fatalf("%s ended:\n%s", f.name, proxy.err.String())
		case <-deadline:
			t.Fatalf("%s does not listen: %v\n%s", f.name, err, proxy.err.String())
		}
	}
}

// listens has a listener attach through the proxy, and sends it webhooks.
func (p *behind) listens(t *testing.T, transport string) {
	app := newEcho(t)
	const secret = "twilio-auth-token-example-only"
	listen := start(t, p.dir, "hook", "listen", app.addr, "--relay", p.public, "--relay-cacert", "ca.pem", "--endpoint", transport,
		"--transport", transport, "--json", "--verify", "twilio", "--secret-env", "TWILIO_AUTH_TOKEN", "--no-history")
	url := listen.out.await(t, `"type":"ready".*?"url":"([^"]+)"`)
	id, rest, _ := strings.Cut(strings.TrimPrefix(url, "https://"), ".")
	if "https://"+rest != p.public || len(id) != 40 {
		t.Fatalf("the URL is %q", url)
	}
	place := "/h/" + id

	targets := []string{"", "/", "/x", "//x", "/a//b///", "/a%2Fb%2f", "/%2e%2e", "/..", "/a/./b/../c/", "/%E2%98%83", "?", "/?", "/x?a=%zz&b;c=d&&=e",
		"/x?q=a+b%20c&q=%2B&r=//../%2e%2e", "/~%7E%41", "/a;b=c,d", "/:@!$&'()*+", "/x?u=https://e.example/../?x",
		"/[a]", "/{a}|^", "/\xc3\xa9\"`<>", "/x?{\"a|b\"}`\xc3\xa9"}
	for i, target := range targets {
		p.arrives(t, listen, app, p.public, place, target, fmt.Sprintf("body %d \r\n\x00\xff", i))
	}
	// Twilio, HubSpot and Trello sign the path: an endpoint can have a host of its own.
	for _, target := range []string{"/", "//x", "//x//?", "/a%2Fb%2f//", "/x?a=%zz&b;c=d"} {
		p.arrives(t, listen, app, url, "", target, "body")
	}
	for _, target := range p.refuses {
		if status, answer := p.send(t, "127.0.0.2", "POST", p.public+place+target, ""); status != 400 {
			t.Errorf("%q: answer %d %.200q", target, status, answer)
		}
	}

	// Twilio signs the URL that it was given.
	form := "From=%2B15005550006&Body=two++words&MessageSid=SM00000000000000000000000000000000&MessageStatus=delivered"
	req := &signer.Request{Method: "POST", URL: url + "//sms?x=%2f&y=", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte(form)}
	scheme, _ := signer.FindScheme("twilio-form")
	signed, err := signer.Sign(scheme, req, []signer.Key{{Secret: secret}}, signer.SignOptions{At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"Content-Type: application/x-www-form-urlencoded"}
	for name, values := range signed.Apply(req).Header {
		if name != "Content-Type" {
			lines = append(lines, name+": "+values[0])
		}
	}
	for want, body := range map[string]string{"valid": form, "invalid": form + "&x=1"} {
		p.send(t, "127.0.0.2", "POST", req.URL, body, lines...)
		app.next(t)
		if flow := listen.flow(t); flow.Verdict == nil || flow.Verdict.State != want {
			t.Errorf("Twilio's signature is not %s: %+v", want, flow.Verdict)
		}
	}

	// As large as a webhook may be, and one byte more.
	large := make([]byte, 25<<20)
	for i := range large {
		large[i] = byte(i>>8 ^ i)
	}
	status, answer := p.send(t, "127.0.0.2", "PUT", p.public+place+"/large", string(large))
	if status != 201 || answer != "26214400 bytes" {
		t.Errorf("25 MiB: %d %.200q", status, answer)
	} else if app.next(t).body != sha256.Sum256(large) {
		t.Error("25 MiB were changed")
	}
	if status, answer = p.send(t, "127.0.0.2", "PUT", p.public+place+"/large", string(large)+"x"); status != 413 || !strings.Contains(answer, `"status":413`) {
		t.Errorf("a byte more: %d %.200q", status, answer)
	}
}

// arrives sends a webhook and looks at what the application and the listener
// got.
func (p *behind) arrives(t *testing.T, listen *program, app *echo, origin, prefix, target, body string) {
	t.Helper()
	status, answer := p.send(t, "127.0.0.2", "POST", origin+prefix+target, body, "Content-Type: application/octet-stream", "X-Dup: one", "X-Dup: two",
		"x_under_score: kept", "X.Dot: kept", "Forwarded: for=198.51.100.1;proto=http;host=evil.example", "X-Forwarded-For: 198.51.100.2",
		"X-Forwarded-Proto: http", "X-Forwarded-Host: evil.example", "X-Long: "+strings.Repeat("x", 30<<10))
	if status != 201 || answer != "echo "+body {
		t.Errorf("%q: answer %d %.200q", target, status, answer)
		return
	}
	seen := target
	if other := p.rewrites[target]; other != "" {
		seen = other
	}
	want := seen
	if !strings.HasPrefix(want, "/") {
		want = "/" + want
	}
	got := app.next(t)
	if got.target != want {
		t.Errorf("%q arrived as %q", target, got.target)
	}
	if got.body != sha256.Sum256([]byte(body)) {
		t.Errorf("%q: the body was changed", target)
	}
	h := got.header
	if fmt.Sprint(h["X-Dup"], h["X_under_score"], h["X.dot"], h["Accept-Encoding"], h["Content-Type"]) != "[one two] [kept] [kept] [] [application/octet-stream]" {
		t.Errorf("%q: headers arrived as %q", target, h)
	}
	flow := listen.flow(t)
	if flow.URL != origin+prefix+seen || flow.Target != want && flow.Target != seen {
		t.Errorf("%q: the listener has the URL %q and the target %q", target, flow.URL, flow.Target)
	}
	if host, _, err := net.SplitHostPort(flow.Remote); err != nil && flow.Remote != "127.0.0.2" || err == nil && host != "127.0.0.2" {
		t.Errorf("%q: the sender's address is %q", target, flow.Remote)
	}
}

// limits has a client guess ids until it is told to stop; another one is not.
func (p *behind) limits(t *testing.T) {
	guess := "/h/" + strings.Repeat("a", 40)
	status := 0
	for range 40 {
		// What a sender claims is no way around it.
		if status, _ = p.send(t, "127.0.0.3", "POST", p.public+guess, "", "X-Forwarded-For: 198.51.100.3", "Forwarded: for=198.51.100.4"); status != 404 {
			break
		}
	}
	if status != 429 {
		t.Errorf("a client that guesses is answered %d", status)
	}
	if status, _ = p.send(t, "127.0.0.4", "POST", p.public+guess, ""); status != 404 {
		t.Errorf("another client is answered %d", status)
	}
}

// send sends one request from a loopback address, its URL exactly as it is
// written.
func (p *behind) send(t *testing.T, from, method, url, body string, lines ...string) (status int, answer string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	raw, err := d.Dial("tcp", p.addr)
	if err != nil && strings.Contains(err.Error(), "assign requested address") {
		t.Skipf("this system has no second loopback address: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(patience))
	end := len("https://") + strings.IndexAny(url[len("https://"):]+"/", "/?")
	host, _, _ := strings.Cut(url[len("https://"):end], ":")
	c := tls.Client(raw, &tls.Config{RootCAs: p.pool, ServerName: host})
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, url[end:], url[len("https://"):end])
	for _, l := range lines {
		head.WriteString(l + "\r\n")
	}
	fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n", len(body))
	if _, err := io.WriteString(c, head.String()); err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() { defer close(sent); io.WriteString(c, body) }() // a refusal may come before its end
	defer func() { raw.Close(); <-sent }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp.StatusCode, string(b)
}

// echo is an application that tells what it was sent.
type echo struct {
	addr string
	got  chan echoed
}

type echoed struct {
	target string
	header http.Header
	body   [sha256.Size]byte
}

func newEcho(t *testing.T) *echo {
	e := &echo{got: make(chan echoed, 16)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		e.got <- echoed{r.RequestURI, r.Header, sha256.Sum256(body)}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(201)
		if len(body) > 1<<10 {
			fmt.Fprintf(w, "%d bytes", len(body))
			return
		}
		w.Write(append([]byte("echo "), body...))
	}))
	t.Cleanup(srv.Close)
	e.addr = srv.Listener.Addr().String()
	return e
}

func (e *echo) next(t *testing.T) echoed {
	t.Helper()
	select {
	case got := <-e.got:
		return got
	case <-time.After(patience):
		t.Fatal("nothing reached the application")
	}
	return echoed{}
}

// proxyFlow is what a test wants to know of a flow of hook listen --json.
type proxyFlow struct {
	URL, Target, Remote string
	Verdict             *struct{ State string }
}

func (p *program) flow(t *testing.T) (flow proxyFlow) {
	t.Helper()
	line := p.out.await(t, `^.*"type":"end".*$`)
	if err := json.Unmarshal([]byte(line), &struct{ Flow *proxyFlow }{&flow}); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return flow
}
