package sched

import (
	"slices"
	"strconv"

	"drover.dev/api"
)

// Filters run in a fixed order; the first that fails gives a node's reason. The
// texts name what was asked for, not what the node has, so that nodes with the
// same lack count together.

// static checks what does not change as tasks come and go. It returns "" or the
// reason.
func static(e *node, a *Ask) string {
	t := a.Task
	q := &t.Requires
	switch {
	case a.Pin != "" && a.Pin != e.Name:
		return NotPinned(a.Pin)
	case a.site != "" && a.site != e.Site:
		return "site is not " + a.site
	case !slices.Contains(e.Drivers, t.Driver):
		return "driver " + t.Driver + " is missing"
	case len(q.Layers) > 0 && !slices.Contains(q.Layers, e.Layer):
		return "layer is not " + joinOr(q.Layers)
	case len(q.Sites) > 0 && !slices.Contains(q.Sites, e.Site):
		return "site is not " + joinOr(q.Sites)
	case !t.Residency.Allows(e.Site):
		return "residency: its data may be at " + joinOr(t.Residency.Sites) + " only"
	}
	for _, k := range sortedKeys(q.Labels) {
		if v, ok := e.Labels[k]; !ok || v != q.Labels[k] {
			return "label is not " + k + "=" + q.Labels[k]
		}
	}
	for i := range q.Affinity {
		if x := &q.Affinity[i]; !x.Soft && !Matches(e.Labels, x) {
			return "affinity " + Describe(&q.Affinity[i])
		}
	}
	for i := range q.AntiAffinity {
		if x := &q.AntiAffinity[i]; !x.Soft && Matches(e.Labels, x) {
			return "anti-affinity " + Describe(&q.AntiAffinity[i])
		}
	}
	for _, taint := range e.Taints {
		if taint.Effect != api.Avoid && !Tolerates(q.Tolerations, taint) {
			return "taint " + DescribeTaint(taint)
		}
	}
	return whole(e, t)
}

// NotPinned is the reason of the nodes that a task pinned to one may not run on.
func NotPinned(pin string) string { return "node is not " + pin }

// suits is static without the text, for the hot path.
func suits(e *node, a *Ask) bool {
	q := &a.Task.Requires
	if len(q.Labels) > 0 {
		for k, v := range q.Labels { // order-free: all must hold
			if have, ok := e.Labels[k]; !ok || have != v {
				return false
			}
		}
	}
	return static(e, a) == ""
}

// whole checks that a node would be large enough if it were empty.
func whole(e *node, t *api.Task) string {
	r, c := &t.Resources, &e.Capacity
	switch {
	case r.CPU > c.CPU:
		return "cpu " + r.CPU.String() + " exceeds the whole node"
	case r.Memory > c.Memory:
		return "memory " + r.Memory.String() + " exceeds the whole node"
	case r.Storage > c.Storage:
		return "storage " + r.Storage.String() + " exceeds the whole node"
	case r.Bandwidth > c.Bandwidth:
		return "bandwidth " + r.Bandwidth.String() + " exceeds the whole node"
	}
	if len(r.Accelerators) > 0 {
		if _, ok := assign(devicesOf(e.Capacity), c.Accelerators, r.Accelerators); !ok {
			return "accelerator " + DescribeAccelerator(&r.Accelerators[0]) + " is missing"
		}
	}
	return ""
}

// lack is what a node has too little of now.
type lack uint8

const (
	lacksNothing lack = iota
	lacksCPU
	lacksMemory
	lacksStorage
	lacksBandwidth
	lacksDevice
	lacksPort
	lacks // how many there are
)

// lack checks what is free now: the first thing that is not, and for a port or a
// device which of those asked for.
func (e *node) lack(a *Ask) (lack, int32) {
	t := a.Task
	r, f := &t.Resources, &e.free
	switch {
	case r.CPU > f.CPU:
		return lacksCPU, 0
	case r.Memory > f.Memory:
		return lacksMemory, 0
	case r.Storage > f.Storage:
		return lacksStorage, 0
	case r.Bandwidth > f.Bandwidth:
		return lacksBandwidth, 0
	}
	if len(r.Accelerators) > 0 {
		if _, ok := assign(e.devices, e.Capacity.Accelerators, r.Accelerators); !ok {
			return lacksDevice, 0
		}
	}
	for i, p := range t.Ports {
		if p.Port != 0 && e.ports[p.Port] > 0 {
			return lacksPort, int32(i)
		}
	}
	return lacksNothing, 0
}

// text names what was asked for.
func (l lack) text(a *Ask, port int32) string {
	r := &a.Task.Resources
	switch l {
	case lacksCPU:
		return "cpu " + r.CPU.String() + " is not free"
	case lacksMemory:
		return "memory " + r.Memory.String() + " is not free"
	case lacksStorage:
		return "storage " + r.Storage.String() + " is not free"
	case lacksBandwidth:
		return "bandwidth " + r.Bandwidth.String() + " is not free"
	case lacksDevice:
		return "accelerator " + DescribeAccelerator(&r.Accelerators[0]) + " is not free"
	case lacksPort:
		return "port " + strconv.Itoa(int(a.Task.Ports[port].Port)) + " is taken"
	}
	return ""
}

// fits reports whether a task may begin on a node now: nothing is lacking, and
// nobody who was promised room there is delayed.
func (e *node) fits(a *Ask) bool {
	return e.lacksNothing(a) && (len(e.claims) == 0 || e.clear(a))
}

