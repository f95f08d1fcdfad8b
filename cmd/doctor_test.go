package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// askedKeychain answers what a test says, or, with a channel, not before that
// is closed.
type askedKeychain struct {
	memoryKeychain
	err  error
	hold chan struct{}
}

func (k *askedKeychain) Get(name string) (string, error) {
	if k.hold != nil {
		<-k.hold
	}
	if k.err != nil {
		return "", k.err
	}
	return k.memoryKeychain.Get(name)
}

func TestDoctorAsksTheKeychain(t *testing.T) {
	locked := errors.New("collection is locked")
	for _, c := range []struct {
		name         string
		err          error
		hangs, kept  bool
		status       health
		detail, hint string
		code         int
	}{
		{name: "answers", status: healthy, detail: "it answers"},
		{name: "does not answer and nothing needs it", err: locked, status: skipped, detail: "collection is locked", hint: "--store file"},
		{name: "does not answer and holds a secret", err: locked, kept: true, status: broken, detail: `secret "shop" is kept in it`, hint: "hook secret set shop --store file", code: exitFailed},
		{name: "hangs", hangs: true, status: skipped, detail: "did not answer within 6s", hint: "--store file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain := &askedKeychain{memoryKeychain: memoryKeychain{m: map[string]string{}}}
				state := t.TempDir() + "/hook"
				var out bytes.Buffer
				env := Env{In: strings.NewReader("example-one\n"), Out: &out, Err: &out, Dir: t.TempDir(), Keychain: chain, Getenv: func(name string) string {
					if name == "HOOK_STATE_DIR" {
						return state
					}
					return ""
				}}
				if c.kept {
					if code := Run(context.Background(), env, []string{"secret", "set", "shop"}); code != 0 {
						t.Fatalf("set: %d %s", code, &out)
					}
				}
				if c.hangs {
					chain.hold = make(chan struct{})
					defer close(chain.hold)
				}
				chain.err = c.err
				out.Reset()
				code := Run(context.Background(), env, []string{"doctor", "--json"})
				var report struct{ Checks []check }
				if err := json.Unmarshal(out.Bytes(), &report); err != nil {
					t.Fatalf("%v in %s", err, &out)
				}
				for _, got := range report.Checks {
					if got.Name != "keychain" {
						continue
					}
					if got.Status != c.status || !strings.Contains(got.Detail, c.detail) || !strings.Contains(got.Hint, c.hint) || code != c.code {
						t.Errorf("%d %+v", code, got)
					}
					return
				}
				t.Errorf("no such check in %s", &out)
			})
		})
	}
}
