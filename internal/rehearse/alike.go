package rehearse

import (
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Alike is how long tasks ran, by driver, as they would have on a reference node, each
// list sorted. Of a task of which no run is known, and that does not say how long it
// runs, it is all that there is to go by.
type Alike map[string][]api.Duration

// AlikeIn are those that a state knows of.
func AlikeIn(st *state.State) Alike {
	out := Alike{}
	for _, id := range st.SortedWorkloads() {
		w := st.Workloads[id]
		for gi := range w.Groups {
			for _, t := range w.Groups[gi].Tasks {
				if t.Status == api.TaskSucceeded && t.Result != nil && w.Spec.Kind == api.KindJob {
					name := w.Spec.Tasks[gi].Driver
					out[name] = append(out[name], onReference(t.Result.Wall, st.Nodes[t.Node]))
				}
			}
		}
	}
	for _, list := range out { // order-free: each by itself
		slices.Sort(list)
	}
	return out
}

// Inform has tasks of a state's jobs run as long as others did, where nothing else is
// known of them. The state is the caller's.
func (a Alike) Inform(st *state.State) {
	all := a.all()
	for _, w := range st.Workloads { // order-free: each by itself
		if !w.Status.Final() {
			a.profiles(w.Spec, w.Profiles, all)
		}
	}
}

// profiles does the same to the profiles of one workload's tasks.
func (a Alike) profiles(spec *api.Workload, list []api.Profile, all []api.Duration) {
	for i := range list {
		if i >= len(spec.Tasks) || list[i].Samples > 0 || spec.Tasks[i].Duration > 0 {
			continue
		}
		runs := a[spec.Tasks[i].Driver]
		if len(runs) == 0 {
			runs = all
		}
		if len(runs) > 0 {
			list[i].RunLow, list[i].Run, list[i].RunHigh = spreadOf(runs)
		}
	}
}

// all are the runs of all drivers.
func (a Alike) all() []api.Duration {
	var out []api.Duration
	for _, name := range sortedNames(a) {
		out = append(out, a[name]...)
	}
	slices.Sort(out)
	return out
}

// fewRuns is how many runs it takes to say how much they vary.
const fewRuns = 5

// spreadOf are the tenth, the middle and the ninetieth percentile of how long the next
// task runs. From a few runs their middle is known and not how much they vary: a factor
// of ten either way is assumed, as for the default of a class, and more as the middle
// itself is of fewer.
func spreadOf(runs []api.Duration) (low, mid, high api.Duration) {
	n := len(runs)
	at := func(tenths int) api.Duration { return max(runs[tenths*(n-1)/10], 1) }
	if n >= fewRuns {
		return at(1), at(5), at(9)
	}
	wide := math.Pow(10, math.Sqrt(1+1/float64(n)))
	mid = at(5)
	return max(api.Duration(float64(mid)/wide), 1), mid, api.Duration(min(float64(mid)*wide, float64(api.MaxDuration)))
}
