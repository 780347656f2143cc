package rehearse

import (
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/journal"
)

// foreseen asks, some minutes apart, about the next job that comes, as plan --twin does, and
// says which share of what came true lies in the 80 % interval: starts, ends.
func (c *crowded) foreseen(t *testing.T, rounds, seeds int, arrivals bool) (starts, ends float64, jobs int) {
	t.Helper()
	now := noon
	var list []*Foreseen
	var ids []uint64
	for range rounds {
		now = now.Add(3 * minute)
		if _, err := c.world.Advance(now, nil); err != nil {
			t.Fatal(err)
		}
		st, err := journal.CopyState(c.world.State())
		if err != nil {
			t.Fatal(err)
		}
		came := len(c.came)
		for end := now; len(c.came) == came; {
			end = end.Add(api.Second)
			if _, err := c.world.Advance(end, nil); err != nil {
				t.Fatal(err)
			}
		}
		next := c.came[came]
		asked := c.world.State().Workloads[next.Job]
		if came < 60 || asked == nil { // by then it is known how long jobs take
			continue
		}
		q := question(st, asked.Spec)
		q.Now, q.At, q.Seeds, q.Profiles, q.Check = max(now, st.Now), next.At, seeds, asked.Profiles, false
		if arrivals {
			q.Came = c.came[max(0, came-100):came]
		}
		f, err := Foresee(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		list, ids = append(list, f), append(ids, next.Job)
	}
	if _, err := c.world.Advance(now.Add(10*api.Hour), nil); err != nil {
		t.Fatal(err)
	}
	in := func(at api.Time, m Moments) float64 {
		if at != 0 && m.P10 != 0 && at >= m.P10 && (m.P90 == 0 || at <= m.P90) {
			return 1 / float64(len(list))
		}
		return 0
	}
	for i, f := range list {
		starts += in(c.began[ids[i]], f.Start)
		ends += in(c.ended[ids[i]], f.End)
	}
	return starts, ends, len(list)
}

// What others submit until a job has ended makes it end later, and less certainly so.
func TestForeseeKnowsOfWhatIsToCome(t *testing.T) {
	_, without, n := newCrowded(t, "", 0).foreseen(t, 32, 6, false)
	_, with, _ := newCrowded(t, "", 0).foreseen(t, 32, 6, true)
	t.Logf("of %d jobs %.1f %% end in the 80 %% interval where nothing comes, %.1f %% where others come", n, 100*without, 100*with)
	if n < 20 || with < 0.6 || with < without+0.1 {
		t.Errorf("of %d jobs %.1f %% end in the 80 %% interval, and %.1f %% where nothing comes", n, 100*with, 100*without)
	}
}

// Worlds with the job and without it meet the same others, who are not told of as held up.
func TestForeseeArrivals(t *testing.T) {
	st := full(t)
	first := st.Named(api.DefaultTenant, "first")
	urgent := *first.Spec
	urgent.Priority, urgent.Preemption = 9, api.PreemptNever
	first.Spec = &urgent
	q := question(st, oneCore("asked", 0))
	q.Seeds = 8
	for i := range api.Duration(fewCame + 3) { // every 8 and 32 minutes
		q.Came = append(q.Came, Came{noon.Add((i/2*40 + i%2*8 - 6*40) * minute), first.ID})
	}
	got, err := Foresee(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	// Others come, run for ten minutes, and go first.
	alone := q
	alone.Came = q.Came[:fewCame]
	want, err := Foresee(t.Context(), alone)
	if err != nil {
		t.Fatal(err)
	}
	if got.Arrivals.Kind != LikeRecent || got.Arrivals.Like != fewCame+3 || got.Arrivals.PerHour != 3 || got.Arrivals.Mean <= 0 {
		t.Errorf("others come: %+v", got.Arrivals)
	}
	if want.Arrivals != (Arrivals{Kind: NoArrivals}) || got.Start.P10 != want.Start.P90 || got.Start.P90 != noon.Add(21*minute) {
		t.Errorf("it starts at %v where others come (%+v), else at %v", got.Start, want.Arrivals, want.Start)
	}
	for _, o := range got.Others {
		if strings.HasPrefix(o.Workload, comingName) {
			t.Errorf("somebody who was made up is held up: %+v", o)
		}
	}
	q.Workload = oneCore("coming-1", 0)
	if named, err := Foresee(t.Context(), q); err != nil || named.Start != got.Start {
		t.Errorf("a name that those who come might have makes a difference: %+v, %v", named, err)
	}
	// What comes in a year meets as many as what comes now.
	q.At = noon.Add(365 * api.Day)
	if late, err := Foresee(t.Context(), q); err != nil || late.Began != late.Seeds || late.Arrivals.Mean < 100 {
		t.Errorf("in a year: %+v, %v", late, err)
	}
}
