package engine

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Resized is what a task should ask for by what its runs used: the shell worked it out
// from measurements, which are no part of the state.
type Resized struct {
	ID       uint64     `cbor:"1,keyasint"`
	Task     uint16     `cbor:"2,keyasint,omitempty"`
	Revision uint32     `cbor:"3,keyasint"` // for which it was worked out
	CPU      api.Milli  `cbor:"4,keyasint,omitempty"`
	Memory   api.Bytes  `cbor:"5,keyasint,omitempty"`
	Why      state.Need `cbor:"6,keyasint"`
}

// InputKind implements Input.
func (*Resized) InputKind() InputKind { return InputResized }

// How long what a task asks for does not fall after it has changed, nor rises by what
// was measured; of what it asks for, how much more it needs not be than what its runs
// used of memory; and how much more it gets, at once, when a run was killed for it.
const (
	resizeFall   = api.Hour
	resizeRise   = 10 * api.Minute
	memoryMargin = 115 // percent
	killedMargin = 150 // percent
	maxSizes     = 16  // that elements of one workload hold and none asks for next
)

// resized has the next attempts at a task ask for what was recommended, if that still
// holds of the workload as it is now.
func (e *Engine) resized(in *Resized) {
	w := e.st.Workloads[in.ID]
	if w == nil || in.Revision != w.Revision || in.Why.Samples == 0 {
		return
	}
	why := in.Why
	if why.Killed = killedAt(w, in.Task); MayResize(w, in.Task, in.CPU, in.Memory, &why, e.st.Now) {
		e.resize(w, in.Task, in.CPU, in.Memory, why)
	}
}

// MayResize reports whether the next attempts at a task may ask for so much at a time:
// the workload is this cell's and says so, it is something else within its limits, more
// than was ever used or killed for it, and the last change is long enough ago.
func MayResize(w *state.Workload, task uint16, cpu api.Milli, memory api.Bytes, why *state.Need, now api.Time) bool {
	if !resizes(w, task) || !w.Allows(task, cpu, memory) {
		return false
	}
	r := w.TaskNow(task).Resources
	if cpu == r.CPU && memory == r.Memory || memory > 0 && (tooLittle(memory, why.Memory) || tooLittle(memory, why.Killed)) {
		return false
	}
	wait := resizeRise
	if cpu < r.CPU || memory < r.Memory {
		wait = resizeFall
	}
	z := w.SizeNow(task)
	return z == nil || z.Since.Add(wait) <= now
}

// resizes reports whether a task is one of which the request may change.
func resizes(w *state.Workload, task uint16) bool {
	return w.Spec.Resize != nil && int(task) < len(w.Spec.Tasks) && !w.Status.Final() && !w.Stopping && !w.Away() &&
		oldSizes(w) < maxSizes
}

// oldSizes is how many sizes are kept that no next attempt will ask for.
func oldSizes(w *state.Workload) (n int) {
	if w.Sizing == nil {
		return 0
	}
	inForce := make([]bool, len(w.Spec.Tasks))
	for _, z := range slices.Backward(w.Sizing.Sizes) {
		if z.Revision == w.Revision && int(z.Task) < len(inForce) && !inForce[z.Task] {
			inForce[z.Task] = true
		} else {
			n++
		}
	}
	return n
}

func tooLittle(memory, used api.Bytes) bool {
	return used < 0 || memory/memoryMargin < used/100 || memory/memoryMargin == used/100 && memory%memoryMargin < used%100
}

// killedAt is the most memory at which a run of a task was killed for it; 0 is none.
func killedAt(w *state.Workload, task uint16) api.Bytes {
	if z := w.SizeNow(task); z != nil {
		return z.Why.Killed
	}
	return 0
}

func (e *Engine) resize(w *state.Workload, task uint16, cpu api.Milli, memory api.Bytes, why state.Need) {
	for _, t := range w.Groups[task].Tasks {
		if t.Booking != nil { // the room was found for another size
			e.emit(&state.TaskUnbooked{Ref: t.Ref})
		}
	}
	e.emit(&state.TaskResized{ID: w.ID, Task: task, CPU: cpu, Memory: memory, Why: why})
}

// killed gives a task more memory at once when an attempt at it was killed for its
// memory: half as much again as that attempt asked for. The schedule of which it is a
// run learns from it, too.
func (e *Engine) killed(w *state.Workload, t *state.Task, r *api.Result) {
	if r.Reason != api.ReasonMemory {
		return
	}
	at := w.SpecOf(t).Resources.Memory
	e.enlarge(w, t.Ref.Task, at)
	if p := e.st.Workloads[w.Parent]; p != nil && p.Spec.Schedule != nil && sameTask(p, w, t.Ref.Task) {
		e.enlarge(p, t.Ref.Task, at)
	}
}

func sameTask(p, w *state.Workload, task uint16) bool {
	return int(task) < len(p.Spec.Tasks) && p.Spec.Tasks[task].Name == w.Spec.Tasks[task].Name
}

// enlarge has the next attempts at a task ask for more memory than one had that was
// killed for it.
func (e *Engine) enlarge(w *state.Workload, task uint16, at api.Bytes) {
	if at == 0 || !resizes(w, task) {
		return
	}
	r := w.TaskNow(task).Resources
	more := (at/100*killedMargin/api.MiB + 1) * api.MiB
	_, memory := w.Spec.Resize.Bounds(&w.Spec.Tasks[task].Resources, r.CPU, more)
	if memory > r.Memory {
		e.resize(w, task, r.CPU, memory, state.Need{Killed: max(at, killedAt(w, task))})
	}
}

// sizesOf shows what tasks ask for where that is not what the specification says.
func sizesOf(w *state.Workload) (out []api.SizeView) {
	for i := range w.Spec.Tasks {
		if v := sizeView(w, uint16(i)); v != nil {
			out = append(out, *v)
		}
	}
	return out
}

// sizeView shows one task; nil when it asks for what the specification says.
func sizeView(w *state.Workload, task uint16) *api.SizeView {
	z := w.SizeNow(task)
	if z == nil {
		return nil
	}
	asked := &w.Spec.Tasks[task].Resources
	return &api.SizeView{
		Task: w.Spec.Tasks[task].Name, CPU: z.CPU, Memory: z.Memory, Asked: api.Request{CPU: asked.CPU, Memory: asked.Memory},
		From: api.Request{CPU: z.From.CPU, Memory: z.From.Memory}, Since: z.Since,
		Used: api.Request{CPU: z.Why.CPU, Memory: z.Why.Memory}, N: z.Why.Samples, Killed: z.Why.Killed,
		Reason: ResizedText(z.CPU, z.Memory, z.From, &z.Why),
	}
}

// ResizedText says what a task asks for and why.
func ResizedText(cpu api.Milli, memory api.Bytes, from state.SizeBefore, why *state.Need) string {
	text := fmt.Sprintf("%v cpu and %v of memory", cpu, memory)
	if from != (state.SizeBefore{}) {
		text += fmt.Sprintf(" instead of %v and %v", from.CPU, from.Memory)
	}
	if why.Samples == 0 {
		return text + fmt.Sprintf(": a run was killed at %v", why.Killed)
	}
	text += fmt.Sprintf(": %v cpu are not exceeded 95 %% of the time, %v of memory never, in %d measurements", why.CPU, why.Memory, why.Samples)
	if why.Killed > 0 {
		text += fmt.Sprintf("; a run was killed at %v", why.Killed)
	}
	return text
}
