package shift_test

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy/shift"
	"drover.dev/internal/forecast"
)

func TestBest(t *testing.T) {
	c := shift.NewCurve([]float64{5, 4, 1, 3, 2, 9})
	for _, tc := range []struct {
		name string
		job  shift.Job
		want float64
	}{
		{"without slack it starts at once", shift.Job{Submit: 0, Hours: 1, Weight: 1}, 0},
		{"it waits for the cheapest hour", shift.Job{Submit: 0, Hours: 1, Slack: 5, Weight: 1}, 2},
		{"no longer than it may", shift.Job{Submit: 0, Hours: 1, Slack: 1, Weight: 1}, 1},
		{"two hours are looked at together", shift.Job{Submit: 0, Hours: 2, Slack: 4, Weight: 1}, 2},
		{"a start within an hour can be best", shift.Job{Submit: 0, Hours: 1.5, Slack: 1.25, Weight: 1}, 1.25},
		{"it may end with an hour", shift.Job{Submit: 2.9, Hours: 1.75, Slack: 2, Weight: 1}, 3.25},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := c.Best(tc.job, tc.job.Submit); got != tc.want {
				t.Errorf("it starts at %g instead of %g", got, tc.want)
			}
		})
	}
}

func signal(t *rapid.T, hours int) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(-20, 500), hours, hours).Draw(t, "signal")
}

// TestBestIsBest: no start on a fine grid is cheaper, and none waits too long.
func TestBestIsBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := shift.NewCurve(signal(t, 40))
		j := shift.Job{
			Submit: rapid.Float64Range(0, 10).Draw(t, "submit"), Hours: rapid.Float64Range(0.01, 10).Draw(t, "hours"),
			Slack: rapid.Float64Range(0, 20).Draw(t, "slack"), Weight: rapid.Float64Range(0.1, 8).Draw(t, "weight"),
		}
		best := c.Best(j, j.Submit)
		if best < j.Submit || best > j.Submit+j.Slack {
			t.Fatalf("it starts at %g", best)
		}
		for i := range 401 {
			start := j.Submit + j.Slack*float64(i)/400
			if c.Of(j, start) < c.Of(j, best)-1e-6 {
				t.Fatalf("it starts at %g for %g, and at %g it would cost %g", best, c.Of(j, best), start, c.Of(j, start))
			}
		}
	})
}

// cheapest is the least cost of one-hour jobs by trying all ways.
func cheapest(jobs []shift.Job, c shift.Curve, used map[float64]int, room int) float64 {
	if len(jobs) == 0 {
		return 0
	}
	least := math.Inf(1)
	for h := jobs[0].Submit; h <= jobs[0].Submit+jobs[0].Slack; h++ {
		if used[h] == room {
			continue
		}
		used[h]++
		least = min(least, c.Of(jobs[0], h)+cheapest(jobs[1:], c, used, room))
		used[h]--
	}
	return least
}

func TestFitOfHoursIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := shift.NewCurve(signal(t, 30))
		var jobs []shift.Job
		for range rapid.IntRange(1, 6).Draw(t, "jobs") {
			jobs = append(jobs, shift.Job{
				Submit: float64(rapid.IntRange(0, 4).Draw(t, "submit")), Hours: 1,
				Slack: float64(rapid.IntRange(0, 5).Draw(t, "slack")), Weight: 2,
			})
		}
		room := rapid.IntRange(1, 3).Draw(t, "room")
		want := cheapest(jobs, c, map[float64]int{}, room)
		if math.IsInf(want, 1) {
			t.Skip("not all of them have a place")
		}
		if got := shift.Total(jobs, c, shift.Fit(jobs, c, room)); math.Abs(got-want) > 1e-6 {
			t.Fatalf("it costs %g instead of %g", got, want)
		}
	})
}

func someJobs(t *rapid.T) []shift.Job {
	var jobs []shift.Job
	whole := rapid.Bool().Draw(t, "whole hours")
	for range rapid.IntRange(1, 25).Draw(t, "jobs") {
		j := shift.Job{
			Submit: rapid.Float64Range(0, 20).Draw(t, "submit"), Hours: rapid.Float64Range(0.1, 6).Draw(t, "hours"),
			Slack: rapid.Float64Range(0, 12).Draw(t, "slack"), Weight: rapid.Float64Range(0.5, 4).Draw(t, "weight"),
		}
		if whole {
			j = shift.Job{Submit: math.Floor(j.Submit), Hours: 1, Slack: math.Floor(j.Slack), Weight: 1}
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// TestFitHasRoom: never more jobs at a time than there is room for; no cheaper than
// without the limit while all are in time; as cheap when there is room for all.
func TestFitHasRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jobs, c := someJobs(t), shift.NewCurve(signal(t, 200))
		room := rapid.IntRange(1, 6).Draw(t, "room")
		starts := shift.Fit(jobs, c, room)
		if at := busiest(jobs, starts); at > room {
			t.Fatalf("%d jobs run at a time where there is room for %d", at, room)
		}
		late := false
		for i, j := range jobs {
			if starts[i] < j.Submit {
				t.Fatalf("job %d starts before it is submitted", i)
			}
			late = late || starts[i] > j.Submit+j.Slack
		}
		bound := shift.Total(jobs, c, shift.Optimal(jobs, c))
		if got := shift.Total(jobs, c, starts); !late && got < bound-1e-6 {
			t.Fatalf("it costs %g, less than the optimum without a limit, %g", got, bound)
		}
		if got := shift.Total(jobs, c, shift.Fit(jobs, c, len(jobs))); math.Abs(got-bound) > 1e-6 {
			t.Fatalf("with room for all it costs %g instead of %g", got, bound)
		}
	})
}

