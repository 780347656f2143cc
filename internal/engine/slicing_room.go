package engine

import (
	"drover.dev/api"
	"drover.dev/internal/sched"
)

// crowd works out what part of its site an element needs, how many go at a time beside what
// is held there without an end, and how often the site must be filled for all of them. A gang
// goes as a whole.
func (e *Engine) crowd(q *timing) (waves int64) {
	q.has, q.beside = e.roomAt(q.site, q.rooms)
	q.part = min(max(spaceOf(q.request).part(q.has), 1), whole)
	if q.gang {
		q.need = q.part * max(q.count, 1)
		return 1
	}
	at := max((sharedPart-q.beside.lasting.part(q.has))/q.part, 1)
	q.need = q.part * max(min(q.count, at), 1)
	return max((q.count+at-1)/at, 1)
}

// rooms are what sites have, and what is held there, as one reader has worked it out: that takes
// a look at all elements that are held, and a reader may ask for each of a thousand tasks.
type rooms map[string]siteRoom

type siteRoom struct {
	has  space
	held *holdings
}

// roomAt is what a site has, and what elements hold there.
func (e *Engine) roomAt(site string, known rooms) (space, *holdings) {
	r, ok := known[site]
	if !ok {
		if r = (siteRoom{e.extent(site), e.holdingsAt(site)}); known != nil {
			known[site] = r
		}
	}
	return r.has, r.held
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
func (e *Engine) extent(site string) (has space) {
	if has, known := e.slicing.sites[site]; known {
		return has
	}
	for _, n := range e.st.Nodes { // order-free: sums
		if n.Site == site && !n.Silent && !n.Drain && e.st.Clearing(n.Name) == nil {
			has = has.plus(spaceOf(&n.Capacity), 1)
		}
	}
	return has
}

// measureSite keeps the extent of a site until nodes change, and what is held.
func (e *Engine) measureSite(site string) {
	if e.slicing.sites == nil {
		e.slicing.sites = map[string]space{}
	}
	e.slicing.sites[site] = e.extent(site)
	e.countHeld()
}

// nodesChanged forgets what sites have.
func (s *slicing) nodesChanged() { s.sites, s.recall.shut = nil, nil }

// crowded are the pieces of hours in which there is no room for an element to start, beside
// what runs then still and what else waits for them. What should have ended in an hour before
// this one is expected to hold its room for as long again as it is late. Who needs more than such work may fill has
// an hour for itself.
func (e *Engine) crowded(q *timing, h *sched.Hours) (closed sched.Pieces) {
	most, own := max(sharedPart, q.need)-q.need, e.slicing.waits[q.whose]
	sum, now := q.beside.lasting, int64(e.st.Now)/int64(api.Hour)
	late, ends := q.beside.late(now)
	held := sum.part(q.has)
	for i := len(h.Costs) - 1; i > 0; i-- {
		hour, was := int64(h.At(i))/int64(api.Hour), sum
		for ; len(late) > 0 && now+(now-late[0].hour) >= hour; late = late[1:] {
			sum = sum.plus(late[0].space, 1)
		}
		for ; len(ends) > 0 && ends[len(ends)-1].hour >= hour; ends = ends[:len(ends)-1] {
			sum = sum.plus(ends[len(ends)-1].space, 1)
		}
		if sum != was {
			held = sum.part(q.has)
		}
		if held+e.bookedAt(q.site, hour, &own) > most {
			closed.Add(i)
		}
	}
	return closed
}

// bookedAt is what others wait for than whose booking is given.
func (e *Engine) bookedAt(site string, hour int64, own *slotted) int64 {
	if len(e.slicing.booked) == 0 {
		return 0
	}
	taken := e.slicing.booked[slot{site, hour}]
	if own.part != 0 && own.site == site && own.from <= hour && hour <= own.to {
		taken -= own.part
	}
	return taken
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
