package cmd

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sessionApp is an application that can go down and come back.
type sessionApp struct {
	addr string
	srv  *http.Server
}

func (a *sessionApp) up(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	a.addr = ln.Addr().String()
	a.srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"received":true}`)
	})}
	go a.srv.Serve(ln)
	t.Cleanup(func() { a.srv.Close() })
}

// The session at the top of the README is a recording: a relay, a listener and
// webhooks of hook trigger, an application that goes down and comes back. Names
// and ports are those of the README, and times, the id and durations are not
// compared. UPDATE_SCRIPTS=1 records it anew.
func TestReadmeSession(t *testing.T) {
	dir := t.TempDir()
	app := &sessionApp{addr: "127.0.0.1:0"}
	app.up(t)
	_, port, _ := net.SplitHostPort(app.addr)
	relay := start(t, dir, "hook", "relay", "--addr", "127.0.0.1:0", "--admin-addr", "off", "--data", "data")
	origin := "http://" + relay.err.await(t, `relay ready","addr":"([^"]+)"`)

	both := func(c *exec.Cmd, p *program) { c.Stderr = &p.out }
	listen := startWith(t, dir, both, "hook", "listen", port, "--relay", origin, "--verify", "stripe", "--secret", "env:TWILIO_AUTH_TOKEN", "-o", "plain")
	url := listen.out.await(t, ` ready (\S+)`)
	trigger := func(event, secret string) {
		t.Helper()
		c := exec.Command("hook", "trigger", "stripe", event, "--to", url+"/stripe", "--secret", secret)
		c.Dir, c.Env = dir, clean(dir)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	trigger("invoice.paid", "env:TWILIO_AUTH_TOKEN")
	listen.out.await(t, `invoice\.paid`)
	// One line end too many: a known cause.
	if err := os.WriteFile(dir+"/pasted", []byte("twilio-auth-token-example-only\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	trigger("customer.created", "file:pasted")
	listen.out.await(t, `customer\.created`)
	app.srv.Close()
	trigger("charge.refunded", "env:TWILIO_AUTH_TOKEN")
	listen.out.await(t, `paused`)
	app.up(t)
	listen.out.await(t, `charge\.refunded .*sig:ok`)

	got := "$ hook listen 3000 --relay https://hooks.example --verify stripe --secret env:STRIPE_SECRET -o plain\n" +
		strings.NewReplacer(origin, "https://hooks.example", ":"+port, ":3000").Replace(listen.out.String())
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```console\n(.*?)```")
	at := block.FindSubmatchIndex(page)
	if at == nil {
		t.Fatal("the README has no session")
	}
	if want := string(page[at[2]:at[3]]); masked(got) != masked(want) {
		if os.Getenv("UPDATE_SCRIPTS") == "" {
			t.Fatalf("the README's session is not what comes out; UPDATE_SCRIPTS=1 records it anew\ngot\n%swant\n%s", got, want)
		}
		text := string(page[:at[2]]) + got + string(page[at[3]:])
		if err := os.WriteFile("../README.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// masked hides what differs from run to run.
func masked(s string) string {
	for pattern, with := range map[string]string{
		`(?m)^\d\d:\d\d:\d\d`: "TIME", `/h/[a-z2-7]{40}`: "/h/ID", `\b[\d.]+(µs|ms|s)\b`: "TOOK", `\b[\d.]+k/`: "SIZE/",
		`nothing listens on [^;\n]*`: "nothing listens", // with IPv6 or without
	} {
		s = regexp.MustCompile(pattern).ReplaceAllString(s, with)
	}
	lines := strings.Split(s, "\n")
	slices.Sort(lines) // the pause and the attempt that led to it are told by two goroutines
	return strings.Join(lines, "\n")
}
