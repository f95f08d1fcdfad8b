package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookrelay/hook/signer"
)

// countedKeychain counts how often it is asked.
type countedKeychain struct {
	memoryKeychain
	asked atomic.Int64
}

func (k *countedKeychain) Get(name string) (string, error) {
	k.asked.Add(1)
	return k.memoryKeychain.Get(name)
}

func TestSecretsAreReadAgainWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "secret")
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("example-file-1")
		variable := "example-env-1"
		chain := &countedKeychain{memoryKeychain: memoryKeychain{m: map[string]string{"shop": "example-chain-1"}}}
		var talk bytes.Buffer
		env := &Env{In: strings.NewReader("example-stdin\n"), Err: &talk, Dir: dir, Keychain: chain, Getenv: func(name string) string {
			switch name {
			case "HOOK_STATE_DIR":
				return dir + "/state"
			case "A":
				return variable
			}
			return ""
		}}
		var notes []string
		refs := []string{"env:A", "file:secret", "keychain:shop", "-", "example literal"}
		l, err := newLiveSecrets(t.Context(), env, refs, func(text string) { notes = append(notes, text) })
		if err != nil {
			t.Fatal(err)
		}
		var told []signer.Key
		l.changed = func(keys []signer.Key) { told = keys }
		check := func(when string, asked int64, want ...string) {
			t.Helper()
			l.renew(t.Context())
			var got []string
			for _, k := range l.keys() {
				got = append(got, string(k.Secret))
			}
			if strings.Join(got, ",") != strings.Join(want, ",") || chain.asked.Load() != asked {
				t.Errorf("%s: %q, keychain asked %d times", when, got, chain.asked.Load())
			}
		}
		check("nothing has changed", 2, "example-env-1", "example-file-1", "example-chain-1", "example-stdin", "example literal")
		if told != nil || notes != nil {
			t.Errorf("told %v %q of no change", told, notes)
		}
		write("example-file-2")
		variable, chain.m["shop"] = "example-env-2", "example-chain-2"
		check("at once", 2, "example-env-1", "example-file-1", "example-chain-1", "example-stdin", "example literal")
		time.Sleep(rereadFiles)
		check("a file", 2, "example-env-1", "example-file-2", "example-chain-1", "example-stdin", "example literal")
		if len(told) != 5 || string(told[1].Secret) != "example-file-2" || len(notes) != 1 {
			t.Errorf("told %v %q", told, notes)
		}
		time.Sleep(rereadPrograms - rereadFiles - time.Millisecond)
		check("not yet a minute", 2, "example-env-1", "example-file-2", "example-chain-1", "example-stdin", "example literal")
		time.Sleep(time.Millisecond)
		check("a keychain", 3, "example-env-1", "example-file-2", "example-chain-2", "example-stdin", "example literal")

		// A keychain that has nothing new is asked less and less.
		for i, pause := range []time.Duration{1, 1, 2, 4, 8, 16, 32, 64, 64} {
			time.Sleep(pause*time.Minute - time.Millisecond)
			asked := int64(3 + i)
			check("too early", asked, "example-env-1", "example-file-2", "example-chain-2", "example-stdin", "example literal")
			time.Sleep(time.Millisecond)
			check("in vain", asked+1, "example-env-1", "example-file-2", "example-chain-2", "example-stdin", "example literal")
		}

		// What cannot be read stays, and that is said once.
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		notes = nil
		for range 3 {
			time.Sleep(rereadFiles)
			check("a file that is gone", 12, "example-env-1", "example-file-2", "example-chain-2", "example-stdin", "example literal")
		}
		if len(notes) != 1 || !strings.Contains(notes[0], "file:secret") {
			t.Errorf("said %q", notes)
		}
		if n := strings.Count(talk.String(), "is taken as the secret itself"); n != 1 {
			t.Errorf("%d warnings: %s", n, &talk)
		}
	})
}

func TestAKeychainThatHangsHoldsNoWebhookForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain := &askedKeychain{memoryKeychain: memoryKeychain{m: map[string]string{"shop": "example-1"}}}
		env := &Env{Dir: t.TempDir(), Keychain: chain, Getenv: func(string) string { return "" }}
		said := make(chan string, 1)
		l, err := newLiveSecrets(t.Context(), env, []string{"keychain:shop"}, func(text string) { said <- text })
		if err != nil {
			t.Fatal(err)
		}
		chain.hold = make(chan struct{})
		defer close(chain.hold)
		began := time.Now()
		for range 2 { // the second waits for the first
			go l.renew(t.Context())
		}
		if text := <-said; !strings.Contains(text, "stays what it was") || time.Since(began) > rereadPatience {
			t.Errorf("after %s: %q", time.Since(began), text)
		}
		synctest.Wait()
		if keys := l.keys(); len(keys) != 1 || keys[0].Secret != "example-1" {
			t.Errorf("%d keys", len(keys))
		}
	})
}
