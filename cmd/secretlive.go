package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/signer"
)

// How often secrets of a listener may be read again, and how long a webhook
// waits for that. A stranger who posts forgeries decides when: files cost
// nothing, but a keychain or a password manager may ask its owner, so they are
// left alone for twice as long each time that nothing had changed.
const (
	rereadFiles    = 3 * time.Second
	rereadPrograms = time.Minute
	rereadSeldom   = 64 * time.Minute // the longest of those pauses
	rereadPatience = 10 * time.Second
)

// liveSecrets are the secrets of a listener. What a reference stands for can
// change while it runs ("hook secret rotate", another file): it is read again
// when a webhook is signed by none of the keys.
type liveSecrets struct {
	env     *Env
	note    func(string)
	changed func([]signer.Key) // told of new keys; set before the first renew
	reading chan struct{}      // held by the one who reads again; taken before mu
	said    string             // the last complaint; guarded by reading

	mu   sync.Mutex // guards list
	list []liveSecret
}

type liveSecret struct {
	ref  string
	keys []signer.Key
	read time.Time // again; zero: it was not
	idle int       // how often that was in vain since it last changed
}

// pause is how long a secret is left alone, if it may be read again every so
// often at best.
func (s *liveSecret) pause(every time.Duration) time.Duration {
	if every < rereadPrograms {
		return every
	}
	return min(every<<max(s.idle-1, 0), rereadSeldom)
}

func newLiveSecrets(ctx context.Context, env *Env, refs []string, note func(string)) (*liveSecrets, error) {
	l := &liveSecrets{env: env, note: note, reading: make(chan struct{}, 1)}
	if err := oneStdin(refs); err != nil {
		return nil, err
	}
	for i, ref := range refs {
		keys, err := env.secret(ctx, i, ref)
		if err != nil {
			return nil, err
		}
		l.list = append(l.list, liveSecret{ref: ref, keys: keys})
	}
	return l, nil
}

// keys are those of now, in the order of the references.
func (l *liveSecrets) keys() []signer.Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	var keys []signer.Key
	for _, s := range l.list {
		keys = append(keys, s.keys...)
	}
	return keys
}

// renew reads again what can have changed and was not read just now. Those who
// come meanwhile wait for the outcome.
func (l *liveSecrets) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, rereadPatience)
	defer cancel()
	select {
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-ctx.Done():
		return
	}
	env := *l.env
	env.InTTY, env.ErrTTY = false, false // a command talks to nobody: the terminal is the listener's
	fresh, complaint := false, ""
	for i := range l.list { // only the reader changes it
		s := l.list[i]
		if every := env.reread(s.ref); every == 0 || !s.read.IsZero() && time.Since(s.read) < s.pause(every) {
			continue
		}
		var keys []signer.Key
		err := patiently(rereadPatience, func() error {
			var err error
			keys, err = env.secretAgain(ctx, i, s.ref)
			return err
		})
		s.read = time.Now()
		s.idle = min(s.idle+1, 10)
		switch {
		case err != nil:
			complaint = fmt.Sprintf("a secret cannot be read again, and stays what it was: %v", err)
		case !slices.EqualFunc(keys, s.keys, sameKey):
			s.keys, s.idle, fresh = keys, 0, true
		}
		l.mu.Lock()
		l.list[i] = s
		l.mu.Unlock()
	}
	if complaint != "" && complaint != l.said {
		l.note(complaint)
	}
	l.said = complaint
	if fresh {
		l.changed(l.keys())
		l.note("a secret has changed, and was read again")
	}
}

// secretAgain is secret, but takes nothing for the secret itself: the one of
// that name may have been removed just now.
func (e *Env) secretAgain(ctx context.Context, i int, ref string) ([]signer.Key, error) {
	if plainName(ref) {
		keys, err := e.storedSecret(ref)
		if err != nil {
			err = secretError(ref, err)
		}
		return keys, err
	}
	return e.secret(ctx, i, ref)
}

func sameKey(a, b signer.Key) bool {
	return a.ID == b.ID && a.Secret == b.Secret && a.NotBefore.Equal(b.NotBefore) && a.NotAfter.Equal(b.NotAfter)
}

// reread tells how often a reference may be read again; 0: never.
func (e *Env) reread(ref string) time.Duration {
	switch word, rest, _ := strings.Cut(ref, ":"); {
	case strings.TrimSpace(ref) == "-", word == "env" && rest != "":
		return 0 // they cannot change
	case word == "keychain" && rest != "", word == "cmd" && rest != "":
		return rereadPrograms
	case word == "file" && rest != "", word == "key" && rest != "":
		return rereadFiles
	}
	s, err := e.readSecret(ref)
	switch {
	case errors.Is(err, errNoSecret):
		return 0 // what was typed is the secret itself, or it was removed
	case err == nil && s.Where == inKeychain:
		return rereadPrograms
	}
	return rereadFiles
}
