package engine

import (
	"drover.dev/api"
)

// hopeless says that a deadline cannot be met, "" when it may be: earlier runs of the
// tasks, one after the other where they wait for each other, took longer at the lower
// end of their prediction, as it would be on the fastest node if it were empty. What
// was never run counts nothing.
func (e *Engine) hopeless(spec *api.Workload, facts []Fact) string {
	if spec.Kind != api.KindJob || spec.Deadline <= 0 || len(e.st.Nodes) == 0 {
		return ""
	}
	speed := api.Milli(1)
	for _, n := range e.st.Nodes { // order-free: a maximum
		speed = max(speed, n.Speed)
	}
	least := leastRun(spec, e.analyse(spec, facts, 0), speed)
	if least <= spec.Deadline {
		return ""
	}
	return "the deadline of " + spec.Deadline.String() + " cannot be met: by its earlier runs it takes " + least.String() +
		" at least on the fastest node; allow more"
}

// leastRun is the longest chain of tasks that wait for each other, each as short as
// nine of ten of its runs are not.
func leastRun(spec *api.Workload, profiles []api.Profile, speed api.Milli) (least api.Duration) {
	at := make(map[string]int, len(spec.Tasks))
	for i := range spec.Tasks {
		at[spec.Tasks[i].Name] = i
	}
	ends := make([]api.Duration, len(spec.Tasks))
	for pass, changed := 0, true; changed && pass < len(spec.Tasks); pass++ { // longer chains would be circles
		changed = false
		for i := range spec.Tasks {
			end := api.Duration(0)
			for _, before := range spec.Tasks[i].After {
				end = max(end, ends[at[before]])
			}
			if p := &profiles[i]; p.Samples > 0 {
				end += min(p.RunLow, api.MaxDuration) / api.Duration(speed) * 1000
			}
			if end > ends[i] {
				ends[i], changed = end, true
			}
			least = max(least, end)
		}
	}
	return least
}
