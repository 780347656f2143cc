package shift_test

import (
	"math"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/internal/energy/shift"
	"drover.dev/internal/forecast"
)

func TestHeld(t *testing.T) {
	c := shift.NewCurve([]float64{5, 1, 6, 2, 7, 3, 9})
	for _, tc := range []struct {
		name    string
		job     shift.Job
		stop    float64
		running bool
		want    []shift.Run
	}{
		{"without slack it runs at once", shift.Job{Hours: 2, Weight: 1}, 0, false, []shift.Run{{0, 2}}},
		{"the cheapest hours, where holding costs nothing", shift.Job{Hours: 2, Slack: 5, Weight: 1}, 0, false, []shift.Run{{1, 2}, {3, 4}}},
		{"each stop makes it longer", shift.Job{Hours: 2, Slack: 5, Weight: 1}, 0.25, false, []shift.Run{{0.75, 2}, {3, 4}}},
		{"one that costs too much is not made", shift.Job{Hours: 2, Slack: 5, Weight: 1}, 2, false, []shift.Run{{0, 2}}},
		{"what runs is held where that pays", shift.Job{Hours: 1, Slack: 5, Weight: 1}, 0.1, true, []shift.Run{{1, 2}, {3, 3.2}}},
		{"and goes on where it does not", shift.Job{Hours: 1, Slack: 5, Weight: 1}, 0.9, true, []shift.Run{{0, 1}}},
		{"a job within an hour", shift.Job{Submit: 2.25, Hours: 0.25, Slack: 0.25, Weight: 1}, 0.1, false, []shift.Run{{2.25, 2.5}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := c.Held(tc.job, tc.stop, tc.running)
			if g, w := c.OfRuns(tc.job, got), c.OfRuns(tc.job, tc.want); math.Abs(g-w) > 1e-9 {
				t.Errorf("it runs in %v for %g instead of %v for %g", got, g, tc.want, w)
			}
		})
	}
}

// quarters is a problem whose times are quarters of an hour, so that all ways to use
// them can be tried.
type quarters struct {
	job     shift.Job
	stop    float64
	running bool
	signal  []float64
}

func drawQuarters(t *rapid.T) quarters {
	q := func(name string, least, most int) float64 {
		return float64(rapid.IntRange(least, most).Draw(t, name)) / 4
	}
	p := quarters{stop: q("stop", 0, 4), running: rapid.Bool().Draw(t, "running"), signal: positive(signal(t, 6))}
	p.job = shift.Job{Submit: q("submit", 0, 6), Hours: q("hours", 1, 8), Weight: 1}
	p.job.Slack = q("slack", 0, 14-int(4*p.job.Hours))
	return p
}

func positive(values []float64) []float64 {
	for i := range values {
		values[i] = math.Abs(values[i])
	}
	return values
}

// least is the cost of the best way to use the quarters.
func (p quarters) least() float64 {
	n := int(4 * (p.job.Hours + p.job.Slack))
	least := math.Inf(1)
	for used := range uint(1) << n {
		begins := bits.OnesCount(used &^ (used << 1)) // each after one that is not used
		stops := max(begins-1, 0)
		if p.running && used&1 == 0 {
			stops = begins
		}
		if float64(bits.OnesCount(used)) != 4*(p.job.Hours+float64(stops)*p.stop) {
			continue
		}
		cost := 0.0
		for i := range n {
			if used>>i&1 != 0 {
				cost += p.signal[int(p.job.Submit+float64(i)/4)] / 4
			}
		}
		least = min(least, cost)
	}
	return least
}

// TestHeldIsExact: no way to use the quarters of hours is cheaper, and the stretches
// are in order, in time, and as long as they have to be.
func TestHeldIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawQuarters(t)
		c := shift.NewCurve(p.signal)
		runs := c.Held(p.job, p.stop, p.running)
		if got, want := c.OfRuns(p.job, runs), p.least(); math.Abs(got-want) > 1e-6 {
			t.Fatalf("%v cost %g instead of %g", runs, got, want)
		}
		at, whole := p.job.Submit, 0.0
		for _, r := range runs {
			if r.From < at-1e-9 || r.To <= r.From {
				t.Fatalf("%v", runs)
			}
			at, whole = r.To, whole+r.To-r.From
		}
		stops := shift.Stops(runs)
		if p.running && runs[0].From > p.job.Submit+1e-9 {
			stops++
		}
		if at > p.job.Submit+p.job.Hours+p.job.Slack+1e-9 || math.Abs(whole-p.job.Hours-float64(stops)*p.stop) > 1e-9 {
			t.Fatalf("it runs for %g hours with %d stops up to %g", whole, stops, at)
		}
	})
}

