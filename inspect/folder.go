package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrFolder is why a folder is not used for the history: others could read
// what is in it, or put something there.
var ErrFolder = errors.New("the history folder is not private")

// FolderError is an ErrFolder with what would mend it.
type FolderError struct {
	Dir     string
	Problem string
	Remedy  string // a command to type
}

func (e *FolderError) Error() string {
	return fmt.Sprintf("opening the history folder %q: %s", e.Dir, e.Problem)
}

// Unwrap is ErrFolder.
func (e *FolderError) Unwrap() error { return ErrFolder }

// Hint is what a user can do about it.
func (e *FolderError) Hint() string { return e.Remedy }

// openFolder opens dir, which it makes if it is not there. Whatever links lie
// inside, nothing outside of it is read or written through the root.
func openFolder(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	before, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if before.Mode()&fs.ModeSymlink != 0 {
		to, err := filepath.EvalSymlinks(dir)
		if err != nil {
			to = "the folder itself"
		}
		return nil, &FolderError{dir, "it is a symbolic link", "give the folder that it leads to: " + to}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil && !os.SameFile(before, info) {
		err = &FolderError{dir, "it was exchanged while it was opened", "try again"}
	}
	if err == nil {
		err = checkPrivate(dir, info)
	}
	if err == nil {
		err = checkBodies(root, dir)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

func checkBodies(root *os.Root, dir string) error {
	if err := root.Mkdir(bodyDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := root.Lstat(bodyDir)
	if err != nil {
		return err
	}
	sub := filepath.Join(dir, bodyDir)
	if !info.IsDir() {
		return &FolderError{sub, "it is not a folder", "remove it"}
	}
	return checkPrivate(sub, info)
}

// openRegular opens a file of the folder for reading. A link, a pipe or a
// device that somebody put there is an error.
func openRegular(root *os.Root, name string) (*os.File, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file: %w", name, fs.ErrInvalid)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		f.Close()
		return nil, fmt.Errorf("%q was exchanged while it was opened: %w", name, fs.ErrInvalid)
	}
	return f, nil
}
