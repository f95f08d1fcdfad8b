package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hookrelay/hook/relay"
)

// knownEndpoint is what this machine remembers of an endpoint: without the
// owner key it could not listen again.
type knownEndpoint struct {
	Name      string    `json:"name"`
	Folder    string    `json:"folder"`
	Relay     string    `json:"relay"` // "embedded" for one on this machine
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	OwnerKey  string    `json:"owner_key"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	TTL       int64     `json:"ttl"` // seconds, as last asked for
}

// made takes over what the relay says about a new endpoint.
func (k *knownEndpoint) made(v *relay.EndpointView, ttl time.Duration) {
	k.ID, k.OwnerKey, k.URL, k.CreatedAt, k.ExpiresAt, k.TTL = v.ID, v.OwnerKey, v.URL, v.CreatedAt, v.ExpiresAt, int64(ttl/time.Second)
}

// embedded is the Relay of endpoints on a relay inside hook listen.
const embedded = "embedded"

// defaultEndpoint is the name of a folder's endpoint where none is given.
const defaultEndpoint = "default"

// place hashes what makes an endpoint this one, for file names.
func (k *knownEndpoint) place() string {
	sum := sha256.Sum256([]byte(k.Relay + "\x00" + k.Folder + "\x00" + k.Name))
	return hex.EncodeToString(sum[:12])
}

// privateDir makes a folder that only its owner reads, and refuses one that
// others can.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(exitFailed, "set HOOK_STATE_DIR to a folder that you may write to, or HOME to your own", "making the state folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the state folder: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fail(exitFailed, fmt.Sprintf("chmod 700 %q", dir), "state folder %q can be read by others (mode %04o): it holds owner keys", dir, info.Mode().Perm())
	}
	return nil
}

// writePrivate replaces a file that only its owner reads.
func writePrivate(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// endpointsDir holds one file for each known endpoint.
func (e *Env) endpointsDir() (string, error) {
	if err := privateDir(e.stateDir()); err != nil {
		return "", err
	}
	dir := filepath.Join(e.stateDir(), "endpoints")
	return dir, privateDir(dir)
}

// remember writes what is known of an endpoint.
func (e *Env) remember(k *knownEndpoint) error {
	dir, err := e.endpointsDir()
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the endpoint: %w", err)
	}
	return writePrivate(filepath.Join(dir, k.place()+".json"), append(data, '\n'))
}

// recall completes k from what was remembered; false when nothing was.
func (e *Env) recall(k *knownEndpoint) (bool, error) {
	dir, err := e.endpointsDir()
	if err != nil {
		return false, err
	}
	path := filepath.Join(dir, k.place()+".json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the endpoint: %w", err)
	}
	if err := json.Unmarshal(data, k); err != nil || k.ID == "" || k.OwnerKey == "" {
		return false, fail(exitFailed, fmt.Sprintf("remove it, or start with --new: rm %q", path), "the endpoint's file %q is damaged", path)
	}
	return true, nil
}

// forget removes what was remembered.
func (e *Env) forget(k *knownEndpoint) error {
	dir, err := e.endpointsDir()
	if err != nil {
		return err
	}
	err = os.Remove(filepath.Join(dir, k.place()+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

// known lists all endpoints that this machine remembers, by folder and name.
func (e *Env) known() ([]knownEndpoint, error) {
	dir, err := e.endpointsDir()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var list []knownEndpoint
	for _, f := range files {
		var k knownEndpoint
		if data, err := os.ReadFile(f); err == nil && json.Unmarshal(data, &k) == nil && k.ID != "" {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b knownEndpoint) int {
		return strings.Compare(a.Folder+"\x00"+a.Name+"\x00"+a.Relay, b.Folder+"\x00"+b.Name+"\x00"+b.Relay)
	})
	return list, nil
}

// project is the folder that endpoints belong to: the nearest one upwards with
// a hook.yaml or a .git, else the working folder.
func (e *Env) project() string {
	dir := e.Dir
	for {
		for _, mark := range []string{"hook.yaml", ".git"} {
			if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
				return dir
			}
		}
		up := filepath.Dir(dir)
		if up == dir || dir == e.home() {
			return e.Dir
		}
		dir = up
	}
}
