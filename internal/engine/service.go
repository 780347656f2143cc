package engine

import (
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// replicas sorts the elements of a service by what they are good for.
type replicas struct {
	fresh   []*state.Task // of the present revision, on nodes that stay, not to be stopped
	old     []*state.Task // to be replaced: earlier revision, or on a draining node
	ended   []*state.Task // of the present revision, ended for good by their restart policy
	useless []*state.Task // ended, and of no meaning any more
	good    int           // healthy for long enough, fresh and old
	ready   int           // fresh and good
	leaving int           // asked to stop, not ended yet
	broken  string        // why the present revision does not work
}

// reconcileService brings a service to its number of replicas of the present
// revision: at most MaxSurge above it, never below MinHealthy through its own
// doing. An update that breaks or makes no progress goes back to the last
// revision that was healthy.
func (e *Engine) reconcileService(w *state.Workload) {
	r := e.sortReplicas(w)
	if e.rolledBack(w, r) {
		return
	}
	want := int(w.Replicas())
	e.retireAll(w, r.useless, "replaced by revision "+revision(w.Revision))
	e.addReplicas(w, r, want)
	e.removeOld(w, r, want)
	e.removeExtra(w, r, want)
	if w.Stable != w.Revision && !e.full() && e.stable(w, want) {
		e.emit(&state.RevisionStable{ID: w.ID, Revision: w.Revision})
	}
}

// stable reports whether all replicas are of the present revision, and healthy.
func (e *Engine) stable(w *state.Workload, want int) bool {
	r := e.sortReplicas(w) // as it is now, after what was added and removed
	return r.ready == want && len(r.fresh) == want && len(r.old) == 0
}

func (e *Engine) sortReplicas(w *state.Workload) *replicas {
	r := &replicas{}
	for _, t := range w.Groups[0].Tasks {
		switch {
		case t.Status.Final():
			r.addFinal(t, w.Revision)
		case t.Stop == state.StopRemove || t.Stop == state.StopCancel:
			r.leaving++
		default:
			e.addLive(w, r, t)
		}
	}
	return r
}

func (r *replicas) addFinal(t *state.Task, present uint32) {
	if t.Revision != present || t.Status == api.TaskCancelled {
		r.useless = append(r.useless, t)
		return
	}
	r.ended = append(r.ended, t)
	if t.Status == api.TaskFailed {
		r.broken = t.Reason
	}
}

func (e *Engine) addLive(w *state.Workload, r *replicas, t *state.Task) {
	present, well := t.Revision == w.Revision, e.wellFor(w, t)
	if present && (t.Fails >= brokenAfter || t.Stop == state.StopRestart) {
		r.broken = t.Reason
	}
	if well {
		r.good++
	}
	if n := e.st.Nodes[t.Node]; !present || t.Status.Holds() && n != nil && n.Drain || e.movedOff(t) != nil {
		r.old = append(r.old, t)
		return
	}
	r.fresh = append(r.fresh, t)
	if well {
		r.ready++
	}
}

// brokenAfter is how many failures of one replica condemn a new revision.
const brokenAfter = 2

// wellFor reports whether a replica counts as healthy.
func (e *Engine) wellFor(w *state.Workload, t *state.Task) bool {
	if t.Status != api.TaskRunning || !t.Healthy || t.Stop != state.StopNothing {
		return false
	}
	n := e.st.Nodes[t.Node]
	return n != nil && !n.Silent && t.HealthyAt.Add(w.Spec.Update.HealthyAfter) <= e.st.Now
}

func (e *Engine) rolledBack(w *state.Workload, r *replicas) bool {
	end := progressEnd(w)
	if end == 0 {
		return false
	}
	why := r.broken
	if why == "" && end <= e.st.Now {
		why = "no progress for " + w.Spec.Update.ProgressDeadline.String()
	}
	to := pastRevision(w, w.Stable)
	if why == "" || to == nil {
		return false
	}
	if e.fits(submitSize(to.Spec)) {
		e.rollBack(w, to, "revision "+revision(w.Revision)+" rolled back to "+revision(w.Stable)+": "+why, "")
	}
	return true
}

func revision(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// addReplicas starts what is missing, as far as MaxSurge allows.
func (e *Engine) addReplicas(w *state.Workload, r *replicas, want int) {
	room := want + int(w.Spec.Update.MaxSurge) - len(r.fresh) - len(r.old) - r.leaving
	if n := min(want-len(r.fresh)-len(r.ended), room); n > 0 && !e.full() {
		first := w.Groups[0].Next
		e.emit(&state.ReplicasAdded{ID: w.ID, First: first, Count: uint32(n)})
		for i := range uint32(n) {
			r.fresh = append(r.fresh, w.Groups[0].Get(first+i))
		}
	}
}

// removeOld stops replicas that are to be replaced: the bad ones at once, the healthy ones
// while enough others are. Where a drain has time left, or work is moved, another one must
// have taken the place of a healthy one, as there may be no place for any; and one that is
// bad, or just begins, goes when there is a place elsewhere for others.
func (e *Engine) removeOld(w *state.Workload, r *replicas, want int) {
	// Without room for a first replica of the new revision an old one makes way.
	crowded := len(r.fresh)+len(r.old) >= want+int(w.Spec.Update.MaxSurge)
	spare := r.good - minHealthy(w, want)
	left := r.old[:0:0]
	for _, t := range r.old {
		well, why := e.wellFor(w, t), "replaced by revision "+revision(w.Revision)
		moved, graced := e.movedOff(t), false
		switch {
		case t.Revision != w.Revision:
		case moved != nil:
			why = moved.Why
		default:
			why, graced = "node "+t.Node+" is being drained", e.st.Nodes[t.Node].DrainUntil > e.st.Now
		}
		switch {
		case e.full():
			return
		case !well && !(graced && r.ready == 0):
			e.retire(w, t, why)
		case !well, (moved != nil || graced) && r.good <= want:
			left = append(left, t)
		case spare > 0 && (len(r.fresh) > 0 || crowded):
			spare--
			r.good--
			e.retire(w, t, why)
		default:
			left = append(left, t)
		}
	}
	r.old = left
}

// minHealthy is how many replicas an update leaves healthy: as many fewer as the
// specification allows, also when forecasts have made more of them than it begins with.
func minHealthy(w *state.Workload, want int) int {
	return min(int(w.Spec.Update.MinHealthy)+max(want-int(w.Spec.Replicas), 0), want)
}

// removeExtra stops replicas beyond the number wished for, the least useful and
// newest first.
func (e *Engine) removeExtra(w *state.Workload, r *replicas, want int) {
	extra := len(r.fresh) + len(r.ended) - want
	if n := min(extra, len(r.ended)); n > 0 {
		e.retireAll(w, r.ended[:n], "scaled down to "+strconv.Itoa(want))
		extra -= n
	}
	for pass := 0; pass < 2 && extra > 0; pass++ {
		for i := len(r.fresh) - 1; i >= 0 && extra > 0; i-- {
			t := r.fresh[i]
			if e.full() {
				return
			}
			if pass == 0 && e.wellFor(w, t) || t.Stop != state.StopNothing || t.Status.Final() {
				continue
			}
			e.retire(w, t, "scaled down to "+strconv.Itoa(want))
			extra--
		}
	}
}

func (e *Engine) retireAll(w *state.Workload, list []*state.Task, why string) {
	for _, t := range list {
		if e.full() {
			return
		}
		e.retire(w, t, why)
	}
}

// retire removes an element: at once when it holds no node, else after it was
// stopped.
func (e *Engine) retire(w *state.Workload, t *state.Task, why string) {
	if t.Status.Holds() {
		e.emit(&state.TaskStop{Ref: t.Ref, For: state.StopRemove, Reason: why})
		return
	}
	e.emit(&state.TaskEnded{
		Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try}, Next: api.TaskCancelled, Remove: true, Reason: why,
		Fails: t.Fails, Losses: t.Losses,
	})
}
