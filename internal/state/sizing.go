package state

import (
	"slices"

	"drover.dev/api"
)

// Sizing is what the tasks of a workload ask for instead of what its specification says.
type Sizing struct {
	Next  uint32 `cbor:"1,keyasint"` // number of the next size
	Sizes []Size `cbor:"2,keyasint"` // the oldest first: those in force, and those that elements still hold
}

// Size is what attempts at a task ask for from a moment on.
type Size struct {
	N        uint32     `cbor:"1,keyasint"` // unique in its workload
	Task     uint16     `cbor:"2,keyasint,omitempty"`
	Revision uint32     `cbor:"3,keyasint"` // of the specification that it was worked out for
	CPU      api.Milli  `cbor:"4,keyasint,omitempty"`
	Memory   api.Bytes  `cbor:"5,keyasint,omitempty"`
	From     SizeBefore `cbor:"6,keyasint"`
	Since    api.Time   `cbor:"7,keyasint"`
	Why      Need       `cbor:"8,keyasint"`

	spec *api.Task // of the revision, asking for this; derived
}

// SizeBefore is what was asked for before.
type SizeBefore struct {
	CPU    api.Milli `cbor:"1,keyasint,omitempty"`
	Memory api.Bytes `cbor:"2,keyasint,omitempty"`
}

// Need is what was known of a task's use when a size was worked out from it.
type Need struct {
	CPU     api.Milli `cbor:"1,keyasint,omitempty"` // that 95 % of the time is not exceeded
	Memory  api.Bytes `cbor:"2,keyasint,omitempty"` // the largest use seen
	Samples uint64    `cbor:"3,keyasint,omitempty"` // measurements; 0: a run was killed for its memory
	Killed  api.Bytes `cbor:"4,keyasint,omitempty"` // the most memory at which a run was killed for it
}

// TaskResized changes what the next attempts at a task ask for. Attempts that hold a
// place keep what they asked for.
type TaskResized struct {
	ID     uint64    `cbor:"1,keyasint"`
	Task   uint16    `cbor:"2,keyasint,omitempty"`
	CPU    api.Milli `cbor:"3,keyasint,omitempty"`
	Memory api.Bytes `cbor:"4,keyasint,omitempty"`
	Why    Need      `cbor:"5,keyasint"`
}

// Kind implements Event.
func (*TaskResized) Kind() Kind { return KindTaskResized }

// SizeNow is the size in force of a task; nil when it asks for what the specification says.
func (w *Workload) SizeNow(task uint16) *Size {
	if w.Sizing == nil || w.Spec.Resize == nil {
		return nil
	}
	for i := len(w.Sizing.Sizes) - 1; i >= 0; i-- {
		if z := &w.Sizing.Sizes[i]; z.Task == task && z.Revision == w.Revision {
			if z.spec == nil || !w.Allows(task, z.CPU, z.Memory) {
				return nil
			}
			return z
		}
	}
	return nil
}

// Allows reports whether a task of a workload that is resized may ask for so much. The
// replicas of a service that scales are counted by their CPU, so that stays.
func (w *Workload) Allows(task uint16, cpu api.Milli, memory api.Bytes) bool {
	asked := &w.Spec.Tasks[task].Resources
	c, m := w.Spec.Resize.Bounds(asked, cpu, memory)
	return c == cpu && m == memory && (w.Spec.Scale == nil || cpu == asked.CPU)
}

// TaskNow is the present specification of a task with what its next attempts ask for.
func (w *Workload) TaskNow(task uint16) *api.Task {
	if z := w.SizeNow(task); z != nil {
		return z.spec
	}
	return &w.Spec.Tasks[task]
}

// sized is the specification of an element: what it asked for while it holds a place or
// has ended, what its next attempt asks for otherwise.
func (w *Workload) sized(t *Task) *api.Task {
	if !t.Status.Holds() && !t.Status.Final() {
		if t.Revision == w.Revision {
			return w.TaskNow(t.Ref.Task)
		}
	} else if t.Size != 0 {
		for i := range w.Sizing.Sizes {
			if z := &w.Sizing.Sizes[i]; z.N == t.Size && z.spec != nil {
				return z.spec
			}
		}
	}
	return &w.SpecAt(t.Revision).Tasks[t.Ref.Task]
}

