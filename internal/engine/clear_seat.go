package engine

import (
	"math"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/sched"
	"drover.dev/internal/state"
)

// seating looks where the tasks of a node would go.
type seating struct {
	e    *Engine
	from *state.Node
	free room      // of its site, without it
	must bool      // it holds too much: nobody asks what the move costs
	by   *measured // it is strained: by what is used; nil: by what is asked for alone

	ok     bool
	tasks  []api.TaskRef
	to     []string
	cost   api.Microjoules
	delay  api.Duration // of jobs, together
	stay   api.Duration // until the last of them would have ended
	staged []staged
}

// staged is a task that is tried elsewhere.
type staged struct {
	ref     api.TaskRef
	ask     *sched.Ask
	node    string
	devices []api.DeviceShare
}

// seatAll finds each task another node, as if those before had moved.
func (s *seating) seatAll() {
	s.ok = true
	for _, t := range s.from.SortedHeld() {
		if s.ok = s.seat(t); !s.ok {
			break
		}
	}
	s.takeBack()
}

// takeBack takes back what was tried.
func (s *seating) takeBack() {
	for _, v := range slices.Backward(s.staged) {
		s.e.index.Unhold(v.node, v.ref, v.ask, v.devices)
	}
	slices.Sort(s.to)
	s.to = slices.Compact(s.to)
}

func (s *seating) seat(t *state.Task) bool {
	e, ask := s.e, s.e.entries[t.Ref].ask
	d, devices, ok := s.find(t.Ref, ask)
	if !ok {
		return false
	}
	w := e.st.Workloads[t.Ref.Workload]
	left := api.MaxDuration
	if w.Spec.Kind == api.KindJob && !s.must {
		m, ok := s.moveOf(w, t, ask, &d)
		if !ok {
			return false
		}
		left = m.left
		s.pay(m.cost)
		s.delay += m.delay
	} else {
		s.pay(sched.EnergyOf(e.index.Adds(d.Chosen.Node, ask.Task), sched.MoveTime+d.Transfer))
	}
	e.index.Try(d.Chosen.Node, t.Ref, ask, devices)
	s.staged = append(s.staged, staged{t.Ref, ask, d.Chosen.Node, devices})
	s.tasks, s.to = append(s.tasks, t.Ref), append(s.to, d.Chosen.Node)
	s.free, s.stay = s.free.plus(roomOf(&ask.Task.Resources), -1), max(s.stay, left)
	if s.by != nil {
		s.by.spare[d.Chosen.Node] = s.by.spare[d.Chosen.Node].plus(s.by.use, -1)
		s.by.seats = append(s.by.seats, state.Seat{Ref: t.Ref, Node: d.Chosen.Node})
	}
	return true
}

// find decides where a task would go. Of a strained node it may be another node than the
// best by the strategy, where that has no room for what the task uses: the one on which it
// leaves the least.
func (s *seating) find(ref api.TaskRef, ask *sched.Ask) (d api.Decision, devices []api.DeviceShare, ok bool) {
	ask.Terse = true
	d, devices = s.e.decide(ref, ask)
	ask.Terse = false
	if d.Chosen == nil || s.takes(s.e.st.Nodes[d.Chosen.Node]) {
		return d, devices, d.Chosen != nil
	}
	if s.by == nil {
		return d, nil, false
	}
	for names := s.by.fitting(); ; {
		name := s.e.index.Opens(ask, names)
		if name == "" {
			return d, nil, false
		}
		on := ask.On(name)
		on.Terse = true
		if d, devices = s.e.decide(ref, on); d.Chosen != nil {
			return d, devices, true
		}
		names = names[slices.Index(names, name)+1:] // it takes nothing now
	}
}

// mostCost bounds what moves cost together, so that it can be added to once more.
const mostCost = math.MaxInt64 / 4

// pay adds to what the moves cost: a node may say that it draws more than there is.
func (s *seating) pay(cost api.Microjoules) { s.cost = min(s.cost+cost, mostCost) }

// takes reports whether a node is one that others are moved to: on the same site, and no
// less used, unless it never sleeps. So no two nodes give each other their work in turn.
func (s *seating) takes(n *state.Node) bool {
	if s.by != nil {
		return n != nil && n.Site == s.from.Site && s.by.takesUse(n.Name)
	}
	return n != nil && n.Site == s.from.Site && (s.must || n.Sleep == nil || usedShare(n) >= usedShare(s.from))
}

// seatOf is the node where there is room by what is used for an element that was moved off
// a strained one, or that takes the place of a replica that is; "" when there is none. It
// holds while the node's use is not measured anew.
func (e *Engine) seatOf(ref api.TaskRef) string {
	if len(e.st.Strains) == 0 {
		return ""
	}
	w, t := e.st.Task(ref)
	if w.Spec.Kind == api.KindJob {
		return e.seatFrom(e.st.Strains[t.Node], func(v *state.Seat) bool { return v.Ref == ref })
	}
	for _, name := range e.clearedNow() {
		to := e.seatFrom(e.st.Strains[name], func(v *state.Seat) bool {
			return v.Ref.Workload == ref.Workload && v.Ref.Task == ref.Task && t.Try == 0 && !e.seated(v, e.st.Strains[name].Settled)
		})
		if to != "" {
			return to
		}
	}
	return ""
}

func (e *Engine) seatFrom(s *state.Strain, fits func(v *state.Seat) bool) string {
	if s == nil || s.Settled.Add(strainAimed) <= e.st.Now {
		return ""
	}
	for i := range s.Seats {
		if fits(&s.Seats[i]) && e.st.Nodes[s.Seats[i].Node] != nil {
			return s.Seats[i].Node
		}
	}
	return ""
}

// seated reports whether a replica has come to a seat since it was chosen.
func (e *Engine) seated(v *state.Seat, since api.Time) bool {
	n := e.st.Nodes[v.Node]
	if n == nil {
		return true
	}
	for _, t := range n.Held { // order-free: any will do
		if t.Ref.Workload == v.Ref.Workload && t.Ref.Task == v.Ref.Task && t.Placed >= since {
			return true
		}
	}
	return false
}

// decideSeated decides for an element that waits: where a seat was found for it, if it is
// still free, else as ever.
func (e *Engine) decideSeated(ref api.TaskRef, ask *sched.Ask) (api.Decision, []api.DeviceShare) {
	if to := e.seatOf(ref); to != "" {
		if d, devices := e.decide(ref, ask.On(to)); d.Chosen != nil {
			d.Reasons = nil // the other nodes were not asked
			return d, devices
		}
	}
	return e.decide(ref, ask)
}
