package engine

import (
	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// timing asks when elements of a task would best start.
type timing struct {
	by      api.Objective
	site    string
	due     api.Time // of the job; 0: it has no deadline
	lasts   bool     // it is known how long it runs
	run     api.Duration
	high    api.Duration // its upper quantile
	behind  api.Duration // what comes after it in the job takes, by upper quantiles
	part    int64        // of its site that an element needs, in millionths
	need    int64        // that they need at a time
	count   int64        // elements
	gang    bool         // they run side by side or not at all
	has     space        // of its site
	beside  *holdings    // what is held there
	held    bool
	keep    int64    // see sched.Run
	since   api.Time // when it began to wait
	ready   api.Time // when it could have begun
	slower  int64    // by how many per cent of its run it may end later than at once; 0: as the deadline allows
	stretch int64    // and take longer, once it runs; 0: no bound
	whose   api.TaskRef
	request *api.Resources
	tenant  string
	thrift  bool    // it waits only for want of a budget of carbon
	recall  *recall // what was worked out before; nil: by readers, who keep nothing
	rooms   rooms   // what a reader has worked out of sites meanwhile; nil: the engine keeps that
}

// timingOf asks for the pending elements of a task of a workload.
func (e *Engine) timingOf(w *state.Workload, task uint16, due api.Time) timing {
	q := e.timingEach(w, task, due, e.recalled())
	v := q.recall.waitingOf(w, task)
	q.count = v.count
	if q.slower != 0 {
		q.ready = v.ready(e.st.Now)
	}
	if d := e.st.Deferred(w.ID, task); d != nil {
		q.since, q.site = d.Since, d.Site
	}
	return q
}

// timingEach asks for one element of a task.
func (e *Engine) timingEach(w *state.Workload, task uint16, due api.Time, recall *recall) timing {
	spec, p := &w.Spec.Tasks[task], &w.Profiles[task]
	q := timing{
		by: w.Spec.Objective, due: due, lasts: p.Samples > 0 || spec.Duration > 0, recall: recall, count: 1, run: max(p.Run, api.Second), high: max(p.RunHigh, p.Run, api.Second),
		behind: recall.behind(w, task), since: e.st.Now, ready: e.st.Now, whose: api.TaskRef{Workload: w.ID, Task: task}, request: &spec.Resources, keep: keeping(&spec.Resources),
	}
	q.tenant, q.gang = w.Spec.Tenant, w.Spec.Gang
	if q.thrift = e.thrifty(w); q.thrift {
		q.by = api.ObjectiveCarbon
	}
	ask := &sched.Ask{Tenant: w.Spec.Tenant, Strategy: w.Spec.Strategy, Objective: w.Spec.Objective}
	q.slower, q.stretch = e.index.Slowdown(ask), e.index.Stretch(ask)
	return q
}

// dueOf is when a job must have ended; 0 is never.
func (e *Engine) dueOf(w *state.Workload) api.Time {
	if w.Spec.Deadline <= 0 || w.Spec.Schedule != nil {
		return 0
	}
	return w.Submitted.Add(w.Spec.Deadline)
}

// behind is, for each task, how long those take that come after it, on the longest way. Each
// is looked at once, when all that come after it have been; those in a circle never are.
func behind(w *state.Workload) []api.Duration {
	then, most := make([]int, len(w.Spec.Tasks)), make([]api.Duration, len(w.Spec.Tasks))
	for i := range w.Spec.Tasks {
		for _, before := range w.After(i) {
			then[before]++
		}
	}
	var ready []int
	for i, n := range then {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	for ; len(ready) > 0; ready = ready[1:] {
		i := ready[0]
		p := &w.Profiles[i]
		takes := min(most[i]+min(max(p.RunHigh, p.Run), longestWay), longestWay)
		for _, before := range w.After(i) {
			most[before] = max(most[before], takes)
			if then[before]--; then[before] == 0 {
				ready = append(ready, int(before))
			}
		}
	}
	return most
}

// longestWay bounds times that are added up, so that sums stay in range.
const longestWay = api.MaxDuration / 4

// canHold reports whether an element can be held still while it runs: by its driver, and
// with nobody who would miss it meanwhile.
func canHold(w *state.Workload, task uint16) bool { return cannotHold(w, task) == "" }

// cannotHold says why an element cannot be held still; "" when it can.
func cannotHold(w *state.Workload, task uint16) string {
	t := &w.Spec.Tasks[task]
	switch {
	case t.Driver != api.DriverProcess && t.Driver != api.DriverWASM:
		return "runs by driver " + t.Driver + ", which cannot hold it still"
	case t.AtMostOnce:
		return "runs at most once"
	case len(t.Checks) > 0:
		return "has checks, which would fail meanwhile"
	case w.Spec.Gang && t.Count > 1:
		return "is a gang"
	}
	return ""
}

// keeping is what memory that is kept takes, in thousandths of what running takes.
func keeping(r *api.Resources) int64 {
	cores, gib := max(int64(r.CPU), 100), int64(r.Memory>>20) // thousandths, and MiB
	return min(keepGiB*gib*1000/1024*1000/(runCore*cores), 1000)
}

// margin is how much of the time that is left is kept for what comes between: a twentieth. A
// gang that needs more of its site at once than such work may fill may find a node of it taken
// in its hour, and what is smaller takes the next ones that are free: it keeps half.
func (q *timing) margin(now api.Time) api.Duration {
	if q.gang && q.need > sharedPart {
		return q.due.Sub(now) / 2
	}
	return q.due.Sub(now) / 20
}

// within is the latest moment at which what is left of a run goes on that the strategy
// allows, no later than one that the deadline does.
func (q *timing) within(latest api.Time, run, left api.Duration) api.Time {
	if q.slower == 0 {
		return latest
	}
	return min(latest, q.ready.Add(times(run/100, q.slower)+run-left))
}

// mayStand is for how long the strategy lets an element stand still that takes so long
// without, its stops included, as far as its stretch is bounded.
func (q *timing) mayStand(takes api.Duration) api.Duration {
	return max(times(q.run/100, q.stretch)-(takes-q.run), 0)
}

// rests is how many pieces of a time may pass with stops, if each is a stop of its own.
func rests(d, step api.Duration) int { return int(d / (step + stopCost)) }

// runIn is what takes so long, in whole pieces of hours. Of the last of them it may run in a
// part only, so that a stop is told by how long it really runs in a piece, in eighths, as
// many ask alike; what is less than one is over too soon to be held still.
func runIn(h *sched.Hours, run api.Duration) sched.Run {
	n := int64(max((run+h.Step-1)/h.Step, 1))
	eighths := int64(run * 8 / h.Step)
	if eighths == 0 {
		return sched.Run{Pieces: 1, Stop: 1000 * sched.MaxPieces}
	}
	return sched.Run{Pieces: int(n), Stop: int64(stopCost*1000/h.Step) * 8 * n / eighths}
}
