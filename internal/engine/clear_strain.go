package engine

import (
	"cmp"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Work is moved off a strained node when that is said, by the figures that are said with
// it, and at no other time: they are of now. Who uses far more than was asked for goes first, as
// where a kubelet is short of memory. Else it is as the strategy of energy/consolidate does it:
// the one whose leaving is enough and that loses least, else the largest, until what is expected
// of the rest is below the low mark. Each goes where there is room for what it asks for, and for
// what it uses.

const (
	// strainRests is how long a node is left alone whose work was moved, and a node that
	// work was moved to: until what is measured is of the time since.
	strainRests = 5 * api.Minute
	strainAimed = 10 * api.Minute
	// seatsTried is how many decisions over all nodes a Step may make in any case for tasks of
	// strained nodes.
	seatsTried = 8
	// hurtShare is how much of a node others must use, 1/hurtShare, for its last task to leave:
	// one that is alone takes nothing from anybody. It is also how much of it a task must use
	// beyond what was asked for to go first.
	hurtShare = 10
	// littleShare is how much of a node's memory, 1/littleShare, a task must use to leave for
	// the sake of that. One that is short of CPU uses little by that alone.
	littleShare = 100
)

// measured is what is known of use while a node is relieved by that.
type measured struct {
	spare map[string]room // by node, where there is some; less what was moved there
	use   room            // of the task that is to find a place
	left  int             // decisions over all nodes that may still be made in this Step
	hogs  bool            // the task uses far more than was asked for, beside others: it goes whatever it loses
	seats []state.Seat    // that were found
	stays *leaver         // the first that may leave and has no place to go; nil: there is none
}

// leaver is a task that may leave a strained node.
type leaver struct {
	task *state.Task
	use  room
	lost api.Duration // of its run
	hogs bool         // it uses far more than was asked for
}

// relieveStrained keeps which nodes were said in this Step to be strained, and moves work
// off them.
func (e *Engine) relieveStrained() {
	if len(e.strained) == 0 || e.err != nil {
		return
	}
	clear(e.loads)
	c, left := e.newClearer(), max(scoredAtOnce/max(len(e.st.Nodes), 1), seatsTried)
	for _, in := range e.strained {
		n, said := e.st.Nodes[in.Said.Node], in.Said
		if n == nil {
			continue
		}
		var ev *state.NodeClearing
		var wakes *leaver
		if left > 0 && c.left > 0 && !e.full() && e.mayRelieve(n, c) {
			s := &seating{e: e, from: n, by: &measured{spare: e.spareNow(n, in, c), left: left}}
			ev, left = s.relieve(in, c), s.by.left
			if said.Seats = s.by.seats; left > 0 { // else nobody knows whether there is a place
				wakes = s.by.stays
			}
		}
		if e.emit(&said); ev != nil {
			e.clearOff(ev, c)
		} else if wakes != nil {
			e.wakeFor(n, wakes)
		}
	}
}

// wakeFor has a node woken that would take a task of a strained one which finds no place
// elsewhere on the site, if none is on its way there.
func (e *Engine) wakeFor(n *state.Node, v *leaver) {
	var asleep []string
	beds := e.listBeds()
	for _, name := range beds.coming {
		if e.st.Nodes[name].Site == n.Site {
			return
		}
	}
	for _, name := range beds.asleep {
		if m := e.st.Nodes[name]; m.Power == api.PowerSleeping && m.Site == n.Site && m.Capacity.CPU >= v.use.cpu && m.Capacity.Memory >= v.use.memory {
			asleep = append(asleep, name)
		}
	}
	e.prepare(v.task.Ref, e.entries[v.task.Ref].ask)
	if name := e.index.Opens(e.entries[v.task.Ref].ask, asleep); name != "" {
		e.emit(&state.NodePower{Node: name, State: api.PowerWaking, Reason: "for work of " + n.Name + ", which is overloaded"})
	}
}

// mayRelieve reports whether work may be moved off a strained node now.
func (e *Engine) mayRelieve(n *state.Node, c *clearer) bool {
	if !e.Relieves(n) || n.Drain || c.targets[n.Name] {
		return false
	}
	last := e.moved().Nodes[n.Name]
	return last == nil || last.Over != 0 && last.Over.Add(strainRests) <= e.st.Now
}

// moved is what is known of moves; never nil.
func (e *Engine) moved() *state.Consolidation {
	if e.st.Consolidation == nil {
		return &state.Consolidation{}
	}
	return e.st.Consolidation
}

// relieve chooses who leaves a strained node; nil when nobody may who finds room.
func (s *seating) relieve(in *Strained, c *clearer) *state.NodeClearing {
	e, n := s.e, s.from
	list, all := e.leavers(n, in, c)
	need, others := toLeave(&in.Said), room{in.Said.Used.CPU, in.Said.Used.Memory}.plus(all, -1)
	e.index.Without(n.Name, func() {
		for len(list) > 0 && (need.cpu > 0 || need.memory > 0) {
			i := enough(list, need, &in.Said.Of)
			v := list[i]
			list = slices.Delete(list, i, i+1)
			if len(n.Held)-len(s.tasks) == 1 && !hurts(others, &in.Said) {
				break
			}
			if need.cpu <= 0 && v.use.memory < n.Capacity.Memory/littleShare || !e.mayWait(e.st.Workloads[v.task.Ref.Workload], v.task) {
				continue
			}
			if s.by.left <= 0 {
				break
			}
			s.by.use, s.by.hogs = v.use, v.hogs && len(n.Held)-len(s.tasks) > 1
			if s.by.left--; s.seat(v.task) {
				need = need.plus(v.use, -1)
			} else if s.by.stays == nil && (s.by.hogs || v.lost <= mostLost) {
				s.by.stays = &v
			}
		}
		s.takeBack()
	})
	if len(e.moved().Moves)+len(s.tasks) > mostMoves {
		s.tasks, s.by.seats = nil, nil
	}
	if len(s.tasks) == 0 {
		return nil
	}
	slices.SortFunc(s.tasks, state.CompareRefs)
	slices.SortFunc(s.by.seats, func(a, b state.Seat) int { return state.CompareRefs(a.Ref, b.Ref) })
	return &state.NodeClearing{
		Node: n.Name, For: state.ClearLoad, Tasks: s.tasks, To: s.to, Cost: s.cost, Delay: s.delay,
		Why: "moved from " + n.Name + ", whose " + strainText(&in.Said, " was", e.st.Now),
	}
}

// leavers are the tasks that may leave, and what all that are told of use.
func (e *Engine) leavers(n *state.Node, in *Strained, c *clearer) (list []leaver, all room) {
	seen := map[api.TaskRef]bool{}
	for i := range in.Tasks {
		u := &in.Tasks[i]
		t := n.Held[u.TaskRef]
		if t == nil || t.Try != u.Try || seen[t.Ref] {
			continue // it has ended since
		}
		seen[t.Ref] = true
		use := room{min(max(u.CPU, 0), n.Capacity.CPU), min(max(u.Memory, 0), n.Capacity.Memory)}
		if all = all.plus(use, 1); c.moved[t.Ref] || !e.mayLeave(t) {
			continue
		}
		w := e.st.Workloads[t.Ref.Workload]
		v := leaver{task: t, use: use, hogs: hogs(use.plus(roomOf(&w.SpecOf(t).Resources), -1), &in.Said)}
		if w.Spec.Kind == api.KindJob {
			v.lost = max(e.st.Now.Sub(t.Started)-t.StoodBy(e.st.Now), 0)
		}
		list = append(list, v)
	}
	return list, all
}

// spareNow is what other nodes of the site have to spare, but for those that work was
// moved to just now: it may not be measured yet.
func (e *Engine) spareNow(n *state.Node, in *Strained, c *clearer) map[string]room {
	spare := map[string]room{}
	for i := range in.Spare {
		v := &in.Spare[i]
		if m := e.st.Nodes[v.Node]; m != nil && m.Site == n.Site && m != n && !c.targets[v.Node] {
			spare[v.Node] = room{min(v.Room.CPU, m.Capacity.CPU), min(v.Room.Memory, m.Capacity.Memory)}
		}
	}
	for _, other := range e.strained { // some may not stand in the state yet
		delete(spare, other.Said.Node)
	}
	for _, was := range e.moved().Nodes { // order-free: a set
		if was.Since.Add(strainAimed) > e.st.Now {
			for _, name := range was.To {
				delete(spare, name)
			}
		}
	}
	return spare
}

// toLeave is how much of what is used must go.
func toLeave(s *state.NodeStrained) (need room) {
	if s.CPU != 0 {
		need.cpu = s.Used.CPU - lowMark(s.Of.CPU)
	}
	if s.Memory != 0 {
		need.memory = s.Used.Memory - lowMark(s.Of.Memory)
	}
	return room{max(need.cpu, 0), max(need.memory, 0)}
}

// lowMark is StrainLow of what there is, be it less than a core.
func lowMark[T api.Milli | api.Bytes](of T) T { return of/1000*StrainLow + of%1000*StrainLow/1000 }

// hurts reports whether a task that is alone on a strained node is short of what others
// use there, that are no tasks.
func hurts(others room, s *state.NodeStrained) bool {
	return s.CPU != 0 && others.cpu >= s.Of.CPU/hurtShare || s.Memory != 0 && others.memory >= s.Of.Memory/hurtShare
}

// hogs reports whether what a task uses beyond what was asked for is much of what a node is
// short of.
func hogs(beyond room, s *state.NodeStrained) bool {
	return s.CPU != 0 && beyond.cpu >= s.Of.CPU/hurtShare || s.Memory != 0 && beyond.memory >= s.Of.Memory/hurtShare
}

// enough is who goes first: of those that use far more than was asked for, or else of all, the one
// that loses least of those whose leaving is enough, else the largest.
func enough(list []leaver, need room, of *state.Room) int {
	suffices := func(v *leaver) bool { return v.use.cpu >= need.cpu && v.use.memory >= need.memory }
	large := func(v *leaver) (part int64) {
		if need.cpu > 0 {
			part = partOf(int64(v.use.cpu), int64(of.CPU))
		}
		if need.memory > 0 {
			part = max(part, partOf(int64(v.use.memory), int64(of.Memory)))
		}
		return part
	}
	best := 0
	for i := 1; i < len(list); i++ {
		a, b := &list[i], &list[best]
		if a.hogs != b.hogs {
			if a.hogs {
				best = i
			}
			continue
		}
		x, y := suffices(a), suffices(b)
		less := cmp.Or(cmp.Compare(large(b), large(a)), cmp.Compare(a.lost, b.lost))
		if x && y {
			less = cmp.Or(cmp.Compare(a.lost, b.lost), cmp.Compare(large(a), large(b)))
		}
		if x != y && x || x == y && cmp.Or(less, state.CompareRefs(a.task.Ref, b.task.Ref)) < 0 {
			best = i
		}
	}
	return best
}

// fitting are the nodes that have room for what the task uses that is to find a place, those
// first on which it leaves the least.
func (m *measured) fitting() (names []string) {
	for name := range m.spare { // order-free: sorted below
		if m.takesUse(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := m.spare[a], m.spare[b]
		return cmp.Or(cmp.Compare(x.cpu, y.cpu), cmp.Compare(x.memory, y.memory), strings.Compare(a, b))
	})
	return names
}

// takesUse reports whether a node has room for what the task uses that is to find a place.
func (m *measured) takesUse(node string) bool {
	r, known := m.spare[node]
	return known && r.cpu >= m.use.cpu && r.memory >= m.use.memory
}
