package engine

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// Time-slicing: jobs that have a deadline wait for hours in which their energy is clean
// or cheap, and are held still between such hours where their driver can do that. What
// was decided stands in the state, with when it is to be looked at again: at that moment,
// and whenever there is news of a signal, it is planned anew. Every planned moment leaves
// an event, so that an engine which was rebuilt in between decides alike.

const (
	// stopCost is what holding a task still once costs, as a time that it would run: cold
	// caches, and that its node may die meanwhile, which would cost all that was done.
	stopCost = 5 * api.Minute
	// keepGiB is the power of memory that is kept, in mW a GiB, and runCore that of a core,
	// the means of the Cloud Carbon Footprint methodology.
	keepGiB, runCore = 392, 2760
	// sharedPart is how much of a site work that waits may fill in an hour, in millionths:
	// the rest is for what does not wait.
	sharedPart = 750_000
	whole      = 1_000_000
	// lookedAt is how many workloads, and tasks and elements of them that are planned anew,
	// one Step looks at when there is news of a signal.
	lookedAt = 256
)

// slicing is what an engine keeps for time-slicing; all of it follows from the state.
type slicing struct {
	jobs   []uint64                  // that may wait or be held still, in order
	booked map[slot]int64            // of sites by the hour, in millionths
	waits  map[api.TaskRef]slotted   // what of it is whose, by task
	sites  map[string]*api.Resources // what their open nodes have; nil: not known
	news   bool                      // a signal has changed in this Step
}

type slot struct {
	site string
	hour int64
}

type slotted struct {
	site     string
	from, to int64 // hours
	part     int64
}

// slices reports whether a workload may wait for better hours.
func (e *Engine) slices(w *state.Workload) bool {
	return w.Spec.Kind == api.KindJob && w.Spec.Deadline > 0 && (w.Spec.Schedule == nil || w.Parent != 0) && !w.Status.Final() &&
		e.index.Slices(&sched.Ask{Tenant: w.Spec.Tenant, Strategy: w.Spec.Strategy, Objective: w.Spec.Objective})
}

// noteSlicer keeps the list of those that do.
func (e *Engine) noteSlicer(w *state.Workload) {
	if !e.follower && e.slices(w) {
		e.slicing.jobs = insertSorted(e.slicing.jobs, w.ID)
	} else {
		e.slicing.jobs = removeSorted(e.slicing.jobs, w.ID)
	}
}

func (e *Engine) noteSlicers() {
	e.slicing.jobs = nil
	for _, id := range e.st.SortedWorkloads() {
		e.noteSlicer(e.st.Workloads[id])
	}
}

// putOff lets the elements of a task wait if better hours come, and says in the decision
// why they do not.
func (e *Engine) putOff(it *sched.Item, d *api.Decision) bool {
	w, t := e.st.Task(it.Ref)
	if !e.index.Slices(it.Ask) || w.Spec.Kind != api.KindJob {
		return false
	}
	q := e.timingOf(w, t.Ref.Task, e.dueOf(w))
	q.held = it.Gang == nil && canHold(w, t.Ref.Task)
	if n := e.st.Nodes[d.Chosen.Node]; n != nil {
		q.site = n.Site
	}
	e.measureSite(q.site)
	wait, why := e.better(&q)
	if wait == nil {
		d.Timing = why
		return false
	}
	e.emit(&state.TasksDeferred{Workload: w.ID, Task: t.Ref.Task, Wait: wait})
	return true
}

// timing asks when elements of a task would best start.
type timing struct {
	by      api.Objective
	site    string
	due     api.Time // of the job; 0: it has no deadline
	known   bool     // how long it runs
	run     api.Duration
	high    api.Duration // its upper quantile
	behind  api.Duration // what comes after it in the job takes, by upper quantiles
	part    int64        // of its site that an element needs, in millionths
	count   int64        // elements
	held    bool
	keep    int64    // see sched.Run
	since   api.Time // when it began to wait
	whose   api.TaskRef
	request *api.Resources
}

