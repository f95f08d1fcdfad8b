package stage_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/tunnel"
)

// What a webhook is worth does not depend on the clock of this machine: ages
// are judged by the relay's arrival stamp, and what was seen stays seen when
// the relay's clock steps back.
func TestClocksThatDisagree(t *testing.T) {
	for _, off := range []time.Duration{-48 * time.Hour, -24 * time.Hour, -time.Hour, time.Hour, 24 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			relay := time.Now().Add(off) // the other machine's
			seen, err := stage.OpenReplayFile(filepath.Join(t.TempDir(), "seen"), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			defer seen.Close()
			var told *stage.Judgement
			app := &counting{status: 200}
			h := stage.Chain(app, stage.Verify(stage.VerifyOptions{
				Judge: judge(t, "example", "stripe"), Replay: seen, Report: func(_ *tunnel.Delivery, j *stage.Judgement) { told = j },
			}))
			deliver := func(d *tunnel.Delivery) byte {
				r, err := h.Handle(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				if told == nil {
					t.Fatal("nothing was told")
				}
				return r.Verdict
			}
			const valid = stage.OK | stage.CoversBody | stage.CoversTime
			if v := deliver(signed(t, "stripe", "example", "{}", relay)); v != valid {
				t.Errorf("signed now, by the relay's clock: %#x", v)
			}
			late := signed(t, "stripe", "example", `{"n":2}`, relay.Add(-10*time.Minute))
			late.ReceivedAt = relay
			if v := deliver(late); v != stage.Stale|stage.CoversBody|stage.CoversTime {
				t.Errorf("ten minutes old when received: %#x", v)
			}
			again := signed(t, "stripe", "example", "{}", relay)
			again.ID, again.ReceivedAt = tunnel.NewID(relay.Add(time.Minute)), relay.Add(-4*time.Minute) // stepped back
			if v := deliver(again); v != stage.Replayed|stage.CoversBody|stage.CoversTime || !told.Duplicate {
				t.Errorf("the same message after a step back: %#x", v)
			}
		})
	}
}
