package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookrelay/hook/relay/bolt"
)

// ownedFlags name an endpoint of this machine.
type ownedFlags struct {
	relay, relayCA, endpoint string
	json                     bool
	flags                    *pflag.FlagSet
}

func (o *ownedFlags) add(c *cobra.Command) {
	f := c.Flags()
	o.flags = f
	f.StringVar(&o.relay, "relay", "", "relay of the endpoint (HOOK_RELAY); without one, the embedded relay")
	f.StringVar(&o.relayCA, "relay-cacert", "", "certificate authority of the relay, PEM file")
	f.StringVar(&o.endpoint, "endpoint", defaultEndpoint, "name of the endpoint in this project folder")
	f.BoolVar(&o.json, "json", false, "print as JSON")
}

// place is the endpoint that the flags name, without what is remembered of it.
func (o *ownedFlags) place(env *Env) (*knownEndpoint, error) {
	if _, err := env.configure(o.flags, relaySettings...); err != nil {
		return nil, err
	}
	k := &knownEndpoint{Name: o.endpoint, Folder: env.project(), Relay: embedded}
	if o.relay != "" {
		base, err := parseRelay(o.relay)
		if err != nil {
			return nil, err
		}
		k.Relay = base
	}
	return k, nil
}

// with finds the endpoint that the flags name and calls fn with it and its
// relay.
func (o *ownedFlags) with(env *Env, fn func(api *relayAPI, k *knownEndpoint) error) error {
	k, err := o.place(env)
	if err != nil {
		return err
	}
	ok, err := env.recall(k)
	if err != nil {
		return err
	}
	if !ok {
		return fail(exitFailed, "\"hook listen\" makes one; \"hook endpoint ls\" lists what this machine knows",
			"no endpoint %q is known in %q at relay %s", k.Name, k.Folder, k.Relay)
	}
	return withRelay(env, k, o.relayCA, fn)
}

// withRelay calls fn with the API of the endpoint's relay. An embedded relay
// that nobody runs is started for the time of the call.
func withRelay(env *Env, k *knownEndpoint, ca string, fn func(api *relayAPI, k *knownEndpoint) error) (err error) {
	api := &relayAPI{base: k.Relay, http: env.client()}
	if k.Relay != embedded {
		if err := trustRelay(api.http, ca); err != nil {
			return err
		}
		return fn(api, k)
	}
	api.http.Transport = &http.Transport{Proxy: nil}
	local, err := startEmbedded(env, k)
	if errors.Is(err, bolt.ErrLocked) { // a listener runs it
		port, rerr := os.ReadFile(filepath.Join(env.stateDir(), "relays", k.place(), "port"))
		if rerr != nil {
			return fmt.Errorf("finding the embedded relay: %w", rerr)
		}
		api.base = "http://127.0.0.1:" + strings.TrimSpace(string(port))
		return fn(api, k)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, local.Close()) }()
	api.base = local.url
	return fn(api, k)
}

// printJSON writes a value as indented JSON.
func printJSON(env *Env, v any) error {
	e := json.NewEncoder(env.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// apiCall is relayAPI.call for an endpoint, with its errors made ready to show.
func apiCall(ctx context.Context, api *relayAPI, k *knownEndpoint, what, method, path string, in, out any) error {
	if _, err := api.call(ctx, method, "/v1/endpoints/"+k.ID+path, k.OwnerKey, in, out); err != nil {
		return api.failed(what, err)
	}
	return nil
}
