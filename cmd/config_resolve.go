package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hookrelay/hook/signer"
)

// level is where a setting comes from; a higher one wins.
type level int

const (
	fromDefault level = iota
	fromUser
	fromUserProfile
	fromProject
	fromProjectProfile
	fromEnv
	fromFlag
)

func (l level) project() bool { return l == fromProject || l == fromProjectProfile }
func (l level) user() bool    { return l == fromUser || l == fromUserProfile }

// resolved is a setting with its value and where that comes from.
type resolved struct {
	row   *setting
	level level
	texts []string
	value *configValue // of a file; else nil
	risk  string       // why it needs trust that the file does not have
}

// file finds what the files say about a setting, the nearest first.
func (c *configuration) file(path string) (*configValue, level) {
	for _, from := range []struct {
		file          *configFile
		profile, base level
	}{{c.project, fromProjectProfile, fromProject}, {c.user, fromUserProfile, fromUser}} {
		if from.file == nil {
			continue
		}
		if v := from.file.profiles[c.profile][path]; v != nil {
			return v, from.profile
		}
		if v := from.file.values[path]; v != nil {
			return v, from.base
		}
	}
	return nil, fromDefault
}

// resolve decides about every row: flag, environment, project, user, default.
func (c *configuration) resolve(fs *pflag.FlagSet, getenv func(string) string) []resolved {
	rows := settings()
	list := make([]resolved, len(rows))
	for i := range rows {
		row := &rows[i]
		r := resolved{row: row}
		v, from := c.file(row.path)
		switch f := row.changed(fs); {
		case f != nil:
			r.level, r.texts = fromFlag, flagTexts(row, f)
		case row.env != "" && getenv(row.env) != "":
			r.level, r.texts = fromEnv, []string{getenv(row.env)}
		case v != nil:
			r.level, r.texts, r.value = from, v.texts, v
		default:
			r.texts = defaultTexts(fs, row)
		}
		list[i] = r
	}
	c.settle(list, fs)
	for i := range list {
		if r := &list[i]; r.level.project() && !c.trusted {
			r.risk = r.row.danger(r.texts)
		}
	}
	return list
}

// settle leaves out settings that contradict one of a higher level.
func (c *configuration) settle(list []resolved, fs *pflag.FlagSet) {
	for l := fromFlag; l > fromUser; l-- {
		for i := range list {
			r := &list[i]
			if r.level != l || r.row.rivalsOf != "" && !slices.Equal(r.texts, []string{r.row.rivalsOf}) {
				continue
			}
			for k := range list {
				if o := &list[k]; o.level < l && slices.Contains(r.row.rivals, o.row.path) {
					*o = resolved{row: o.row, texts: defaultTexts(fs, o.row)}
				}
			}
		}
	}
}

// danger says why values need a file that is trusted, "" where they do not.
func (s *setting) danger(texts []string) string {
	if s.risk == nil {
		return ""
	}
	for _, t := range texts {
		if why := s.risk(t); why != "" {
			return why
		}
	}
	return ""
}

// changed is the flag by which the setting was typed, nil when it was not.
func (s *setting) changed(fs *pflag.FlagSet) *pflag.Flag {
	if s.flag == "" {
		return nil
	}
	for _, name := range append([]string{s.flag}, s.also...) {
		if f := fs.Lookup(name); f != nil && f.Changed {
			return f
		}
	}
	return nil
}

// flagTexts is what was typed. A secret is typed as a reference, or it is not
// shown.
func flagTexts(row *setting, f *pflag.Flag) []string {
	if row.kind == kindSecrets {
		return []string{"(typed)"}
	}
	if f.Name != row.flag {
		return []string{"--" + f.Name}
	}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}

func defaultTexts(fs *pflag.FlagSet, row *setting) []string {
	if f := fs.Lookup(row.flag); f != nil && !row.kind.list() && !row.kind.isMap() && f.DefValue != "" {
		return []string{f.DefValue}
	}
	return nil
}

// fileOnly are settings that no flag holds.
type fileOnly struct {
	schemes []*signer.Scheme
	keys    map[string][]string // of the inspector: action, then its keys
}

// typed tells which flags were typed, also after configure has set others.
func typed(fs *pflag.FlagSet) func(flag string) bool {
	set := make(map[string]bool)
	fs.Visit(func(f *pflag.Flag) { set[f.Name] = true })
	return func(flag string) bool { return set[flag] }
}

// configure gives the flags that were not typed the values of the environment
// and of the settings files; only: these rows.
func (e *Env) configure(fs *pflag.FlagSet, only ...string) (own fileOnly, err error) {
	c, err := e.configuration()
	if err != nil {
		return own, err
	}
	for _, r := range c.resolve(fs, e.Getenv) {
		if len(only) > 0 && !slices.Contains(only, r.row.path) || r.level == fromFlag || r.level == fromDefault {
			continue
		}
		if r.risk != "" {
			return own, c.untrusted(&r)
		}
		switch r.row.kind {
		case kindSchemes:
			own.schemes = r.value.schemes
		case kindKeys:
			own.keys = r.value.keys
		}
		if fs.Lookup(r.row.flag) == nil {
			continue
		}
		for _, text := range r.texts {
			if err := fs.Set(r.row.flag, text); err != nil {
				return own, usage("\"hook config show --origin\" tells where values come from", "%s: %w", c.origin(&r), cmp.Or(errors.Unwrap(err), err))
			}
		}
	}
	return own, nil
}

// untrusted refuses what a stranger's file may not decide.
func (c *configuration) untrusted(r *resolved) error {
	return usage(fmt.Sprintf("read %q; if you agree with it, type: hook config trust", c.projectPath),
		"%w", &configError{c.project.name, r.value.line, r.value.col,
			fmt.Sprintf("%s: %q takes effect only in a file that you trust: %s", r.row.path, short(strings.Join(r.texts, ", ")), r.row.danger(r.texts))})
}

// origin says where a value comes from.
func (c *configuration) origin(r *resolved) string {
	switch {
	case r.level == fromFlag:
		return "flag --" + r.row.flag
	case r.level == fromEnv:
		return "environment " + r.row.env
	case r.level == fromDefault:
		return "default"
	}
	name := c.projectPath
	if r.level.user() {
		name = c.userPath
	} else if c.project != nil {
		name = c.project.name
	}
	s := fmt.Sprintf("%s:%d", name, r.value.line)
	if r.value.profile != "" {
		s += " (profile " + r.value.profile + ")"
	}
	return s
}
