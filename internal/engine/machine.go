package engine

import (
	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// machineOf names the kind of machine that an element runs on: that of the devices
// which it was given, if it has any.
func (e *Engine) machineOf(w *state.Workload, t *state.Task) string {
	n := e.st.Nodes[t.Node]
	if n != nil && len(t.Devices) > 0 {
		if g := int(t.Devices[0].Group); g < len(n.Capacity.Accelerators) {
			return sched.MachineOf(&n.Node, &n.Capacity.Accelerators[g])
		}
	}
	return e.machineAt(t.Node, w.SpecOf(t))
}

// machineAt is machineOf when the devices are not known any more.
func (e *Engine) machineAt(node string, task *api.Task) string {
	if n := e.st.Nodes[node]; n != nil {
		return sched.MachineFor(&n.Node, task)
	}
	return ""
}
