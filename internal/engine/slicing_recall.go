package engine

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// recall is what time-slicing has worked out and will be asked again, as for each element
// of a job. All of it follows from the state, so that whoever works it out anew, as an
// engine that was rebuilt, comes to the same. The zero value knows nothing. Of a nil one
// nothing is remembered: readers share an engine.
type recall struct {
	fits    sched.Fits
	prices  map[priced]sched.Shadow
	ways    map[uint64]ways          // by workload
	waiting map[api.TaskRef]*waiting // by task
	shut    map[shutKey]sched.Pieces // as long as what is booked and held stays
}

// Bounds on what is remembered.
const mostWays, mostShut = 256, 1024

// recalled is what the decisions of a Step remember.
func (e *Engine) recalled() *recall {
	if e.slicing.forgetful {
		return nil
	}
	return &e.slicing.recall
}

// spans are the hours and what fits into them; nil keeps nothing.
func (r *recall) spans() *sched.Fits {
	if r == nil {
		return nil
	}
	return &r.fits
}

// price is that of a budget, worked out the first time.
func (r *recall) price(key priced, work func() (sched.Shadow, bool)) (p sched.Shadow, known bool) {
	if r == nil {
		return work()
	}
	if p, known = r.prices[key]; known {
		return p, true
	}
	if p, known = work(); !known {
		return p, false
	}
	if r.prices == nil || len(r.prices) >= mostPrices {
		r.prices = map[priced]sched.Shadow{}
	}
	r.prices[key] = p
	return p, true
}

// ways is how long comes behind each task of a workload.
type ways struct {
	revision uint32
	behind   []api.Duration
}

// behind is how long the tasks take that come after one, on the longest way.
func (r *recall) behind(w *state.Workload, task uint16) api.Duration {
	switch {
	case len(w.Spec.Tasks) == 1:
		return 0
	case r == nil:
		return behind(w)[task]
	}
	if v, known := r.ways[w.ID]; known && v.revision == w.Revision {
		return v.behind[task]
	}
	if r.ways == nil || len(r.ways) >= mostWays {
		r.ways = map[uint64]ways{}
	}
	r.ways[w.ID] = ways{w.Revision, behind(w)}
	return r.ways[w.ID].behind[task]
}

// waiting are the elements of a task that are pending.
type waiting struct {
	count  int64
	tasks  []*state.Task // also those that were placed meanwhile
	sorted bool          // by when they could have begun
}

// waitingOf counts the elements of a task that are pending.
func (r *recall) waitingOf(w *state.Workload, task uint16) *waiting {
	key := api.TaskRef{Workload: w.ID, Task: task}
	if r != nil && r.waiting[key] != nil {
		return r.waiting[key]
	}
	v := &waiting{}
	for _, t := range w.Groups[task].Tasks {
		if t.Status == api.TaskPending {
			v.tasks = append(v.tasks, t)
		}
	}
	v.count = int64(len(v.tasks))
	if r != nil {
		if r.waiting == nil {
			r.waiting = map[api.TaskRef]*waiting{}
		}
		r.waiting[key] = v
	}
	return v
}

// ready is when the first of them could have begun; now when there is none.
func (v *waiting) ready(now api.Time) api.Time {
	if !v.sorted {
		slices.SortStableFunc(v.tasks, func(a, b *state.Task) int { return cmp.Compare(a.Ready, b.Ready) })
		v.sorted = true
	}
	for len(v.tasks) > 0 && v.tasks[0].Status != api.TaskPending {
		v.tasks = v.tasks[1:]
	}
	if len(v.tasks) == 0 {
		return now
	}
	return min(v.tasks[0].Ready, now)
}

// shutKey is all that it follows from in which pieces work cannot start, beside what is
// booked and held.
type shutKey struct {
	hours *sched.Hours
	site  string
	need  int64
	own   slotted
}

// shut are the pieces in which an element cannot start, as others wait for them or run then still.
func (e *Engine) shut(q *timing, h *sched.Hours) sched.Pieces {
	r, key := q.recall, shutKey{h, q.site, q.need, e.slicing.waits[q.whose]}
	if r == nil {
		return e.crowded(q, h)
	}
	if closed, known := r.shut[key]; known {
		return closed
	}
	if r.shut == nil || len(r.shut) >= mostShut {
		r.shut = map[shutKey]sched.Pieces{}
	}
	closed := e.crowded(q, h)
	r.shut[key] = closed
	return closed
}

// remind forgets what an event changes.
func (r *recall) remind(ev state.Event) {
	switch v := ev.(type) {
	case *state.SignalPut, *state.SitePut:
		*r = recall{}
	case *state.TaskPlaced:
		if of := r.waiting[api.TaskRef{Workload: v.Ref.Workload, Task: v.Ref.Task}]; of != nil {
			of.count--
		}
	case *state.TasksDeferred, *state.TaskStarted, *state.TaskSliced, *state.SlicingLooked, *state.ShapeRefused, *state.ShapeCleared,
		*state.ReservationMade, *state.ReservationEnded, *state.BudgetHeld, *state.BudgetFreed: // nobody begins to wait
	default:
		r.waiting = nil
	}
}
