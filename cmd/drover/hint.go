package main

import (
	"context"
	"fmt"
	"time"

	"drover.dev/api"
	"drover.dev/api/client"
)

// hintAfter is how long a run may be without a node before it is said.
const hintAfter = 2 * time.Second

// hintWhenPending tells once why nothing has started yet.
func (a *app) hintWhenPending(ctx context.Context, c *client.Client, ref string, w *api.Workload) (stop func()) {
	t := time.AfterFunc(hintAfter, func() {
		x, err := c.Explain(ctx, ref, w.Tasks[0].Name, 0)
		if err == nil && x.Task.Status == api.TaskPending.String() {
			a.note("%s", pendingHint(w.Name, &x))
		}
	})
	return func() { t.Stop() }
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
