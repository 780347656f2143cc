package engine

import (
	"drover.dev/api"
	"drover.dev/internal/state"
)

// sizeOf estimates how many bytes an event takes in the journal. It need not be
// exact: it bounds batches.
func sizeOf(ev state.Event) int {
	switch v := ev.(type) {
	case *state.WorkloadSubmitted:
		return 48 + specSize(v.Spec) + len(v.Key) + 200*len(v.Profiles)
	case *state.WorkloadRevised:
		return 48 + specSize(v.Spec) + len(v.Key) + 200*len(v.Profiles)
	case *state.WorkloadRescaled:
		return 48 + specSize(v.Spec) + len(v.Key)
	case *state.TaskPlaced:
		return 48 + len(v.Node) + decisionSize(v.Decision) + 8*len(v.Devices)
	case *state.ShapeRefused:
		return 64 + decisionSize(v.Decision)
	case *state.TaskEnded:
		return 64 + resultSize(v.Result) + len(v.Reason)
	case *state.TasksLost:
		return 64 + 16*len(v.Refs)
	case *state.WorkloadForgotten:
		return 16 + 9*len(v.IDs)
	case *state.NodeRegistered:
		return nodeSize(&v.Node)
	case *state.ReplicasAdded:
		return 32 + 24*len(v.Pins)
	case *state.SitePut:
		return 64 + 64*len(v.Site.Links)
	}
	return 64
}

// SizeOf estimates how many bytes an input takes in the journal.
func SizeOf(in Input) int {
	switch v := in.(type) {
	case *Submit:
		return 64 + specSize(v.Workload) + len(v.Key) + 32*len(v.Facts)
	case *Reports:
		n := 32
		for i := range v.Reports {
			n += 32 + resultSize(v.Reports[i].Result) + len(v.Reports[i].Detail)
		}
		return n
	case *Register:
		return nodeSize(&v.Node)
	case *PutSite:
		return 64 + 64*len(v.Site.Links)
	}
	return 96
}

func specSize(w *api.Workload) int {
	if w == nil {
		return 0
	}
	n := 48 + len(w.Name) + len(w.Tenant) + mapSize(w.Labels)
	for i := range w.Tasks {
		t := &w.Tasks[i]
		n += 96 + len(t.Name) + mapSize(t.Env) + listSize(t.Command) + listSize(t.Args) + listSize(t.After) + mapSize(t.Requires.Labels)
		n += 96*len(t.Inputs) + 48*len(t.Outputs) + 48*len(t.Volumes) + 48*len(t.Secrets) + 16*len(t.Ports) + 64*len(t.Checks)
		n += 64 * (len(t.Requires.Affinity) + len(t.Requires.AntiAffinity) + len(t.Requires.Tolerations) + len(t.Resources.Accelerators))
		if t.Artifact != nil {
			n += 80
		}
	}
	return n
}

func mapSize(m map[string]string) int {
	n := 0
	for k, v := range m { // order-free: a sum
		n += 4 + len(k) + len(v)
	}
	return n
}

func listSize(list []string) int {
	n := 0
	for _, s := range list {
		n += 3 + len(s)
	}
	return n
}

func nodeSize(n *api.Node) int {
	return 160 + len(n.Name) + mapSize(n.Labels) + 32*len(n.Taints) + listSize(n.Drivers) + 32*len(n.Capacity.Accelerators)
}

func decisionSize(d *api.Decision) int {
	if d == nil {
		return 0
	}
	n := 40 + 48*len(d.RunnersUp) + 48
	for i := range d.Reasons {
		n += 6 + len(d.Reasons[i].Reason)
	}
	return n
}

func resultSize(r *api.Result) int {
	if r == nil {
		return 0
	}
	n := 64 + len(r.Reason) + len(r.Detail)
	for i := range r.Outputs {
		n += 32 + len(r.Outputs[i].Name) + len(r.Outputs[i].Digest) + len(r.Outputs[i].Inline)
	}
	return n
}
