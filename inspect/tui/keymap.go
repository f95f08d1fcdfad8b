package tui

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// keymap finds the action of a key.
type keymap struct {
	actions []action
	list    map[string]int // key → index in actions
	detail  map[string]int
}

// newKeymap is the table with the changes of a configuration: action id → its
// keys, none to take them away.
func newKeymap(changes map[string][]string) (*keymap, error) {
	m := &keymap{actions: table(), list: map[string]int{}, detail: map[string]int{}}
	ids := make([]string, 0, len(changes))
	for id := range changes {
		ids = append(ids, id)
	}
	slices.Sort(ids) // so that the same mistake is told each time
	for _, id := range ids {
		i := slices.IndexFunc(m.actions, func(a action) bool { return a.id == id })
		if i < 0 {
			return nil, fmt.Errorf("keys: there is no action %q%s", id, m.near(id))
		}
		m.actions[i].keys = nil
		for _, k := range changes[id] {
			name, err := keyName(k)
			if err != nil {
				return nil, fmt.Errorf("keys: %s: %w", id, err)
			}
			m.actions[i].keys = append(m.actions[i].keys, name)
		}
		m.actions[i].changed = true
	}
	// A key that was given to an action is taken from those that had it by default.
	for i := range m.actions {
		a := &m.actions[i]
		if a.changed {
			continue
		}
		a.keys = slices.DeleteFunc(slices.Clone(a.keys), func(k string) bool {
			return slices.ContainsFunc(m.actions, func(b action) bool { return b.changed && b.in&a.in != 0 && slices.Contains(b.keys, k) })
		})
	}
	for i, a := range m.actions {
		for _, k := range a.keys {
			for _, view := range []struct {
				in   views
				keys map[string]int
			}{{inList, m.list}, {inDetail, m.detail}} {
				if a.in&view.in == 0 {
					continue
				}
				if other, ok := view.keys[k]; ok && other != i {
					return nil, fmt.Errorf("keys: %q is for both %s and %s", k, m.actions[other].id, a.id)
				}
				view.keys[k] = i
			}
		}
	}
	for _, id := range []string{"quit", "palette"} { // one must get out, and reach the rest
		if i := m.index(id); len(m.actions[i].keys) == 0 {
			return nil, fmt.Errorf("keys: %s needs a key", id)
		}
	}
	return m, nil
}

func (m *keymap) index(id string) int {
	return slices.IndexFunc(m.actions, func(a action) bool { return a.id == id })
}

// near names the action that was meant, as part of a sentence.
func (m *keymap) near(id string) string {
	for _, a := range m.actions {
		if len(id) >= 3 && (strings.HasPrefix(a.id, id) || strings.HasPrefix(id, a.id) && len(a.id) >= 3) {
			return fmt.Sprintf(": did you mean %q", a.id)
		}
	}
	return "; \"?\" in the inspector lists them"
}

// find is the action of a key in a view; nil if it has none.
func (m *keymap) find(k tea.KeyPressMsg, in views) *action {
	keys := m.list
	if in == inDetail {
		keys = m.detail
	}
	if i, ok := keys[k.String()]; ok {
		return &m.actions[i]
	}
	return nil
}

// key is the first key of an action as it is written for people, "" if it has
// none.
func (m *keymap) key(id string) string {
	if i := m.index(id); i >= 0 && len(m.actions[i].keys) > 0 {
		return shownKey(m.actions[i].keys[0])
	}
	return ""
}

// named are the keys that have a name, as bubbletea writes them, with what
// people write.
func named() map[string]string {
	return map[string]string{
		"enter": "enter", "return": "enter", "esc": "esc", "escape": "esc", "tab": "tab", "space": "space", "backspace": "backspace",
		"delete": "delete", "del": "delete", "insert": "insert", "up": "up", "down": "down", "left": "left", "right": "right",
		"home": "home", "end": "end", "pgup": "pgup", "pageup": "pgup", "pgdown": "pgdown", "pgdn": "pgdown", "pagedown": "pgdown",
		"f1": "f1", "f2": "f2", "f3": "f3", "f4": "f4", "f5": "f5", "f6": "f6", "f7": "f7", "f8": "f8", "f9": "f9", "f10": "f10", "f11": "f11", "f12": "f12",
	}
}

// keyName is a key that a person wrote, as bubbletea writes it: "Ctrl-p" is
// "ctrl+p".
func keyName(s string) (string, error) {
	rest, prefix := s, ""
	for _, mod := range []string{"ctrl", "alt", "shift"} {
		if n := len(mod); len(rest) > n+1 && strings.EqualFold(rest[:n], mod) && (rest[n] == '+' || rest[n] == '-') {
			prefix, rest = prefix+mod+"+", rest[n+1:]
		}
	}
	if k, ok := named()[strings.ToLower(rest)]; ok {
		return prefix + k, nil
	}
	r, n := utf8.DecodeRuneInString(rest)
	if n == 0 || n != len(rest) || r <= ' ' || r == utf8.RuneError {
		return "", fmt.Errorf("%q is no key: write one character, or ctrl+p, enter, space, f2 and the like", s)
	}
	switch {
	case prefix == "ctrl+":
		rest = strings.ToLower(rest)
		if rest == "c" {
			return "", fmt.Errorf("ctrl+c always stops")
		}
	case strings.Contains(prefix, "shift"):
		return "", fmt.Errorf("%q: write the character itself, such as %q", s, strings.ToUpper(rest))
	}
	return prefix + rest, nil
}

// shownKey is a key for people.
func shownKey(k string) string {
	switch k {
	case "up":
		return "↑"
	case "down":
		return "↓"
	case "left":
		return "←"
	case "right":
		return "→"
	case "enter":
		return "Enter"
	case "pgup":
		return "PgUp"
	case "pgdown":
		return "PgDn"
	}
	parts := strings.Split(k, "+")
	if k == "+" || strings.HasSuffix(k, "++") {
		return k
	}
	for i, p := range parts {
		if len(p) > 1 {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}
