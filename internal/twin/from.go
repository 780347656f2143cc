package twin

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// endless is how long replicas run, which do not end by themselves.
const endless = api.MaxDuration

// goOn takes nodes and sites of the state that the world begins with into the
// configuration. It returns how many nodes the engine knows already.
func (c *Config) goOn() int {
	st := c.From
	if st == nil {
		return 0
	}
	c.Start = max(c.Start, st.Now)
	c.Home = st.Settings.Home
	c.Sites = nil
	for _, name := range st.SortedSites() {
		c.Sites = append(c.Sites, *st.Sites[name])
	}
	var nodes []api.Node
	for _, name := range st.SortedNodes() {
		nodes = append(nodes, st.Nodes[name].Node)
	}
	known := len(nodes)
	c.Nodes = append(nodes, c.Nodes...)
	return known
}

// resume has the machines go on with what they held, and the engine with what it
// waited for. Children are not simulated: they are silent, and nothing is offered to them.
func (w *World) resume() {
	st := w.cfg.From
	if st == nil {
		return
	}
	for i := range w.nodes {
		m := &w.nodes[i]
		held := st.Nodes[m.node.Name]
		if slices.Contains(w.cfg.Down, m.node.Name) {
			m.down = true
			w.inputs = append(w.inputs, &engine.Silent{Node: m.node.Name})
		}
		m.down = m.down || held != nil && held.Silent
		m.lost = m.down
		if held != nil && !held.On() && !m.down {
			w.power(&state.NodePower{Node: m.node.Name, State: held.Power})
		}
	}
	for _, name := range slices.Sorted(keys(st.Cells)) {
		w.inputs = append(w.inputs, &engine.CellSilent{Cell: name})
	}
	for _, id := range st.SortedWorkloads() {
		if wl := st.Workloads[id]; !wl.Status.Final() && !wl.Away() {
			w.adopt(wl)
		}
	}
	w.makePlan()
}

// adopt takes a workload in that the demand did not bring.
func (w *World) adopt(wl *state.Workload) {
	if w.cfg.Guess == nil || len(wl.Groups) == 0 {
		return
	}
	truth := w.cfg.Guess(wl)
	if len(truth) < len(wl.Spec.Tasks) {
		return
	}
	j := &job{n: -1, at: wl.Submitted, truth: truth, spec: wl.Spec, serves: wl.Spec.Kind != api.KindJob}
	for i := range wl.Groups {
		j.tasks += len(wl.Groups[i].Tasks)
	}
	if j.serves {
		for i := range truth {
			truth[i].Run, truth[i].Each, truth[i].Waits = endless, nil, true
		}
	}
	w.jobs[wl.ID] = j
	timely := w.demand == nil || w.more || w.asked > 0 || w.now <= w.cfg.Until
	if j.awaited = !j.serves && timely && wl.Spec.Schedule == nil; j.awaited {
		w.meter.waited(w.awaited, w.now)
		w.awaited++
	}
	for i := range wl.Groups {
		for _, t := range wl.Groups[i].Tasks {
			if t.Status.Holds() {
				w.hold(t)
			}
		}
	}
}

// hold gives a machine what the state says that it has.
func (w *World) hold(t *state.Task) {
	a := w.attempt(t.Ref, t.Try, t.Node, t.Devices)
	if a == nil {
		return
	}
	a.said = t.Reported
	m := &w.nodes[a.node]
	if m.down {
		return
	}
	a.told = true
	if t.Status == api.TaskPlaced {
		w.begin(a)
	} else {
		a.running, a.began, a.ready, a.started = true, t.Placed, t.Started, t.Started
		m.programs.use(a.program, a.truth.Program)
		w.load(a, 1)
		a.stood, a.due = t.Stood, max(w.now, t.Started.Add(a.run+t.Stood))
		w.queue.push(event{at: a.due, kind: ends, node: a.node, attempt: a})
		if t.Status == api.TaskSuspended {
			a.still = t.Still
			w.idle(a, true)
		}
	}
	if t.Stop != state.StopNothing {
		w.stop(t.Ref)
	}
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m { // order-free: sorted by the caller
			if !yield(k) {
				return
			}
		}
	}
}
