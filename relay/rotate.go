package relay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Errors of Rotate.
var (
	// ErrForgets is a rotation that would drop a key: every URL made under it
	// would be unknown.
	ErrForgets = errors.New("the oldest key would be forgotten")
	// ErrRotating is another rotation at work, or one that was killed.
	ErrRotating = errors.New("another rotation is under way, or was killed")
)

// Rotate puts a new current key into the file at path and keeps the ones
// before for ids made under them, maxRelayKeys in all. Where that would drop
// one it is ErrForgets, unless forget is set. The relay that runs goes on with
// what it has loaded: ids it makes are under a key that is kept.
//
// The new file is written beside the old one, whose owner it keeps, and then
// takes its place: a relay that starts meanwhile reads one or the other. Its
// name is the lock that keeps a second rotation out.
func Rotate(path string, forget bool) (*Keys, error) {
	k, err := rotate(path, forget)
	if err != nil {
		return nil, fmt.Errorf("relay key: %w", err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("relay key: the new one is in place, and may not outlive a power cut: %w", err)
	}
	return k, nil
}

func rotate(path string, forget bool) (k *Keys, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	tmp := RotationFile(path)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrRotating
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		f.Close() // a second time where all went well
		if err != nil {
			os.Remove(tmp)
		}
	}()
	info, err := os.Stat(path) // what another rotation left
	if err != nil {
		return nil, err
	}
	data, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	if k, err = parseKeys(data); err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	if len(k.list) == maxRelayKeys && !forget {
		return nil, ErrForgets
	}
	k = k.next()
	if err := keepOwner(f, info); err != nil {
		return nil, fmt.Errorf("giving the new file to the owner of the old: %w", err)
	}
	if err := k.write(f); err != nil {
		return nil, err
	}
	return k, os.Rename(tmp, path)
}

// RotationFile is where a rotation of the key file at path writes.
func RotationFile(path string) string { return path + ".new" }

// Versions are the numbers of the keys, the current one first.
func (k *Keys) Versions() []uint32 {
	list := make([]uint32, len(k.list))
	for i, key := range k.list {
		list[i] = key.version
	}
	return list
}

// syncFolder makes names in a folder durable. Windows has no such call.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
