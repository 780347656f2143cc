package rehearse

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// crowded is a cell of four cores that jobs of one to four cores come to, now and then
// in bursts, as much work as it can do. It says what became of each.
type crowded struct {
	world *twin.World
	came  []Came
	ended map[uint64]api.Time
	began map[uint64]api.Time
}

func newCrowded(t *testing.T, order string, seed uint64) *crowded {
	t.Helper()
	c := &crowded{ended: map[uint64]api.Time{}, began: map[uint64]api.Time{}}
	var err error
	c.world, err = twin.New(twin.Config{
		Nodes:    []api.Node{{Name: "n1", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Capacity: api.Resources{CPU: 4000, Memory: api.GiB}}},
		Strategy: order, Start: noon, Watch: c.watch, Retain: 110,
	})
	if err != nil {
		t.Fatal(err)
	}
	rng, at, n := rand.New(rand.NewPCG(seed, 1)), noon, 0
	err = c.world.Begin(func() (twin.Arrival, bool) {
		n++
		at = at.Add(api.Duration(rng.ExpFloat64() * 24 * float64(api.Second)))
		if n%20 == 0 {
			at = at.Add(2 * minute) // a pause, and what has gathered comes at once
		} else if n%20 < 6 {
			at = at.Add(-min(at.Sub(noon), 2*api.Second))
		}
		cores := api.Milli(1 + rng.IntN(4))
		spec := oneCore(fmt.Sprint("job-", n), int32(rng.IntN(3)))
		spec.Tasks[0].Command, spec.Tasks[0].Resources.CPU = []string{fmt.Sprint("cores-", cores)}, cores*1000
		run := api.Duration((0.5 + rng.Float64()) * 30 * float64(api.Second))
		return twin.Arrival{At: at, Workload: spec, Truth: []twin.Truth{{Run: run, Waits: true}}}, n < 2000
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *crowded) watch(now api.Time, events []state.Event) {
	for _, ev := range events {
		switch ev := ev.(type) {
		case *state.WorkloadSubmitted:
			c.came = append(c.came, Came{now, ev.ID})
		case *state.TaskStarted:
			c.began[ev.Attempt.Workload] = now
		case *state.WorkloadFinished:
			c.ended[ev.ID] = now
		}
	}
}

// covered is the share of the jobs' ends that lie in the 80 % interval, of so many
// rounds, each of which is asked about what came in the minutes before it.
func (c *crowded) covered(t *testing.T, rounds int, coming bool) (share float64, jobs int) {
	t.Helper()
	var all []Awaited
	asked, now := 0, noon
	for range rounds {
		now = now.Add(2 * minute)
		if _, err := c.world.Advance(now, nil); err != nil {
			t.Fatal(err)
		}
		st, err := journal.CopyState(c.world.State())
		if err != nil {
			t.Fatal(err)
		}
		q := wait(st)
		q.Now, q.Seeds = max(now, st.Now), 10
		for _, came := range c.came[asked:] {
			q.Jobs = append(q.Jobs, came.Job)
		}
		asked = len(c.came)
		if coming {
			q.Came = c.came[max(0, len(c.came)-100):]
		}
		got, err := Await(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.came) > 60 { // by then it is known how long jobs take
			all = append(all, got...)
		}
	}
	if _, err := c.world.Advance(now.Add(10*api.Hour), nil); err != nil {
		t.Fatal(err)
	}
	in := 0
	for _, a := range all {
		if end := c.ended[a.Job]; end != 0 && end >= a.End.P10 && (a.End.P90 == 0 || end <= a.End.P90) {
			in++
		}
	}
	return float64(in) / float64(len(all)), len(all)
}

// Those who come later overtake, where smaller ones fit beside what runs: worlds to which
// nothing comes take a job for done too soon, and are too sure of it.
func TestIntervalsKnowOfWhatIsToCome(t *testing.T) {
	without, n := newCrowded(t, "", 0).covered(t, 30, false)
	with, _ := newCrowded(t, "", 0).covered(t, 30, true)
	t.Logf("of %d jobs %.1f %% lie in the 80 %% interval where nothing comes, %.1f %% where others come", n, 100*without, 100*with)
	if n < 30 || with < 0.6 || with < without+0.1 {
		t.Errorf("of %d jobs %.1f %% lie in the 80 %% interval, and %.1f %% where nothing comes", n, 100*with, 100*without)
	}
}

// What comes is like what came: as far apart, as long and as large, from whichever of
// them on, in a circle.
func TestComing(t *testing.T) {
	st := full(t)
	first, second := st.Named(api.DefaultTenant, "first"), st.Named(api.DefaultTenant, "second")
	task := first.Groups[0].Tasks[0]
	task.Status, task.Result = api.TaskSucceeded, &api.Result{Wall: 7 * api.Second}
	second.Profiles = takes(5 * minute)
	q := wait(st)
	never := func() bool { return false }
	for i := range fewCame + 2 {
		id := []uint64{first.ID, second.ID, 999}[i%3] // the last one is forgotten
		q.Came = append(q.Came, Came{noon.Add(api.Duration(i-fewCame-2) * minute), id})
	}
	starts := map[int]bool{}
	for seed := range uint64(50) {
		c := q.coming(drawer{seed: seed, now: noon}, never)
		at, next := noon, c.next
		starts[next] = true
		for range 20 {
			a, ok := c.demand()
			for ; q.Came[next%len(q.Came)].Job == 999; next++ {
				at = at.Add(minute)
			}
			at = at.Add(minute)
			want := 7 * api.Second
			if q.Came[next%len(q.Came)].Job == second.ID {
				want = 5 * minute
			}
			if !ok || a.At != at || a.Truth[0].Each[0] != want || a.Workload.Tasks[0].Resources.CPU != 1000 {
				t.Fatalf("seed %d: at %v comes %+v, want one of %v", seed, at, a, want)
			}
			next++
		}
	}
	if len(starts) < 8 {
		t.Errorf("worlds begin at %v of the past", starts)
	}
	if _, ok := q.coming(drawer{seed: 1, now: noon}, func() bool { return true }).demand(); ok {
		t.Error("something comes when all is over")
	}
	q.Came = q.Came[:fewCame]
	if _, ok := q.coming(drawer{seed: 1, now: noon}, never).demand(); ok {
		t.Error("ten jobs are taken for a rate")
	}
	q.Came = append(q.Came, Came{noon, 999}, Came{noon, 999})
	for i := range q.Came {
		q.Came[i].Job = 999
	}
	if _, ok := q.coming(drawer{seed: 1, now: noon}, never).demand(); ok {
		t.Error("jobs come that nobody knows any more")
	}
}
