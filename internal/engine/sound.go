package engine

import (
	"fmt"

	"drover.dev/api"
)

// MaxGang is how many elements a gang may have: their placements are one batch.
const MaxGang = 1000

// unsound says what of a workload would break the engine's arithmetic or bounds,
// "" when nothing does. It is the last line behind api.Workload.Validate, which
// says more and is kinder.
func unsound(w *api.Workload) string {
	switch {
	case w == nil || len(w.Tasks) == 0:
		return "it has no tasks"
	case len(w.Tasks) > api.MaxTasks:
		return fmt.Sprintf("it has %d tasks, at most %d are allowed", len(w.Tasks), api.MaxTasks)
	case w.Size() > api.MaxSpec:
		return fmt.Sprintf("it takes %d bytes, at most %d are allowed", w.Size(), api.MaxSpec)
	case !within(w.Deadline):
		return "its deadline is out of range"
	case w.Resize != nil && !w.Resize.Sound(w):
		return "a limit of its resize is out of range"
	}
	if fault := unsoundKind(w); fault != "" {
		return fault
	}
	total := int64(0)
	for i := range w.Tasks {
		t := &w.Tasks[i]
		total += int64(max(t.Count, 1))
		if fault := unsoundTask(w, t); fault != "" {
			return "task " + t.Name + ": " + fault
		}
	}
	if total > api.MaxArray {
		return fmt.Sprintf("it has %d elements, at most %d are allowed", total, api.MaxArray)
	}
	return unsoundOrder(w)
}

func unsoundKind(w *api.Workload) string {
	one := len(w.Tasks) == 1 && w.Tasks[0].Count <= 1 && len(w.Tasks[0].After) == 0 && !w.Gang && w.Schedule == nil
	switch w.Kind {
	case api.KindJob:
		return ""
	case api.KindSystem:
		if one {
			return ""
		}
	case api.KindService:
		u := w.Update
		switch {
		case u == nil || !within(u.HealthyAfter, u.ProgressDeadline) || u.MaxSurge < 0 || u.MaxSurge > api.MaxArray:
			return "its update bounds are missing or out of range"
		case w.Replicas < 0 || w.Replicas > api.MaxArray:
			return fmt.Sprintf("%d replicas are out of range", w.Replicas)
		case w.Scale != nil && !w.Scale.Sound():
			return "a limit of its scale is out of range"
		case one:
			return ""
		}
	default:
		return fmt.Sprintf("%.16q is not a kind of workload", string(w.Kind))
	}
	return "a " + string(w.Kind) + " has one single task, no gang and no schedule"
}

func unsoundTask(w *api.Workload, t *api.Task) string {
	switch {
	case t.Count < 0:
		return "its count is negative"
	case w.Gang && t.Count > MaxGang:
		return fmt.Sprintf("a gang has at most %d elements", MaxGang)
	case !within(t.Timeout, t.Grace, t.Duration):
		return "a time of it is out of range"
	case t.Restart != nil && !within(t.Restart.Backoff, t.Restart.MaxBackoff):
		return "its back-off is out of range"
	case unsoundRelations(&t.Requires):
		return "its relations to other tasks are out of range"
	}
	return unsoundResources(&t.Resources)
}

func unsoundRelations(q *api.Requirements) bool {
	for i := range q.Spread {
		if n := q.Spread[i].Skew; n < 0 || n > api.MaxSkew {
			return true
		}
	}
	return len(q.Near) > api.MaxRelations || len(q.Apart) > api.MaxRelations || len(q.Spread) > api.MaxRelations
}

// unsoundOrder requires distinct names, and that tasks come after known ones.
func unsoundOrder(w *api.Workload) string {
	if len(w.Tasks) == 1 && len(w.Tasks[0].After) == 0 {
		return ""
	}
	names := make(map[string]bool, len(w.Tasks))
	for i := range w.Tasks {
		if names[w.Tasks[i].Name] {
			return "two tasks have the name " + w.Tasks[i].Name
		}
		names[w.Tasks[i].Name] = true
	}
	for i := range w.Tasks {
		for _, before := range w.Tasks[i].After {
			if !names[before] {
				return "task " + w.Tasks[i].Name + " comes after " + before + ", which does not exist"
			}
		}
	}
	return ""
}

func unsoundResources(r *api.Resources) string {
	if r.CPU < 0 || r.CPU > api.MaxCPU || r.Memory < 0 || r.Memory > api.MaxMemory ||
		r.Storage < 0 || r.Storage > api.MaxStorage || r.Bandwidth < 0 || r.Bandwidth > api.MaxBandwidth {
		return "its resources are out of range"
	}
	for i := range r.Accelerators {
		if n := r.Accelerators[i].Count; n < 1 || n > api.MaxAccelerators {
			return "the count of an accelerator is out of range"
		}
	}
	return ""
}

func unsoundNode(n *api.Node) string {
	switch {
	case n.Name == "" || len(n.Name) > 63:
		return "a node has a name of at most 63 bytes"
	case nodeSize(n) > maxNode:
		return fmt.Sprintf("it takes more than %d bytes", maxNode)
	case n.Speed < 0 || n.Speed > 1_000_000 || len(n.Capacity.Accelerators) > api.MaxLabels:
		return "its speed or its accelerators are out of range"
	}
	return unsoundResources(&n.Capacity)
}

// maxNode bounds what a node may take in the journal, in bytes.
const maxNode = 64 << 10

func within(list ...api.Duration) bool {
	for _, d := range list {
		if d < 0 || d > api.MaxDuration {
			return false
		}
	}
	return true
}
