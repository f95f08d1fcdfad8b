package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	ss "github.com/zalando/go-keyring/secret_service"
)

// lookAtKeychain asks the Secret Service whether the collection that secrets
// are kept in is locked (Secret Service API 0.2, "Collection"). Asking for an
// entry would have it ask for the password; and without a session bus the
// library would start one.
func lookAtKeychain(getenv func(string) string) (locked bool, err error) {
	if !sessionBus(getenv) {
		return false, errors.New("no session bus, so no Secret Service (a desktop has both; servers, containers and CI do not)")
	}
	svc, err := ss.NewSecretService()
	if err != nil {
		return false, fmt.Errorf("reaching the session bus: %w", err)
	}
	const service = "org.freedesktop.secrets"
	if _, err := svc.Object(service, "/org/freedesktop/secrets").GetProperty("org.freedesktop.Secret.Service.Collections"); err != nil {
		return false, fmt.Errorf("asking the Secret Service: %w", err)
	}
	const property = "org.freedesktop.Secret.Collection.Locked"
	v, err := svc.GetCollection("login").GetProperty(property)
	if err != nil {
		v, err = svc.Object(service, "/org/freedesktop/secrets/aliases/default").GetProperty(property)
	}
	if err != nil {
		return false, errors.New("the Secret Service answers, but has no keyring to keep secrets in; a desktop makes one at the first log-in")
	}
	locked, _ = v.Value().(bool)
	return locked, nil
}

// sessionBus tells whether the library would find a bus that runs.
func sessionBus(getenv func(string) string) bool {
	if a := getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && a != "autolaunch:" {
		return true
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join("/run/user", strconv.Itoa(os.Getuid()), name)); err == nil {
			return true
		}
	}
	return false
}
