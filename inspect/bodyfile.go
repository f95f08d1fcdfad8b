package inspect

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

const (
	bodyDir = "bodies"
	// inlineBody is up to where a body stands in its record: 64 KiB keeps the
	// lines of a segment short enough for jq and people.
	inlineBody = 64 << 10
	// bodyGrace is how long a body that no record names is left alone: its
	// record may be on its way.
	bodyGrace = time.Hour
)

// folderBodies are the bodies of a history.
type folderBodies struct{ root *os.Root }

func bodyName(hash string) string { return path.Join(bodyDir, hash) }

// isHash tells whether s is a SHA-256 in hex, and so no path.
func isHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

func (b folderBodies) read(hash string, limit int64) ([]byte, error) {
	if !isHash(hash) {
		return nil, fmt.Errorf("%q is not a hash: %w", hash, ErrBodyGone)
	}
	f, err := openRegular(b.root, bodyName(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrBodyGone
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if limit >= 0 {
		size = min(size, limit)
	}
	out := make([]byte, size)
	n, err := io.ReadFull(f, out)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return out[:n], nil
}

// keep writes a body under its hash. One that is there already is marked as
// used now.
func (b folderBodies) keep(hash string, body []byte, now time.Time) error {
	name := bodyName(hash)
	if info, err := b.root.Lstat(name); err == nil && info.Mode().IsRegular() && info.Size() == int64(len(body)) {
		if b.root.Chtimes(name, now, now) == nil {
			return nil
		}
	}
	temp := path.Join(bodyDir, "new-"+rand.Text())
	f, err := b.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = b.root.Rename(temp, name)
	}
	if err != nil {
		b.root.Remove(temp)
	}
	return err
}
