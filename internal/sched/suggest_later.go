package sched

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"drover.dev/api"
)

// Two changes are not of the task's requirements: a priority with which it would have
// the place of others, and the end of those who run now.

// Ending is a placed task, and when it is expected to end.
type Ending struct {
	Ref     api.TaskRef
	Task    *api.Task
	Devices []api.DeviceShare
	From    api.Time // when it was placed
	Until   api.Time // 0 is never
}

// Rumour tells what suggestions may say of placed tasks: who holds room on a node and
// until when, and what a task is called. Either may be nil; then less is suggested.
type Rumour struct {
	Endings func(node string) []Ending
	Name    func(api.TaskRef) string
}

// Hear tells the index whom to ask. It asks for explanations only, never to decide.
func (x *Index) Hear(r Rumour) { x.rumour = r }

// later is the suggestions to have the place of others, and to wait for their end.
func (x *Index) later(a *Ask) (out []api.Suggestion) {
	if s, ok := x.outranking(a); ok {
		out = append(out, s)
	}
	if s, ok := x.waiting(a); ok {
		out = append(out, s)
	}
	return out
}

// outranking finds the lowest priority with which a task would have room made, and who
// would go: fewest, then of lowest priority, then those that lose least. A task that
// may displace nobody whatever its priority is told to allow that, if it suffices.
func (x *Index) outranking(a *Ask) (api.Suggestion, bool) {
	if x.leaving == nil || x.rumour.Name == nil || a.Gang > 1 || x.Depth() > 0 {
		return api.Suggestion{}, false
	}
	b := *a
	b.Displaces = true
	if room, ok := x.rehearsed(&b); ok {
		return x.displacing("allow it to displace others (preemption: lower)", &room), !a.Displaces
	}
	if !a.Displaces {
		return api.Suggestion{}, false
	}
	ranks := x.ranksFrom(a)
	i := sort.Search(len(ranks), func(i int) bool {
		b.Priority = ranks[i] + 1
		_, ok := x.rehearsed(&b)
		return ok
	})
	if i == len(ranks) {
		return api.Suggestion{}, false
	}
	b.Priority = ranks[i] + 1
	room, ok := x.rehearsed(&b)
	return x.displacing("raise its priority to "+strconv.Itoa(int(b.Priority)), &room), ok
}

// ranksFrom lists the priorities from a task's own on, of tasks of its tenant that may
// be displaced by one more.
func (x *Index) ranksFrom(a *Ask) (ranks []int32) {
	for k := range x.yielding { // order-free: sorted below
		if k.tenant == a.Tenant && k.priority >= a.Priority && k.priority < api.MaxPriority {
			ranks = append(ranks, k.priority)
		}
	}
	slices.Sort(ranks)
	return ranks
}

// rehearsed is the best room that a task could have made, of all nodes. It changes
// nothing: others may be reading.
func (x *Index) rehearsed(a *Ask) (Room, bool) {
	var best eviction
	p, ties := x.passing(a), x.ties(a)
	for e := range p.those {
		if !e.open || !e.mayYield(a) || !permits(ties, e) {
			continue
		}
		var v eviction
		if v.find(e, a, x.leaving, false) && (best.node == nil || v.before(&best)) {
			best = v
		}
	}
	if best.node == nil {
		return Room{}, false
	}
	return best.room(a), true
}

func (x *Index) displacing(change string, room *Room) api.Suggestion {
	return api.Suggestion{Change: change + ": it would have the place of " + x.names(room.Victims) + " on " + room.Node, Nodes: 1}
}

// named is how many tasks a suggestion names.
const named = 4

// names lists tasks as people call them.
func (x *Index) names(refs []api.TaskRef) string {
	list := make([]string, 0, named)
	for _, ref := range refs[:min(len(refs), named)] {
		list = append(list, x.rumour.Name(ref))
	}
	switch more := len(refs) - len(list); {
	case more > 0:
		return strings.Join(list, ", ") + " and " + strconv.Itoa(more) + " more"
	case len(list) > 1:
		return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
	}
	return strings.Join(list, "")
}

// waiting finds the first expected end with which a task, or its whole gang, has room,
// if nobody else takes it; as promises of backfilling count. Gangs of elements that are
// tied to each other are not looked at.
func (x *Index) waiting(a *Ask) (api.Suggestion, bool) {
	if x.rumour.Endings == nil || x.rumour.Name == nil || a.Gang > 1 && a.tied() {
		return api.Suggestion{}, false
	}
	n := max(a.Gang, 1)
	ties := x.ties(a)
	var all []opening
	for e := range x.passing(a).those {
		if !e.open || !permits(ties, e) {
			continue
		}
		c := *e
		c.held = heldBy(x.rumour.Endings(e.Name))
		all = c.openings(all, a, n)
	}
	from, places := x.soonest(all, a, n)
	if places == nil || from <= a.Now {
		return api.Suggestion{}, false
	}
	last, on, ends := api.TaskRef{}, "", 0
	for _, o := range places {
		for i := range o.node.held {
			h := &o.node.held[i]
			if at := h.ends(a.Now); at > from {
				continue
			} else if at == from {
				last, on = h.ref, o.node.Name
			}
			ends++
		}
	}
	if on == "" { // it waits for what others were promised
		return api.Suggestion{}, false
	}
	text := "wait for the end of " + x.rumour.Name(last) + " on " + on
	if ends > 1 {
		text = "wait for " + strconv.Itoa(ends) + " ends, the last that of " + x.rumour.Name(last) + " on " + on
	}
	return api.Suggestion{Change: text + ", expected in " + roughly(from.Sub(a.Now)).String(), Nodes: int32(len(places)), At: from}, true
}

// roughly rounds a time up to whole seconds, if it is longer than one.
func roughly(d api.Duration) api.Duration {
	if d <= api.Second {
		return d
	}
	return (d + api.Second - 1) / api.Second * api.Second
}

func heldBy(list []Ending) (out []held) {
	for i := range list {
		e := &list[i]
		h := held{e.Ref, e.Task, e.Devices, e.From, e.Until}
		if h.until == 0 {
			h.until = endless
		}
		out = append(out, h)
	}
	return out
}