// TestHoldingNeverCostsMore than running in one piece, and never less than free stops.
func TestHoldingNeverCostsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := shift.NewCurve(signal(t, 60))
		j := shift.Job{
			Submit: rapid.Float64Range(0, 10).Draw(t, "submit"), Hours: rapid.Float64Range(0.01, 10).Draw(t, "hours"),
			Slack: rapid.Float64Range(0, 20).Draw(t, "slack"), Weight: rapid.Float64Range(0.1, 8).Draw(t, "weight"),
		}
		piece := c.Of(j, c.Best(j, j.Submit))
		held := c.OfRuns(j, c.Held(j, rapid.Float64Range(0.001, 2).Draw(t, "stop"), false))
		free := c.OfRuns(j, c.Held(j, 0, false))
		slack := 1e-6 * (1 + math.Abs(piece))
		if held > piece+slack || (free > held+slack && !negative(c)) {
			t.Fatalf("in one piece %g, held %g, held for nothing %g", piece, held, free)
		}
	})
}

// negative tells whether there is an hour that earns: then running longer may, too.
func negative(c shift.Curve) bool {
	for h := range int(c.Hours()) {
		if c.Of(shift.Job{Hours: 1, Weight: 1}, float64(h)) < 0 {
			return true
		}
	}
	return false
}

// TestRollHeldKnowsNothingOfTheFuture: what comes after an hour changes nothing before
// it, all jobs are done in time, and with a signal that is known the plan is the optimum,
// unless there are hours that earn: then a job that is done is not held to run longer.
func TestRollHeldKnowsNothingOfTheFuture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jobs, values := someJobs(t), signal(t, 60)
		if rapid.Bool().Draw(t, "positive") {
			positive(values)
		}
		stop := rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "stop")
		roll := func(values []float64, known []int) [][]shift.Run {
			plans, err := shift.RollHeld(jobs, []shift.Signal{{Values: values, Scale: 1, Known: known, Predict: &forecast.Repeating{Season: 6}}}, stop, nil)
			if err != nil {
				t.Fatal(err)
			}
			return plans
		}
		plans := roll(values, nil)
		for i, j := range jobs {
			runs, whole := plans[i], 0.0
			for _, r := range runs {
				whole += r.To - r.From
			}
			if math.Abs(whole-j.Hours-float64(shift.Stops(runs))*stop) > 1e-6 || runs[0].From < j.Submit-1e-6 || runs[len(runs)-1].To > j.Submit+j.Hours+j.Slack+1e-6 {
				t.Fatalf("job %+v runs in %v", j, runs)
			}
		}
		now := rapid.IntRange(0, 59).Draw(t, "now")
		changed := append([]float64(nil), values...)
		for h := now; h < len(changed); h++ {
			changed[h] = 1000 - changed[h]
		}
		for i, other := range roll(changed, nil) {
			for k := 0; k < max(len(plans[i]), len(other)); k++ {
				a, b := stretch(plans[i], k), stretch(other, k)
				if min(a.From, b.From) < float64(now) && (a.From != b.From || min(a.To, b.To) < float64(now) && a.To != b.To) {
					t.Fatalf("what comes after hour %d moves job %d from %v to %v", now, i, plans[i], other)
				}
			}
		}
		all := make([]int, len(values))
		for i := range all {
			all[i] = len(values)
		}
		c := shift.NewCurve(values)
		for i, runs := range roll(values, all) {
			if got, want := c.OfRuns(jobs[i], runs), c.OfRuns(jobs[i], c.Held(jobs[i], stop, false)); !negative(c) && got > want+1e-6*(1+math.Abs(want)) {
				t.Fatalf("job %d runs in %v for %g, at best for %g", i, runs, got, want)
			}
		}
	})
}

func stretch(runs []shift.Run, k int) shift.Run {
	if k < len(runs) {
		return runs[k]
	}
	return shift.Run{From: math.Inf(1), To: math.Inf(1)}
}

// TestHeldInstants: a job of a microsecond runs, too, with slack and without, whether a
// stop costs something or not.
func TestHeldInstants(t *testing.T) {
	signal := []float64{5, 1, 5, 5}
	for _, slack := range []float64{0, 2} {
		for _, stop := range []float64{0, 0.1} {
			j := shift.Job{Submit: 0.5, Hours: 1e-6 / 3600, Slack: slack, Weight: 1}
			if runs := shift.NewCurve(signal).Held(j, stop, false); len(runs) != 1 {
				t.Errorf("slack %g, stop %g: it runs in %v", slack, stop, runs)
			}
			all, err := shift.RollHeld([]shift.Job{j}, []shift.Signal{{Values: signal, Scale: 1, Predict: &forecast.Repeating{Season: 2}}}, stop, nil)
			if err != nil || len(all[0]) != 1 {
				t.Errorf("slack %g, stop %g: planned anew it runs in %v, %v", slack, stop, all, err)
			}
		}
	}
}
