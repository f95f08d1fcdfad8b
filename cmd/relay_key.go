package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hookrelay/hook/relay"
)

const relayDataHelp = "data folder (default: relay in the state folder)"

// relayData is the data folder of a relay.
func relayData(env *Env, given string) string {
	if given != "" {
		return given
	}
	return filepath.Join(env.stateDir(), "relay")
}

// relayKey is the file of the relay's own keys.
func relayKey(data string) string { return filepath.Join(data, "relay.key") }

// newRelayRotateKey is hook relay rotate-key.
func newRelayRotateKey(env *Env) *cobra.Command {
	var data string
	var force bool
	c := &cobra.Command{
		Use:   "rotate-key",
		Short: "Give a relay a new key of its own",
		Long: `Put a new key into relay.key, which tags the ids in the relay's URLs. A running
relay is not disturbed and goes on with its key: the new one is used from its next
start on. URLs handed out so far stay valid: the three keys before are kept.

The fifth key and each after it push out the oldest: URLs made under that one,
as long as they still live, become unknown (404, no longer 410 when they are gone).
That is done with --force only.`,
		Example: "  hook relay rotate-key\n  hook relay rotate-key --data /var/lib/hook && systemctl restart hook-relay",
		Args:    args(0, 0),
		RunE:    func(*cobra.Command, []string) error { return runRelayRotateKey(env, relayData(env, data), force) },
	}
	c.Flags().StringVar(&data, "data", "", relayDataHelp)
	c.Flags().BoolVar(&force, "force", false, "even if URLs made under the oldest key become unknown")
	return c
}

func runRelayRotateKey(env *Env, data string, force bool) error {
	path := relayKey(data)
	keys, err := relay.Rotate(path, force)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(exitFailed, "give the relay's own folder: --data DIR; a relay makes its first key when it starts", "%q holds no relay key", data)
	case errors.Is(err, relay.ErrForgets):
		return fail(exitFailed, "hook relay rotate-key --data "+data+" --force", "relay key: URLs made under the oldest key would be unknown: %w", err)
	case errors.Is(err, relay.ErrRotating):
		return fail(exitFailed, "if none runs: rm "+relay.RotationFile(path), "%w: %q is there", err, relay.RotationFile(path))
	case err != nil:
		return fail(exitFailed, "", "%w", err)
	}
	versions := keys.Versions()
	older := make([]string, 0, len(versions))
	for _, v := range versions[1:] {
		older = append(older, fmt.Sprint(v))
	}
	fmt.Fprintf(env.Err, "a relay that runs on %q uses it from its next start on\n", data)
	_, err = fmt.Fprintf(env.Out, "key %d is current; URLs made under %s stay valid\n", versions[0], strings.Join(older, ", "))
	return err
}
