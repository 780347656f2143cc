// Package respond has a running cell draw less power for a while when its grid asks for
// that: it looks at what runs, plans with internal/energy/response, and carries the plan
// out by holding tasks still and by draining nodes.
package respond

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/sched"
)

// Cell is what of a cell's API is needed; the client has it.
type Cell interface {
	Nodes(ctx context.Context) ([]api.NodeView, error)
	Sites(ctx context.Context) ([]api.Site, error)
	List(ctx context.Context, o client.ListOptions) iter.Seq2[api.WorkloadView, error]
	Get(ctx context.Context, workload string) (api.WorkloadView, error)
	Tasks(ctx context.Context, workload string, o client.TaskOptions) iter.Seq2[api.TaskView, error]
	Drain(ctx context.Context, node string, d api.DrainRequest) error
	Power(ctx context.Context, node string, r api.PowerRequest) error
	Suspend(ctx context.Context, workload string, r api.SuspendRequest) (api.Applied, error)
	Resume(ctx context.Context, workload string, r api.ResumeRequest) (api.Applied, error)
}

var _ Cell = (*client.Client)(nil)

// Survey is what a cell draws, and who draws it.
type Survey struct {
	Nodes   []Node
	Watts   float64 // of all nodes that are on, with what their sites take besides
	Pending int     // tasks that wait for room
}

// Node is what could be saved on one node if the tasks on it stopped.
type Node struct {
	Name      string
	Protected string  // why nothing may be stopped there; "" is nothing
	Tasks     int     // that would stop
	Watts     float64 // that they draw, with what the site takes besides
	After     float64 // s until the last of them has stopped
	Penalty   float64 // core-seconds that are lost or put off, by priority
	Holdable  []Task  // that can be held still instead, those first that save most for their penalty
	Sleep     float64 // W that are saved besides if it then sleeps; 0: it cannot
	Down      float64 // s until it sleeps

	node *api.Node
	more float64 // what its site takes besides, times what it draws
}

// Task is what could be saved by holding one task still, its run going on later.
type Task struct {
	api.TaskRef
	Name, Task string // in full, and in its workload
	Watts      float64
	Penalty    float64 // core-seconds that are put off, by priority
}

// reaction is how long it takes until agents hear of what they are to stop, in s.
const reaction = 2

// Look surveys a cell. lasts is how long an event lasts: for so long work is put off.
func Look(ctx context.Context, c Cell, now api.Time, lasts api.Duration) (*Survey, error) {
	s, err := power(ctx, c, now)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i := range s.Nodes {
		at[s.Nodes[i].Name] = i
	}
	if err := s.tasks(ctx, c, at, now, lasts); err != nil {
		return s, err
	}
	for i := range s.Nodes { // those that save most for their penalty first
		slices.SortStableFunc(s.Nodes[i].Holdable, func(a, b Task) int { return cmp.Compare(a.Penalty*b.Watts, b.Penalty*a.Watts) })
	}
	return s, nil
}

