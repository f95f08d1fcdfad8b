package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newSecret(env *Env) *cobra.Command {
	c := group(&cobra.Command{
		Use: "secret", Short: "Keep signing secrets under a name, and rotate them",
		Long: `Secrets are kept in the keychain of the operating system, or in files of the state
folder that only you can read. They are read from standard input, or typed without
echo on a terminal, and never printed. "--secret NAME" uses one.`,
		Example: "  hook secret set stripe < secret.txt\n  hook verify stripe --secret stripe request.http\n  hook secret rotate stripe --overlap 24h",
	})
	c.AddCommand(secretSet(env), secretLs(env), secretRotate(env), secretRm(env))
	return c
}

func secretSet(env *Env) *cobra.Command {
	var store string
	c := &cobra.Command{
		Use: "set NAME", Short: "Set a secret, read from standard input", Args: oneName,
		Example: "  printf %s \"$STRIPE_SECRET\" | hook secret set stripe\n  hook secret set stripe        # on a terminal: asks, without echo",
		RunE:    func(_ *cobra.Command, given []string) error { return runSecretSet(env, given[0], store) },
	}
	choiceVar(c, &store, "store", "", "auto", "keychain, file, or auto: the keychain on a terminal where there is one, else a file", "auto", inKeychain, inFile)
	return c
}

func runSecretSet(env *Env, name, store string) error {
	if err := checkSecretName(name); err != nil {
		return err
	}
	value, err := env.typedSecret("secret " + name)
	if err != nil {
		return err
	}
	s := &secretFile{Name: name, Where: store, Current: secretValue{SetAt: time.Now().UTC().Truncate(time.Second)}}
	if store == "auto" {
		s.Where = inFile
		if env.keychainLikely() {
			s.Where = inKeychain
		}
	}
	if s.Where == inKeychain {
		if err := env.keychain().Set(name, value); err != nil {
			if store == inKeychain {
				return fail(exitFailed, "hook secret set "+name+" --store file keeps it in the state folder", "setting secret %q: %w", name, keychainError(name, err))
			}
			s.Where = inFile
		}
	}
	if s.Where == inFile {
		s.Current.Value = value
	}
	if err := env.writeSecret(s); err != nil {
		return err
	}
	fmt.Fprintf(env.Err, "secret %q is kept in %s\n", name, whereName(s.Where))
	return nil
}

func whereName(where string) string {
	if where == inKeychain {
		return "the keychain"
	}
	return "a file of the state folder"
}

// oneName takes one argument. It repeats none: one too many may be a secret.
func oneName(c *cobra.Command, given []string) error {
	if len(given) != 1 {
		return usage(c.UseLine()+"; the secret itself is read from standard input", "%s takes one name, and was given %d", c.CommandPath(), len(given))
	}
	return nil
}

func checkSecretName(name string) error {
	if !plainName(name) || len(name) > maxSecretName {
		return usage("use up to 64 letters, digits, - and _; the secret itself is read from standard input", "that is no name for a secret")
	}
	return nil
}

// typedSecret reads a secret from standard input, without echo on a terminal.
func (e *Env) typedSecret(prompt string) (string, error) {
	var b []byte
	var err error
	if f, ok := e.In.(*os.File); ok && e.InTTY {
		fmt.Fprintf(e.Err, "%s: ", prompt)
		b, err = term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(e.Err)
	} else {
		b, err = io.ReadAll(io.LimitReader(e.In, maxSecret+1))
	}
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	keys, err := one("", b, nil)
	if err != nil {
		return "", usage("give it on standard input: hook secret set NAME < FILE", "the secret cannot be taken: %w", err)
	}
	return string(keys[0].Secret), nil
}

// listedSecret is a line of hook secret ls.
type listedSecret struct {
	Name          string     `json:"name"`
	Where         string     `json:"where"`
	SetAt         time.Time  `json:"set_at"`
	PreviousUntil *time.Time `json:"previous_until,omitempty"`
}

