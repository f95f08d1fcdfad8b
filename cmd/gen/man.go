package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manPages are the man pages of a command and all below it, by file name:
// commands in section 1, topics of hook help in section 7.
//
// The texts of the commands are plain text, no Markdown, and stay as they are:
// what looks like a star or a tag in a query is one.
func manPages(root *cobra.Command, at time.Time) map[string][]byte {
	root.InitDefaultHelpFlag()
	pages := make(map[string][]byte)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		pages[manName(c)+"."+section(c)] = manPage(c, at)
		for _, sub := range described(c) {
			walk(sub)
		}
	}
	walk(root)
	return pages
}

// described are the commands and topics below c that have a page.
func described(c *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Deprecated == "" && sub.Name() != "help" {
			list = append(list, sub)
		}
	}
	return list
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func section(c *cobra.Command) string {
	if c.Runnable() || c.HasSubCommands() {
		return "1"
	}
	return "7"
}

func manPage(c *cobra.Command, at time.Time) []byte {
	var r roff
	r.line(".TH %s %s %s hook %s", quoted(strings.ToUpper(manName(c))), section(c), at.Format("2006-01-02"), quoted("hook manual"))
	r.head("NAME")
	r.text(manName(c) + " - " + c.Short)
	if section(c) == "1" {
		r.head("SYNOPSIS")
		r.line(".B %s", escape(c.UseLine()))
	}
	r.head("DESCRIPTION")
	if c.Long != "" {
		r.text(c.Long)
	} else {
		r.text(c.Short + ".")
	}
	if subs := described(c); len(subs) > 0 {
		r.head("COMMANDS")
		for _, sub := range subs {
			r.line(".TP\n.BR %s (%s)", escape(manName(sub)), section(sub))
			r.text(sub.Short)
		}
	}
	if section(c) == "1" {
		c.InitDefaultHelpFlag()
		r.flags("OPTIONS", c.NonInheritedFlags())
		r.flags("INHERITED OPTIONS", c.InheritedFlags())
	}
	if c.Example != "" {
		r.head("EXAMPLES")
		r.verbatim(strings.Split(c.Example, "\n"))
	}
	if c.HasParent() {
		r.head("SEE ALSO")
		see := []string{fmt.Sprintf(".BR %s (%s)", escape(manName(c.Parent())), section(c.Parent()))}
		if c.Parent().HasParent() {
			see = append(see, ".BR hook (1)")
		}
		r.line("%s", strings.Join(see, " ,\n"))
	}
	return []byte(r.String())
}

// roff writes the few requests of man(7) that every reader knows.
type roff struct{ strings.Builder }

func (r *roff) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

func (r *roff) head(name string) { r.line(".SH %s", quoted(name)) }

// text writes paragraphs. Lines that are indented stay as they are.
func (r *roff) text(s string) {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		switch l := lines[i]; {
		case l == "":
			r.line(".PP")
		case strings.HasPrefix(l, "  "):
			from := i
			for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "  ") {
				i++
			}
			r.verbatim(lines[from : i+1])
		default:
			r.line("%s", escape(l))
		}
	}
}

func (r *roff) verbatim(lines []string) {
	r.line(".nf")
	for _, l := range lines {
		r.line("%s", escape(l))
	}
	r.line(".fi")
}

func (r *roff) flags(head string, fs *pflag.FlagSet) {
	if !fs.HasAvailableFlags() {
		return
	}
	r.head(head)
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		value := ""
		if kind != "" {
			value = " \\fI" + escape(kind) + "\\fR"
		}
		r.line(".TP\n\\fB%s\\fR%s", escape(name), value)
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "[]" && d != "0s" {
			usage += " (default: " + d + ")"
		}
		r.text(usage)
	})
}

func quoted(s string) string { return `"` + escape(s) + `"` }

// escape keeps a text from being read as requests; hyphens stay hyphens that
// can be copied into a shell.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
