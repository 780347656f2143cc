package live

import (
	"maps"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// standing is how things stand at a moment, by the names of series. All sums are of
// the cell, and of each layer.
type standing struct{ values map[string]float64 }

// add adds to a sum of the cell and of a layer; "" is none of the layers.
func (s standing) add(what string, l api.Layer, resource string, v float64) {
	s.values[what+"/cell/"+resource] += v
	if l != "" {
		s.values[what+"/"+string(l)+"/"+resource] += v
	}
}

func (s standing) amounts(what string, l api.Layer, r *api.Resources) {
	s.add(what, l, "cpu", float64(r.CPU))
	s.add(what, l, "memory", float64(r.Memory))
}

// nodes sums what there is, what is asked for and what is used.
func (s standing) nodes(st *state.State, beats map[string]heard) {
	for name, n := range st.Nodes { // order-free: sums, and each node for itself
		if n.Silent {
			continue
		}
		if !n.Drain {
			s.amounts("capacity", n.Layer, &n.Capacity)
			for _, a := range n.Capacity.Accelerators {
				s.add("capacity", n.Layer, a.Kind, float64(a.Count))
			}
		}
		s.amounts("demand", n.Layer, &n.Used)
		s.devices(n)
		b, ok := beats[name]
		if !ok || b.CPU < 0 || b.Memory < 0 {
			continue
		}
		b.CPU, b.Memory = min(b.CPU, 4*n.Capacity.CPU), min(b.Memory, 4*n.Capacity.Memory) // a node may say anything
		s.amounts("used", n.Layer, &b.Resources)
		if len(st.Nodes) <= maxNodeNames {
			s.values["node/"+name+"/cpu"], s.values["node/"+name+"/memory"] = float64(b.CPU), float64(b.Memory)
		}
	}
}

// signals tells what is measured now of what comes from outside, in the units of the
// api; forecasts of others are no measurements.
func (s standing) signals(st *state.State, now api.Time) {
	for key, one := range st.Signals { // order-free: each series for itself
		if now >= one.Start && now < one.KnownUntil() {
			v, _ := one.At(now)
			s.values["signal/"+key] = float64(v)
		}
	}
}

// devices sums the accelerators that a node's tasks hold.
func (s standing) devices(n *state.Node) {
	if len(n.Capacity.Accelerators) == 0 {
		return
	}
	for _, t := range n.Held { // order-free: sums
		for _, d := range t.Devices {
			if all := n.Capacity.Accelerators; int(d.Group) < len(all) {
				s.add("demand", n.Layer, all[d.Group].Kind, float64(d.Share))
			}
		}
	}
}

// waiting adds what waits for a place. It counts as a layer's demand when no other
// layer may take it.
func (s standing) waiting(st *state.State) {
	load := st.Load()
	s.values["cell/waiting"], s.values["cell/running"] = float64(load.Pending), float64(load.Held)
	if load.Pending == 0 {
		return
	}
	for _, w := range st.Workloads { // order-free: sums
		if w.Counts.Pending == 0 {
			continue
		}
		for i := range w.Groups {
			n := 0
			for _, t := range w.Groups[i].Tasks {
				if t.Status == api.TaskPending {
					n++
				}
			}
			s.request(w.TaskNow(uint16(i)), float64(n))
		}
	}
}

func (s standing) request(t *api.Task, n float64) {
	if n == 0 {
		return
	}
	var only api.Layer
	if len(t.Requires.Layers) == 1 {
		only = t.Requires.Layers[0]
	}
	s.add("demand", only, "cpu", n*float64(t.Resources.CPU))
	s.add("demand", only, "memory", n*float64(t.Resources.Memory))
	for _, a := range t.Resources.Accelerators {
		s.add("demand", only, a.Kind, n*float64(a.Count))
	}
}

// services sums the CPU that the replicas of each service use. Those that were not
// measured lately count as the mean of the others.
func (s standing) services(st *state.State, uses map[api.Attempt]used, now api.Time) {
	type sum struct{ n, cpu float64 }
	sums := map[uint64]sum{}
	for _, u := range uses { // order-free: sums of whole numbers
		sums[u.Workload] = sum{sums[u.Workload].n + 1, sums[u.Workload].cpu + float64(u.CPU)}
	}
	for id, one := range sums { // order-free: each service for itself
		if w := st.Workloads[id]; w != nil && w.Spec.Kind == api.KindService {
			s.values[loadOf(w)] = one.cpu / one.n * max(float64(w.Counts.Running), one.n)
		}
	}
}

// loadOf names the series of what a service's replicas use.
func loadOf(w *state.Workload) string { return "load/" + w.Spec.Tenant + "/" + w.Spec.Name }

// attend keeps what attempts used, as far as they run where the report came from.
func (o *observer) attend(st *state.State, beats map[string]heard, now api.Time) {
	for node, b := range beats { // order-free: each attempt runs on one node
		for _, u := range b.tasks {
			if n := st.Nodes[node]; n != nil && runsOn(st, u.Attempt, node) && u.CPU >= 0 && u.Memory >= 0 {
				u.CPU, u.Memory = min(u.CPU, n.Capacity.CPU), min(u.Memory, n.Capacity.Memory)
				o.uses[u.Attempt] = used{u, node, now}
			}
		}
	}
	maps.DeleteFunc(o.uses, func(a api.Attempt, u used) bool { return now.Sub(u.at) > useCounts || !runsOn(st, a, u.node) })
}

func runsOn(st *state.State, a api.Attempt, node string) bool {
	_, t := st.Task(a.TaskRef)
	return t != nil && t.Status == api.TaskRunning && t.Try == a.Try && t.Node == node
}

// taskSample is one value of a task's series.
type taskSample struct {
	name  string
	value float64
}

// taskSamples are the values of the attempts that were measured just now.
func (o *observer) taskSamples(st *state.State, beats map[string]heard) (out []taskSample) {
	for node, b := range beats { // order-free: buckets are sums, and the largest
		for _, u := range b.tasks {
			w := st.Workloads[u.Workload]
			if known, ok := o.uses[u.Attempt]; ok && known.node == node && w != nil && int(u.Task) < len(w.Spec.Tasks) {
				name := seriesOf(w, u.Task, st)
				out = append(out, taskSample{"cpu/" + name, float64(known.CPU)}, taskSample{"memory/" + name, float64(known.Memory)})
			}
		}
	}
	return out
}
