package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// passing is the set of nodes that pass a shape's static filters.
type passing struct {
	n       int
	few     []*node       // all of them, when they are few; else nil
	moulds  []uint64      // bit by id, when they are many
	spots   []passingSpot // of those moulds
	classes int           // of all these together
	bounds  bounds
	only    *only  // what the search may keep to for the requirements; nil: they leave most
	stale   uint64 // value of Index.stale when it was made

	// Why the others do not, the most frequent first: all, and those that a
	// placement says. Shared, never modified.
	failed, reasons []api.ReasonCount

	values map[*topology]openValues // that open ones of them have, see Index.values
}

// passingSpot is a spot with those of its classes that have a mould which passes.
type passingSpot struct {
	*spot
	classes []passingClass
}

type passingClass struct {
	*class
	packs       int16    // what the task adds to how packed one of its nodes is
	cpu, memory int16    // most parts of one of its nodes that are taken where the task has room
	left        [2]uint8 // levels of them that must be free
	id          int32
}

// fewNodes is how many nodes are rather looked at one by one.
const fewNodes = 16

func (p *passing) has(e *node) bool {
	if p.few != nil {
		return slices.Contains(p.few, e)
	}
	return p.passes(e.kind)
}

func (p *passing) passes(kind int) bool { return p.moulds[kind>>6]>>(kind&63)&1 != 0 }

// those yields the nodes that pass.
func (p *passing) those(yield func(*node) bool) {
	for nodes := range p.lists {
		for _, e := range nodes {
			if !yield(e) {
				return
			}
		}
	}
}

// lists yields the nodes that pass by mould.
func (p *passing) lists(yield func([]*node) bool) {
	if p.few != nil {
		yield(p.few)
		return
	}
	for i := range p.spots {
		for _, c := range p.spots[i].classes {
			for _, m := range c.class.moulds {
				if p.passes(m.id) && !yield(m.nodes) {
					return
				}
			}
		}
	}
}

// passing returns the nodes that pass the filters which do not change as tasks
// come and go. Within Steps that is kept for each shape until a node changes.
func (x *Index) passing(a *Ask) *passing {
	key := cmp.Or(a.Static, a.Shape)
	if p := x.passed[key]; p != nil && p.stale == x.stale && key != "" {
		return p
	}
	if a.Pin != "" {
		return x.pinned(a)
	}
	p := x.filter(a)
	if x.stepping && key != "" {
		if len(x.passed) >= maxPassed || x.passedSize > maxPassedSize {
			clear(x.passed)
			x.passedSize = 0
		}
		x.passed[key] = p
		x.passedSize += p.size()
	}
	return p
}

// size is about how many words it takes.
func (p *passing) size() int {
	n := len(p.moulds) + len(p.few)
	for i := range p.spots {
		n += 4 + 4*len(p.spots[i].classes)
	}
	return n
}

// For how many shapes the nodes that pass are kept, and how many words that takes.
const (
	maxPassed     = 1 << 15
	maxPassedSize = 1 << 22
)

// filter asks once for each mould.
func (x *Index) filter(a *Ask) *passing {
	p := &passing{stale: x.stale, moulds: make([]uint64, x.mouldIDs.n>>6+1)}
	var failed tallied
	spots := x.spots
	if why := x.astray(a.Task); why != "" {
		failed.addN(why, len(x.nodes))
		spots = nil
	}
	for _, at := range spots {
		var classes []passingClass
		for _, c := range at.classes {
			if n := p.filter(c, a, &failed); n > 0 {
				p.n += n
				like, r := c.moulds[0].nodes[0], &a.Task.Resources
				cpu, memory := like.parts(&api.Resources{CPU: like.Capacity.CPU - r.CPU, Memory: like.Capacity.Memory - r.Memory})
				classes = append(classes, passingClass{c, int16(like.packs(r)), int16(cpu), int16(memory), c.left(int32(cpu), int32(memory)), int32(c.id)})
			}
		}
		if classes != nil {
			p.spots = append(p.spots, passingSpot{at, classes})
		}
	}
	if p.n <= fewNodes {
		few := slices.AppendSeq(make([]*node, 0, p.n), p.those)
		p.few, p.moulds, p.spots = few, nil, nil
	}
	if p.explain(&failed); p.few == nil {
		p.only = x.only(a.Task, p.among())
	}
	return p
}

// among is how many nodes there are in the classes of those that pass.
func (p *passing) among() (n int) {
	for i := range p.spots {
		p.classes += len(p.spots[i].classes)
		for _, c := range p.spots[i].classes {
			for _, m := range c.class.moulds {
				n += len(m.nodes)
			}
		}
	}
	return n
}

// filter returns how many nodes of a class pass, and counts why others do not.
func (p *passing) filter(c *class, a *Ask, failed *tallied) (n int) {
	for _, m := range c.moulds {
		if !suits(m.nodes[0], a) {
			failed.addN(static(m.nodes[0], a), len(m.nodes))
			continue
		}
		n += len(m.nodes)
		p.moulds[m.id>>6] |= 1 << (m.id & 63)
	}
	return n
}

// pinned is the one node that a task is pinned to, or none.
func (x *Index) pinned(a *Ask) *passing {
	p := &passing{few: []*node{}, stale: x.stale}
	var failed tallied
	others := len(x.nodes)
	if e := x.byName[a.Pin]; e != nil {
		others--
		if why := x.astray(a.Task); why != "" {
			failed.add(why)
		} else if suits(e, a) {
			p.few, p.n = append(p.few, e), 1
		} else {
			failed.add(static(e, a))
		}
	}
	failed.addN(NotPinned(a.Pin), others)
	p.explain(&failed)
	return p
}

func (p *passing) explain(failed *tallied) {
	p.failed = failed.sorted(len(failed.list))
	p.reasons = p.failed[:min(len(p.failed), maxPassedOver)]
}
