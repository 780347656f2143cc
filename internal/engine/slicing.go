package engine

import (
	"strconv"

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
	// sharedPart is how much of a site work that waits may fill in an hour, beside what runs
	// then still, in millionths: the rest is for what does not wait.
	sharedPart = 750_000
	whole      = 1_000_000
	// lookedAt is how many workloads, and tasks and elements of them that are planned anew,
	// one Step looks at when there is news of a signal.
	lookedAt = 256
)

// slicing is what an engine keeps for time-slicing; all of it follows from the state.
type slicing struct {
	jobs   []uint64                // that may wait or be held still, in order
	booked map[slot]int64          // of sites by the hour, in millionths
	waits  map[api.TaskRef]slotted // what of it is whose, by task
	sites  map[string]space        // what their open nodes have; where nothing stands: not known
	held   *held                   // what elements hold, by the hour; nil: nobody has asked yet
	news   bool                    // a signal has changed in this Step
	hourly api.Time                // when a timer has the next hour looked at; 0: none does
	recall recall
	// forgetful has all worked out anew: tests compare.
	forgetful bool
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

// better is for what hour the elements of a task had better wait; nil and why, when now is
// as good as any or nothing is known.
func (e *Engine) better(q *timing) (*api.Deferral, string) {
	switch {
	case q.due == 0:
		return nil, "starts at once: it has no deadline, so that it is not known how long it may wait"
	case !q.lasts:
		return nil, "starts at once: how long it runs is not known yet"
	}
	scarce, left := e.scarcity(q)
	if q.thrift && scarce == nil {
		return nil, "starts at once: " + string(left)
	}
	waves := e.crowd(q)
	run, high := times(q.run, waves), times(q.high, waves)
	latest := q.due.Add(-high - q.behind - q.margin(e.st.Now))
	within := q.within(latest, run, run)
	h, why := q.recall.spans().Hours(e.index, q.site, q.by, e.st.Now, within.Add(run))
	if why != "" || within <= e.st.Now {
		if latest <= e.st.Now {
			why = "its deadline leaves no time to wait"
		} else if within <= e.st.Now {
			why = "it may end no more than " + strconv.FormatInt(q.slower, 10) + " % of its run later than at once"
		}
		return nil, "starts at once: " + why
	}
	r := runIn(h, run)
	r.Held, r.Keep, r.Closed = q.held && !q.thrift, q.keep, e.shut(q, h)
	if q.stretch > 0 {
		r.Rests = rests(q.mayStand(q.run), h.Step)
		r.Held = r.Held && r.Rests > 0
	}
	latest = within
	until := latest
	if scarce != nil { // the next window has another budget
		r.Wait, until = scarce.Hour*int64(h.Step/api.Minute)/60, min(latest, scarce.end)
	}
	fit, ok := q.recall.spans().Fit(h, r)
	if !ok || fit.First == 0 {
		return nil, "starts now: " + noneBetter(latest.Beside(e.st.Now), r.Closed != (sched.Pieces{}), scarce != nil, string(left))
	}
	return &api.Deferral{
		Until: min(h.At(fit.First), until), Latest: latest, Since: q.since, By: h.By, Site: q.site, Saves: fit.Saves(), Run: run,
		Part: q.need, Doubt: h.Doubt, Budget: string(left),
	}, ""
}

// noneBetter says that no hours by a moment are better than now.
func noneBetter(by string, crowded, thrift bool, left string) string {
	with := ""
	if crowded {
		with = "with room "
	}
	if thrift {
		return "no hours " + with + "by " + by + " are worth waiting for; " + left
	}
	return "no better hours " + with + "come by " + by
}

// deferred brings indexes in step with whether a task waits for better hours.
func (e *Engine) deferred(ref api.TaskRef) {
	d := e.st.Deferred(ref.Workload, ref.Task)
	e.bookSlots(ref, d)
	if d != nil && !e.follower {
		e.timers.add(timer{at: d.Until, kind: timerDeferred, ref: ref})
		e.hourlyTimer()
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
		ref := api.TaskRef{Workload: w.ID, Task: uint16(task)}
		e.bookSlots(ref, nil)
		delete(e.resumes, ref)
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

// deferral is until when the elements of a task of a plan would wait.
func (e *Engine) deferral(w *state.Workload, task uint16, ask *sched.Ask, d *api.Decision, due api.Time, known rooms) *api.Deferral {
	if d.Chosen == nil || w.Spec.Kind != api.KindJob || !e.index.Slices(ask) {
		return nil
	}
	q := e.timingEach(w, task, due, nil)
	q.count, q.held, q.rooms = max(int64(ask.Task.Count), 1), canHold(w, task), known
	if n := e.st.Nodes[d.Chosen.Node]; n != nil {
		q.site = n.Site
	}
	wait, why := e.better(&q)
	d.Timing = why
	return wait
}
