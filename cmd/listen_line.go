package cmd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// stageOptions are the flags of hook listen that say what happens to a
// delivery before it is forwarded.
type stageOptions struct {
	filters []string
	events  []string
	mocks   []string
	exec    string
	chaos   string
	routes  []string
	fanOut  []string
}

func (s *stageOptions) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&s.filters, "filter", nil, "hand on only what the query picks, like 'provider:stripe -path:/health'; the rest is answered 200 and recorded as skipped")
	f.StringArrayVarP(&s.events, "events", "e", nil, "hand on only events of these names, like 'invoice.*,!invoice.created'")
	f.StringArrayVar(&s.routes, "route", nil, "'QUERY=TARGET': send what the query picks to another target; repeatable, the first that fits counts")
	f.StringArrayVar(&s.fanOut, "fan-out", nil, "send a copy of everything to this target too; its answer is shown and counts for nothing; repeatable")
	f.StringArrayVar(&s.mocks, "mock", nil, "'QUERY=STATUS[:BODY|@FILE][~DELAY]': answer what the query picks without the application; repeatable")
	f.StringVar(&s.exec, "exec", "", "command that answers every delivery: body on its standard input, exit code 0 for 200; no shell is involved")
	f.StringVar(&s.chaos, "chaos", "", "disturb on purpose: duplicate[=P],reorder[=P],delay=TIME,drop-ack[=P],seed=N")
}

// line is what a listener does with deliveries, from the stages to the last
// handler.
type line struct {
	filter, mock, exec, chaos, route stage.Stage

	last     tunnel.Handler
	name     string // of the target, for people
	disturbs string // what chaos does
	probe    func(context.Context) error
	spared   func(context.Context) bool

	aside      *stage.Aside
	forwarders []*tunnel.Forwarder
}

// Close stops the copies and closes the connections to the targets.
func (l *line) Close() error {
	err := l.aside.Close()
	for _, f := range l.forwarders {
		err = errors.Join(err, f.Close())
	}
	return err
}

// line builds it from the flags.
func (o *listenOptions) line(env *Env) (l *line, err error) {
	l = &line{aside: stage.NewAside()}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	s := &o.stages
	filter, err := s.filter()
	if err != nil {
		return l, err
	}
	l.filter = stage.Filter(filter)
	var mocks []stage.MockRule
	for _, text := range s.mocks {
		m, err := stage.ParseMock(text, func(name string) ([]byte, error) { return os.ReadFile(fileIn(env.Dir, name)) })
		if err != nil {
			return l, flagFailure("mock", text, "write it as 'path:/health=200:ok', 'event:*=500~2s' or 'path:/x=200@answer.json'", err)
		}
		mocks = append(mocks, m)
	}
	l.mock = stage.Mock(mocks)
	if s.exec != "" {
		return l, o.execLine(env, l)
	}
	if err := o.targets(l); err != nil {
		return l, err
	}
	if s.chaos != "" {
		c, err := stage.ParseChaos(s.chaos)
		if err != nil {
			return l, flagFailure("chaos", s.chaos, "write it as duplicate=0.2,reorder,delay=2s,drop-ack,seed=7", err)
		}
		if len(l.forwarders) == 0 {
			return l, usage("hook listen 3000 --chaos "+s.chaos, "--chaos disturbs the way to a target, and there is none")
		}
		l.chaos, l.disturbs = stage.Chaos(&c, l.aside), c.String()
	}
	return l, nil
}

// execLine ends the line with a command.
func (o *listenOptions) execLine(env *Env, l *line) error {
	s := &o.stages
	if o.forward != "" || len(s.routes) > 0 || s.chaos != "" {
		return usage("leave out either of them; --fan-out sends copies beside --exec", "--exec answers every delivery: nothing is left for a target, --route or --chaos")
	}
	if len(s.fanOut) > 0 {
		return usage("let the command send them on", "--exec answers every delivery: nothing is left for --fan-out")
	}
	e, err := stage.NewExec(stage.ExecOptions{Command: s.exec, Dir: env.Dir, Environ: env.Environ, Timeout: o.timeout})
	if err != nil {
		return flagFailure("exec", s.exec, "name a program and its arguments: --exec './handle.sh --fast'", err)
	}
	l.exec, l.probe, l.last, l.name = e.Stage(), e.Probe, stage.NoRoute(), "exec "+s.exec
	return nil
}