// timingOf asks for the pending elements of a task of a workload.
func (e *Engine) timingOf(w *state.Workload, task uint16, due api.Time) timing {
	spec, p := &w.Spec.Tasks[task], &w.Profiles[task]
	q := timing{
		by: w.Spec.Objective, due: due, known: p.Samples > 0 || spec.Duration > 0, run: max(p.Run, api.Second), high: max(p.RunHigh, p.Run, api.Second),
		behind: behind(w, task), since: e.st.Now, whose: api.TaskRef{Workload: w.ID, Task: task}, request: &spec.Resources, keep: keeping(&spec.Resources),
	}
	q.count = 1
	if int(task) < len(w.Groups) {
		q.count = 0
		for _, t := range w.Groups[task].Tasks {
			if t.Status == api.TaskPending {
				q.count++
			}
		}
	}
	if d := e.st.Deferred(w.ID, task); d != nil {
		q.since, q.site = d.Since, d.Site
	}
	return q
}

// dueOf is when a job must have ended; 0 is never.
func (e *Engine) dueOf(w *state.Workload) api.Time {
	if w.Spec.Deadline <= 0 || w.Spec.Schedule != nil {
		return 0
	}
	return w.Submitted.Add(w.Spec.Deadline)
}

// behind is how long the tasks take that come after one, on the longest way. Each is
// looked at once, when all that come after it have been; those in a circle never are.
func behind(w *state.Workload, task uint16) api.Duration {
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
	for ; len(ready) > 0 && ready[0] != int(task); ready = ready[1:] {
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
	return most[task]
}

// longestWay bounds times that are added up, so that sums stay in range.
const longestWay = api.MaxDuration / 4

// canHold reports whether an element can be held still while it runs: by its driver, and
// with nobody who would miss it meanwhile.
func canHold(w *state.Workload, task uint16) bool {
	t := &w.Spec.Tasks[task]
	return (t.Driver == api.DriverProcess || t.Driver == api.DriverWASM) && !t.AtMostOnce && len(t.Checks) == 0 && !(w.Spec.Gang && t.Count > 1)
}

// keeping is what memory that is kept takes, in thousandths of what running takes.
func keeping(r *api.Resources) int64 {
	cores, gib := max(int64(r.CPU), 100), int64(r.Memory>>20) // thousandths, and MiB
	return min(keepGiB*gib*1000/1024*1000/(runCore*cores), 1000)
}

// better is for what hour the elements of a task had better wait; nil and why, when now is
// as good as any or nothing is known.
func (e *Engine) better(q *timing) (*api.Deferral, string) {
	switch {
	case q.due == 0:
		return nil, "starts at once: it has no deadline, so that it is not known how long it may wait"
	case !q.known:
		return nil, "starts at once: how long it runs is not known yet"
	}
	waves := e.crowd(q)
	run, high := times(q.run, waves), times(q.high, waves)
	margin := q.due.Sub(e.st.Now) / 20
	latest := q.due.Add(-high - q.behind - margin)
	h, why := e.index.Hours(q.site, q.by, e.st.Now, latest.Add(run))
	if why != "" || latest <= e.st.Now {
		if latest <= e.st.Now {
			why = "its deadline leaves no time to wait"
		}
		return nil, "starts at once: " + why
	}
	pieces := int((run + h.Step - 1) / h.Step)
	fit, ok := h.Fit(sched.Run{
		Pieces: pieces, Held: q.held, Keep: q.keep, Stop: int64(stopCost * 1000 / h.Step),
		Closed: func(i int) bool { return i > 0 && !e.roomAt(q, h.At(i)) },
	})
	if !ok || fit.First == 0 {
		return nil, "starts now: no better hours come by " + latest.Beside(e.st.Now)
	}
	return &api.Deferral{
		Until: min(h.At(fit.First), latest), Latest: latest, Since: q.since, By: h.By, Site: q.site, Saves: fit.Saves(), Run: run,
		Part: q.part * min(q.count, max(sharedPart/max(q.part, 1), 1)), Doubt: h.Doubt,
	}, ""
}

// crowd works out what part of its site an element needs, and how often the site must be
// filled for all of them.
func (e *Engine) crowd(q *timing) (waves int64) {
	has := e.extent(q.site)
	q.part = 1
	for _, r := range [...][2]int64{
		{int64(q.request.CPU), int64(has.CPU)}, {int64(q.request.Memory >> 20), int64(has.Memory >> 20)}, {devices(q.request), devices(has)},
	} {
		if r[1] > 0 {
			q.part = max(q.part, min(r[0]*whole/r[1], whole))
		}
	}
	at := max(sharedPart/q.part, 1)
	return max((q.count+at-1)/at, 1)
}

// times is a duration so many times over, as far as that stays in range.
func times(d api.Duration, n int64) api.Duration {
	return min(d, api.MaxDuration/api.Duration(n)) * api.Duration(n)
}

func devices(r *api.Resources) (sum int64) {
	for i := range r.Accelerators {
		sum += int64(r.Accelerators[i].Count)
	}
	return sum
}

// extent is what the open nodes of a site have. Readers may not keep it.
func (e *Engine) extent(site string) *api.Resources {
	if has := e.slicing.sites[site]; has != nil {
		return has
	}
	has := &api.Resources{}
	for _, n := range e.st.Nodes { // order-free: sums
		if n.Site == site && !n.Silent && !n.Drain {
			has.CPU += n.Capacity.CPU
			has.Memory += n.Capacity.Memory
			has.Accelerators = append(has.Accelerators, api.Accelerator{Count: api.Milli(devices(&n.Capacity))})
		}
	}
	if d := devices(has); d > 0 {
		has.Accelerators = []api.Accelerator{{Count: api.Milli(d)}}
	}
	return has
}

// measureSite keeps the extent of a site until its nodes change.
func (e *Engine) measureSite(site string) {
	if e.slicing.sites == nil {
		e.slicing.sites = map[string]*api.Resources{}
	}
	if e.slicing.sites[site] == nil {
		e.slicing.sites[site] = e.extent(site)
	}
}

// roomAt reports whether work that waits leaves room at an hour. A task that needs more
// than such work may fill has it for itself.
func (e *Engine) roomAt(q *timing, at api.Time) bool {
	key := slot{q.site, int64(at) / int64(api.Hour)}
	taken := e.slicing.booked[key]
	if own, ok := e.slicing.waits[q.whose]; ok && own.site == q.site && own.from <= key.hour && key.hour <= own.to {
		taken -= own.part
	}
	return taken+q.part <= max(sharedPart, q.part)
}

// bookSlots brings what is booked in step with what a task waits for.
func (e *Engine) bookSlots(ref api.TaskRef, d *api.Deferral) {
	s := &e.slicing
	if s.booked == nil {
		s.booked, s.waits = map[slot]int64{}, map[api.TaskRef]slotted{}
	}
	if old, ok := s.waits[ref]; ok {
		s.add(old, -1)
		delete(s.waits, ref)
	}
	if d != nil {
		w := slotted{d.Site, int64(d.Until) / int64(api.Hour), int64(d.Until.Add(min(d.Run, 8*api.Day))) / int64(api.Hour), d.Part}
		s.waits[ref] = w
		s.add(w, 1)
	}
}

func (s *slicing) add(w slotted, sign int64) {
	for hour := w.from; hour <= w.to; hour++ {
		key := slot{w.site, hour}
		if s.booked[key] += sign * w.part; s.booked[key] == 0 {
			delete(s.booked, key)
		}
	}
}

// deferred brings indexes in step with whether a task waits for better hours.
func (e *Engine) deferred(ref api.TaskRef) {
	d := e.st.Deferred(ref.Workload, ref.Task)
	e.bookSlots(ref, d)
	if d != nil && !e.follower {
		e.timers.add(timer{at: d.Until, kind: timerDeferred, ref: ref})
	}
	w := e.st.Workloads[ref.Workload]
	if w == nil || int(ref.Task) >= len(w.Groups) {
		return
	}
	for _, t := range w.Groups[ref.Task].Tasks {
		if t.Status == api.TaskPending {
			e.sync(w, t)
		}
	}
}

// undeferred forgets the bookings of a workload that has ended.
func (e *Engine) undeferred(w *state.Workload) {
	for task := range w.Groups {
		e.bookSlots(api.TaskRef{Workload: w.ID, Task: uint16(task)}, nil)
	}
	e.slicing.jobs = removeSorted(e.slicing.jobs, w.ID)
}

// hoursCome lets a task go on whose hour has come: it is decided anew, and may wait again
// if what is known has changed.
func (e *Engine) hoursCome(v *timer) {
	if d := e.st.Deferred(v.ref.Workload, v.ref.Task); d != nil && d.Until == v.at {
		e.emit(&state.TasksDeferred{Workload: v.ref.Workload, Task: v.ref.Task})
	}
}

// lookAtHours plans all anew when a signal has changed, some of it a Step.
func (e *Engine) lookAtHours() {
	l, from := look{left: lookedAt}, uint64(0)
	switch s := e.st.Slicing; {
	case e.slicing.news:
	case !s.Looking():
		return
	default:
		from, l.at = s.From, s.At
	}
	e.slicing.news = false
	first, _ := slices.BinarySearch(e.slicing.jobs, from+1)
	for _, id := range slices.Clone(e.slicing.jobs[first:]) {
		if at := e.lookAtJob(e.st.Workloads[id], &l); at != nil {
			e.out.More = true
			e.emit(&state.SlicingLooked{From: id - 1, At: at})
			return
		}
	}
	if e.st.Slicing.Looking() {
		e.emit(&state.SlicingLooked{})
	}
}

// look is how far one Step gets.
type look struct {
	at    *api.TaskRef // elements before it have been looked at; nil: none has
	left  int
	begun bool // something was looked at
}

// past reports whether an element was looked at by an earlier Step.
func (l *look) past(ref api.TaskRef) bool {
	return l.at != nil && ref.Workload == l.at.Workload && (ref.Task < l.at.Task || ref.Task == l.at.Task && ref.Index < l.at.Index)
}

// over reports whether the next thing is for another Step. Each gets further than the one
// before.
func (e *Engine) over(l *look) bool {
	l.left--
	return l.begun && (l.left < 0 || e.full())
}

// lookAtJob returns the element at which the next Step goes on; nil when all was seen.
func (e *Engine) lookAtJob(w *state.Workload, l *look) *api.TaskRef {
	if e.over(l) {
		return &api.TaskRef{Workload: w.ID}
	}
	for task := range w.Groups {
		end := api.TaskRef{Workload: w.ID, Task: uint16(task), Index: w.Groups[task].Next}
		for _, t := range w.Groups[task].Tasks {
			switch {
			case t.Status != api.TaskRunning && t.Status != api.TaskSuspended || l.past(t.Ref):
			case e.over(l):
				at := t.Ref
				return &at
			default:
				e.turn(w, t)
				l.begun = true
			}
		}
		if e.st.Deferred(w.ID, uint16(task)) == nil || l.past(end) {
			continue
		}
		if e.over(l) {
			return &end
		}
		e.lookAtTask(w, uint16(task))
		l.begun = true
	}
	l.begun = true
	return nil
}

// lookAtTask plans anew until when a task waits.
func (e *Engine) lookAtTask(w *state.Workload, task uint16) {
	d, q := e.st.Deferred(w.ID, task), e.timingOf(w, task, e.dueOf(w))
	q.held = canHold(w, task)
	e.measureSite(q.site)
	switch wait, _ := e.better(&q); {
	case wait == nil:
		e.emit(&state.TasksDeferred{Workload: w.ID, Task: task})
	case wait.Until != d.Until:
		e.emit(&state.TasksDeferred{Workload: w.ID, Task: task, Wait: wait})
	}
}

// deferral is until when the elements of a task of a plan would wait.
func (e *Engine) deferral(w *state.Workload, task uint16, ask *sched.Ask, d *api.Decision, due api.Time) *api.Deferral {
	if d.Chosen == nil || w.Spec.Kind != api.KindJob || !e.index.Slices(ask) {
		return nil
	}
	q := e.timingOf(w, task, due)
	q.count, q.held = max(int64(ask.Task.Count), 1), canHold(w, task)
	if n := e.st.Nodes[d.Chosen.Node]; n != nil {
		q.site = n.Site
	}
	wait, why := e.better(&q)
	d.Timing = why
	return wait
}
