package relay

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func TestRotationKeepsOlderIDsValid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.key")
	k, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{k.NewID()}
	rotate := func(forget bool) {
		t.Helper()
		rotated, err := Rotate(path, forget)
		if err != nil {
			t.Fatal(err)
		}
		if k, err = LoadKeys(path); err != nil || !slices.Equal(k.Versions(), rotated.Versions()) {
			t.Fatalf("in the file: %v, %v", k, err)
		}
		ids = append(ids, k.NewID())
	}
	for range maxRelayKeys - 1 {
		rotate(false)
	}
	for n, id := range ids {
		if !k.Valid(id) {
			t.Errorf("the id made under key %d is not valid after %d rotations", n+1, len(ids)-1)
		}
	}
	before, _ := os.ReadFile(path)
	if _, err := Rotate(path, false); !errors.Is(err, ErrForgets) {
		t.Errorf("a key was forgotten without being asked: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("what was refused has changed the file")
	}
	rotate(true)
	if k.Valid(ids[0]) || !k.Valid(ids[1]) || len(k.list) != maxRelayKeys || k.Versions()[0] != maxRelayKeys+1 {
		t.Errorf("after one more: %v, valid %v %v", k.Versions(), k.Valid(ids[0]), k.Valid(ids[1]))
	}
}

func TestRotationIsSafe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.key")
	if _, err := Rotate(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a key was made where none was")
	}
	k, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	// Several at once: each that was done is in the file.
	var done atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				switch _, err := Rotate(path, false); {
				case err == nil:
					done.Add(1)
				case errors.Is(err, ErrRotating):
					continue
				case !errors.Is(err, ErrForgets):
					t.Error(err)
				}
				return
			}
		})
	}
	all.Wait()
	now, err := LoadKeys(path)
	if err != nil || done.Load() != maxRelayKeys-1 || !slices.Equal(now.Versions(), []uint32{4, 3, 2, 1}) || !now.Valid(k.NewID()) {
		t.Errorf("%d rotations left %v, %v", done.Load(), now.Versions(), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// One that was killed is in the way until somebody has looked at it.
	if err := os.WriteFile(RotationFile(path), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(path, true); !errors.Is(err, ErrRotating) {
		t.Errorf("beside another: %v", err)
	}
	if err := os.Remove(RotationFile(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(path, true); err == nil {
		t.Error("a damaged file was rotated away")
	}
	if _, err := os.Stat(RotationFile(path)); err == nil {
		t.Error("a failed rotation is in the way of the next")
	}
}
