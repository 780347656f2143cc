package control_test

import (
	"testing"

	"drover.dev/api"
	"drover.dev/internal/control"
)

func TestTheClockNeverRunsBackwards(t *testing.T) {
	const s = api.Second
	const noon = api.Time(12 * api.Hour)
	var c control.Clock
	c.Saw(noon)
	for _, step := range []struct {
		name string
		wall api.Time
		mono api.Duration
		want api.Time
		jump api.Duration
	}{
		{"a leader's clock is behind the one before", noon.Add(-10 * s), 0, noon, 0},
		{"at half the pace", noon.Add(-6 * s), 4 * s, noon.Add(2 * s), 0},
		{"until it has caught up", noon.Add(10 * s), 20 * s, noon.Add(10 * s), 0},
		{"with the wall clock", noon.Add(20 * s), 30 * s, noon.Add(20 * s), 0},
		{"set back an hour", noon.Add(30*s - api.Hour), 40 * s, noon.Add(25 * s), -api.Hour},
		{"time goes on", noon.Add(40*s - api.Hour), 50 * s, noon.Add(30 * s), 0},
		{"set forward a day", noon.Add(50*s + 23*api.Hour), 60 * s, noon.Add(50*s + 23*api.Hour), 24 * api.Hour},
	} {
		if got, jump := c.Now(step.wall, step.mono); got != step.want || jump != step.jump {
			t.Errorf("%s: the time is %d with a jump of %d, want %d and %d", step.name, got, jump, step.want, step.jump)
		}
	}
	c.Saw(noon)
	if got, jump := c.Now(noon, 900*s); got != noon.Add(50*s+23*api.Hour) || jump != 0 {
		t.Errorf("after another has led, the time is %d with a jump of %d", got, jump)
	}
}
