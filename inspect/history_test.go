package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookrelay/hook/inspect/query"
	"github.com/hookrelay/hook/tunnel"
)

// openTest opens a history in a private folder.
func openTest(t testing.TB, dir string, o HistoryOptions) *History {
	t.Helper()
	h, err := OpenHistory(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// record runs f with a recorder on h and returns when all is written.
func recordTest(t testing.TB, h *History, o RecorderOptions, f func(*Recorder)) *Recorder {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := NewRecorder(h, o)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	f(r)
	stop()
	<-done
	return r
}

func refresh(t testing.TB, h *History) Changes {
	t.Helper()
	c, err := h.Refresh()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHistoryGivesBackWhatWasRecorded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	h := openTest(t, dir, HistoryOptions{Age: -1})
	big := testFlow(2)
	big.Delivery.Body = bytes.Repeat([]byte("0123456789\xff"), 10_000)
	big.BodySize, big.BodyHash = int64(len(big.Delivery.Body)), hashOf(big.Delivery.Body)
	answer := bytes.Repeat([]byte("answer "), 20_000)
	big = big.Ended("", &tunnel.Result{Status: 500, Body: answer, Size: int64(len(answer)), By: tunnel.ByApplication}, nil, time.Second)
	flows := []*Flow{testFlow(1), big, testFlow(3)}
	recordTest(t, h, RecorderOptions{}, func(r *Recorder) {
		for _, f := range flows {
			begun := f.clone()
			begun.Verdict, begun.Attempts = Verdict{}, []Attempt{{Number: 1, StartedAt: f.At}}
			r.Begin(begun)
			r.End(f)
		}
		r.Settled(tunnel.Settlement{ID: testID(3), Attempt: 1, Fate: tunnel.Dead, Reason: "gave up"})
	})
	other := openTest(t, dir, HistoryOptions{Age: -1}) // as another process
	refresh(t, other)
	got := other.Flows()
	if len(got) != 3 {
		t.Fatalf("%d flows, want 3", len(got))
	}
	for i, f := range got[:2] {
		whole, err := f.Whole()
		if err != nil {
			t.Fatal(err)
		}
		want := flows[i].clone()
		want.Attempts[0].answerHash = ""
		if d := sameFlow(want, whole); d != "" {
			t.Errorf("flow %d is not what was recorded:\n%s", i, d)
		}
	}
	if got[2].State() != Dead || got[2].Attempts[0].Settled.Reason != "gave up" {
		t.Errorf("the settlement is not there: %+v", got[2].Attempts)
	}
	if got[1].Delivery.Body != nil {
		t.Error("a large body is in the record")
	}
	q, _ := query.Parse(`body:"9\xff0" answer-body:"answer answer"`)
	if s := other.Select(q); len(s) != 1 || s[0].ID() != big.ID() {
		t.Errorf("a query does not find what is in body files: %v", s)
	}
	s, err := other.Stats()
	if err != nil || s.Flows != 3 || s.Segments != 1 || s.Bodies != 2 || s.Damaged != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %o", path, mode)
		}
		return nil
	})
}

