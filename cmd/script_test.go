package cmd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hook": func() { os.Exit(Main()) },
		"suspend-itself": func() {
			if err := suspend(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		},
	})
}

// TestScripts types what users type. Besides testscript's own commands:
//
//	app NAME [STATUS [BODY]]   an application on a loopback port: $NAME is its
//	                           address, $WORK/NAME.log what it was sent
//	start NAME ARG…            hook ARG… in the background, output in
//	                           $WORK/NAME.out and NAME.err
//	await FILE REGEXP          until FILE matches
//	quit NAME SIGNAL CODE      end it and check its exit code
//	exited NAME CODE           wait for it to end by itself
//	url VAR FILE               $VAR becomes the first URL in FILE
//	text VAR FILE              $VAR becomes what FILE says
//	port VAR                   $VAR becomes a free loopback port
//	cert NAME                  a certificate for 127.0.0.1 and *.hook.test that signs
//	                           itself, in NAME.pem and NAME.key
//	host VAR FILE              $VAR becomes ID.hook.test for the id in FILE
//	again …                    as post, repeated until the relay can be reached
//	code CODE ARG…             hook ARG… and its exit code
//	absent TEXT FILE…          no FILE, nor stdout or stderr, holds TEXT
//	post [-X METHOD] [-H HEADER|@FILE]… URL [BODY|@FILE]   status and body on stdout
func TestScripts(t *testing.T) {
	recipes, err := filepath.Abs(filepath.Join("..", "docs", "recipes"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir+"/home")
			e.Setenv("XDG_STATE_HOME", e.WorkDir+"/home/state")
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			e.Setenv("HOOK_RELAY", "")
			e.Setenv("DBUS_SESSION_BUS_ADDRESS", "") // no keychain of the one who runs the tests
			e.Setenv("RECIPES", recipes)
			e.Setenv("NO_COLOR", "1")
			b := &background{running: make(map[string]*process)}
			e.Values["background"] = b
			e.Defer(b.killAll)
			return os.MkdirAll(e.WorkDir+"/home", 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"app": scriptApp, "start": scriptStart, "await": scriptAwait, "quit": scriptStop,
			"code": scriptCode, "absent": scriptAbsent, "exited": scriptExited, "url": scriptURL, "port": scriptPort, "text": scriptText, "post": scriptPost, "again": scriptAgain, "host": scriptHost, "cert": scriptCert,
		},
	})
}

// scriptPatience bounds every wait of a script.
const scriptPatience = 30 * time.Second

// background holds what a script has started.
type background struct {
	mu      sync.Mutex
	running map[string]*process
}

type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func (b *background) killAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.running {
		p.cmd.Process.Kill()
		<-p.done
	}
}

func (b *background) take(ts *testscript.TestScript, name string) *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.running[name]
	if p == nil {
		ts.Fatalf("nothing runs under the name %s", name)
	}
	delete(b.running, name)
	return p
}

func scriptStart(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	errs, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	path := "" // of this test, which stands first; another hook may be installed
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path, err = exec.LookPath(filepath.Join(dir, "hook")); err == nil {
			break
		}
	}
	ts.Check(err)
	c := exec.Command(path, args[1:]...)
	c.Dir = ts.MkAbs(".")
	c.Stdout, c.Stderr = out, errs
	for _, v := range []string{"HOME", "XDG_STATE_HOME", "GORACE", "PATH", "NO_COLOR", "HOOK_RELAY", "HOOK_TOKEN", "WORK", "TMPDIR", "GOCOVERDIR"} {
		c.Env = append(c.Env, v+"="+ts.Getenv(v))
	}
	ts.Check(c.Start())
	p := &process{c, make(chan struct{})}
	go func() {
		defer close(p.done)
		c.Wait()
		out.Close()
		errs.Close()
	}()
	b := ts.Value("background").(*background)
	b.mu.Lock()
	b.running[name] = p
	b.mu.Unlock()
}

func scriptStop(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value("background").(*background).take(ts, args[0])
	sig := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}[args[1]]
	ts.Check(p.cmd.Process.Signal(sig))
	p.expect(ts, args[0], args[2])
}

func scriptExited(ts *testscript.TestScript, _ bool, args []string) {
	ts.Value("background").(*background).take(ts, args[0]).expect(ts, args[0], args[1])
}

func (p *process) expect(ts *testscript.TestScript, name, code string) {
	select {
	case <-p.done:
	case <-time.After(scriptPatience):
		p.cmd.Process.Kill()
		ts.Fatalf("%s did not end", name)
	}
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != code {
		ts.Fatalf("%s ended with %s, want %s\n%s", name, got, code, ts.ReadFile(name+".err"))
	}
}

