package cmd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// durationFlag is a duration that knows days: 90s, 15m, 72h, 7d.
type durationFlag struct{ d *time.Duration }

func (f durationFlag) String() string {
	if f.d == nil {
		return ""
	}
	return formatDuration(*f.d)
}

func (durationFlag) Type() string { return "duration" }

func (f durationFlag) Set(s string) error {
	d, err := parseDuration(s)
	if err == nil {
		*f.d = d
	}
	return err
}

// parseDuration reads what time.ParseDuration reads, days ("7d"), and a bare
// number as seconds.
func parseDuration(s string) (time.Duration, error) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 36500 {
			return time.Duration(n * 24 * float64(time.Hour)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration like 30s, 15m, 72h or 7d", s)
	}
	return d, nil
}

// formatDuration is the short form that parseDuration reads.
func formatDuration(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func durationVar(fs *pflag.FlagSet, d *time.Duration, name string, value time.Duration, help string) {
	*d = value
	fs.Var(durationFlag{d}, name, help)
}

// choiceFlag is one word of a few.
type choiceFlag struct {
	v       *string
	choices []string
}

func (f choiceFlag) String() string {
	if f.v == nil {
		return ""
	}
	return *f.v
}

func (f choiceFlag) Type() string { return strings.Join(f.choices, "|") }

func (f choiceFlag) Set(s string) error {
	for _, c := range f.choices {
		if strings.EqualFold(s, c) { // "--format JSON", as others spell it
			*f.v = c
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", s, strings.Join(f.choices, ", "))
}

func choiceVar(c *cobra.Command, v *string, name, short, value, help string, choices ...string) {
	*v = value
	c.Flags().VarP(choiceFlag{v, choices}, name, short, help)
	must(c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp)))
}

// must is for errors that only a mistake in this package can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// aliases lets flags be typed under names that hands know from other tools.
// They are not shown.
func aliases(fs *pflag.FlagSet, names map[string]string) {
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if to, ok := names[name]; ok {
			name = to
		}
		return pflag.NormalizedName(name)
	})
}

// nearestFlag finds the flag that was probably meant.
func nearestFlag(c *cobra.Command, name string) string {
	name, _, _ = strings.Cut(name, "=")
	best, distance := "", 3
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if d := editDistance(name, f.Name); !f.Hidden && d < distance {
			best, distance = f.Name, d
		}
	})
	return best
}

// nearestCommand finds the command below c that was probably meant.
func nearestCommand(c *cobra.Command, name string) string {
	best, distance := "", min(3, (len(name)+1)/2) // two letters of four are another word
	for _, sub := range c.Commands() {
		if d := editDistance(name, sub.Name()); !sub.Hidden && d < distance {
			best, distance = sub.Name(), d
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// parseSize reads bytes with a unit: 512MiB, 20GB, 1048576. Empty is 0.
func parseSize(flag, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	units := []struct {
		suffix string
		factor float64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}, {"", 1}}
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err != nil || n < 0 || n*u.factor > 1<<60 {
				break
			}
			return int64(n * u.factor), nil
		}
	}
	return 0, usage("give it like 512MiB or 20GB", "%s: %q is no size", flag, s)
}
