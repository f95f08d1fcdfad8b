package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/relay"
)

func newEndpoint(env *Env) *cobra.Command {
	c := group(&cobra.Command{
		Use: "endpoint", Short: "List, change and remove endpoints",
		Long: `An endpoint is a short-lived public URL. This machine remembers those it made, with
their owner keys; the relay knows what state they are in.`,
		Example: "  hook endpoint ls\n  hook endpoint rotate --overlap 1h",
	})
	c.AddCommand(endpointLs(env), endpointShow(env), endpointNew(env), endpointRotate(env),
		endpointSwitch(env, "stop", "Close intake at once: senders get 503"), endpointSwitch(env, "start", "Open intake again"), endpointRm(env))
	return c
}

// listedEndpoint is a line of hook endpoint ls.
type listedEndpoint struct {
	Name      string              `json:"name"`
	Folder    string              `json:"folder"`
	Relay     string              `json:"relay"`
	URL       string              `json:"url"`
	State     string              `json:"state"` // open, stopped, closed, gone, unreachable, refused
	ExpiresAt time.Time           `json:"expires_at"`
	Details   *relay.EndpointView `json:"details,omitempty"`
}

func endpointLs(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "ls", Short: "List the endpoints that this machine knows", Args: args(0, 0),
		Example: "  hook endpoint ls\n  hook endpoint ls --json | jq -r '.[].url'",
		RunE:    func(c *cobra.Command, _ []string) error { return runEndpointLs(c.Context(), env, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func runEndpointLs(ctx context.Context, env *Env, asJSON bool) error {
	known, err := env.known()
	if err != nil {
		return err
	}
	list := make([]listedEndpoint, 0, len(known))
	for i := range known {
		k := &known[i]
		l := listedEndpoint{Name: k.Name, Folder: k.Folder, Relay: k.Relay, URL: k.URL, ExpiresAt: k.ExpiresAt}
		var v relay.EndpointView
		err := withRelay(env, k, "", func(api *relayAPI, k *knownEndpoint) error {
			_, err := api.call(ctx, "GET", "/v1/endpoints/"+k.ID, k.OwnerKey, nil, &v)
			return err
		})
		var e *apiError
		switch {
		case err == nil:
			l.State, l.Details, l.ExpiresAt = v.State, &v, v.ExpiresAt
		case errors.As(err, &e) && e.status == http.StatusGone:
			l.State = "gone"
		case errors.As(err, &e) && e.status == http.StatusUnauthorized:
			l.State = "refused"
		default:
			l.State = "unreachable"
		}
		list = append(list, l)
	}
	if asJSON {
		return printJSON(env, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(env.Err, "no endpoints are known on this machine; \"hook listen PORT\" makes one")
		return nil
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tLISTENING\tWAITING\tDEAD\tEXPIRES\tURL\tFOLDER")
	for _, l := range list {
		listening, waiting, dead := "-", "-", "-"
		if l.Details != nil {
			listening = map[bool]string{true: "yes", false: "no"}[l.Details.Listening]
			waiting, dead = fmt.Sprint(l.Details.Queue.Pending), fmt.Sprint(l.Details.Queue.Dead)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, l.State, listening, waiting, dead,
			l.ExpiresAt.Local().Format("2006-01-02 15:04"), l.URL, l.Folder)
	}
	return w.Flush()
}

func endpointShow(env *Env) *cobra.Command {
	var o ownedFlags
	var field string
	c := &cobra.Command{
		Use: "show", Short: "Show an endpoint", Args: args(0, 0),
		Example: "  hook endpoint show\n  hook endpoint show --field url",
		RunE: func(c *cobra.Command, _ []string) error {
			return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
				var v relay.EndpointView
				if err := apiCall(c.Context(), api, k, "showing the endpoint", "GET", "", nil, &v); err != nil {
					return err
				}
				switch field {
				case "":
				case "url":
					_, err := fmt.Fprintln(env.Out, v.URL)
					return err
				case "id":
					_, err := fmt.Fprintln(env.Out, v.ID)
					return err
				case "key":
					_, err := fmt.Fprintln(env.Out, k.OwnerKey)
					return err
				default:
					return usage("use url, id or key", "field %q is not known", field)
				}
				return showEndpoint(env, &o, &v)
			})
		},
	}
	o.add(c)
	c.Flags().StringVar(&field, "field", "", "print one field only: url, id, key (the owner key: keep it to yourself)")
	return c
}

// showEndpoint prints an endpoint.
func showEndpoint(env *Env, o *ownedFlags, v *relay.EndpointView) error {
	if o.json {
		return printJSON(env, v)
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, safetext.String(fmt.Sprintf(format, args...)))
	}
	state := v.State
	if v.Closed != "" {
		state += " (" + string(v.Closed) + "), kept until " + v.PurgeAt.Local().Format(time.DateTime)
	}
	line("URL", "%s", v.URL)
	line("state", "%s", state)
	line("listening", "%v", v.Listening)
	line("expires", "%s", v.ExpiresAt.Local().Format(time.DateTime))
	line("idle after", "%s", formatDuration(time.Duration(v.Idle)*time.Second))
	if v.MaxUses > 0 {
		line("uses", "%d of %d", v.Uses, v.MaxUses)
	}
	line("respond", "%s, budget %s", v.Policy.Respond, formatDuration(time.Duration(v.Policy.BudgetMS)*time.Millisecond))
	line("queue", "%d waiting, %d dead, %s", v.Queue.Pending, v.Queue.Dead, formatBytes(v.Queue.Bytes))
	for _, old := range v.Old {
		line("older URL", "valid until %s", old.Until.Local().Format(time.DateTime))
	}
	return w.Flush()
}

func endpointNew(env *Env) *cobra.Command {
	var o ownedFlags
	var l listenOptions
	c := &cobra.Command{
		Use: "new", Short: "Make an endpoint without listening", Args: args(0, 0),
		Long: `Make an endpoint, remember it for this project folder and print its URL. What flags do
not say is read from the settings files, as hook listen does. What is posted to it
waits at the relay until somebody listens.`,
		Example: "  hook endpoint new --relay https://hooks.example --endpoint ci --ttl 1h\n  hook endpoint new --max-uses 1 --json",
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := env.configure(c.Flags(), endpointSettings()...); err != nil {
				return err
			}
			l.changed = c.Flags().Changed
			return runEndpointNew(c.Context(), env, &o, &l)
		},
	}
	o.add(c)
	l.terms(c)
	c.Flags().Lookup("provider").Usage = "who sends: sets its deadline, handshakes and acknowledgement at the relay"
	c.Flags().BoolVar(&l.fresh, "new", false, "replace the one that is remembered under this name")
	return c
}

func runEndpointNew(ctx context.Context, env *Env, o *ownedFlags, l *listenOptions) error {
	if _, err := l.signing.row(); err != nil {
		return err
	}
	k, err := o.place(env)
	if err != nil {
		return err
	}
	if !plainName(k.Name) {
		return usage("use letters, digits, - and _", "endpoint name %q", k.Name)
	}
	if ok, err := env.recall(k); err != nil {
		return err
	} else if ok && !l.fresh {
		return fail(exitFailed, "use another --endpoint NAME, or --new to replace it", "endpoint %q is known already", k.Name)
	}
	return withRelay(env, k, o.relayCA, func(api *relayAPI, k *knownEndpoint) error {
		token := env.Getenv("HOOK_TOKEN")
		if k.Relay == embedded {
			if token, err = embeddedTokenOf(env, k); err != nil {
				return err
			}
		}
		var v relay.EndpointView
		if _, err := api.call(ctx, "POST", "/v1/endpoints", token, l.request(nil), &v); err != nil {
			return api.failed("making an endpoint", err)
		}
		k.made(&v, l.ttl)
		if err := env.remember(k); err != nil {
			return err
		}
		v.OwnerKey = "" // it is in the state folder; hook endpoint show --field key prints it
		if o.json {
			return printJSON(env, v)
		}
		_, err := fmt.Fprintln(env.Out, v.URL)
		return err
	})
}

func endpointRotate(env *Env) *cobra.Command {
	var o ownedFlags
	var overlap time.Duration
	c := &cobra.Command{
		Use: "rotate", Short: "Give the endpoint a new URL; the old one stays valid for an overlap", Args: args(0, 0),
		Example: "  hook endpoint rotate\n  hook endpoint rotate --overlap 0",
		RunE: func(c *cobra.Command, _ []string) error {
			return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
				seconds := int64(overlap / time.Second)
				var v relay.EndpointView
				if err := apiCall(c.Context(), api, k, "rotating", "POST", "/rotate", relay.RotateRequest{Overlap: &seconds}, &v); err != nil {
					return err
				}
				k.ID, k.URL = v.ID, v.URL
				if err := env.remember(k); err != nil {
					return err
				}
				if o.json {
					return printJSON(env, v)
				}
				_, err := fmt.Fprintln(env.Out, v.URL)
				return err
			})
		},
	}
	o.add(c)
	durationVar(c.Flags(), &overlap, "overlap", 24*time.Hour, "how long the old URL stays valid")
	return c
}

