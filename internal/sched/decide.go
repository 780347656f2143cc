package sched

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// runnersUp is how many candidates a decision keeps beside the chosen one.
const runnersUp = 3

// candidate is a node with its score while a decision is made.
type candidate struct {
	node  *node
	score int64
	tie   uint64
	from  *rack // where it was found, by turns; nil: anyhow
}

// Decide chooses the node for one task. A decision without Chosen is a refusal,
// with the nodes counted by first failing reason. Nothing is held yet.
//
// Nodes are scored by the strategy that holds for the task; scores are integers,
// and ties are broken by a hash of task and node, so that equal nodes share equal
// tasks, or go to the first one when the strategy says so.
func (x *Index) Decide(ref api.TaskRef, a *Ask, now api.Time) (api.Decision, []api.DeviceShare) {
	return x.scorer(ref, a).decide(now)
}

func (s *scorer) decide(now api.Time) (api.Decision, []api.DeviceShare) {
	x, a := s.x, s.ask
	d := api.Decision{Strategy: s.plan.name, Nodes: int32(len(x.nodes)), At: now}
	if why := x.overLimit(a, 1); why != "" {
		d.Reasons = []api.ReasonCount{{Reason: why, Nodes: d.Nodes}}
		return d, nil
	}
	best, n, busy := x.best(s)
	if n == 0 {
		if !a.Terse {
			d.Reasons = x.reasons(a)
		}
		return d, nil
	}
	list, room := make([]api.Candidate, n), make([]api.Term, 0, n*len(s.terms))
	for i := range list {
		list[i], room = s.explain(best[i].node, room)
	}
	if d.Chosen = &list[0]; n > 1 {
		d.RunnersUp = list[1:]
	}
	d.Reasons = s.passing.passedOver(busy)
	if x.stepping {
		x.chosen = best[0].node
	}
	return d, s.account(&d, best[0].node)
}

// account notes how long a task is expected to take on the chosen node, and returns
// its devices there.
func (s *scorer) account(d *api.Decision, e *node) []api.DeviceShare {
	est := s.x.estimate(e, s.ask)
	d.Transfer, d.Wait, d.Run, d.Return = est.transfer, est.wait, est.run, est.back
	d.Speed = e.compared(s.ask)
	devices, _ := assign(e.devices, e.Capacity.Accelerators, s.ask.Task.Resources.Accelerators)
	return devices
}

// admits reports whether a task can be placed on a node now.
func (s *scorer) admits(e *node) bool {
	return e.open && s.passing.has(e) && e.fits(s.ask) && permits(s.ties, e)
}

// top holds the best candidates, best first.
type top struct {
	list [1 + runnersUp]candidate
	n    int
	seen uint64 // counts those that were offered in turn
}

// offer takes a node in when it is among the best. It reports whether no node
// of the same class and load, or less, can be better.
func (t *top) offer(s *scorer, e *node) bool { return t.put(s, e, s.score(e)) }

// put is offer with the score.
func (t *top) put(s *scorer, e *node, score int64) bool {
	c := candidate{node: e, score: score, from: s.from}
	most := !s.ask.Spread || e.groups[group{s.ref.Workload, s.ref.Task}] == 0
	if t.n == len(t.list) && c.score < t.list[t.n-1].score {
		return most
	}
	switch {
	case s.from != nil:
		t.seen++
		c.tie = t.seen
	case s.inOrder:
	case s.plan.first:
		c.tie = uint64(e.at)
	default:
		c.tie = mix(s.key ^ e.hash)
	}
	if t.n == len(t.list) && !s.better(&c, &t.list[t.n-1]) {
		return most
	}
	at := min(t.n, len(t.list)-1)
	for at > 0 && s.better(&c, &t.list[at-1]) {
		t.list[at] = t.list[at-1]
		at--
	}
	t.list[at] = c
	t.n = min(t.n+1, len(t.list))
	return most
}

