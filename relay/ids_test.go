package relay

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func testKeys(t testing.TB) *Keys {
	t.Helper()
	k, err := LoadKeys(filepath.Join(t.TempDir(), "data", "relay.key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPublicIDsAreOneLabelAndTagged(t *testing.T) {
	k, other := testKeys(t), testKeys(t)
	shape := regexp.MustCompile(`^[a-z2-7]{40}$`)
	seen := map[string]bool{}
	for range 1000 {
		id := k.NewID()
		if !shape.MatchString(id) || seen[id] {
			t.Fatalf("id %q: shape, or seen before", id)
		}
		seen[id] = true
		if !k.Valid(id) || other.Valid(id) {
			t.Fatalf("id %q: valid here %v, elsewhere %v", id, k.Valid(id), other.Valid(id))
		}
	}
}

func TestAChangedIDIsNotValid(t *testing.T) {
	k := testKeys(t)
	id := k.NewID()
	for i := range len(id) {
		for _, c := range "abz27A01 \n\r\x00\xff" {
			changed := id[:i] + string(c) + id[i+1:]
			if changed != id && k.Valid(changed) {
				t.Fatalf("%q passes for %q", changed, id)
			}
		}
	}
	for _, s := range []string{"", id[:39], id + "a", strings.ToUpper(id), id[:38] + "\n\n", strings.Repeat("\n", 40), "\n" + id[:39]} {
		if k.Valid(s) {
			t.Errorf("%q is valid", s)
		}
	}
}

func FuzzValidTakesNoForeignID(f *testing.F) {
	k := testKeys(f)
	f.Add(k.NewID())
	f.Add(strings.Repeat("a", 40))
	f.Fuzz(func(t *testing.T, id string) {
		if k.Valid(id) && !regexp.MustCompile(`^[a-z2-7]{40}$`).MatchString(id) {
			t.Fatalf("%q is valid", id)
		}
	})
}

func TestKeyFileIsMadeOnceAndKeptPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "relay.key")
	k, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadKeys(path)
	if err != nil || !again.Valid(k.NewID()) {
		t.Fatalf("second load: %v", err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("no file modes")
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v", name, info.Mode(), want)
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o622, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKeys(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v: error %v names no remedy", mode, err)
		}
	}
}

func TestDamagedKeyFilesAreRefused(t *testing.T) {
	good := []byte(testKeys(t).next().format())
	if _, err := parseKeys(good); err != nil {
		t.Fatal(err)
	}
	for i := range good { // one flipped bit anywhere
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if k, err := parseKeys(bad); err == nil && k.format() != string(good) {
			t.Fatalf("bit flipped at %d goes unnoticed: %q", i, bad)
		}
		if _, err := parseKeys(good[:i]); err == nil && i != bytes.LastIndexByte(good[:len(good)-1], '\n')+1 {
			t.Fatalf("cut at %d goes unnoticed", i)
		}
	}
	path := filepath.Join(t.TempDir(), "relay.key")
	for _, content := range []string{"", "x", string(make([]byte, 32)), keyFileHead + "\n", strings.Repeat("a", 1<<20)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKeys(path); err == nil || !strings.Contains(err.Error(), "restore it") {
			t.Errorf("%.20q: %v", content, err)
		}
	}
	if _, err := LoadKeys(t.TempDir()); err == nil {
		t.Error("a folder was taken for a key file")
	}
}

var ownerKeyForm = regexp.MustCompile(`^hk_[a-z2-7]{52}$`)

func TestOwnerKeys(t *testing.T) {
	key := NewOwnerKey()
	if !ownerKeyForm.MatchString(key) || key == NewOwnerKey() {
		t.Errorf("owner key %q", key)
	}
	if HashOf(key) != sha256.Sum256([]byte(key)) {
		t.Error("HashOf is not SHA-256")
	}
}

func TestKeysDoNotPrintThemselves(t *testing.T) {
	k := testKeys(t)
	secret := fmt.Sprintf("%x", k.list[0].secret)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, k); strings.Contains(s, secret) || strings.Contains(s, fmt.Sprint(k.list[0].secret[0])+" ") {
			t.Errorf("%s prints %q", format, s)
		}
	}
}

const goodIdempotencyKey = "N3qF0xZc7u1jTgkYw5hPbA"

func TestARepeatedCreationGetsTheSame(t *testing.T) {
	k := testKeys(t)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(now time.Time, key, context string) []derived {
		t.Helper()
		list, err := k.derive(key, context, now)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	first := at(day.Add(23*time.Hour+59*time.Minute), goodIdempotencyKey, "ci")
	if d := first[0]; !k.Valid(d.ID) || !ownerKeyForm.MatchString(d.OwnerKey) {
		t.Fatalf("derived %+v", d)
	}
	if again := at(day.Add(23*time.Hour), goodIdempotencyKey, "ci"); again[0] != first[0] {
		t.Error("another endpoint on the same day")
	}
	next := at(day.Add(24*time.Hour+time.Minute), goodIdempotencyKey, "ci")
	if next[0] == first[0] || next[1] != first[0] {
		t.Error("across midnight the endpoint of the day before is not the second of the list")
	}
	if later := at(day.Add(49*time.Hour), goodIdempotencyKey, "ci"); later[0] == first[0] || later[1] == first[0] {
		t.Error("the endpoint is found two days later")
	}
	if other := at(day, goodIdempotencyKey, "laptop"); other[0] == first[0] {
		t.Error("another token gets the same endpoint")
	}
	if other := at(day, goodIdempotencyKey+"x", "ci"); other[0].ID == first[0].ID || other[0].OwnerKey == first[0].OwnerKey {
		t.Error("another key gets the same endpoint")
	}
	rotated := k.next()
	list, err := rotated.derive(goodIdempotencyKey, "ci", day)
	if err != nil || list[0] == first[0] || list[2] != first[0] {
		t.Errorf("after a rotation: %v", err)
	}
}

func TestGuessableIdempotencyKeysAreRefused(t *testing.T) {
	k := testKeys(t)
	for _, key := range []string{
		"", "1", "order-1234", goodIdempotencyKey[:21], strings.Repeat("a", 40), strings.Repeat("abc", 20),
		goodIdempotencyKey + " ", goodIdempotencyKey + "\n", goodIdempotencyKey + "é", strings.Repeat(goodIdempotencyKey, 12),
	} {
		if _, err := k.derive(key, "", time.Now()); err == nil {
			t.Errorf("%q was taken", key)
		}
	}
	for _, key := range []string{goodIdempotencyKey, "0190a5b2-5a0c-7cc2-8b35-0d9c8f3a4e11", "9f86d081884c7d659a2feaa0c55ad015"} {
		if _, err := k.derive(key, "", time.Now()); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}