// sizeOf is the number of the size that an attempt made now asks for.
func (w *Workload) sizeOf(t *Task) uint32 {
	if z := w.SizeNow(t.Ref.Task); z != nil && t.Revision == w.Revision {
		return z.N
	}
	return 0
}

func (s *State) resized(w *Workload, e *TaskResized) {
	r := w.TaskNow(e.Task).Resources
	s.resize(w, Size{
		Task: e.Task, Revision: w.Revision, CPU: e.CPU, Memory: e.Memory,
		From: SizeBefore{r.CPU, r.Memory}, Since: s.Now, Why: e.Why,
	})
}

// resize adds sizes to those of a workload and drops those that nobody needs any more.
func (s *State) resize(w *Workload, fresh ...Size) {
	next := &Sizing{Next: 1}
	if w.Sizing != nil {
		next.Next = w.Sizing.Next
		next.Sizes = slices.Clone(w.Sizing.Sizes)
	}
	for _, z := range fresh {
		z.N = next.Next
		next.Next++
		next.Sizes = append(next.Sizes, z)
	}
	w.Sizing = next
	w.linkSizes()
	needed := w.sizesHeld()
	for i := range w.Spec.Tasks {
		if z := w.SizeNow(uint16(i)); z != nil {
			needed[z.N] = true
		}
	}
	next.Sizes = slices.DeleteFunc(next.Sizes, func(z Size) bool { return !needed[z.N] })
	s.Sizings[w.ID] = next
}

func (w *Workload) sizesHeld() map[uint32]bool {
	held := map[uint32]bool{}
	for gi := range w.Groups {
		for _, t := range w.Groups[gi].Tasks {
			if t.Size != 0 && t.Status.Holds() {
				held[t.Size] = true
			}
		}
	}
	return held
}

// linkSizes derives what sizes stand for.
func (w *Workload) linkSizes() {
	if w.Sizing == nil {
		return
	}
	for i := range w.Sizing.Sizes {
		z := &w.Sizing.Sizes[i]
		tasks := w.SpecAt(z.Revision).Tasks
		if int(z.Task) >= len(tasks) {
			continue
		}
		spec := tasks[z.Task]
		spec.Resources.CPU, spec.Resources.Memory = z.CPU, z.Memory
		z.spec = &spec
	}
}

// resizeAsked keeps the sizes in force of a workload that has got another specification,
// where the file asks of a task what it did before. from is the revision before.
func (s *State) resizeAsked(w *Workload, old *api.Workload, from uint32) {
	if w.Sizing == nil {
		return
	}
	if w.Spec.Resize == nil {
		s.resize(w)
		return
	}
	var keep []Size
	for i, z := range w.Sizing.Sizes {
		newest := !slices.ContainsFunc(w.Sizing.Sizes[i+1:], func(y Size) bool { return y.Task == z.Task && y.Revision == from })
		if z.Revision == from && newest && int(z.Task) < len(w.Spec.Tasks) && w.suits(&z, &old.Tasks[z.Task]) {
			z.Revision = w.Revision
			keep = append(keep, z)
		}
	}
	s.resize(w, keep...)
}

// suits reports whether a size may go on for a task that asked for something before.
func (w *Workload) suits(z *Size, old *api.Task) bool {
	t := &w.Spec.Tasks[z.Task]
	return t.Name == old.Name && t.Resources.CPU == old.Resources.CPU && t.Resources.Memory == old.Resources.Memory &&
		w.Allows(z.Task, z.CPU, z.Memory)
}

// inherit gives a run of a schedule the sizes that are in force there.
func (s *State) inherit(w *Workload) {
	p := s.Workloads[w.Parent]
	if p == nil || p.Sizing == nil || w.Spec.Resize == nil {
		return
	}
	var list []Size
	for i := range w.Spec.Tasks {
		if i >= len(p.Spec.Tasks) {
			break
		}
		if z := p.SizeNow(uint16(i)); z != nil && w.suits(z, &p.Spec.Tasks[i]) {
			own := *z
			own.Revision = w.Revision
			list = append(list, own)
		}
	}
	if len(list) > 0 {
		s.resize(w, list...)
	}
}

func (s *State) unsize(w *Workload) {
	delete(s.Sizings, w.ID)
	w.Sizing = nil
}
