package tui

import "github.com/hookrelay/hook/inspect/safetext"

// welcome is what stands in the place of the list before the first webhook.
func (m *Model) welcome(w, h int) []part {
	r := &m.head.ready
	var lines []line
	say := func(l ...span) { lines = append(lines, l) }
	say()
	switch {
	case m.head.link.State == NoLink && r.URL == "":
		say(span{strong, "  The history is empty."})
		say()
		say(span{plain, "  \"hook listen PORT\" records what it receives."})
	case r.URL == "":
		say(span{strong, "  Connecting to the relay …"})
		if m.head.link.Reason != "" {
			lines = append(lines, line{{plain, "  "}, glimpse(bad, m.head.link.Reason)}.wrap(w, 2)...)
		}
	default:
		say(span{strong, "  Waiting for the first webhook."})
		say()
		say(span{dim, "  send to   "}, glimpse(link, r.URL))
		if r.Local {
			say(span{dim, "            from this machine only; --relay https://HOST gives a public URL"})
		}
		say(append(line{{dim, "  goes to   "}, glimpse(plain, r.Target)}, m.healthSpans()...)...)
		if r.Endpoint != "" {
			say(span{dim, "  endpoint  "}, glimpse(plain, r.Endpoint))
		}
		if !r.ExpiresAt.IsZero() {
			say(span{dim, "  expires   "}, span{plain, r.ExpiresAt.In(m.opts.Zone).Format("2 Jan 2006 15:04")}, span{dim, " (" + left(r.ExpiresAt.Sub(m.now)) + ")"})
		}
		say()
		try, url := line{{dim, "  try       "}, {str, "curl -d hello "}}, span{str, shellWord(r.URL)}
		if all := append(try, url); all.width() <= w || 12+columns(url.text) > w {
			lines = append(lines, all.wrap(w, 12)...)
		} else { // the URL whole on a line of its own: both can be copied into a shell
			say(append(try, span{str, "\\"})...)
			say(span{plain, spaces(12)}, url)
		}
		say()
		for _, id := range []string{"sample", "copy-url", "help"} {
			i := m.keys.index(id)
			if a := &m.keys.actions[i]; len(a.keys) > 0 && (a.can == nil || a.can(m) == "") {
				say(span{plain, "  "}, span{key, pad(m.keys.key(id), 4)}, span{plain, welcomeWords(id)})
			}
		}
	}
	lines = lines[:min(len(lines), h)]
	out := make([]part, len(lines))
	for i, l := range lines {
		out[i] = part{l, w, plain}
	}
	return out
}

func welcomeWords(id string) string {
	switch id {
	case "sample":
		return "send a signed sample through it"
	case "copy-url":
		return "copy the URL"
	}
	return "all keys"
}

// shellWord quotes a URL for a shell where it needs that.
func shellWord(s string) string {
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == ':', c == '/', c == '.', c == '-', c == '_':
		case c == '\'':
			return safetext.String(s)
		default:
			return "'" + safetext.String(s) + "'"
		}
	}
	return s
}
