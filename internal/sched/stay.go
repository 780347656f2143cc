package sched

import (
	"cmp"
	"slices"
	"sort"

	"drover.dev/api"
)

// stay is some equal tasks on a node from one time to another: those of a promise,
// or one that is looked at.
type stay struct {
	claim    *claim // nil for the one that is looked at
	ask      *Ask
	count    int
	from, to api.Time
	devices  []api.DeviceShare // that they are given as they begin, and keep
	short    bool              // there is less room than they need
}

// stays are those who were promised room on a node, but for self, in the order in
// which they will begin.
func (e *node) stays(self api.TaskRef, now api.Time) []stay {
	out := make([]stay, 0, len(e.claims)+1)
	for i := range e.claims {
		if c := &e.claims[i]; *c.Task != self {
			from, to := e.span(c, now)
			out = append(out, stay{claim: c, ask: c.ask, count: c.count, from: from, to: to})
		}
	}
	slices.SortStableFunc(out, func(a, b stay) int { return cmp.Compare(a.from, b.from) })
	return out
}

// unfold lets them begin one after the other, each on the devices that are chosen
// for it then. Shares of a device cannot move: what is free at a time depends on
// who came before. It returns the first for whom there is too little room.
func (e *node) unfold(list []stay, now api.Time) (short *stay) {
	for i := range list {
		v := &list[i]
		s := e.spaceAt(v.from, now)
		for j := range list[:i] {
			if w := &list[j]; !w.short && w.to > v.from {
				s.add(&w.ask.Task.Resources, nil, -int64(w.count))
				s.add(&api.Resources{}, w.devices, -1)
			}
		}
		var n int
		if n, v.devices = s.take(v.ask, v.count); n < v.count {
			v.short = true
			if short == nil {
				short = v
			}
		}
	}
	return short
}

// roomFor is how many of n elements that begin on a node at a time have room until
// they end: others leave meanwhile, and only promises take room.
func (e *node) roomFor(a *Ask, at api.Time, n int) int {
	if e.portsTaken(a, at) {
		return 0
	}
	before := e.stays(a.Self, a.Now)
	i := sort.Search(len(before), func(i int) bool { return before[i].from > at })
	fits := func(n int) bool {
		list := slices.Insert(slices.Clone(before), i, stay{ask: a, count: n, from: at, to: e.after(a, at)})
		return e.unfold(list, a.Now) == nil
	}
	return sort.Search(n, func(i int) bool { return !fits(i + 1) })
}

// try takes a task in that is looked at, until when it is expected to end.
func (e *node) try(ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	e.take(ref, a, devices, 1)
	e.expect(ref, a, devices)
}

// expect notes when a task ends that began just now, for the promises behind it.
func (e *node) expect(ref api.TaskRef, a *Ask, devices []api.DeviceShare) {
	if len(e.claims) > 0 {
		e.await(held{ref, a.Task, devices, a.Now, e.after(a, a.Now)})
	}
}
