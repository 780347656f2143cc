package engine

import (
	"cmp"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Room that is taken at hours to come: who waits for one is promised room beside what runs
// now and is expected to run then still. All of it follows from the state. It is kept from
// the first time on that anybody asks, so that cells in which nothing waits pay nothing.

// toldFor is how long a run may be that has an end by the hour: one that takes longer counts
// as one without an end, as services do.
const toldFor = 14 * api.Day

// space is room in the units in which parts of sites are reckoned: thousandths of cores, MiB,
// and thousandths of devices.
type space struct{ cpu, memory, devices int64 }

func spaceOf(r *api.Resources) space {
	return space{int64(r.CPU), int64(r.Memory >> 20), devices(r)}
}

func (s space) plus(o space, sign int64) space {
	return space{s.cpu + sign*o.cpu, s.memory + sign*o.memory, s.devices + sign*o.devices}
}

// part is how much of a site that is, of the resource of which it is most, in millionths.
func (s space) part(has space) (most int64) {
	for _, r := range [...][2]int64{{s.cpu, has.cpu}, {s.memory, has.memory}, {s.devices, has.devices}} {
		if r[1] > 0 {
			most = max(most, min(r[0], 1<<40)*whole/r[1])
		}
	}
	return most
}

// holds is what an element holds, and up to which hour that is expected; none: without end.
type holds struct {
	space
	site string
	hour int64
}

const endless = 1<<63 - 1

// holdings are what the elements at a site hold: by the hour of the end, the first one first.
type holdings struct {
	lasting space // without an end
	ends    []heldUntil
}

type heldUntil struct {
	hour int64
	space
}

// held is what elements hold on all sites.
type held struct {
	of    map[api.TaskRef]holds
	sites map[string]*holdings
}

// add takes what an element holds in, or, with the sign −1, out.
func (h *holdings) add(v *holds, sign int64) {
	if v.hour == endless {
		h.lasting = h.lasting.plus(v.space, sign)
		return
	}
	at, found := slices.BinarySearchFunc(h.ends, v.hour, func(e heldUntil, hour int64) int { return cmp.Compare(e.hour, hour) })
	if !found {
		h.ends = slices.Insert(h.ends, at, heldUntil{hour: v.hour})
	}
	if h.ends[at].space = h.ends[at].plus(v.space, sign); h.ends[at].space == (space{}) {
		h.ends = slices.Delete(h.ends, at, at+1)
	}
}

// late are those that should have ended before an hour, and the others.
func (h *holdings) late(now int64) (late, others []heldUntil) {
	at, _ := slices.BinarySearchFunc(h.ends, now, func(e heldUntil, hour int64) int { return cmp.Compare(e.hour, hour) })
	return h.ends[:at], h.ends[at:]
}

// holdsOf is what an element holds that is on a node.
func (e *Engine) holdsOf(w *state.Workload, t *state.Task) holds {
	v := holds{space: spaceOf(&w.SpecOf(t).Resources), hour: endless}
	if n := e.st.Nodes[t.Node]; n != nil {
		v.site = n.Site
	}
	if end := givesBack(w, t); end != 0 {
		v.hour = int64(end) / int64(api.Hour)
	}
	return v
}

// givesBack is when an element is expected to give its room back; 0 where nothing can be said.
func givesBack(w *state.Workload, t *state.Task) api.Time {
	end := endOf(w, t)
	if end == 0 || end.Sub(t.Placed) > toldFor {
		return 0
	}
	end = end.Add(min(t.Stood, toldFor))
	if t.Still == 0 {
		return end
	}
	until := api.Time(0) // it goes on
	if t.Slice != nil && t.Slice.Pause {
		until = t.Slice.Until
	}
	if s := t.Suspension.Last(); s != nil {
		until = max(until, s.Until)
	}
	if until.Sub(t.Still) > toldFor {
		return 0
	}
	return end.Add(max(until.Sub(t.Still), 0))
}

// countHeld has what elements hold kept from now on.
func (e *Engine) countHeld() {
	if e.slicing.held != nil {
		return
	}
	e.slicing.held = &held{of: map[api.TaskRef]holds{}, sites: map[string]*holdings{}}
	for _, n := range e.st.Nodes { // order-free: sums
		for _, t := range n.Held { // order-free: sums
			e.slicing.held.put(t.Ref, e.holdsOf(e.st.Workloads[t.Ref.Workload], t))
		}
	}
}

func (h *held) put(ref api.TaskRef, v holds) {
	h.drop(ref)
	if h.sites[v.site] == nil {
		h.sites[v.site] = &holdings{}
	}
	h.of[ref] = v
	h.sites[v.site].add(&v, 1)
}

func (h *held) drop(ref api.TaskRef) {
	if v, known := h.of[ref]; known {
		delete(h.of, ref)
		h.sites[v.site].add(&v, -1)
	}
}

// heldAnew brings that in step with an element that is on a node, or has left it.
func (e *Engine) heldAnew(ref api.TaskRef) {
	h := e.slicing.held
	if h == nil {
		return
	}
	e.slicing.recall.shut = nil
	if w, t := e.st.Task(ref); t != nil && t.Status.Holds() {
		h.put(ref, e.holdsOf(w, t))
	} else {
		h.drop(ref)
	}
}

// heldOn does so for all elements of a node that was registered anew: it may stand elsewhere.
func (e *Engine) heldOn(n *state.Node) {
	if e.slicing.held != nil {
		for ref := range n.Held { // order-free: sums
			e.heldAnew(ref)
		}
	}
}

// holdingsAt is what elements hold at a site. Readers may not keep it, and add it up.
func (e *Engine) holdingsAt(site string) *holdings {
	if h := e.slicing.held; h != nil {
		if h.sites[site] == nil {
			return &holdings{}
		}
		return h.sites[site]
	}
	sum := &holdings{}
	for _, n := range e.st.Nodes { // order-free: sums
		if n.Site != site {
			continue
		}
		for _, t := range n.Held { // order-free: sums
			v := e.holdsOf(e.st.Workloads[t.Ref.Workload], t)
			sum.add(&v, 1)
		}
	}
	return sum
}
