package twin

import "drover.dev/api"

// Gauge shows what is used in a world at a moment, as agents would measure it.
type Gauge struct{ w *World }

// Metered is what is used of a node.
type Metered struct {
	Node   string
	CPU    api.Milli // never more than there is
	Own    api.Milli // of CPU, what tasks use of what they asked for
	Memory api.Bytes // always what tasks asked for
}

// measures reports whether somebody is to be shown what is used: while a task uses more
// than it asked for, and as long as a node counts as overloaded for that.
func (w *World) measures() bool {
	return w.cfg.Measure != nil && (w.greedy > 0 || len(w.State().Strains) > 0)
}

// measureSoon has somebody shown what is used from the next ten seconds on.
func (w *World) measureSoon() {
	if w.glance == 0 && w.measures() {
		w.glance = w.now - w.now%api.Time(foreseeEvery) + api.Time(foreseeEvery)
	}
}

// Nodes visits the nodes that can be heard, in order.
func (g Gauge) Nodes(visit func(Metered)) {
	own := make([]api.Milli, len(g.w.nodes))
	for _, a := range g.w.tasks { // order-free: sums
		if a.computes() {
			own[a.node] += min(a.use, a.asked)
		}
	}
	for i := range g.w.nodes {
		m := &g.w.nodes[i]
		if m.down || m.cut > 0 || m.nap.off {
			continue
		}
		cpu := min(m.used.cpu, m.node.Capacity.CPU)
		visit(Metered{Node: m.node.Name, CPU: cpu, Own: divided(own[i], cpu, m.used.cpu), Memory: m.used.memory})
	}
}

// Task tells what an attempt uses; false when it does not run.
func (g Gauge) Task(id api.Attempt) (api.TaskUse, bool) {
	a := g.w.tasks[id.TaskRef]
	if a == nil || a.id != id || !a.computes() {
		return api.TaskUse{}, false
	}
	m := &g.w.nodes[a.node]
	return api.TaskUse{Attempt: id, CPU: divided(a.use, min(m.used.cpu, m.node.Capacity.CPU), m.used.cpu), Memory: a.memory}, true
}

// computes reports whether an attempt uses CPU now.
func (a *attempt) computes() bool { return a.running && !a.ran && !a.over && a.still == 0 }

// divided is what is left of a use where so much is given of what all would use.
func divided(use, given, wanted api.Milli) api.Milli {
	if wanted <= given {
		return use
	}
	return api.Milli(float64(use) * float64(given) / float64(wanted))
}
