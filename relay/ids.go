package relay

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	idRandom = 20 // bytes of a public id that are random: 160 bits
	idTag    = 5  // bytes that are its tag: a guess passes once in 2^40, without a look into the store
	idLen    = 40 // characters: one DNS label

	ownerKeyPrefix = "hk_" // so that people and secret scanners recognise one

	relayKeyLen  = 32   // bytes
	maxRelayKeys = 4    // the current one and three before: each costs one HMAC per request
	maxKeyFile   = 4096 // bytes, several times what maxRelayKeys take

	keyFileHead = "hook relay key v1"
)

// lowerBase32 is the alphabet of RFC 4648 §6 in lower case. It is strict:
// upper case is another string, so one id has one spelling.
var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Keys are the relay's own keys, the current one first. They tag public ids,
// so that an id which this relay never made is known as such without a look
// into the store, and derive endpoints from idempotency keys. They are safe
// for concurrent use; they never change.
type Keys struct {
	list []relayKey
}

// relayKey is one line of the key file. Versions only grow.
type relayKey struct {
	version uint32
	secret  [relayKeyLen]byte
}

// String hides the keys, as do the other ways of printing.
func (k *Keys) String() string   { return "relay keys (hidden)" }
func (k *Keys) GoString() string { return k.String() }

// LoadKeys reads the key file, and makes it with one new key where there is
// none: mode 0600, in a folder of mode 0700. It refuses a file that others may
// read (not on Windows) and one that is damaged: with another key every URL
// that was handed out would be unknown.
func LoadKeys(path string) (*Keys, error) {
	data, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		k := (&Keys{}).next()
		if err = k.create(path); err == nil {
			return k, nil
		}
		if errors.Is(err, fs.ErrExist) { // another process was faster
			data, err = readKeyFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("relay key: %w", err)
	}
	k, err := parseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("relay key %q: %w: restore it from a copy, or remove it to start anew (every URL handed out so far is then unknown)", path, err)
	}
	return k, nil
}

// next is k with a new current key.
func (k *Keys) next() *Keys {
	n := relayKey{version: 1}
	if len(k.list) > 0 {
		n.version = k.list[0].version + 1
	}
	rand.Read(n.secret[:]) // never fails (crypto/rand)
	list := append([]relayKey{n}, k.list...)
	return &Keys{list: list[:min(len(list), maxRelayKeys)]}
}

// create writes a new file; fs.ErrExist where there is one.
func (k *Keys) create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := k.write(f); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncFolder(filepath.Dir(path))
}

// write fills a new file and closes it.
func (k *Keys) write(f *os.File) error {
	_, err := f.WriteString(k.format())
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%q can be read by others (mode %04o): chmod 600 %s", path, mode, path)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile+1))
}

// format is the text of the key file: a head line, then per key its version,
// the key and a checksum over both, in hexadecimal.
func (k *Keys) format() string {
	var b strings.Builder
	b.WriteString(keyFileHead + "\n")
	for _, key := range k.list {
		fmt.Fprintf(&b, "%d %x %x\n", key.version, key.secret, key.check())
	}
	return b.String()
}

// check tells a damaged line from a good one.
func (k relayKey) check() []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "hook relay key check\x00%d\x00%s", k.version, k.secret[:]))
	return sum[:4]
}

// parseKeys reads what format wrote. Its errors never quote the file.
func parseKeys(data []byte) (*Keys, error) {
	lines := strings.Split(string(data), "\n")
	if len(data) > maxKeyFile || lines[0] != keyFileHead || lines[len(lines)-1] != "" {
		return nil, errors.New("damaged")
	}
	lines = lines[1 : len(lines)-1]
	if len(lines) == 0 || len(lines) > maxRelayKeys {
		return nil, fmt.Errorf("damaged: %d keys", len(lines))
	}
	k := &Keys{}
	for i, line := range lines {
		parts := strings.Split(line, " ")
		if len(parts) != 3 {
			return nil, fmt.Errorf("damaged in line %d", i+2)
		}
		version, err1 := strconv.ParseUint(parts[0], 10, 32)
		secret, err2 := hex.DecodeString(parts[1])
		check, err3 := hex.DecodeString(parts[2])
		if err1 != nil || err2 != nil || err3 != nil || len(secret) != relayKeyLen {
			return nil, fmt.Errorf("damaged in line %d", i+2)
		}
		key := relayKey{version: uint32(version), secret: [relayKeyLen]byte(secret)}
		if !hmac.Equal(check, key.check()) || i > 0 && key.version >= k.list[i-1].version {
			return nil, fmt.Errorf("damaged in line %d", i+2)
		}
		k.list = append(k.list, key)
	}
	return k, nil
}

