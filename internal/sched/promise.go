package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// maxOpenings is how many times at which a node gains room are looked at; of more,
// some are passed over, so that a promise may be later than it could be.
const maxOpenings = 64

// opening says that from a time on a node has room for so many elements, for as
// long as they are expected to run.
type opening struct {
	at    api.Time
	node  *node
	count int
}

// Promise plans when and where a task or gang of the queue can begin at the
// earliest, if everybody who runs ends when expected and all other promises are
// kept. It changes nothing. It returns false when no such time is known, and for
// those who have room now: what they wait for is something else.
func (x *Index) Promise(it *Item, now api.Time) (api.Reservation, bool) {
	a := *it.Ask
	a.Self, a.Now = it.Ref, now
	n := max(len(it.Gang), 1)
	if x.overLimit(&a, int64(n)) != "" {
		return api.Reservation{}, false
	}
	var all []opening
	for e := range x.passing(&a).those {
		if e.open {
			all = e.openings(all, &a, n)
		}
	}
	from, places := x.soonest(all, &a, n)
	if places == nil || from <= now {
		return api.Reservation{}, false
	}
	ref := it.Ref
	r := api.Reservation{Resources: a.Task.Resources, Task: &ref, From: from, Made: now}
	end := api.Time(0)
	for _, o := range places {
		r.Places = append(r.Places, api.ReservedPlace{Node: o.node.Name, Count: int32(o.count)})
		end = max(end, o.node.after(&a, from))
	}
	if end != endless {
		r.Expires = end
	}
	return r, true
}

// soonest is earliest for a gang whose elements must share a value of a label: the
// best of all values.
func (x *Index) soonest(all []opening, a *Ask, n int) (from api.Time, places []opening) {
	if n == 1 || a.shared() == "" {
		return earliest(all, a, n)
	}
	at := x.topology(a.shared())
	rooms := make([][]opening, len(at.values))
	for _, o := range all {
		if v := at.of[o.node.at]; v >= 0 {
			rooms[v] = append(rooms[v], o)
		}
	}
	for _, room := range rooms {
		if t, p := earliest(room, a, n); p != nil && (places == nil || t < from) {
			from, places = t, p
		}
	}
	return from, places
}

// earliest finds the first time from which on all nodes together have room for n,
// and where: rather on those that have become free last, so that others stay open.
func earliest(all []opening, a *Ask, n int) (api.Time, []opening) {
	slices.SortFunc(all, func(a, b opening) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.node.at, b.node.at)) })
	have, sum := map[*node]opening{}, 0
	for i, o := range all {
		sum += o.count - have[o.node].count
		have[o.node] = o
		if sum < n || i+1 < len(all) && all[i+1].at == o.at {
			continue
		}
		if places := placesAt(have, a, o.at, n); places != nil {
			return o.at, places
		}
	}
	return 0, nil
}

// placesAt returns where n elements have room at a time; nil when there is less.
// Promises that begin meanwhile may leave less than there was.
func placesAt(have map[*node]opening, a *Ask, at api.Time, n int) (places []opening) {
	sum := 0
	for e, o := range have { // order-free: sorted below
		if len(e.claims) > 0 {
			o.count = e.roomFor(a, at, n)
		}
		if sum += o.count; o.count > 0 {
			places = append(places, o)
		}
	}
	if sum < n {
		return nil
	}
	slices.SortFunc(places, func(a, b opening) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.count, a.count), cmp.Compare(a.node.at, b.node.at))
	})
	return portions(places, n)
}

// portions gives n elements to the first places, which it returns by name of node.
func portions(places []opening, n int) []opening {
	for i := range places {
		places[i].count = min(places[i].count, n)
		if n -= places[i].count; n == 0 {
			places = places[:i+1]
			break
		}
	}
	slices.SortFunc(places, func(a, b opening) int { return cmp.Compare(a.node.at, b.node.at) })
	return places
}

// openings appends when a node can take how many of n elements.
func (e *node) openings(out []opening, a *Ask, n int) []opening {
	last := 0
	for _, at := range e.changes(a) {
		count := e.roomFor(a, at, n)
		if count != last {
			out = append(out, opening{at, e, count})
			last = count
		}
		if len(e.claims) == 0 && count == n {
			break // it only grows
		}
	}
	return out
}

// changes are the times, from now on, at which a node is expected to gain room.
func (e *node) changes(a *Ask) []api.Time {
	out := []api.Time{a.Now}
	for i := range e.held {
		out = append(out, e.held[i].ends(a.Now))
	}
	for i := range e.claims {
		if _, to := e.span(&e.claims[i], a.Now); *e.claims[i].Task != a.Self {
			out = append(out, to)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if i := slices.Index(out, endless); i >= 0 {
		out = out[:i]
	}
	if len(out) <= maxOpenings {
		return out
	}
	step := (len(out) + maxOpenings - 1) / maxOpenings
	var few []api.Time
	for i := 0; i < len(out)-1; i += step {
		few = append(few, out[i])
	}
	return append(few, out[len(out)-1])
}

// portsTaken reports whether somebody has a port at a time that a task asks for.
func (e *node) portsTaken(a *Ask, at api.Time) bool {
	if !fixedPort(a.Task) {
		return false
	}
	for i := range e.held {
		if h := &e.held[i]; h.ends(a.Now) > at && samePort(h.task, a.Task) {
			return true
		}
	}
	return e.portsPromised(a)
}

// samePort reports whether two tasks cannot stand on one node.
func samePort(a, b *api.Task) bool {
	return slices.ContainsFunc(a.Ports, func(p api.Port) bool {
		return p.Port != 0 && slices.ContainsFunc(b.Ports, func(q api.Port) bool { return q.Port == p.Port })
	})
}
