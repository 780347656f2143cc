package engine

import (
	"cmp"

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
		speed = max(speed, cmp.Or(n.Speed, 1000))
	}
	least := leastRun(spec, e.analyse(spec, facts, 0), speed)
	if least <= spec.Deadline {
		return ""
	}
	return "the deadline of " + spec.Deadline.String() + " cannot be met: by its earlier runs it takes " + least.String() +
		" at least on the fastest node; allow more"
}

// leastRun is the longest chain of tasks that wait for each other, each as short as
// nine of ten of its runs are not. A task is looked at once, when all that come
// before it have been; those that wait in a circle never are.
func leastRun(spec *api.Workload, profiles []api.Profile, speed api.Milli) (least api.Duration) {
	open, then := followers(spec.Tasks)
	begin := make([]api.Duration, len(spec.Tasks))
	var ready []int
	for i, n := range open {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		end := begin[i]
		if p := &profiles[i]; p.Samples > 0 {
			end = min(end+min(leastOn(p)/api.Duration(speed), api.MaxDuration/1000)*1000, api.MaxDuration)
		}
		least = max(least, end)
		for _, next := range then[i] {
			begin[next] = max(begin[next], end)
			if open[next]--; open[next] == 0 {
				ready = append(ready, next)
			}
		}
	}
	return least
}

// leastOn is the lower end of a prediction on the kind of machine where the task is
// fastest, whether there is one now or not.
func leastOn(p *api.Profile) api.Duration {
	best := api.Milli(1000)
	for i := range p.Speeds {
		best = max(best, p.Speeds[i].Factor)
	}
	return min(p.RunLow, api.MaxDuration) / api.Duration(best) * 1000
}

// followers returns for each task how many come before it, and which come after.
func followers(tasks []api.Task) (before []int, after [][]int) {
	at := make(map[string]int, len(tasks))
	for i := range tasks {
		at[tasks[i].Name] = i
	}
	before, after = make([]int, len(tasks)), make([][]int, len(tasks))
	for i := range tasks {
		for _, name := range tasks[i].After {
			if first, known := at[name]; known {
				before[i]++
				after[first] = append(after[first], i)
			}
		}
	}
	return before, after
}
