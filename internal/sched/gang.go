package sched

import (
	"cmp"
	"slices"
	"strings"

	"drover.dev/api"
)

// A gang without relations fits as a whole when the nodes together take as many
// elements as it has. Elements that are tied to each other, or must share a site or
// another value of a label, are seated one after the other; whether that succeeds
// does not depend on scores, so that a gang that was refused is woken exactly when it
// fits.

// Seated reports whether a gang must be seated to know whether it fits.
func (a *Ask) Seated() bool { return a.Gang > 1 && (a.Within != "" || a.tied()) }

// anywhere is the room of a gang that need not share one.
const anywhere = int32(-1)

// joint is between labels of which all are meant at once; no label has a space.
const joint = " and "

// shared is the label that all elements of a gang must share: the one asked for and
// those of relations to each other, joined; "" is none.
func (a *Ask) shared() string {
	label := a.Within
	for i := range a.rules() {
		if r := &a.made[i]; r.kind == near && r.self && !r.soft && !slices.Contains(strings.Split(label, joint), r.label) {
			label = strings.TrimPrefix(label+joint+r.label, joint)
		}
	}
	return label
}

// intricate reports whether elements bar each other from places in several ways at
// once. Then those that are seated first may be in the way of the others, and to
// lose a node can be what a gang waits for.
func (a *Ask) intricate() bool {
	ways := 0
	for i := range a.rules() {
		if r := &a.made[i]; r.kind != near && r.self && !r.soft {
			ways++
		}
	}
	return a.Gang > 1 && ways > 1
}

// inside narrows a task to one value of a label.
func (x *Index) inside(a *Ask) tie {
	return tie{rule: &rule{kind: inside, label: a.shared(), text: "within one " + a.shared()}, at: x.topology(a.shared()), least: a.room - 1}
}

// Rooms yields the gang's ask for each value of the label that its elements must
// share and where they fit: the best for its first element comes first. Without
// such a label it yields the ask itself, if it fits.
func (x *Index) Rooms(first api.TaskRef, a *Ask) []*Ask {
	if a.shared() == "" {
		if b := a.in(anywhere); x.seats(b) != nil {
			return []*Ask{b}
		}
		return nil
	}
	at := x.topology(a.shared())
	type option struct {
		ask   *Ask
		score int64
	}
	var list []option
	for id := range at.values {
		b := a.in(int32(id))
		if len(list) == scoredRooms {
			break
		}
		if x.seats(b) == nil {
			continue
		}
		best, _, _ := x.best(x.scorer(first, b))
		list = append(list, option{b, best[0].score})
	}
	slices.SortStableFunc(list, func(p, q option) int { return cmp.Compare(q.score, p.score) })
	out := make([]*Ask, len(list))
	for i := range list {
		out[i] = list[i].ask
	}
	return out
}

// scoredRooms is among how many values that hold the gang the best is chosen.
const scoredRooms = 64

// in is the ask narrowed to one value of the label that its gang shares.
func (a *Ask) in(room int32) *Ask {
	b := *a
	b.room = room + 1
	return &b
}

// whole reports whether a gang that is seated fits somewhere.
func (x *Index) whole(a *Ask) bool {
	if !x.stepping {
		x = x.Trial() // others may be reading
	}
	if a.shared() == "" {
		return x.seats(a.in(anywhere)) != nil
	}
	for id := range x.topology(a.shared()).values {
		if x.seats(a.in(int32(id))) != nil {
			return true
		}
	}
	return false
}

// seats finds a node for each element, in the order of the nodes; nil when there is
// none for one of them. It leaves the index as it was.
func (x *Index) seats(a *Ask) (out []*node) {
	nodes := x.nodes
	if a.room > 0 {
		at := x.topology(a.shared())
		nodes = nil
		for _, i := range at.members[a.room-1] {
			nodes = append(nodes, x.nodes[i])
		}
	}
	p := x.passing(a)
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(e *node) bool { return !e.open || !p.has(e) || !e.fits(a) })
	if !a.tied() {
		return seatsByRoom(nodes, a)
	}
	var devices [][]api.DeviceShare
	for len(out) < a.Gang {
		ties := x.ties(a)
		i := slices.IndexFunc(nodes, func(e *node) bool { return e.fits(a) && permits(ties, e) })
		if i < 0 {
			break
		}
		d, _ := assign(nodes[i].devices, nodes[i].Capacity.Accelerators, a.Task.Resources.Accelerators)
		x.Try(nodes[i].Name, api.TaskRef{}, a, d)
		out, devices = append(out, nodes[i]), append(devices, d)
	}
	for i := range out {
		x.Unhold(out[i].Name, api.TaskRef{}, a, devices[i])
	}
	if len(out) < a.Gang {
		return nil
	}
	return out
}

func seatsByRoom(nodes []*node, a *Ask) (out []*node) {
	for _, e := range nodes {
		for range e.times(a, a.Gang-len(out)) {
			out = append(out, e)
		}
		if len(out) == a.Gang {
			return out
		}
	}
	return nil
}

// Seats names the nodes where the elements of a gang fit together, for an ask that
// Rooms has yielded: where deciding for one after the other ends in a dead end.
func (x *Index) Seats(a *Ask) (names []string) {
	for _, e := range x.seats(a) {
		names = append(names, e.Name)
	}
	return names
}

// On is the ask for one node only.
func (a *Ask) On(node string) *Ask {
	b := a.with(a.Task)
	b.Pin = node
	return &b
}

// Unseated is why a gang does not fit that must be seated.
func (a *Ask) Unseated() string {
	if s := a.shared(); s != "" {
		return "not enough room for the whole gang within one " + s
	}
	return "not enough room for the whole gang"
}
