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
	"time"

	"github.com/spf13/cobra"
)

// trustRecord says that a person agreed with a project's file as it was.
type trustRecord struct {
	Path   string    `json:"path"`
	SHA256 string    `json:"sha256"`
	At     time.Time `json:"at"`
}

// digest is how a record names the content of a file.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// trustPath is the file of the record for a settings file.
func (e *Env) trustPath(path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(e.stateDir(), "trust", hex.EncodeToString(sum[:12])+".json")
}

// trusts tells whether the file was trusted with exactly this content. A record
// that others could have written counts for nothing.
func (e *Env) trusts(path, sum string) bool {
	record := e.trustPath(path)
	for _, dir := range []string{e.stateDir(), filepath.Dir(record)} {
		if info, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			return false
		}
	}
	info, err := os.Lstat(record)
	if err != nil || onlyMine(record, info) != nil {
		return false
	}
	b, err := readBounded(record, 64<<10)
	if err != nil {
		return false
	}
	var t trustRecord
	return json.Unmarshal(b, &t) == nil && t.Path == path && t.SHA256 == sum
}

func configTrust(env *Env) *cobra.Command {
	var revoke bool
	c := &cobra.Command{
		Use: "trust", Short: "Let this project's hook.yaml decide about relays, commands, targets and secrets", Args: args(0, 0),
		Long: `Record that you have read this project's hook.yaml and agree with it. Until then, and
again after every change of the file, a relay, a command, a target that is no loopback
port and a secret outside the keychain have no effect when they come from it. What a
file names (a script, a certificate) can change without it: trust covers the file only.`,
		Example: "  hook config trust\n  hook config trust --revoke",
		RunE:    func(*cobra.Command, []string) error { return runConfigTrust(env, revoke) },
	}
	c.Flags().BoolVar(&revoke, "revoke", false, "take it back")
	return c
}

func runConfigTrust(env *Env, revoke bool) error {
	path := filepath.Join(env.project(), projectFile)
	if revoke {
		err := os.Remove(env.trustPath(path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fmt.Fprintf(env.Err, "%q was not trusted\n", path)
			return nil
		case err != nil:
			return fmt.Errorf("taking back the trust: %w", err)
		}
		fmt.Fprintf(env.Err, "%q is trusted no longer\n", path)
		return nil
	}
	b, err := readSettings(path)
	if err != nil {
		return err
	}
	if b == nil {
		return usage("\"hook config --help\" shows what it may hold", "there is no %q", path)
	}
	file, errs := parseConfig(env.shownPath(path), b, env.knownSecret)
	if len(errs) > 0 {
		return reportAll(env, errs)
	}
	dir := filepath.Join(env.stateDir(), "trust")
	for _, d := range []string{env.stateDir(), dir} {
		if err := privateDir(d); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(trustRecord{path, digest(b), time.Now().UTC()}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the record: %w", err)
	}
	if err := writePrivate(env.trustPath(path), append(data, '\n')); err != nil {
		return err
	}
	for _, line := range file.dangers() {
		fmt.Fprintln(env.Err, line)
	}
	fmt.Fprintf(env.Err, "%q is trusted as it is now\n", path)
	return nil
}
