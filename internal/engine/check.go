package engine

import (
	"fmt"
	"slices"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Check verifies what must always hold after a Step, for everything that its
// events touched, and independently of the indexes that the decisions were made
// from: no node is over-committed on any resource or device, what was placed
// stands on a node that takes work, and a gang was placed whole. A batch that
// fails must not be appended: the error says what would have been violated.
func Check(e *Engine, out Output) error {
	nodes := map[string]bool{}
	gangs, within := map[[2]uint64]int{}, map[[2]uint64]string{}
	for _, ev := range out.Events {
		p, ok := ev.(*state.TaskPlaced)
		if !ok {
			continue
		}
		if !nodes[p.Node] {
			nodes[p.Node] = true
			if err := checkNode(e.st, p.Node); err != nil {
				return err
			}
		}
		if w := e.st.Workloads[p.Ref.Workload]; w != nil && w.Spec.Gang && p.Try == 1 {
			key := [2]uint64{p.Ref.Workload, uint64(p.Ref.Task)}
			gangs[key]++
			if err := checkWithin(e.st.Nodes[p.Node], w, within, key); err != nil {
				return err
			}
		}
	}
	for _, ev := range out.Events {
		switch v := ev.(type) {
		case *state.TaskBooked:
			if err := checkBooked(e, v); err != nil {
				return err
			}
		case *state.NodeClearing:
			if err := checkClearing(e.st, v); err != nil {
				return err
			}
		case *state.BatterySet:
			if err := checkBattery(e.st, v); err != nil {
				return err
			}
		case *state.TaskEnded:
			if err := checkGenerated(v); err != nil {
				return err
			}
		}
	}
	if err := checkBudgets(e.st, out); err != nil {
		return err
	}
	if err := checkLimits(e.st, out); err != nil {
		return err
	}
	for key, placed := range gangs { // order-free: any violation stops the batch
		if n := len(e.st.Workloads[key[0]].Groups[key[1]].Tasks); placed != n {
			return fmt.Errorf("workload %d: %d of %d elements of a gang were placed", key[0], placed, n)
		}
	}
	return nil
}

// checkBooked requires that room is freed by nobody but jobs of the same tenant and of
// lower priority, that run neither as gangs nor at most once, and that it will do.
func checkBooked(e *Engine, b *state.TaskBooked) error {
	w, t := e.st.Task(b.Ref)
	n := e.st.Nodes[b.Node]
	if t == nil || t.Booking == nil || n == nil {
		return nil // it was cancelled meanwhile, or placed
	}
	for _, ref := range b.Victims {
		v, vt := e.st.Task(ref)
		if v == nil || vt.Stop == state.StopNothing && vt.Status.Holds() || v.Spec.Priority >= w.Spec.Priority ||
			v.Spec.Tenant != w.Spec.Tenant || !yields(v, v.SpecOf(vt)) || !displaces(w) {
			return fmt.Errorf("task %v of priority %d displaces task %v, which it may not", b.Ref, w.Spec.Priority, ref)
		}
	}
	left := n.Used
	for _, other := range e.bookings {
		if other.node == b.Node {
			left = added(left, other.ask.Task.Resources, 1)
		}
	}
	for _, v := range n.Held { // order-free: a sum
		if v.Stop != state.StopNothing {
			left = added(left, e.st.Workloads[v.Ref.Workload].SpecOf(v).Resources, -1)
		}
	}
	if c := &n.Capacity; left.CPU > c.CPU || left.Memory > c.Memory || left.Storage > c.Storage || left.Bandwidth > c.Bandwidth {
		return fmt.Errorf("task %v displaces others on node %s in vain: cpu %v of %v, memory %v of %v would be held", b.Ref, b.Node, left.CPU, c.CPU, left.Memory, c.Memory)
	}
	return nil
}

// checkClearing requires that nobody is moved who was promised not to be: gangs, what runs
// at most once, what is bound to its node, what nobody may displace, and replicas that no
// other one may stand beside.
func checkClearing(st *state.State, c *state.NodeClearing) error {
	for _, ref := range c.Tasks {
		w, t := st.Task(ref)
		if t == nil {
			continue // it ended in the same Step
		}
		job := w.Spec.Kind == api.KindJob && !w.Spec.Gang
		replica := w.Spec.Kind == api.KindService && w.Spec.Update.MaxSurge > 0
		if !job && !replica || w.SpecOf(t).AtMostOnce || t.Pin != "" || !displaces(w) {
			return fmt.Errorf("task %v is moved off node %s, which it may not", ref, c.Node)
		}
	}
	return nil
}

// checkBattery requires that nothing is asked of a battery that it cannot do, and that it
// gives no more than its site draws.
func checkBattery(st *state.State, s *state.BatterySet) error {
	site := st.Sites[s.Site]
	if site == nil || site.Battery == nil {
		if s.Setpoint != 0 {
			return fmt.Errorf("site %s has no battery that could do %v", s.Site, s.Setpoint)
		}
		return nil
	}
	b := site.Battery
	if s.Setpoint > b.Charge || -s.Setpoint > min(b.MostDischarge(), max(s.Load, 0)) || s.Level < 0 || s.Level > api.Microjoules(b.Capacity) {
		return fmt.Errorf("the battery of site %s, which draws %v, is to do %v and to hold %v of %v", s.Site, s.Load, s.Setpoint, api.Energy(s.Level), b.Capacity)
	}
	return nil
}

// checkGenerated requires that what an attempt took of its site's own power is a part of
// what it took, and told by the hour.
func checkGenerated(ev *state.TaskEnded) error {
	took, g := ev.Took, ev.Generated
	if took == nil || took.Generated == 0 {
		if g != nil {
			return fmt.Errorf("attempt %v is given %v of its site's own power, of which nothing is booked", ev.Attempt, api.Energy(g.Total()))
		}
		return nil
	}
	if g == nil || g.Total() != took.Generated || took.Bought() < 0 || slices.Min(g.Hours) < 0 || len(g.Hours) > api.MaxGeneratedHours {
		return fmt.Errorf("attempt %v took %v, %v of it of its site's own power, by the hour %+v", ev.Attempt, api.Energy(took.Energy), api.Energy(took.Generated), g)
	}
	return nil
}

func added(a, b api.Resources, times int64) api.Resources {
	return api.Resources{
		CPU: a.CPU + b.CPU*api.Milli(times), Memory: a.Memory + b.Memory*api.Bytes(times),
		Storage: a.Storage + b.Storage*api.Bytes(times), Bandwidth: a.Bandwidth + b.Bandwidth*api.Rate(times),
	}
}

// checkWithin requires that the elements of a gang share what they must.
func checkWithin(n *state.Node, w *state.Workload, within map[[2]uint64]string, key [2]uint64) error {
	label := w.Spec.GangWithin
	if label == "" || len(w.Groups[key[1]].Tasks) < 2 {
		return nil
	}
	value, ok := n.Labels[label], true
	switch label {
	case api.WithinNode:
		value = n.Name
	case api.WithinSite:
		value = n.Site
	default:
		_, ok = n.Labels[label]
	}
	if first, known := within[key]; !ok || known && first != value {
		return fmt.Errorf("workload %d: a gang that shares its %s was placed on %q and on %q, node %s", w.ID, label, first, value, n.Name)
	}
	within[key] = value
	return nil
}

// checkNode compares what a node has promised with what it has. The running total
// is the state's own; devices are added up.
func checkNode(st *state.State, name string) error {
	n := st.Nodes[name]
	if n == nil {
		return fmt.Errorf("node %s: tasks were placed on it, but it is not registered", name)
	}
	if n.Silent || n.Drain || !n.On() {
		return fmt.Errorf("node %s: tasks were placed on it while it is silent, draining or not switched on", name)
	}
	if st.Clearing(name) != nil {
		return fmt.Errorf("node %s: tasks were placed on it while it is being emptied", name)
	}
	if st.Strains[name] != nil {
		return fmt.Errorf("node %s: tasks were placed on it while it is overloaded", name)
	}
	if u, c := &n.Used, &n.Capacity; u.CPU > c.CPU || u.Memory > c.Memory || u.Storage > c.Storage || u.Bandwidth > c.Bandwidth {
		return fmt.Errorf("node %s is over-committed: holds cpu %v of %v, memory %v of %v, storage %v of %v, bandwidth %v of %v",
			name, u.CPU, c.CPU, u.Memory, c.Memory, u.Storage, c.Storage, u.Bandwidth, c.Bandwidth)
	}
	if len(n.Capacity.Accelerators) == 0 {
		return nil
	}
	return checkDevices(n)
}

func checkDevices(n *state.Node) error {
	sum := map[[2]int32]api.Milli{}
	for _, t := range n.Held { // order-free: sums; any violation stops the batch
		for _, d := range t.Devices {
			at := [2]int32{d.Group, d.Index}
			if sum[at] += d.Share; sum[at] > 1000 {
				return fmt.Errorf("node %s: device %d of accelerator %d is promised more than once", n.Name, d.Index, d.Group)
			}
		}
	}
	return nil
}

// CheckState verifies a whole state: what is derived agrees with what it is
// derived from, and every element stands where its status says. It looks at
// everything and is meant for audits and tests.
func CheckState(st *state.State) error {
	used, held := map[string]api.Resources{}, map[string]int{}
	for _, id := range st.SortedWorkloads() {
		w := st.Workloads[id]
		var counts api.Counts
		for gi := range w.Groups {
			if err := checkGroup(st, w, gi, &counts, used, held); err != nil {
				return fmt.Errorf("workload %d, task %d: %w", id, gi, err)
			}
		}
		if counts != w.Counts {
			return fmt.Errorf("workload %d: counts are %+v, its elements say %+v", id, w.Counts, counts)
		}
	}
	for _, name := range st.SortedNodes() {
		n := st.Nodes[name]
		if len(n.Held) != held[name] || !same(n.Used, used[name]) {
			return fmt.Errorf("node %s: holds %d tasks and %+v, its elements say %d and %+v", name, len(n.Held), n.Used, held[name], used[name])
		}
		if err := checkDevices(n); err != nil {
			return err
		}
	}
	return checkReservations(st)
}

func checkGroup(st *state.State, w *state.Workload, gi int, c *api.Counts, used map[string]api.Resources, held map[string]int) error {
	g := &w.Groups[gi]
	var open, good uint32
	for i, t := range g.Tasks {
		if i > 0 && g.Tasks[i-1].Ref.Index >= t.Ref.Index || t.Ref.Index >= g.Next || g.Get(t.Ref.Index) != t {
			return fmt.Errorf("element %v stands at the wrong place", t.Ref)
		}
		countStatus(c, t.Status)
		if !t.Status.Final() {
			open++
		} else if w.Status.Final() && t.Status.Holds() {
			return fmt.Errorf("element %v of an ended workload is %v", t.Ref, t.Status)
		}
		if t.Status == api.TaskSucceeded {
			good++
		}
		if !t.Status.Holds() {
			continue
		}
		n := st.Nodes[t.Node]
		if n == nil || n.Held[t.Ref] != t {
			return fmt.Errorf("element %v is %v, but node %q does not hold it", t.Ref, t.Status, t.Node)
		}
		r, u := &w.SpecOf(t).Resources, used[t.Node]
		used[t.Node] = api.Resources{
			CPU: u.CPU + r.CPU, Memory: u.Memory + r.Memory, Storage: u.Storage + r.Storage, Bandwidth: u.Bandwidth + r.Bandwidth,
		}
		held[t.Node]++
	}
	if open != g.Open || w.Spec.Kind == api.KindJob && good != g.Good {
		return fmt.Errorf("%d open and %d good elements, its elements say %d and %d", g.Open, g.Good, open, good)
	}
	if w.Status.Final() && open > 0 {
		return fmt.Errorf("%d elements have not ended, but the workload has", open)
	}
	return nil
}

func countStatus(c *api.Counts, st api.TaskStatus) {
	switch st {
	case api.TaskWaiting:
		c.Waiting++
	case api.TaskPending, api.TaskBackoff:
		c.Pending++
	case api.TaskPlaced:
		c.Placed++
	case api.TaskRunning, api.TaskSuspended, api.TaskCheckpointed:
		c.Running++
	case api.TaskSucceeded:
		c.Succeeded++
	case api.TaskFailed:
		c.Failed++
	case api.TaskCancelled:
		c.Cancelled++
	}
}
