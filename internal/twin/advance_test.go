package twin

import (
	"math"
	"math/rand/v2"
	"testing"

	"drover.dev/api"
)

// Time that passes in steps is the same time, and what jobs spent in all is the sum of
// their completion times.
func TestAWorldThatIsReadNowAndThenIsTheSame(t *testing.T) {
	const jobs = 200
	build := func() (*World, Demand) {
		w, err := New(Config{Nodes: fleet(t, "4x2,8Gi")})
		if err != nil {
			t.Fatal(err)
		}
		return w, poisson(jobs, 1, 7, func(r *rand.Rand) float64 { return 6 * r.ExpFloat64() })
	}
	whole, demand := build()
	want, err := whole.Run(demand, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, demand := build()
	if err := w.Begin(demand); err != nil {
		t.Fatal(err)
	}
	var last, got Reading
	for at := api.Time(0); at < api.Time(1000*api.Second); at = at.Add(700 * api.Millisecond) {
		if got, err = w.Advance(at, nil); err != nil {
			t.Fatal(err)
		}
		if got.Joules < last.Joules || got.JobSeconds < last.JobSeconds || w.State().Now > at {
			t.Fatalf("at %v: %+v after %+v, the state is of %v", at, got, last, w.State().Now)
		}
		last = got
	}
	if sum := want.Completion.Mean * jobs; math.Abs(got.JobSeconds-sum) > 1e-6*sum || got.Done != jobs {
		t.Errorf("%d jobs spent %g s, the sum of completion times is %g s of %d", got.Done, got.JobSeconds, sum, jobs)
	}
	// 8 cores draw 0.74 W idle each after the makespan, too.
	idle := 8 * 0.74 * (last.At.Sub(0) - want.Makespan).Std().Seconds()
	if math.Abs(got.Joules-want.Joules-idle) > 1e-6*got.Joules {
		t.Errorf("%g J in steps, %g J at once and %g J idle after that", got.Joules, want.Joules, idle)
	}
}
