package cmd

import (
	"errors"
	"fmt"

	"github.com/zalando/go-keyring"
)

// probeEntry is asked for where asking is the only way to see whether a
// keychain answers. Nobody has it.
const probeEntry = "hook doctor, no such entry"

// keychain looks whether the operating system's keychain answers. It asks for
// nothing that its owner would have to unlock it for.
func (d *doctor) keychain() {
	look := lookAtKeychain
	if k := d.env.Keychain; k != nil {
		look = func(func(string) string) (bool, error) { return false, probeKeychain(k) }
	}
	locked := make(chan bool, 1)
	err := patiently(doctorStep, func() error {
		is, err := look(d.env.Getenv)
		locked <- is
		return err
	})
	kept := d.keptInKeychain()
	const instead = "hook secret set NAME --store file keeps a secret in a file of the state folder; env:, file: and cmd: need no keychain either"
	switch {
	case err != nil && kept != "":
		d.add("keychain", broken, fmt.Sprintf("or keep it in a file: hook secret set %s --store file", kept), "secret %q is kept in it, and it does not answer: %.200v", kept, err)
	case err != nil:
		d.add("keychain", skipped, instead, "there is none that answers: %.200v", err)
	case <-locked:
		d.add("keychain", doubtful, "unlock it, or: "+instead, "it answers and is locked: a secret in it waits for the password, and fails where nobody can type it")
	default:
		d.add("keychain", healthy, "", "it answers")
	}
}

// keptInKeychain is the name of a secret that needs the keychain, "" without
// one.
func (d *doctor) keptInKeychain() string {
	names, err := d.env.storedNames()
	if err != nil {
		return ""
	}
	for _, name := range names {
		if s, err := d.env.readSecret(name); err == nil && s.Where == inKeychain {
			return name
		}
	}
	return ""
}

// probeKeychain asks for an entry that is not there, which needs no password.
func probeKeychain(k Keychain) error {
	if _, err := k.Get(probeEntry); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return nil
}
