package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// target looks at the application's port.
func (d *doctor) target(ctx context.Context) error {
	if d.o.target == "" {
		d.add("target", skipped, "hook doctor 3000 looks at an application too", "none was given")
		return nil
	}
	target, err := tunnel.ParseTarget(d.o.target)
	if err != nil {
		return usage("give a port, HOST:PORT[/PATH] or URL: hook doctor 3000", "%w", err)
	}
	f, err := tunnel.NewForwarder(tunnel.ForwardOptions{Target: target})
	if err != nil {
		return usage("", "%w", err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(ctx, doctorStep)
	defer cancel()
	err = f.Probe(ctx)
	if target.Loopback() && target.Port() > 0 {
		d.loopback(ctx, target.Port())
	}
	switch {
	case err == nil && speaksTLS(ctx, target):
		d.add("target", broken, "hook listen "+encrypted(target)+", with --cacert FILE or -k where it signs its own certificate",
			"%s takes connections and speaks TLS: what is sent to it in clear text is not answered", target)
	case err == nil:
		d.add("target", healthy, "", "%s takes connections", target)
	case target.Loopback() && inContainer():
		d.add("target", broken, fmt.Sprintf("in a container localhost is the container: try hook listen http://host.docker.internal:%d, or share the network", target.Port()), "%v", err)
	default:
		d.add("target", broken, "start the application; hook listen may be started before it, and waits", "%v", err)
	}
	return nil
}

// tlsPatience bounds the question: an application that does not know TLS may
// wait for the rest of a line.
const tlsPatience = time.Second

// encrypted is a target in clear text as https; others are as they are.
func encrypted(t tunnel.Target) string { return strings.Replace(t.String(), "http://", "https://", 1) }

// speaksTLS tells whether a target given as http answers a TLS handshake.
// Servers of Node close a connection in clear text without a word, and a
// listener then sees nothing but that.
func speaksTLS(ctx context.Context, t tunnel.Target) bool {
	u, err := url.Parse(t.String())
	if err != nil || u.Scheme != "http" || u.Host == "" || t.Port() == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, tlsPatience)
	defer cancel()
	// Whose certificate it is does not matter: nothing is sent.
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), strconv.Itoa(t.Port())))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// loopback says what listens on both addresses that localhost means.
func (d *doctor) loopback(ctx context.Context, port int) {
	var lines []string
	for _, ip := range []string{"::1", "127.0.0.1"} {
		address := net.JoinHostPort(ip, strconv.Itoa(port))
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			lines = append(lines, address+": nothing")
			continue
		}
		conn.Close()
		what := "open"
		if owner := portOwner(ip, port); owner != "" {
			what = owner
		}
		lines = append(lines, address+": "+what)
	}
	d.add("port", healthy, "", "%s", strings.Join(lines, "; "))
}

// inContainer tells by the marks that container engines leave.
func inContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}

// machine looks at what hook keeps here.
func (d *doctor) machine() {
	d.state()
	d.keychain()
	d.completion()
}

func (d *doctor) state() {
	dir := d.env.stateDir()
	open := ""
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 && open == "" && info.Mode()&fs.ModeSymlink == 0 {
			open = path
			return fs.SkipAll
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add("state", healthy, "", "%s is not there yet; hook listen makes it", dir)
	case err != nil:
		d.add("state", broken, "", "the state folder cannot be read: %v", err)
	case open != "":
		d.add("state", broken, "chmod -R go= "+strconv.Quote(dir), "%s can be read by others: keys are kept there", open)
	default:
		d.add("state", healthy, "", "%s, readable by you alone", dir)
	}
}

// completion looks where shells look for it.
func (d *doctor) completion() {
	home := d.env.home()
	places := map[string][]string{
		"bash": {filepath.Join(home, ".local/share/bash-completion/completions/hook"), "/usr/share/bash-completion/completions/hook", "/etc/bash_completion.d/hook",
			"/usr/local/etc/bash_completion.d/hook", "/opt/homebrew/etc/bash_completion.d/hook"},
		"zsh": {filepath.Join(home, ".zsh/completions/_hook"), filepath.Join(home, ".zfunc/_hook"), "/usr/share/zsh/site-functions/_hook",
			"/usr/share/zsh/vendor-completions/_hook", "/usr/local/share/zsh/site-functions/_hook", "/opt/homebrew/share/zsh/site-functions/_hook"},
		"fish": {filepath.Join(home, ".config/fish/completions/hook.fish"), "/usr/share/fish/vendor_completions.d/hook.fish"},
	}
	shell := filepath.Base(d.env.Getenv("SHELL"))
	list, ok := places[shell]
	if !ok {
		d.add("completion", skipped, "", "no shell is named in SHELL for which there is one")
		return
	}
	for _, path := range list {
		if _, err := os.Stat(path); err == nil {
			d.add("completion", healthy, "", "%s", path)
			return
		}
	}
	d.add("completion", skipped, fmt.Sprintf("hook completion %s > %q", shell, list[0]), "not found for %s", shell)
}
