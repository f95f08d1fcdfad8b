package cmd

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

// memoryKeychain is a keychain of a test.
type memoryKeychain struct {
	m    map[string]string
	lock error
}

func (k *memoryKeychain) Get(name string) (string, error) {
	if v, ok := k.m[name]; ok && k.lock == nil {
		return v, nil
	}
	return "", errors.Join(k.lock, keyring.ErrNotFound)
}

func (k *memoryKeychain) Set(name, secret string) error {
	if k.lock == nil {
		k.m[name] = secret
	}
	return k.lock
}

func (k *memoryKeychain) Delete(name string) error {
	delete(k.m, name)
	return k.lock
}

func TestSecretsInAKeychain(t *testing.T) {
	chain := &memoryKeychain{m: map[string]string{}}
	state := t.TempDir()
	run := func(in string, args ...string) (string, int) {
		t.Helper()
		var out bytes.Buffer
		env := Env{In: strings.NewReader(in), Out: &out, Err: &out, Dir: t.TempDir(), Keychain: chain, Getenv: func(name string) string {
			if name == "HOOK_STATE_DIR" {
				return state + "/hook"
			}
			return ""
		}}
		code := Run(context.Background(), env, args)
		if strings.Contains(out.String(), "example-") {
			t.Errorf("%v prints a secret: %s", args, out.String())
		}
		return out.String(), code
	}
	if out, code := run("example-one\n", "secret", "set", "a"); code != 0 || !strings.Contains(out, "the keychain") || chain.m["a"] != "example-one" {
		t.Fatalf("set: %d %q %v", code, out, chain.m)
	}
	if out, code := run("{}", "sign", "stripe", "--secret", "keychain:a", "--at", "1"); code != 0 || !strings.HasPrefix(out, "Stripe-Signature: t=1,v1=") {
		t.Errorf("sign: %d %q", code, out)
	}
	if _, code := run("example-two", "secret", "rotate", "a"); code != 0 || chain.m["a"] != "example-two" || chain.m["a (previous)"] != "example-one" {
		t.Errorf("rotate: %d %v", code, chain.m)
	}
	env := Env{Keychain: chain, Getenv: func(string) string { return state + "/hook" }, Err: &bytes.Buffer{}}
	keys, err := env.secrets(t.Context(), []string{"a"})
	if err != nil || len(keys) != 2 || keys[0].ID != "a" || keys[1].NotAfter.IsZero() {
		t.Errorf("keys: %v, %v", keys, err)
	}
	chain.lock = errors.New("locked")
	if out, code := run("{}", "sign", "stripe", "--secret", "a"); code != 2 || !strings.Contains(out, "keychain") {
		t.Errorf("locked: %d %q", code, out)
	}
	chain.lock = nil
	if _, code := run("", "secret", "rm", "a"); code != 0 || len(chain.m) != 0 {
		t.Errorf("rm: %d %v", code, chain.m)
	}
	if out, code := run("{}", "sign", "stripe", "--secret", "keychain:a"); code != 2 {
		t.Errorf("gone: %d %q", code, out)
	}
}