// power is what the nodes of a cell draw now, in the order of their names.
func power(ctx context.Context, c Cell, now api.Time) (*Survey, error) {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the nodes: %w", err)
	}
	sites, err := c.Sites(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the sites: %w", err)
	}
	pue := map[string]float64{}
	for i := range sites {
		pue[sites[i].Name] = float64(max(sites[i].PUE, 1000)) / 1000
	}
	s := &Survey{}
	for i := range nodes {
		n := &nodes[i]
		idle, busy := draws(n, now)
		more := max(pue[n.Site], 1)
		s.Watts += busy * more
		if n.Status == "silent" || n.Status == "sleeping" {
			continue
		}
		one := Node{Name: n.Name, Watts: (busy - idle) * more, node: &n.Node, more: more}
		switch {
		case n.Status == "overloaded": // by what else runs there, it may be: that must not fall asleep
		case n.Status != "ready":
			one.Protected = "it is " + n.Status
		case n.Node.Sleep != nil:
			one.Sleep = max(idle-asleep(n), 0) * more
			one.Down = reaction + min(max(n.Node.Sleep.Down, 0), api.MostSleep).Std().Seconds()
		}
		s.Nodes = append(s.Nodes, one)
	}
	slices.SortFunc(s.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

// draws is what a node draws idle and as it is, in W, what stands still drawing nothing. Of one that is silent nobody
// knows. One that was told to sleep draws as if idle until it does.
func draws(n *api.NodeView, now api.Time) (idle, busy float64) {
	least, _, _ := sched.Draw(&n.Node)
	idle = float64(least) / 1000
	switch {
	case n.Status == "silent":
		return 0, 0
	case n.Status == "sleeping" && n.Node.Sleep != nil && now < n.PowerSince.Add(min(max(n.Node.Sleep.Down, 0), api.MostSleep)):
		return idle, idle
	case n.Status == "sleeping":
		return idle, asleep(n)
	}
	still := n.Still
	still.CPU = min(still.CPU, n.Used.CPU)
	return idle, float64(sched.DrawOf(&n.Node, &n.Used)-sched.DrawOf(&n.Node, &still))/1000 + idle
}

// asleep is what a node draws that sleeps, in W.
func asleep(n *api.NodeView) float64 {
	if n.Node.Sleep == nil {
		return 0
	}
	return float64(max(n.Node.Sleep.Draw, 0)) / 1000
}

// saves is what a task draws on a node beyond idle, in W, with what the site takes besides.
func (n *Node) saves(t *api.Task) float64 {
	least, _, _ := sched.Draw(n.node)
	return float64(sched.DrawOf(n.node, &t.Resources)-least) / 1000 * n.more
}

// tasks adds what runs on the nodes.
func (s *Survey) tasks(ctx context.Context, c Cell, at map[string]int, now api.Time, lasts api.Duration) error {
	live := []string{"pending", "running", "updating", "degraded"}
	for v, err := range c.List(ctx, client.ListOptions{AllTenants: true, Status: live}) {
		if err != nil {
			return fmt.Errorf("list the workloads: %w", err)
		}
		s.Pending += int(v.Counts.Pending)
		if v.Counts.Running+v.Counts.Placed == 0 {
			continue
		}
		number := fmt.Sprintf("~%d", v.ID) // names are of one tenant
		w, err := c.Get(ctx, number)
		if err != nil {
			return fmt.Errorf("ask for workload %s: %w", v.Name, err)
		}
		for t, err := range c.Tasks(ctx, number, client.TaskOptions{Status: []string{"placed", "running", "suspended", "checkpointed"}}) {
			if err != nil {
				return fmt.Errorf("ask for the tasks of %s: %w", v.Name, err)
			}
			if i, ok := at[t.Node]; ok && w.Spec != nil {
				s.Nodes[i].add(w.Spec, &t, now, lasts)
			}
		}
	}
	return nil
}

// add counts a task in.
func (n *Node) add(w *api.Workload, t *api.TaskView, now api.Time, lasts api.Duration) {
	i := slices.IndexFunc(w.Tasks, func(task api.Task) bool { return task.Name == t.TaskName })
	if i < 0 {
		n.Protected = t.Name + " is of a revision that is not known"
		return
	}
	task := &w.Tasks[i]
	if why := protects(w, task); why != "" && n.Protected == "" {
		n.Protected = t.Name + " " + why
	}
	ran := api.Duration(0)
	if t.Started != 0 {
		ran = max(now.Sub(t.Started), 0)
	}
	n.Tasks++
	n.After = max(n.After, reaction+task.Grace.Std().Seconds())
	weight := 1 + float64(w.Priority+1000)/1000
	cores := float64(max(task.Resources.CPU, 100)) / 1000
	n.Penalty += weight * cores * (ran + lasts).Std().Seconds()
	anyTime := *w // whether its deadline leaves time for it the cell says
	anyTime.Deadline = 0
	if protects(&anyTime, task) == "" && t.Status == api.TaskRunning.String() && t.Suspendable >= now.Add(lasts) && task.Resources.CPU > 0 {
		n.Holdable = append(n.Holdable, Task{
			TaskRef: t.TaskRef, Name: t.Name, Task: t.TaskName,
			Watts: n.saves(task), Penalty: weight * cores * lasts.Std().Seconds(),
		})
	}
}

// protects says why a task may not be stopped; "" when it may: a task of a job that
// others may displace, that runs again from its beginning and need not end in time.
func protects(w *api.Workload, t *api.Task) string {
	switch {
	case w.Kind != api.KindJob:
		return "is of a " + string(w.Kind)
	case w.Preemption == api.PreemptNever:
		return "is never displaced"
	case w.Deadline > 0:
		return "has a deadline"
	case w.Gang:
		return "is of a gang"
	case t.AtMostOnce:
		return "runs at most once"
	}
	return ""
}
