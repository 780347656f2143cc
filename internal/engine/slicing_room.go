package engine

import (
	"drover.dev/api"
)

// crowd works out what part of its site an element needs, and how often the site must be
// filled for all of them.
func (e *Engine) crowd(q *timing) (waves int64) {
	has := e.extent(q.site)
	q.part = 1
	for _, r := range [...][2]int64{
		{int64(q.request.CPU), int64(has.CPU)}, {int64(q.request.Memory >> 20), int64(has.Memory >> 20)}, {devices(q.request), devices(has)},
	} {
		if r[1] > 0 {
			q.part = max(q.part, min(r[0]*whole/r[1], whole))
		}
	}
	at := max(sharedPart/q.part, 1)
	return max((q.count+at-1)/at, 1)
}

// times is a duration so many times over, as far as that stays in range.
func times(d api.Duration, n int64) api.Duration {
	return min(d, api.MaxDuration/api.Duration(n)) * api.Duration(n)
}

func devices(r *api.Resources) (sum int64) {
	for i := range r.Accelerators {
		sum += int64(r.Accelerators[i].Count)
	}
	return sum
}

// extent is what the nodes of a site have that take work, or do when they are woken; those
// that are being emptied do not. Readers may not keep it.
func (e *Engine) extent(site string) *api.Resources {
	if has := e.slicing.sites[site]; has != nil {
		return has
	}
	has := &api.Resources{}
	for _, n := range e.st.Nodes { // order-free: sums
		if n.Site == site && !n.Silent && !n.Drain && e.st.Clearing(n.Name) == nil {
			has.CPU += n.Capacity.CPU
			has.Memory += n.Capacity.Memory
			has.Accelerators = append(has.Accelerators, api.Accelerator{Count: api.Milli(devices(&n.Capacity))})
		}
	}
	if d := devices(has); d > 0 {
		has.Accelerators = []api.Accelerator{{Count: api.Milli(d)}}
	}
	return has
}

// measureSite keeps the extent of a site until its nodes change.
func (e *Engine) measureSite(site string) {
	if e.slicing.sites == nil {
		e.slicing.sites = map[string]*api.Resources{}
	}
	if e.slicing.sites[site] == nil {
		e.slicing.sites[site] = e.extent(site)
	}
}

// roomAt reports whether work that waits leaves room at an hour. A task that needs more
// than such work may fill has it for itself.
func (e *Engine) roomAt(q *timing, at api.Time) bool {
	key := slot{q.site, int64(at) / int64(api.Hour)}
	taken := e.slicing.booked[key]
	if own, ok := e.slicing.waits[q.whose]; ok && own.site == q.site && own.from <= key.hour && key.hour <= own.to {
		taken -= own.part
	}
	return taken+q.part <= max(sharedPart, q.part)
}

// bookSlots brings what is booked in step with what a task waits for.
func (e *Engine) bookSlots(ref api.TaskRef, d *api.Deferral) {
	s := &e.slicing
	s.recall.shut = nil
	if s.booked == nil {
		s.booked, s.waits = map[slot]int64{}, map[api.TaskRef]slotted{}
	}
	if old, ok := s.waits[ref]; ok {
		s.add(old, -1)
		delete(s.waits, ref)
	}
	if d != nil {
		w := slotted{d.Site, int64(d.Until) / int64(api.Hour), int64(d.Until.Add(min(d.Run, 8*api.Day))) / int64(api.Hour), d.Part}
		s.waits[ref] = w
		s.add(w, 1)
	}
}

func (s *slicing) add(w slotted, sign int64) {
	for hour := w.from; hour <= w.to; hour++ {
		key := slot{w.site, hour}
		if s.booked[key] += sign * w.part; s.booked[key] == 0 {
			delete(s.booked, key)
		}
	}
}
