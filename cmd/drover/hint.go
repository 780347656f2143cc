package main

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// later calls f unless it is stopped before; stop waits for it to end.
func (a *app) later(ctx context.Context, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(a.hintAfter):
			f(ctx)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// hintWhenPending tells once why nothing has started yet.
func (a *app) hintWhenPending(ctx context.Context, c *client.Client, ref string, w *api.Workload) (stop func()) {
	return a.later(ctx, func(ctx context.Context) {
		x, err := c.Explain(ctx, ref, w.Tasks[0].Name, 0)
		if err == nil && x.Task.Status == api.TaskPending.String() {
			a.note("%s", pendingHint(w.Name, &x))
		}
	})
}

// maxWaiting is how many workloads are told of that nothing takes.
const maxWaiting = 5

// hintWhenWaiting tells once which of several workloads no node takes, and why.
func (a *app) hintWhenWaiting(ctx context.Context, c *client.Client, ids map[uint64]bool) (stop func()) {
	return a.later(ctx, func(ctx context.Context) {
		told, more := 0, 0
		for v, err := range c.List(ctx, client.ListOptions{AllTenants: true, Status: []string{"pending", "running", "updating", "degraded"}}) {
			switch {
			case err != nil:
				return
			case !ids[v.ID] || v.Counts.Pending == 0 || v.Reason == "":
			case told < maxWaiting:
				told++
				a.note("%s waits: %s", v.Name, v.Reason)
			default:
				more++
			}
		}
		if more > 0 {
			a.note("and %d more wait", more)
		}
		if told > 0 {
			a.note("drover explain NAME says what would admit it; Ctrl-C ends the waiting, not the work")
		}
	})
}

// hintWhenUnplaced tells once why a log that is followed has not begun.
func (a *app) hintWhenUnplaced(ctx context.Context, c *client.Client, e elementArg) (stop func()) {
	return a.later(ctx, func(ctx context.Context) {
		if e.oneTask(ctx, c) != nil {
			return // what reads the log says it
		}
		v, err := c.Task(ctx, e.workload, e.task, e.index)
		if err == nil && v.Try == 0 && v.Status == api.TaskPending.String() {
			a.note("%s has not started: %s", v.Name, cmp.Or(v.Reason, "it is pending"))
		}
	})
}

// pendingHint is why a task has no node, and what would give it one.
func pendingHint(name string, x *api.Explanation) string {
	text := fmt.Sprintf("no node takes %s yet", name)
	switch d := x.Decision; {
	case d == nil || d.Chosen != nil:
	case d.Nodes == 0:
		text += ": there are no nodes"
	case len(d.Reasons) > 0:
		text += fmt.Sprintf(": %s (%d of %d nodes)", d.Reasons[0].Reason, d.Reasons[0].Nodes, d.Nodes)
	}
	if len(x.Suggestions) > 0 {
		text += "; it would start with this change: " + x.Suggestions[0].Change
	}
	return text + fmt.Sprintf("\ndrover explain %s says more; Ctrl-C cancels it", name)
}
