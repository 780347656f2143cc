package consolidate

import (
	"cmp"
	"math"
	"slices"
)

// own moves as few VMs as it can. A migration itself is what costs service: for its
// time the VM gets less, and its new host cannot give it all yet. So VMs leave a host
// only when it is short of CPU, and a host is emptied only when its VMs fit elsewhere
// with a reserve for how much they have varied, and then stay for a while.
//
// What a set of VMs will ask for is taken as Σ m + z·√(Σ v), m and v the
// exponentially weighted mean and variance of each one's use: variances add up where
// VMs vary independently, so that a host of many needs less reserve for each.
type own struct {
	mean, variance []float64 // by VM, MIPS and MIPS²
	moved          []int     // by VM: the decision at which it moved last
	decision       int

	hosts []load // by host
	tried []load // as they were before a host was tried to be emptied
	on    []int  // hosts with VMs, and those that get some
	list  []move
	gone  []bool // VMs that this decision moves
}

// load is what a host's VMs are expected to ask for.
type load struct {
	mean, variance float64
	closed         bool // it takes no VMs in this decision
}

// The constants hold for all traces: they were chosen on one day and checked on
// others.
const (
	memory  = 0.3  // weight of the latest sample in mean and variance
	reserve = 1.0  // z
	filled  = 0.95 // a host is filled up to this, in what its VMs are expected to ask for
	rest    = 6    // decisions for which a VM stays before its host may be emptied
	atOnce  = 3    // hosts that one decision empties at the most, but for the first
)

func newOwn() planner { return &own{} }

// first fills the hosts that are the most efficient at full use, one after another.
func (o *own) first(s *sim, v int) int {
	for _, k := range s.byEfficiency() {
		for i := k; i < len(s.hosts); i += len(s.setup.HostKinds) {
			if s.roomAtFirst(i, v) {
				return i
			}
		}
	}
	return -1
}

// byEfficiency lists the kinds of hosts, that with the least watts a MIPS first.
func (s *sim) byEfficiency() []int {
	kinds := make([]int, len(s.setup.HostKinds))
	for i := range kinds {
		kinds[i] = i
	}
	per := func(k int) float64 { return s.setup.HostKinds[k].Watts[10] / s.setup.HostKinds[k].Total() }
	slices.SortStableFunc(kinds, func(a, b int) int { return cmp.Compare(per(a), per(b)) })
	return kinds
}

func (o *own) moves(s *sim) []move {
	o.learn(s)
	o.list = o.list[:0]
	clear(o.gone)
	o.on = o.on[:0]
	for i := range s.hosts {
		h := &s.hosts[i]
		o.hosts[i] = load{}
		for _, v := range h.vms {
			o.hosts[i].mean += o.mean[v]
			o.hosts[i].variance += o.variance[v]
		}
		if len(h.vms) > 0 {
			o.on = append(o.on, i)
		}
	}
	o.relieve(s)
	o.empty(s)
	o.decision++
	return slices.Clone(o.list)
}

// learn takes the latest use in.
func (o *own) learn(s *sim) {
	if o.mean == nil {
		o.mean, o.variance = make([]float64, len(s.vms)), make([]float64, len(s.vms))
		o.moved, o.gone = make([]int, len(s.vms)), make([]bool, len(s.vms))
		o.hosts, o.tried = make([]load, len(s.hosts)), make([]load, len(s.hosts))
		for i := range s.vms {
			o.mean[i] = s.vms[i].asks
			o.moved[i] = -rest
		}
		return
	}
	for i := range s.vms {
		off := s.vms[i].asks - o.mean[i]
		o.mean[i] += memory * off
		o.variance[i] = (1 - memory) * (o.variance[i] + memory*off*off)
	}
}

// expected is what a load will ask for at the most, as far as can be foreseen.
func (l load) expected() float64 { return l.mean + reserve*math.Sqrt(max(l.variance, 0)) }

