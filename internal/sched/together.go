package sched

import (
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
)

// together is the suggestion for a task that no single change admits: the node
// that lacks fewest things, and all that would have to change there at once.
func (x *Index) together(a *Ask) (api.Suggestion, bool) {
	var best []string
	var on string
	ties := x.ties(a)
	for _, e := range x.nodes {
		if f := x.faults(e, a, ties); len(f) > 0 && (best == nil || len(f) < len(best)) {
			best, on = f, e.Name
		}
	}
	if best == nil {
		return api.Suggestion{}, false
	}
	return api.Suggestion{Change: "all of these together, for node " + on + ": " + strings.Join(best, "; "), Nodes: 1}, true
}

// faults lists everything that keeps a task off a node, each as the change that
// would mend it; nothing when it would have to do without a resource altogether.
func (x *Index) faults(e *node, a *Ask, ties []tie) (out []string) {
	add := func(bad bool, change string) {
		if bad {
			out = append(out, change)
		}
	}
	t, q := a.Task, &a.Task.Requires
	add(!e.open, "bring the node back ("+e.why+")")
	add(a.Pin != "" && a.Pin != e.Name, "do not pin it to node "+a.Pin)
	add(!slices.Contains(e.Drivers, t.Driver), "offer the driver "+t.Driver)
	add(len(q.Layers) > 0 && !slices.Contains(q.Layers, e.Layer), "allow the layer "+string(e.Layer))
	add(len(q.Sites) > 0 && !slices.Contains(q.Sites, e.Site), "allow the site "+e.Site)
	add(!t.Residency.Allows(e.Site), "allow its data at site "+e.Site+" (residency)")
	if x.astray(t) != "" {
		add(x.home == "", "say at which site the cell keeps data (drover sites home)")
		add(x.home != "" && x.home != e.Site, "allow its data at site "+x.home+" (residency)")
	}
	for _, k := range sortedKeys(q.Labels) {
		v, ok := e.Labels[k]
		add(!ok || v != q.Labels[k], "drop the label "+k+"="+q.Labels[k])
	}
	for i := range q.Affinity {
		add(!q.Affinity[i].Soft && !Matches(e.Labels, &q.Affinity[i]), "drop the affinity "+Describe(&q.Affinity[i]))
	}
	for i := range q.AntiAffinity {
		add(!q.AntiAffinity[i].Soft && Matches(e.Labels, &q.AntiAffinity[i]), "drop the anti-affinity "+Describe(&q.AntiAffinity[i]))
	}
	for i := range ties {
		add(!ties[i].permits(e), "drop the requirement "+ties[i].text)
	}
	for _, taint := range e.Taints {
		add(taint.Effect != api.Avoid && !Tolerates(q.Tolerations, taint), "tolerate the taint "+DescribeTaint(taint))
	}
	for _, d := range dimensions {
		want, free := d.get(&t.Resources), max(d.get(&e.free), 0)
		if want > 0 && free == 0 {
			return nil
		}
		add(want > free && free > 0, "request "+d.text(want-free)+" less "+d.name+" ("+d.text(free)+")")
		add(want > free && free == 0, "free "+d.text(want)+" of "+d.name+" there")
	}
	if _, ok := assign(e.devices, e.Capacity.Accelerators, t.Resources.Accelerators); !ok {
		for i := range t.Resources.Accelerators {
			add(true, "drop the accelerator "+DescribeAccelerator(&t.Resources.Accelerators[i]))
		}
	}
	for _, p := range t.Ports {
		add(p.Port != 0 && e.ports[p.Port] > 0, "let the node choose port "+p.Name+" instead of "+strconv.Itoa(int(p.Port)))
	}
	return out
}
