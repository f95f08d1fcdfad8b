// Command gen writes what is generated from the command tree and the table of
// providers.
//
//	go run ./cmd/gen                 completions/, docs/providers.md and docs/providers/, which are checked in
//	go run ./cmd/gen man DIR TIME    a man page for each command and topic, for a release
//
// TIME is the date of the pages, in Unix seconds: that of the commit, so that
// a release can be made again.
//
// It is no part of the program hook. It reads nothing, and writes only below
// the working folder or DIR.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hookrelay/hook/cmd"
	"github.com/hookrelay/hook/signer"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 0:
		files, err := checkedIn()
		if err != nil {
			return err
		}
		return write(".", files)
	case len(args) == 3 && args[0] == "man":
		n, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no time in Unix seconds", args[2])
		}
		return write(args[1], manPages(cmd.Tree(), time.Unix(n, 0).UTC()))
	}
	return errors.New("usage: gen, or gen man DIR TIME")
}

// checkedIn are the files of the repository that are generated, by their path.
func checkedIn() (map[string][]byte, error) {
	files := map[string][]byte{"docs/providers.md": providersPage()}
	for _, p := range signer.Providers() {
		var b bytes.Buffer
		if err := cmd.WriteProviderPage(&b, &p); err != nil {
			return nil, fmt.Errorf("page of %s: %w", p.ID, err)
		}
		files["docs/providers/"+p.ID+".md"] = b.Bytes()
	}
	for shell, name := range map[string]string{"bash": "hook.bash", "zsh": "_hook", "fish": "hook.fish", "powershell": "hook.ps1"} {
		var b bytes.Buffer
		if err := cmd.WriteCompletion(&b, cmd.Tree(), shell); err != nil {
			return nil, fmt.Errorf("completion for %s: %w", shell, err)
		}
		files["completions/"+name] = b.Bytes()
	}
	return files, nil
}

func write(dir string, files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making the folder of %s: %w", name, err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}
