package sched

import (
	"slices"
	"strconv"
	"strings"

	"drover.dev/api"
)

// Suggest returns the smallest single changes that would admit a task now, those
// that open most nodes first. Each names one requirement to drop, one resource to
// lower (to what the best node has free), one taint to tolerate, or one driver to
// offer; applying it admits the task, or the whole gang. Then come the lowest priority
// with which it would have the place of others, who are named, and the expected end
// to wait for. When no single change does, the one suggestion is the fewest changes
// that would do together.
func (x *Index) Suggest(a *Ask) []api.Suggestion {
	raise := x.raise(a)
	if n := x.fitting(a); raise != "" && n > 0 {
		return []api.Suggestion{{Change: raise, Nodes: n}}
	}
	out := x.suggest(a)
	if raise == "" {
		out = append(out, x.later(a)...)
	}
	if len(out) == 0 && a.Gang <= 1 {
		if s, ok := x.together(a); ok {
			out = []api.Suggestion{s}
		}
	}
	if raise != "" && len(out) > 0 {
		out[0].Change = "all of these together: " + raise + "; " + strings.TrimPrefix(out[0].Change, "all of these together, ")
		return out[:1]
	}
	return out
}

// with is the same for another task: nothing that is kept by shape concerns it.
func (a *Ask) with(t *api.Task) Ask {
	b := *a
	b.Task, b.Shape, b.Static = t, "", ""
	return b
}

// raise is the change of a tenant's limit that a task, or its whole gang, would
// need; "" when it needs none.
func (x *Index) raise(a *Ask) string {
	t, times := x.tenants[a.Tenant], int64(max(a.Gang, 1))
	if t == nil || t.Limit == nil || x.overLimit(a, times) == "" {
		return ""
	}
	after, limit := *x.usedBy(a.Tenant), usage{}
	after.add(&a.Task.Resources, times)
	limit.add(t.Limit, 1)
	have := limit.list()
	var to []string
	for i, used := range after.list() {
		if have[i] > 0 && used > have[i] {
			to = append(to, amount(i, used))
		}
	}
	return "raise the limit of tenant " + a.Tenant + " to " + strings.Join(to, ", ")
}

// suggest is the single changes of what a task asks for, and of nodes.
func (x *Index) suggest(a *Ask) []api.Suggestion {
	var out []api.Suggestion
	try := func(change string, t *api.Task) {
		b := a.with(t)
		if n := x.fitting(&b); n > 0 {
			out = append(out, api.Suggestion{Change: change, Nodes: n})
		}
	}
	if a.Pin != "" {
		b := a.with(a.Task)
		b.Pin = ""
		if n := x.fitting(&b); n > 0 {
			out = append(out, api.Suggestion{Change: "do not pin it to node " + a.Pin, Nodes: n})
		}
	}
	if a.Within != "" {
		b := a.with(a.Task)
		b.Within = ""
		if n := x.fitting(&b); n > 0 {
			out = append(out, api.Suggestion{Change: "allow the gang more than one " + a.Within, Nodes: n})
		}
	}
	x.dropRequirements(a.Task, try)
	x.tolerate(a.Task, try)
	x.lower(a, try)
	x.fixedPorts(a.Task, try)
	x.reopen(a, &out)
	x.fewer(a, &out)
	x.shorten(a, &out)
	slices.SortStableFunc(out, func(p, q api.Suggestion) int { return int(q.Nodes - p.Nodes) })
	return out
}

// fitting counts the nodes that would take the task now, or its whole gang
// together; 0 when they would not.
func (x *Index) fitting(a *Ask) int32 {
	n, elements := x.places(a, func(e *node) *node {
		if e.open {
			return e
		}
		return nil
	})
	if n > 0 && a.Seated() {
		if !x.whole(a) {
			return 0
		}
		return n // where the first may go; the others need not fit there
	}
	if elements < a.Gang {
		return 0
	}
	return n
}

// places counts the nodes on which a task fits, and the elements of its gang that
// fit together. as says what to take a node for; nil leaves it out.
func (x *Index) places(a *Ask, as func(*node) *node) (nodes int32, elements int) {
	if x.astray(a.Task) != "" {
		return 0, 0
	}
	ties := x.ties(a)
	for _, e := range x.nodes {
		if e = as(e); e == nil || !suits(e, a) || !e.fits(a) || !permits(ties, e) {
			continue
		}
		nodes++
		if elements < a.Gang {
			elements += e.times(a, a.Gang-elements)
		}
	}
	return nodes, elements
}

