package sched

import (
	"strings"

	"drover.dev/api"
)

// Kinds of machines: what earlier runs of a task showed of how fast it is on one kind
// of accelerator or processor compared with another (throughput by workload and
// accelerator: Narayanan et al., 2020, "Heterogeneity-Aware Cluster Scheduling
// Policies for Deep Learning Workloads"). Only tasks of which that is known pay for
// it: their nodes are scored one by one.

// MachineOf names a kind of machine: by the accelerator that a task uses there, or
// without one by the node's label api.LabelCPU; "" when neither says, or in more than
// api.MaxMachine bytes.
func MachineOf(n *api.Node, used *api.Accelerator) (name string) {
	switch {
	case used == nil:
		name = n.Labels[api.LabelCPU]
	case len(used.Models) == 0:
		name = used.Kind
	default:
		name = used.Kind + " " + used.Models[0]
	}
	if len(name) > api.MaxMachine {
		return ""
	}
	return name
}

// MachineFor is MachineOf for a task that would run on a node.
func MachineFor(n *api.Node, t *api.Task) string { return MachineOf(n, usedBy(n, t)) }

// usedBy is the first accelerator of a node that a task's first request can be met by.
func usedBy(n *api.Node, t *api.Task) *api.Accelerator {
	if len(t.Resources.Accelerators) == 0 {
		return nil
	}
	for i := range n.Capacity.Accelerators {
		if have := &n.Capacity.Accelerators[i]; offers(have, &t.Resources.Accelerators[0]) {
			return have
		}
	}
	return nil
}

// speedOn is what is known of a task on a node's kind of machine; nil when nothing is.
func (e *node) speedOn(a *Ask) *api.MachineSpeed {
	if a.Profile == nil || len(a.Profile.Speeds) == 0 {
		return nil
	}
	used := usedBy(&e.Node, a.Task)
	for i := range a.Profile.Speeds {
		if v := &a.Profile.Speeds[i]; isMachine(v.Machine, &e.Node, used) {
			return v
		}
	}
	return nil
}

// isMachine compares a name with that of a kind of machine, without making it.
func isMachine(name string, n *api.Node, used *api.Accelerator) bool {
	if used == nil || len(used.Models) == 0 {
		return MachineOf(n, used) == name
	}
	kind, model, ok := strings.Cut(name, " ")
	return ok && kind == used.Kind && model == used.Models[0]
}

// SpeedsText is a text that is different for tasks that are not expected to be as
// fast on the same machines; "" when nothing is known.
func SpeedsText(list []api.MachineSpeed) string {
	if len(list) == 0 {
		return ""
	}
	k := make(key, 0, 128)
	for i := range list {
		k = k.str(list[i].Machine).num(int64(list[i].Factor))
	}
	return string(k)
}

// takes is how long something is expected to take on a node that takes so long on the
// reference node, on the kind of machine that the task's runs are compared with.
func (e *node) takes(d api.Duration, a *Ask) api.Duration {
	if e.Speed > 0 && e.Speed != 1000 {
		d = min(d, maxEstimate) * 1000 / api.Duration(e.Speed)
	}
	if v := e.speedOn(a); v != nil && v.Factor > 0 && v.Factor != 1000 {
		d = min(d, maxEstimate) * 1000 / api.Duration(v.Factor)
	}
	return d
}

// compared is what a Decision says of the chosen machine: how fast it is compared
// with the one of most runs, or when it is that itself with the one next to it.
func (e *node) compared(a *Ask) *api.MachineSpeed {
	v := e.speedOn(a)
	if v == nil || len(a.Profile.Speeds) < 2 {
		return nil
	}
	all := a.Profile.Speeds
	out, than := *v, &all[0]
	if v == than {
		than = &all[1]
		for i := range all {
			if all[i].Runs > than.Runs && i > 0 {
				than = &all[i]
			}
		}
	}
	out.Factor, out.Than = out.Factor*1000/max(than.Factor, 1), than.Machine
	return &out
}
