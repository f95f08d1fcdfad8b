package bolt

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hookrelay/hook/relay"
	"github.com/hookrelay/hook/tunnel"
)

// The tests that end a process run this binary again with childDir set.
const (
	childDir     = "HOOK_BOLT_CHILD"
	childNoSync  = "HOOK_BOLT_CHILD_NOSYNC"
	childWriters = "HOOK_BOLT_CHILD_WRITERS"
)

// TestChild is the process that others end: it pushes until then, and prints
// each delivery id when the store has acknowledged it.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("runs as the child process of other tests only")
	}
	s := open(t, dir, Options{NoSync: os.Getenv(childNoSync) != ""})
	e, err := s.Create(context.Background(), testEndpoint(1))
	if err != nil && err != relay.ErrExists {
		t.Fatal(err)
	}
	writers, err := strconv.Atoi(os.Getenv(childWriters))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for n := 1; ; n++ {
				p := testPush(n)
				if _, err := s.Push(context.Background(), e.ID, p, bytes.NewReader(bodyOf(p.Delivery.ID))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				mu.Lock()
				_, err := os.Stdout.WriteString(p.Delivery.ID.String() + "\n")
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
}

// bodyOf is what the child pushes under an id: mostly a few hundred bytes, now
// and then one that is kept in a file.
func bodyOf(id tunnel.ID) []byte {
	var key [32]byte
	copy(key[:], id[:])
	n := int(binary.BigEndian.Uint16(id[14:])) % 1500
	if id[13]%50 == 0 {
		n += defaultInline
	}
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

type child struct {
	cmd  *exec.Cmd
	pipe *os.File
	out  *bufio.Reader
	err  bytes.Buffer
}

func startChild(t *testing.T, dir string, writers int, env ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, exec.Command(self, "-test.run=^TestChild$"), dir, writers, env...)
}

func startCommand(t *testing.T, cmd *exec.Cmd, dir string, writers int, env ...string) *child {
	t.Helper()
	c := &child{cmd: cmd}
	cmd.Env = append(os.Environ(), childDir+"="+dir, childWriters+"="+strconv.Itoa(writers))
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = &c.err
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = in
	err = cmd.Start()
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); out.Close() })
	c.pipe, c.out = out, bufio.NewReader(out)
	return c
}

// acks reads n acknowledged ids, or all to the end for n < 0. A line that was
// cut off does not count.
func (c *child) acks(t *testing.T, n int) []tunnel.ID {
	t.Helper()
	var ids []tunnel.ID
	for n < 0 || len(ids) < n {
		line, err := c.out.ReadString('\n')
		if err == io.EOF && n < 0 {
			break
		}
		if err != nil {
			t.Fatalf("the child ended: %v %s", err, c.err.String())
		}
		id, err := tunnel.ParseID(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// kill ends the child at once and returns what it had still said.
func (c *child) kill(t *testing.T) []tunnel.ID {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	rest := c.acks(t, -1)
	c.cmd.Wait()
	return rest
}

// lost counts the ids that the store in dir does not have with their bodies.
func lost(t *testing.T, s *Store, ids []tunnel.ID) int {
	t.Helper()
	ctx := context.Background()
	e, err := s.Lookup(ctx, testEndpoint(1).IDs[0].Hash)
	if err != nil {
		return len(ids)
	}
	n := 0
	for _, id := range ids {
		b, err := s.Body(ctx, e.ID, id)
		if err != nil {
			if n == 0 {
				t.Logf("%s: %v", id, err)
			}
			n++
			continue
		}
		got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
		if err != nil || !bytes.Equal(got, bodyOf(id)) {
			n++
		}
		b.Close()
	}
	return n
}