// lacksNothing is lack without what is missing, for the hot path.
func (e *node) lacksNothing(a *Ask) bool {
	r, f := &a.Task.Resources, &e.free
	if r.CPU > f.CPU || r.Memory > f.Memory || r.Storage > f.Storage || r.Bandwidth > f.Bandwidth {
		return false
	}
	if len(a.Task.Ports) > 0 {
		l, _ := e.lack(a)
		return l == lacksNothing
	}
	switch len(r.Accelerators) {
	case 0:
		return true
	case 1:
		return e.offersFree(&r.Accelerators[0])
	}
	_, ok := assign(e.devices, e.Capacity.Accelerators, r.Accelerators)
	return ok
}

// offersFree reports whether one request for accelerators can be met.
func (e *node) offersFree(ask *api.Accelerator) bool {
	return ask.Count <= e.freeDevices && e.offersBeside(ask, nil)
}

// offersBeside is offersFree once some shares were given back, of different devices.
func (e *node) offersBeside(ask *api.Accelerator, back []api.DeviceShare) bool {
	for g, have := range e.devices {
		if !offers(&e.Capacity.Accelerators[g], ask) {
			continue
		}
		enough := api.Milli(0)
		for d, free := range have {
			for i := range back {
				if int(back[i].Group) == g && int(back[i].Index) == d {
					free += back[i].Share
				}
			}
			if free >= min(ask.Count, 1000) {
				enough += 1000
			}
		}
		if enough >= ask.Count {
			return true
		}
	}
	return false
}

// assign chooses devices for each request: for a share the device with the least
// room that still has enough, for whole devices the first free ones.
func assign(free [][]api.Milli, groups, asks []api.Accelerator) ([]api.DeviceShare, bool) {
	if len(asks) == 0 {
		return nil, true
	}
	var out []api.DeviceShare
	left := make([][]api.Milli, len(free))
	for g := range free {
		left[g] = slices.Clone(free[g])
	}
	for _, ask := range asks {
		if ask.Count < 1000 {
			share, ok := fraction(left, groups, &ask)
			if !ok {
				return nil, false
			}
			left[share.Group][share.Index] -= share.Share
			out = append(out, share)
			continue
		}
		shares := wholes(left, groups, &ask)
		if shares == nil {
			return nil, false
		}
		for _, s := range shares {
			left[s.Group][s.Index] = 0
		}
		out = append(out, shares...)
	}
	return out, true
}

func fraction(left [][]api.Milli, groups []api.Accelerator, ask *api.Accelerator) (api.DeviceShare, bool) {
	best, found := api.DeviceShare{Share: ask.Count}, false
	room := api.Milli(1001)
	for g := range left {
		if !offers(&groups[g], ask) {
			continue
		}
		for d, free := range left[g] {
			if free >= ask.Count && free < room {
				best.Group, best.Index, room, found = int32(g), int32(d), free, true
			}
		}
	}
	return best, found
}

// wholes takes all devices from one group: they are of one model.
func wholes(left [][]api.Milli, groups []api.Accelerator, ask *api.Accelerator) []api.DeviceShare {
	need := int(ask.Count / 1000)
	for g := range left {
		if !offers(&groups[g], ask) {
			continue
		}
		var out []api.DeviceShare
		for d, free := range left[g] {
			if free == 1000 && len(out) < need {
				out = append(out, api.DeviceShare{Group: int32(g), Index: int32(d), Share: 1000})
			}
		}
		if len(out) == need {
			return out
		}
	}
	return nil
}

func offers(have, ask *api.Accelerator) bool {
	if have.Kind != ask.Kind {
		return false
	}
	return len(ask.Models) == 0 || len(have.Models) > 0 && slices.Contains(ask.Models, have.Models[0])
}

// Matches reports whether labels satisfy an expression. Above and Below compare
// integers; a label that is none does not match.
func Matches(labels map[string]string, e *api.Expression) bool {
	v, ok := labels[e.Key]
	switch e.Op {
	case api.OpExists:
		return ok
	case api.OpAbsent:
		return !ok
	case api.OpIn:
		return ok && slices.Contains(e.Values, v)
	case api.OpNotIn:
		return !ok || !slices.Contains(e.Values, v)
	}
	if !ok || len(e.Values) == 0 {
		return false
	}
	have, err1 := strconv.ParseInt(v, 10, 64)
	want, err2 := strconv.ParseInt(e.Values[0], 10, 64)
	if err1 != nil || err2 != nil {
		return false
	}
	if e.Op == api.OpAbove {
		return have > want
	}
	return e.Op == api.OpBelow && have < want
}

// Tolerates reports whether one of the tolerations matches the taint.
func Tolerates(list []api.Toleration, t api.Taint) bool {
	for _, o := range list {
		if o.Key == t.Key && (o.Value == "" || o.Value == t.Value) && (o.Effect == "" || o.Effect == t.Effect) {
			return true
		}
	}
	return false
}

// Suits reports whether a node passes a task's requirements and would be large
// enough if it were empty.
func (x *Index) Suits(name string, t *api.Task) bool {
	e := x.byName[name]
	return e != nil && x.astray(t) == "" && suits(e, &Ask{Task: t})
}

// Wanted reports whether one of the requests can be met by devices of this entry
// of a node.
func Wanted(have *api.Accelerator, asks []api.Accelerator) bool {
	return slices.ContainsFunc(asks, func(ask api.Accelerator) bool { return offers(have, &ask) })
}