func secretLs(env *Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "ls", Short: "List the names of secrets", Args: args(0, 0),
		Example: "  hook secret ls\n  hook secret ls --json",
		RunE:    func(*cobra.Command, []string) error { return runSecretLs(env, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func runSecretLs(env *Env, asJSON bool) error {
	names, err := env.storedNames()
	if err != nil {
		return err
	}
	list := []listedSecret{}
	for _, name := range names {
		s, err := env.readSecret(name)
		if err != nil {
			return err
		}
		l := listedSecret{Name: name, Where: s.Where, SetAt: s.Current.SetAt}
		if s.Previous != nil && time.Now().Before(s.Previous.NotAfter) {
			l.PreviousUntil = &s.Previous.NotAfter
		}
		list = append(list, l)
	}
	if asJSON {
		return printJSON(env, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(env.Err, "no secrets are set; \"hook secret set NAME\" sets one")
		return nil
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKEPT IN\tSET\tPREVIOUS UNTIL")
	for _, l := range list {
		until := "-"
		if l.PreviousUntil != nil {
			until = l.PreviousUntil.Local().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name, l.Where, l.SetAt.Local().Format("2006-01-02 15:04"), until)
	}
	return w.Flush()
}

func secretRotate(env *Env) *cobra.Command {
	var overlap time.Duration
	c := &cobra.Command{
		Use: "rotate NAME", Short: "Set a new secret; the old one stays good for an overlap", Args: oneName,
		Example: "  hook secret rotate stripe < new-secret.txt\n  hook secret rotate stripe --overlap 7d < new-secret.txt",
		RunE:    func(_ *cobra.Command, given []string) error { return runSecretRotate(env, given[0], overlap) },
	}
	durationVar(c.Flags(), &overlap, "overlap", 24*time.Hour, "how long signatures of the old secret are valid")
	return c
}

func runSecretRotate(env *Env, name string, overlap time.Duration) error {
	if err := checkSecretName(name); err != nil {
		return err
	}
	s, err := env.readSecret(name)
	if errors.Is(err, errNoSecret) {
		return fail(exitFailed, "hook secret ls lists the names; hook secret set "+name+" sets it", "rotating secret %q: %w", name, err)
	}
	if err != nil {
		return err
	}
	value, err := env.typedSecret("new secret " + name)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	old := s.Current
	old.NotAfter = now.Add(overlap)
	if s.Where == inKeychain {
		k := env.keychain()
		current, err := k.Get(name)
		if err == nil {
			err = k.Set(previousName(name), current)
		}
		if err == nil {
			err = k.Set(name, value)
		}
		if err != nil {
			return fail(exitFailed, "", "rotating secret %q: %w", name, keychainError(name, err))
		}
	}
	s.Current = secretValue{SetAt: now}
	if s.Where == inFile {
		s.Current.Value = value
	}
	s.Previous = &old
	if err := env.writeSecret(s); err != nil {
		return err
	}
	fmt.Fprintf(env.Err, "secret %q is rotated; the old one is good until %s\n", name, old.NotAfter.Local().Format("2006-01-02 15:04"))
	return nil
}

func secretRm(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Remove a secret", Args: oneName,
		Example: "  hook secret rm stripe\n  hook secret ls --json && hook secret rm old-stripe",
		RunE:    func(_ *cobra.Command, given []string) error { return runSecretRm(env, given[0]) },
	}
}

func runSecretRm(env *Env, name string) error {
	if err := checkSecretName(name); err != nil {
		return err
	}
	s, err := env.readSecret(name)
	if errors.Is(err, errNoSecret) {
		return fail(exitFailed, "hook secret ls lists the names", "removing secret %q: %w", name, err)
	}
	if err == nil && s.Where == inKeychain {
		if err := env.keychain().Delete(name); err != nil && !strings.Contains(err.Error(), "not found") {
			return fail(exitFailed, "", "removing secret %q: %w", name, keychainError(name, err))
		}
		if s.Previous != nil {
			_ = env.keychain().Delete(previousName(name)) // it may be gone
		}
	}
	err = os.Remove(filepath.Join(env.secretsDir(), name+".json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing secret %q: %w", name, err)
	}
	return nil
}