// times is how many equal tasks fit on a node, at most most.
func (e *node) times(a *Ask, most int) (n int) {
	c := e.copy()
	for n < most && c.fits(a) {
		devices, _ := assign(c.devices, c.Capacity.Accelerators, a.Task.Resources.Accelerators)
		c.try(api.TaskRef{}, a, devices)
		n++
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
	x.allow(t, try)
	dropRelations(t, try)
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

// lower tries, for each resource alone, the largest request that is admitted; of
// bandwidth also none.
func (x *Index) lower(a *Ask, try func(string, *api.Task)) {
	for _, dim := range dimensions {
		want := dim.get(&a.Task.Resources)
		if want <= 1 {
			continue
		}
		c := *a.Task
		b := a.with(&c)
		amount := largest(want-1, func(v int64) bool {
			dim.set(&c.Resources, v)
			return x.fitting(&b) > 0
		})
		dim.set(&c.Resources, amount)
		if amount == 0 {
			if dim.name == bandwidth { // a node may well not say how much it has
				try("ask for no "+dim.name, &c)
			}
			continue
		}
		try("request "+dim.text(want-amount)+" less "+dim.name+" ("+dim.text(amount)+")", &c)
	}
}

// fewer says how many elements of a gang would fit: those that must share a value of a
// label, or are tied to each other, as they would be seated.
func (x *Index) fewer(a *Ask, out *[]api.Suggestion) {
	if a.Gang < 2 {
		return
	}
	if a.Seated() {
		x.fewerSeated(a, out)
		return
	}
	n, elements := x.places(a, func(e *node) *node {
		if e.open {
			return e
		}
		return nil
	})
	if elements > 0 && elements < a.Gang {
		*out = append(*out, api.Suggestion{Change: "lower count to " + strconv.Itoa(elements), Nodes: n})
	}
}

func (x *Index) fewerSeated(a *Ask, out *[]api.Suggestion) {
	b := a.with(a.Task)
	most := largest(int64(a.Gang-1), func(n int64) bool {
		b.Gang = int(n)
		return x.fitting(&b) > 0
	})
	if b.Gang = int(most); most > 0 {
		*out = append(*out, api.Suggestion{Change: "lower count to " + strconv.Itoa(b.Gang), Nodes: x.fitting(&b)})
	}
}

// shorten tries the longest run that would end before others begin who were
// promised room.
func (x *Index) shorten(a *Ask, out *[]api.Suggestion) {
	if len(x.promises) == 0 {
		return
	}
	b := *a
	seconds := largest(int64(maxEstimate/api.Second), func(s int64) bool {
		b.Hold = Span(api.Duration(s) * api.Second)
		return x.fitting(&b) > 0
	})
	if seconds == 0 {
		return
	}
	run := api.Duration(seconds) * api.Second
	b.Hold = Span(run)
	change := "end within " + run.String() + " (timeout), before others begin who were promised room"
	*out = append(*out, api.Suggestion{Change: change, Nodes: x.fitting(&b)})
}

// largest finds the largest of 1 to most that is admitted, given that less is
// admitted whenever more is; 0 when none is.
func largest(most int64, admitted func(int64) bool) int64 {
	low, high := int64(0), most
	for low < high {
		mid := high - (high-low)/2
		if admitted(mid) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

const bandwidth = "bandwidth"

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
		bandwidth, func(r *api.Resources) int64 { return int64(r.Bandwidth) },
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

// reopen tries nodes that take no new work at the moment, by the reason why, and
// nodes that lack nothing but the driver.
func (x *Index) reopen(a *Ask, out *[]api.Suggestion) {
	var whys []string
	for _, e := range x.nodes {
		if !e.open && !slices.Contains(whys, e.why) {
			whys = append(whys, e.why)
		}
	}
	for _, why := range whys {
		change := "bring the " + why + " nodes back"
		switch why {
		case "draining":
			change = "stop draining"
		case "asleep":
			change = "wake the nodes that sleep"
		case "waking":
			change = "wait for the nodes that are being woken"
		}
		x.suppose(change, a, out, func(e *node) (*node, bool) { return e, !e.open && e.why == why })
	}
	x.suppose("offer the driver "+a.Task.Driver, a, out, func(e *node) (*node, bool) {
		if !e.open || slices.Contains(e.Drivers, a.Task.Driver) {
			return nil, false
		}
		m := *e
		m.Drivers = append(slices.Clone(e.Drivers), a.Task.Driver)
		return &m, true
	})
}

// suppose adds a change to some nodes when it admits the task. with says what a
// node would be after the change, and whether it would change.
func (x *Index) suppose(change string, a *Ask, out *[]api.Suggestion, with func(*node) (*node, bool)) {
	count := func(e *node) *node {
		if m, changed := with(e); changed {
			return m
		}
		return nil
	}
	n, elements := x.places(a, count)
	if n > 0 && elements < a.Gang {
		_, elements = x.places(a, func(e *node) *node {
			if m := count(e); m != nil || !e.open {
				return m
			}
			return e
		})
	}
	if n > 0 && elements >= a.Gang {
		*out = append(*out, api.Suggestion{Change: change, Nodes: n})
	}
}