// best returns the best candidates, best first, and how many nodes pass the
// filters but have no room now or take nothing new.
func (x *Index) best(s *scorer) (list [1 + runnersUp]candidate, n int, full int32) {
	var t top
	p := s.passing
	if s.refused() {
		return t.list, 0, 0
	}
	if x.stepping {
		x.arrange()
	}
	switch {
	case !s.plan.pair && s.few(p):
		s.searchFew(&t, p)
	case s.plan.pair:
		for _, e := range draw(s, p) {
			t.offer(s, e)
		}
	case s.inOrder:
		s.searchAll(&t, p)
	default:
		for e := range p.those {
			if e.open && e.fits(s.ask) && permits(s.ties, e) {
				t.offer(s, e)
			}
		}
	}
	if t.n == 0 {
		s.refuse()
		return t.list, 0, 0
	}
	return t.list, t.n, x.busy(p, s.ask, s.ties)
}

// draw returns two nodes that fit, or one: each the first such from a place that
// the task's hash draws.
func draw(s *scorer, p *passing) (out []*node) {
	nodes := s.x.nodes
	n := uint64(len(nodes))
	for k := range uint64(2) {
		for i := range n {
			e := nodes[(mix(s.key+k)%n+i)%n]
			if p.has(e) && e.open && e.fits(s.ask) && permits(s.ties, e) && (len(out) == 0 || out[0] != e) {
				out = append(out, e)
				break
			}
		}
	}
	return out
}

// passedOver counts the nodes that a placed task could not go to: those that fail
// a filter, by their first one, and those that pass but are full or closed.
func (p *passing) passedOver(busy int32) []api.ReasonCount {
	fixed := p.reasons
	if busy == 0 {
		return fixed
	}
	return append(slices.Clone(fixed), api.ReasonCount{Reason: "no room now, or closed", Nodes: busy})
}

func (s *scorer) better(a, b *candidate) bool {
	if a.score != b.score {
		return a.score > b.score
	}
	if s.inOrder {
		return s.sooner(a, b)
	}
	if a.tie != b.tie {
		return a.tie < b.tie
	}
	return a.node.Name < b.node.Name
}

// hashName is FNV-1a, 64 bit (Fowler, Noll and Vo, 1991).
func hashName(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

func hashRef(ref api.TaskRef) uint64 {
	return mix(mix(ref.Workload) ^ uint64(ref.Task)<<32 ^ uint64(ref.Index))
}

// mix spreads every bit over the whole word (the finaliser of SplitMix64; Steele,
// Lea and Flood, 2014, "Fast Splittable Pseudorandom Number Generators").
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// reasons counts the nodes by the first filter that they fail. Texts are made once
// for each reason, not for each node.
func (x *Index) reasons(a *Ask) []api.ReasonCount {
	p := x.passing(a)
	failed, ties := tallied{slices.Clone(p.failed)}, x.ties(a)
	var lacking [lacks]int32
	for e := range p.those {
		if !e.open {
			failed.add("node is " + e.why)
			continue
		}
		if why := untied(ties, e); why != "" {
			failed.add(why)
			continue
		}
		switch l, port := e.lack(a); l {
		case lacksPort: // several ports may be taken, each on other nodes
			failed.add(l.text(a, port))
		case lacksNothing:
			if c := e.promisedTo(a); c != nil {
				failed.add("room is promised to " + c.Owner)
			}
		default:
			lacking[l]++
		}
	}
	for l, n := range lacking {
		if n > 0 && lack(l) != lacksNothing {
			failed.list = append(failed.list, api.ReasonCount{Reason: lack(l).text(a, 0), Nodes: n})
		}
	}
	return failed.sorted(maxReasons)
}

// The most reasons that a refusal and a placement keep; the rarest are left out.
const (
	maxReasons    = 12
	maxPassedOver = 4
)

// tallied counts nodes by reason.
type tallied struct{ list []api.ReasonCount }

func (t *tallied) add(why string) { t.addN(why, 1) }

func (t *tallied) addN(why string, nodes int) {
	if nodes == 0 {
		return
	}
	i := slices.IndexFunc(t.list, func(r api.ReasonCount) bool { return r.Reason == why })
	if i < 0 {
		i = len(t.list)
		t.list = append(t.list, api.ReasonCount{Reason: why})
	}
	t.list[i].Nodes += int32(nodes)
}

// sorted returns the most frequent reasons first, at most most of them.
func (t *tallied) sorted(most int) []api.ReasonCount {
	slices.SortFunc(t.list, func(a, b api.ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Reason, b.Reason))
	})
	return t.list[:min(len(t.list), most)]
}
