package relay

import (
	"testing"
	"time"
)

// WithWall gives a relay under test another wall clock to watch.
func (o Options) WithWall(now func() time.Time) Options {
	o.wall = now
	return o
}

func TestUntilDue(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name          string
		ahead, expect time.Duration
		longest       time.Duration
	}{
		{"due", -time.Second, 0, longestRetry},
		{"due long ago, the clock went forward", -24 * time.Hour, 0, longestRetry},
		{"soon", time.Second, time.Second, longestRetry},
		{"as far as a retry is ever set", time.Hour, time.Hour, longestRetry},
		{"the clock went back by 10 min", 10*time.Minute + time.Second, 10*time.Minute + time.Second, longestRetry},
		{"the clock went back by an hour", time.Hour + time.Second, 0, longestRetry},
		{"the clock went back by a day", 24 * time.Hour, 0, longestRetry},
		{"ordered, the clock went back by 10 min", 10 * time.Minute, 0, orderedRetry},
	} {
		if got := untilDue(now.Add(c.ahead), now, c.longest); got != c.expect {
			t.Errorf("%s: %s, want %s", c.name, got, c.expect)
		}
	}
	if untilDue(time.Time{}, now, longestRetry) != 0 {
		t.Error("what has no time is not due")
	}
}

func TestStepsOfTheClockAreNoticed(t *testing.T) {
	mono := time.Now()
	wall := mono
	var w stepWatch
	look := func(elapsed, step time.Duration) (time.Duration, bool) {
		mono, wall = mono.Add(elapsed), wall.Add(elapsed+step)
		return w.look(wall, mono)
	}
	for _, c := range []struct {
		name          string
		elapsed, step time.Duration
		noticed       bool
		purge         bool
	}{
		{name: "the first look", purge: true},
		{name: "a quiet minute", elapsed: time.Minute, purge: true},
		{name: "slewed", elapsed: time.Minute, step: 500 * time.Millisecond, purge: true},
		{name: "back a day", elapsed: time.Second, step: -24 * time.Hour, noticed: true, purge: true},
		{name: "forward a day", elapsed: time.Second, step: 24 * time.Hour, noticed: true},
		{name: "half an hour later", elapsed: 30 * time.Minute},
		{name: "and once more", elapsed: time.Minute, step: 10 * time.Minute, noticed: true},
		{name: "59 minutes later", elapsed: 59 * time.Minute},
		{name: "an hour later", elapsed: time.Minute, purge: true},
	} {
		step, purge := look(c.elapsed, c.step)
		if purge != c.purge || (step != 0) != c.noticed || c.noticed && step != c.step {
			t.Errorf("%s: step %s, purge %v", c.name, step, purge)
		}
	}
}