// NewID makes a public id: 160 random bits and a tag of 40 bits under the
// current key, as 40 lower-case base32 characters.
func (k *Keys) NewID() string {
	var b [idRandom + idTag]byte
	rand.Read(b[:idRandom])
	k.list[0].tag(b[idRandom:], b[:idRandom])
	return lowerBase32.EncodeToString(b[:])
}

// Valid tells whether id was made by this relay. A valid id without a record
// was an endpoint once. The time it takes depends only on the length of id and
// the number of keys.
func (k *Keys) Valid(id string) bool {
	if len(id) != idLen {
		return false
	}
	var b [idRandom + idTag + 4]byte // Decode may write beyond what it counts
	n, err := lowerBase32.Decode(b[:], []byte(id))
	shape := err == nil && n == idRandom+idTag
	ok := 0
	for _, key := range k.list {
		var tag [idTag]byte
		key.tag(tag[:], b[:idRandom])
		ok |= subtle.ConstantTimeCompare(tag[:], b[idRandom:idRandom+idTag])
	}
	return shape && ok == 1
}

// tag fills dst with the start of the HMAC-SHA256 over an id's random part.
func (k relayKey) tag(dst, random []byte) {
	mac := hmac.New(sha256.New, k.secret[:])
	mac.Write([]byte("hook public id v1\x00"))
	mac.Write(random)
	copy(dst, mac.Sum(nil))
}

// HashOf is how a public id or an owner key is stored.
func HashOf(idOrKey string) Hash { return sha256.Sum256([]byte(idOrKey)) }

// NewOwnerKey makes an owner key: "hk_" and 256 random bits in lower-case
// base32. It is shown once and only its hash is kept.
func NewOwnerKey() string {
	var b [32]byte
	rand.Read(b[:])
	return ownerKeyPrefix + lowerBase32.EncodeToString(b[:])
}

// Bounds of an Idempotency-Key.
const (
	minIdempotencyKey  = 22  // characters: 128 random bits take that many in base64url
	maxIdempotencyKey  = 255 // characters
	minIdempotencyRune = 8   // different characters: 128 random bits in hexadecimal miss it less than once in 10^7
	// idempotencyDay is how long an Idempotency-Key means the same endpoint.
	idempotencyDay = 24 * time.Hour
)

// derived is an endpoint that an Idempotency-Key stands for.
type derived struct {
	ID       string
	OwnerKey string
}

// derive computes what the holder of an Idempotency-Key gets, so that a
// repeated creation gets the same id and owner key though neither is stored.
// context is the name of the creation token: the same key with another token
// means another endpoint. now is cut to days.
//
// The first of the list is the one to create. The others are what a creation
// on the day before, or before a rotation of the relay's key, would have
// given: so that a repeat across midnight works, the caller first looks the
// whole list up and returns a record that is younger than idempotencyDay; only
// where there is none it creates the first.
func (k *Keys) derive(idempotencyKey, context string, now time.Time) ([]derived, error) {
	if err := checkIdempotencyKey(idempotencyKey); err != nil {
		return nil, err
	}
	day := now.Unix() / int64(idempotencyDay/time.Second)
	var out []derived
	for _, key := range k.list {
		for _, bucket := range [...]int64{day, day - 1} {
			info := []byte("hook endpoint v1\x00")
			info = binary.BigEndian.AppendUint64(info, uint64(bucket))
			info = append(info, context...) // last, so that no length is needed
			material, err := hkdf.Key(sha256.New, key.secret[:], []byte(idempotencyKey), string(info), idRandom+32)
			if err != nil {
				return nil, fmt.Errorf("deriving an endpoint: %w", err)
			}
			var id [idRandom + idTag]byte
			copy(id[:], material[:idRandom])
			key.tag(id[idRandom:], id[:idRandom])
			out = append(out, derived{
				ID:       lowerBase32.EncodeToString(id[:]),
				OwnerKey: ownerKeyPrefix + lowerBase32.EncodeToString(material[idRandom:]),
			})
		}
	}
	return out, nil
}

// checkIdempotencyKey refuses what can be guessed: whoever knows the key gets
// the owner key.
func checkIdempotencyKey(s string) error {
	if len(s) < minIdempotencyKey || len(s) > maxIdempotencyKey {
		return fmt.Errorf("an Idempotency-Key has %d to %d characters, made from at least 128 random bits; this has %d",
			minIdempotencyKey, maxIdempotencyKey, len(s))
	}
	var seen [128]bool
	different := 0
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f {
			return errors.New("an Idempotency-Key has visible ASCII characters only")
		}
		if !seen[c] {
			seen[c] = true
			different++
		}
	}
	if different < minIdempotencyRune {
		return errors.New("an Idempotency-Key is made from at least 128 random bits; this one can be guessed")
	}
	return nil
}