func (o *own) shift(v, from, to int) {
	o.hosts[from].mean -= o.mean[v]
	o.hosts[from].variance -= o.variance[v]
	o.hosts[to].mean += o.mean[v]
	o.hosts[to].variance += o.variance[v]
	o.list = append(o.list, move{v, to})
	o.moved[v], o.gone[v] = o.decision, true
}

// relieve moves VMs off hosts that cannot give what is asked for.
func (o *own) relieve(s *sim) {
	for _, i := range slices.Clone(o.on) {
		h := &s.hosts[i]
		over := (s.asked(h) - 1) * h.kind.Total()
		if over <= 0 {
			continue
		}
		o.hosts[i].closed = true
		for left := slices.Clone(h.vms); over > 0 && len(left) > 0; {
			v := s.enough(left, over)
			left = slices.DeleteFunc(left, func(other int) bool { return other == v })
			if to := o.find(s, v, i, true); to >= 0 {
				o.shift(v, i, to)
				over -= s.vms[v].asks
			}
		}
	}
}

// enough is the VM that suffices and moves fastest, or, if none does, the largest.
func (s *sim) enough(vms []int, over float64) int {
	return slices.MinFunc(vms, func(a, b int) int {
		x, y := &s.vms[a], &s.vms[b]
		switch {
		case x.asks >= over && y.asks >= over:
			return cmp.Or(cmp.Compare(x.kind.Memory, y.kind.Memory), cmp.Compare(x.asks, y.asks))
		case x.asks >= over:
			return -1
		case y.asks >= over:
			return 1
		}
		return cmp.Compare(y.asks, x.asks)
	})
}

// find is the host on which a VM leaves the least room, or, if fresh, the best one
// that is off; -1 is none.
func (o *own) find(s *sim, v, not int, fresh bool) int {
	best, least := -1, math.Inf(1)
	asks := s.vms[v].asks
	for _, i := range o.on {
		h := &s.hosts[i]
		if i == not || o.hosts[i].closed || h.kind.MIPS < asks || h.free < asks {
			continue
		}
		l := load{mean: o.hosts[i].mean + o.mean[v], variance: o.hosts[i].variance + o.variance[v]}
		if room := filled*h.kind.Total() - l.expected(); room >= 0 && room < least {
			best, least = i, room
		}
	}
	if best >= 0 || !fresh {
		return best
	}
	for _, k := range s.byEfficiency() {
		for i := k; i < len(s.hosts); i += len(s.setup.HostKinds) {
			if h := &s.hosts[i]; len(h.vms) == 0 && o.hosts[i] == (load{}) && h.kind.MIPS >= asks {
				o.on = append(o.on, i)
				return i
			}
		}
	}
	return -1
}

// empty moves all VMs off the hosts that are used least, if they fit elsewhere.
func (o *own) empty(s *sim) {
	order := slices.Clone(o.on)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(o.hosts[a].mean, o.hosts[b].mean) })
	emptied := 0
	for _, i := range order {
		if emptied == atOnce && o.decision > 0 {
			return
		}
		if !o.hosts[i].closed && len(s.hosts[i].vms) > 0 && o.settled(s, i) && o.clear(s, i) {
			emptied++
		}
	}
}

// settled says whether none of a host's VMs moved lately or moves now.
func (o *own) settled(s *sim, i int) bool {
	return !slices.ContainsFunc(s.hosts[i].vms, func(v int) bool { return o.gone[v] || o.decision-o.moved[v] < rest })
}

// clear moves all VMs off a host, or none.
func (o *own) clear(s *sim, i int) bool {
	vms := slices.Clone(s.hosts[i].vms)
	slices.SortStableFunc(vms, func(a, b int) int { return cmp.Compare(o.mean[b], o.mean[a]) })
	copy(o.tried, o.hosts)
	mark := len(o.list)
	for _, v := range vms {
		to := o.find(s, v, i, false)
		if to < 0 {
			for _, m := range o.list[mark:] {
				o.gone[m.vm], o.moved[m.vm] = false, -rest
			}
			o.list = o.list[:mark]
			copy(o.hosts, o.tried)
			return false
		}
		o.shift(v, i, to)
	}
	o.hosts[i].closed = true
	return true
}
