package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// projectFile is the name of the settings file of a project folder.
const projectFile = "hook.yaml"

// configuration is all that files and the environment say.
type configuration struct {
	project, user *configFile // nil: there is none
	projectPath   string
	userPath      string
	trusted       bool
	profile       string
}

// userConfigPath is the settings file of the person, for all projects.
func (e *Env) userConfigPath() string {
	if d := e.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "hook", "config.yaml")
	}
	if d := e.Getenv("AppData"); runtime.GOOS == "windows" && d != "" {
		return filepath.Join(d, "hook", "config.yaml")
	}
	return filepath.Join(e.home(), ".config", "hook", "config.yaml")
}

// readSettings reads a settings file; nil where there is none. Pipes and
// devices are not opened: they might never end.
func readSettings(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // HOME=/dev/null is how daemons have none
		return nil, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, usage("is it another user's? Set HOME or XDG_CONFIG_HOME to a folder of your own", "settings file %q: %w", path, plainPathError(err))
	}
	if err != nil {
		return nil, usage("", "settings file %q: %w", path, plainPathError(err))
	}
	if !info.Mode().IsRegular() {
		return nil, usage("put a file there", "settings file %q is no regular file", path)
	}
	b, err := readBounded(path, maxSettings)
	if err != nil {
		return nil, usage("leave out what it does not need", "%s:1:1: %w", path, err)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// knownSecret tells names that were set with hook secret.
func (e *Env) knownSecret(name string) bool {
	names, err := e.storedNames()
	return err == nil && slices.Contains(names, name)
}

// shownPath is a path as it is typed in the working folder.
func (e *Env) shownPath(path string) string {
	if rel, err := filepath.Rel(e.Dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// configuration reads both settings files. Both must be without a mistake.
func (e *Env) configuration() (*configuration, error) {
	c := &configuration{
		projectPath: filepath.Join(e.project(), projectFile), userPath: e.userConfigPath(),
		profile: cmp.Or(e.profile, e.Getenv("HOOK_PROFILE")),
	}
	read := func(path string) (*configFile, []byte, error) {
		b, err := readSettings(path)
		if b == nil || err != nil {
			return nil, nil, err
		}
		f, errs := parseConfig(e.shownPath(path), b, e.knownSecret)
		if len(errs) > 0 {
			return nil, nil, errs[0]
		}
		return f, b, nil
	}
	var err error
	var b []byte
	if c.project, b, err = read(c.projectPath); err != nil {
		return nil, err
	}
	if c.project != nil {
		c.trusted = e.trusts(c.projectPath, digest(b))
	} else if other := strings.TrimSuffix(c.projectPath, ".yaml") + ".yml"; isFile(other) {
		fmt.Fprintf(e.Err, "warning: %q is not read: settings stand in %s\nhint: mv hook.yml %s\n", e.shownPath(other), projectFile, projectFile)
	}
	if c.user, _, err = read(c.userPath); err != nil {
		return nil, err
	}
	if c.user != nil {
		if info, err := os.Stat(c.userPath); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
			return nil, usage(fmt.Sprintf("chmod go-w %q", c.userPath), "settings file %q can be written by others (mode %04o)", c.userPath, info.Mode().Perm())
		}
	}
	return c, c.checkProfile()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// checkProfile refuses a profile that no file has.
func (c *configuration) checkProfile() error {
	if c.profile == "" {
		return nil
	}
	var names []string
	for _, f := range []*configFile{c.project, c.user} {
		if f == nil {
			continue
		}
		for name := range f.profiles {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if slices.Contains(names, c.profile) {
		return nil
	}
	hint := fmt.Sprintf("write one into %q, below profiles:", c.projectPath)
	if len(names) > 0 {
		hint = oneOf(c.profile, names)
	}
	return usage(hint, "there is no profile %q", c.profile)
}
