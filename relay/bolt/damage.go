package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrDamaged tells that the database file cannot be trusted. Its message names
// the file and what to do.
var ErrDamaged = errors.New("the database file is damaged")

func damageError(path string, what any) error {
	return fmt.Errorf("%w (%v): keep a copy of %q, move it and %s away and start again with an empty store, or put back a copy of both made earlier", ErrDamaged, what, path, journalName)
}

// recoverDamage turns a panic into an error: bbolt panics where it meets pages
// that make no sense.
func recoverDamage(path string, err *error) {
	if r := recover(); r != nil {
		*err = damageError(path, r)
	}
}

// panicOnFault makes a read behind the end of a mapped file that was cut off a
// panic of this goroutine instead of the end of the process. The function it
// returns puts back what was.
func panicOnFault() func() {
	was := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(was) }
}

// inspect reads every page of the file once. bbolt does so too when it opens a
// file for writing, but in a goroutine of its own, where nobody could recover.
func inspect(path string) (err error) {
	defer recoverDamage(path, &err)
	defer panicOnFault()()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockWait})
	if err != nil {
		return openError(path, err)
	}
	defer db.Close()
	return db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return touch(b) })
	})
}

func touch(b *bbolt.Bucket) error {
	var sum byte
	err := b.ForEach(func(k, v []byte) error {
		if len(k) == 0 {
			return errors.New("an empty key")
		}
		sum ^= k[len(k)-1]
		if len(v) > 0 {
			sum ^= v[0] ^ v[len(v)-1]
		}
		return nil
	})
	_ = sum
	return err
}

// openError names the errors by which bbolt says that a file is not one of
// its own, or not whole.
func openError(path string, err error) error {
	for _, e := range []error{berrors.ErrInvalid, berrors.ErrVersionMismatch, berrors.ErrChecksum, berrors.ErrInvalidMapping} {
		if errors.Is(err, e) {
			return damageError(path, err)
		}
	}
	return err
}