func busiest(jobs []shift.Job, starts []float64) (most int) {
	for i := range jobs {
		n := 0
		for k, j := range jobs {
			if starts[k] <= starts[i]+1e-9 && starts[i]+1e-9 < starts[k]+j.Hours-1e-9 {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// TestRollKnowingAll is as good as the optimum, and scales with the weights.
func TestRollKnowingAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jobs, values := someJobs(t), signal(t, 60)
		known := make([]int, len(values))
		for i := range known {
			known[i] = len(values)
		}
		starts, err := shift.Roll(jobs, []shift.Signal{{Values: values, Scale: 1, Known: known, Predict: &forecast.Repeating{Season: 24}}}, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := shift.NewCurve(values)
		got, want := shift.Total(jobs, c, starts), shift.Total(jobs, c, shift.Optimal(jobs, c))
		if math.Abs(got-want) > 1e-6 {
			t.Fatalf("it costs %g instead of %g", got, want)
		}
		if now := shift.Total(jobs, c, shift.AtOnce(jobs)); want > now+1e-6 {
			t.Fatalf("waiting costs %g, starting at once %g", want, now)
		}
	})
}

// TestRollSeesThePastOnly: at any hour, the values of this and later hours can be
// changed and nothing that was started before changes; all jobs start in time.
func TestRollSeesThePastOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jobs, values := someJobs(t), signal(t, 60)
		room := rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "room")
		roll := func(values []float64) []float64 {
			starts, err := shift.Roll(jobs, []shift.Signal{{Values: values, Scale: 1, Predict: &forecast.Repeating{Season: 6}}}, room, nil)
			if err != nil {
				t.Fatal(err)
			}
			return starts
		}
		starts := roll(values)
		for i, j := range jobs {
			if starts[i] < j.Submit || room == 0 && starts[i] > j.Submit+j.Slack+1e-9 {
				t.Fatalf("job %d starts at %g", i, starts[i])
			}
		}
		if at := busiest(jobs, starts); room > 0 && at > room {
			t.Fatalf("%d jobs run at a time where there is room for %d", at, room)
		}
		now := rapid.IntRange(0, 59).Draw(t, "now")
		changed := append([]float64(nil), values...)
		for h := now; h < len(changed); h++ {
			changed[h] = 1000 - changed[h]
		}
		for i, start := range roll(changed) {
			if min(start, starts[i]) < float64(now) && start != starts[i] {
				t.Fatalf("what comes after hour %d moves job %d from %g to %g", now, i, starts[i], start)
			}
		}
	})
}

func TestRollStops(t *testing.T) {
	jobs := []shift.Job{{Hours: 1, Slack: 1, Weight: 1}}
	signals := []shift.Signal{{Values: []float64{1, 2, 3}, Scale: 1, Predict: &forecast.Repeating{Season: 1}}}
	hours := 0
	_, err := shift.Roll(jobs, signals, 0, func(hour int) bool { hours++; return hour < 1 })
	if !errors.Is(err, shift.ErrStopped) || hours != 2 {
		t.Errorf("after %d hours: %v", hours, err)
	}
}

func TestWhatCannotBePlanned(t *testing.T) {
	ok := shift.Job{Submit: 0, Hours: 1, Weight: 1}
	signal := []float64{1, 2, 3}
	for name, tc := range map[string]struct {
		jobs    []shift.Job
		signals []shift.Signal
	}{
		"no signal":            {[]shift.Job{ok}, nil},
		"no predictor":         {[]shift.Job{ok}, []shift.Signal{{Values: signal}}},
		"NaN":                  {[]shift.Job{ok}, []shift.Signal{{Values: []float64{math.NaN()}, Predict: &forecast.Repeating{}}}},
		"behind the end":       {[]shift.Job{{Submit: 2, Hours: 2, Weight: 1}}, []shift.Signal{{Values: signal, Predict: &forecast.Repeating{}}}},
		"no time":              {[]shift.Job{{Weight: 1}}, []shift.Signal{{Values: signal, Predict: &forecast.Repeating{}}}},
		"signals of two sizes": {[]shift.Job{ok}, []shift.Signal{{Values: signal, Predict: &forecast.Repeating{}}, {Values: signal[:2], Predict: &forecast.Repeating{}}}},
	} {
		if _, err := shift.Roll(tc.jobs, tc.signals, 0, nil); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
