package relay

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// Tokens are the names and hashes of those who may create endpoints, read from
// a file: "NAME SHA256" a line, the hash in hexadecimal, # for comments.
// Several at once make rotation possible; the file is read again when it
// changes.
type Tokens struct {
	path string

	mu      sync.Mutex
	checked time.Time
	stamp   time.Time // of the file that was read
	size    int64
	list    []namedToken
}

type namedToken struct {
	name string
	hash [sha256.Size]byte
}

// tokenCheck is how often the file is looked at, at most.
const tokenCheck = time.Second

// LoadTokens reads the file. One with no token in it is an error: it would
// lock everybody out without a word.
func LoadTokens(path string) (*Tokens, error) {
	t := &Tokens{path: path}
	if err := t.read(); err != nil {
		return nil, err
	}
	return t, nil
}

// NewTokens makes a list of one token, for a relay inside another program.
func NewTokens(name, token string) *Tokens {
	return &Tokens{list: []namedToken{{name, sha256.Sum256([]byte(token))}}}
}

// TokenLine is the line of a tokens file for a token.
func TokenLine(name, token string) string {
	sum := sha256.Sum256([]byte(token))
	return name + " " + hex.EncodeToString(sum[:])
}

func (t *Tokens) read() error {
	f, err := os.Open(t.path)
	if err != nil {
		return fmt.Errorf("reading tokens: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("reading tokens: %w", err)
	}
	var list []namedToken
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, sum, _ := strings.Cut(line, " ")
		raw, err := hex.DecodeString(strings.TrimSpace(sum))
		if err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("%s:%d: not NAME and the SHA-256 of the token in hexadecimal", t.path, n)
		}
		list = append(list, namedToken{name, [sha256.Size]byte(raw)})
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading tokens: %w", err)
	}
	if len(list) == 0 {
		return fmt.Errorf("%s holds no token", t.path)
	}
	t.list, t.stamp, t.size = list, info.ModTime(), info.Size()
	return nil
}

// Name finds whose token this is. All are compared, in constant time.
func (t *Tokens) Name(token string) (name string, ok bool) {
	sum := sha256.Sum256([]byte(token))
	for _, n := range t.current() {
		if subtle.ConstantTimeCompare(sum[:], n.hash[:]) == 1 && token != "" {
			name, ok = n.name, true
		}
	}
	return name, ok
}

// current is the list, read again when the file has changed. A file that
// cannot be read keeps the last good list, except that one which is gone
// admits nobody.
func (t *Tokens) current() []namedToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.path == "" || time.Since(t.checked) < tokenCheck {
		return t.list
	}
	t.checked = time.Now()
	info, err := os.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && (!info.ModTime().Equal(t.stamp) || info.Size() != t.size) {
		t.read() // on error the list stays
	}
	return t.list
}