// scriptAwait looks at a file of another process again and again.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	re := regexp.MustCompile("(?m)" + args[1])
	for deadline := time.Now().Add(scriptPatience); ; time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		if re.Match(text) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not match %q:\n%s", args[0], args[1], text)
		}
	}
}

func scriptURL(ts *testscript.TestScript, _ bool, args []string) {
	u := regexp.MustCompile(`https?://[^ "\n]*/h/[a-z2-7]{40}`).FindString(ts.ReadFile(args[1]))
	if u == "" {
		ts.Fatalf("no URL in %s:\n%s", args[1], ts.ReadFile(args[1]))
	}
	ts.Setenv(args[0], u)
}

func scriptText(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func scriptPort(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
	ts.Check(ln.Close())
}

func scriptPost(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(postOnce(ts, args))
}

func scriptAgain(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(scriptPatience); ; time.Sleep(50 * time.Millisecond) {
		err := postOnce(ts, args)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v", err)
		}
	}
}

func scriptHost(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1]))+".hook.test")
}

func postOnce(ts *testscript.TestScript, args []string) error {
	method := "POST"
	header := make(http.Header)
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-X" {
			method = args[1]
		} else {
			lines := args[1]
			if file, ok := strings.CutPrefix(lines, "@"); ok {
				lines = ts.ReadFile(file)
			}
			for line := range strings.Lines(lines) {
				name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
				header.Add(name, value)
			}
		}
		args = args[2:]
	}
	var body io.Reader
	if len(args) > 1 {
		text := args[1]
		if file, ok := strings.CutPrefix(text, "@"); ok {
			text = ts.ReadFile(file)
		}
		body = strings.NewReader(text)
	}
	req, err := http.NewRequest(method, args[0], body)
	ts.Check(err)
	req.Header = header
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if ca := ts.Getenv("CA"); ca != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(ts.ReadFile(ca)))
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	resp, err := (&http.Client{Transport: transport, Timeout: scriptPatience}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s", resp.StatusCode, b)
	if len(b) > 0 && b[len(b)-1] != '\n' {
		fmt.Fprintln(ts.Stdout())
	}
	return nil
}

func scriptCert(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: args[0]}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"*.hook.test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	ts.Check(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for name, block := range map[string]*pem.Block{".key": {Type: "PRIVATE KEY", Bytes: pkcs8}, ".pem": {Type: "CERTIFICATE", Bytes: der}} {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+name), pem.EncodeToMemory(block), 0o600))
	}
}

// scriptApp is an application that logs what it is sent.
func scriptApp(ts *testscript.TestScript, _ bool, args []string) {
	name, status, answer := args[0], 200, "ok"
	if len(args) > 1 {
		var err error
		status, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	if len(args) > 2 {
		answer = args[2]
	}
	addr := "127.0.0.1:0"
	if port := ts.Getenv(name + "_port"); port != "" {
		addr = "127.0.0.1:" + port
	}
	ln, err := net.Listen("tcp", addr)
	ts.Check(err)
	log, err := os.OpenFile(ts.MkAbs(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	var mu sync.Mutex
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		fmt.Fprintf(log, "%s %s\n", r.Method, r.RequestURI)
		for _, h := range []string{"Content-Type", "X-Github-Event", "X-Hub-Signature-256", "X-Dup", "Host", "Hook-Attempt", "X-Forwarded-Prefix"} {
			for _, v := range r.Header.Values(h) {
				fmt.Fprintf(log, "%s: %s\n", h, v)
			}
		}
		fmt.Fprintf(log, "\n%s\n--\n", body)
		mu.Unlock()
		w.WriteHeader(status)
		io.WriteString(w, answer)
	})}
	go srv.Serve(ln)
	ts.Defer(func() { srv.Close(); log.Close() })
	ts.Setenv(name, ln.Addr().String())
}

// scriptCode runs hook and compares its exit code; its output is there for
// stdout, stderr and cmp.
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: code CODE ARG…")
	}
	got := "0"
	if err := ts.Exec("hook", args[1:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// scriptAbsent proves that a secret is nowhere.
func scriptAbsent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: absent TEXT FILE…")
	}
	for _, f := range args[1:] {
		if text := ts.ReadFile(f); strings.Contains(text, args[0]) {
			ts.Fatalf("%s holds what must be nowhere:\n%s", f, text)
		}
	}
}
