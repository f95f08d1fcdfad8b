package cmd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/relay/bolt"
)

// embeddedRelay is the relay inside hook listen, on loopback, where none is
// configured: one for each folder and endpoint name, durable, on a port that
// it keeps.
type embeddedRelay struct {
	url   string // "http://127.0.0.1:PORT"
	token string // admits to creation; never leaves the state folder

	store  *bolt.Store
	server *relay.Server
	stop   context.CancelFunc
	done   chan error
}

// holder says who runs an embedded relay, for the one that finds it locked.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// embeddedJournal is the journal of a relay that serves one listener: a folder
// is made for each project.
const embeddedJournal = 1 << 20

// startEmbedded starts the relay of a place in the state folder.
func startEmbedded(env *Env, k *knownEndpoint) (r *embeddedRelay, err error) {
	root := filepath.Join(env.stateDir(), "relays")
	dir := filepath.Join(root, k.place())
	for _, d := range []string{env.stateDir(), root, dir} {
		if err := privateDir(d); err != nil {
			return nil, err
		}
	}
	store, err := bolt.Open(dir, bolt.Options{MinFree: 64 << 20, Journal: embeddedJournal})
	if err != nil {
		return nil, heldBy(dir, k, err)
	}
	r = &embeddedRelay{store: store, done: make(chan error, 1)}
	defer func() {
		if err != nil {
			store.Close()
		}
	}()
	note, err := json.Marshal(holder{os.Getpid(), time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return nil, fmt.Errorf("encoding the holder: %w", err)
	}
	if err := writePrivate(filepath.Join(dir, "holder.json"), note); err != nil {
		return nil, err
	}
	if r.token, err = embeddedToken(filepath.Join(dir, "token")); err != nil {
		return nil, err
	}
	keys, err := relay.LoadKeys(filepath.Join(dir, "relay.key"))
	if err != nil {
		return nil, fmt.Errorf("embedded relay: %w", err)
	}
	r.server, err = relay.New(relay.Options{
		Store: store, Keys: keys, Tokens: relay.NewTokens("local", r.token), Loopback: true, Drain: 5 * time.Second, Version: stamp().Version,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded relay: %w", err)
	}
	ln, err := listenAgain(filepath.Join(dir, "port"))
	if err != nil {
		return nil, fmt.Errorf("embedded relay: %w", err)
	}
	r.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.done <- r.server.Serve(ctx, ln) }()
	return r, nil
}

// Close drains the relay.
func (r *embeddedRelay) Close() error {
	r.stop()
	err := <-r.done
	return errors.Join(err, r.server.Close(), r.store.Close())
}

// heldBy explains a locked store.
func heldBy(dir string, k *knownEndpoint, err error) error {
	if !errors.Is(err, bolt.ErrLocked) {
		return fail(exitFailed, "", "embedded relay: %w", err)
	}
	who := "another hook listen"
	var h holder
	if data, rerr := os.ReadFile(filepath.Join(dir, "holder.json")); rerr == nil && json.Unmarshal(data, &h) == nil && h.PID != 0 {
		who = fmt.Sprintf("another hook listen (process %d, since %s)", h.PID, h.Since.Local().Format("2006-01-02 15:04:05"))
	}
	return fail(exitFailed, "stop it, or listen under another name: hook listen --endpoint NAME",
		"endpoint %q of %q is held by %s: %w", k.Name, k.Folder, who, bolt.ErrLocked)
}

// embeddedToken reads the token that admits to creation, or makes it.
func embeddedToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil && len(data) > 0 {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("embedded relay's token: %w", err)
	}
	token := rand.Text()
	return token, writePrivate(path, []byte(token+"\n"))
}

// embeddedTokenOf is the token of a place whose relay runs.
func embeddedTokenOf(env *Env, k *knownEndpoint) (string, error) {
	return embeddedToken(filepath.Join(env.stateDir(), "relays", k.place(), "token"))
}

// listenAgain listens on the loopback port of last time, so that the URL stays,
// or on a free one that it then remembers.
func listenAgain(path string) (net.Listener, error) {
	if data, err := os.ReadFile(path); err == nil {
		if port, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 16); err == nil {
			if ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.FormatUint(port, 10))); err == nil {
				return ln, nil
			}
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := ln.Addr().(*net.TCPAddr).Port
	return ln, writePrivate(path, []byte(strconv.Itoa(port)+"\n"))
}

// loopbackName tells whether a host is this machine without asking DNS.
func loopbackName(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