func endpointSwitch(env *Env, verb, short string) *cobra.Command {
	var o ownedFlags
	c := &cobra.Command{
		Use: verb, Short: short, Args: args(0, 0),
		Example: "  hook endpoint " + verb + "\n  hook endpoint " + verb + " --endpoint ci --relay https://hooks.example",
		RunE: func(c *cobra.Command, _ []string) error {
			return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
				var v relay.EndpointView
				if err := apiCall(c.Context(), api, k, "changing the endpoint", "POST", "/"+verb, nil, &v); err != nil {
					return err
				}
				return showEndpoint(env, &o, &v)
			})
		},
	}
	o.add(c)
	return c
}

func endpointRm(env *Env) *cobra.Command {
	var o ownedFlags
	var force bool
	c := &cobra.Command{
		Use: "rm", Short: "Revoke an endpoint and delete what it holds", Args: args(0, 0),
		Example: "  hook endpoint rm\n  hook endpoint rm --endpoint ci --force",
		RunE: func(c *cobra.Command, _ []string) error {
			return o.with(env, func(api *relayAPI, k *knownEndpoint) error {
				path := "/v1/endpoints/" + k.ID
				if force {
					path += "?force=true"
				}
				_, err := api.call(c.Context(), "DELETE", path, k.OwnerKey, nil, nil)
				var e *apiError
				switch {
				case err == nil, errors.As(err, &e) && e.status == http.StatusGone:
				case errors.As(err, &e) && e.status == http.StatusConflict:
					return fail(exitFailed, "hook endpoint rm --force", "removing the endpoint: %w", err)
				default:
					return api.failed("removing the endpoint", err)
				}
				return env.forget(k)
			})
		},
	}
	o.add(c)
	c.Flags().BoolVar(&force, "force", false, "delete deliveries that are still in the queue")
	return c
}
