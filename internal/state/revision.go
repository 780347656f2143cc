package state

import (
	"slices"

	"drover.dev/api"
)

// SpecOf returns the specification that an element was made from. Elements of an
// earlier revision keep theirs while it is among Past. It asks for what the attempt
// asked for, or where there is none, for what the next one will.
func (w *Workload) SpecOf(t *Task) *api.Task {
	if w.Sizing != nil {
		return w.sized(t)
	}
	return &w.SpecAt(t.Revision).Tasks[t.Ref.Task]
}

// SpecAt returns the specification of a revision; a revision that is no longer
// known gives the present one.
func (w *Workload) SpecAt(revision uint32) *api.Workload {
	for i := len(w.Past) - 1; i >= 0 && revision != w.Revision; i-- {
		if w.Past[i].Number == revision {
			return w.Past[i].Spec
		}
	}
	return w.Spec
}

func (s *State) revise(w *Workload, e *WorkloadRevised) {
	w.Past = append(w.Past, Revision{
		Number: w.Revision, Spec: w.Spec, Profiles: w.Profiles, Bad: e.Back != 0, Stable: w.Stable == w.Revision,
	})
	w.Revision++
	s.scaleAsked(w, e.Spec)
	old := w.Spec
	w.Spec, w.Profiles, w.Progress, w.Reason = e.Spec, e.Profiles, s.Now, e.Reason
	if e.Spec.Schedule != nil { // has no elements of its own
		w.NextRun, w.Groups = e.NextRun, make([]Group, len(e.Spec.Tasks))
		w.linkTasks()
	}
	if e.Back != 0 {
		w.adopt(e.Back)
	}
	s.resizeAsked(w, old, w.Revision-1)
	w.wish(e.Asked)
	w.trimPast()
	s.remember(e.Key, Answer{ID: w.ID, Revision: w.Revision, Action: "updated"})
}

// adopt makes elements of the revision that a roll-back goes to elements of the
// present one: they are made from the same tasks and need not be replaced.
func (w *Workload) adopt(back uint32) {
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Revision == back {
				t.Revision = w.Revision
			}
		}
	}
	if w.Stable == back {
		w.Stable = w.Revision
	}
}

// trimPast drops the oldest revisions beyond MaxPast that no element is made
// from, that no size that is kept was worked out for, and no roll-back may need.
func (w *Workload) trimPast() {
	extra := len(w.Past) - MaxPast
	if extra <= 0 {
		return
	}
	needed := []uint32{w.Stable}
	if w.Sizing != nil {
		for i := range w.Sizing.Sizes {
			needed = append(needed, w.Sizing.Sizes[i].Revision)
		}
	}
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if !t.Status.Final() && t.Revision != w.Revision && !slices.Contains(needed, t.Revision) {
				needed = append(needed, t.Revision)
			}
		}
	}
	w.Past = slices.DeleteFunc(w.Past, func(r Revision) bool {
		drop := extra > 0 && !slices.Contains(needed, r.Number)
		if drop {
			extra--
		}
		return drop
	})
}
