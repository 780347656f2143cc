package rehearse

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"drover.dev/api"
	"drover.dev/internal/state"
	"drover.dev/internal/twin"
)

// z90 is the 90 % quantile of the standard normal distribution: RunLow and RunHigh
// of a Profile are so many standard deviations from its Run.
const z90 = 1.2815515655446004

// runs is how long a task runs: log-normal on each side of its median, so that a
// profile's three quantiles are met.
type runs struct{ low, mid, high float64 } // s of the logarithm below, median, s above

func runsOf(p *api.Profile) runs {
	r := runs{mid: math.Max(float64(p.Run), 1)}
	if p.RunLow > 0 && p.RunLow < p.Run {
		r.low = math.Log(r.mid/float64(p.RunLow)) / z90
	}
	if p.RunHigh > p.Run {
		r.high = math.Log(float64(p.RunHigh)/r.mid) / z90
	}
	return r
}

// at is the time that a share Φ(z) of all runs does not exceed.
func (r runs) at(z float64) float64 {
	if z < 0 {
		return r.mid * math.Exp(z*r.low)
	}
	return r.mid * math.Exp(z*r.high)
}

// passed is the z of a time: how many standard deviations it is from the median.
func (r runs) passed(d float64) float64 {
	width := r.high
	if d < r.mid {
		width = r.low
	}
	switch {
	case d <= 0 || width == 0 && d < r.mid:
		return math.Inf(-1)
	case width == 0:
		return math.Inf(1)
	}
	return math.Log(d/r.mid) / width
}

// draw gives a run of which so much has passed already: it is drawn from those that
// are longer. chance is between 0 and 1, both excluded.
func (r runs) draw(passed api.Duration, chance float64) api.Duration {
	z := r.passed(float64(passed))
	longer := math.Erfc(z/math.Sqrt2) / 2 // the share of runs that are
	if longer < 1e-300 {
		return max(passed, 1) // it is longer than any: it ends now
	}
	got := r.at(math.Sqrt2 * math.Erfcinv(2*longer*chance))
	return max(passed, api.Duration(math.Min(got, float64(api.MaxDuration))), 1)
}

// drawer says how long tasks run, by chance: the same for the same seed, whatever else
// comes, so that worlds with and without a workload meet the same truths.
type drawer struct {
	seed uint64
	now  api.Time
}

// truths are those of a workload, elements that run already included.
func (d drawer) truths(st *state.State, w *state.Workload) []twin.Truth {
	out := make([]twin.Truth, len(w.Spec.Tasks))
	for i := range out {
		out[i] = d.truth(w.Spec, w.Submitted, i, profileOf(w.Profiles, i))
		if i >= len(w.Groups) || w.Spec.Kind != api.KindJob {
			continue
		}
		for _, t := range w.Groups[i].Tasks {
			if t.Status == api.TaskRunning && int(t.Ref.Index) < len(out[i].Each) {
				out[i].Each[t.Ref.Index] = d.rest(st.Nodes[t.Node], w, t)
			}
		}
	}
	return out
}

func profileOf(list []api.Profile, task int) *api.Profile {
	if task < len(list) {
		return &list[task]
	}
	return &api.Profile{}
}

// rest is how long an element runs in all that has run for a while, on a reference
// node like its profile.
func (d drawer) rest(n *state.Node, w *state.Workload, t *state.Task) api.Duration {
	task := int(t.Ref.Task)
	passed := onReference(d.now.Sub(t.Started), n)
	return capped(runsOf(profileOf(w.Profiles, task)).draw(max(passed, 0), d.chance(w.Spec, w.Submitted, task, t.Ref.Index)), &w.Spec.Tasks[task])
}

// truth is that of a task that has not begun. A profile is of a reference node whatever
// the driver does: runs were scaled as they were learnt, and are back again.
func (d drawer) truth(spec *api.Workload, submitted api.Time, task int, p *api.Profile) twin.Truth {
	t := &spec.Tasks[task]
	out := twin.Truth{Each: make([]api.Duration, max(t.Count, 1)), Out: p.BytesOut}
	if t.Artifact != nil {
		out.Program = t.Artifact.Size
	}
	for i := range t.Inputs {
		out.In += t.Inputs[i].Size
	}
	r := runsOf(p)
	for i := range out.Each {
		out.Each[i] = capped(r.draw(0, d.chance(spec, submitted, task, uint32(i))), t)
	}
	return out
}

// capped keeps a run within its timeout: predictions are of runs that keep it.
func capped(d api.Duration, t *api.Task) api.Duration {
	if t.Timeout > 0 {
		return min(d, t.Timeout)
	}
	return d
}

// chance is a number between 0 and 1, of an element's own.
func (d drawer) chance(spec *api.Workload, submitted api.Time, task int, index uint32) float64 {
	h := fnv.New64a()
	for _, s := range [...]string{spec.Tenant, "/", spec.Name, "/", spec.Tasks[task].Name} {
		_, _ = h.Write([]byte(s)) // it never fails
	}
	r := rand.New(rand.NewPCG(d.seed, h.Sum64()^uint64(submitted)*0x9e3779b97f4a7c15^uint64(index)<<32))
	return (float64(r.Uint64()>>11) + 0.5) / (1 << 53)
}
