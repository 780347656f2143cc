package live

import (
	"cmp"
	"context"
	"slices"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/outlook"
	"drover.dev/internal/provision"
	"drover.dev/internal/state"
)

// How often the leader works out what tasks that are resized should ask for, and how
// many of them may change at a time.
const (
	resizeEvery = 5 * time.Minute
	resizeMost  = 256
)

// resize keeps what tasks ask for at what their runs use until ctx ends.
func (c *Cell) resize(ctx context.Context) {
	c.whileLeading(ctx, resizeEvery, "what tasks ask for was not brought in step with what they use", func() error {
		return c.resizeTasks(ctx, c.observer.ahead, c.cfg.Wall())
	})
}

// resizeTasks has the engine change what the next attempts at tasks ask for where what
// is known of their use at a time asks for that.
func (c *Cell) resizeTasks(ctx context.Context, ahead *outlook.Outlook, now api.Time) error {
	wanted := false
	look := func(f func(st *state.State)) error {
		_, err := c.View(ctx, 0, func(e *engine.Engine) { f(e.State()) })
		return err
	}
	err := look(func(st *state.State) {
		for _, w := range st.Workloads { // order-free: whether there is one
			wanted = wanted || w.Spec.Resize != nil && !w.Status.Final()
		}
	})
	if err != nil || !wanted {
		return err
	}
	known, _, err := ahead.Uses()
	if err != nil {
		return err
	}
	var in []engine.Input
	if err := look(func(st *state.State) { in = resizings(st, known, now) }); err != nil || len(in) == 0 {
		return err
	}
	_, _, err = c.Do(ctx, in)
	return err
}

// resizings are the changes that are worth it and may be now, in the order of workloads.
func resizings(st *state.State, uses map[string]provision.Use, now api.Time) (out []engine.Input) {
	var list []*engine.Resized
	for id, w := range st.Workloads { // order-free: sorted below
		if w.Spec.Resize == nil || w.Status.Final() {
			continue
		}
		for i := range w.Spec.Tasks {
			u, known := uses[seriesOf(w, uint16(i), st)]
			if !known {
				continue
			}
			if one := resizing(w, uint16(i), u, now); one != nil {
				one.ID = id
				list = append(list, one)
			}
		}
	}
	slices.SortFunc(list, func(a, b *engine.Resized) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Task, b.Task))
	})
	for _, one := range list[:min(len(list), resizeMost)] {
		out = append(out, one)
	}
	return out
}

// resizing is what a task should ask for by its use; nil when it is to stay as it is.
// Runs that were killed have raised its memory already: what is recommended for that
// would raise it again and again.
func resizing(w *state.Workload, task uint16, u provision.Use, now api.Time) *engine.Resized {
	u.Killed = 0
	spec := w.TaskNow(task)
	r := provision.Request(u, spec.Resources)
	if !r.Enough {
		return nil
	}
	why := state.Need{CPU: r.P95CPU, Memory: r.PeakMemory, Samples: r.Samples}
	if z := w.SizeNow(task); z != nil {
		why.Killed = z.Why.Killed
	}
	least := max(r.Memory, provision.AboveKill(why.Killed))
	cpu, memory := w.Spec.Resize.Bounds(&w.Spec.Tasks[task].Resources, r.CPU, least)
	if w.Spec.Scale != nil {
		cpu = w.Spec.Tasks[task].Resources.CPU
	}
	if !provision.Apart(cpu, memory, spec.Resources) || !engine.MayResize(w, task, cpu, memory, &why, now) {
		return nil
	}
	why.Killed = 0 // the engine knows it
	return &engine.Resized{Task: task, Revision: w.Revision, CPU: cpu, Memory: memory, Why: why}
}