// targets makes the forwarders and what chooses between them.
func (o *listenOptions) targets(l *line) error {
	var probes []func(context.Context) error
	route := stage.RouteOptions{Aside: l.aside}
	add := func(text string) (stage.RouteTarget, *tunnel.Forwarder, error) {
		f, target, err := o.forwarder(text)
		if err != nil {
			return stage.RouteTarget{}, nil, err
		}
		l.forwarders = append(l.forwarders, f)
		return stage.RouteTarget{Name: o.describe(target), Handler: f}, f, nil
	}
	var names []string
	for _, text := range o.stages.routes {
		q, to, err := stage.ParseRoute(text)
		if err != nil {
			return flagFailure("route", text, "write it as 'provider:stripe=localhost:3000/stripe'", err)
		}
		target, f, err := add(to)
		if err != nil {
			return err
		}
		probes = append(probes, f.Probe)
		names = append(names, target.Name)
		route.Rules = append(route.Rules, stage.RouteRule{Query: q, To: target})
	}
	switch {
	case o.forward != "":
		target, f, err := add(o.forward)
		if err != nil {
			return err
		}
		probes = append(probes, f.Probe)
		names = append(names, target.Name)
		l.last, route.Default = f, target.Name
	case len(route.Rules) > 0:
		l.last, route.Default = stage.NoRoute(), "no route"
	default:
		l.last = stage.Accept()
		name := "answered 200 here"
		if len(o.stages.mocks) > 0 {
			name = "mocks, all else answered 200 here"
		}
		names = append(names, name)
	}
	for _, text := range o.stages.fanOut {
		target, _, err := add(text)
		if err != nil {
			return err
		}
		route.Copies = append(route.Copies, target)
		names = append(names, "copies to "+target.Name)
	}
	l.route, l.name = stage.Route(route), strings.Join(names, ", ")
	l.probe = stage.AnyReachable(probes...)
	if len(probes) > 1 {
		l.spared = func(ctx context.Context) bool { return l.probe(ctx) == nil }
	}
	return nil
}

// forwarder makes one end of the line: a target and how to speak to it.
func (o *listenOptions) forwarder(text string) (*tunnel.Forwarder, tunnel.Target, error) {
	target, err := tunnel.ParseTarget(text)
	if err != nil {
		return nil, target, usage("give a port, HOST:PORT[/PATH] or URL: hook listen 3000", "%w", err)
	}
	set, without, err := headerFlags(o.headers)
	if err != nil {
		return nil, target, err
	}
	opts := tunnel.ForwardOptions{
		Target: target, AllowTarget: o.allowTarget, PathPrefix: o.path, HostHeader: o.hostHeader, SetHeader: set, RemoveHeader: without,
		Timeout: o.timeout, Insecure: o.insecure,
	}
	if o.cacert != "" {
		pem, err := os.ReadFile(o.cacert)
		if err != nil {
			return nil, target, usage("", "certificate authority: %w", err)
		}
		if opts.RootCAs, err = tunnel.CACert(pem); err != nil {
			return nil, target, usage("", "certificate authority %q: %w", o.cacert, err)
		}
	}
	f, err := tunnel.NewForwarder(opts)
	if err != nil {
		return nil, target, usage("", "%w", err)
	}
	return f, target, nil
}

// headerFlags reads -H flags: lines to set, and names to leave out ("Name:").
func headerFlags(list []string) (set tunnel.Header, without []string, err error) {
	var lines []string
	for _, s := range list {
		if name, value, ok := strings.Cut(s, ":"); ok && strings.TrimSpace(value) == "" && tunnel.ValidFieldName(strings.TrimSpace(name)) {
			without = append(without, strings.TrimSpace(name))
			continue
		}
		lines = append(lines, s)
	}
	set, err = headerLines(lines)
	return set, without, err
}

// filter is the query of --filter and --events together.
func (s *stageOptions) filter() (query.Query, error) {
	var all []query.Query
	for _, text := range s.filters {
		q, err := stage.ParseFilter(text)
		if err != nil {
			return q, flagFailure("filter", text, "write it like 'provider:stripe event:invoice.*'", err)
		}
		all = append(all, q)
	}
	if len(s.events) > 0 {
		q, err := stage.Events(s.events)
		if err != nil {
			return q, flagFailure("events", strings.Join(s.events, ","), "write it like push,pull_request or 'invoice.*,!invoice.created'", err)
		}
		all = append(all, q)
	}
	return query.All(all...), nil
}

// flagFailure is a mistake in the value of a flag. A query is shown with the
// place of the mistake below it.
func flagFailure(flag, value, hint string, err error) error {
	var qe *query.Error
	if errors.As(err, &qe) {
		if qe.Hint != "" {
			hint = qe.Hint
		}
		return usage(hint, "--%s: %w\n  %s", flag, err, strings.ReplaceAll(qe.Pointer(), "\n", "\n  "))
	}
	return usage(hint, "--%s %q: %w", flag, value, err)
}

// fileIn is a file that was named on the command line.
func fileIn(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
