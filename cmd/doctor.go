package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect/safetext"
)

// doctorLimit bounds the whole examination, doctorStep one check.
const (
	doctorLimit = 30 * time.Second
	doctorStep  = 6 * time.Second
)

// doctorOptions are the flags of hook doctor.
type doctorOptions struct {
	target   string
	relay    string
	relayCA  string
	endpoint string
	idle     time.Duration
	json     bool
	settings error // what is wrong with the settings files
}

func newDoctor(env *Env) *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor [PORT|URL]",
		Short: "Look for what keeps webhooks from arriving",
		Long: `Look at all that webhooks pass on their way here: the relay and what stands before
it (DNS, TLS, proxies, WebSockets, clocks, keys), the application's port, and what
hook keeps on this machine. Nothing is changed, and no webhook is sent.

With --idle 1m, hold a tunnel open for so long that carries nothing but the pings of
both sides, and tell whether something on the way cuts it. It has an endpoint of its
own, which is removed afterwards.

The exit code is 0 when nothing is broken, 5 when the relay cannot be reached, 4 when
it refuses the key, 1 for anything else that is broken. Warnings do not count.`,
		Example: `  hook doctor 3000
  hook doctor 3000 --relay https://hooks.example
  hook doctor --relay https://hooks.example --idle 2m
  hook doctor --json | jq '.checks[] | select(.status == "broken")'`,
		Args: args(0, 1),
		RunE: func(c *cobra.Command, given []string) error {
			if len(given) == 1 {
				o.target = given[0]
			}
			if o.idle > longestIdle {
				return usage("--idle 2m sees what cuts tunnels in practice", "--idle %s: an hour is the longest", formatDuration(o.idle))
			}
			_, o.settings = env.configure(c.Flags(), relaySettings...)
			return runDoctor(c.Context(), env, &o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.relay, "relay", "", "relay to look at, https://HOST (HOOK_RELAY)")
	f.StringVar(&o.relayCA, "relay-cacert", "", "certificate authority of the relay, PEM file, besides the system's")
	f.StringVar(&o.endpoint, "endpoint", defaultEndpoint, "name of the endpoint in this project folder whose key is tried")
	durationVar(f, &o.idle, "idle", 0, "hold a tunnel open for so long and see whether something cuts it; 0 to leave that out")
	f.BoolVar(&o.json, "json", false, "print as JSON")
	return c
}

// health is the outcome of one check; the words are part of the JSON output.
type health string

const (
	healthy  health = "ok"
	doubtful health = "warning"
	broken   health = "broken"
	skipped  health = "skipped"
)

// check is one thing that was looked at.
type check struct {
	Name   string `json:"name"`
	Status health `json:"status"`
	Detail string `json:"detail"`         // may hold foreign bytes
	Hint   string `json:"hint,omitempty"` // what to do
	code   int    // exit code, where it is not exitFailed
}

// doctor collects checks.
type doctor struct {
	env    *Env
	o      *doctorOptions
	checks []check
}

func (d *doctor) add(name string, status health, hint, format string, args ...any) *check {
	d.checks = append(d.checks, check{Name: name, Status: status, Detail: fmt.Sprintf(format, args...), Hint: hint})
	return &d.checks[len(d.checks)-1]
}

// runDoctor looks at everything and prints what it found.
func runDoctor(whole context.Context, env *Env, o *doctorOptions) error {
	ctx, cancel := context.WithTimeout(whole, doctorLimit+o.idle)
	defer cancel()
	d := &doctor{env: env, o: o}
	if o.settings != nil {
		hint := ""
		if f := (*failure)(nil); errors.As(o.settings, &f) {
			hint = f.hint
		}
		d.add("settings", broken, hint, "%v", o.settings)
	}
	if err := d.relay(ctx); err != nil {
		return err
	}
	if err := d.target(ctx); err != nil {
		return err
	}
	d.machine()
	code := d.code()
	if whole.Err() != nil {
		code = exitInterrupted // what was found until then is told, and proves little
	}
	if o.json {
		e := json.NewEncoder(env.Out)
		e.SetEscapeHTML(false)
		if err := e.Encode(struct {
			V      int     `json:"v"`
			OK     bool    `json:"ok"`
			Checks []check `json:"checks"`
		}{1, code == exitDone, d.checks}); err != nil {
			return err
		}
	} else if err := d.print(); err != nil {
		return err
	}
	if code != exitDone {
		return silent{code}
	}
	return nil
}

// code is that of the worst finding: the relay before all else, since most of
// the rest follows from it.
func (d *doctor) code() int {
	worst := exitDone
	for _, c := range d.checks {
		switch {
		case c.Status != broken:
		case c.code == exitUnreachable || worst == exitDone && c.code != 0:
			worst = c.code
		case worst == exitDone:
			worst = exitFailed
		}
	}
	return worst
}

func (d *doctor) print() error {
	var text bytes.Buffer
	p := newPainter(d.env.colour(d.env.OutTTY))
	marks := map[health]struct {
		text  string
		paint *color.Color
	}{
		healthy: {"ok", p.good}, doubtful: {"warning", p.note}, broken: {"BROKEN", p.bad}, skipped: {"-", p.dim},
	}
	for _, c := range d.checks {
		m := marks[c.Status]
		fmt.Fprintf(&text, "%s  %-10s  %s\n", m.paint.Sprintf("%-7s", m.text), c.Name, safetext.Line(c.Detail))
		if c.Hint != "" {
			fmt.Fprintf(&text, "%-7s  %-10s  %s\n", "", "", p.dim.Sprint("hint: "+safetext.Line(c.Hint)))
		}
	}
	_, err := d.env.Out.Write(text.Bytes())
	return err
}
