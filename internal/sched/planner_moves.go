package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// What a move costs besides the work that is lost and the inputs that are fetched
// again: the task is stopped, and begins anew elsewhere.
const (
	moveStop  = 5 * api.Second
	moveStart = 5 * api.Second
)

// Limits of what is looked at for moves: the longest running tasks, and the first
// that wait.
const (
	maxMovable = 64
	maxBehind  = 64
)

// moves says which running tasks should leave their node. They are taken one by
// one; each is kept only when all that runs and waits, played to its end, spends
// less time in sum with it than without, the cost of the move counted.
func (p *Problem) moves(stop func() bool) (out []Placing) {
	var can []*running
	for i := range p.running {
		if r := &p.running[i]; r.movable && p.x.Planner(r.Ask) == PlannerDynamic {
			can = append(can, r)
		}
	}
	slices.SortStableFunc(can, func(a, b *running) int { return cmp.Compare(b.left, a.left) })
	best, _ := p.play(nil, nil)
	moved := map[api.TaskRef]bool{}
	for _, r := range can[:min(len(can), maxMovable)] {
		if stop() {
			break
		}
		moved[r.Ref] = true
		sum, to := p.play(moved, r)
		if sum >= best || to == "" || to == r.on {
			delete(moved, r.Ref)
			continue
		}
		out = append(out, Placing{Ref: r.Ref, Try: r.Try, Node: to, Move: true, Gain: best - sum})
		best = sum
	}
	return out
}

// play lets everything that is known come to its end: what runs ends when it is
// predicted to, what is moved stops and waits again, and what waits begins, in the
// order of the queue, on the node where it is done first as soon as there is room.
// It returns the sum of the times to completion, and where one task went.
func (p *Problem) play(moved map[api.TaskRef]bool, of *running) (sum api.Duration, to string) {
	s := &stage{x: p.x}
	for _, e := range p.x.nodes {
		s.nodes = append(s.nodes, e.copy())
	}
	for i := range p.running {
		r := &p.running[i]
		n := p.x.byName[r.on]
		if n == nil {
			continue
		}
		a := actor{ask: r.Ask, ref: r.Ref, node: s.nodes[n.at], devices: r.devices, until: r.left}
		if a.again = moved[r.Ref]; a.again {
			a.until = moveStop
		}
		s.acting = append(s.acting, a)
	}
	for i := range p.waiting[:min(len(p.waiting), maxBehind)] {
		s.queue = append(s.queue, actor{ask: p.waiting[i].Ask, ref: p.waiting[i].Ref})
	}
	if of != nil {
		s.watch = of.Ref
	}
	s.run()
	return s.sum, s.to
}

// stage is where a play takes place.
type stage struct {
	x      *Index
	nodes  []*node // copies
	now    api.Duration
	acting []actor
	queue  []actor
	sum    api.Duration
	watch  api.TaskRef
	to     string // where that went
}

// actor is a task on the stage.
type actor struct {
	ask     *Ask
	ref     api.TaskRef
	node    *node
	devices []api.DeviceShare
	until   api.Duration
	again   bool // it does not end then, but waits again
	moved   bool
}

// unplayed is what a task counts that never finds room.
const unplayed = 400 * api.Day

func (s *stage) run() {
	s.begin()
	for len(s.acting) > 0 {
		next := 0
		for i := range s.acting {
			if s.acting[i].until < s.acting[next].until {
				next = i
			}
		}
		a := s.acting[next]
		s.acting = slices.Delete(s.acting, next, next+1)
		s.now = a.until
		a.node.take(a.ref, a.ask, a.devices, -1)
		if a.again {
			s.queue = append(s.queue, actor{ask: a.ask, ref: a.ref, moved: true})
		} else {
			s.sum += s.now
		}
		s.begin()
	}
	s.sum += unplayed * api.Duration(len(s.queue))
}

// begin starts what has room now.
func (s *stage) begin() {
	kept := s.queue[:0]
	for _, a := range s.queue {
		passing := s.x.passing(a.ask)
		var best *node
		var least api.Duration
		for i, e := range s.nodes {
			if !e.open || !passing.has(s.x.nodes[i]) || !e.fits(a.ask) {
				continue
			}
			est := s.x.estimate(s.nodes[i], a.ask)
			if t := est.total(); best == nil || t < least {
				best, least = e, t
			}
		}
		if best == nil {
			kept = append(kept, a)
			continue
		}
		if a.moved {
			least += moveStart
		}
		a.devices, _ = assign(best.devices, best.Capacity.Accelerators, a.ask.Task.Resources.Accelerators)
		best.take(a.ref, a.ask, a.devices, 1)
		a.node, a.until = best, s.now+least
		if a.ref == s.watch {
			s.to = best.Name
		}
		s.acting = append(s.acting, a)
	}
	s.queue = kept
}
