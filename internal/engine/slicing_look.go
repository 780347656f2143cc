package engine

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// lookAtHours plans all anew when a signal has changed, some of it a Step, and at the beginning
// of each hour as long as anybody waits: what others hold may have changed. What comes in
// between does not have it begin anew, or what stands last would never be looked at where
// signals change often: it goes on to the end, and from the first on to where it was.
func (e *Engine) lookAtHours() {
	stands, looking := e.lookStands()
	hour := e.hourBegins()
	news := e.slicing.news || hour != 0
	if news && looking {
		stands.Again, stands.To = stands.From+1, 0
	}
	if !news && !looking {
		return
	}
	e.slicing.news = false
	l := look{left: lookedAt, at: stands.At}
	at := e.lookOn(stands.From, stands.To, &l)
	if at == nil && stands.Again != 0 {
		stands.To, stands.Again, l.at = stands.Again, 0, nil
		at = e.lookOn(0, stands.To, &l)
	}
	switch {
	case at != nil:
		e.goesOn = true
		e.emit(&state.SlicingLooked{From: at.Workload - 1, At: at, Again: stands.Again, To: stands.To, Hour: hour})
	case looking || hour != 0:
		e.emit(&state.SlicingLooked{Hour: hour})
	}
}

// hourBegins is the present hour when somebody waits and there was no look for it yet; else 0.
func (e *Engine) hourBegins() api.Time {
	if len(e.slicing.waits) == 0 {
		return 0
	}
	if hour := e.st.Now - e.st.Now%api.Time(api.Hour); hour > e.st.Slicing.Hour {
		return hour
	}
	return 0
}

// hourlyTimer reminds of the next hour.
func (e *Engine) hourlyTimer() {
	if next := e.st.Now - e.st.Now%api.Time(api.Hour) + api.Time(api.Hour); next > e.slicing.hourly {
		e.slicing.hourly = next
		e.timers.add(timer{at: next, kind: timerHour})
	}
}

// lookStands is how far a look has come, and whether one is under way.
func (e *Engine) lookStands() (stands state.SlicingLooked, looking bool) {
	if s := e.st.Slicing; s.Looking() {
		return state.SlicingLooked{From: s.From, At: s.At, Again: s.Again, To: s.To}, true
	}
	return stands, false
}

// lookOn looks at the workloads behind one up to another one, 0 being the last there is. It
// returns the element at which the next Step goes on; nil when all was seen.
func (e *Engine) lookOn(from, to uint64, l *look) *api.TaskRef {
	jobs := e.slicing.jobs
	first, _ := slices.BinarySearch(jobs, from+1)
	for _, id := range slices.Clone(jobs[first:min(first+lookedAt+1, len(jobs))]) {
		if to != 0 && id > to {
			break
		}
		if at := e.lookAtJob(e.st.Workloads[id], l); at != nil {
			return at
		}
	}
	return nil
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
