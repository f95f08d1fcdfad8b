package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/hookrelay/hook/signer"
)

// A Keychain keeps secrets outside the state folder.
type Keychain interface {
	Get(name string) (string, error)
	Set(name, secret string) error
	Delete(name string) error
}

// keychainService is the name under which all entries of hook stand.
const keychainService = "hook"

// osKeychain is that of the operating system: Keychain of macOS, Credential
// Manager of Windows, Secret Service of Linux desktops.
type osKeychain struct{}

func (osKeychain) Get(name string) (string, error) {
	got := make(chan string, 1)
	err := patiently(secretPatience, func() error {
		value, err := keyring.Get(keychainService, name)
		got <- value
		return err
	})
	if err != nil {
		return "", err
	}
	return <-got, nil
}

func (osKeychain) Set(name, secret string) error {
	return patiently(secretPatience, func() error { return keyring.Set(keychainService, name, secret) })
}

func (osKeychain) Delete(name string) error {
	return patiently(secretPatience, func() error { return keyring.Delete(keychainService, name) })
}

// patiently waits for a keychain that may ask its owner, but not for ever:
// there may be nobody. What does not answer is left behind, as the library
// cannot be told to stop.
func patiently(limit time.Duration, fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("it did not answer within %s", formatDuration(limit))
	}
}

func (e *Env) keychain() Keychain {
	if e.Keychain != nil {
		return e.Keychain
	}
	return osKeychain{}
}

// keychainLikely tells whether a keychain may be used without being asked for:
// there is one, and somebody is there to unlock it.
func (e *Env) keychainLikely() bool {
	if e.Keychain != nil {
		return true
	}
	there := runtime.GOOS == "darwin" || runtime.GOOS == "windows" || e.Getenv("DBUS_SESSION_BUS_ADDRESS") != ""
	return there && e.ErrTTY
}

// Places where a stored secret can be.
const (
	inFile     = "file"
	inKeychain = "keychain"
)

// secretFile is the file of a secret that was set: its values where they are
// kept in the file, and only dates where a keychain holds them.
type secretFile struct {
	Name     string       `json:"name"`
	Where    string       `json:"where"`
	Current  secretValue  `json:"current"`
	Previous *secretValue `json:"previous,omitempty"` // good until NotAfter
}

type secretValue struct {
	Value    string    `json:"value,omitempty"`
	SetAt    time.Time `json:"set_at"`
	NotAfter time.Time `json:"not_after,omitzero"`
}

// previousName is the keychain's entry of the secret before the current one.
func previousName(name string) string { return name + " (previous)" }

// maxSecretName keeps the name of the file within what file systems take.
const maxSecretName = 64

// errNoSecret says that no secret has that name.
var errNoSecret = errors.New("no secret of that name")

func (e *Env) secretsDir() string { return filepath.Join(e.stateDir(), "secrets") }

// madeSecretsDir makes the folder.
func (e *Env) madeSecretsDir() (string, error) {
	for _, d := range []string{e.stateDir(), e.secretsDir()} {
		if err := privateDir(d); err != nil {
			return "", err
		}
	}
	return e.secretsDir(), nil
}

// readSecret reads the file of a secret. It makes nothing on disk.
func (e *Env) readSecret(name string) (*secretFile, error) {
	if !plainName(name) || len(name) > maxSecretName {
		return nil, errNoSecret
	}
	path := filepath.Join(e.secretsDir(), name+".json")
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoSecret
	}
	if err != nil {
		return nil, fmt.Errorf("reading it: %w", plainPathError(err))
	}
	if err := onlyMine(path, info); err != nil {
		return nil, err
	}
	b, err := readBounded(path, 4*maxSecret)
	if err != nil {
		return nil, fmt.Errorf("reading it: %w", err)
	}
	var s secretFile
	if json.Unmarshal(b, &s) != nil || s.Where == "" {
		return nil, fail(exitFailed, "set it again: hook secret set "+name, "the file of secret %q is damaged", name)
	}
	return &s, nil
}

// onlyMine refuses a file that others can read, or that is not a file.
func onlyMine(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fail(exitFailed, "look at what it is, and remove it", "%q is not an ordinary file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fail(exitFailed, fmt.Sprintf("chmod 600 %q", path), "%q can be read by others (mode %04o): it holds a secret", path, info.Mode().Perm())
	}
	return nil
}

func (e *Env) writeSecret(s *secretFile) error {
	dir, err := e.madeSecretsDir()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the secret's file: %w", err)
	}
	return writePrivate(filepath.Join(dir, s.Name+".json"), append(b, '\n'))
}

// storedSecret is a secret that was set: the current key, and the previous one
// with its end. A previous key past its end is kept for the diagnosis.
func (e *Env) storedSecret(name string) ([]signer.Key, error) {
	s, err := e.readSecret(name)
	if err != nil {
		return nil, err
	}
	current, previous := s.Current.Value, ""
	if s.Previous != nil {
		previous = s.Previous.Value
	}
	if s.Where == inKeychain {
		if current, err = e.keychain().Get(name); err != nil {
			return nil, keychainError(name, err)
		}
		if s.Previous != nil {
			if previous, err = e.keychain().Get(previousName(name)); err != nil {
				previous = ""
			}
		}
	}
	if strings.TrimSpace(current) == "" {
		return nil, errEmpty
	}
	keys := []signer.Key{{ID: name, Secret: signer.Secret(current)}}
	if strings.TrimSpace(previous) != "" {
		keys = append(keys, signer.Key{ID: previousName(name), Secret: signer.Secret(previous), NotAfter: s.Previous.NotAfter})
	}
	return keys, nil
}

// fromKeychain is "keychain:NAME": a secret that was set, or an entry of the
// service "hook" that was made by other means.
func (e *Env) fromKeychain(name string) ([]signer.Key, error) {
	if s, err := e.readSecret(name); err == nil && s.Where == inKeychain {
		return e.storedSecret(name)
	}
	value, err := e.keychain().Get(name)
	if err != nil {
		return nil, keychainError(name, err)
	}
	return one("keychain:"+name, []byte(value), nil)
}

// keychainError is one of ours: messages of keychains are foreign, and long.
func keychainError(name string, err error) error {
	if errors.Is(err, keyring.ErrNotFound) {
		return fmt.Errorf("the keychain has no entry %q of the service %q", name, keychainService)
	}
	if errors.Is(err, exec.ErrNotFound) { // go-keyring starts a session bus
		return fmt.Errorf("this machine has no keychain for hook to read; \"hook secret set %s\" keeps it without one, as --secret %s", name, name)
	}
	return fmt.Errorf("the keychain cannot be read: %.200s", err.Error())
}

// storedNames lists the secrets that were set.
func (e *Env) storedNames() ([]string, error) {
	entries, err := os.ReadDir(e.secretsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing secrets: %w", err)
	}
	var names []string
	for _, f := range entries {
		if name, ok := strings.CutSuffix(f.Name(), ".json"); ok && plainName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
