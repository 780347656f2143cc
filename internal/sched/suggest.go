package sched

import (
	"slices"
	"strconv"

	"drover.dev/api"
)

// Suggest returns the smallest single changes that would admit a task now, those
// that open most nodes first. Each names one requirement to drop, one resource to
// lower (to what the best node has free), one taint to tolerate, or one driver to
// offer; applying it admits the task.
func (x *Index) Suggest(a *Ask) []api.Suggestion {
	var out []api.Suggestion
	try := func(change string, t *api.Task) {
		b := *a
		b.Task = t
		if n := x.fitting(&b); n > 0 {
			out = append(out, api.Suggestion{Change: change, Nodes: n})
		}
	}
	if a.Pin != "" {
		b := *a
		b.Pin = ""
		if n := x.fitting(&b); n > 0 {
			out = append(out, api.Suggestion{Change: "do not pin it to node " + a.Pin, Nodes: n})
		}
	}
	x.dropRequirements(a.Task, try)
	x.tolerate(a.Task, try)
	x.lower(a, try)
	x.fixedPorts(a.Task, try)
	x.reopen(a, &out)
	slices.SortStableFunc(out, func(p, q api.Suggestion) int { return int(q.Nodes - p.Nodes) })
	return out
}

// fitting counts the nodes that would take the task now.
func (x *Index) fitting(a *Ask) (n int32) {
	for _, e := range x.nodes {
		if e.open && static(e, a) == "" && e.fits(a) {
			n++
		}
	}
	return n
}

func (x *Index) dropRequirements(t *api.Task, try func(string, *api.Task)) {
	q := &t.Requires
	if len(q.Layers) > 0 {
		c := *t
		c.Requires.Layers = nil
		try("allow layers other than "+joinOr(q.Layers), &c)
	}
	if len(q.Sites) > 0 {
		c := *t
		c.Requires.Sites = nil
		try("allow sites other than "+joinOr(q.Sites), &c)
	}
	for _, k := range sortedKeys(q.Labels) {
		c := *t
		c.Requires.Labels = without(q.Labels, k)
		try("drop the label "+k+"="+q.Labels[k], &c)
	}
	for i := range q.Affinity {
		c := *t
		c.Requires.Affinity = slices.Delete(slices.Clone(q.Affinity), i, i+1)
		try("drop the affinity "+Describe(&q.Affinity[i]), &c)
	}
	for i := range q.AntiAffinity {
		c := *t
		c.Requires.AntiAffinity = slices.Delete(slices.Clone(q.AntiAffinity), i, i+1)
		try("drop the anti-affinity "+Describe(&q.AntiAffinity[i]), &c)
	}
	for i := range t.Resources.Accelerators {
		c := *t
		c.Resources.Accelerators = slices.Clone(t.Resources.Accelerators)
		if len(c.Resources.Accelerators[i].Models) > 0 {
			c.Resources.Accelerators[i].Models = nil
			try("allow any model of "+t.Resources.Accelerators[i].Kind, &c)
		}
		d := *t
		d.Resources.Accelerators = slices.Delete(slices.Clone(t.Resources.Accelerators), i, i+1)
		try("drop the accelerator "+DescribeAccelerator(&t.Resources.Accelerators[i]), &d)
	}
}

func without(m map[string]string, key string) map[string]string {
	out := make(map[string]string, len(m))
	for _, k := range sortedKeys(m) {
		if k != key {
			out[k] = m[k]
		}
	}
	return out
}

// tolerate tries each taint that stands in the way.
func (x *Index) tolerate(t *api.Task, try func(string, *api.Task)) {
	var seen []api.Taint
	for _, e := range x.nodes {
		for _, taint := range e.Taints {
			if taint.Effect == api.Avoid || Tolerates(t.Requires.Tolerations, taint) || slices.Contains(seen, taint) {
				continue
			}
			seen = append(seen, taint)
			c := *t
			c.Requires.Tolerations = append(slices.Clone(t.Requires.Tolerations), api.Toleration(taint))
			try("tolerate the taint "+DescribeTaint(taint), &c)
		}
	}
}

// lower tries, for each resource alone, the most that a node has free which
// otherwise fits.
func (x *Index) lower(a *Ask, try func(string, *api.Task)) {
	for _, dim := range dimensions {
		want := dim.get(&a.Task.Resources)
		if want == 0 {
			continue
		}
		c := *a.Task
		dim.set(&c.Resources, 0)
		b := *a
		b.Task = &c
		most := int64(-1)
		for _, e := range x.nodes {
			if free := dim.get(&e.free); e.open && free < want && free > most && static(e, &b) == "" && e.fits(&b) {
				most = free
			}
		}
		if most <= 0 {
			continue
		}
		dim.set(&c.Resources, most)
		try("request "+dim.text(want-most)+" less "+dim.name+" ("+dim.text(most)+")", &c)
	}
}

type dimension struct {
	name string
	get  func(*api.Resources) int64
	set  func(*api.Resources, int64)
	text func(int64) string
}

var dimensions = [...]dimension{
	{
		"cpu", func(r *api.Resources) int64 { return int64(r.CPU) },
		func(r *api.Resources, v int64) { r.CPU = api.Milli(v) }, func(v int64) string { return api.Milli(v).String() },
	},
	{
		"memory", func(r *api.Resources) int64 { return int64(r.Memory) },
		func(r *api.Resources, v int64) { r.Memory = api.Bytes(v) }, func(v int64) string { return api.Bytes(v).String() },
	},
	{
		"storage", func(r *api.Resources) int64 { return int64(r.Storage) },
		func(r *api.Resources, v int64) { r.Storage = api.Bytes(v) }, func(v int64) string { return api.Bytes(v).String() },
	},
	{
		"bandwidth", func(r *api.Resources) int64 { return int64(r.Bandwidth) },
		func(r *api.Resources, v int64) { r.Bandwidth = api.Rate(v) }, func(v int64) string { return api.Rate(v).String() },
	},
}

func (x *Index) fixedPorts(t *api.Task, try func(string, *api.Task)) {
	for i, p := range t.Ports {
		if p.Port == 0 {
			continue
		}
		c := *t
		c.Ports = slices.Clone(t.Ports)
		c.Ports[i].Port = 0
		try("let the node choose port "+p.Name+" instead of "+strconv.Itoa(int(p.Port)), &c)
	}
}

// reopen counts nodes that would take the task if they took new work, and drivers
// that would have to be offered.
func (x *Index) reopen(a *Ask, out *[]api.Suggestion) {
	var whys []string
	counts := map[string]int32{}
	drivers := int32(0)
	for _, e := range x.nodes {
		if !e.open && static(e, a) == "" && e.fits(a) {
			if counts[e.why]++; counts[e.why] == 1 {
				whys = append(whys, e.why)
			}
		}
		if e.open && !slices.Contains(e.Drivers, a.Task.Driver) {
			m := *e
			m.Drivers = []string{a.Task.Driver}
			if static(&m, a) == "" && m.fits(a) {
				drivers++
			}
		}
	}
	for _, why := range whys {
		change := "bring the " + why + " nodes back"
		if why == "draining" {
			change = "stop draining"
		}
		*out = append(*out, api.Suggestion{Change: change, Nodes: counts[why]})
	}
	if drivers > 0 {
		*out = append(*out, api.Suggestion{Change: "offer the driver " + a.Task.Driver, Nodes: drivers})
	}
}