func TestFurtherAttemptsJoinTheFlow(t *testing.T) {
	dir := t.TempDir() + "/h"
	first, second := openTest(t, dir, HistoryOptions{Age: -1}), openTest(t, dir, HistoryOptions{Age: -1})
	recordTest(t, first, RecorderOptions{}, func(r *Recorder) {
		f := NewFlow(testDelivery(1), noon)
		r.Begin(f)
		r.End(f.Ended("", nil, &tunnel.Failure{Kind: tunnel.TimedOut}, time.Second))
	})
	recordTest(t, second, RecorderOptions{}, func(r *Recorder) {
		d := testDelivery(1)
		d.Attempt = 2
		f := NewFlow(d, noon.Add(time.Minute))
		r.Begin(f)
		r.End(f.Ended("", testResult(), nil, time.Millisecond))
	})
	refresh(t, first)
	f, err := first.Find("@last")
	if err != nil || len(f.Attempts) != 2 || f.Attempts[0].Failure == nil || f.Attempts[1].Result == nil || !f.At.Equal(noon) {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestMarksNotesAndHiding(t *testing.T) {
	dir := t.TempDir() + "/h"
	h, other := openTest(t, dir, HistoryOptions{Age: -1}), openTest(t, dir, HistoryOptions{Age: -1})
	recordTest(t, h, RecorderOptions{}, func(r *Recorder) {
		for n := range 3 {
			r.Begin(testFlow(n + 1))
		}
	})
	refresh(t, other)
	f, _ := other.Find("@2")
	if err := errors.Join(other.Mark(f, true), other.Annotate(f, "ask \xff Ann"), other.Hide(other.Flows()[0])); err != nil {
		t.Fatal(err)
	}
	c := refresh(t, h)
	if got := h.Flows(); len(got) != 2 || !got[0].Marked || got[0].Note != "ask \ufffd Ann" || len(c.Gone) != 1 {
		t.Errorf("%+v %+v", got, c)
	}
	if other.Annotate(f, strings.Repeat("x", MaxNote+1)) == nil {
		t.Error("a note without end was taken")
	}
}

func TestFind(t *testing.T) {
	h := openTest(t, t.TempDir()+"/h", HistoryOptions{Age: -1})
	recordTest(t, h, RecorderOptions{}, func(r *Recorder) {
		for n := range 3 {
			r.Begin(testFlow(n + 1))
		}
		again, _ := testFlow(2).Again(1, noon.Add(time.Hour))
		r.Begin(again)
	})
	refresh(t, h)
	id := testID(2).String()
	for ref, want := range map[string]string{
		"@last": id + ".1", "@1": id + ".1", "@2": testID(3).String(), "@4": testID(1).String(), id: id, id[4:]: id, id + ".1": id + ".1",
	} {
		if f, err := h.Find(ref); err != nil || f.ID() != want {
			t.Errorf("Find(%q): %v, %v, want %s", ref, f, err, want)
		}
	}
	for ref, want := range map[string]error{
		"": ErrNoFlow, "@0": ErrNoFlow, "@5": ErrNoFlow, "@x": ErrNoFlow, "dlv_zz": ErrNoFlow, id + ".9": ErrNoFlow, "dlv_0": ErrAmbiguous, id[:10]: ErrAmbiguous,
	} {
		if f, err := h.Find(ref); !errors.Is(err, want) {
			t.Errorf("Find(%q): %v, %v, want %v", ref, f, err, want)
		}
	}
	f, _ := h.Find(id)
	if n := h.NextReplay(f); n != 2 {
		t.Errorf("the next replay is %d", n)
	}
}

func TestDamagedLinesArePassedOver(t *testing.T) {
	dir := t.TempDir() + "/h"
	h := openTest(t, dir, HistoryOptions{Age: -1})
	recordTest(t, h, RecorderOptions{}, func(r *Recorder) {
		r.Begin(testFlow(1))
		r.Begin(testFlow(2))
	})
	name, _ := h.segmentNames()
	path := filepath.Join(dir, name[0])
	whole, _ := os.ReadFile(path)
	write := func(b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := bytes.IndexByte(whole, '\n') + 1
	for _, c := range []struct {
		name  string
		bytes []byte
		flows int
		bad   int
	}{
		{"torn last line", whole[:len(whole)-7], 1, 0},
		{"no line feed at the end", whole[:len(whole)-1], 1, 0},
		{"torn line, then others", append(append(bytes.Clone(whole[:100]), '\n'), whole...), 2, 1},
		{"zeros", append(make([]byte, 4096), append([]byte("\n"), whole...)...), 2, 1},
		{"empty lines", append([]byte("\n\n"), whole...), 2, 0},
		{"a line without end", append(append(bytes.Repeat([]byte("x"), maxLine+readPiece+5), '\n'), whole...), 2, 1},
		{"another version", append([]byte(`{"v":9,"kind":"begin"}`+"\n"), whole[:first]...), 1, 1},
		{"nothing", nil, 0, 0},
	} {
		write(c.bytes)
		again := openTest(t, dir, HistoryOptions{Age: -1})
		refresh(t, again)
		if s, err := again.Stats(); err != nil || s.Flows != c.flows || s.Damaged != c.bad {
			t.Errorf("%s: %+v, %v; want %d flows, %d damaged", c.name, s, err, c.flows, c.bad)
		}
	}
}

func TestFollowSeesWhatAnotherProcessWrites(t *testing.T) {
	dir := t.TempDir() + "/h"
	h, other := openTest(t, dir, HistoryOptions{Age: -1}), openTest(t, dir, HistoryOptions{Age: -1})
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	seen := make(chan Changes, 10)
	go h.Follow(ctx, func(c Changes) { seen <- c })
	recordTest(t, other, RecorderOptions{}, func(r *Recorder) {
		f := NewFlow(testDelivery(1), noon)
		r.Begin(f)
		for c := range seen {
			if len(c.Flows) == 1 && c.Flows[0].State() == Pending {
				break
			}
		}
		r.End(f.Ended("", testResult(), nil, time.Millisecond))
		for c := range seen {
			if len(c.Flows) == 1 && c.Flows[0].State() == Answered {
				break
			}
		}
	})
	if _, err := other.Purge(); err != nil {
		t.Fatal(err)
	}
	for c := range seen {
		if len(c.Gone) == 1 {
			break
		}
	}
}

func TestPruneKeepsWithinTheBounds(t *testing.T) {
	now := noon
	clock := func() time.Time { return now }
	for _, c := range []struct {
		name string
		o    HistoryOptions
		most int
	}{
		{"flows", HistoryOptions{Flows: 40, Bytes: -1, Age: -1}, 40},
		{"bytes", HistoryOptions{Flows: -1, Bytes: 40 << 10, Age: -1}, 50},
	} {
		dir := t.TempDir() + "/h"
		c.o.Now = clock
		h := openTest(t, dir, c.o)
		for n := range 20 { // processes, one after another
			p := openTest(t, dir, c.o)
			now = now.Add(time.Minute)
			recordTest(t, p, RecorderOptions{}, func(r *Recorder) {
				for i := range 10 {
					r.Begin(testFlow(n*10 + i + 1))
				}
			})
			p.Close()
		}
		if _, err := h.Prune(); err != nil {
			t.Fatal(err)
		}
		refresh(t, h)
		got := h.Flows()
		if len(got) > c.most || len(got) < 10 || got[len(got)-1].Delivery.ID != testID(200) {
			t.Errorf("%s: %d flows are left", c.name, len(got))
		}
	}
}

func TestPruneByAgeAndBodiesOfNobody(t *testing.T) {
	now := time.Now()
	o := HistoryOptions{Age: time.Hour, Now: func() time.Time { return now }}
	dir := t.TempDir() + "/h"
	h := openTest(t, dir, o)
	f := testFlow(1)
	f.Delivery.Body = bytes.Repeat([]byte("x"), inlineBody+1)
	f.BodySize, f.BodyHash = int64(len(f.Delivery.Body)), hashOf(f.Delivery.Body)
	recordTest(t, h, RecorderOptions{}, func(r *Recorder) { r.Begin(f) })
	other := openTest(t, dir, o)
	now = now.Add(2 * time.Hour)
	if p, err := other.Prune(); err != nil || p.Segments != 0 || p.Bodies != 0 {
		t.Errorf("a segment in use went: %+v, %v", p, err)
	}
	h.Close()
	if p, err := other.Prune(); err != nil || p.Segments != 1 || p.Bodies != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	refresh(t, other)
	if len(other.Flows()) != 0 {
		t.Error("the flow is still there")
	}
}

func TestPurgeLeavesNoByte(t *testing.T) {
	dir := t.TempDir() + "/h"
	h, other := openTest(t, dir, HistoryOptions{}), openTest(t, dir, HistoryOptions{})
	recordTest(t, h, RecorderOptions{}, func(r *Recorder) {
		r.Begin(testFlow(1))
		if p, err := other.Purge(); err != nil || p.Segments != 1 {
			t.Errorf("%+v, %v", p, err)
		}
		if b := folderBytes(t, dir); bytes.Contains(b, []byte("canary")) {
			t.Error("the canary is still in the folder")
		}
		r.Begin(testFlow(2)) // goes on in a new segment
	})
	refresh(t, other)
	if got := other.Flows(); len(got) != 1 || got[0].Delivery.ID != testID(2) {
		t.Errorf("%v", got)
	}
}

func folderBytes(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			all = append(all, b...)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRedactedAtWriteNeverReachesTheDisk(t *testing.T) {
	dir := t.TempDir() + "/h"
	h := openTest(t, dir, HistoryOptions{Age: -1})
	recordTest(t, h, RecorderOptions{Redact: RedactHeaders("authorization", "set-cookie")}, func(r *Recorder) {
		r.Begin(testFlow(1))
		r.End(testFlow(1))
	})
	if b := folderBytes(t, dir); bytes.Contains(b, []byte("canary")) {
		t.Error("the canary is on the disk")
	}
	refresh(t, h)
	f, _ := h.Find("@last")
	if err := f.Exact(); !errors.Is(err, ErrRedacted) || !strings.Contains(err.Error(), "header Authorization") {
		t.Errorf("%v", err)
	}
}

func TestFoldersOfOthersAreRefused(t *testing.T) {
	base := t.TempDir()
	open := filepath.Join(base, "open")
	os.Mkdir(open, 0o700)
	os.Chmod(open, 0o750)
	_, err := OpenHistory(open, HistoryOptions{})
	var e *FolderError
	if !errors.As(err, &e) || !errors.Is(err, ErrFolder) || e.Hint() != "chmod 700 "+open {
		t.Errorf("%v", err)
	}
	private, link := filepath.Join(base, "private"), filepath.Join(base, "link")
	os.Mkdir(private, 0o700)
	os.Symlink(private, link)
	if _, err := OpenHistory(link, HistoryOptions{}); !errors.Is(err, ErrFolder) {
		t.Errorf("a link: %v", err)
	}
	os.Symlink(base, filepath.Join(private, bodyDir))
	if _, err := OpenHistory(private, HistoryOptions{}); !errors.Is(err, ErrFolder) {
		t.Errorf("a link for the bodies: %v", err)
	}
}

func TestLinksAndPipesInTheFolderAreNotRead(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "h")
	h := openTest(t, dir, HistoryOptions{})
	line, _ := (&record{Kind: kindBegin, At: noon, Flow: newWireFlow(testFlow(1))}).line()
	outside := filepath.Join(base, "outside")
	os.WriteFile(outside, line, 0o600)
	if err := os.Symlink(outside, filepath.Join(dir, "20261121T120000.000000000Z-1-aaaaaa.jsonl")); err != nil {
		t.Fatal(err)
	}
	os.Mkdir(filepath.Join(dir, "20261121T120000.000000000Z-1-bbbbbb.jsonl"), 0o700)
	os.Symlink(outside, filepath.Join(dir, bodyDir, hashOf([]byte("x"))))
	refresh(t, h)
	if len(h.Flows()) != 0 {
		t.Error("a link was followed")
	}
	if _, err := (folderBodies{h.root}).read(hashOf([]byte("x")), -1); err == nil {
		t.Error("a body was read through a link")
	}
	if _, err := (folderBodies{h.root}).read("../../outside", -1); !errors.Is(err, ErrBodyGone) {
		t.Error("a path was taken for a hash")
	}
	if _, err := h.Purge(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error("what a link leads to was deleted")
	}
}

func TestARecorderThatIsNotServedDoesNotHoldUp(t *testing.T) {
	h := openTest(t, t.TempDir()+"/h", HistoryOptions{})
	var told []error
	r := NewRecorder(h, RecorderOptions{Wait: time.Millisecond, Trouble: func(err error, lost uint64) { told = append(told, err) }})
	for n := range queueLength + 10 { // nobody runs it
		r.Begin(testFlow(n))
	}
	if r.Lost() != 10 || len(told) != 1 || !errors.Is(told[0], ErrBehind) {
		t.Errorf("%d lost, told %v", r.Lost(), told)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.Run(ctx)
	if len(told) != 2 || told[1] != nil {
		t.Errorf("told %v, want that it works again", told)
	}
	r.Begin(testFlow(1))
	if r.Lost() != 11 {
		t.Error("what comes after the end is not counted")
	}
}

func TestManyRecordAndReadAtOnce(t *testing.T) {
	dir := t.TempDir() + "/h"
	const writers, each = 4, 50
	var wg sync.WaitGroup
	reader := openTest(t, dir, HistoryOptions{Age: -1})
	for w := range writers {
		h := openTest(t, dir, HistoryOptions{Age: -1})
		wg.Go(func() {
			recordTest(t, h, RecorderOptions{Wait: 10 * time.Second}, func(r *Recorder) {
				var inner sync.WaitGroup
				for n := range each {
					inner.Go(func() {
						f := NewFlow(testDelivery(w*each+n+1), noon)
						r.Begin(f)
						r.End(f.Ended("", testResult(), nil, time.Millisecond))
					})
				}
				inner.Wait()
			})
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for alive := true; alive; {
		select {
		case <-done:
			alive = false
		default:
		}
		refresh(t, reader)
		reader.Prune()
		if f, err := reader.Find("@last"); err == nil {
			reader.Mark(f, true)
		}
	}
	refresh(t, reader)
	got := reader.Flows()
	if len(got) != writers*each {
		t.Fatalf("%d flows", len(got))
	}
	for _, f := range got {
		if f.State() != Answered {
			t.Errorf("%s is %s", f.ID(), f.State())
		}
	}
}

func FuzzHistory(f *testing.F) {
	var all []byte
	for _, r := range []record{
		{Kind: kindBegin, At: noon, Flow: newWireFlow(testFlow(1))},
		{Kind: kindSettled, At: noon, ID: testID(1).String(), Number: 1, Settled: &wireSettled{Fate: "dead"}},
		{Kind: kindRemove, At: noon, ID: testID(1).String()},
	} {
		line, _ := r.line()
		all = append(all, line...)
		f.Add(line)
	}
	f.Add(all)
	f.Add([]byte(`{"v":1,"kind":"end","id":"x","attempt":{"n":1,"result":{}}}` + "\n"))
	dir := f.TempDir()
	n := 0
	f.Fuzz(func(t *testing.T, b []byte) {
		n++
		sub := filepath.Join(dir, fmt.Sprintf("%d-%d", os.Getpid(), n))
		defer os.RemoveAll(sub)
		h, err := OpenHistory(sub, HistoryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		good, _ := (&record{Kind: kindBegin, At: noon, Flow: newWireFlow(testFlow(9))}).line()
		os.WriteFile(filepath.Join(sub, "20261121T120000.000000000Z-1-aaaaaa.jsonl"), append(append([]byte("\n"), b...), append([]byte("\n"), good...)...), 0o600)
		if _, err := h.Refresh(); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range h.Flows() {
			found = found || f.Delivery.ID == testID(9)
			f.Content(false, 100)
			f.State()
			f.text()
		}
		if !found && !bytes.Contains(b, []byte("remove")) {
			t.Error("what stands behind the damage is lost")
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	h := openTest(b, b.TempDir()+"/h", HistoryOptions{})
	f := testFlow(1)
	f.Delivery.Body = bytes.Repeat([]byte(`{"a":"lorem ipsum dolor"}`), 160) // 4 KiB
	b.ReportAllocs()
	recordTest(b, h, RecorderOptions{Wait: time.Minute}, func(r *Recorder) {
		for b.Loop() {
			r.Begin(f)
			r.End(f)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir() + "/h"
	h := openTest(b, dir, HistoryOptions{Flows: -1})
	recordTest(b, h, RecorderOptions{Wait: time.Minute}, func(r *Recorder) {
		for n := range 10_000 {
			f := testFlow(n + 1)
			f.Delivery.Body = bytes.Repeat([]byte(`{"a":"lorem ipsum dolor"}`), 80) // 2 KiB
			r.Begin(f)
			r.End(f)
		}
	})
	for b.Loop() {
		again := openTest(b, dir, HistoryOptions{Flows: -1})
		if refresh(b, again); len(again.Flows()) != 10_000 {
			b.Fatal(len(again.Flows()))
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	flows := make([]*Flow, 10_000)
	for i := range flows {
		flows[i] = testFlow(i)
		flows[i].Delivery.Body = bytes.Repeat([]byte(`{"a":"lorem ipsum dolor"}`), 80) // 2 KiB
	}
	for _, text := range []string{"status:>=500", "provider:stripe event:invoice.*", "json:data.amount>1000", `body:"no such text"`, "nowhere"} {
		q, err := query.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				for _, f := range flows {
					q.MatchAt(f, noon)
				}
			}
		})
	}
}
